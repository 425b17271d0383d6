"""The ASGI callable that granian serves: the delivery plane in front of the product (`app.server:application`)."""

import gc
from collections.abc import Callable
from datetime import datetime
from typing import cast

from a2wsgi.wsgi_typing import WSGIApp
from flask import Flask

from admin_views.screens.uploads.addresses import upload_limit
from app import clock, patience
from app.cors import ORIGINS
from app.delivery.documents import Documents, Subject
from app.delivery.freshness import SignedFreshness, freshness_of
from app.delivery.plane import App, DeliveryPlane, Scope, presents
from app.delivery.warmth import Warmth
from app.errors import Unavailable
from app.extensions import outages, readiness, signing_keys, start_publishing, start_viewing
from app.factory import create_app
from app.hosts import TRUSTED_HOSTS, is_admitted
from app.limits import LIMITS, Limits
from app.models.base import db
from app.models.config_version import SUBJECT_FIELDS
from app.services.delivery.current import Current, current, current_digests
from app.serving.product import Product
from app.serving.spool import Spool


def delivering(app: Flask) -> DeliveryPlane:
    """The product with its delivery plane."""

    def load(subject: Subject) -> tuple[Current | None, datetime | None]:
        with app.app_context():
            patience.hurry()
            try:
                named = dict(zip(SUBJECT_FIELDS, subject, strict=True))
                return current(db.session, named, signing_keys().ring(), now=clock.now())
            finally:
                db.session.remove()

    def active() -> dict[Subject, str]:
        with app.app_context():
            try:
                return cast(dict[Subject, str], current_digests(db.session))
            finally:
                db.session.remove()

    with app.app_context():
        freshness = SignedFreshness(freshness_of(db.engine.url), signing_keys().version)
        met, report = outages().met, readiness().report
    documents = Documents(freshness, load, clock.now, met)
    warmth, config = Warmth(documents, active), app.config
    token, hosts, origins = config["API_TOKEN"], config[TRUSTED_HOSTS], config[ORIGINS]
    return DeliveryPlane(_product(app, met), documents, token, hosts, report, warmth, origins)


def _product(app: Flask, met: Callable[[Unavailable, BaseException], None]) -> App:
    """Flask on threads of its own, behind whole bodies."""
    spool = Spool(app.config["DATA_DIR"] / "spool")
    return Product(cast(WSGIApp, app.wsgi_app), app.config.get(LIMITS, Limits()), _body_limits(app), spool, met)


def _body_limits(app: Flask) -> Callable[[Scope], int]:
    """The bytes that the body of a request may have; none for those that the product refuses unread."""
    token, hosts, usual = app.config["API_TOKEN"], app.config[TRUSTED_HOSTS], app.config["MAX_CONTENT_LENGTH"]
    expected = None if token is None else token.encode()

    def limit_of(scope: Scope) -> int:
        headers = dict(scope["headers"])
        if not presents(headers, expected) or not is_admitted(hosts, headers.get(b"host", b"").decode("latin-1")):
            return 0
        return upload_limit(scope["path"]) or usual

    return limit_of


def application() -> DeliveryPlane:
    """Make it, with what a serving process does in the background; `app/serving/worker.py` calls this by its name."""
    app = create_app()
    with app.app_context():
        start_publishing()
        start_viewing()
    plane = delivering(app)
    gc.collect()
    gc.freeze()  # what is here stays: looking through it again would stop every listener for a quarter of a second
    return plane
