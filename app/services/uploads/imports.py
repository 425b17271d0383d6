"""Imports of uploaded files: usage events, entries of a catalog, or costs, and the outcome of each row.

An import writes its progress (`store.Progress`): `running` with `done` and `total`, then `failed` with a `detail`, or
`done` with the fields of `store.Progress`. Rejects, if any, are at `Uploads.rejects_path(workspace_id, report_id)`.
"""

import csv
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Event, Thread

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actor import Actor
from app.errors import Invalid
from app.models.base import AnySession
from app.models.catalog import Customer, EventCatalog, SegmentCatalog
from app.models.transactions import write
from app.patience import insist
from app.services.catalogs.entries import Values
from app.services.catalogs.keeping import keep
from app.services.catalogs.kinds import CUSTOMERS, SEGMENTS
from app.services.catalogs.reading import dimensions_of, keys_of, readable
from app.services.product_events import log_event
from app.services.uploads.catalogs import import_entries, judged
from app.services.uploads.costs import keep_costs, read_costs
from app.services.uploads.mapping import CATALOG_KINDS, COSTS, LEFT_OUT, USAGE, KnownNames
from app.services.uploads.store import DONE, FAILED, RUNNING, Progress, Upload, Uploads
from app.services.usage import imports, presets
from app.services.usage.content import recognise
from app.services.usage.csv_layout import layout, records
from app.services.usage.fields import Policy, Reject, Summed, UnreadableInput, UsageWarning
from app.services.usage.mapping import ColumnPlan
from app.services.usage.notation import ASKS_FOR_THE_SIGN, DecimalSign
from app.services.usage.rejects import RejectsReport
from app.services.usage.store import EventStore
from app.services.usage.summary import customer_segments
from app.services.usage.summed_fields import summed_fields
from app.services.usage.written_times import ASKED, UTC_TIMES, TimeReading
from app.unavailable import refusal_of_failure

AT_ONCE_SECONDS = 0.4
"""An import that ends sooner needs no progress page."""
SHOWN_REJECTS = 25
FAILING_SECONDS = 600.0
"""How long an import that failed tries to write so, where the disk takes nothing."""
UNFINISHED = "The server could not finish the import. Nothing was lost: import it again."
RECOGNISED = 10_000  # customers; enough to recognise a column of them

Bind = sa.Engine | sa.Connection
NamedRow = tuple[int, dict[str, str]]
"""The number of a row, from 1, and its texts by field."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """The operator's choice: column or path → field, dimension or LEFT_OUT; fields of every row; if catalogs grow.

    `preset`: the name of the known format that the file is read as. `times`: what its times leave unsaid.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str] = field(default_factory=dict)
    extend_catalog: bool = True
    preset: str | None = None
    times: TimeReading = UTC_TIMES
    decimal: DecimalSign | None = None

    @property
    def mapping(self) -> dict[str, str]:
        """Field → column."""
        return {target: column for column, target in self.columns.items() if target != LEFT_OUT}

    @property
    def plan(self) -> ColumnPlan:
        """The choice as the plan of a usage import."""
        ignored = [column for column, target in self.columns.items() if target == LEFT_OUT]
        plan = ColumnPlan(self.mapping, self.constants, ignored, times=self.times, decimal=self.decimal)
        return presets.within(presets.named(self.preset), plan) if self.preset else plan


@dataclass(frozen=True)
class Fit:
    """A trial of the first rows of a file: how many were read and rejected, and the first rejects.

    `first_time`: the first time as it is written and as it is read, in UTC. `question`: what the times leave unsaid and
    the file cannot be imported without. `left_out`: what of the file would not be stored, with its counts. `warnings`:
    what would be stored and count as nothing.
    """

    read: int
    rejected: int
    rejects: Sequence[Reject]
    first_time: tuple[str, str] | None = None
    question: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[UsageWarning] = ()

    @property
    def asks_for_the_sign(self) -> bool:
        """Whether values can be read once somebody has said which sign is the decimal one."""
        return any(warning.code in ASKS_FOR_THE_SIGN for warning in self.warnings)


@dataclass(frozen=True)
class Importing:
    """The circumstances of an import: where its rows go, for whom and when."""

    session: AnySession
    store: EventStore
    uploads: Uploads
    workspace_id: str
    actor: Actor
    now: datetime


def start(importing: Importing, upload: Upload, choice: Choice) -> None:
    """Import in a thread of its own, so that a long import shows its progress; a short one has ended on return.

    The thread has a session of its own. Nothing happens when another import of the upload is running or has ended.
    Raises what keeps the import from beginning, such as a disk that is full.
    """
    begun, failures = Event(), list[Exception]()
    arguments = (importing.session.get_bind(), importing, upload, choice, begun, failures)
    thread = Thread(target=_import, args=arguments, name=f"import {upload.upload_id}", daemon=True)
    thread.start()
    begun.wait()
    if failures:
        raise failures[0]
    thread.join(AT_ONCE_SECONDS)


