"""The layout of what is published, so that any file server delivers it and any reader checks it (docs/publishing.md).

documents/<sha256>.json                                                    the canonical bytes, never changed
current/<workspace_id>/<segment>/<stage>/<target_environment>.json         the pointer of a subject
keys.json                                                                  the JSON Web Key Set
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from app.models.config_version import SUBJECT_FIELDS
from simulation.canonical import canonical_bytes, parse_exact

KEYS, CURRENT, DOCUMENTS = "keys.json", "current", "documents"
MAX_SEGMENT_LENGTH = 200
_AS_IT_IS = frozenset((string.ascii_letters + string.digits + "-_.").encode())


def document_path(digest: str) -> str:
    """Where the document with this SHA-256 lies."""
    return f"{DOCUMENTS}/{digest}.json"


def pointer_path(subject: Mapping[str, str]) -> str:
    """Where the pointer of a subject lies."""
    return "/".join((CURRENT, *(segment(subject[name]) for name in SUBJECT_FIELDS))) + ".json"


def segment(text: str) -> str:
    """One segment of a path: percent-encoding of the UTF-8 bytes, with `!` for `%`, of all but `A-Za-z0-9-_.`.

    The same in an address, a bucket and a folder, because nothing decodes `!`. No leading dot, hence neither `..` nor a
    hidden file; what would be longer than file names may be ends in `!!` and its SHA-256.
    """
    encoded = "".join(chr(byte) if byte in _AS_IT_IS else f"!{byte:02X}" for byte in text.encode())
    if encoded.startswith("."):
        encoded = "!2E" + encoded[1:]
    if len(encoded) > MAX_SEGMENT_LENGTH:
        encoded = f"{encoded[:100]}!!{sha256(text.encode()).hexdigest()}"
    return encoded or "!!"


@dataclass(frozen=True, slots=True)
class Pointer:
    """What is current for a subject: which document, the detached signature over its bytes, and its place in time."""

    subject_resolution: dict[str, str]
    config_version_id: str
    sequence: int
    digest: str
    signature: str
    created_at: datetime

    @property
    def order(self) -> tuple[int, datetime]:
        """What is less is older."""
        return self.sequence, self.created_at

    def content(self) -> bytes:
        """The object's bytes."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return canonical_bytes(fields | {"document": document_path(self.digest)})


def pointer_of(content: bytes | None) -> Pointer | None:
    """The pointer that was published; None for no object, and for one that is no pointer."""
    if content is None:
        return None
    try:
        found = parse_exact(content)
        created_at = datetime.fromisoformat(found["created_at"])
        pointer = Pointer(**{name: found[name] for name in Pointer.__slots__} | {"created_at": created_at})
    except (ValueError, ArithmeticError, LookupError, TypeError, RecursionError):
        return None
    return pointer if type(pointer.sequence) is int and created_at.tzinfo is not None else None
