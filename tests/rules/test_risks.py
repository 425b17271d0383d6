"""What a run saw, in the words and numbers of the screens; the exact details of the run stay as they are."""

from decimal import Decimal
from typing import Any

import pytest

from rules.risks import SENTENCES, risk_sentence

OUTPUTS: dict[str, Any] = {
    "window": {"start": "2025-12-06T00:00:00Z", "as_of": "2026-01-05T00:00:00Z"},
    "economics": {
        "by_period": [
            {"index": 0, "candidate": {"revenue_usd": Decimal("79.554516"), "cost_usd": Decimal("45.067834")}},
            {"index": 1, "candidate": {"revenue_usd": 0, "cost_usd": Decimal("0.02")}},
        ],
        "by_unit": [{"value_unit_id": "vu_01m8", "name": "Usable HD minute"}],
    },
    "pool_breakdown": [{"pool_id": "pool_01m8", "label": "Core"}],
}
OVER_THE_CAP = {
    "period_index": 1,
    "customers": 2,
    "customer_periods": 3,
    "largest_usd": Decimal("1497.318"),
    "monthly_spend_cap_usd": Decimal(1200),
}


def below_the_floor(period: int) -> dict[str, Any]:
    return {"period_index": period, "margin": Decimal("0.433498"), "margin_floor": Decimal("0.6")}


@pytest.mark.parametrize(
    ("code", "numbers", "sentence"),
    [
        (
            "usage_unmatched",
            {
                "event_type": "llm_call",
                "events": 20,
                "unmatched_events": 1,
                "quantities": [
                    {"field": "input", "minus": "cached", "quantity": Decimal("1000.5"), "unmatched_quantity": 900}
                ],
            },
            "1 of 20 events of llm_call (900 of 1,000.5 input less cached) matches no unit: nothing counts, costs or "
            "prices it.",
        ),
        (
            "usage_unmatched",
            {"event_type": "render", "events": 3000, "unmatched_events": 2000, "quantities": []},
            "2,000 of 3,000 events of render match no unit: nothing counts, costs or prices them.",
        ),
        (
            "value_not_a_number",
            {"value_unit_id": "vu_01m8", "field": "input", "minus": "cached", "count": 3},
            "3 events of “Usable HD minute” have input or cached that is no number; each adds 0.",
        ),
        (
            "margin_floor_violated",
            below_the_floor(0),
            "Period 1 has a margin of 43.3 % (revenue $79.55, cost $45.07), below the margin floor of 60 %.",
        ),
        (
            "margin_floor_violated",
            below_the_floor(1),
            "Period 2 has no revenue (revenue $0.00, cost $0.02), below the margin floor of 60 %.",
        ),
        (
            "spend_cap_exceeded",
            OVER_THE_CAP,
            "2 customers went above the monthly spend cap of $1,200.00 in 3 customer-periods, first in period 2; the "
            "largest is billed $1,497.32.",
        ),
        (
            "cost_over_spend_cap",
            OVER_THE_CAP | {"customers": 1, "customer_periods": 1},
            "1 customer went above the monthly spend cap of $1,200.00 in 1 customer-period, first in period 2; the "
            "largest costs $1,497.32.",
        ),
        (
            "pool_price_zero",
            {"pool_id": "pool_01m8", "value_unit_id": "vu_01m8"},
            "Pool “Core” is no exploration pool, but its unit “Usable HD minute” sells for $0.00: its use earns "
            "nothing.",
        ),
        (
            "quality_signal_missing",
            {"value_unit_id": "vu_01m8"},
            "Value unit “Usable HD minute” has no quality signal: nothing would show that its quality drops.",
        ),
        (
            "retention_regressed",
            {"baseline": Decimal("0.904762"), "candidate": Decimal("0.75")},
            "The retention proxy falls from 90.5 % under the baseline to 75 %.",
        ),
        (
            "no_usage_in_window",
            {},
            "No event of any pooled unit counts from 2025-12-06 to 2026-01-05: every amount is 0 for lack of data.",
        ),
        (
            "value_not_a_number",
            {"value_unit_id": "vu_01m8", "field": "output_minutes", "count": 1},
            "1 event of “Usable HD minute” has output_minutes that is no number; each adds 0.",
        ),
        (
            "negative_quantity",
            {"value_unit_id": "vu_01m8", "field": "output_minutes", "count": 1200},
            "1,200 customer-periods of “Usable HD minute” have a negative sum of output_minutes; each counts as 0.",
        ),
    ],
)
def test_a_risk_speaks_like_the_screens(code: str, numbers: dict[str, Any], sentence: str) -> None:
    assert risk_sentence({"code": code, "detail": "exact"} | numbers, OUTPUTS) == sentence


@pytest.mark.parametrize("code", [*SENTENCES, "of_a_later_version"])
def test_what_lacks_its_numbers_says_its_own_detail(code: str) -> None:
    assert risk_sentence({"code": code, "detail": "Exact."}, {}) == "Exact."
