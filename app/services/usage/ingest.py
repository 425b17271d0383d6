"""Usage events that arrive over HTTP: validated against the catalogs, stored by the event store (spec 6)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import repeat
from typing import TYPE_CHECKING

import sqlalchemy as sa

from app.actor import Actor
from app.errors import AvsError, Invalid, invalid_field
from app.ids import new_id
from app.models.base import AnySession
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services.product_events import log_event
from app.services.usage import presets
from app.services.usage.fields import Policy, UnreadableInput, UsageWarning
from app.services.usage.formats import Malformed, Rows, parse_body
from app.services.usage.heads import HEAD_ROWS
from app.services.usage.imports import policy_for
from app.services.usage.mapping import planned
from app.services.usage.nested import paths
from app.services.usage.origins import OVER_HTTP, Arrival
from app.services.usage.store import EventStore, Receipt
from app.services.usage.summed_fields import summed_fields
from app.services.usage.written_times import UTC_TIMES, TimeReading
from simulation.canonical import Json

if TYPE_CHECKING:
    from app.services.usage.validate import Batch

MAX_EVENTS = 10_000
_WORKSPACE = Workspace.__table__.c
_REVISIONS: sa.Select[tuple[str, int]] = sa.select(_WORKSPACE.workspace_id, _WORKSPACE.catalog_revision).where(
    _WORKSPACE.workspace_id.in_(sa.bindparam("names", expanding=True))
)
MAX_WORKSPACES = 64
"""Workspaces whose catalogs a process keeps a copy of."""
NO_WORKSPACE = Policy(None, {}, workspaces=frozenset(), extend_catalog=True)
"""The policy that rejects every event for its workspace alone: it names none, or none that exists."""


class PolicyCache:
    """The catalogs of each workspace as one process last read them: reading them for each batch would cost too much.

    A workspace's own entries change and go; each change counts up its `catalog_revision`, and a copy of another
    revision is read again. Shared entries only grow (seed files add them), so a copy can be too strict about them but
    never too generous: a batch that it rejects anything of is judged again with a fresh one.
    """

    def __init__(self) -> None:
        self._policies: dict[str, tuple[int, Policy]] = {}

    def validate(self, session: AnySession, rows: Rows, now: datetime, times: TimeReading = UTC_TIMES) -> "Batch":
        """The validated batch; every event in it was judged by the catalogs that its workspace reads now.

        `times`: what the times of the events leave unsaid.
        """
        from app.services.usage.validate import merged  # late: Arrow comes with the first event

        parts = by_workspace(rows)
        revisions = _revisions(session, [name for name in parts if name is not None])
        strays = [part for name, part in parts.items() if name not in revisions]
        judged = [
            self._judged(session, name, parts[name], revision, now, times) for name, revision in revisions.items()
        ]
        return merged([*judged, *(_strays(part) for part in strays)])

    def _judged(
        self, session: AnySession, workspace_id: str, rows: Rows, revision: int, now: datetime, times: TimeReading
    ) -> "Batch":
        from app.services.usage.validate import validate

        kept_revision, policy = self._policies.get(workspace_id, (None, NO_WORKSPACE))
        if kept_revision == revision:
            batch = validate(rows, _timed(policy, times), now)
            if not batch.rejects:
                return batch
        policy = policy_for(session, workspace_id)
        self._keep(workspace_id, revision, policy)
        return validate(rows, _timed(policy, times), now)

    def _keep(self, workspace_id: str, revision: int, policy: Policy) -> None:
        """Keep a copy, and forget the oldest ones beyond the limit. The revision was read before the policy was."""
        self._policies.pop(workspace_id, None)
        self._policies[workspace_id] = (revision, policy)
        for oldest in list(self._policies)[:-MAX_WORKSPACES]:
            self._policies.pop(oldest, None)


def _timed(policy: Policy, times: TimeReading) -> Policy:
    return policy if times == policy.times else replace(policy, times=times)


def by_workspace(rows: Rows) -> dict[str | None, Rows]:
    """The rows of each workspace that they name; None → those that name none which could exist."""
    name = _only_workspace(rows.values)
    if name is not None:
        return {name: rows}
    names = [_workspace_of(value) for value in rows.values]
    parts: dict[str | None, tuple[list[Json], list[int]]] = {name: ([], []) for name in dict.fromkeys(names)}
    for name, value, number in zip(names, rows.values, rows.numbers, strict=True):
        values, numbers = parts[name]
        values.append(value)
        numbers.append(number)
    return {name: Rows(*part) for name, part in parts.items()}


def _only_workspace(values: Sequence[Json]) -> str | None:
    """The workspace that all events name, as those of one sender do; None where they differ or one of them is unfit."""
    if set(map(type, values)) != {dict}:
        return None
    names = list(map(dict.get, values, repeat("workspace_id")))
    return _workspace_of(values[0]) if names.count(names[0]) == len(names) else None


def _workspace_of(value: Json) -> str | None:
    """The workspace that an event names; None where it names none, or one that no database can look for."""
    name = value.get("workspace_id") if type(value) is dict else None
    return name if type(name) is str and name.isprintable() else None


def _revisions(session: AnySession, workspace_ids: list[str]) -> dict[str, int]:
    """workspace_id → its catalog revision, of those that exist, in the order given."""
    revisions = dict(session.execute(_REVISIONS, {"names": workspace_ids}).tuples().all()) if workspace_ids else {}
    return {name: revisions[name] for name in workspace_ids if name in revisions}


def _strays(rows: Rows) -> "Batch":
    from app.services.usage.validate import validate

    return validate(rows, NO_WORKSPACE)


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body with what its address says of it: the workspace of its events, and the preset to read it by."""

    content: bytes
    content_type: str
    workspace_id: str | None = None
    preset: str | None = None


