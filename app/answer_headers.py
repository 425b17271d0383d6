"""The headers of every answer, whoever gives it: screens, tables, API, files, streams, refusals (spec 6)."""

from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
"""No browser takes an answer for another type, shows it within another page, or tells another site its address."""
UNLESS_SAID = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""An answer that is no page loads nothing, and what does not say how long it is good is not kept."""
PAIRS = [(name.lower().encode(), value.encode()) for name, value in (ALWAYS | UNLESS_SAID).items()]
"""The headers in bytes, as ASGI has them, for answers that are given in front of the product."""


class Sessions(SecureCookieSessionInterface):
    """Flask's sessions, whose cookie no private answer varies by.

    The cookie is a new one with every second. `Vary: Cookie` keeps one person's answer from another where a cache is
    shared; in a browser's own it would only lose the page that Back is to show.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        super().save_session(app, session, response)
        if response.cache_control.private:
            response.vary.discard("Cookie")


def harden(app: Flask) -> None:
    """Give every answer of the application the headers; pages and files say more about themselves first."""
    app.session_interface = Sessions()
    app.after_request(_hardened)


def _hardened(response: Response) -> Response:
    response.headers.update(ALWAYS)
    for name, value in UNLESS_SAID.items():
        response.headers.setdefault(name, value)
    return response
