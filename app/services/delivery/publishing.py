"""Publishing one subject, or the keys: the document first, then the pointer to it, which never goes back in time.

The caller holds the publisher's lock, so that pointers are written in the order in which the database changed. See
docs/publishing.md.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, of_subject
from app.models.runtime_config import RuntimeConfig
from app.models.workspace import Workspace
from app.services.delivery.object_store import PublishStore
from app.services.delivery.pointers import KEYS, Pointer, document_path, pointer_of, pointer_path
from app.services.delivery.signing import KeyRing
from rules.enums import ConfigStatus
from simulation.canonical import JsonObject, canonical_bytes, parse_exact

Subject = tuple[str, ...]
"""The values of SUBJECT_FIELDS."""

_SUBJECT = tuple(getattr(RuntimeConfig, name) for name in SUBJECT_FIELDS)
_CURRENT = (
    sa.select(*_SUBJECT, RuntimeConfig.digest)
    .join(Workspace, Workspace.workspace_id == RuntimeConfig.workspace_id)
    .where(RuntimeConfig.current)
    .order_by(*_SUBJECT)
)
_ALL_CURRENT, _ALL_OF_THE_DEMO = _CURRENT.where(~Workspace.is_demo), _CURRENT.where(Workspace.is_demo)
_ONE_CURRENT = sa.select(
    RuntimeConfig.document,
    RuntimeConfig.digest,
    RuntimeConfig.config_version_id,
    RuntimeConfig.sequence,
    RuntimeConfig.created_at,
).where(RuntimeConfig.current, *of_subject(RuntimeConfig))


class Outcome(StrEnum):
    """How publishing one subject ended."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    NEWER_THERE = "newer_there"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The outcome for one subject, and the pointer that should be current; `detail` names a problem and its fix."""

    subject: Subject
    outcome: Outcome
    pointer: Pointer | None = None
    detail: str = ""


def active_subjects(session: AnySession) -> dict[Subject, str]:
    """Subject → the digest of its active document, in order; without those of the demo, which are never published."""
    return {tuple(subject): digest for *subject, digest in session.execute(_ALL_CURRENT)}


def demo_subjects(session: AnySession) -> list[Subject]:
    """The subjects of the demo with an active document, in order: apps may read it, and it is never published."""
    return [tuple(subject) for *subject, _ in session.execute(_ALL_OF_THE_DEMO)]


def due_subjects(session: AnySession, now: datetime) -> list[dict[str, str]]:
    """The subjects with an approved version whose moment has come.

    The publisher promotes it: while every app reads what is published, no reader of this server does.
    """
    columns = [getattr(ConfigVersion, name) for name in SUBJECT_FIELDS]
    is_due = ConfigVersion.status == ConfigStatus.APPROVED.value, ConfigVersion.effective_at <= now
    return [dict(row._mapping) for row in session.execute(sa.select(*columns).distinct().where(*is_due))]


def active_pointer(session: AnySession, subject: Subject, ring: KeyRing) -> tuple[Pointer, bytes]:
    """The pointer and the document to publish for a subject that has an active one."""
    fields = dict(zip(SUBJECT_FIELDS, subject, strict=True))
    row = session.execute(_ONE_CURRENT, fields).one()
    signature = ring.sign(row.document, row.created_at)
    pointer = Pointer(fields, row.config_version_id, row.sequence, row.digest, signature, row.created_at)
    return pointer, row.document


def publish_subject(session: AnySession, store: PublishStore, ring: KeyRing, subject: Subject) -> PublishResult:
    """Publish the active document of one subject and its pointer."""
    return put(store, *active_pointer(session, subject, ring))


def put(store: PublishStore, pointer: Pointer, document: bytes) -> PublishResult:
    """Write the document, then the pointer to it; equal objects are left alone, and so is a newer pointer."""
    subject = tuple(pointer.subject_resolution[name] for name in SUBJECT_FIELDS)
    path = pointer_path(pointer.subject_resolution)
    content = store.read(path)
    published = pointer_of(content)
    if published is not None and published.order > pointer.order:
        return PublishResult(subject, Outcome.NEWER_THERE, pointer, newer_there(published, pointer, path))
    outcome = Outcome.UNCHANGED
    if store.read(document_path(pointer.digest)) != document:
        store.write(document_path(pointer.digest), document, forever=True)
        outcome = Outcome.PUBLISHED
    if content != pointer.content():
        store.write(path, pointer.content(), forever=False)
        outcome = Outcome.PUBLISHED
    return PublishResult(subject, outcome, pointer)


def newer_there(published: Pointer, active: Pointer, path: str) -> str:
    """Why a newer published pointer is not replaced, and what to do."""
    return (
        f"{published.config_version_id} (sequence {published.sequence}) is published, newer than the active "
        f"{active.config_version_id} (sequence {active.sequence}): this database is older than the store. "
        f"Restore the newer one; or delete {path}, then run `avs publish`."
    )


def publish_keys(store: PublishStore, ring: KeyRing, *, keep_others: bool) -> None:
    """Publish the key set; with `keep_others` published keys stay that pointers may still be signed with."""
    jwks = ring.jwks()
    published = published_keys(store)
    if keep_others:
        jwks["keys"] += [key for key in published.get("keys", ()) if key not in jwks["keys"]]
    if jwks != published:
        store.write(KEYS, canonical_bytes(jwks), forever=False)


def published_keys(store: PublishStore) -> JsonObject:
    """The published key set; empty when there is none, and for an object that is no key set."""
    try:
        jwks = parse_exact(store.read(KEYS) or b"")
        return jwks if isinstance(jwks, dict) and isinstance(jwks.get("keys"), list) else {}
    except (ValueError, ArithmeticError, RecursionError):
        return {}
