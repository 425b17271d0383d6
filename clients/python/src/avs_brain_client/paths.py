"""Where a client's files are, and which servers its keys may come from."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from avs_brain_client.document import Subject

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def cache_path(folder: Path, subject: Subject) -> Path:
    """The last-known-good config of a subject."""
    return folder / f"{_name(subject)}.config.json"


def queue_path(folder: Path, subject: Subject) -> Path:
    """The enforcement events that wait, a SQLite file."""
    return folder / f"{_name(subject)}.events.sqlite"


def journal_path(folder: Path, subject: Subject) -> Path:
    """What could not be counted yet, a SQLite file."""
    return folder / f"{_name(subject)}.kept.sqlite"


def secure(base_url: str) -> None:
    """ValueError when nothing vouches for the keys: not pinned, and the server is reached over plain http."""
    parts = urlsplit(base_url)
    if parts.scheme != "https" and parts.hostname not in THIS_MACHINE:
        raise ValueError(
            f"{base_url} is not https, so its keys cannot be trusted: pass keys=, the key set of /api/runtime/keys."
        )


def _name(subject: Subject) -> str:
    return sha256("\n".join(subject.query().values()).encode()).hexdigest()[:16]
