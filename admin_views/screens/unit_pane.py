"""One value unit open for editing: its form, and what to do when another operator was faster (flow 2A)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_admin.helpers import get_form_data

from admin_views.screens.unit_forms import UnitForm, controls_of, document_of
from app import clock
from app.errors import AvsError, PreconditionFailed, not_found
from app.identity import current_actor
from app.models.base import db
from app.models.cycle import Cycle
from app.models.transactions import write
from app.models.value_unit import ValueUnitDefinition
from app.services import authoring
from app.services.change_sentences import names_of
from app.services.diff_tables import Row, tables
from app.services.diffs import changes as document_changes
from app.services.diffs import same
from app.services.documents import frozen_unit
from app.services.unit_review import Hold
from simulation.canonical import content_hash

NEW = "new"
OVERTAKEN = (
    "Value unit {} was changed by another operator since you opened it. Nothing was saved, and what you typed is "
    "still here. Take over what you want to keep of the other version, then save again."
)


@dataclass
class Pane:
    """The unit that is open. `unit` is None for a new one; `rivals` are the fields in which another version differs."""

    unit: ValueUnitDefinition | None
    form: UnitForm
    unit_id: str = NEW
    refusal: AvsError | None = None
    compared: bool = False
    rivals: Sequence[Row] = ()
    holds: Sequence[Hold] = ()
    snapshots: Sequence[int] = ()
    asking: bool = False


def form_of(unit: ValueUnitDefinition | None) -> UnitForm:
    """A new unit may name its event in the address: the catalog links here so."""
    stored = controls_of(
        frozen_unit(unit) if unit else {"event_mapping": {"event_type": request.args.get("event_type")}}
    )
    return UnitForm(get_form_data(), data=stored)


def version_of(unit: ValueUnitDefinition | None) -> str:
    """A digest of all that the row stores: what an edit was based on."""
    if unit is None:
        return ""
    return content_hash([getattr(unit, column.name) for column in ValueUnitDefinition.__table__.columns])


def save_unit(form: UnitForm, cycle: Cycle, unit: ValueUnitDefinition | None) -> tuple[ValueUnitDefinition, bool]:
    """The saved unit, and whether anything changed."""
    unit_id = unit and unit.value_unit_id
    with write(db.session):
        if unit_id is None:
            made = authoring.create_value_unit(db.session, document_of(form) | {"cycle_id": cycle.cycle_id}, **who())
            return made, True
        stored = db.session.get(ValueUnitDefinition, unit_id, populate_existing=True, with_for_update=True)
        if stored is None:
            raise not_found("value unit", unit_id)
        if form.row_version.data != version_of(stored):
            raise PreconditionFailed(OVERTAKEN.format(unit_id), code="changed_meanwhile")
        before = frozen_unit(stored)
        changes = {name: value for name, value in document_of(form, before).items() if not same(before[name], value)}
        if changes:
            authoring.update_value_unit(db.session, unit_id, changes, **who())
        return stored, bool(changes)


def compare(pane: Pane) -> Pane:
    """The pane with every field in which what is typed differs from what is stored now."""
    stored = db.session.get(ValueUnitDefinition, pane.unit_id, populate_existing=True)
    pane.form.row_version.data = version_of(stored)
    before = frozen_unit(stored)
    after = before | document_of(pane.form, before)
    sections = tables(
        {"value_units": [after]},
        document_changes({"value_units": [before]}, {"value_units": [after]}),
        names_of({"value_units": [after]}),
    )
    pane.unit, pane.compared = stored, True
    pane.rivals = [row for section in sections for group in section.groups for row in group.changed]
    return pane


def who() -> dict[str, Any]:
    """Who writes, and when, as every authoring service wants it."""
    return {"actor": current_actor(), "now": clock.now()}
