"""What every answer of the server carries, whoever gives it: the request's id, the API's version, CORS (spec 6)."""

from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache

from app.api_version import CURRENT, KNOWN
from app.api_version import HEADER as API_VERSION
from app.cors import sharing
from app.refusals import is_api
from app.request_ids import HEADER as REQUEST_ID
from app.request_ids import request_id_of, sent_id
from simulation.canonical import Json

Message = dict[str, Json]
Scope = dict[str, Json]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]
_ID, _VERSION = REQUEST_ID.lower().encode(), API_VERSION.lower().encode()
_KNOWN = frozenset(version.encode() for version in KNOWN)


def enveloped(scope: Scope, send: Send, origins: frozenset[str]) -> tuple[Scope, Send]:
    """The request with a well-formed id, and a `send` that adds to its answer what the answer does not say yet."""
    headers: list[Header] = scope["headers"]
    sent = sent_id(headers)
    name = request_id_of(sent)
    if name != sent:
        headers = [*(header for header in headers if header[0] != _ID), (_ID, name.encode())]
        scope = {**scope, "headers": headers}
    more = [(_ID, name.encode())]
    if is_api(scope["path"]):
        more += _of_api(_origin(headers) if origins else "", origins)

    async def send_enveloped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _completed(message["headers"], more)}
        await send(message)

    return scope, send_enveloped


def speaks_known_version(headers: dict[bytes, bytes]) -> bool:
    """Whether a request is for a version of the API that this server has, as one is that names none."""
    version = headers.get(_VERSION)
    return version is None or version in _KNOWN


@lru_cache(maxsize=1_000)
def _of_api(origin: str, origins: frozenset[str]) -> tuple[Header, ...]:
    shared = [(name.lower().encode(), value.encode()) for name, value in sharing(origin, origins)]
    return (_VERSION, CURRENT.encode()), *shared


def _origin(headers: Iterable[Header]) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == b"origin"), "")


def _completed(headers: Iterable[Header], more: Iterable[Header]) -> list[Header]:
    """The headers of an answer with those that it lacks; the product's own answers have them all."""
    given = list(headers)
    names = {bytes(name).lower() for name, _ in given}
    return given if _ID in names else [*given, *more]
