"""The lock of an edit: whether a config may change, and its hash, status and event afterwards (spec 2)."""

from datetime import datetime

from app.actor import Actor
from app.errors import config_immutable
from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.services.configs.lookup import latest_completed_run, locked
from app.services.configs.reading import current_hash
from app.services.product_events import log_event
from rules.enums import ConfigStatus
from rules.lifecycle import is_editable
from simulation.canonical import Json


def editable(session: AnySession, config_version_id: str) -> ConfigVersion:
    """The config if its content may change, else the 409 that every door gives.

    Its subject is locked, so that nobody approves it between this check and the edit.
    """
    config = locked(session, config_version_id)
    if not is_editable(config.status):
        raise config_immutable(config.display_name, config.status)
    return config


def refresh(session: AnySession, config: ConfigVersion, now: datetime) -> None:
    """Set the content hash after an edit, and the status that follows from it; `updated_at` moves only with them.

    The status `simulated` means that the latest completed run is about exactly this content.
    """
    session.flush()
    before = (config.content_hash, config.status)
    config.content_hash = current_hash(session, config)
    run = latest_completed_run(session, config.config_version_id)
    is_simulated = run is not None and run.candidate_content_hash == config.content_hash
    config.status = (ConfigStatus.SIMULATED if is_simulated else ConfigStatus.DRAFT).value
    if (config.content_hash, config.status) != before:
        config.updated_at = now


def log_config_event(
    session: AnySession, name: str, config: ConfigVersion, actor: Actor, now: datetime, **detail: Json
) -> None:
    """Append a product event about the config version."""
    log_event(
        session,
        name,
        actor=actor,
        now=now,
        workspace_id=config.workspace_id,
        entity_id=config.config_version_id,
        **detail,
    )
