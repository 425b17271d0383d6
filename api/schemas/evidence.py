"""What customer apps reported about a config, beside what its simulation forecast (spec 6 and 7)."""

from marshmallow import fields

from api.schemas.common import Answered, Computed, ExactNumber, Moment, Query, choice
from api.shapes.named import named
from app.services.evidence.files import FORMATS
from rules.drift import METHOD, VERDICTS
from rules.enums import Action, EnforcementEventType

JSON = "json"
VERDICT = named("EvidenceVerdict", VERDICTS, "Whether what was reported is as forecast.")
RANGES = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    "description": "The first of them: [first, last], both missing.",
}
PERCENT = {"description": "Of the allowance; null for the spend cap."}


class EvidenceQuery(Query):
    """How the comparison is wanted."""

    format = choice(named("EvidenceFormat", (JSON, *FORMATS)), load_default=JSON)


class EvidenceEventsQuery(Query):
    """How the raw events are wanted; as JSON they are GET /api/enforcement-events."""

    format = choice(named("EvidenceFileFormat", tuple(FORMATS)), load_default=next(iter(FORMATS)))


class EvidenceRow(Answered):
    """One event type: what was reported, what was forecast, and what that means."""

    event_type = choice(EnforcementEventType)
    events = fields.Integer()
    customers = fields.Integer()
    customers_in_window = fields.Integer(metadata={"description": "In the first forecast_days in force."})
    forecast_customers = fields.Integer(allow_none=True)
    ratio = ExactNumber(allow_none=True, metadata={"description": "customers_in_window ÷ forecast_customers"})
    verdict = choice(VERDICT, metadata={"description": METHOD})
    text = fields.String()


class EvidenceThreshold(EvidenceRow):
    """Forecast against observed customers of one threshold, or of the spend cap."""

    percent = ExactNumber(allow_none=True, metadata=PERCENT)
    action = choice(Action)


class EvidenceDay(Answered):
    """Events of one day (UTC) by event_type."""

    day = fields.String(metadata={"format": "date"})
    counts = Computed({"type": "object", "additionalProperties": {"type": "integer"}})


class EvidenceClient(Answered):
    """One client (a queue of a customer app), and which numbers of its events have not arrived."""

    client_id = fields.String()
    highest_sequence = fields.Integer()
    received = fields.Integer(metadata={"description": "Different numbers that arrived."})
    missing = fields.Integer(metadata={"description": "highest_sequence − received; late events close gaps."})
    missing_ranges = Computed(RANGES)
    reused = fields.Integer(metadata={"description": "Numbers of two events or more: two queues share a client_id."})
    last_received_at = Moment()


class EvidenceReporters(Answered):
    """Who reported about the config; listed are those with most missing numbers, at most 50."""

    clients = fields.Integer()
    missing = fields.Integer()
    unnumbered_events = fields.Integer()
    listed = fields.List(fields.Nested(EvidenceClient))


class Evidence(Answered):
    """What customer apps reported about the config, beside what its simulation forecast."""

    config_version_id = fields.String()
    simulation_run_id = fields.String(allow_none=True)
    in_force_since = Moment(allow_none=True)
    observed_days = fields.Integer()
    forecast_days = fields.Integer(allow_none=True)
    events = fields.Integer()
    by_event_type = fields.List(fields.Nested(EvidenceRow))
    by_threshold = fields.List(fields.Nested(EvidenceThreshold))
    by_day = fields.List(fields.Nested(EvidenceDay))
    reporters = fields.Nested(EvidenceReporters)
    verdict = fields.String()


class EvidenceComparison(Answered):
    """One day of an event type (action null), or of one of its limits, as it stood when the day ended."""

    day = fields.String(metadata={"format": "date"})
    event_type = choice(EnforcementEventType)
    action = choice(Action, allow_none=True)
    percent = ExactNumber(allow_none=True, metadata=PERCENT)
    events = fields.Integer(metadata={"description": "Of the day."})
    new_customers = fields.Integer(metadata={"description": "Customers first seen that day."})
    customers = fields.Integer(metadata={"description": "Seen by the end of the day, each once."})
    forecast_customers = fields.Integer(metadata={"description": "By the end of the forecast's window."})
    ratio = ExactNumber(allow_none=True)
    verdict = choice(VERDICT, metadata={"description": METHOD})


class DecisionEvidence(Answered):
    """The evidence of a decision's config, and the comparison day by day."""

    evidence = fields.Nested(Evidence)
    comparisons = fields.List(fields.Nested(EvidenceComparison))
