"""The WSGI callable that granian serves: `granian --interface wsgi wsgi:app`."""

from app.factory import create_app

app = create_app()
