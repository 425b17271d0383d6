"""What the database holds, for tests that compare before and after."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from app.errors import AvsError, Conflict
from app.models.base import AnySession, db
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.runtime_config import RuntimeConfig
from app.models.transactions import write
from tests import factories as f


def statuses(session: AnySession) -> dict[str, str]:
    return dict(session.execute(sa.select(ConfigVersion.config_version_id, ConfigVersion.status)).tuples().all())


def decision_statuses(session: AnySession) -> list[tuple[str, str]]:
    rows = session.execute(
        sa.select(DecisionRecord.config_version_id, DecisionRecord.status).order_by(DecisionRecord.created_at)
    )
    return [tuple(row) for row in rows]


def current_documents(session: AnySession) -> list[str]:
    return list(session.scalars(sa.select(RuntimeConfig.config_version_id).filter_by(current=True)))


def everything(session: AnySession) -> dict[str, list[str]]:
    """Every row of every table, as the database has it."""
    session.rollback()
    return {
        table.name: sorted(map(repr, session.execute(sa.text(f"SELECT * FROM {table.name}"))))
        for table in db.metadata.sorted_tables
    }


def refused(
    session: AnySession, code: str, act: Callable[[AnySession], object] = f.approve, error: type[AvsError] = Conflict
) -> AvsError:
    """The act is refused with the code, and no row of any table changed."""
    before = everything(session)
    with pytest.raises(error) as refusal, write(session):
        act(session)
    assert refusal.value.code == code
    assert everything(session) == before
    return refusal.value
