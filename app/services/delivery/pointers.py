"""Pointers, and the layout that they belong to: any file server can deliver it, any reader check it.

See docs/publishing.md.

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
    """The path of the document with this SHA-256."""
    return f"{DOCUMENTS}/{digest}.json"


def pointer_path(subject: Mapping[str, str]) -> str:
    """The path of the pointer of a subject."""
    return "/".join((CURRENT, *(segment(subject[name]) for name in SUBJECT_FIELDS))) + ".json"


def segment(text: str) -> str:
    """One segment of a path: percent-encoding of the UTF-8 bytes, with `!` for `%`, of all but `A-Za-z0-9-_.`.

    It is equal in an address, a bucket and a folder, because nothing decodes `!`. It has no leading dot, so it is
    neither `..` nor a hidden file. One too long for a file name is cut and ends in `!!` and the text's SHA-256.
    """
    encoded = "".join(chr(byte) if byte in _AS_IT_IS else f"!{byte:02X}" for byte in text.encode())
    if encoded.startswith("."):
        encoded = "!2E" + encoded[1:]
    if len(encoded) > MAX_SEGMENT_LENGTH:
        encoded = f"{encoded[:100]}!!{sha256(text.encode()).hexdigest()}"
    return encoded or "!!"


@dataclass(frozen=True, slots=True)
class Pointer:
    """The current document of a subject: its digest, a detached signature over its bytes, its place in the order."""

    subject_resolution: dict[str, str]
    config_version_id: str
    sequence: int
    digest: str
    signature: str
    created_at: datetime

    @property
    def order(self) -> tuple[int, datetime]:
        """Sorts older pointers first."""
        return self.sequence, self.created_at

    def content(self) -> bytes:
        """The bytes to publish: canonical JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return canonical_bytes(fields | {"document": document_path(self.digest)})


def pointer_of(content: bytes | None) -> Pointer | None:
    """The pointer in a published object; None without an object, and for one that is no pointer."""
    if content is None:
        return None
    try:
        fields = parse_exact(content)
        created_at = datetime.fromisoformat(fields["created_at"])
        pointer = Pointer(**{name: fields[name] for name in Pointer.__slots__} | {"created_at": created_at})
    except (ValueError, ArithmeticError, LookupError, TypeError, RecursionError):
        return None
    return pointer if type(pointer.sequence) is int and created_at.tzinfo is not None else None
