"""Whether a run's events are still the same, after late usage, an undone import, a corrected event (spec 4.1).

A run keeps what it covered: the events of its segment up to its `as_of`, of which exploration reads all and the window
the last ones. Usage that arrives for a later time changes nothing of that.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.simulation_run import SimulationRun
from app.services.usage.coverage import Coverage, Scope, coverage
from app.services.usage.soundness import DamagedUsage
from app.services.usage.store import EventStore
from rules.draft import DatasetChange
from rules.enums import HistoricalWindow, SimulationStatus
from simulation.canonical import Json, JsonObject
from simulation.output_shapes import CoveredDocument, DatasetDocument
from simulation.plan import Plan
from simulation.window import Window

UNCHANGED, CHANGED, UNKNOWN, FIXED, UNREADABLE = "unchanged", "changed", "unknown", "fixed", "unreadable"


def scope_of(plan: Plan) -> Scope:
    """The events that the answer to a question depends on."""
    return Scope(plan.segment, plan.window.start, plan.window.as_of)


def covered_document(covered: Coverage) -> CoveredDocument:
    """What a run covered, as it is stored with it."""
    return {"before_window": covered.before_window, "window": dict(covered.window), "digest": covered.digest}


class _Asked(NamedTuple):
    """What a run asked, and of which events."""

    workspace_id: str
    status: str
    inputs: JsonObject
    dataset: DatasetDocument


def change_since(session: AnySession, store: EventStore, simulation_run_id: str) -> DatasetChange:
    """What has become of the events that a run covered; reads the store, once for each state of it.

    A run over the bundled demo events stands on something that never changes; of a run that has not completed, or that
    kept no figure of what it covered, nothing is known. Where files of the store are damaged, the change says which.
    """
    columns = [getattr(SimulationRun, name) for name in _Asked._fields]
    row = session.execute(sa.select(*columns).filter_by(simulation_run_id=simulation_run_id)).one_or_none()
    return DatasetChange(status=UNKNOWN) if row is None else _change(store, _Asked(*row))


def _change(store: EventStore, run: _Asked) -> DatasetChange:
    if run.status != SimulationStatus.COMPLETED:
        return DatasetChange(status=UNKNOWN)
    if str(run.inputs.get("historical_window_days")) == HistoricalWindow.MOCKED:
        return DatasetChange(status=FIXED)
    covered = run.dataset.get("covered")
    if covered is None:
        return DatasetChange(status=UNKNOWN)
    try:
        return compared(covered, coverage(store, run.workspace_id, _scope(run.inputs)))
    except DamagedUsage as error:
        return DatasetChange(status=UNREADABLE, problem=error.detail)


def compared(covered: CoveredDocument, now: Coverage) -> DatasetChange:
    """The difference of what the store holds now from what a run covered.

    Months are compared one by one: what was added to one and taken from another is said as both.
    """
    if covered["digest"] == now.digest:
        return DatasetChange(status=UNCHANGED)
    months = sorted({*covered["window"], *now.window})
    steps = [now.window.get(month, 0) - covered["window"].get(month, 0) for month in months]
    before = now.before_window - covered["before_window"]
    return DatasetChange(
        status=CHANGED,
        added=sum(step for step in steps if step > 0),
        removed=-sum(step for step in steps if step < 0),
        added_before=max(before, 0),
        removed_before=max(-before, 0),
    )


def change_document(change: DatasetChange) -> JsonObject:
    """The change as answers show it: its status, and how many events it came to where there is one."""
    counts: JsonObject = {
        "added": change.added,
        "removed": change.removed,
        "added_before_window": change.added_before,
        "removed_before_window": change.removed_before,
    }
    known = counts if change.status == CHANGED else dict.fromkeys(counts)
    return {"status": change.status, "problem": change.problem} | known


def _scope(inputs: Mapping[str, Json]) -> Scope:
    """The scope of a run from its inputs, which have every default resolved."""
    as_of: datetime | str = inputs["as_of"]
    moment = datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    window = Window(moment, int(inputs["historical_window_days"]))
    return Scope(inputs["filters"]["segment"], window.start, window.as_of)
