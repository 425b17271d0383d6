"""Stored documents of value units, as the rules read them."""

from decimal import Decimal

import pytest

from rules.documents import risk_from_document, value_unit_from_document
from rules.draft import Aggregation, EventMapping, MetricIntent, Risk, UnitEconomics, ValueUnit


def test_a_complete_document_keeps_every_field() -> None:
    document = {
        "value_unit_id": "vu_x",
        "name": "X",
        "unit_type": "usage",
        "event_mapping": {
            "event_type": "e",
            "filters": {"size": [1, 2]},
            "aggregation": {"type": "sum", "field": "minutes", "minus": "idle_minutes"},
        },
        "outcome_statement": "Done.",
        "metrics_intent": [{"metric_id": "gross_margin", "expected_impact": "unknown"}],
        "quality_signal_source": ["csat"],
        "quality_note": "not read by any rule",
        "unit_economics": {
            "avg_cost_per_unit_usd": Decimal("0.00000015"),
            "target_price_per_unit_usd": 1,
            "target_margin": Decimal("0.7"),
            "economics_confidence": "high",
        },
    }
    assert value_unit_from_document(document) == ValueUnit(
        value_unit_id="vu_x",
        name="X",
        unit_type="usage",
        event_mapping=EventMapping(
            event_type="e",
            filters={"size": [1, 2]},
            aggregation=Aggregation(type="sum", field="minutes", minus="idle_minutes"),
        ),
        outcome_statement="Done.",
        metrics_intent=(MetricIntent(metric_id="gross_margin", expected_impact="unknown"),),
        quality_signal_source=("csat",),
        unit_economics=UnitEconomics(
            avg_cost_per_unit_usd=Decimal("0.00000015"),
            target_price_per_unit_usd=1,
            target_margin=Decimal("0.7"),
            economics_confidence="high",
        ),
    )


@pytest.mark.parametrize("number", [True, "0.7", Decimal("NaN"), Decimal("Infinity"), 0.7, []])
def test_what_is_no_exact_number_reads_as_absent(number: object) -> None:
    unit = value_unit_from_document({"unit_economics": {"target_margin": number}})
    assert unit.unit_economics.target_margin is None


@pytest.mark.parametrize("document", [{}, {"event_mapping": None, "metrics_intent": None, "unit_economics": None}])
def test_an_empty_document_is_an_empty_unit(document: dict[str, object]) -> None:
    assert value_unit_from_document(document) == ValueUnit()


def test_a_risk_s_period_is_counted_from_one() -> None:
    document = {"code": "margin_floor_violated", "detail": "Period 2.", "period_index": 1, "margin": Decimal("0.1")}
    assert risk_from_document(document) == Risk(code="margin_floor_violated", detail="Period 2.", periods=(2,))


@pytest.mark.parametrize("document", [{}, {"code": 1, "detail": None, "period_index": True}, {"period_index": "1"}])
def test_a_broken_risk_is_an_empty_one(document: dict[str, object]) -> None:
    assert risk_from_document(document) == Risk()
