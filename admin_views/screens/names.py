"""Names of records that a page only knows by their ids, such as the version that a run was compared with."""

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle


def called(config_version_id: str) -> str:
    """What people call the config version; its id once it is gone."""
    config = db.session.get(ConfigVersion, config_version_id)
    return config_version_id if config is None else config.display_name


def called_cycle(cycle_id: str) -> str:
    """What people call the cycle; its id once it is gone."""
    cycle = db.session.get(Cycle, cycle_id)
    return cycle_id if cycle is None else cycle.cycle_name
