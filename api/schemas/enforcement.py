"""Enforcement events as customer apps send them (spec 1 and 6)."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from api.schemas.common import (
    Answered,
    Body,
    GivenId,
    Identifier,
    JsonObject,
    Moment,
    PageQuery,
    Parsed,
    WholeNumber,
    choice,
    whole,
)
from api.schemas.problems import ProblemField
from api.shapes.named import named
from rules.enums import EnforcementEventType

MAX_EVENTS = 1_000
MAX_SEQUENCE = 2**53 - 1
NUMBER = ("client_id", "sequence")


class EnforcementEventBody(Body):
    """One outcome of a rail; the id makes sending it again harmless.

    `sequence` counts the events of the queue `client_id` from 1 without gaps, so that what is lost is noticed.
    """

    enforcement_event_id: fields.String = Identifier()
    workspace_id = Identifier(required=True)
    customer_id = GivenId(required=True)
    config_version_id = Identifier(required=True)
    occurred_at = Moment(required=True)
    event_type = choice(EnforcementEventType, required=True)
    context = JsonObject()
    client_id: fields.String = Identifier()
    sequence = whole(1, MAX_SEQUENCE)

    @validates_schema
    def numbered_whole(self, data: Parsed, **_: Any) -> None:
        """A number without its queue, or a queue without a number, says nothing."""
        present = [name for name in NUMBER if name in data]
        if len(present) == 1:
            missing = NUMBER[1 - NUMBER.index(present[0])]
            raise ValidationError(f"Must be given together with {present[0]}.", missing)


class EnforcementEvent(Answered, EnforcementEventBody):
    """The event as it is kept."""

    enforcement_event_id = fields.String()
    client_id = fields.String(allow_none=True)
    sequence = WholeNumber(allow_none=True)
    received_at = Moment()


class EnforcementResult(Answered):
    """What became of one event; `errors` where it was rejected."""

    enforcement_event_id = fields.String(allow_none=True)
    status = choice(named("EventOutcome", ("accepted", "duplicate", "rejected"), "What became of an event."))
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
    customer_id = GivenId()
    event_type = choice(EnforcementEventType)
    client_id: fields.String = Identifier()
    since = Moment(data_key="from")
    until = Moment(data_key="to")
