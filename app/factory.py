"""The composition root: the only place that knows every part."""

from collections.abc import Mapping
from typing import Any

from flask import Flask, request
from flask.typing import ResponseReturnValue

import admin_views.refusals
import admin_views.register
import api.errors
import api.register
from app import extensions, patience, refusals
from app.answer_headers import harden
from app.api_version import answer_in_a_version
from app.core import create_core
from app.cors import share_with_origins
from app.edges import require_short_addresses
from app.errors import Unavailable
from app.hosts import require_trusted_hosts
from app.identity import guard
from app.request_ids import name_requests


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """The WSGI application; `overrides` replace settings (tests give a database and a data directory)."""
    app = create_core(overrides)
    name_requests(app)
    harden(app)
    require_trusted_hosts(app)
    require_short_addresses(app)
    share_with_origins(app)
    guard(app)
    answer_in_a_version(app)
    app.before_request(lambda: patience.hurry())
    app.add_url_rule("/healthz", "healthz", lambda: {"status": "ok"})
    app.add_url_rule("/readyz", "readyz", _ready)
    api.register.register(app)
    admin_views.register.register(app)
    for kind in refusals.TOLD:
        app.register_error_handler(kind, _refused)
    return app


def _ready() -> ResponseReturnValue:
    """What of the product is there; where the delivery plane stands in front, it answers this itself."""
    status, document = extensions.readiness().report()
    return document, status


def _refused(error: Exception) -> ResponseReturnValue:
    """The refusal as the door of the address tells it, whether a route is there or not."""
    refusal = refusals.refusal_of(error)
    if isinstance(refusal, Unavailable):
        extensions.outages().met(refusal, error)
    if refusals.is_api(request.path):
        return api.errors.answer(refusal)
    return admin_views.refusals.answer(refusal)
