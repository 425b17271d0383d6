"""The runtime config: which one is asked for (spec 5 and 6). Its shape is that of the stored bytes."""

from typing import Any

from marshmallow.fields import Integer
from marshmallow.validate import Range

from api.schemas.common import GivenId, Identifier, Query, choice
from app.services.delivery.current import MAX_WAIT_SECONDS
from rules.delivery import COUNTED, RAILS, Fail, PeriodKind, Scope
from rules.enums import Stage, TargetEnvironment, TermsStart


class SubjectQuery(Query):
    """The four parts of a subject; all are needed."""

    workspace_id = Identifier(required=True)
    segment = GivenId(required=True)
    stage = choice(Stage, required=True)
    target_environment = choice(TargetEnvironment, required=True)


class ConfigQuery(SubjectQuery):
    """A subject, and how long to wait for another config than the one that If-None-Match names."""

    wait = Integer(
        strict=False, validate=Range(0, MAX_WAIT_SECONDS), metadata={"description": "Seconds; 0 answers at once."}
    )


CONFIG_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "One server-sent event; data is the JSON text of {etag, signature, document_b64}.",
    "required": ["event", "id", "data"],
    "properties": {"event": {"const": "config"}, "id": {"type": "string"}, "data": {"type": "string"}},
}
JWKS: dict[str, Any] = {
    "type": "object",
    "required": ["keys"],
    "properties": {
        "keys": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["kty", "crv", "alg", "use", "kid", "x"],
                "properties": {
                    "kty": {"const": "OKP"},
                    "crv": {"const": "Ed25519"},
                    "alg": {"const": "EdDSA"},
                    "use": {"const": "sig"},
                    "kid": {"type": "string"},
                    "x": {"type": "string"},
                },
            },
        }
    },
}
_FAIL = {"enum": [fail.value for fail in Fail]}
DELIVERY: dict[str, Any] = {
    "type": "object",
    "description": "How long a copy may be enforced and what to do after; `on_counters_unavailable`, `period_anchor` "
    "and `threshold_scopes` only where the config states them; `sequence` only grows; `next` is the version "
    "approved for later, to be enforced from its `effective_at` on.",
    "required": ["max_staleness_seconds", "fail", "on_expired", "sequence", "next"],
    "properties": {
        "max_staleness_seconds": {"type": "integer", "minimum": 1},
        "fail": {"type": "object", "required": ["stale"], "properties": {"stale": _FAIL}},
        "on_expired": {"type": "object", "required": list(RAILS), "properties": dict.fromkeys(RAILS, _FAIL)},
        "on_counters_unavailable": {"type": "object", "properties": dict.fromkeys(COUNTED, _FAIL)},
        "period_anchor": {
            "type": "object",
            "required": ["kind"],
            "properties": {
                "kind": {"enum": [kind.value for kind in PeriodKind]},
                "at": {"type": "string", "format": "date-time"},
                "time_zone": {"type": "string"},
            },
        },
        "threshold_scopes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["percent", "scope"],
                "properties": {"percent": {"type": "number"}, "scope": {"enum": [scope.value for scope in Scope]}},
            },
        },
        "sequence": {"type": "integer", "minimum": 1},
        "next": {
            "type": ["object", "null"],
            "required": ["effective_at", "config_version_id", "document"],
            "properties": {
                "effective_at": {"type": "string", "format": "date-time"},
                "config_version_id": {"type": "string"},
                "document": {"type": "object"},
            },
        },
    },
}
TERMS: dict[str, Any] = {
    "type": "object",
    "description": "Only where the decision lets customers finish the period that they are in: until the end of the "
    "period in which `since` lies, a customer is held to the terms in `before`; from their next period on, to those of "
    "this document. `before` may have terms before it in turn.",
    "required": ["start", "since", "before"],
    "properties": {
        "start": {"const": TermsStart.NEXT_PERIOD.value},
        "since": {"type": "string", "format": "date-time"},
        "before": {
            "type": "object",
            "required": ["config_version_id", "value_units", "pools", "exploration", "rails"],
        },
    },
}
AVS_CONFIG: dict[str, Any] = {
    "type": "object",
    "required": [
        "avs_version",
        "cycle_id",
        "config_version_id",
        "effective_at",
        "north_star",
        "subject_resolution",
        "quality_mode",
        "value_units",
        "pools",
        "exploration",
        "rails",
        "rating_agility",
        "metric_lenses",
        "governance",
        "generated_at",
        "source",
    ],
    "properties": {
        "avs_version": {"const": "v2.0"},
        "cycle_id": {"type": "string"},
        "config_version_id": {"type": "string"},
        "effective_at": {"type": "string", "format": "date-time"},
        "quality_mode": {"const": "advisory"},
        "value_units": {"type": "array", "items": {"type": "object"}},
        "pools": {"type": "array", "items": {"type": "object"}},
        "rails": {"type": "object"},
        "governance": {
            "type": "object",
            "required": ["config_version_id", "approval_ref", "config_status", "audit", "delivery"],
            "properties": {"delivery": DELIVERY, "terms": TERMS},
        },
    },
}
