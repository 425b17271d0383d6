"""/api/usage-events: historical usage for simulations, in batches (spec 6). Nothing here meters live traffic."""

from flask import request

from api.blueprint import operation
from api.resource import Answer, plain
from api.schemas.common import Document, Parsed
from api.schemas.usage import BODIES, MAX_LEFT_OUT, MAX_REJECTS, UsageProblem, UsageQuery, UsageReceipt
from app.errors import Invalid
from app.extensions import usage_events, usage_policies
from app.models.base import db
from app.services.usage.ingest import Body, ingest
from app.services.usage.store import Receipt

TAG = "Usage events"


@operation(
    "POST",
    "/usage-events",
    tag=TAG,
    summary="Send usage events",
    query=UsageQuery(),
    raw_body=BODIES,
    answers={202: UsageReceipt},
    telling={422: UsageProblem},
)
def send_usage_events(query: Parsed) -> Answer:
    """JSON, NDJSON, CSV or CloudEvents 1.0, told by the content; packed with gzip or not. What fits is stored, what
    does not is reported; an event_id counts once. A body of which nothing fits is refused with 422, whose problem has
    the same counts and rejects.

    Sending a batch again is harmless, so retry whenever the answer was lost.
    """
    body = Body(request.get_data(), request.content_type or "", query.get("workspace_id"), query.get("preset"))
    receipt = ingest(db.session, usage_events().store, usage_policies(), body)
    document = receipt_document(receipt)
    if receipt.rejected and not (receipt.accepted or receipt.duplicates):
        first = receipt.rejects[0]
        detail = f"No event was taken, {receipt.rejected:,} rejected. Row {first.row}: {first.reason}."
        raise Invalid(detail, code="usage_events_rejected", extra=document)
    return plain(document, 202)


def receipt_document(receipt: Receipt) -> Document:
    """The counts, the first rejects, and what was left out."""
    counts = {"accepted": receipt.accepted, "duplicates": receipt.duplicates, "rejected": receipt.rejected}
    rejects = [reject.as_dict() for reject in receipt.rejects[:MAX_REJECTS]]
    return counts | {"rejects": rejects, "left_out": dict(sorted(receipt.left_out.items())[:MAX_LEFT_OUT])}


OPERATIONS = (send_usage_events,)
