"""The product as a WSGI callable for any WSGI server; `avs serve` puts the delivery plane in front (`app.server`)."""

from app.factory import create_app

app = create_app()
