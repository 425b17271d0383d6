"""The composition root: the only place that knows every part."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_migrate import Migrate

import admin_views.register
import api.register
from app import (
    extensions,
    models,  # noqa: F401  (registers every table)
)
from app.cli import avs
from app.commands.serve import MIGRATIONS
from app.config import settings
from app.identity import guard
from app.models.base import db
from app.models.transactions import configure_sqlite
from app.services.delivery.signing import KeyStore
from app.services.usage.store import EventStore, UsageEvents
from seed.loader import DEMO_EVENTS


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """The WSGI application; `overrides` replace settings (tests give a database and a data directory)."""
    app = Flask(__name__, static_folder=None)
    app.config.from_mapping(settings() if overrides is None else overrides)
    db.init_app(app)
    with app.app_context():
        configure_sqlite(db.engine)
    Migrate(app, db, directory=str(MIGRATIONS))
    install_extensions(app)
    if not sa.event.contains(db.session, "after_commit", extensions.publish_committed):
        sa.event.listen(db.session, "after_commit", extensions.publish_committed)
    guard(app)
    app.add_url_rule("/healthz", "healthz", lambda: {"status": "ok"})
    api.register.register(app)
    admin_views.register.register(app)
    app.cli.add_command(avs)
    return app


def install_extensions(app: Flask) -> None:
    """What the settings name besides the database: usage events, signing keys and where to publish."""
    events = UsageEvents(EventStore(app.config["DATA_DIR"] / "usage"), DEMO_EVENTS)
    keys = KeyStore(app.config["DATA_DIR"] / "signing_keys", app.config.get("SIGNING_KEY"))
    app.extensions[extensions.KEY] = extensions.Extensions(events, keys)
    if url := app.config.get("PUBLISH_URL"):
        with app.app_context():
            publisher = extensions.publisher_to(url)
        app.extensions[extensions.KEY] = extensions.Extensions(events, keys, publisher)


def main() -> None:
    """The console script `avs`: the same commands as `flask avs`."""
    with create_app().app_context():
        avs()
