"""Installation: which database and which data directory belong together."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Model, UtcDateTime


class Installation(Model):
    """The one row that names the installation which the database is of; its data directory has the id in a file.

    `awaits_demo`: the demo is to be loaded and has not been yet, so that a first start that was interrupted goes on.
    """

    __tablename__ = "installations"

    installation_id: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    awaits_demo: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
