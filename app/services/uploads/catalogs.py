"""Entries of a workspace's catalog from a file: rows add and change entries, and remove none (spec 1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.actor import Actor
from app.models.base import AnySession
from app.services.catalogs.entries import Judged, judge, words_of
from app.services.catalogs.keeping import Kept, keep, log_kept
from app.services.catalogs.kinds import Kind
from app.services.usage.fields import Reject

NamedRows = Iterable[tuple[int, Mapping[str, str]]]
"""Row numbers, from 1, each with the row's texts by field."""


@dataclass(frozen=True)
class EntriesReport:
    """The outcome of a file of entries: rows accepted, the rejects in row order, and what became of the entries."""

    accepted: int
    rejects: list[Reject]
    kept: Kept


def judged(
    session: AnySession, kind: Kind, workspace_id: str, rows: NamedRows, stored_dimensions: Iterable[str]
) -> tuple[Judged, list[Reject]]:
    """The rows judged by what the workspace reads now, and a Reject for each that does not fit."""
    result = judge(kind, rows, words_of(session, kind, workspace_id, stored_dimensions))
    return result, [Reject(problem.row, problem.field, problem.reason) for problem in result.problems]


def import_entries(
    session: AnySession,
    kind: Kind,
    workspace_id: str,
    rows: NamedRows,
    *,
    stored_dimensions: Iterable[str],
    entity_id: str,
    actor: Actor,
    now: datetime,
) -> EntriesReport:
    """Keep the entries of a file for the workspace; `entity_id` is what the log names as their source.

    `stored_dimensions` are those that the workspace's stored events have.

    Call it inside a write transaction: what is judged is judged under its lock.
    """
    result, rejects = judged(session, kind, workspace_id, rows, stored_dimensions)
    kept = keep(session, kind, workspace_id, result.entries)
    log_kept(session, kind, workspace_id, result.accepted, entity_id=entity_id, actor=actor, now=now)
    return EntriesReport(result.accepted, rejects, kept)
