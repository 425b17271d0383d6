"""Importing what was uploaded: usage events, an event catalog, or costs, with what became of each row.

An import tells its progress as `{"state": "running", "done", "total"}`, then either `{"state": "failed", "detail"}` or
`{"state": "done", "read", "accepted", "duplicates", "rejected", "reasons": {text: count}, "learned": [text],
"report_id"}`; the rejects are at `Uploads.rejects_path(workspace_id, report_id)` when there are any.
"""

import csv
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actor import Actor
from app.errors import Invalid
from app.models.base import AnySession
from app.models.catalog import Customer, EventCatalog, SegmentCatalog
from app.models.transactions import write
from app.services.product_events import log_event
from app.services.uploads.catalog import keep_catalog, known_dimensions, read_catalog
from app.services.uploads.costs import keep_costs, read_costs
from app.services.uploads.mapping import CATALOG, COSTS, LEFT_OUT, USAGE, KnownNames
from app.services.uploads.store import DONE, FAILED, RUNNING, Upload, Uploads
from app.services.usage import imports
from app.services.usage.fields import Policy, Reject, UnreadableInput
from app.services.usage.mapping import ColumnPlan
from app.services.usage.rejects import RejectsReport
from app.services.usage.store import EventStore
from app.services.usage.summary import customer_segments

AT_ONCE_SECONDS = 0.4
"""What ends sooner needs no progress page."""
SHOWN_REJECTS = 25
RECOGNISED = 10_000  # customers; enough to tell a column of them


_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What the operator chose: column → field, dimension or LEFT_OUT; fields that every row gets; what may be added."""

    columns: Mapping[str, str]
    constants: Mapping[str, str] = field(default_factory=dict)
    extend_catalog: bool = True

    @property
    def mapping(self) -> dict[str, str]:
        """Field → column."""
        return {target: column for column, target in self.columns.items() if target != LEFT_OUT}

    @property
    def ignored(self) -> list[str]:
        return [column for column, target in self.columns.items() if target == LEFT_OUT]


@dataclass(frozen=True)
class Fit:
    """How the first rows of a file would fare; `rejects` are the first of those that do not fit."""

    read: int
    rejected: int
    rejects: Sequence[Reject]


@dataclass(frozen=True)
class Importing:
    """Where an import goes, and for whom."""

    session: AnySession
    store: EventStore
    uploads: Uploads
    workspace_id: str
    actor: Actor
    now: datetime


def start(importing: Importing, upload: Upload, choice: Choice) -> None:
    """Import in a thread of its own, so that a long import shows its progress; a short one is over on return.

    The thread has a session of its own. Nothing happens when another import of the upload runs or has ended.
    """
    begun = Event()
    given = (importing.session.get_bind(), importing, upload, choice, begun)
    thread = Thread(target=_import, args=given, name=f"import {upload.upload_id}", daemon=True)
    thread.start()
    begun.wait()
    thread.join(AT_ONCE_SECONDS)


def _import(bind: Any, importing: Importing, upload: Upload, choice: Choice, begun: Event) -> None:
    """What the thread does; `begun` is set as soon as the progress says what happens."""
    try:
        with Session(bind, expire_on_commit=False) as session, upload.importing() as mine:
            if mine and upload.is_staged:
                upload.tell(state=RUNNING, done=0, total=upload.rows)
                begun.set()
                run(replace(importing, session=session), upload, choice)
    except Exception:
        _logger.exception("Import of %s failed", upload.upload_id)
    finally:
        begun.set()


def known_names(session: AnySession) -> KnownNames:
    """What values and columns of a file are recognised by."""
    return KnownNames(
        event_types=frozenset(session.scalars(sa.select(EventCatalog.event_type))),
        dimensions=known_dimensions(session),
        customers=frozenset(session.scalars(sa.select(Customer.customer_id).limit(RECOGNISED))),
        segments=frozenset(session.scalars(sa.select(SegmentCatalog.segment_id))),
    )


def try_out(session: AnySession, workspace_id: str, upload: Upload, choice: Choice) -> Fit:
    """Judge the first rows as an import would; nothing is stored. Invalid when the choice does not fit the file."""
    if upload.kind != USAGE:
        rows = list(named_rows(upload.head_path, choice))
        rejects = _judged(session, upload, rows)
        return Fit(len(rows), len(rejects), rejects[:SHOWN_REJECTS])
    policy = imports.policy_for(session, workspace_id, extend_catalog=choice.extend_catalog)
    try:
        read, rejects = _usage_head(upload, choice, policy)
    except UnreadableInput as error:
        raise Invalid(f"{error}.", code=error.code) from error
    return Fit(read, len(rejects), rejects[:SHOWN_REJECTS])


def _usage_head(upload: Upload, choice: Choice, policy: Policy) -> tuple[int, list[Reject]]:
    from app.services.usage.files import open_source  # late: Arrow comes with the first file
    from app.services.usage.validate import validate_texts

    plan = ColumnPlan(choice.mapping, choice.constants, choice.ignored)
    read, rejects = 0, []
    for texts, unfit in open_source(upload.head_path, plan, policy).batches:
        read += len(texts) + len(unfit)
        rejects += [*unfit, *validate_texts(texts, policy).rejects]
    return read, sorted(rejects, key=lambda reject: reject.row)


def _judged(session: AnySession, upload: Upload, rows: Sequence[tuple[int, Mapping[str, str]]]) -> list[Reject]:
    if upload.kind == CATALOG:
        return read_catalog(rows, known_dimensions(session))[1]
    return read_costs(upload.name, rows)[1]


def named_rows(path: Path, choice: Choice) -> Iterator[tuple[int, dict[str, str]]]:
    """The data rows of a CSV file, numbered from 1, with the chosen columns under their fields' names."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        delimiter = max(",;\t|", key=file.readline().count)
        file.seek(0)
        records = filter(None, csv.reader(file, delimiter=delimiter))
        columns = next(records, [])
        for number, record in enumerate(records, 1):
            by_column = dict(zip(columns, record, strict=False))
            yield number, {target: by_column.get(column, "") for target, column in choice.mapping.items()}


