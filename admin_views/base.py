"""The guarded base of every admin view: deny by default, CSRF on every write, one content security policy."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import flask_admin
from flask import Blueprint, Response, flash, request
from flask.typing import ResponseReturnValue
from flask_admin import Admin, BaseView
from flask_admin.form import SecureForm
from wtforms import Field

from app.errors import AvsError
from app.identity import require_token

REDIRECTS = range(300, 400)
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
NOT_KEPT = "no-store"
KEPT_FOR_BACK = "private, no-cache"
"""A page that answers a sent form is kept by the browser that sent it: else Back says that the form has expired."""
CSRF_DETAIL = "This form has expired or did not come from this page: go back, reload it and send it again."


ViewMethod = TypeVar("ViewMethod", bound=Callable[..., ResponseReturnValue])


def expose(url: str = "/", methods: Iterable[str] = ("GET",)) -> Callable[[ViewMethod], ViewMethod]:
    """Serve a method of a view at this URL beneath the view's own.

    Flask-Admin's decorator, whose type forgets what it decorates.
    """
    decorator: Callable[[ViewMethod], ViewMethod] = flask_admin.expose(url, methods)
    return decorator


class Refused(AvsError):
    """The refusal of a write, 403, whose request does not carry this session's token."""

    status = 403
    title = "Refused"


class NotAllowed(AvsError):
    """The refusal of a write, 405, to a view that offers none."""

    status = 405
    title = "Read-only"


class CsrfForm(SecureForm):
    """The form of a button: a token and no other field."""


def csrf_field() -> Field:
    """The hidden input with this session's token, for forms that are written by hand in a template."""
    return CsrfForm().csrf_token


class GuardedView(BaseView):
    """A view that is open only to who may use the API, and written through only by the routes it names in `writes`.

    Routes in `checks_own_token` show a form with fields: they check its token themselves, to keep what was typed.
    """

    writes: frozenset[str] = frozenset()
    checks_own_token: frozenset[str] = frozenset()

    def _handle_view(self, name: str, **kwargs: object) -> ResponseReturnValue | None:
        """Check the token that the app's own guard has checked: a view stays closed even where that guard is missing.

        Returns an answer that is given instead of the view's own, or None.
        """
        require_token()
        if request.method not in SAFE_METHODS:
            self._admit_write(name)
        answer: ResponseReturnValue | None = super()._handle_view(name, **kwargs)
        return answer

    def _admit_write(self, name: str) -> None:
        if name not in self.writes:
            raise NotAllowed(f"{self.name} cannot be changed here.", code="read_only")
        if name not in self.checks_own_token and not CsrfForm(request.form).validate():
            raise Refused(CSRF_DETAIL, code="csrf_failed")

    def _run_view(
        self, view_method: Callable[..., ResponseReturnValue], *args: object, **kwargs: object
    ) -> ResponseReturnValue:
        """Call the view once; the stock version takes a TypeError inside it for a missing argument and calls again."""
        return view_method(self, *args, **kwargs)

    def create_blueprint(self, admin: Admin) -> Blueprint:
        blueprint: Blueprint = super().create_blueprint(admin)
        blueprint.after_request(harden)
        return blueprint


def harden(response: Response) -> Response:
    """Add the policy of pages to an answer; a packaged asset keeps its caching."""
    response.headers["Content-Security-Policy"] = POLICY
    if response.mimetype in ("text/html", "text/csv"):
        is_answer_to_form = request.method == "POST" and response.status_code not in REDIRECTS
        response.headers["Cache-Control"] = KEPT_FOR_BACK if is_answer_to_form else NOT_KEPT
    return response


def note(message: str, category: str = "success") -> None:
    """Show a message on the next page; `category` is success or error."""
    flash(message, category)
