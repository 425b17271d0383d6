"""The store of published documents: a folder or a bucket, written through fsspec one whole object at a time."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
from fsspec.registry import known_implementations

from app.errors import AvsError, Invalid

FOREVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=10, stale-if-error=86400"
JSON = "application/json"
_HINTS: Mapping[str, Callable[[str], Mapping[str, object]]] = {
    "s3": lambda hint: {"CacheControl": hint, "ContentType": JSON},
    "gs": lambda hint: {"fixed_key_metadata": {"cache_control": hint}, "content_type": JSON},
}
"""How each filesystem takes Cache-Control; for others the web server in front sets it (docs/publishing.md)."""


class StoreDown(AvsError):
    """The store did not answer, or refused."""

    status = 503
    title = "Store not reached"


class PublishStore:
    """The objects under one URL; paths are relative to it.

    Options of a filesystem come from fsspec's own configuration and environment. Every method raises Invalid for a URL
    that cannot be opened here, and StoreDown when the store fails.
    """

    def __init__(self, url: str) -> None:
        self._url, protocol = url, fsspec.utils.get_protocol(url)
        self.protocol = "file" if protocol == "local" else protocol
        self._opened_by: tuple[int, Any, str] | None = None  # process, fsspec's filesystem, path

    def require(self) -> None:
        """Raise Invalid for a URL that cannot be opened here; sends nothing over the network."""
        try:
            fsspec.get_filesystem_class(self.protocol)
        except ImportError as error:
            package = _package(self.protocol)
            raise Invalid(
                f"Publishing to {self.protocol}:// needs {package}: pip install {package} beside AVS Brain.",
                code="publish_package_missing",
            ) from error
        except ValueError as error:
            raise Invalid(
                f"Nothing can be published to {self.protocol}://: give file://, s3://, gs:// or az://.",
                code="publish_url_unknown",
            ) from error

    def read(self, path: str) -> bytes | None:
        """The bytes of an object as they are now; None when there is none."""
        filesystem, root = self._opened
        try:
            content: bytes = filesystem.cat_file(f"{root}/{path}")
        except FileNotFoundError:
            return None
        except Exception as error:
            raise StoreDown(f"{path} was not read from the {self.protocol} store: {error!r}") from error
        return content

    def write(self, path: str, content: bytes, *, forever: bool) -> None:
        """Write a whole object, replacing what is there; `forever`: its path never holds other bytes."""
        filesystem, root = self._opened
        try:
            if self.protocol == "file":
                _replace(Path(root, path), content)
            else:
                options_for = _HINTS.get(self.protocol)
                options = options_for(FOREVER if forever else BRIEFLY) if options_for else {}
                filesystem.pipe_file(f"{root}/{path}", content, **options)
        except Exception as error:
            raise StoreDown(f"{path} was not written to the {self.protocol} store: {error!r}") from error

    def paths(self, folder: str) -> list[str]:
        """The paths of all objects under a folder, in order."""
        filesystem, root = self._opened
        try:
            filesystem.invalidate_cache()
            names: list[str] = filesystem.find(f"{root}/{folder}")
        except FileNotFoundError:
            return []
        except Exception as error:
            raise StoreDown(f"{folder}/ was not listed by the {self.protocol} store: {error!r}") from error
        return sorted(path.removeprefix(f"{root}/") for path in names if not Path(path).name.startswith("."))

    @property
    def _opened(self) -> tuple[Any, str]:
        """The filesystem and the path of `url` in it. Each process opens its own: connections do not cross a fork."""
        if self._opened_by is None or self._opened_by[0] != os.getpid():
            self.require()
            filesystem, root = fsspec.core.url_to_fs(self._url)
            self._opened_by = os.getpid(), filesystem, root.rstrip("/")
        return self._opened_by[1:]


def _package(protocol: str) -> str:
    """The distribution that brings a protocol to fsspec: s3fs, gcsfs, adlfs, …"""
    return str(known_implementations.get(protocol, {"class": protocol})["class"].split(".")[0])


def _make_readable_folder(folder: Path) -> None:
    """Make the folder and those above it that are missing, open to the web server in front."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(exist_ok=True)
        missing.chmod(0o755)


def _replace(path: Path, content: bytes) -> None:
    """Replace a file atomically and durably: a reader finds the old object or the new one.

    Web servers tell versions apart by the time of change in whole seconds (nginx's ETag is that and the length), so the
    new file is always dated at least a second later than the one it replaces.
    """
    _make_readable_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}")
    with suppress(FileNotFoundError):
        temporary.unlink()  # of a process that was killed
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            os.fchmod(file.fileno(), 0o644)  # for the web server, whatever the product keeps to itself
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            moment = max(int(time.time()), int(path.stat().st_mtime) + 1)
            os.utime(temporary, (moment, moment))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
