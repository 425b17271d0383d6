"""The application without doors: settings, database, extensions. Commands run in it; `app.factory` adds the doors."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app import (
    clock,
    extensions,
    models,  # noqa: F401  (registers every table)
)
from app.config import VIEWS_KEPT, settings
from app.extensions import Extensions
from app.models.base import db
from app.models.transactions import configure, engine_options
from app.outages import Outages
from app.readiness import Readiness, probes_of
from app.services.delivery.signing import KeyStore
from app.services.usage.store import EventStore, UsageEvents
from app.services.viewing import Viewing
from app.unavailable import refusal_of_failure
from seed.loader import DEMO_EVENTS


def create_core(overrides: Mapping[str, Any] | None = None) -> Flask:
    """An application without a single route; `overrides` replace settings."""
    app = Flask(__name__, static_folder=None)
    app.config.from_mapping(settings() if overrides is None else overrides)
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine_options(app.config["SQLALCHEMY_DATABASE_URI"]))
    db.init_app(app)
    app.teardown_appcontext(_close_session)
    with app.app_context():
        configure(db.engine)
        install_extensions(app)
    if not sa.event.contains(db.session, "after_commit", extensions.publish_committed):
        sa.event.listen(db.session, "after_commit", extensions.publish_committed)
    return app


def _close_session(_error: BaseException | None) -> None:
    """End the session of a request or a command, also where the database has gone and takes no farewell."""
    try:
        db.session.remove()
    except Exception as error:
        if refusal_of_failure(error) is None:
            raise
        db.session.registry.clear()


def install_extensions(app: Flask) -> None:
    """Give the application what its settings ask for besides the database: usage events, signing keys, a publisher."""
    data_dir, url = app.config["DATA_DIR"], app.config.get("PUBLISH_URL")
    events = UsageEvents(EventStore(data_dir / "usage"), DEMO_EVENTS)
    keys = KeyStore(data_dir / "signing_keys", app.config.get("SIGNING_KEY"))
    publisher = extensions.publishing_to(url, keys, db.engine, data_dir) if url else None
    viewing = Viewing(db.engine, clock.now, app.config.get("KEEP_VIEWS", VIEWS_KEPT))
    problem = None if publisher is None else publisher.last_problem
    readiness = Readiness(probes_of(db.engine, events.store, keys, problem))
    outages = Outages(readiness.is_well)
    app.extensions[extensions.KEY] = Extensions(events, keys, viewing, publisher, readiness=readiness, outages=outages)
