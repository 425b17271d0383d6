"""The running product for a browser: seeded once, served from a folder, and where Chromium is."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from app import extensions
from app.factory import create_app
from app.models.base import db
from seed.loader import load_seed
from tests.databases import DATABASE, migrated, settings

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "The browser tests need Chromium: install it with `apt-get install -y chromium`, or put it on the PATH."
SEEDED_AT = datetime(2026, 4, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Site:
    """The running product and its address."""

    app: Flask
    address: str


def chromium_path() -> str:
    """Where Chromium is; says how to install it when it is nowhere."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, MISSING
    return found


def seed_folder(folder: Path) -> None:
    """Fill a data directory with both demo workspaces."""
    uri = f"sqlite:///{folder / DATABASE}"
    migrated(uri, folder)
    app = create_app(settings(uri, folder))
    with app.app_context():
        load_seed(db.session, extensions.usage_events().store, now=SEEDED_AT, with_growth=True)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()


def served_settings(folder: Path) -> dict[str, Any]:
    """As in production, a page that fails answers with the page that says so."""
    return settings(f"sqlite:///{folder / DATABASE}", folder) | {"TESTING": False}


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """The product on a data directory, on a free port of this machine."""
    app = create_app(served_settings(folder))
    with listening(app) as site:
        yield site
    with app.app_context():
        db.engine.dispose()


@contextmanager
def listening(app: Flask) -> Iterator[Site]:
    """A server for the application, on a free port of this machine."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Site(app, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
