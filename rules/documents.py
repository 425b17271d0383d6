"""The rules' input from stored JSON: value units of a snapshot (spec 1) and risks of a run (spec 4.3).

Documents may be in any state. A member that is missing, or not of its kind, becomes absent: the rules then say so.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rules.draft import Aggregation, EventMapping, MetricIntent, Number, Risk, UnitEconomics, ValueUnit


def value_unit_from_document(document: Mapping[str, object]) -> ValueUnit:
    """The value unit of a document that has the canonical field names, as JSON with exact numbers."""
    return ValueUnit(
        value_unit_id=_text(document.get("value_unit_id")),
        name=_text(document.get("name")),
        unit_type=_text(document.get("unit_type")),
        event_mapping=_event_mapping(_mapping(document.get("event_mapping"))),
        outcome_statement=_text(document.get("outcome_statement")),
        metrics_intent=tuple(map(_metric_intent, _items(document.get("metrics_intent")))),
        quality_signal_source=tuple(filter(None, map(_text, _items(document.get("quality_signal_source"))))),
        unit_economics=_unit_economics(_mapping(document.get("unit_economics"))),
    )


def risk_from_document(document: Mapping[str, object]) -> Risk:
    """The risk of an entry of `outputs.risks`; its `period_index` counts from 0, operators count from 1."""
    index = document.get("period_index")
    periods = (index + 1,) if isinstance(index, int) and not isinstance(index, bool) else ()
    return Risk(code=_text(document.get("code")), detail=_text(document.get("detail")), periods=periods)


def _event_mapping(document: Mapping[str, object]) -> EventMapping:
    aggregation = _mapping(document.get("aggregation"))
    return EventMapping(
        event_type=_text(document.get("event_type")),
        filters=_mapping(document.get("filters")),
        aggregation=Aggregation(type=_text(aggregation.get("type")), field=_text(aggregation.get("field"))),
    )


def _metric_intent(document: object) -> MetricIntent:
    entry = _mapping(document)
    return MetricIntent(metric_id=_text(entry.get("metric_id")), expected_impact=_text(entry.get("expected_impact")))


def _unit_economics(document: Mapping[str, object]) -> UnitEconomics:
    return UnitEconomics(
        avg_cost_per_unit_usd=_number(document.get("avg_cost_per_unit_usd")),
        target_price_per_unit_usd=_number(document.get("target_price_per_unit_usd")),
        target_margin=_number(document.get("target_margin")),
        economics_confidence=_text(document.get("economics_confidence")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> Number | None:
    """JSON's true and false are ints to Python, and NaN is a Decimal; neither is a number here."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
