"""The last-known-good config on disk: written whole or not at all, never replaced by an older one."""

import base64
import contextlib
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from avs_brain_client.forking import renew_after_fork

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """What was delivered, byte for byte, with the keys it was verified by and when it was last confirmed (wall, µs).

    `order` is (sequence, time of signing): what is less is older.
    """

    body: bytes
    signature: str
    etag: str
    order: tuple[int, int]
    confirmed_at_us: int
    jwks: Mapping[str, Any]


class DiskCache:
    """One file, shared by all processes of a machine that enforce the same subject.

    `save` raises OSError when the disk is full or may not be written; what was there before stays whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        renew_after_fork(self)

    def before_fork(self) -> None:
        """Nothing is open while nobody saves: a child that takes a locked file over would keep it locked."""

    def after_fork(self) -> None:
        self.lock = threading.Lock()

    def load(self) -> Stored | None:
        """What is stored; None without a file, or when the file is not one that `save` wrote."""
        try:
            return _stored(json.loads(self.path.read_bytes()))
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None

    def set_damaged_aside(self) -> Path | None:
        """Move a file that is there and cannot be read out of the way; where it is then, None when there is none."""
        with contextlib.suppress(OSError):
            if self.path.exists() and self.load() is None:
                aside = self.path.with_name(f"{self.path.name}.damaged")
                os.replace(self.path, aside)
                return aside
        return None

    def save(self, new: Stored) -> None:
        """Replace the file, unless it holds something newer."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            held = self.load()
            if held is None or (new.order, new.confirmed_at_us) >= (held.order, held.confirmed_at_us):
                self._replace(_text(new))

    def _replace(self, content: bytes) -> None:
        """Temporary file, fsync, rename, fsync of the folder: a crash leaves the old file or the new one."""
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        _sync_folder(self.path.parent)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time, also between processes; the lock goes with the process that holds it."""
        with self.lock, open(self.path.with_suffix(".lock"), "ab") as lock:
            if sys.platform == "win32":
                yield
                return
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(lock, fcntl.LOCK_UN)  # closing does not unlock what a forked child has open too


def _stored(found: Any) -> Stored:
    """What `_text` wrote; ValueError, LookupError or TypeError for anything else."""
    sequence, issued_at = found["order"]
    return Stored(
        body=base64.b64decode(_is(str, found["body"]), validate=True),
        signature=_is(str, found["signature"]),
        etag=_is(str, found["etag"]),
        order=(_is(int, sequence), _is(int, issued_at)),
        confirmed_at_us=_is(int, found["confirmed_at_us"]),
        jwks=_is(dict, found["jwks"]),
    )


def _is(kind: type[T], value: object) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _text(new: Stored) -> bytes:
    document = {
        "body": base64.b64encode(new.body).decode(),
        "signature": new.signature,
        "etag": new.etag,
        "order": list(new.order),
        "confirmed_at_us": new.confirmed_at_us,
        "jwks": new.jwks,
    }
    return json.dumps(document).encode()


def _sync_folder(folder: Path) -> None:
    """The rename itself is durable only then; not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
