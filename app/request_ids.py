"""The id of a request: in its answer, in its problem document and in the lines that are logged for it (spec 6).

An id that a client or a proxy sends is taken over where it is well-formed, so that one request has one id everywhere;
else one is made, different from others and no secret. It says nothing about who asked or for what.
"""

import logging
import random
import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from flask import Flask, Response, request

HEADER = "X-Request-Id"
PATTERN = "[A-Za-z0-9][A-Za-z0-9._~+/=:-]{0,127}"
"""What an id may be: it is written to logs and headers as it is, so nothing that could end a line or a field."""
_WELL_FORMED = re.compile(PATTERN, re.ASCII)
_WIRE = HEADER.lower().encode()
_current: ContextVar[str] = ContextVar("request_id", default="")


def request_id_of(sent: str | None) -> str:
    """The id that was sent, or a new one of 32 hexadecimal digits."""
    return sent if sent is not None and _WELL_FORMED.fullmatch(sent) else f"{random.getrandbits(128):032x}"


def current_request_id() -> str:
    """The id of the request that this thread works on; empty outside of one."""
    return _current.get()


def sent_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The id in the headers of a request as ASGI has them; None without one."""
    for name, value in headers:
        if name == _WIRE:
            return value.decode("latin-1")
    return None


def name_requests(app: Flask) -> None:
    """Give every request its id before anything else looks at it, and every answer the id of its request."""
    _log_with_ids()
    app.before_request(_name)
    app.after_request(_say)
    app.teardown_request(_forget)


def _name() -> None:
    _current.set(request_id_of(request.headers.get(HEADER)))


def _say(response: Response) -> Response:
    response.headers[HEADER] = current_request_id()
    return response


def _forget(_error: BaseException | None) -> None:
    _current.set("")


_plain = logging.getLogRecordFactory()


def _with_id(*arguments: Any, **options: Any) -> logging.LogRecord:
    """A line of the log, which ends in the id of the request that it is logged for."""
    record = _plain(*arguments, **options)
    if name := current_request_id():
        record.request_id = name
        record.msg = f"{record.msg} [request {name}]"
    return record


def _log_with_ids() -> None:
    logging.setLogRecordFactory(_with_id)
