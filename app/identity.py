"""Who is acting, and whether they may: one local operator, and a token on every route when it is set (spec 6)."""

import hmac
from typing import Any

from flask import Flask, Request, current_app, request, session

from app import clock
from app.actor import Actor
from app.errors import AvsError, FieldError, Unauthorized
from rules.texts import problem_of

OPEN_ENDPOINTS = frozenset({"healthz", "readyz", "static"})


def current_actor() -> Actor:
    """The operator of this request: the signed-in session's, or the `X-Operator` header of an API client.

    400 for a header that no name can be (`rules.texts`).
    """
    name = session.get("operator_name") or request.headers.get("X-Operator", "operator")
    if problem := problem_of(name):
        error = FieldError("X-Operator", f"The header {problem}")
        raise AvsError(f"X-Operator: {error.detail}", code="bad_header", errors=[error])
    return Actor(name[:200], session.get("operator_role", "operator"))


def acting() -> dict[str, Any]:
    """The last two arguments of every writing service: `actor`, the operator of this request, and `now`."""
    return {"actor": current_actor(), "now": clock.now()}


def presented_token(incoming: Request) -> str:
    """The bearer token, or the password of HTTP basic authentication (what a browser can send)."""
    authorization = incoming.authorization
    if authorization is None:
        return ""
    return (authorization.token if authorization.type == "bearer" else authorization.password) or ""


def require_token() -> None:
    """Refuse the request unless it presents `AVS_API_TOKEN`; without that setting the server is local and open."""
    expected = current_app.config["API_TOKEN"]
    if expected is None or request.endpoint in OPEN_ENDPOINTS:
        return
    if not hmac.compare_digest(presented_token(request).encode(), expected.encode()):
        raise Unauthorized(
            "Send the API token as a bearer token, or as the password of HTTP basic authentication.",
            code="unauthorized",
        )


def guard(app: Flask) -> None:
    """Deny by default: every route of the app passes through `require_token`."""
    app.before_request(require_token)
