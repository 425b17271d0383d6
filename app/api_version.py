"""The version of the API: answered always, and accepted where a client names the one that it was written for (spec 6).

The version rises only with a change that a client of the version before could not bear; docs/api.md says what that is,
and how long both are answered.
"""

from flask import Flask, Response, request

from app.errors import AvsError, FieldError
from app.refusals import is_api

HEADER = "AVS-API-Version"
CURRENT = "1"
KNOWN = (CURRENT,)
"""The versions that are answered, oldest first."""


class UnknownVersion(AvsError):
    """The refusal, 400, of a request for a version that this server does not have."""


def unknown_version(version: str) -> UnknownVersion:
    """The refusal, which names the known versions."""
    detail = f"There is no version {version[:40]!r} of the API. Known: {', '.join(KNOWN)}. Left out, it is {CURRENT}."
    return UnknownVersion(detail, code="unknown_api_version", errors=[FieldError(HEADER, detail)])


def answer_in_a_version(app: Flask) -> None:
    """Refuse requests of the API for an unknown version, and say the version in every answer of it."""
    app.before_request(_require_known)
    app.after_request(_say)


def _require_known() -> None:
    version = request.headers.get(HEADER)
    if version is not None and version not in KNOWN and is_api(request.path):
        raise unknown_version(version)


def _say(response: Response) -> Response:
    if is_api(request.path):
        response.headers[HEADER] = CURRENT
    return response
