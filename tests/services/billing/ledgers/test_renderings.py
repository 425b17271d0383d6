"""What each ledger can say exactly, what it refuses, and what it is said not to express."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.errors import Conflict
from app.services.billing.ledgers.registry import LEDGERS, NAMES, ledger_named
from app.services.billing.ledgers.rendering import render
from app.services.billing.ledgers.terms import Terms
from simulation.canonical import Json, JsonObject
from tests.services.billing.ledgers import examples
from tests.services.billing.ledgers.examples import document, pool, terms, unit

TERMS = examples.sub_cent()
every_ledger = pytest.mark.parametrize("name", NAMES)


def bodies(name: str, resource: str, of: Terms = TERMS) -> list[JsonObject]:
    return [record["body"] for record in render(ledger_named(name), of)["records"] if record["resource"] == resource]


def priced(price: str, included: str = "0", **mapping: Json) -> Terms:
    return terms(document(unit("token", price, **mapping), pools=[pool("core", "token", included)]))


def refused(name: str, of: Terms) -> str:
    with pytest.raises(Conflict) as caught:
        render(ledger_named(name), of)
    assert caught.value.code == "ledger_cannot_express"
    return str(caught.value)


def gaps(name: str, of: Terms = TERMS) -> list[tuple[str, str | None]]:
    return [(gap["feature"], gap["pool_id"]) for gap in render(ledger_named(name), of)["not_expressed"]]


def test_the_five_ledgers_are_the_ones_that_the_option_names() -> None:
    assert NAMES == ("stripe", "metronome", "orb", "openmeter", "lago")
    assert [ledger_named(name) for name in NAMES] == list(LEDGERS)


def test_stripe_charges_a_token_in_fractions_of_a_cent() -> None:
    (price, _) = bodies("stripe", "prices")
    assert price["tiers"][1] == {"up_to": "inf", "unit_amount_decimal": "0.00025"}


def test_stripe_has_one_amount_and_no_tiers_without_an_allowance() -> None:
    (price,) = bodies("stripe", "prices", priced("0.0000025"))
    assert (price["billing_scheme"], price["unit_amount_decimal"]) == ("per_unit", "0.00025")
    assert "tiers" not in price


def test_stripe_takes_a_cent_of_12_decimal_places_and_not_of_13() -> None:
    (price,) = bodies("stripe", "prices", priced("0.00000000000001"))
    assert price["unit_amount_decimal"] == "0.000000000001"
    assert "0.000000000000001 USD" in refused("stripe", priced("0.000000000000001"))


@pytest.mark.parametrize("name", ["stripe", "lago"])
def test_an_allowance_of_half_a_unit_is_refused_where_tiers_are_whole(name: str) -> None:
    assert "vu_token includes 2.5 units" in refused(name, priced("1", "2.5"))


@pytest.mark.parametrize("name", ["metronome", "orb", "openmeter"])
def test_an_allowance_of_half_a_unit_is_exact_elsewhere(name: str) -> None:
    assert render(ledger_named(name), priced("1", "2.5"))["pools"][0]["included_quantity"] == "2.5"


def test_metronome_refuses_a_price_that_a_binary_number_would_round() -> None:
    assert "more than 15 digits" in refused("metronome", priced("12345.678901234567"))
    assert bodies("metronome", "rates", priced("1234.56789012345"))[0]["price"] == Decimal("123456.789012345")


@pytest.mark.parametrize("name", ["metronome", "orb"])
def test_an_allowance_that_a_binary_number_would_round_is_refused(name: str) -> None:
    assert "more than 15 digits" in refused(name, priced("1", "1234567890123.4567"))


@pytest.mark.parametrize("name", ["orb", "openmeter", "lago"])
def test_text_amounts_take_any_number_of_digits(name: str) -> None:
    assert "99999999999999.999999999999" in str(bodies(name, "plans", priced("99999999999999.999999999999")))


def test_metronome_starts_rates_on_whole_hours_and_says_so() -> None:
    late = replace(TERMS, effective_at=datetime(2026, 1, 15, 23, 30, tzinfo=UTC))
    assert {rate["starting_at"] for rate in bodies("metronome", "rates", late)} == {"2026-01-16T00:00:00Z"}
    assert ("effective_at", None) in gaps("metronome", late)
    assert ("effective_at", None) not in gaps("metronome")


@every_ledger
def test_what_the_customer_app_enforces_is_listed_with_its_pool(name: str) -> None:
    assert gaps(name)[:6] == [
        ("rollover", "pool_core"),
        ("overage_behavior.throttle", "pool_core"),
        ("overage_behavior.hard_stop", "pool_trial"),
        ("exploration", "pool_trial"),
        ("rails.usage_thresholds", None),
        ("rails.monthly_spend_cap_usd", None),
    ]


@every_ledger
def test_nothing_is_listed_for_a_pool_that_a_ledger_says_wholly(name: str) -> None:
    assert [pool_id for _, pool_id in gaps(name, priced("1", "5")) if pool_id] == []


@every_ledger
def test_an_exploration_pool_that_gives_nothing_is_explained(name: str) -> None:
    of = terms(document(examples.TOKEN, pools=examples.TOKEN_POOLS, exploration=examples.NO_EXPLORATION))
    (reason,) = [g["reason"] for g in render(ledger_named(name), of)["not_expressed"] if g["feature"] == "exploration"]
    assert "is disabled" in reason


@pytest.mark.parametrize(("name", "told"), [("stripe", False), ("orb", False), ("metronome", True), ("lago", True)])
def test_a_calendar_month_is_named_where_30_days_cannot_be(name: str, told: bool) -> None:
    assert (("period", None) in gaps(name)) is told


def test_stripe_and_orb_bill_periods_of_30_days() -> None:
    assert bodies("stripe", "prices")[0]["recurring"] | {"meter": None} == {
        "interval": "day",
        "interval_count": 30,
        "usage_type": "metered",
        "meter": None,
    }
    cycle = bodies("orb", "plans")[0]["prices"][0]["price"]["billing_cycle_configuration"]
    assert cycle == {"duration": 30, "duration_unit": "day"}


def test_orb_sql_cannot_be_broken_out_of() -> None:
    of = priced("1", event_type="it's", aggregation={"type": "sum", "field": 'a"b'}, filters={"x y": "'; --"})
    (metric,) = bodies("orb", "metrics", of)
    assert metric["sql"] == """SELECT SUM("a""b") FROM events WHERE event_name = 'it''s' AND "x y" = '''; --'"""


def test_orb_compares_numbers_and_flags_as_such() -> None:
    (metric,) = bodies("orb", "metrics", priced("1", filters={"hd": True, "tier": [1, Decimal("2.5")]}))
    assert metric["sql"].endswith("WHERE event_name = 'token_used' AND hd = TRUE AND tier IN (1, 2.5)")


LESS_CACHED = priced("0.0000025", aggregation={"type": "sum", "field": "input_tokens", "minus": "cached_tokens"})


def test_orb_adds_up_the_difference_of_two_fields_of_which_a_missing_one_is_0() -> None:
    (metric,) = bodies("orb", "metrics", LESS_CACHED)
    summed = "SUM(COALESCE(input_tokens, 0) - COALESCE(cached_tokens, 0))"
    assert metric["sql"] == f"SELECT {summed} FROM events WHERE event_name = 'token_used'"
    assert "aggregation.minus" not in dict(gaps("orb", LESS_CACHED))


@pytest.mark.parametrize("name", ["stripe", "metronome", "openmeter", "lago"])
def test_where_a_sum_has_one_property_the_difference_is_asked_for_in_one_of_its_own(name: str) -> None:
    rendered = render(ledger_named(name), LESS_CACHED)
    (reason,) = [gap["reason"] for gap in rendered["not_expressed"] if gap["feature"] == "aggregation.minus"]
    told = "send input_tokens less cached_tokens, 0 where either is missing, as input_tokens_less_cached_tokens."
    assert reason.endswith(told)
    assert "input_tokens_less_cached_tokens" in str(rendered["records"][0]["body"])


def test_lago_bills_what_no_filter_matches_at_nothing() -> None:
    (charge, _) = bodies("lago", "plans")[0]["plan"]["charges"]
    assert [item["per_unit_amount"] for item in charge["properties"]["graduated_ranges"]] == ["0"]
    assert charge["filters"][0]["values"] == {"model": ["large", "small"], "tier": ["2"]}


def test_lago_ranges_begin_one_unit_after_the_allowance() -> None:
    (charge,) = bodies("lago", "plans", priced("2", "5"))[0]["plan"]["charges"]
    ranges = charge["properties"]["graduated_ranges"]
    assert [(item["from_value"], item["to_value"]) for item in ranges] == [(0, 5), (6, None)]


def test_openmeter_reaches_odd_properties_by_brackets() -> None:
    (meter,) = bodies("openmeter", "meters", priced("1", filters={"odd name's": "x"}))
    ((group, path),) = meter["groupBy"].items()
    assert path == "$['odd name\\'s']"
    assert group.startswith("odd_name_s_")


def test_openmeter_publishes_the_plan_after_creating_it() -> None:
    (plan,) = [r for r in render(ledger_named("openmeter"), TERMS)["records"] if r["resource"] == "plans"]
    assert plan["then"] == "/api/v1/plans/{id}/publish"


def test_metronome_aggregates_by_a_property_that_must_exist() -> None:
    (metric, _) = bodies("metronome", "billable_metrics")
    assert metric["property_filters"][-1] == {"name": "tokens", "exists": True}
    assert metric["aggregation_key"] == "tokens"


def test_stripe_says_which_events_to_send_where_it_cannot_filter() -> None:
    reasons = [gap["reason"] for gap in render(ledger_named("stripe"), TERMS)["not_expressed"]]
    assert any("send meter_token for each completion where model is large or small and tier is 2" in r for r in reasons)
    assert any("send one event per new user_id" in reason for reason in reasons)


def test_a_longer_id_than_a_ledger_takes_is_shortened_without_a_collision() -> None:
    long = "x" * 190
    of = terms(
        document(unit(f"{long}a", "1"), unit(f"{long}b", "2"), pools=[pool("p", f"{long}a"), pool("q", f"{long}b")])
    )
    for ledger in LEDGERS:
        records = render(ledger, of)["records"]
        assert len({(record["resource"], record["key"]) for record in records}) == len(records)
        assert all(len(record["idempotency_key"]) <= 255 for record in records)
