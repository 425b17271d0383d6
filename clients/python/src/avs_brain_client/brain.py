"""AVS Brain over HTTP: the config, its stream, the public keys, and where enforcement events go."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from avs_brain_client.document import Subject
from avs_brain_client.errors import BadSignature, EventsRefused, TokenRefused, Unreachable
from avs_brain_client.http import Http
from avs_brain_client.json_text import exact_json

CONFIG, STREAM, KEYS, EVENTS, USAGE = (
    "/api/runtime/config",
    "/api/runtime/stream",
    "/api/runtime/keys",
    "/api/enforcement-events",
    "/api/usage-events",
)
SILENCE_SECONDS = 45
"""A stream that brings nothing, not even one of the heartbeats of every 15 seconds, is dead."""
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A document as it came: nothing about it has been checked."""

    body: bytes
    signature: str
    etag: str


class Brain:
    """One AVS Brain. Every method raises Unreachable when it does not answer as it should."""

    def __init__(self, base_url: str, token: str | None = None, timeout_seconds: float = 10) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._timeout = timeout_seconds
        self._http = Http(base_url, headers, timeout_seconds)

    def config(self, subject: Subject, etag: str | None = None, wait_seconds: int = 0) -> Delivered | None:
        """The active document; None when it is still the one with this etag."""
        query: dict[str, str | int] = {**subject.query()}
        if wait_seconds and etag is not None:
            query["wait"] = wait_seconds
        headers = {} if etag is None else {"If-None-Match": f'"{etag}"'}
        answer = self._get(CONFIG, params=query, headers=headers, timeout=self._timeout + wait_seconds)
        if answer.status_code == 304:
            return None
        found = answer.headers.get("ETag", "").removeprefix("W/").strip('"').partition("-")[0]
        return Delivered(answer.content, answer.headers.get("AVS-Signature", ""), found)

    def keys(self) -> Mapping[str, Any]:
        """The published JSON Web Key Set."""
        try:
            found = self._get(KEYS).json()
        except ValueError as problem:
            raise Unreachable(f"{KEYS} did not answer with JSON.") from problem
        if not isinstance(found, dict):
            raise Unreachable(f"{KEYS} did not answer with a key set.")
        return found

    @contextmanager
    def stream(self, subject: Subject, last_event_id: str | None = None) -> Iterator[Iterator[Delivered | None]]:
        """Documents as they become active; None for a heartbeat. Ends when the server ends it."""
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        timeout = httpx.Timeout(self._timeout, read=SILENCE_SECONDS)
        try:
            with self._http.client.stream(
                "GET", STREAM, params=subject.query(), headers=headers, timeout=timeout
            ) as answer:
                if answer.status_code != 200:
                    raise _unexpected(STREAM, answer.status_code, "")
                yield _events(answer.iter_lines())
        except httpx.HTTPError as problem:
            raise Unreachable(f"{STREAM}: {problem!r}") from problem

    def send_events(self, events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Post a batch; what became of each event, in order."""
        results = _results(self._post(EVENTS, events))
        if len(results) != len(events):
            raise Unreachable(f"{EVENTS} answered for {len(results)} of {len(events)} events.")
        return results

    def send_usage(self, events: Sequence[Mapping[str, Any]]) -> Mapping[int, str]:
        """Post usage events, at most 1,000; by the index of each that is rejected, why."""
        answer = self._post(USAGE, events)
        receipt = _receipt(answer)
        if answer.status_code != 202 and receipt is None:
            raise _unexpected(USAGE, answer.status_code, _title(answer))
        if receipt is None:
            raise Unreachable(f"{USAGE} did not answer with a receipt.")
        return receipt

    def _post(self, path: str, events: Sequence[Mapping[str, Any]]) -> httpx.Response:
        content = exact_json(events).encode()
        try:
            return self._http.client.post(path, content=content, headers={"Content-Type": "application/json"})
        except httpx.HTTPError as problem:
            raise Unreachable(f"{path}: {problem!r}") from problem

    def close(self) -> None:
        self._http.close()

    def _get(self, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.client.get(path, **options)
        except httpx.HTTPError as problem:
            raise Unreachable(f"{path}: {problem!r}") from problem
        if answer.status_code not in (200, 304):
            raise _unexpected(path, answer.status_code, _title(answer))
        return answer


def _events(lines: Iterator[str]) -> Iterator[Delivered | None]:
    """Server-sent events: `data` of one event, then an empty line; a line that begins with a colon is a heartbeat."""
    data: list[str] = []
    for line in lines:
        if line.startswith(":"):
            yield None
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield _delivered("\n".join(data))
            data = []


def _delivered(text: str) -> Delivered:
    try:
        found = json.loads(text)
        return Delivered(base64.b64decode(found["document_b64"], validate=True), found["signature"], found["etag"])
    except (ValueError, LookupError, TypeError, binascii.Error) as problem:
        raise BadSignature("The stream brought an event that cannot be read.") from problem


def _results(answer: httpx.Response) -> Sequence[Mapping[str, Any]]:
    if answer.status_code != 202:
        raise _unexpected(EVENTS, answer.status_code, _title(answer))
    try:
        results = answer.json()["results"]
    except (ValueError, LookupError, TypeError) as problem:
        raise Unreachable(f"{EVENTS} did not answer with results.") from problem
    return list(results)


def _receipt(answer: httpx.Response) -> Mapping[int, str] | None:
    """Of an answer to usage events: why by index, which row counts from 1; None when it is no receipt."""
    try:
        found = answer.json()
        rejects = {item["row"] - 1: f"{item['field']}: {item['reason']}" for item in found["rejects"]}
    except (ValueError, LookupError, TypeError):
        return None
    return rejects if answer.status_code in (202, 422) else None


def _unexpected(path: str, status: int, title: str) -> Unreachable | EventsRefused:
    """What to raise for an answer that is none of those that are expected."""
    text = f"{path} answered {status}{': ' if title else '.'}{title}"
    if status in (401, 403):
        return TokenRefused(text)
    return EventsRefused(text) if path in (EVENTS, USAGE) and status in (400, 413, 422) else Unreachable(text)


def _title(answer: httpx.Response) -> str:
    """What a problem+json says, or the beginning of whatever it is."""
    try:
        found = answer.json()
        return str(found.get("detail") or found.get("title") or found)
    except (ValueError, AttributeError):
        return answer.text[:200]
