"""What AVS Brain publishes to a bucket or a folder, read through a CDN or from disk, with AVS Brain off.

A small pointer per subject says which document is current; the document is named by its SHA-256. Nothing here is
believed before its signature is checked, and nothing older than what is held is taken, wherever it came from.
"""

import json
import logging
import string
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx

from avs_brain_client.brain import Brain, Delivered
from avs_brain_client.document import Subject
from avs_brain_client.errors import Unreachable
from avs_brain_client.http import Http

log = logging.getLogger("avs_brain_client")

KEYS, DOCUMENTS = "keys.json", "documents/"
LONGEST_SEGMENT = 200
_AS_IT_IS = frozenset((string.ascii_letters + string.digits + "-_.").encode())

Answer = TypeVar("Answer")


class Source(Protocol):
    """Where a config comes from. Every method raises Unreachable when it cannot be had there."""

    def config(self, subject: Subject, etag: str | None = None, wait_seconds: int = 0) -> Delivered | None: ...

    def keys(self) -> Mapping[str, Any]: ...

    def stream(
        self, subject: Subject, last_event_id: str | None = None
    ) -> AbstractContextManager[Iterator[Delivered | None]]: ...

    def close(self) -> None: ...


class Published:
    """A published location: an http(s) address, a file:// URL or a folder. It can only be polled."""

    def __init__(self, location: str, timeout_seconds: float = 10) -> None:
        self._objects = _Http(location, timeout_seconds) if is_http(location) else _Folder(location)

    def config(self, subject: Subject, etag: str | None = None, wait_seconds: int = 0) -> Delivered | None:
        """The current document; None when it is still the one with this etag."""
        path = pointer_path(subject)
        digest, signature = _pointer(path, self._objects.read(path))
        if digest == etag:
            return None
        path = f"{DOCUMENTS}{digest}.json"
        body = self._objects.read(path)
        if sha256(body).hexdigest() != digest:
            raise Unreachable(f"{path} does not hash to its name.")
        return Delivered(body, signature, digest)

    def keys(self) -> Mapping[str, Any]:
        """The published JSON Web Key Set."""
        return _object(KEYS, self._objects.read(KEYS))

    def stream(
        self, subject: Subject, last_event_id: str | None = None
    ) -> AbstractContextManager[Iterator[Delivered | None]]:
        raise Unreachable("A published location cannot be streamed: poll it.")

    def close(self) -> None:
        self._objects.close()


class BrainOrPublished:
    """AVS Brain while it answers, else what it has published."""

    def __init__(self, brain: Brain, published: Published) -> None:
        self._brain, self._published = brain, published

    def config(self, subject: Subject, etag: str | None = None, wait_seconds: int = 0) -> Delivered | None:
        return _either(
            lambda: self._brain.config(subject, etag, wait_seconds), lambda: self._published.config(subject, etag)
        )

    def keys(self) -> Mapping[str, Any]:
        return _either(self._brain.keys, self._published.keys)

    def stream(
        self, subject: Subject, last_event_id: str | None = None
    ) -> AbstractContextManager[Iterator[Delivered | None]]:
        return self._brain.stream(subject, last_event_id)

    def close(self) -> None:
        self._brain.close()
        self._published.close()


def source_of(brain: Brain | None, published: Published | None) -> Source:
    """Whichever there is; ValueError when there is neither."""
    if brain is not None and published is not None:
        return BrainOrPublished(brain, published)
    found = brain or published
    if found is None:
        raise ValueError("Nowhere to have a config from: pass base_url, published, or both.")
    return found


def _either(ask: Callable[[], Answer], ask_instead: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except Unreachable as problem:
        log.info("%s Going by what is published.", problem)
        try:
            return ask_instead()
        except Unreachable as other:
            raise Unreachable(f"{problem} Where it is published: {other}") from other


def pointer_path(subject: Subject) -> str:
    """Where the pointer of a subject lies, relative to the published location."""
    return "/".join(("current", *map(_segment, subject.query().values()))) + ".json"


def _segment(text: str) -> str:
    """As AVS Brain writes it: percent-encoding with `!` for `%`, no leading dot, a SHA-256 in place of great length."""
    encoded = "".join(chr(byte) if byte in _AS_IT_IS else f"!{byte:02X}" for byte in text.encode())
    if encoded.startswith("."):
        encoded = "!2E" + encoded[1:]
    if len(encoded) > LONGEST_SEGMENT:
        encoded = f"{encoded[:100]}!!{sha256(text.encode()).hexdigest()}"
    return encoded or "!!"


def _pointer(path: str, content: bytes) -> tuple[str, str]:
    """Digest and signature. The path of the document is made from the digest: a pointer cannot lead elsewhere."""
    found = _object(path, content)
    digest, signature = found.get("digest"), found.get("signature")
    if not isinstance(digest, str) or not isinstance(signature, str):
        raise Unreachable(f"{path} is no pointer to a document.")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise Unreachable(f"{path} points to {digest[:80]!r}, which is no SHA-256.")
    return digest, signature


def _object(path: str, content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise Unreachable(f"{path} is not JSON.") from problem
    if not isinstance(found, dict):
        raise Unreachable(f"{path} is not a JSON object.")
    return found


def is_http(location: str) -> bool:
    """Whether a location is read over the network; ValueError when it is none that can be read."""
    scheme = urlsplit(location).scheme
    if "://" in location and scheme not in ("http", "https", "file"):
        raise ValueError(f"published is {location}: give its http(s) address, a file:// URL or a folder.")
    return scheme in ("http", "https")


class _Http:
    """Objects over HTTP; pointers and keys are asked for with the ETag of the copy that was read last."""

    def __init__(self, location: str, timeout_seconds: float) -> None:
        self._base = location.rstrip("/")
        self._http = Http(self._base, {}, timeout_seconds)
        self._read: dict[str, tuple[str, bytes]] = {}

    def read(self, path: str) -> bytes:
        etag, copy = self._read.get(path, ("", b""))
        try:
            answer = self._http.client.get(f"{self._base}/{path}", headers={"If-None-Match": etag} if etag else {})
        except httpx.HTTPError as problem:
            raise Unreachable(f"{path}: {problem!r}") from problem
        if answer.status_code == 304 and etag:
            return copy
        if answer.status_code != 200:
            raise Unreachable(f"{path} answered {answer.status_code}.")
        if (found := answer.headers.get("ETag")) and not path.startswith(DOCUMENTS):
            self._read[path] = found, answer.content
        return answer.content

    def close(self) -> None:
        self._http.close()


class _Folder:
    """Objects on this machine."""

    def __init__(self, location: str) -> None:
        self._root = Path(url2pathname(urlsplit(location).path) if location.startswith("file:") else location)

    def read(self, path: str) -> bytes:
        try:
            return (self._root / path).read_bytes()
        except OSError as problem:
            raise Unreachable(f"{path}: {problem!r}") from problem

    def close(self) -> None:
        """Nothing is held open."""
