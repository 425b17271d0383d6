"""The sentences beside pools and exploration."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.authoring.inputs import ValueUnitInput
from app.services.wording.configs import ending_sentence, pool_sentence, subsidy_sentence, unit_words
from simulation.canonical import JsonObject
from tests import factories as f
from tests.present import present

POOL = f.CORE | {"is_exploration_pool": False, "rollover": {"enabled": False}}


def priced(price: Decimal | None) -> ValueUnitInput:
    return f.HD_MINUTE | {
        "unit_economics": present(f.HD_MINUTE["unit_economics"]) | {"target_price_per_unit_usd": price}
    }


@pytest.mark.parametrize(
    ("changes", "price", "sentence"),
    [
        ({}, Decimal("0.6"), "300 × Usable HD minute per customer and 30 days, then $0.60 each."),
        ({}, Decimal("0.0000025"), "300 × Usable HD minute per customer and 30 days, then $0.0000025 each."),
        ({}, Decimal(0), "300 × Usable HD minute per customer and 30 days, then free of charge."),
        ({}, None, "300 × Usable HD minute per customer and 30 days, then at a price not stated yet."),
        (
            {"overage_behavior": "throttle"},
            Decimal("0.6"),
            "300 × Usable HD minute per customer and 30 days, then throttled, $0.60 each.",
        ),
        (
            {"overage_behavior": "hard_stop", "included_quantity": Decimal("1234.5")},
            Decimal("0.6"),
            "1,234.5 × Usable HD minute per customer and 30 days, then stopped.",
        ),
        (
            {"included_quantity": Decimal(0)},
            Decimal("0.6"),
            "No Usable HD minute is included: $0.60 each from the first one.",
        ),
        (
            {"included_quantity": None},
            Decimal("0.6"),
            "No Usable HD minute is included: $0.60 each from the first one.",
        ),
        (
            {"rollover": {"enabled": True}},
            Decimal("0.6"),
            "300 × Usable HD minute per customer and 30 days, then $0.60 each. What is unused carries over.",
        ),
    ],
)
def test_a_pool_says_what_it_means(changes: JsonObject, price: Decimal | None, sentence: str) -> None:
    assert pool_sentence(POOL | changes, priced(price)) == sentence


def test_a_pool_without_a_unit_says_nothing() -> None:
    assert pool_sentence(POOL, None) == ""


def test_economics_name_what_is_stated() -> None:
    assert unit_words(f.HD_MINUTE) == "price $0.60 · cost $0.18 · margin 70 %"
    assert unit_words(f.HD_MINUTE | {"unit_economics": {"avg_cost_per_unit_usd": Decimal(1)}}) == "cost $1.00"
    assert unit_words(f.HD_MINUTE | {"unit_economics": None}) == "no economics yet"


def test_exploring_is_priced_at_cost_exactly() -> None:
    unit = f.HD_MINUTE | {"unit_economics": {"avg_cost_per_unit_usd": Decimal("0.00000015")}}
    pool = POOL | {"included_quantity": Decimal(1_000_000)}
    assert subsidy_sentence(pool, unit).endswith("At $0.00000015 each that costs you up to $0.15.")
    assert "What one costs is not stated yet" in subsidy_sentence(pool, f.HD_MINUTE | {"unit_economics": None})
    assert "includes nothing yet" in subsidy_sentence(POOL | {"included_quantity": Decimal(0)}, f.HD_MINUTE)
    assert "Choose the pool that pays" in subsidy_sentence(None, None)


@pytest.mark.parametrize("days", [None, 30])
@pytest.mark.parametrize("signal", [None, "csat"])
def test_the_end_names_days_and_signal_when_they_are_set(days: int | None, signal: str | None) -> None:
    sentence = ending_sentence(days, signal)
    assert ("30 days of the customer's first" in sentence) is (days is not None)
    assert ("graduate by csat" in sentence) is (signal is not None)


@given(
    quantity=st.decimals(0, 10**12, places=6),
    price=st.none() | st.decimals(0, 10**6, places=12),
    behavior=st.sampled_from(["allow_overage", "throttle", "hard_stop", None]),
)
def test_every_pool_has_one_sentence_that_ends(quantity: Decimal, price: Decimal | None, behavior: str | None) -> None:
    sentence = pool_sentence(POOL | {"included_quantity": quantity, "overage_behavior": behavior}, priced(price))
    assert sentence.endswith(".")
    assert "None" not in sentence
    assert "E" not in sentence.replace("HD", "")