def _import(
    bind: Bind, importing: Importing, upload: Upload, choice: Choice, begun: Event, failures: list[Exception]
) -> None:
    """The work of the thread; `begun` is set once the progress is `running`, or when there is nothing to do.

    `failures` gets what went wrong before.
    """
    try:
        with Session(bind, expire_on_commit=False) as session, upload.importing() as mine:
            if mine and upload.is_staged:
                upload.write_progress({"state": RUNNING, "done": 0, "total": upload.rows})
                begun.set()
                run(replace(importing, session=session), upload, choice)
    except Exception as error:
        if not begun.is_set():
            failures.append(error)
        elif (refusal := refusal_of_failure(error)) is not None:
            _logger.warning("Import of %s failed: %s", upload.upload_id, refusal)
        else:
            _logger.exception("Import of %s failed", upload.upload_id)
    finally:
        begun.set()


def known_names(session: AnySession, workspace_id: str) -> KnownNames:
    """The names that the workspace reads, by which values and columns of a file are recognised."""
    customers = sa.select(Customer.customer_id).where(readable(Customer, workspace_id))
    own_first = customers.order_by(Customer.workspace_id.is_(None)).limit(RECOGNISED)
    return KnownNames(
        event_types=frozenset(keys_of(session, EventCatalog, workspace_id)),
        dimensions=dimensions_of(session, workspace_id),
        customers=frozenset(session.scalars(own_first)),
        segments=frozenset(keys_of(session, SegmentCatalog, workspace_id)),
    )


def try_out(
    session: AnySession, store: EventStore, workspace_id: str, upload: Upload, choice: Choice, now: datetime
) -> Fit:
    """Judge the first rows as an import at this moment would; nothing is stored.

    Invalid when the choice does not fit the file.
    """
    if upload.kind != USAGE:
        rows = list(named_rows(upload.head_path, choice))
        rejects = _judged(session, store, workspace_id, upload, rows, choice)
        return Fit(len(rows), len(rejects), rejects[:SHOWN_REJECTS])
    policy = imports.policy_for(session, workspace_id, extend_catalog=choice.extend_catalog)
    try:
        policy, summed = replace(policy, times=choice.times), summed_fields(session, workspace_id)
        return _usage_fit(upload, choice, policy, summed, now)
    except UnreadableInput as error:
        raise Invalid(f"{error}.", code=error.code) from error


def _usage_fit(upload: Upload, choice: Choice, policy: Policy, summed: Summed, now: datetime) -> Fit:
    from app.services.usage.files import open_source  # late: Arrow comes with the first file
    from app.services.usage.number_warnings import merged, warnings_of
    from app.services.usage.parquet import with_numbers
    from app.services.usage.times import first_time
    from app.services.usage.validate import validate_texts

    read, rejects, warnings, time = 0, list[Reject](), list[UsageWarning](), None
    source = open_source(upload.head_path, choice.plan, policy)
    for texts, unfit in source.batches:
        batch = validate_texts(texts, policy, now)
        read += len(texts) + len(unfit)
        time = time or first_time(texts["ts"], policy.times)
        rejects += [*unfit, *batch.rejects]
        for events in map(with_numbers, batch.events.values()):
            warnings += warnings_of(events, summed)
    rejects.sort(key=lambda reject: reject.row)
    question = next((reject.reason for reject in rejects if reject.reason in ASKED), None)
    shown = rejects[:SHOWN_REJECTS]
    return Fit(read, len(rejects), shown, time, question, dict(source.left_out), merged(warnings))


def _judged(
    session: AnySession,
    store: EventStore,
    workspace_id: str,
    upload: Upload,
    rows: Sequence[NamedRow],
    choice: Choice,
) -> list[Reject]:
    if upload.kind in CATALOG_KINDS:
        stored = store.snapshot(workspace_id).dimensions
        return judged(session, CATALOG_KINDS[upload.kind], workspace_id, rows, stored)[1]
    return read_costs(upload.name, rows, choice.decimal)[1]


def named_rows(path: Path, choice: Choice) -> Iterator[NamedRow]:
    """The data rows of a CSV file, numbered from 1, with the chosen columns under their fields' names."""
    content = recognise(path, "csv")
    found = layout(content)
    for number, record in enumerate(records(content, found), 1):
        by_column = dict(zip(found.columns, record, strict=False))
        yield number, {target: _readable(by_column.get(column, "")) for target, column in choice.mapping.items()}


