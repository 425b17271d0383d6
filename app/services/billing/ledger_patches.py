"""Render a config's patch for a ledger, and compare it with a ledger's export (spec 5)."""

from datetime import datetime

import sqlalchemy as sa

from app.errors import Conflict
from app.models.base import AnySession
from app.models.billing_patch import BillingPatch
from app.models.config_version import ConfigVersion
from app.services.billing.ledgers.drift import drift
from app.services.billing.ledgers.registry import ledger_named
from app.services.billing.ledgers.rendering import render
from app.services.billing.ledgers.terms import Terms
from app.services.billing.ledgers.terms import read as read_terms
from app.services.billing.patches import patch_of
from app.services.configs.documents import config_document
from app.services.configs.lookup import IS_ACTIVE, cycle_of, get_config, snapshot_of
from rules.enums import TargetEnvironment
from simulation.canonical import Json, JsonObject


def terms_of(session: AnySession, patch: BillingPatch) -> Terms:
    """The terms of a patch and of its config, whose content cannot have changed since it was decided."""
    config = get_config(session, patch.config_version_id)
    return read_terms(patch, config_document(config, cycle_of(session, config), snapshot_of(session, config)))


def rendered(session: AnySession, patch: BillingPatch, ledger: str) -> JsonObject:
    """The patch as a ledger takes it; Conflict (409) when the ledger cannot express it or the draft is not complete."""
    return render(ledger_named(ledger), terms_of(session, patch))


def drift_of(session: AnySession, config_version_id: str, ledger: str, export: Json, *, now: datetime) -> JsonObject:
    """The differences between a ledger's export and a config's patch; none when the ledger is in step."""
    patch = patch_of(session, config_version_id, now=now)
    drifted = drift(ledger_named(ledger), terms_of(session, patch), export)
    return {
        "ledger": ledger,
        "billing_patch_id": patch.billing_patch_id,
        "config_version_id": config_version_id,
        "differences": [difference.as_dict() for difference in drifted.differences],
        "ignored": drifted.ignored,
    }


def only_active_config_id(session: AnySession) -> str:
    """The id of the only active production config; Conflict (409) that names all when there is not exactly one."""
    active = (
        sa.select(ConfigVersion.config_version_id)
        .where(IS_ACTIVE, ConfigVersion.target_environment == TargetEnvironment.PRODUCTION.value)
        .order_by(ConfigVersion.config_version_id)
    )
    ids = session.scalars(active).all()
    if len(ids) != 1:
        which = f"{len(ids)} production configs are active: {', '.join(ids)}" if ids else "Nothing is active"
        raise Conflict(f"{which}. Name the config to compare with.", code="no_active_config")
    return ids[0]
