"""/api/enforcement-events: evidence from customer apps (spec 6)."""

from typing import Any

import sqlalchemy as sa
from flask import request
from marshmallow import ValidationError

from api.blueprint import operation
from api.pagination import filtered, page
from api.parsing import field_errors, read_json
from api.resource import Answer, plain, writing
from api.schemas.common import page_of
from api.schemas.enforcement import (
    MOST_EVENTS,
    EnforcementEvent,
    EnforcementEventBody,
    EnforcementQuery,
    EnforcementReceipt,
)
from app.clock import now
from app.errors import Invalid
from app.models.enforcement import EnforcementEvent as Row
from app.services import enforcement

TAG = "Enforcement events"
FILTERS = {
    "workspace_id": Row.workspace_id,
    "config_version_id": Row.config_version_id,
    "customer_id": Row.customer_id,
    "event_type": Row.event_type,
}
ONE_OR_MANY = {"anyOf": [{"type": "object"}, {"type": "array", "maxItems": MOST_EVENTS, "items": {"type": "object"}}]}


def document(row: Row) -> dict[str, Any]:
    """The event as every answer shows it."""
    return EnforcementEvent().dump(row)


@operation(
    "POST",
    "/enforcement-events",
    tag=TAG,
    summary="Send enforcement events",
    raw_body={"application/json": ONE_OR_MANY},
    answers={202: EnforcementReceipt},
)
def send_enforcement_events() -> Answer:
    """One event or up to 1,000. Each has its own result; an enforcement_event_id is accepted once, so retry freely."""
    given = read_json(request)
    sent = given if isinstance(given, list) else [given]
    if len(sent) > MOST_EVENTS:
        raise Invalid(f"Send at most {MOST_EVENTS:,} events at once, not {len(sent):,}.", code="too_many_events")
    loaded = [_load(item) for item in sent]
    good = [event for event, _ in loaded if event is not None]
    with writing() as session:
        kept = iter(enforcement.accept(session, good, now=now()))
    results = [
        _rejected(item, errors) if event is None else next(kept)
        for item, (event, errors) in zip(sent, loaded, strict=True)
    ]
    count = [result["status"] for result in results].count
    counts = {"accepted": count("accepted"), "duplicates": count("duplicate"), "rejected": count("rejected")}
    return plain(counts | {"results": results}, 202)


def _load(item: Any) -> tuple[dict[str, Any] | None, list[dict[str, str]]]:
    try:
        return SCHEMA.load(item), []
    except ValidationError as error:
        return None, [fault.as_dict() for fault in field_errors(error.messages)]


def _rejected(item: Any, errors: list[dict[str, str]]) -> dict[str, Any]:
    identifier = item.get("enforcement_event_id") if isinstance(item, dict) else None
    known = identifier if isinstance(identifier, str) else None
    return {"enforcement_event_id": known, "status": enforcement.REJECTED, "errors": errors}


SCHEMA = EnforcementEventBody()


@operation(
    "GET",
    "/enforcement-events",
    tag=TAG,
    summary="List enforcement events",
    query=EnforcementQuery(),
    answers={200: page_of(EnforcementEvent)},
)
def list_enforcement_events(query: dict[str, Any]) -> Answer:
    """Newest first."""
    rows = filtered(sa.select(Row), query, FILTERS)
    if "since" in query:
        rows = rows.where(Row.occurred_at >= query["since"])
    if "until" in query:
        rows = rows.where(Row.occurred_at < query["until"])
    return page(rows, (Row.occurred_at, Row.enforcement_event_id), query, document, newest_first=True)


OPERATIONS = (send_enforcement_events, list_enforcement_events)
