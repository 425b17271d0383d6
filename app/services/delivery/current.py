"""What a subject's apps should enforce now, signed: the one service behind every delivery (spec 5 and 6)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.models.transactions import write
from app.services.decisions import activation, runtime_config
from app.services.delivery.signing import KeyRing
from simulation.canonical import canonical_bytes

LONGEST_WAIT = 60
"""Seconds that a request may wait for another document."""
RETRY = b"retry: 2000\n\n"
"""Where streams cannot be held open, their readers ask again after two seconds."""


@dataclass(frozen=True, slots=True)
class Current:
    """The canonical bytes of the active document, their SHA-256, and the detached signature over them."""

    document: bytes
    digest: str
    config_version_id: str
    signature: str


def current(
    session: Any, subject: Mapping[str, str], keys: KeyRing, *, now: datetime
) -> tuple[Current | None, datetime | None]:
    """The active document, after promoting what is due, and the moment when the next approved version is.

    Opens and commits a write transaction of its own only when something can be promoted.
    """
    found = runtime_config.read(session, subject, now=now)
    if found.something_due and activation.something_is_due(session, now=now, subject=subject):
        session.rollback()
        with write(session):
            activation.activate_due(session, now=now, subject=subject)
        found = runtime_config.read(session, subject, now=now)
    if found.document is None:
        return None, found.due_at
    signature = keys.sign(found.document, found.created_at)
    return Current(found.document, found.digest, found.config_version_id, signature), found.due_at


def stream_event(found: Current) -> bytes:
    """One server-sent event: its id is the digest; the data carries signature and document, base64 of the bytes."""
    data = {
        "etag": found.digest,
        "signature": found.signature,
        "document_b64": base64.b64encode(found.document).decode(),
    }
    return b"event: config\nid: " + found.digest.encode() + b"\ndata: " + canonical_bytes(data) + b"\n\n"
