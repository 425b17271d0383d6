"""The guarded base of every admin view: deny by default, CSRF on every write, one content security policy."""

from typing import Any

from flask import Response, flash, make_response, request
from flask_admin import BaseView
from flask_admin.form import SecureForm
from flask_admin.helpers import set_current_view
from werkzeug.exceptions import HTTPException

from app.errors import AvsError
from app.identity import require_token

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
CSRF_DETAIL = "This form has expired or did not come from this page: go back, reload it and send it again."


class Refused(AvsError):
    """A write through a door that does not exist, or without this session's token."""

    status = 403
    title = "Refused"


class NotAllowed(AvsError):
    status = 405
    title = "Read-only"


class CsrfForm(SecureForm):
    """Nothing but the token."""


def csrf_field() -> Any:
    """The hidden input that a form of ours carries when it has no other fields."""
    return CsrfForm().csrf_token


class GuardedView(BaseView):
    """Open only to who may use the API; a write reaches only the routes that a view names in `writes`.

    Routes in `checks_own_token` show a form with fields: they check its token themselves, to keep what was typed.
    """

    writes: frozenset[str] = frozenset()
    checks_own_token: frozenset[str] = frozenset()

    def _handle_view(self, name: str, **kwargs: Any) -> Any:
        """Ask again what the app's own guard asked: a view stays closed even where that guard is missing."""
        require_token()
        if request.method not in SAFE_METHODS:
            self._admit_write(name)
        return super()._handle_view(name, **kwargs)

    def _admit_write(self, name: str) -> None:
        if name not in self.writes:
            raise NotAllowed(f"{self.name} cannot be changed here.", code="read_only")
        if name not in self.checks_own_token and not CsrfForm(request.form).validate():
            raise Refused(CSRF_DETAIL, code="csrf_failed")

    def _run_view(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the view once; the stock version takes a TypeError inside it for a missing argument and calls again."""
        return fn(self, *args, **kwargs)

    def create_blueprint(self, admin: Any) -> Any:
        blueprint = super().create_blueprint(admin)
        blueprint.after_request(harden)
        blueprint.register_error_handler(AvsError, self._refuse)
        blueprint.register_error_handler(HTTPException, self._http_error)
        return blueprint

    def _refuse(self, error: AvsError) -> Response:
        set_current_view(self)
        page = self.render("avs/refusal.html", title=error.title, detail=error.detail, findings=error.findings)
        response = make_response(page, error.status)
        if error.status == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="AVS Brain", charset="UTF-8"'
        return response

    def _http_error(self, error: HTTPException) -> Any:
        if error.code is None or error.code < 400:
            return error
        set_current_view(self)
        page = self.render("avs/refusal.html", title=error.name, detail=error.description, findings=())
        response = make_response(page, error.code)
        if error.code == 405 and getattr(error, "valid_methods", None):
            response.headers["Allow"] = ", ".join(error.valid_methods)
        return response


def harden(response: Response) -> Response:
    """Security headers for pages; a packaged asset keeps its caching."""
    for name, value in HEADERS.items():
        if name != "Cache-Control" or response.mimetype in ("text/html", "text/csv"):
            response.headers[name] = value
    return response


def note(message: str, category: str = "success") -> None:
    flash(message, category)
