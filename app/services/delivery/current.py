"""What a subject's apps should enforce now, signed: the one service behind every delivery (spec 5 and 6)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.models.base import AnySession, UtcDateTime
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, of_subject
from app.models.runtime_config import RuntimeConfig
from app.services.decisions.activation import promote_due
from app.services.delivery.signing import KeyRing
from rules.enums import ConfigStatus
from simulation.canonical import canonical_bytes

MAX_WAIT_SECONDS = 60
"""Seconds that a request may wait for another document."""
RETRY = b"retry: 2000\n\n"
"""Where streams cannot be held open, their readers ask again after two seconds."""


_DUE_AT = (
    sa.select(sa.func.min(ConfigVersion.effective_at, type_=UtcDateTime))
    .where(ConfigVersion.status == sa.literal_column(f"'{ConfigStatus.APPROVED}'"), *of_subject(ConfigVersion))
    .scalar_subquery()
)


_READ = sa.select(
    RuntimeConfig.document,
    RuntimeConfig.digest,
    RuntimeConfig.config_version_id,
    RuntimeConfig.created_at,
    _DUE_AT.label("due_at"),
).select_from(
    sa.select(sa.literal(1).label("one"))
    .subquery()
    .outerjoin(RuntimeConfig, sa.and_(RuntimeConfig.current, *of_subject(RuntimeConfig)))
)
"""One row whatever there is: the current document, if any, and when an approved config waits to be promoted."""


@dataclass(frozen=True)
class Reading:
    """What a subject's apps should enforce: canonical bytes and their SHA-256, None when nothing is active.

    `due_at` is the earliest `effective_at` of an approved config that nobody has promoted yet; `something_due` says
    that it has come.
    """

    document: bytes | None
    digest: str | None
    config_version_id: str | None
    created_at: datetime | None
    due_at: datetime | None
    something_due: bool


def read(session: AnySession, subject: Mapping[str, str], *, now: datetime) -> Reading:
    """The active document of a subject: one statement, answered from indexes."""
    row = session.connection().execute(_READ, {name: subject[name] for name in SUBJECT_FIELDS}).one()
    return Reading(*row, something_due=row.due_at is not None and row.due_at <= now)


@dataclass(frozen=True, slots=True)
class Current:
    """The canonical bytes of the active document, their SHA-256, and the detached signature over them."""

    document: bytes
    digest: str
    config_version_id: str
    signature: str


def current(
    session: AnySession, subject: Mapping[str, str], keys: KeyRing, *, now: datetime
) -> tuple[Current | None, datetime | None]:
    """The active document, after promoting what is due, and the moment when the next approved version is.

    Opens and commits a write transaction of its own only when something can be promoted.
    """
    reading = read(session, subject, now=now)
    if reading.something_due and promote_due(session, subject, now=now):
        reading = read(session, subject, now=now)
    if reading.document is None:
        return None, reading.due_at
    signature = keys.sign(reading.document, reading.created_at)
    return Current(reading.document, reading.digest, reading.config_version_id, signature), reading.due_at


def stream_event(found: Current) -> bytes:
    """One server-sent event: its id is the digest; the data carries signature and document, base64 of the bytes."""
    data = {
        "etag": found.digest,
        "signature": found.signature,
        "document_b64": base64.b64encode(found.document).decode(),
    }
    return b"event: config\nid: " + found.digest.encode() + b"\ndata: " + canonical_bytes(data) + b"\n\n"
