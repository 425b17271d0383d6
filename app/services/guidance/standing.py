"""The config whose state the frame shows on pages that are about no config: strip, pill and Navigator (spec 7)."""

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.services.configs.lookup import IS_ACTIVE
from app.services.guidance.overview import IN_WORK, without_parts


def standing_config(session: AnySession, workspace_id: str, cycle_id: str | None = None) -> ConfigVersion | None:
    """The draft that was changed last, else the version that was activated last; None where there is neither.

    Of the whole workspace, or of one cycle of it.
    """
    own = {"workspace_id": workspace_id} | ({"cycle_id": cycle_id} if cycle_id else {})
    configs = without_parts(sa.select(ConfigVersion)).filter_by(**own).options(joinedload(ConfigVersion.cycle)).limit(1)
    drafts = configs.where(ConfigVersion.status.in_(IN_WORK)).order_by(ConfigVersion.updated_at.desc())
    active = configs.where(IS_ACTIVE).order_by(ConfigVersion.effective_at.desc())
    by_id = ConfigVersion.config_version_id.desc()
    return session.scalar(drafts.order_by(by_id)) or session.scalar(active.order_by(by_id))
