"""The running product for a browser: seeded once, served from a folder, and where Chromium is."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import sync_playwright
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
REQUIRED = "REQUIRE_BROWSER"
"""Set in CI: a browser test without a browser fails instead of being skipped."""
MISSING = "No browser: install Chromium (`apt-get install -y chromium`), or put one on the PATH."
SEEDED_AT = datetime(2026, 4, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Site:
    """The running product and its address."""

    app: Flask
    address: str


def chromium_path() -> str:
    """Where Chromium is. Without one the test is skipped, or fails where a browser is required."""
    path = installed_chromium()
    if path is None and not os.environ.get(REQUIRED):
        pytest.skip(MISSING)
    assert path, MISSING
    return path


def installed_chromium() -> str | None:
    """A browser on the PATH, else Playwright's own; None when there is neither."""
    on_the_path = next((path for name in NAMES if (path := shutil.which(name))), None)
    if on_the_path:
        return on_the_path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


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
