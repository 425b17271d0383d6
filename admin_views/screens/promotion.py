"""The promotion of approved configs whose moment has come: whoever looks at one first activates it (spec 2)."""

from collections.abc import Iterable

from admin_views.screens.screen import config_at
from app import clock
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.decisions.activation import promote_due
from app.services.decisions.schedule import Scheduled
from rules.enums import ConfigStatus


def promoted(config: ConfigVersion) -> ConfigVersion:
    """The config, read again when looking at it has made it active."""
    config_version_id, subject = config.config_version_id, config.subject_resolution
    if config.status == ConfigStatus.APPROVED and promote_due(db.session, subject, now=clock.now()):
        return config_at(config_version_id)
    return config


def promote_all_due(waiting: Iterable[Scheduled]) -> bool:
    """Promote those of the waiting versions whose moment has come; whether any was due."""
    now = clock.now()
    due = [item.reading.config.subject_resolution for item in waiting if item.moment and item.moment <= now]
    promotions = [promote_due(db.session, subject, now=now) for subject in due]  # each, not only the first
    return any(promotions)
