"""/api/usage-events: historical usage for simulations, in batches (spec 6). Nothing here meters live traffic."""

from flask import request

from api.blueprint import operation
from api.resource import Answer, plain
from api.schemas.usage import BODIES, MAX_REJECTS, UsageReceipt
from app.extensions import usage_events, usage_policies
from app.models.base import db
from app.services.usage.ingest import ingest

TAG = "Usage events"


@operation(
    "POST",
    "/usage-events",
    tag=TAG,
    summary="Send usage events",
    raw_body=BODIES,
    answers={202: UsageReceipt},
)
def send_usage_events() -> Answer:
    """JSON, NDJSON or CloudEvents 1.0. What fits is stored, what does not is reported; an event_id counts once.

    Sending a batch again is harmless, so retry whenever the answer was lost.
    """
    content = request.get_data()
    receipt = ingest(db.session, usage_events().store, usage_policies(), content, request.content_type or "")
    rejects = [reject.as_dict() for reject in receipt.rejects[:MAX_REJECTS]]
    counts = {"accepted": receipt.accepted, "duplicates": receipt.duplicates, "rejected": receipt.rejected}
    return plain(counts | {"rejects": rejects}, 202)


OPERATIONS = (send_usage_events,)
