"""The rules' input from stored JSON: value units of a snapshot (spec 1) and risks of a run (spec 4.3).

Documents may be in any state. A member that is missing, or not of its kind, becomes absent: the rules then say so.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rules.draft import Aggregation, EventMapping, MetricIntent, Number, Risk, UnitEconomics, ValueUnit


def value_unit_from_document(document: Mapping[str, object]) -> ValueUnit:
    """The value unit of a document that has the canonical field names, as JSON with exact numbers."""
    return ValueUnit(
        value_unit_id=as_text(document.get("value_unit_id")),
        name=as_text(document.get("name")),
        unit_type=as_text(document.get("unit_type")),
        event_mapping=_event_mapping(as_mapping(document.get("event_mapping"))),
        outcome_statement=as_text(document.get("outcome_statement")),
        metrics_intent=tuple(map(_metric_intent, as_items(document.get("metrics_intent")))),
        quality_signal_source=tuple(filter(None, map(as_text, as_items(document.get("quality_signal_source"))))),
        unit_economics=_unit_economics(as_mapping(document.get("unit_economics"))),
    )


def risk_from_document(document: Mapping[str, object], sentence: str | None = None) -> Risk:
    """The risk of an entry of `outputs.risks`; its `period_index` counts from 0, operators count from 1.

    `sentence` is what it says to people (`rules.risks`), else the entry's own detail.
    """
    index = document.get("period_index")
    periods = (index + 1,) if isinstance(index, int) and not isinstance(index, bool) else ()
    detail = as_text(document.get("detail")) if sentence is None else sentence
    return Risk(code=as_text(document.get("code")), detail=detail, periods=periods)


def _event_mapping(document: Mapping[str, object]) -> EventMapping:
    aggregation = as_mapping(document.get("aggregation"))
    return EventMapping(
        event_type=as_text(document.get("event_type")),
        filters=as_mapping(document.get("filters")),
        aggregation=Aggregation(**{name: as_text(aggregation.get(name)) for name in ("type", "field", "minus")}),
    )


def _metric_intent(document: object) -> MetricIntent:
    entry = as_mapping(document)
    return MetricIntent(
        metric_id=as_text(entry.get("metric_id")), expected_impact=as_text(entry.get("expected_impact"))
    )


def _unit_economics(document: Mapping[str, object]) -> UnitEconomics:
    return UnitEconomics(
        avg_cost_per_unit_usd=as_number(document.get("avg_cost_per_unit_usd")),
        target_price_per_unit_usd=as_number(document.get("target_price_per_unit_usd")),
        target_margin=as_number(document.get("target_margin")),
        economics_confidence=as_text(document.get("economics_confidence")),
    )


def as_text(value: object) -> str | None:
    """The value if it is text."""
    return value if isinstance(value, str) else None


def as_number(value: object) -> Number | None:
    """The value if it is a number; JSON's true and false are ints to Python, and NaN is a Decimal: neither is one."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_mapping(value: object) -> Mapping[str, object]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_items(value: object) -> Sequence[object]:
    """The value if it is a JSON array, else an empty one."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
