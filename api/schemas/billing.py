"""Billing patches as the API gives them (spec 5 and 6)."""

from marshmallow import fields

from api.schemas.common import Answered, Body, Computed, Identifier, Moment


class BillingPatchBody(Body):
    """Which config's patch to export."""

    config_version_id = Identifier(required=True)


class BillingPatch(Answered):
    """What the ledger must know; the payload's shape is that of spec 5."""

    billing_patch_id = fields.String()
    price_book_ref = fields.String(allow_none=True)
    effective_at = Moment()
    payload = Computed({"type": "object"})
