"""Publishing what is active: the document first, then the pointer to it, which never goes back (docs/publishing.md).

The caller holds the publisher's lock, so the pointers are written in the order in which the database changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, of_subject
from app.models.runtime_config import RuntimeConfig
from app.services.delivery.object_store import PublishStore
from app.services.delivery.pointers import KEYS, Pointer, document_path, pointer_of, pointer_path
from app.services.delivery.signing import KeyRing
from rules.enums import ConfigStatus
from simulation.canonical import canonical_bytes, parse_exact

Subject = tuple[str, ...]
"""The values of SUBJECT_FIELDS."""

_SUBJECT = tuple(getattr(RuntimeConfig, name) for name in SUBJECT_FIELDS)
_ALL_CURRENT = sa.select(*_SUBJECT, RuntimeConfig.digest).where(RuntimeConfig.current).order_by(*_SUBJECT)
_ONE_CURRENT = sa.select(
    RuntimeConfig.document,
    RuntimeConfig.digest,
    RuntimeConfig.config_version_id,
    RuntimeConfig.sequence,
    RuntimeConfig.created_at,
).where(RuntimeConfig.current, *of_subject(RuntimeConfig))


class Outcome(StrEnum):
    """What publishing one subject came to."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    NEWER_THERE = "newer_there"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Published:
    """One subject: the pointer that should be current, and what became of it; `detail` says how to go on."""

    subject: Subject
    outcome: Outcome
    pointer: Pointer | None = None
    detail: str = ""


def active_subjects(session: AnySession) -> dict[Subject, str]:
    """The digest of what is active, by subject, in order."""
    return {tuple(subject): digest for *subject, digest in session.execute(_ALL_CURRENT)}


def due_subjects(session: AnySession, now: datetime) -> list[dict[str, str]]:
    """Subjects with an approved version whose moment has come: nobody promotes it while all read what is published."""
    columns = [getattr(ConfigVersion, name) for name in SUBJECT_FIELDS]
    is_due = ConfigVersion.status == ConfigStatus.APPROVED.value, ConfigVersion.effective_at <= now
    return [dict(row._mapping) for row in session.execute(sa.select(*columns).distinct().where(*is_due))]


def active_pointer(session: AnySession, subject: Subject, ring: KeyRing) -> tuple[Pointer, bytes]:
    """What should be published for a subject that something is active for: its pointer and its document."""
    named = dict(zip(SUBJECT_FIELDS, subject, strict=True))
    row = session.execute(_ONE_CURRENT, named).one()
    signature = ring.sign(row.document, row.created_at)
    pointer = Pointer(named, row.config_version_id, row.sequence, row.digest, signature, row.created_at)
    return pointer, row.document


def publish_subject(session: AnySession, store: PublishStore, ring: KeyRing, subject: Subject) -> Published:
    """Bring one subject up to date with the database."""
    return put(store, *active_pointer(session, subject, ring))


def put(store: PublishStore, pointer: Pointer, document: bytes) -> Published:
    """The document, then the pointer to it; what is there already stays, and so does a newer pointer."""
    subject = tuple(pointer.subject_resolution[name] for name in SUBJECT_FIELDS)
    path = pointer_path(pointer.subject_resolution)
    content = store.read(path)
    there = pointer_of(content)
    if there is not None and there.order > pointer.order:
        return Published(subject, Outcome.NEWER_THERE, pointer, newer_there(there, pointer, path))
    outcome = Outcome.UNCHANGED
    if store.read(document_path(pointer.digest)) != document:
        store.write(document_path(pointer.digest), document, forever=True)
        outcome = Outcome.PUBLISHED
    if content != pointer.content():
        store.write(path, pointer.content(), forever=False)
        outcome = Outcome.PUBLISHED
    return Published(subject, outcome, pointer)


def newer_there(there: Pointer, active: Pointer, path: str) -> str:
    """Why a pointer is not replaced, and what to do."""
    return (
        f"{there.config_version_id} (sequence {there.sequence}) is published, newer than the active "
        f"{active.config_version_id} (sequence {active.sequence}): this database is older than the store. "
        f"Restore the newer one; or delete {path}, then run `avs publish`."
    )


def publish_keys(store: PublishStore, ring: KeyRing, *, keep_others: bool) -> None:
    """Publish the key set. While pointers may still be signed with keys that were retired, these are kept."""
    wanted = ring.jwks()
    there = published_keys(store)
    if keep_others:
        wanted["keys"] += [key for key in there.get("keys", ()) if key not in wanted["keys"]]
    if wanted != there:
        store.write(KEYS, canonical_bytes(wanted), forever=False)


def published_keys(store: PublishStore) -> Mapping[str, Any]:
    """The key set that is there; empty for none, and for an object that is none."""
    try:
        found = parse_exact(store.read(KEYS) or b"")
        return found if isinstance(found, dict) and isinstance(found.get("keys"), list) else {}
    except (ValueError, ArithmeticError, RecursionError):
        return {}
