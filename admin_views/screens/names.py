"""Names of records that a page only knows by their ids, such as the version that a run was compared with."""

from app.models.base import db
from app.models.cycle import Cycle
from app.services.configs import lookup


def called(config_version_id: str) -> str:
    """What people call the config version; its id once it is gone."""
    return lookup.called(db.session, config_version_id)


def called_cycle(cycle_id: str) -> str:
    """What people call the cycle; its id once it is gone."""
    cycle = db.session.get(Cycle, cycle_id)
    return cycle_id if cycle is None else cycle.cycle_name
