"""The product as a WSGI callable for any WSGI server; `avs serve` puts the delivery plane in front (`app.server`)."""

import os

from flask_migrate import Migrate

from app.extensions import start_publishing
from app.factory import create_app
from app.migrations import MIGRATIONS
from app.models.base import db

os.umask(0o077)  # what it writes is for its user alone
app = create_app()
app.before_request(start_publishing)  # by the process that answers: threads do not cross a fork
Migrate(app, db, directory=str(MIGRATIONS))  # for `flask db …`, which finds its application here
