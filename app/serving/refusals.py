"""What the server says by itself, in front of the product, when it cannot hand a request over."""

from html import escape

from app.answer_headers import PAIRS
from app.delivery.plane import Scope, Send
from app.errors import PROBLEM_TYPE, AvsError, Unavailable
from app.refusals import is_api
from app.request_ids import sent_id
from simulation.canonical import canonical_bytes

BUSY_SECONDS = 5


class TooSlow(AvsError):
    """The refusal, 408, of a request that does not arrive in time."""

    status = 408
    title = "Request timeout"


def too_slow() -> TooSlow:
    """The refusal of a request that is not whole and brings nothing more."""
    return TooSlow(
        "The request did not arrive in time. Send it again, over a better connection or in smaller parts.",
        code="request_timeout",
    )


def busy() -> Unavailable:
    """The refusal of a request for which there was no thread, 503."""
    return Unavailable(
        "The server works on as many requests as it can, and none was finished in time. Nothing was done for this one: "
        "send it again.",
        code="server_busy",
        retry_after_seconds=BUSY_SECONDS,
    )


async def refuse(scope: Scope, send: Send, refusal: AvsError) -> None:
    """Answer with the refusal and close the connection: a problem document to programs, a small page to people."""
    content_type, body = _problem(refusal, sent_id(scope["headers"])) if is_api(scope["path"]) else _page(refusal)
    headers = [*PAIRS, (b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    if isinstance(refusal, Unavailable):
        headers.append((b"retry-after", str(refusal.retry_after_seconds).encode()))
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _problem(refusal: AvsError, request_id: str | None) -> tuple[bytes, bytes]:
    return PROBLEM_TYPE.encode(), canonical_bytes(refusal.as_problem() | {"request_id": request_id})


def _page(refusal: AvsError) -> tuple[bytes, bytes]:
    title, detail = escape(refusal.title), escape(refusal.detail)
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{detail}</p>'
    return b"text/html; charset=utf-8", page.encode()
