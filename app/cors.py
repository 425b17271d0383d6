"""Pages of other origins that may use the API from a browser: none, unless `AVS_CORS_ORIGINS` names them (spec 6).

Origins are exact, and no answer allows credentials: a page sends the API token itself, in `Authorization`, and what
the browser keeps for this server (its session, its password) never goes along. Screens are never shared; the check of
`Host` and the token stay as they are.
"""

import re
from collections.abc import Iterable, Mapping

from flask import Flask, Response, current_app, request

from app.api_version import HEADER as API_VERSION
from app.errors import BadSetting
from app.refusals import is_api
from app.request_ids import HEADER as REQUEST_ID

SETTING = "AVS_CORS_ORIGINS"
ORIGINS = "AVS_CORS"
"""Where the application's settings keep the origins."""
_ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
EXPOSED = (
    "ETag",
    "Location",
    "Retry-After",
    "Content-Disposition",
    "Deprecation",
    "Sunset",
    "Link",
    "AVS-Signature",
    "AVS-Config-Version-Id",
    API_VERSION,
    REQUEST_ID,
)
"""The headers of answers that such a page may read, beside those that every page may."""
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": ", ".join(
        (
            "Authorization",
            "Content-Type",
            "If-Match",
            "If-None-Match",
            "Idempotency-Key",
            "Last-Event-ID",
            "X-Operator",
            API_VERSION,
            REQUEST_ID,
        )
    ),
    "Access-Control-Max-Age": "600",
}


def cors_origins(environ: Mapping[str, str]) -> frozenset[str]:
    """The origins of `AVS_CORS_ORIGINS`, commas or blanks between; raises BadSetting for what is no exact origin."""
    return frozenset(_origin(text) for text in re.split(r"[\s,]+", environ.get(SETTING, "")) if text)


def _origin(text: str) -> str:
    """The origin as browsers send it: lower case, without the usual port of its scheme."""
    origin = text.lower()
    if not _ORIGIN.fullmatch(origin):
        raise BadSetting(
            f"{SETTING} has {text!r}, which is no origin: give each as https://app.example.com or "
            "http://localhost:3000, without a path, with commas between. A star is not taken."
        )
    return re.sub(r"^(https:.*):443$|^(http:.*):80$", lambda match: match[1] or match[2], origin)


def sharing(origin: str, origins: Iterable[str]) -> list[tuple[str, str]]:
    """The headers that let a page of the origin read an answer of the API; where nothing is shared, none."""
    if not origins:
        return []
    allowed = [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", ", ".join(EXPOSED))]
    return [("Vary", "Origin"), *(allowed if origin in origins else [])]


def share_with_origins(app: Flask) -> None:
    """Answer preflights of the named origins, before a token is asked for, and let their pages read answers."""
    app.config.setdefault(ORIGINS, frozenset())
    app.before_request(_preflight)
    app.after_request(_share)


def _preflight() -> Response | None:
    """The answer to a browser that asks whether a page may send a request; None for every other request."""
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if asks and is_api(request.path) and request.headers.get("Origin") in current_app.config[ORIGINS]:
        return Response(status=204, headers=_PREFLIGHT)
    return None


def _share(response: Response) -> Response:
    if is_api(request.path):
        for name, value in sharing(request.headers.get("Origin", ""), current_app.config[ORIGINS]):
            response.headers.add(name, value)
    return response
