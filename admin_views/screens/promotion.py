"""The promotion of approved configs whose moment has come: whoever looks at one first activates it (spec 2)."""

from collections.abc import Iterable

from admin_views.screens.screen import config_at
from app import clock
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.decisions.activation import promote_due
from rules.enums import ConfigStatus


def promoted(config: ConfigVersion) -> ConfigVersion:
    """The config, read again when looking at it has made it active."""
    config_version_id, subject = config.config_version_id, config.subject_resolution
    if config.status == ConfigStatus.APPROVED and promote_due(db.session, subject, now=clock.now()):
        return config_at(config_version_id)
    return config


def promote_all_due(scheduled: Iterable[ConfigVersion]) -> bool:
    """Promote those of the scheduled configs whose moment has come; whether any became active."""
    now = clock.now()
    due = [config.subject_resolution for config in scheduled if config.effective_at and config.effective_at <= now]
    promotions = [promote_due(db.session, subject, now=now) for subject in due]  # each, not only the first
    return any(promotions)