def _readable(text: str) -> str:
    """The text with a mark for bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def run(importing: Importing, upload: Upload, choice: Choice) -> None:
    """Import the file and write its progress; the file is deleted afterwards, unless the import was refused."""
    try:
        outcome = _IMPORTS[upload.kind](importing, upload, choice)
    except Invalid as refusal:
        upload.write_progress({"state": FAILED, "detail": refusal.detail})
    except BaseException as error:
        trouble = refusal_of_failure(error)
        detail = UNFINISHED if trouble is None else f"{trouble.detail} Nothing was lost: import it again."
        insist(lambda: upload.write_progress({"state": FAILED, "detail": detail}), seconds=FAILING_SECONDS)
        raise
    else:
        upload.write_progress(outcome)
        upload.remove_file()


def _import_usage(importing: Importing, upload: Upload, choice: Choice) -> Progress:
    def note(done: int, _total: int | None) -> None:
        upload.write_progress({"state": RUNNING, "done": done, "total": max(done, upload.rows)})

    row, report = imports.import_usage(
        importing.session,
        importing.store,
        importing.workspace_id,
        upload.path,
        choice.plan,
        actor=importing.actor,
        now=importing.now,
        extend_catalog=choice.extend_catalog,
        rejects_path=upload.folder / "rejects.csv",
        progress=note,
    )
    if report.rejects_path:
        report.rejects_path.rename(importing.uploads.rejects_path(importing.workspace_id, row.usage_import_id))
    learned = [f"event type {name}" for name in sorted(report.new_event_types)]
    learned += [f"segment {name}" for name in sorted(report.new_segments)]
    learned += _learn_customers(importing) if choice.extend_catalog else []
    return {
        "state": DONE,
        "read": report.read,
        "accepted": report.accepted,
        "duplicates": report.duplicates,
        "rejected": report.rejected,
        "reasons": dict(report.reasons),
        "conflicts": report.conflicts,
        "notes": list(report.notes),
        "learned": learned,
        "left_out": dict(report.left_out),
        "report_id": row.usage_import_id,
        "warnings": [warning.as_dict(row.usage_import_id if report.accepted else None) for warning in report.warnings],
    }


def _learn_customers(importing: Importing) -> list[str]:
    """Add the customers that events name, and their segments, to the workspace's own; returns them as texts."""
    session, workspace_id = importing.session, importing.workspace_id
    segment_of = dict(customer_segments(importing.store, workspace_id))
    with write(session):
        segments = sorted({*segment_of.values()} - {*keys_of(session, SegmentCatalog, workspace_id)})
        keep(session, SEGMENTS, workspace_id, {name: {"segment_id": name} for name in segments})
        customers = sorted({*segment_of} - {*keys_of(session, Customer, workspace_id)})
        rows: dict[str, Values] = {name: {"customer_id": name, "segment": segment_of[name]} for name in customers}
        keep(session, CUSTOMERS, workspace_id, rows)
    texts = [f"segment {segment}" for segment in segments]
    return texts + ([f"{len(customers):,} customer{'s' if len(customers) > 1 else ''}"] if customers else [])


def _import_catalog(importing: Importing, upload: Upload, choice: Choice) -> Progress:
    kind, rows = CATALOG_KINDS[upload.kind], list(named_rows(upload.path, choice))
    with write(importing.session):
        report = import_entries(
            importing.session,
            kind,
            importing.workspace_id,
            rows,
            stored_dimensions=importing.store.snapshot(importing.workspace_id).dimensions,
            entity_id=upload.upload_id,
            actor=importing.actor,
            now=importing.now,
        )
    learned = [f"{kind.one} {name}" for name in report.kept.added]
    return _reported(importing, upload, len(rows), report.accepted, report.rejects, learned)


def _import_costs(importing: Importing, upload: Upload, choice: Choice) -> Progress:
    rows = list(named_rows(upload.path, choice))
    cards, rejects = read_costs(upload.name, rows, choice.decimal)
    with write(importing.session):
        if cards:
            keep_costs(importing.session, importing.workspace_id, cards, actor=importing.actor, now=importing.now)
        _log(importing, "costs_imported", upload.upload_id, len(cards))
    return _reported(importing, upload, len(rows), len(rows) - len(rejects), rejects, [card.label for card in cards])


def _reported(
    importing: Importing, upload: Upload, read: int, accepted: int, rejects: Collection[Reject], learned: list[str]
) -> Progress:
    """Write the rejects report of a catalog or of costs; returns the final progress."""
    target = importing.uploads.rejects_path(importing.workspace_id, upload.upload_id)
    report = RejectsReport(upload.folder, target)
    report.add(rejects)
    report.publish()
    return {
        "state": DONE,
        "read": read,
        "accepted": accepted,
        "duplicates": 0,
        "rejected": len(rejects),
        "reasons": dict(report.reasons.most_common()),
        "learned": learned,
        "report_id": upload.upload_id,
    }


def _log(importing: Importing, name: str, entity_id: str, accepted: int) -> None:
    log_event(
        importing.session,
        name,
        actor=importing.actor,
        now=importing.now,
        workspace_id=importing.workspace_id,
        entity_id=entity_id,
        accepted=accepted,
    )


_IMPORTS = {USAGE: _import_usage, COSTS: _import_costs} | dict.fromkeys(CATALOG_KINDS, _import_catalog)


def first_rejects(path: Path) -> list[dict[str, str]]:
    """The first rows of a rejects report, for a page; none when there is no report."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(islice(csv.DictReader(file), SHOWN_REJECTS))
