"""What every answer of the server carries, whoever gives it: the request's id, the API's version, CORS (spec 6)."""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

from app.api_version import CURRENT, KNOWN
from app.api_version import HEADER as API_VERSION
from app.cors import sharing
from app.refusals import is_api
from app.request_ids import HEADER as REQUEST_ID
from app.request_ids import request_id_of
from simulation.canonical import Json

Message = dict[str, Json]
Scope = dict[str, Json]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]
_ID, _VERSION = REQUEST_ID.lower().encode(), API_VERSION.lower().encode()
_SPOKEN: Header = (_VERSION, CURRENT.encode())
_KNOWN = frozenset(version.encode() for version in KNOWN)


def said(headers: Mapping[bytes, bytes], origins: frozenset[str], *, of_api: bool) -> list[Header]:
    """The headers of an answer to a request with these; the first one is the request's id."""
    sent = headers.get(_ID)
    name = (_ID, request_id_of(None if sent is None else sent.decode("latin-1")).encode())
    if not of_api:
        return [name]
    shared = _shared(headers.get(b"origin", b"").decode("latin-1"), origins) if origins else ()
    return [name, _SPOKEN, *shared]


def speaks_known_version(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request is for a version of the API that this server has, as one is that names none."""
    version = headers.get(_VERSION)
    return version is None or version in _KNOWN


def enveloped(scope: Scope, send: Send, origins: frozenset[str]) -> tuple[Scope, Send]:
    """The request with a well-formed id, and a `send` that adds to its answer what the answer does not say yet."""
    more = said(dict(scope["headers"]), origins, of_api=is_api(scope["path"]))
    others = [header for header in scope["headers"] if header[0] != _ID]

    async def send_enveloped(message: Message) -> None:
        if message["type"] == "http.response.start" and not any(name == _ID for name, _ in message["headers"]):
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return {**scope, "headers": [*others, more[0]]}, send_enveloped


@lru_cache(maxsize=1_000)
def _shared(origin: str, origins: frozenset[str]) -> tuple[Header, ...]:
    """What lets a page of the origin read an answer."""
    return tuple((name.lower().encode(), value.encode()) for name, value in sharing(origin, origins))
