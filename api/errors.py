"""Every refusal as RFC 9457 problem details; no stack trace ever leaves the server (spec 6)."""

from collections.abc import Mapping

from flask import Response
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.errors import PROBLEM_TYPE, AvsError, Unauthorized, Unavailable, problem_of
from app.refusals import refusal_of
from app.request_ids import current_request_id
from simulation.canonical import Json, canonical_bytes

HTTP_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    414: "address_too_long",
    431: "headers_too_large",
    500: "internal_error",
}
HTTP_DETAILS = {
    404: "There is nothing at this address; /api/openapi.json lists what there is.",
    413: "The body is larger than this server takes.",
    500: "Something went wrong on the server; it is logged there.",
}


def problem(status: int, document: Mapping[str, Json]) -> Response:
    """The response with these problem details, which name the request."""
    named = {**document, "request_id": current_request_id()}
    return Response(canonical_bytes(named), status, content_type=PROBLEM_TYPE)


def of_refusal(error: AvsError) -> Response:
    response = problem(error.status, error.as_problem())
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Basic realm="AVS Brain", charset="UTF-8"'
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def of_http(error: HTTPException) -> Response | HTTPException:
    """The problem document of one of Flask's own refusals; a redirect stays what it is."""
    if error.code is None or error.code < 400:
        return error
    status = error.code
    detail = HTTP_DETAILS.get(status) or error.description or error.name
    response = problem(status, problem_of(status, error.name, detail, HTTP_CODES.get(status, "bad_request")))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def answer(error: Exception) -> ResponseReturnValue:
    """The problem document of an exception that `app.refusals` tells as a refusal."""
    refusal = refusal_of(error)
    return of_refusal(refusal) if isinstance(refusal, AvsError) else of_http(refusal)
