"""Flow 2B: are the units stable. Freezes them as the cycle's next snapshot, after showing what changed."""

from collections.abc import Sequence
from typing import Any

from flask import request
from flask_admin import expose

from admin_views.base import note
from admin_views.screens.screen import Screen, cycle_at, go, path
from app import clock
from app.errors import AvsError, PreconditionFailed
from app.identity import current_actor
from app.models.base import db
from app.models.cycle import Cycle
from app.models.transactions import write
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services import authoring
from app.services.change_sentences import names_of
from app.services.diff_tables import SectionTable, tables
from app.services.documents import frozen_unit
from app.services.snapshots import load_catalogs
from app.services.unit_review import review, units_of
from simulation.canonical import content_hash

SECTIONS = ("value_units", "pricing")
CHANGED = (
    "The value units of cycle {} were changed by another operator since you opened this page. Nothing was submitted: "
    "look at what changed, then submit again."
)


class ValueUnitsSubmit(Screen):
    slug = "value_units_submit"
    route = "/cycles/<cycle_id>/value-units/submit"
    title = "Submit value units"
    step = "Units"
    operator_decision = "Are the units stable enough to price and simulate with?"
    needs = (
        "A frozen snapshot of them, so that a config and its simulation keep meaning the same while units are edited."
    )
    writes = frozenset({"page"})

    @expose("", methods=("GET", "POST"))
    def page(self, cycle_id: str) -> Any:
        cycle = cycle_at(cycle_id)
        if request.method == "GET":
            return self._page(cycle)
        try:
            snapshot = _submit(cycle_id, request.form.get("seen", ""))
        except AvsError as refusal:
            return self._page(cycle, refusal)
        note(f"Snapshot {snapshot.snapshot_version} was submitted: {len(snapshot.value_units)} units are frozen in it.")
        return go(path("cycles", cycle_id, "configs", "new"))

    def _page(self, cycle: Cycle, refusal: AvsError | None = None) -> Any:
        units, before = units_of(db.session, cycle.cycle_id), authoring.latest_snapshot(db.session, cycle.cycle_id)
        frozen = _frozen(units)
        return self.show(
            "value_units_submit.html",
            cycle=cycle,
            status=refusal.status if refusal else 200,
            refusal=refusal,
            units=units,
            before=before,
            sections=_sections(before, frozen),
            reviews=review(cycle, frozen, load_catalogs(db.session)),
            seen=content_hash(frozen),
        )


def _frozen(units: Sequence[ValueUnitDefinition]) -> list[dict[str, Any]]:
    """The units as a snapshot keeps them, in its order."""
    return sorted(map(frozen_unit, units), key=lambda unit: unit["value_unit_id"])


def _sections(before: ValueUnitSnapshot | None, frozen: list[dict[str, Any]]) -> list[SectionTable]:
    """What changed since the snapshot, definitions and economics; what changed in neither has no table."""
    changes = list(authoring.snapshot_changes(before, frozen))
    names = names_of({"value_units": before.value_units if before else ()}, {"value_units": frozen})
    return [table for table in tables({"value_units": frozen}, changes, names) if table.name in SECTIONS]


def _submit(cycle_id: str, seen: str) -> ValueUnitSnapshot:
    """Freeze what the operator saw, and nothing else."""
    with write(db.session):
        if content_hash(_frozen(units_of(db.session, cycle_id))) != seen:
            raise PreconditionFailed(CHANGED.format(cycle_id), code="changed_meanwhile")
        who = {"actor": current_actor(), "now": clock.now()}
        snapshot: ValueUnitSnapshot = authoring.submit_snapshot(db.session, cycle_id, **who)
        return snapshot
