"""A stored config's patch for a ledger, and its drift: the use cases behind the API and the command line (spec 5)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.errors import Conflict
from app.models.billing_patch import BillingPatch
from app.models.config_version import ConfigVersion
from app.services.billing.ledgers import terms
from app.services.billing.ledgers.drift import drift
from app.services.billing.ledgers.registry import ledger_named
from app.services.billing.ledgers.rendering import render
from app.services.billing.patches import patch_of
from app.services.configs.documents import config_document
from app.services.configs.lookup import IS_ACTIVE, cycle_of, get_config, snapshot_of
from rules.enums import TargetEnvironment


def terms_of(session: Any, patch: BillingPatch) -> terms.Terms:
    """The patch with the pools of its config, which cannot have changed since it was decided."""
    config = get_config(session, patch.config_version_id)
    return terms.read(patch, config_document(config, cycle_of(session, config), snapshot_of(session, config)))


def rendered(session: Any, patch: BillingPatch, ledger: str) -> dict[str, Any]:
    """The patch in the words of a ledger. Raises Conflict (409) where it has none or the draft is not complete."""
    return render(ledger_named(ledger), terms_of(session, patch))


def drift_of(session: Any, config_version_id: str, ledger: str, export: Any, *, now: datetime) -> dict[str, Any]:
    """What a ledger's export differs in from a config's patch; `differences` is empty when the ledger is in step."""
    patch = patch_of(session, config_version_id, now=now)
    found = drift(ledger_named(ledger), terms_of(session, patch), export)
    return {
        "ledger": ledger,
        "billing_patch_id": patch.billing_patch_id,
        "config_version_id": config_version_id,
        "differences": [difference.as_dict() for difference in found.differences],
        "ignored": found.ignored,
    }


def the_active_config_id(session: Any) -> str:
    """The only active production config; Conflict (409) that names all when there is not exactly one."""
    active = (
        sa.select(ConfigVersion.config_version_id)
        .where(IS_ACTIVE, ConfigVersion.target_environment == TargetEnvironment.PRODUCTION.value)
        .order_by(ConfigVersion.config_version_id)
    )
    found = session.scalars(active).all()
    if len(found) != 1:
        which = f"{len(found)} production configs are active: {', '.join(found)}" if found else "Nothing is active"
        raise Conflict(f"{which}. Name the config to compare with.", code="no_active_config")
    return str(found[0])
