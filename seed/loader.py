"""Loading the seed: all files are judged first, then written in one transaction; a rerun adds only missing rows.

Rows that exist stay as they are, whatever operators made of them. Usage events go to the event store just before the
rows are committed: after a crash in between, the rerun finds the events taken and adds the rows.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.actor import SYSTEM
from app.models.base import AnySession
from app.models.transactions import lock_subject, write
from app.models.workspace import Workspace
from app.services.product_events import log_event
from app.services.usage.formats import Rows
from app.services.usage.imports import policy_for
from app.services.usage.store import EventStore, UsageEvents
from seed import growth, growth_story, tables
from seed.decisions import decision_problems
from seed.problems import SeedError, SeedProblem
from seed.reading import SeedFiles, SeedRow, read_files
from seed.references import reference_problems
from seed.schemas import FILES

SEED_DIR = Path(__file__).parent
DEMO_EVENTS = SEED_DIR / "usage_events.json"
"""The bundled demo events that the "mocked" window asks (spec 4.1)."""

USAGE_EVENTS = DEMO_EVENTS.name


@dataclass
class SeedReport:
    """The effect of a run: rows added and rows left alone, by file, and the number of new usage events."""

    added: dict[str, int] = field(default_factory=dict)
    present: dict[str, int] = field(default_factory=dict)
    growth_added: bool = False
    usage_events_added: int = 0

    @property
    def changed(self) -> bool:
        return self.growth_added or self.usage_events_added > 0 or any(self.added.values())


def ensure_seeded(session: AnySession, store: EventStore, *, now: datetime) -> SeedReport | None:
    """Seed on first start: None, after one cheap look, as soon as there is any workspace."""
    return None if _any_workspace(session) else load_seed(session, store, now=now, only_first=True)


def load_seed(
    session: AnySession,
    store: EventStore,
    *,
    now: datetime,
    directory: Path = SEED_DIR,
    with_growth: bool = True,
    only_first: bool = False,
) -> SeedReport:
    """Add every seed row that is missing, in dependency order; `with_growth` also makes the workspace ws_2049.

    Raises SeedError, which names every bad row, before anything is written. `only_first` does nothing when somebody
    else has made a workspace meanwhile.
    """
    files = checked_files(directory)
    report = SeedReport()
    with write(session):
        lock_subject(session, ("seed",))
        if only_first and _any_workspace(session):
            return report
        _add_rows(session, files, report, now)
        report.usage_events_added += _ingest(session, store, files)
        if with_growth and session.get(Workspace, growth_story.WORKSPACE) is None:
            report.usage_events_added += growth.add(session, UsageEvents(store, DEMO_EVENTS))
            report.growth_added = True
        if report.changed:
            _log(session, report, now)
    return report


def _any_workspace(session: AnySession) -> bool:
    return session.scalar(sa.select(Workspace.workspace_id).limit(1)) is not None


def checked_files(directory: Path) -> SeedFiles:
    """The seed files, read and judged; SeedError with all problems of all files when there is one."""
    files, problems = read_files(directory)
    problems += [*reference_problems(files), *decision_problems(files)]
    if problems:
        order = {file: place for place, file in enumerate(FILES)}
        raise SeedError(sorted(problems, key=lambda problem: (order[problem.file], problem.row)))
    return files


def _add_rows(session: AnySession, files: SeedFiles, report: SeedReport, now: datetime) -> None:
    for file, table in tables.TABLES.items():
        rows = tables.in_order(file, files.rows[file])
        identifiers = [row.values[table.key.key] for row in rows]
        stored = set(session.scalars(sa.select(table.key).where(table.key.in_(identifiers), table.is_seeded)))
        missing = [row for row, identifier in zip(rows, identifiers, strict=True) if identifier not in stored]
        for row in missing:
            _add(session, table, row)
        report.added[file] = len(missing)
        report.present[file] = len(rows) - len(missing)


def _add(session: AnySession, table: tables.Table, row: SeedRow) -> None:
    """Add a row. A refusal of the database becomes a problem of that row, and the whole run is rolled back."""
    try:
        problems = table.add(session, row)
    except IntegrityError as error:
        reason = str(error.orig).splitlines()[0]
        raise SeedError([row.problem("", f"does not fit what is stored already: {reason}")]) from error
    if problems:
        raise SeedError(problems)


def _ingest(session: AnySession, store: EventStore, files: SeedFiles) -> int:
    """Give the usage events to the store; return how many were new, each event id once.

    An event that the store rejects is a problem of its row.
    """
    rows = files.rows[USAGE_EVENTS]
    events = Rows([row.written for row in rows], [row.number for row in rows])
    receipt = store.ingest(events, policy_for(session, None))
    if receipt.rejects:
        raise SeedError(SeedProblem(USAGE_EVENTS, r.row, r.field, r.reason) for r in receipt.rejects)
    return receipt.accepted


def _log(session: AnySession, report: SeedReport, now: datetime) -> None:
    log_event(
        session,
        "seed_loaded",
        actor=SYSTEM,
        now=now,
        workspace_id=None,
        entity_id="seed",
        rows=sum(report.added.values()),
        usage_events=report.usage_events_added,
        growth=report.growth_added,
    )
