"""What became of a batch of usage events (spec 6)."""

from typing import Any

from marshmallow import fields, validate

from api.schemas.common import Answered, Identifier, Problem, Query

MAX_REJECTS = 1_000
MAX_LEFT_OUT = 100
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event_id", "ts", "event_type", "workspace_id", "customer_id"],
    "properties": {
        "event_id": {"type": "string"},
        "ts": {"type": "string", "format": "date-time"},
        "event_type": {"type": "string"},
        "workspace_id": {"type": "string"},
        "customer_id": {"type": "string"},
        "segment": {"type": "string"},
    },
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
CLOUD_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {"specversion": {"const": "1.0"}, "data": {"type": "object"}},
}
BODIES: dict[str, Any] = {
    "application/json": {"anyOf": [EVENT, {"type": "array", "items": EVENT}]},
    "application/x-ndjson": {"type": "string", "description": "One event as JSON on each line."},
    "text/csv": {"type": "string", "description": "A header that names the fields, then one event on each line."},
    "text/tab-separated-values": {"type": "string", "description": "The same with tabs."},
    "application/gzip": {"type": "string", "format": "binary", "description": "Any of them, packed."},
    "application/cloudevents+json": CLOUD_EVENT,
    "application/cloudevents-batch+json": {"type": "array", "items": CLOUD_EVENT},
}


class UsageProblem(Problem):
    """The refusal of a body; where its events were read and none fits, with their counts and the first rejects."""

    accepted = fields.Integer()
    duplicates = fields.Integer()
    rejected = fields.Integer()
    rejects = fields.List(fields.Nested(lambda: RejectedEvent()))
    left_out = fields.Dict(keys=fields.String(), values=fields.Integer())


class UsageQuery(Query):
    """Whose events the body has, where they do not say so themselves, and the known format that it is of."""

    workspace_id = Identifier()
    preset: fields.String = fields.String(validate=validate.Length(min=1, max=64))


class RejectedEvent(Answered):
    """An event that does not fit, and why; `row` counts from 1."""

    row = fields.Integer()
    event_id = fields.String(allow_none=True)
    field = fields.String()
    reason = fields.String()


class UsageReceipt(Answered):
    """Counts of the batch; `rejects` lists the first 1,000 of the rejected ones.

    `left_out` counts, by name, the nested values and, of a known format, the fields that were not stored.
    """

    accepted = fields.Integer()
    duplicates = fields.Integer()
    rejected = fields.Integer()
    rejects = fields.List(fields.Nested(RejectedEvent))
    left_out = fields.Dict(keys=fields.String(), values=fields.Integer())
