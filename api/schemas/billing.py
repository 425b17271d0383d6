"""Billing patches as the API gives them, and what becomes of them in a ledger (spec 5 and 6)."""

from marshmallow import fields

from api.schemas.common import Answered, Body, Computed, Identifier, Moment, Query, Shaped, choice
from api.shapes.billed import BillingPayload
from api.shapes.decided import SubjectResolution
from api.shapes.named import named
from app.services.billing.ledgers.registry import NAMES

LEDGER = named("Ledger", NAMES, "A billing system whose API a patch can be rendered for.")
FORMAT = "A ledger, to have the patch in the words of its API; the canonical patch when left out."


def ledger(*, required: bool = False) -> fields.String:
    """The name of a ledger, as `format` gives it."""
    return choice(LEDGER, metadata={"description": FORMAT}, required=required)


class BillingPatchQuery(Query):
    """In whose words to read a patch."""

    format = ledger()


class BillingPatchBody(Body):
    """Which config's patch to export, and in whose words."""

    config_version_id = Identifier(required=True)
    format = ledger()


class LedgerQuery(Query):
    """Which ledger's export to compare."""

    format = ledger(required=True)


class BillingPatch(Answered):
    """What the ledger must know; the payload's shape is that of spec 5."""

    billing_patch_id = fields.String()
    price_book_ref = fields.String(allow_none=True)
    effective_at = Moment()
    payload = Shaped(BillingPayload)


class LedgerRecord(Answered):
    """One creating request. `{"$ref": "resource/key"}` in a body stands for the id that the ledger gave that record."""

    resource = fields.String()
    key = fields.String(metadata={"description": "Derived from our ids, the same for every patch of the subject."})
    idempotency_key = fields.String(metadata={"description": "Derived from the patch and the key; 255 characters."})
    method = fields.String()
    path = fields.String()
    body = Computed(
        {"type": "object", "additionalProperties": True, "description": "As the ledger's API takes it; text and lists."}
    )
    then = fields.String(allow_none=True, metadata={"description": "A POST that follows, with the id it was given."})


class LedgerPool(Answered):
    """A pool's allowance per customer and period, as text with every digit; `counted` unless it gives nothing.

    `price_per_unit_usd` is null where a price plan has tiers or packages for the unit.
    """

    pool_id = fields.String()
    label = fields.String()
    value_unit_id = fields.String()
    meter_id = fields.String()
    included_quantity = fields.String()
    counted = fields.Boolean()
    price_per_unit_usd = fields.String(allow_none=True)


class LedgerGap(Answered):
    """What the ledger has no word for; pool and unit are null where the whole config is meant."""

    feature = fields.String()
    reason = fields.String()
    pool_id = fields.String(allow_none=True)
    value_unit_id = fields.String(allow_none=True)


class LedgerRendering(Answered):
    """A billing patch in the words of a ledger's API. Nothing is sent anywhere."""

    ledger = choice(LEDGER)
    api = fields.String()
    idempotency_header = fields.String(allow_none=True)
    billing_patch_id = fields.String()
    config_version_id = fields.String()
    price_book_ref = fields.String(allow_none=True)
    effective_at = Moment()
    subject_resolution = Shaped(SubjectResolution)
    period_days = fields.Integer()
    records = fields.List(fields.Nested(LedgerRecord))
    pools = fields.List(fields.Nested(LedgerPool))
    not_expressed = fields.List(fields.Nested(LedgerGap))


PATCH_OR_RENDERING = {"anyOf": [BillingPatch, LedgerRendering]}
EXPORT = {
    "type": "object",
    "additionalProperties": True,
    "description": "A member per kind of record: the list as the ledger's API answers it, or all its pages in a list.",
}


class LedgerDifference(Answered):
    """One record that is missing, extra, or changed in a field; numbers are text, written plainly."""

    kind = choice(named("DifferenceKind", ("missing", "extra", "changed")))
    resource = fields.String()
    key = fields.String(allow_none=True, metadata={"description": "Ours, as the rendering has it."})
    id = fields.String(allow_none=True, metadata={"description": "The ledger's, of a record that it has."})
    field = fields.String(allow_none=True)
    expected = fields.String(allow_none=True)
    found = fields.String(allow_none=True)


class LedgerDrift(Answered):
    """All differences, none when the ledger is in step; `ignored` counts exported records of other business."""

    ledger = choice(LEDGER)
    billing_patch_id = fields.String()
    config_version_id = fields.String()
    differences = fields.List(fields.Nested(LedgerDifference))
    ignored = fields.Integer()
