"""What became of a batch of usage events (spec 6)."""

from typing import Any

from marshmallow import Schema, fields, validate

from api.schemas.common import Answered, Body, Identifier, Moment, PageQuery, Query, choice
from api.schemas.problems import Problem
from api.shapes.named import Written, named
from app.services.usage.notation import FIXES
from app.services.usage.undoing import STATES
from rules.ids import MAX_ID_LENGTH

MAX_REJECTS = 1_000
MAX_LEFT_OUT = 100
MAX_WITHDRAWN = 10_000
REPORT, REPLACE = "report", "replace"
EVENT = Written(
    "SentUsageEvent",
    {
        "type": "object",
        "description": "A usage event; further members are its dimensions.",
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
    },
)
CLOUD_EVENT = Written(
    "SentCloudEvent",
    {
        "type": "object",
        "description": "A CloudEvents 1.0 event: its data are the dimensions, its source and id together tell it.",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"type": "string", "const": "1.0"},
            "id": {"type": "string"},
            "source": {"type": "string"},
            "type": {"type": "string"},
            "time": {"type": "string", "format": "date-time"},
            "subject": {"type": "string"},
            "data": {"type": "object", "additionalProperties": True},
        },
        "additionalProperties": True,
    },
)
BODIES: dict[str, Any] = {
    "application/json": {
        "anyOf": [EVENT, {"type": "array", "items": EVENT}, CLOUD_EVENT, {"type": "array", "items": CLOUD_EVENT}]
    },
    "application/x-ndjson": {"type": "string", "description": "One event as JSON on each line."},
    "text/csv": {"type": "string", "description": "A header that names the fields, then one event on each line."},
    "text/tab-separated-values": {"type": "string", "description": "The same with tabs."},
    "application/gzip": {"type": "string", "format": "binary", "description": "Any of them, packed."},
    "application/cloudevents+json": None,
    "application/cloudevents-batch+json": None,
}
"""Media type → JSON Schema; None for two further names of what `application/json` takes. With a schema of their own,
generators of clients would take the body apart by its type, which Python cannot do for lists."""


class UsageQuery(Query):
    """Whose events the body has, where they do not say so themselves, and the known format that it is of."""

    workspace_id = Identifier()
    preset: fields.String = fields.String(validate=validate.Length(min=1, max=64))
    on_conflict: fields.String = choice(
        named("OnConflict", (REPORT, REPLACE)),
        load_default=REPORT,
        metadata={
            "description": "What becomes of an event whose id is stored with other content: `report` leaves the stored "
            "event, `replace` puts the sent one in its place."
        },
    )


class RejectedEvent(Answered):
    """An event that does not fit, and why; `row` counts from 1."""

    row = fields.Integer()
    event_id = fields.String(allow_none=True)
    field = fields.String()
    reason = fields.String()


class UsageWarning(Answered):
    """Events that were stored with a value that is no number in a field where one is expected: a sum adds 0 for it.

    Expected are numbers in each field that a unit of the workspace sums, and where most values are numbers.
    """

    code = fields.String(metadata={"description": f"{', '.join(FIXES)}; there may be more."})
    event_type = fields.String()
    field = fields.String()
    count = fields.Integer(metadata={"description": "How many events of the batch"})
    examples = fields.List(fields.String(), metadata={"description": "Up to three of the values"})
    message = fields.String(metadata={"description": "What is wrong, what follows, and the fix"})


class ConflictingEvent(Answered):
    """An event that was not stored because a stored one has its id and says something else; `row` counts from 1."""

    row = fields.Integer()
    event_id = fields.String()


class Counts(Schema):
    """What became of each event of a batch."""

    usage_import_id = fields.String(allow_none=True)
    accepted = fields.Integer()
    duplicates = fields.Integer()
    conflicts = fields.Integer()
    replaced = fields.Integer()
    rejected = fields.Integer()
    rejects = fields.List(fields.Nested(RejectedEvent))
    conflicting = fields.List(fields.Nested(ConflictingEvent))
    left_out = fields.Dict(keys=fields.String(), values=fields.Integer())
    warnings = fields.List(fields.Nested(UsageWarning))


class UsageReceipt(Counts, Answered):
    """Counts of the batch; `rejects` and `conflicting` list the first 1,000 of the rejected and the conflicting ones.

    A duplicate says what the stored event with its id says, a conflict something else. `replaced`: how many stored
    events gave way to accepted ones. `usage_import_id` is what the batch is undone by, null when it stored nothing.
    `warnings` are about events that fit. `left_out` counts, by name, the nested values and, of a known format, the
    fields that were not stored.
    """


class UsageProblem(Counts, Problem):
    """The refusal of a body; where nothing in it is an event, with the counts and the first rejects."""


class UsageImportQuery(PageQuery):
    """Whose imports and batches to list."""

    workspace_id = Identifier(required=True)


class UsageImport(Answered):
    """A file or an HTTP batch that brought usage events, in one workspace.

    `rows_stored`: how many of the accepted rows still count, null where that is not known. `rows_rejected` is null for
    a batch, whose sender was told.
    """

    usage_import_id = fields.String()
    workspace_id = fields.String()
    source = fields.String(metadata={"description": "The name of the file, or `HTTP`."})
    received_at = Moment()
    rows_accepted = fields.Integer()
    rows_duplicate = fields.Integer()
    rows_conflicting = fields.Integer()
    rows_rejected = fields.Integer(allow_none=True)
    rows_stored = fields.Integer(allow_none=True)
    state = choice(named("UsageImportState", STATES, "Whether what a file or batch brought still counts."))
    undone_at = Moment(allow_none=True)


class UsageImportParts(Answered):
    """One file or batch: a batch may have brought events to several workspaces, and is undone in all of them."""

    usage_import_id = fields.String()
    parts = fields.List(fields.Nested(UsageImport))


class UndoBody(Body):
    """Nothing needs to be said: `{}`."""


class WithdrawalBody(Body):
    """The events to take out: their ids as they are stored, a CloudEvent's with its source and `␟` before it."""

    workspace_id = Identifier(required=True)
    event_ids = fields.List(
        fields.String(validate=validate.Length(1, 2 * MAX_ID_LENGTH + 1)),
        required=True,
        validate=validate.Length(1, MAX_WITHDRAWN),
    )


class WithdrawalReceipt(Answered):
    """The ids that were withdrawn, and those that no stored event has."""

    withdrawn = fields.Integer()
    not_stored = fields.List(fields.String())
