"""/api/billing-patch and /api/export/billing-patch: what a ledger must know about a config (spec 5 and 6)."""

from typing import Any

from flask import request

from api.blueprint import operation
from api.parsing import read_json
from api.resource import Answer, plain, tagged, writing
from api.schemas.billing import (
    EXPORT,
    PATCH_OR_RENDERING,
    BillingPatch,
    BillingPatchBody,
    BillingPatchQuery,
    LedgerDrift,
    LedgerQuery,
)
from api.schemas.common import Document
from app.clock import now
from app.identity import acting
from app.models.base import db
from app.services.billing import ledger_patches
from app.services.billing import patches as billing_patches
from app.services.product_events import log_event

TAG = "Billing"


def document(row: Any, ledger: str | None = None) -> Document:
    """The patch as every answer shows it, or in the words of a ledger."""
    return BillingPatch().document(row) if ledger is None else ledger_patches.rendered(db.session, row, ledger)


@operation(
    "POST",
    "/export/billing-patch",
    tag=TAG,
    summary="Export a billing patch",
    body=BillingPatchBody(),
    answers={200: PATCH_OR_RENDERING},
    problems=(404,),
)
def export_billing_patch(body: dict[str, str]) -> Answer:
    """Answer what reading the patch answers, and log a product event. No billing system is called."""
    ledger = body.get("format")
    format_argument: dict[str, Any] = {"format": ledger} if ledger else {}
    with writing() as session:
        patch = billing_patches.patch_of(session, body["config_version_id"], now=now())
        answer = plain(document(patch, ledger))
        log_event(
            session,
            "decision_patch_exported",
            workspace_id=patch.workspace_id,
            entity_id=patch.config_version_id,
            billing_patch_id=patch.billing_patch_id,
            **format_argument,
            **acting(),
        )
        return answer


@operation(
    "GET",
    "/billing-patch/<config_version_id>",
    tag=TAG,
    summary="Read a config's billing patch",
    query=BillingPatchQuery(),
    answers={200: PATCH_OR_RENDERING},
    problems=(409,),
    conditional=True,
)
def get_billing_patch(config_version_id: str, query: dict[str, str]) -> Answer:
    """The newest one of a decided config; of a draft, what it would be. With `format`, the requests that a ledger
    takes and what it cannot express; 409 `ledger_cannot_express` rather than a price that is not exact."""
    patch = billing_patches.patch_of(db.session, config_version_id, now=now())
    return tagged(document(patch, query.get("format")))


@operation(
    "POST",
    "/billing-patch/<config_version_id>/drift",
    tag=TAG,
    summary="Compare a ledger's export with a billing patch",
    query=LedgerQuery(),
    raw_body={"application/json": EXPORT},
    answers={200: LedgerDrift},
)
def check_ledger_drift(config_version_id: str, query: dict[str, str]) -> Answer:
    """What the ledger's exported records differ in from the patch: missing, extra and changed. Nothing is stored,
    and a rendering of the same ledger may stand for an export."""
    export = read_json(request)
    return plain(ledger_patches.drift_of(db.session, config_version_id, query["format"], export, now=now()))


OPERATIONS = (export_billing_patch, get_billing_patch, check_ledger_drift)
