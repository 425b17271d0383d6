"""Refusals outside the API as pages in the product's frame, on addresses that no screen has too (spec 7)."""

from flask import Response, current_app, make_response, request
from flask.typing import ResponseReturnValue
from flask_admin import BaseView
from flask_admin.helpers import get_current_view, set_current_view
from werkzeug.exceptions import HTTPException

from admin_views.base import harden
from app.errors import AvsError, Unavailable
from app.refusals import refusal_of

TITLES = {
    404: "There is no such page",
    405: "This cannot be sent here",
    413: "Too large",
    500: "Something went wrong",
    503: "Not available just now",
}
DETAILS = {
    404: "No page has this address. The menu leads to all that there is.",
    405: "This address does not take what was sent to it: open the page anew and use its buttons.",
    413: "What was sent is larger than this server takes: send it in parts, or usage as a file from the Data screen.",
    500: "It is the server's fault, not yours; its log has the details. Go back and try again.",
    503: "The server cannot do this at the moment. Nothing was changed; try again shortly.",
}
"""What people are told instead of the words that HTTP itself has for programs, by status."""


def answer(error: Exception) -> ResponseReturnValue:
    """The page of an exception that `app.refusals` tells as a refusal; a redirect stays what it is."""
    refusal = refusal_of(error)
    if isinstance(refusal, AvsError):
        return _of_refusal(refusal)
    return refusal if refusal.code is None or refusal.code < 400 else _of_http(refusal, refusal.code)


def _of_refusal(error: AvsError) -> Response:
    again = request.url if error.status == 503 and request.method == "GET" else None
    response = _page(error.status, title=error.title, detail=error.detail, findings=error.findings, again=again)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="AVS Brain", charset="UTF-8"'
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _of_http(error: HTTPException, status: int) -> Response:
    is_of_http = error.description == type(error).description
    detail = DETAILS.get(status, error.description) if is_of_http else error.description
    response = _page(status, title=TITLES.get(status, error.name), detail=detail, findings=())
    response.headers.extend((name, value) for name, value in error.get_headers() if name != "Content-Type")
    return response


def _page(status: int, **values: object) -> Response:
    """The page in the frame of the view that was asked; where none was, in that of the tables' first page."""
    view: BaseView = get_current_view() or current_app.extensions["admin"][0].index_view
    set_current_view(view)
    return harden(make_response(view.render("avs/refusal.html", **values), status))
