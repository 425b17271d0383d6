"""The ASGI callable that granian serves: the delivery plane in front of the product (`app.server:application`)."""

import gc
from datetime import datetime
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi_typing import WSGIApp
from flask import Flask

from app import clock, patience
from app.delivery.documents import Documents, Subject
from app.delivery.freshness import freshness_of
from app.delivery.plane import App, DeliveryPlane, Receive, Scope, Send
from app.extensions import outages, readiness, signing_keys, start_publishing, start_viewing
from app.factory import create_app
from app.hosts import TRUSTED_HOSTS
from app.models.base import db
from app.models.config_version import SUBJECT_FIELDS
from app.services.delivery.current import Current, current

PRODUCT_THREADS = 8


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

    with app.app_context():
        freshness = freshness_of(db.engine.url)
        met, report = outages().met, readiness().report
    documents = Documents(freshness, load, clock.now, met)
    return DeliveryPlane(_product(app), documents, app.config["API_TOKEN"], app.config[TRUSTED_HOSTS], report)


def _product(app: Flask) -> App:
    """Flask on threads of its own."""
    wsgi_app = cast(WSGIApp, app.wsgi_app)
    on_threads: Any = WSGIMiddleware(wsgi_app, workers=PRODUCT_THREADS)  # its types name every message of ASGI

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def received() -> dict[str, Any]:
            return await receive()  # granian gives an awaitable, the middleware wants a coroutine

        await on_threads(scope, received, send)

    return answer


def application() -> DeliveryPlane:
    """Factory for `granian --interface asgi --factory app.server:application`."""
    app = create_app()
    with app.app_context():
        start_publishing()
        start_viewing()
    plane = delivering(app)
    gc.collect()
    gc.freeze()  # what is here stays: looking through it again would stop every listener for a quarter of a second
    return plane
