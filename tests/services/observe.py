"""What the database holds, for tests that compare before and after."""

import sqlalchemy as sa

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.runtime_config import RuntimeConfig


def statuses(session):
    return dict(session.execute(sa.select(ConfigVersion.config_version_id, ConfigVersion.status)).tuples().all())


def decision_statuses(session):
    rows = session.execute(
        sa.select(DecisionRecord.config_version_id, DecisionRecord.status).order_by(DecisionRecord.created_at)
    )
    return [tuple(row) for row in rows]


def current_documents(session):
    return list(session.scalars(sa.select(RuntimeConfig.config_version_id).filter_by(current=True)))


def everything(session):
    """Every row of every table, as the database has it."""
    session.rollback()
    return {
        table.name: sorted(map(repr, session.execute(sa.text(f"SELECT * FROM {table.name}"))))
        for table in db.metadata.sorted_tables
    }
