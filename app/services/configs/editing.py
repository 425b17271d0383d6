"""The lock of an edit: who may change a config, and what a change makes of its hash and status (spec 2)."""

from datetime import datetime
from typing import Any

from app.actor import Actor
from app.errors import config_immutable
from app.models.config_version import ConfigVersion
from app.services.configs.lookup import latest_completed_run, locked
from app.services.configs.reading import current_hash
from app.services.product_events import log_event
from rules.enums import ConfigStatus
from rules.lifecycle import is_editable


def editable(session: Any, config_version_id: str) -> ConfigVersion:
    """The config if its content may change, else the 409 that every door gives.

    Its subject is locked, so that nobody approves it between this check and the edit.
    """
    config = locked(session, config_version_id)
    if not is_editable(config.status):
        raise config_immutable(config_version_id, config.status)
    return config


def refresh(session: Any, config: ConfigVersion, now: datetime) -> None:
    """After an edit: the new content hash, and the status it implies; `updated_at` moves only with them.

    `simulated` means that the latest completed run saw exactly this content.
    """
    session.flush()
    before = (config.content_hash, config.status)
    config.content_hash = current_hash(session, config)
    run = latest_completed_run(session, config.config_version_id)
    seen = run is not None and run.candidate_content_hash == config.content_hash
    config.status = (ConfigStatus.SIMULATED if seen else ConfigStatus.DRAFT).value
    if (config.content_hash, config.status) != before:
        config.updated_at = now


def log_config_event(
    session: Any, name: str, config: ConfigVersion, actor: Actor, now: datetime, **detail: Any
) -> None:
    log_event(
        session,
        name,
        actor=actor,
        now=now,
        workspace_id=config.workspace_id,
        entity_id=config.config_version_id,
        **detail,
    )
