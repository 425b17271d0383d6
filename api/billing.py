"""/api/billing-patch and /api/export/billing-patch: what a ledger must know about a config (spec 5 and 6)."""

from typing import Any

from api.blueprint import operation
from api.resource import Answer, by, plain, tagged, writing
from api.schemas.billing import BillingPatch, BillingPatchBody
from app.clock import now
from app.models.base import db
from app.services import billing_patches
from app.services.product_events import log_event

TAG = "Billing"


def document(row: Any) -> dict[str, Any]:
    """The patch as every answer shows it."""
    return BillingPatch().dump(row)


@operation(
    "POST",
    "/export/billing-patch",
    tag=TAG,
    summary="Export a billing patch",
    body=BillingPatchBody(),
    answers={200: BillingPatch},
    problems=(404,),
)
def export_billing_patch(body: dict[str, str]) -> Answer:
    """The same answer as reading it, and a row in the product event log. No billing system is called."""
    with writing() as session:
        patch = billing_patches.patch_of(session, body["config_version_id"], now=now())
        log_event(
            session,
            "decision_patch_exported",
            workspace_id=patch.workspace_id,
            entity_id=patch.config_version_id,
            billing_patch_id=patch.billing_patch_id,
            **by(),
        )
        return plain(document(patch))


@operation(
    "GET",
    "/billing-patch/<config_version_id>",
    tag=TAG,
    summary="Read a config's billing patch",
    answers={200: BillingPatch},
    problems=(409,),
    conditional=True,
)
def get_billing_patch(config_version_id: str) -> Answer:
    """The newest one of a decided config; of a draft, what it would be."""
    return tagged(document(billing_patches.patch_of(db.session, config_version_id, now=now())))


OPERATIONS = (export_billing_patch, get_billing_patch)
