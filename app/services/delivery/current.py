"""The document that a subject's apps should enforce now, signed; every way of delivery uses it (spec 5 and 6)."""

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
from app.unavailable import refusal_of_failure
from rules.enums import ConfigStatus
from simulation.canonical import canonical_bytes

MAX_WAIT_SECONDS = 60
"""Seconds that a request may wait for another document."""
RETRY = b"retry: 2000\n\n"
"""Where a stream cannot be held open, its reader asks again after two seconds."""

_DUE_AT = (
    sa.select(sa.func.min(ConfigVersion.effective_at, type_=UtcDateTime))
    .where(ConfigVersion.status == sa.literal_column(f"'{ConfigStatus.APPROVED}'"), *of_subject(ConfigVersion))
    .scalar_subquery()
)
_SUBJECT = tuple(getattr(RuntimeConfig, name) for name in SUBJECT_FIELDS)
_ALL_CURRENT = sa.select(*_SUBJECT, RuntimeConfig.digest).where(RuntimeConfig.current).order_by(*_SUBJECT)
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
"""Always one row: the current document, if any, and the earliest moment at which an approved config is due."""


@dataclass(frozen=True)
class Reading:
    """A subject's current document: canonical bytes, their SHA-256 and their config; all None when nothing is active.

    `due_at` is the earliest `effective_at` of an approved config that is not promoted yet; `something_due` tells
    whether it has come.
    """

    document: bytes | None
    digest: str | None
    config_version_id: str | None
    created_at: datetime | None
    due_at: datetime | None
    something_due: bool


def read(session: AnySession, subject: Mapping[str, str], *, now: datetime) -> Reading:
    """The current document of a subject; takes one statement, answered from indexes."""
    row = session.connection().execute(_READ, {name: subject[name] for name in SUBJECT_FIELDS}).one()
    return Reading(
        document=row.document,
        digest=row.digest,
        config_version_id=row.config_version_id,
        created_at=row.created_at,
        due_at=row.due_at,
        something_due=row.due_at is not None and row.due_at <= now,
    )


@dataclass(frozen=True, slots=True)
class Current:
    """The canonical bytes of the active document, their SHA-256, and a detached signature over them."""

    document: bytes
    digest: str
    config_version_id: str
    signature: str


def current_digests(session: AnySession) -> dict[tuple[str, ...], str]:
    """Subject, the values of SUBJECT_FIELDS → the digest of its active document, in order."""
    return {tuple(subject): digest for *subject, digest in session.execute(_ALL_CURRENT)}


def current(
    session: AnySession, subject: Mapping[str, str], keys: KeyRing, *, now: datetime
) -> tuple[Current | None, datetime | None]:
    """The active document, after promoting what is due, and the moment when the next approved version is due.

    The document is None when nothing is active, the moment when nothing waits. Only when something can be
    promoted are a write transaction opened and committed; where the database takes none, the document is the one that
    is active, and the next reading tries again.
    """
    reading = read(session, subject, now=now)
    if reading.something_due and _promoted(session, subject, now):
        reading = read(session, subject, now=now)
    return _signed(reading, keys), reading.due_at


def _promoted(session: AnySession, subject: Mapping[str, str], now: datetime) -> bool:
    """Whether something was promoted; a disk that is full or a database that is locked promotes nothing."""
    try:
        return bool(promote_due(session, subject, now=now))
    except Exception as error:
        if refusal_of_failure(error) is None:
            raise
        session.rollback()
        return False


def _signed(reading: Reading, keys: KeyRing) -> Current | None:
    document, digest, config_version_id = reading.document, reading.digest, reading.config_version_id
    if document is None or digest is None or config_version_id is None or reading.created_at is None:
        return None
    return Current(document, digest, config_version_id, keys.sign(document, reading.created_at))


def stream_event(active: Current) -> bytes:
    """One server-sent event: its id is the digest; the data holds the signature and the document's bytes as base64."""
    data = {
        "etag": active.digest,
        "signature": active.signature,
        "document_b64": base64.b64encode(active.document).decode(),
    }
    return b"event: config\nid: " + active.digest.encode() + b"\ndata: " + canonical_bytes(data) + b"\n\n"
