"""/api/enforcement-events: evidence from customer apps (spec 6)."""

from flask import request
from marshmallow import ValidationError

from api.blueprint import operation
from api.pagination import page
from api.parsing import field_errors, read_json
from api.resource import Answer, plain, writing
from api.schemas import enforcement as schemas
from api.schemas.common import Document, Parsed, page_of
from app.errors import Invalid
from app.identity import acting
from app.models.enforcement import EnforcementEvent
from app.services.evidence import events as enforcement
from simulation.canonical import Json

TAG = "Enforcement events"
ONE_OR_MANY = {
    "anyOf": [
        schemas.EnforcementEventBody,
        {"type": "array", "maxItems": schemas.MAX_EVENTS, "items": schemas.EnforcementEventBody},
    ]
}


def document(row: EnforcementEvent) -> Document:
    """The event as every answer shows it."""
    return schemas.EnforcementEvent().document(row)


@operation(
    "POST",
    "/enforcement-events",
    tag=TAG,
    summary="Send enforcement events",
    raw_body={"application/json": ONE_OR_MANY},
    answers={202: schemas.EnforcementReceipt},
)
def send_enforcement_events() -> Answer:
    """One event or up to 1,000. Each has its own result; an enforcement_event_id is accepted once, so retry freely."""
    body = read_json(request)
    sent = body if isinstance(body, list) else [body]
    if len(sent) > schemas.MAX_EVENTS:
        raise Invalid(f"Send at most {schemas.MAX_EVENTS:,} events at once, not {len(sent):,}.", code="too_many_events")
    events = [_load(item) for item in sent]
    with writing() as session:
        results = enforcement.accept(session, events, **acting())
    count = [result.status for result in results].count
    counts = {"accepted": count("accepted"), "duplicates": count("duplicate"), "rejected": count("rejected")}
    return plain(counts | {"results": [result.as_dict() for result in results]}, 202)


def _load(item: Json) -> enforcement.Event | enforcement.Result:
    """The event with checked fields, or its rejection."""
    try:
        event: enforcement.Event = SCHEMA.load(item)
    except ValidationError as error:
        identifier = item.get("enforcement_event_id") if isinstance(item, dict) else None
        named = identifier if isinstance(identifier, str) else None
        return enforcement.Result(enforcement.REJECTED, named, field_errors(error.messages))
    return event


SCHEMA = schemas.EnforcementEventBody()


@operation(
    "GET",
    "/enforcement-events",
    tag=TAG,
    summary="List enforcement events",
    query=schemas.EnforcementQuery(),
    answers={200: page_of(schemas.EnforcementEvent)},
)
def list_enforcement_events(query: Parsed) -> Answer:
    """Newest first."""
    return page(
        enforcement.recorded(query),
        (EnforcementEvent.occurred_at, EnforcementEvent.enforcement_event_id),
        query,
        document,
        newest_first=True,
    )


OPERATIONS = (send_enforcement_events, list_enforcement_events)
