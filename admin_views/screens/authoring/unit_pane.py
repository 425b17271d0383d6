"""One value unit open for editing: how it is found, made and stored, and what two versions of it say (flow 2A)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import request
from flask_admin.helpers import get_form_data

from admin_views.screens.authoring.unit_forms import UNIT_FIELDS, UnitForm, controls_of
from admin_views.screens.draft_screen import Difference, Document
from admin_views.screens.screen import cycle_at, path
from app.errors import Conflict, not_found
from app.identity import acting
from app.ids import new_id
from app.models.base import db
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition
from app.services.authoring import value_units
from app.services.authoring.unit_review import Hold, holds, snapshots_with
from app.services.configs.diffs import changes as document_changes
from app.services.configs.diffs import same
from app.services.configs.documents import frozen_unit
from app.services.wording.changes import names_of
from app.services.wording.tables import tables
from rules.enums import UnitType

NEW, PREFIX, UNTITLED = "new", "vu_", "Untitled unit"
FRESH_ID = re.compile(PREFIX + r"[0-9a-z]{26}")
BLANK: Document = {
    "name": None,
    "unit_type": UnitType.USAGE.value,
    "event_mapping": None,
    "outcome_statement": None,
    "metrics_intent": [],
    "quality_signal_source": [],
    "quality_note": None,
    "unit_economics": None,
}
"""What a new unit begins with, and what nobody has typed over yet is not stored."""
GONE = (
    "Value unit {} was deleted by another operator while you edited it. What you typed is still here: "
    "save it to make it a new unit."
)


@dataclass(frozen=True)
class Pane:
    """The unit that the address names. `unit` is None while it is still to be made, or was deleted meanwhile."""

    cycle: Cycle
    named: str
    unit: ValueUnitDefinition | None

    @property
    def unit_id(self) -> str:
        """What names the unit in addresses from here on."""
        return NEW if self.unit is None else self.unit.value_unit_id

    @property
    def is_gone(self) -> bool:
        return self.unit is None and self.named != NEW

    @property
    def document(self) -> Document:
        """What is stored of what the form says."""
        if self.unit is None:
            return BLANK
        frozen = frozen_unit(self.unit)
        return {name: frozen[name] for name in UNIT_FIELDS}


@dataclass(frozen=True)
class Farewell:
    """What the question before a deletion names: pools that keep the unit, snapshots that keep a copy of it."""

    holds: Sequence[Hold]
    snapshots: Sequence[int]


def pane_at(cycle_id: str) -> Pane:
    """The unit in the address; NotFound for one to read that the cycle has not.

    A new one whose form was sent before, by a save whose answer was lost, is the one which that save has made.
    """
    cycle, named = cycle_at(cycle_id), request.args["unit"]
    unit = unit_in(cycle, named if named != NEW else request.form.get("makes", ""))
    if unit is None and named != NEW and request.method == "GET":
        raise not_found("value unit", named)
    return Pane(cycle, named, unit)


def unit_in(cycle: Cycle, unit_id: str) -> ValueUnitDefinition | None:
    unit = db.session.get(ValueUnitDefinition, unit_id, populate_existing=True)
    return unit if unit is not None and unit.cycle_id == cycle.cycle_id else None


def hold(pane: Pane) -> Pane:
    """The pane as it is once nobody else can change the cycle's units; Conflict when its unit was deleted."""
    value_units.lock_units(db.session, pane.cycle.cycle_id)
    held = pane_at(pane.cycle.cycle_id)
    if held.is_gone:
        raise Conflict(GONE.format(held.named), code="deleted_meanwhile")
    return held


def form_of(pane: Pane) -> UnitForm:
    """A new unit may name its event in the address: the catalog links here so."""
    stored = pane.document
    if pane.unit is None:
        stored = {**stored, "event_mapping": {"event_type": request.args.get("event_type")}}
    return UnitForm(get_form_data(), data=controls_of(stored) | {"makes": new_id(PREFIX)})


def store(pane: Pane, document: Document) -> Pane:
    """Write what differs, or make the unit; one that nobody named yet says so."""
    if pane.unit is not None:
        stored = pane.document
        changes: Document = {name: value for name, value in document.items() if not same(stored[name], value)}
        value_units.update_value_unit(db.session, pane.unit_id, changes, **acting())
        return pane
    made_as, name = request.form.get("makes", ""), document["name"] or UNTITLED
    identified = {"value_unit_id": made_as} if FRESH_ID.fullmatch(made_as) else {}
    data: Document = {**document, **identified, "name": name, "cycle_id": pane.cycle.cycle_id}
    return Pane(pane.cycle, pane.named, value_units.create_value_unit(db.session, data, **acting()))


def compared(pane: Pane, stored: Document, typed: Document) -> Iterator[Difference]:
    """Every field in which what is typed differs from what is stored now, each with the way to take the latter."""
    before, after = ([{"value_unit_id": pane.unit_id, **document}] for document in (stored, typed))
    changes = document_changes({"value_units": before}, {"value_units": after})
    for section in tables({"value_units": after}, changes, names_of({"value_units": after})):
        for group in section.groups:
            for row in group.changed:
                take = f"take:{row.field.split('.')[0]}"
                yield Difference("Unit", row.label, row.before, row.after, take)


def farewell(pane: Pane) -> Farewell | None:
    """When the address asks whether to delete the unit."""
    if pane.unit is None or request.args.get("ask") != "delete":
        return None
    return Farewell(holds(db.session, pane.unit_id), snapshots_with(db.session, pane.cycle.cycle_id, pane.unit_id))


def address_of(cycle_id: str, unit_id: str) -> str:
    return f"{path('cycles', cycle_id, 'value-units')}?unit={path(unit_id)[1:]}"
