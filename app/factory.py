"""The composition root: the only place that knows every part."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

import admin_views.register
import api.register
from app.core import create_core
from app.identity import guard


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """The WSGI application; `overrides` replace settings (tests give a database and a data directory)."""
    app = create_core(overrides)
    guard(app)
    app.add_url_rule("/healthz", "healthz", lambda: {"status": "ok"})
    api.register.register(app)
    admin_views.register.register(app)
    return app
