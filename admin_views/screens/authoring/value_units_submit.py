"""Flow 2B: whether the units are stable. Freezes them as the cycle's next snapshot, after showing what changed.

A config keeps the snapshot that it names. So the drafts of the cycle are moved to the new snapshot here, except those
that the operator leaves out: otherwise a unit that was fixed for a config would not reach that config.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, request
from flask.typing import ResponseReturnValue

from admin_views.base import expose, note
from admin_views.screens.screen import Screen, cycle_at, go, path
from app.errors import AvsError, PreconditionFailed
from app.identity import acting
from app.models.base import db
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle
from app.models.transactions import write
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.authoring import unit_snapshots, value_units
from app.services.authoring.configs import update_config
from app.services.authoring.inputs import ConfigColumns
from app.services.authoring.unit_review import drafts_not_on, review, units_of
from app.services.configs import lookup
from app.services.configs.documents import frozen_unit
from app.services.configs.reading import load_catalogs
from app.services.wording.changes import names_of
from app.services.wording.tables import SectionTable, tables
from app.services.wording.words import plural
from rules.wording import listed
from simulation.canonical import JsonObject, content_hash

SECTIONS = ("value_units", "pricing")
CHANGED = (
    "The value units of cycle {} were changed by another operator since you opened this page. Nothing was submitted: "
    "look at what changed, then submit again."
)


@dataclass(frozen=True)
class Submitted:
    """A snapshot, whether it is new, and the drafts that use it from now on."""

    snapshot: ValueUnitSnapshot
    is_new: bool
    drafts: Sequence[str]

    @property
    def message(self) -> str:
        """The outcome in a sentence or two."""
        version, units = self.snapshot.snapshot_version, plural(len(self.snapshot.value_units), "unit")
        submitted = f"Snapshot {version} was submitted with {units}." if self.is_new else ""
        used = f"{listed(self.drafts)} {'uses' if len(self.drafts) == 1 else 'use'} snapshot {version} now."
        return " ".join(filter(None, (submitted, used if self.drafts else "")))

    @property
    def onward(self) -> str:
        """The address of the draft that was edited last, or of a new config when no draft uses the snapshot."""
        if self.drafts:
            return path("configs", self.drafts[0], "pools")
        return path("cycles", self.snapshot.cycle_id, "configs", "new")


class ValueUnitsSubmit(Screen):
    slug = "value_units_submit"
    route = "/cycles/<cycle_id>/value-units/submit"
    title = "Submit value units"
    step = "Units"
    is_about_cycle = True
    operator_decision = "Are the units stable enough to price and simulate with?"
    needs = (
        "A frozen snapshot of them, so that a config and its simulation keep meaning the same while units are edited."
    )
    writes = frozenset({"page"})

    @expose("", methods=("GET", "POST"))
    def page(self, cycle_id: str) -> ResponseReturnValue:
        cycle = cycle_at(cycle_id)
        if request.method == "GET":
            return self._page(cycle)
        try:
            submitted = _submit(cycle_id, request.form.get("seen", ""), request.form.getlist("use_in"))
        except AvsError as refusal:
            return self._page(cycle, refusal)
        note(submitted.message)
        return go(submitted.onward)

    def _page(self, cycle: Cycle, refusal: AvsError | None = None) -> Response:
        units, before = units_of(db.session, cycle.cycle_id), lookup.latest_snapshot(db.session, cycle.cycle_id)
        frozen = _frozen(units)
        sections = _sections(before, frozen)
        version = _version(before, any(section.changes for section in sections))
        return self.show(
            "value_units_submit.html",
            cycle=cycle,
            status=refusal.status if refusal else 200,
            refusal=refusal,
            units=units,
            before=before,
            sections=sections,
            version=version,
            behind=drafts_not_on(db.session, cycle.cycle_id, version),
            reviews=review(cycle, frozen, load_catalogs(db.session, cycle.workspace_id)),
            seen=content_hash(frozen),
        )


def _frozen(units: Sequence[ValueUnitDefinition]) -> list[JsonObject]:
    """The units in the shape and the order of a snapshot."""
    return sorted(map(frozen_unit, units), key=lambda unit: unit["value_unit_id"])


def _sections(before: ValueUnitSnapshot | None, frozen: list[JsonObject]) -> list[SectionTable]:
    """Tables of what changed in definitions and economics since the snapshot, none for a section without changes."""
    changes = list(unit_snapshots.snapshot_changes(before, frozen))
    names = names_of({"value_units": before.value_units if before else ()}, {"value_units": frozen})
    return [table for table in tables({"value_units": frozen}, changes, names) if table.name in SECTIONS]


def _version(before: ValueUnitSnapshot | None, changed: bool) -> int:
    """The version of the snapshot with the units as they are now: the next one, or the newest when nothing changed."""
    if before is None:
        return 1
    return before.snapshot_version + changed


def _submit(cycle_id: str, shown_hash: str, use_in: Sequence[str]) -> Submitted:
    """Freeze the units, if they are those that the page has shown, and move the chosen drafts to the snapshot."""
    with write(db.session):
        value_units.lock_units(db.session, cycle_id)
        frozen = _frozen(units_of(db.session, cycle_id))
        if content_hash(frozen) != shown_hash:
            raise PreconditionFailed(CHANGED.format(cycle_id), code="changed_meanwhile")
        without = [
            draft.config_version_id for draft in drafts_not_on(db.session, cycle_id, 0) if not _has_snapshot(draft)
        ]
        snapshot, is_new = _snapshot_of(cycle_id, frozen)
        drafts = dict.fromkeys((*_give(snapshot, use_in), *(without if is_new else ())))
        return Submitted(snapshot, is_new, list(drafts))


def _has_snapshot(draft: ConfigVersion) -> bool:
    return draft.value_unit_snapshot_version is not None


def _snapshot_of(cycle_id: str, frozen: list[JsonObject]) -> tuple[ValueUnitSnapshot, bool]:
    """The snapshot with the units as they are now, and whether it is new."""
    newest = lookup.latest_snapshot(db.session, cycle_id)
    if newest is not None and not any(unit_snapshots.snapshot_changes(newest, frozen)):
        return newest, False
    return unit_snapshots.submit_snapshot(db.session, cycle_id, **acting()), True


def _give(snapshot: ValueUnitSnapshot, use_in: Sequence[str]) -> list[str]:
    """Move the chosen drafts to the snapshot; their ids, last edited first, without those decided on meanwhile."""
    version: ConfigColumns = {"value_unit_snapshot_version": snapshot.snapshot_version}
    behind = drafts_not_on(db.session, snapshot.cycle_id, snapshot.snapshot_version)
    chosen = [draft for draft in behind if draft.config_version_id in use_in]
    drafts = [draft.config_version_id for draft in chosen]
    for draft in sorted(chosen, key=_lock_order):
        update_config(db.session, draft.config_version_id, version, **acting())
    return drafts


def _lock_order(draft: ConfigVersion) -> tuple[str | int, ...]:
    """The order in which subjects are locked everywhere, so that no two writers wait for each other."""
    return tuple(getattr(draft, name) for name in (*SUBJECT_FIELDS, "version"))
