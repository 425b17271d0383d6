"""The product as a WSGI callable for any WSGI server; `avs serve` puts the delivery plane in front (`app.server`)."""

from app.extensions import start_publishing
from app.factory import create_app

app = create_app()
app.before_request(start_publishing)  # by the process that answers: threads do not cross a fork