def run(about: Importing, upload: Upload, choice: Choice) -> None:
    """Import the file, telling its progress; the file is gone afterwards, unless the import was refused."""
    try:
        result = _IMPORTS[upload.kind](about, upload, choice)
    except Invalid as refusal:
        upload.tell(state=FAILED, detail=refusal.detail)
    except BaseException:
        upload.tell(state=FAILED, detail="The server could not finish the import. Nothing was lost: import it again.")
        raise
    else:
        upload.tell(state=DONE, **result)
        upload.remove_file()


def _import_usage(about: Importing, upload: Upload, choice: Choice) -> dict[str, Any]:
    row, report = imports.import_usage(
        about.session,
        about.store,
        about.workspace_id,
        upload.path,
        actor=about.actor,
        now=about.now,
        mapping=choice.mapping,
        constants=choice.constants,
        ignore=choice.ignored,
        extend_catalog=choice.extend_catalog,
        rejects_path=upload.folder / "rejects.csv",
        progress=lambda done, _total: upload.tell(state=RUNNING, done=done, total=max(done, upload.rows)),
    )
    if report.rejects_path:
        report.rejects_path.rename(about.uploads.rejects_path(about.workspace_id, row.usage_import_id))
    learned = [f"event type {name}" for name in sorted(report.new_event_types)]
    learned += _learn_customers(about) if choice.extend_catalog else []
    return _result(report.read, report.accepted, report.duplicates, report.rejected, report.reasons, learned) | {
        "report_id": row.usage_import_id
    }


def _learn_customers(about: Importing) -> list[str]:
    """Segments and customers that events name become pickable, as event types do."""
    found = customer_segments(about.store, about.workspace_id)
    with write(about.session):
        segments = _new(about.session, SegmentCatalog.segment_id, (segment for _, segment in found))
        about.session.add_all(SegmentCatalog(segment_id=segment, label=segment) for segment in segments)
        about.session.flush()
        customers = _new(about.session, Customer.customer_id, (customer_id for customer_id, _ in found))
        of = dict(found)
        rows = [{"customer_id": name, "name": name, "segment": of[name]} for name in customers]
        if rows:
            about.session.execute(sa.insert(Customer), rows)
    texts = [f"segment {segment}" for segment in segments]
    return texts + ([f"{len(customers):,} customer{'s' if len(customers) > 1 else ''}"] if customers else [])


def _new(session: AnySession, column: Any, given: Iterator[str]) -> list[str]:
    return sorted(set(given) - set(session.scalars(sa.select(column))))


def _import_catalog(about: Importing, upload: Upload, choice: Choice) -> dict[str, Any]:
    rows = list(named_rows(upload.path, choice))
    with write(about.session):
        entries, rejects, accepted = read_catalog(rows, known_dimensions(about.session))
        new = keep_catalog(about.session, entries)
        _log(about, "event_catalog_imported", upload.upload_id, accepted)
    return _told(about, upload, len(rows), accepted, rejects, [f"event type {name}" for name in new])


def _import_costs(about: Importing, upload: Upload, choice: Choice) -> dict[str, Any]:
    rows = list(named_rows(upload.path, choice))
    cards, rejects = read_costs(upload.name, rows)
    with write(about.session):
        if cards:
            keep_costs(about.session, about.workspace_id, cards, actor=about.actor, now=about.now)
        _log(about, "costs_imported", upload.upload_id, len(cards))
    return _told(about, upload, len(rows), len(rows) - len(rejects), rejects, [card.label for card in cards])


def _told(
    about: Importing, upload: Upload, read: int, accepted: int, rejects: Collection[Reject], learned: list[str]
) -> dict[str, Any]:
    target = about.uploads.rejects_path(about.workspace_id, upload.upload_id)
    report = RejectsReport(upload.folder, target)
    report.add(rejects)
    report.publish()
    result = _result(read, accepted, 0, len(rejects), dict(report.reasons.most_common()), learned)
    return result | {"report_id": upload.upload_id}


def _result(
    read: int, accepted: int, duplicates: int, rejected: int, reasons: Mapping[str, int], learned: list[str]
) -> dict[str, Any]:
    counts = {"read": read, "accepted": accepted, "duplicates": duplicates, "rejected": rejected}
    return counts | {"reasons": dict(reasons), "learned": learned}


def _log(about: Importing, name: str, entity_id: str, accepted: int) -> None:
    log_event(
        about.session,
        name,
        actor=about.actor,
        now=about.now,
        workspace_id=about.workspace_id,
        entity_id=entity_id,
        accepted=accepted,
    )


_IMPORTS = {USAGE: _import_usage, CATALOG: _import_catalog, COSTS: _import_costs}


def first_rejects(path: Path) -> list[dict[str, str]]:
    """The first rows of a rejects report, as a page shows them; none when there is no report."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(islice(csv.DictReader(file), SHOWN_REJECTS))
