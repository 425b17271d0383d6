"""What became of a batch of usage events (spec 6)."""

from typing import Any

from marshmallow import fields

from api.schemas.common import Answered

MAX_REJECTS = 1_000
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
    "application/cloudevents+json": CLOUD_EVENT,
    "application/cloudevents-batch+json": {"type": "array", "items": CLOUD_EVENT},
}


class RejectedEvent(Answered):
    """An event that does not fit, and why; `row` counts from 1."""

    row = fields.Integer()
    event_id = fields.String(allow_none=True)
    field = fields.String()
    reason = fields.String()


class UsageReceipt(Answered):
    """Counts of the batch; `rejects` lists the first 1,000 of the rejected ones."""

    accepted = fields.Integer()
    duplicates = fields.Integer()
    rejected = fields.Integer()
    rejects = fields.List(fields.Nested(RejectedEvent))
