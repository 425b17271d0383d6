"""Enforcement events as customer apps send them (spec 1 and 6)."""

from marshmallow import fields

from api.schemas.common import Answered, Body, Identifier, JsonObject, Moment, PageQuery, ProblemField, choice
from rules.enums import EnforcementEventType

MOST_EVENTS = 1_000


class EnforcementEventBody(Body):
    """One outcome of a rail; the id makes sending it again harmless."""

    enforcement_event_id = Identifier()
    workspace_id = Identifier(required=True)
    customer_id = Identifier(required=True)
    config_version_id = Identifier(required=True)
    occurred_at = Moment(required=True)
    event_type = choice(EnforcementEventType, required=True)
    context = JsonObject()


class EnforcementEvent(Answered, EnforcementEventBody):
    """The event as it is kept."""

    enforcement_event_id = fields.String()
    received_at = Moment()


class EnforcementResult(Answered):
    """What became of one event; `errors` where it was rejected."""

    enforcement_event_id = fields.String(allow_none=True)
    status = fields.String(metadata={"enum": ["accepted", "duplicate", "rejected"]})
    errors = fields.List(fields.Nested(ProblemField))


class EnforcementReceipt(Answered):
    """One result per event, in the order sent."""

    accepted = fields.Integer()
    duplicates = fields.Integer()
    rejected = fields.Integer()
    results = fields.List(fields.Nested(EnforcementResult))


class EnforcementQuery(PageQuery):
    """Which events to list; `from` and `to` bound occurred_at, from inclusive, to exclusive."""

    workspace_id = Identifier()
    config_version_id = Identifier()
    customer_id = Identifier()
    event_type = choice(EnforcementEventType)
    since = Moment(data_key="from")
    until = Moment(data_key="to")
