"""One value unit that is open for editing: how it is found, created, stored and compared (flow 2A)."""

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
"""A new unit before anything is typed; until something else is, nothing is stored."""
GONE = (
    "Value unit {} was deleted by another operator while you edited it. What you typed is still here: "
    "save it to make it a new unit."
)


@dataclass(frozen=True)
class Pane:
    """The unit that the address names by `named`; `unit` is None while it is to be created, or when it was deleted."""

    cycle: Cycle
    named: str
    unit: ValueUnitDefinition | None

    @property
    def unit_id(self) -> str:
        """The id of the unit in addresses, `new` while there is none."""
        return NEW if self.unit is None else self.unit.value_unit_id

    @property
    def is_gone(self) -> bool:
        """Whether the unit was deleted while it was edited."""
        return self.unit is None and self.named != NEW

    @property
    def document(self) -> Document:
        """The stored values of what the form shows."""
        if self.unit is None:
            return BLANK
        frozen = frozen_unit(self.unit)
        return {name: frozen[name] for name in UNIT_FIELDS}


@dataclass(frozen=True)
class Farewell:
    """The records that outlive a deletion: pools that name the unit, versions of the snapshots with a copy of it."""

    holds: Sequence[Hold]
    snapshots: Sequence[int]


def pane_at(cycle_id: str) -> Pane:
    """The unit in the address; NotFound when it is read and the cycle does not have it.

    A new unit whose form is sent again, because the answer to a save was lost, is the unit that the save has created.
    """
    cycle, named = cycle_at(cycle_id), request.args["unit"]
    unit = unit_in(cycle, named if named != NEW else request.form.get("makes", ""))
    if unit is None and named != NEW and request.method == "GET":
        raise not_found("value unit", named)
    return Pane(cycle, named, unit)


def unit_in(cycle: Cycle, unit_id: str) -> ValueUnitDefinition | None:
    """The unit with this id, read again, if it is one of the cycle's."""
    unit = db.session.get(ValueUnitDefinition, unit_id, populate_existing=True)
    return unit if unit is not None and unit.cycle_id == cycle.cycle_id else None


def hold(pane: Pane) -> Pane:
    """Lock the units of the cycle and read the pane again; Conflict when its unit was deleted."""
    value_units.lock_units(db.session, pane.cycle.cycle_id)
    held = pane_at(pane.cycle.cycle_id)
    if held.is_gone:
        raise Conflict(GONE.format(held.named), code="deleted_meanwhile")
    return held


def form_of(pane: Pane) -> UnitForm:
    """The form of the unit; that of a new one begins with the event that the address names, if it does."""
    stored = pane.document
    if pane.unit is None:
        stored = {**stored, "event_mapping": {"event_type": request.args.get("event_type")}}
    return UnitForm(get_form_data(), data=controls_of(stored) | {"makes": new_id(PREFIX)})


def store(pane: Pane, document: Document) -> Pane:
    """Write the fields that differ, or create the unit; a new unit without a name is called "Untitled unit"."""
    if pane.unit is not None:
        stored = pane.document
        changes: Document = {name: value for name, value in document.items() if not same(stored[name], value)}
        value_units.update_value_unit(db.session, pane.unit_id, changes, **acting())
        return pane
    new_unit_id, name = request.form.get("makes", ""), document["name"] or UNTITLED
    identified = {"value_unit_id": new_unit_id} if FRESH_ID.fullmatch(new_unit_id) else {}
    data: Document = {**document, **identified, "name": name, "cycle_id": pane.cycle.cycle_id}
    return Pane(pane.cycle, pane.named, value_units.create_value_unit(db.session, data, **acting()))


def compared(pane: Pane, stored: Document, typed: Document) -> Iterator[Difference]:
    """The fields in which the two versions differ, each with the action that takes the stored value."""
    before, after = ([{"value_unit_id": pane.unit_id, **document}] for document in (stored, typed))
    changes = document_changes({"value_units": before}, {"value_units": after})
    for section in tables({"value_units": after}, changes, names_of({"value_units": after})):
        for group in section.groups:
            for row in group.changed:
                take = f"take:{row.field.split('.')[0]}"
                yield Difference("Unit", row.label, row.before, row.after, take)


def farewell(pane: Pane) -> Farewell | None:
    """The records that outlive the unit, when the address asks to confirm its deletion; else None."""
    if pane.unit is None or request.args.get("ask") != "delete":
        return None
    return Farewell(holds(db.session, pane.unit_id), snapshots_with(db.session, pane.cycle.cycle_id, pane.unit_id))


def address_of(cycle_id: str, unit_id: str) -> str:
    """The address of a unit's form."""
    return f"{path('cycles', cycle_id, 'value-units')}?unit={path(unit_id)[1:]}"