def ingest(
    session: AnySession,
    store: EventStore,
    cache: PolicyCache,
    body: Body,
    *,
    actor: Actor,
    now: datetime,
    replaces: bool = False,
) -> Receipt:
    """Store the events of a request body: all that fit are on disk when this returns.

    Raises AvsError if it cannot be read, Invalid for too many events and for an unknown preset. `replaces`: an event
    whose id is taken by one that says something else takes its place, and the product event log says so in a write
    transaction of its own.
    """
    try:
        rows = parse_body(body.content, body.content_type)
    except UnreadableInput as error:
        raise AvsError(f"The body cannot be read: {error}.", code="malformed_json") from error
    if len(rows.values) > MAX_EVENTS:
        raise Invalid(f"Send at most {MAX_EVENTS:,} events at once, not {len(rows.values):,}.", code="too_many_events")
    left_out: Counter[str] = Counter()
    rows, times = _by_preset(rows, body.preset, left_out)
    if body.workspace_id is not None:
        rows = Rows([_in_workspace(value, body.workspace_id) for value in rows.values], rows.numbers)
    batch = cache.validate(session, rows, now, times)
    batch = replace(batch, left_out={**left_out, **batch.left_out})
    arrival = Arrival(new_id("bat_"), OVER_HTTP, now)
    receipt = _replaced(session, store, batch, arrival, actor) if replaces else store.append(batch, arrival)
    return replace(receipt, warnings=tuple(_warnings(session, batch)))


def _replaced(session: AnySession, store: EventStore, batch: "Batch", arrival: Arrival, actor: Actor) -> Receipt:
    session.rollback()
    receipt = store.replace(batch, arrival)
    if receipt.replaced:
        with write(session):
            for workspace_id, count in receipt.replaced.items():
                log_event(
                    session,
                    "usage_replaced",
                    actor=actor,
                    now=arrival.received_at,
                    workspace_id=workspace_id,
                    entity_id=arrival.usage_import_id,
                    replaced=count,
                )
    return receipt


def _in_workspace(event: Json, workspace_id: str) -> Json:
    """The event with the workspace of the request; Malformed when it names another one."""
    if not isinstance(event, dict):
        return event
    named = event.get("workspace_id")
    if named not in (None, workspace_id):
        reason = f"workspace_id {named!r} is not the workspace of this request, {workspace_id!r}"
        return Malformed("workspace_id", reason)
    return {**event, "workspace_id": workspace_id}


def _by_preset(rows: Rows, name: str | None, left_out: Counter[str]) -> tuple[Rows, TimeReading]:
    """The rows as the events of a known format, and how their times are written."""
    if name is None:
        return rows, UTC_TIMES
    try:
        preset = presets.named(name)
    except UnreadableInput as error:
        raise invalid_field("/preset", f"{error}.") from error
    first = [value for value in rows.values[:HEAD_ROWS] if isinstance(value, dict)]
    plan = preset.plan(list(dict.fromkeys(path for value in first for path, _ in paths(value))))
    return planned(rows, plan, left_out), plan.times


def _warnings(session: AnySession, batch: "Batch") -> list[UsageWarning]:
    """What the batch has where numbers are expected; the units are read anew, for they change while catalogs grow."""
    from app.services.usage.number_warnings import merged, warnings_of  # late: Arrow comes with the first event

    return merged(
        warning
        for workspace_id, events in batch.events.items()
        for warning in warnings_of(events, summed_fields(session, workspace_id))
    )
