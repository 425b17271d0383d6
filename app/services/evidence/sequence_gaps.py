"""Gaps in the numbers of enforcement events: which ones have not arrived, client by client (spec 6).

A client is one queue of a customer app; it numbers its events from 1 without gaps. Only what is stored now is counted,
so events may come in any order, and a gap closes when the late event arrives. A missing number was lost, is still on
its way, or belongs to an event that was rejected. Two events under one number mean two queues with one client_id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.enforcement import EnforcementEvent, EnforcementRepeat

MAX_CLIENTS, MAX_RANGES = 50, 5

Range = tuple[int, int]


@dataclass(frozen=True)
class ClientNumbers:
    """One client of a workspace. `missing` counts the numbers from 1 to `highest_sequence` that have not arrived.

    `missing_ranges`: the first of them, both ends included. `reused` counts numbers that two events or more carry.
    """

    client_id: str
    highest_sequence: int
    received: int
    missing: int
    missing_ranges: tuple[Range, ...]
    reused: int
    last_received_at: datetime


@dataclass(frozen=True)
class Reporters:
    """The clients that reported about a config: how many there are, and the 50 with most missing numbers.

    `missing` is the sum over the clients listed; `unnumbered_events` arrived without a number.
    """

    clients: int
    missing: int
    unnumbered_events: int
    listed: tuple[ClientNumbers, ...]


NOBODY = Reporters(0, 0, 0, ())


def clients_of(
    session: AnySession, workspace_id: str, config_version_id: str | None = None
) -> tuple[ClientNumbers, ...]:
    """The workspace's clients, or those that reported about a config version; most missing numbers first, at most 50.

    Takes two statements. Numbers are counted over all that a client sent, also about other configs.
    """
    totals = session.execute(_totals(workspace_id, config_version_id)).all()
    gaps = [row.client_id for row in totals if row.missing]
    ranges = _ranges(session, workspace_id, gaps) if gaps else {}
    return tuple(
        ClientNumbers(
            client_id=row.client_id,
            highest_sequence=row.highest,
            received=row.received,
            missing=row.missing,
            missing_ranges=tuple(ranges.get(row.client_id, ())),
            reused=row.reused,
            last_received_at=row.last_received_at,
        )
        for row in totals
    )


def reporters(session: AnySession, workspace_id: str, config_version_id: str) -> Reporters:
    """The clients that reported about a config, and how many events came without a number."""
    counts = sa.select(
        sa.func.count(EnforcementEvent.client_id.distinct()),
        sa.func.count() - sa.func.count(EnforcementEvent.client_id),
    ).filter_by(config_version_id=config_version_id)
    clients, unnumbered = session.execute(counts).one()
    listed = clients_of(session, workspace_id, config_version_id) if clients else ()
    return Reporters(clients, sum(client.missing for client in listed), unnumbered, listed)


def _arrived(workspace_id: str, client_ids: sa.Select[tuple[str | None]] | Sequence[str]) -> sa.CompoundSelect[Any]:
    """client_id, sequence and received_at of every number that arrived, a row for each event that carried it."""
    parts = [
        sa.select(model.client_id, model.sequence, model.received_at).where(
            model.workspace_id == workspace_id, model.client_id.in_(client_ids)
        )
        for model in (EnforcementEvent, EnforcementRepeat)
    ]
    return sa.union_all(*parts)


def _totals(workspace_id: str, config_version_id: str | None) -> sa.Select[Any]:
    """One row per client: its highest number, and how many were received (each once), are missing, are reused."""
    named = sa.select(EnforcementEvent.client_id).where(
        EnforcementEvent.workspace_id == workspace_id, EnforcementEvent.client_id.is_not(None)
    )
    if config_version_id is not None:
        named = named.filter_by(config_version_id=config_version_id)
    arrived = _arrived(workspace_id, named.distinct()).subquery()
    per_number = (
        sa.select(
            arrived.c.client_id,
            arrived.c.sequence,
            sa.func.count().label("events"),
            sa.func.max(arrived.c.received_at).label("received_at"),
        )
        .group_by(arrived.c.client_id, arrived.c.sequence)
        .subquery()
    )
    highest, received = sa.func.max(per_number.c.sequence), sa.func.count()
    missing = (highest - received).label("missing")
    return (
        sa.select(
            per_number.c.client_id,
            highest.label("highest"),
            received.label("received"),
            missing,
            sa.func.count(sa.case((per_number.c.events > 1, 1))).label("reused"),
            sa.func.max(per_number.c.received_at, type_=arrived.c.received_at.type).label("last_received_at"),
        )
        .group_by(per_number.c.client_id)
        .order_by(missing.desc(), per_number.c.client_id)
        .limit(MAX_CLIENTS)
    )


def _ranges(session: AnySession, workspace_id: str, client_ids: Sequence[str]) -> Mapping[str, list[Range]]:
    """client_id → its first gaps: between a number that arrived and the one before it, or 0."""
    arrived = _arrived(workspace_id, client_ids).subquery()
    numbers = sa.select(arrived.c.client_id, arrived.c.sequence).distinct().subquery()
    before = sa.func.lag(numbers.c.sequence).over(partition_by=numbers.c.client_id, order_by=numbers.c.sequence)
    steps = sa.select(numbers.c.client_id, numbers.c.sequence, sa.func.coalesce(before, 0).label("before")).subquery()
    place = sa.func.row_number().over(partition_by=steps.c.client_id, order_by=steps.c.sequence).label("place")
    gaps = sa.select(steps, place).where(steps.c.sequence > steps.c.before + 1).subquery()
    first = sa.select(gaps).where(gaps.c.place <= MAX_RANGES).order_by(gaps.c.client_id, gaps.c.place)
    ranges: dict[str, list[Range]] = {}
    for row in session.execute(first):
        ranges.setdefault(row.client_id, []).append((row.before + 1, row.sequence - 1))
    return ranges


def ranges_text(ranges: Iterable[Range]) -> str:
    """`3, 5 to 9`."""
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in ranges)
