"""What the tests of the approve page share: its address, what an approver types, and the records behind it."""

import sqlalchemy as sa

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from tests.present import present

URL = "/configs/cfg_2/approve"
WHY = "The margin holds and studios stay."
TYPED = {"approver_name": "Theresa", "approver_role": "CEO", "rationale": WHY}


def status(config_version_id: str) -> str:
    db.session.rollback()
    return db.session.get_one(ConfigVersion, config_version_id).status


def decisions() -> int:
    return present(db.session.scalar(sa.select(sa.func.count()).select_from(DecisionRecord)))
