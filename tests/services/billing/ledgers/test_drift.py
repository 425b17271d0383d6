"""Drift, ledger by ledger: what is missing, extra or changed, and what is nobody's business."""

from copy import deepcopy
from decimal import Decimal

import pytest

from app.errors import Invalid
from app.services.billing.ledgers import stripe
from app.services.billing.ledgers.drift import drift
from app.services.billing.ledgers.registry import LEDGERS, ledger_named
from app.services.billing.ledgers.rendering import Ledger
from app.services.billing.ledgers.terms import Terms
from simulation.canonical import Json, JsonObject
from tests.services.billing.ledgers import examples
from tests.services.billing.ledgers.answers import export_of

TERMS = examples.sub_cent()
PRICE_LISTS = {
    "stripe": lambda export: export["prices"]["data"],
    "metronome": lambda export: export["rates"]["data"],
    "orb": lambda export: export["plans"]["data"][0]["prices"],
    "openmeter": lambda export: export["plans"]["items"][0]["phases"][0]["rateCards"],
    "lago": lambda export: export["plans"]["plans"][0]["charges"],
}
every_ledger = pytest.mark.parametrize("ledger", LEDGERS, ids=list(PRICE_LISTS))


def lines(ledger: Ledger, export: Json, terms: Terms = TERMS) -> list[tuple[object, ...]]:
    found = drift(ledger, terms, export).differences
    return [(line.kind, line.resource, line.id, line.field, line.expected, line.found) for line in found]


def listed(name: str) -> tuple[Ledger, JsonObject]:
    return ledger_named(name), deepcopy(export_of(ledger_named(name), TERMS))


@every_ledger
def test_a_price_that_was_taken_out_is_missing(ledger: Ledger) -> None:
    export = export_of(ledger, TERMS)
    PRICE_LISTS[ledger.name](export).pop()
    ((kind, resource, _, _, _, _),) = lines(ledger, export)
    assert (kind, resource) == ("missing", ledger.resources[-1].name)


@every_ledger
def test_a_second_price_for_the_same_unit_is_extra(ledger: Ledger) -> None:
    export = export_of(ledger, TERMS)
    prices = PRICE_LISTS[ledger.name](export)
    prices.append(deepcopy(prices[0]))
    ((kind, resource, _, _, _, _),) = lines(ledger, export)
    assert (kind, resource) == ("extra", ledger.resources[-1].name)


@every_ledger
def test_an_account_that_has_nothing_lacks_everything(ledger: Ledger) -> None:
    found = drift(ledger, TERMS, {name: [] for name in ledger.listed})
    assert {line.kind for line in found.differences} == {"missing"}
    of_every_config = {resource.name for resource in ledger.resources} - set(ledger.listed_with_plans)
    assert {line.resource for line in found.differences} == of_every_config


@every_ledger
def test_what_other_products_use_is_ignored(ledger: Ledger) -> None:
    export = {name: [{"id": f"other_{name}", "lago_id": f"other_{name}"}] for name in ledger.listed if name != "rates"}
    found = drift(ledger, TERMS, export | ({"rates": []} if "rates" in ledger.listed else {}))
    assert found.ignored == len(export)
    assert {line.kind for line in found.differences} == {"missing"}


@every_ledger
def test_a_longer_allowance_names_only_the_fields_that_end_it(ledger: Ledger) -> None:
    ledger_has = examples.terms(
        examples.document(
            examples.TOKEN, examples.SEAT, pools=[*examples.TOKEN_POOLS, examples.pool("seats", "seat", "4")]
        )
    )
    found = lines(ledger, export_of(ledger, ledger_has))
    assert {(kind, resource) for kind, resource, *_ in found} == {("changed", ledger.resources[-1].name)}
    assert ("3", "4") in [(expected, found) for *_, expected, found in found]
    assert {found for *_, found in found} <= {"4", "5"}


def test_a_price_of_another_subject_on_a_shared_product_is_ignored() -> None:
    ledger, export = listed("stripe")
    theirs = deepcopy(export["prices"]["data"][0]) | {"id": "price_theirs", "lookup_key": "theirs"}
    theirs["metadata"] = {"avs_subject": "avs/ws_1/enterprise/scaling/production"}
    export["prices"]["data"].append(theirs)
    assert lines(ledger, export) == []
    assert drift(ledger, TERMS, export).ignored == 1


def test_a_price_that_somebody_made_by_hand_on_our_product_is_extra() -> None:
    ledger, export = listed("stripe")
    made = {"id": "price_hand", "active": True, "product": "product_token", "unit_amount": 5, "currency": "usd"}
    export["prices"]["data"].append(made)
    assert lines(ledger, export) == [("extra", "prices", "price_hand", None, None, None)]


def test_a_price_of_a_retired_unit_is_extra_until_it_is_archived() -> None:
    ledger, export = listed("stripe")
    retired = {
        "id": "price_old",
        "active": True,
        "product": "product_old",
        "metadata": {"avs_subject": stripe.mark(TERMS)},
    }
    export["prices"]["data"].append(retired)
    assert lines(ledger, export) == [("extra", "prices", "price_old", None, None, None)]
    retired["active"] = False
    assert lines(ledger, export) == []


def test_an_archived_record_is_as_good_as_missing() -> None:
    ledger, export = listed("stripe")
    export["meters"]["data"][0]["status"] = "inactive"
    assert ("missing", "meters", None, None, None, None) in lines(ledger, export)


def test_a_flat_fee_on_a_tier_is_drift() -> None:
    ledger, export = listed("stripe")
    export["prices"]["data"][0]["tiers"][1]["flat_amount"] = 500
    ((kind, _, _, field, expected, found),) = lines(ledger, export)
    assert (kind, field, expected, found) == ("changed", "tiers/1/flat_amount_decimal", None, "500")


def test_an_allowance_that_the_ledger_writes_with_zeros_is_the_same() -> None:
    ledger, export = listed("openmeter")
    export["plans"]["items"][0]["phases"][0]["rateCards"][0]["discounts"]["usage"]["quantity"] = "1050000.000"
    assert lines(ledger, export) == []


def test_a_metric_that_counts_something_else_is_drift() -> None:
    ledger, export = listed("orb")
    export["metrics"]["data"][0]["sql"] = "SELECT COUNT(*) FROM events"
    ((kind, resource, identifier, field, _, found),) = lines(ledger, export)
    assert (kind, resource, field, found) == ("changed", "metrics", "sql", "SELECT COUNT(*) FROM events")
    assert identifier == export["metrics"]["data"][0]["id"]


def test_a_metric_whose_sql_only_breaks_its_lines_elsewhere_is_the_same() -> None:
    ledger, export = listed("orb")
    metric = export["metrics"]["data"][0]
    metric["sql"] = metric["sql"].replace(" FROM", "\n  FROM")
    assert lines(ledger, export) == []


def test_a_rate_that_ends_in_a_minimum_is_drift() -> None:
    ledger, export = listed("lago")
    export["plans"]["plans"][0]["charges"][0]["min_amount_cents"] = 1000
    ((_, resource, _, field, expected, found),) = lines(ledger, export)
    assert (resource, field, expected, found) == ("charges", "min_amount_cents", None, "1000")


def test_a_plan_that_was_not_published_is_missing() -> None:
    ledger, export = listed("openmeter")
    export["plans"]["items"][0]["status"] = "draft"
    assert ("missing", "plans", None, None, None, None) in lines(ledger, export)


def test_a_filter_that_was_dropped_is_drift() -> None:
    ledger, export = listed("metronome")
    metric = export["billable_metrics"]["data"][0]
    metric["property_filters"] = [item for item in metric["property_filters"] if item["name"] != "model"]
    assert [(field, found) for *_, field, _, found in lines(ledger, export)] == [
        ("property_filters/model/exists", None),
        ("property_filters/model/in_values", None),
    ]


def test_a_number_as_large_as_its_exponent_is_written_shortly() -> None:
    ledger, export = listed("stripe")
    export["prices"]["data"][0]["tiers"][1]["unit_amount_decimal"] = "1e999999"
    ((*_, found),) = lines(ledger, export)
    assert found == "1e+999999"


def test_tiers_that_were_not_expanded_are_refused_and_not_called_missing() -> None:
    ledger, export = listed("stripe")
    del export["prices"]["data"][0]["tiers"]
    with pytest.raises(Invalid, match="expand"):
        drift(ledger, TERMS, export)


def test_prices_are_compared_without_binary_floats() -> None:
    terms = examples.with_price(TERMS, 0, Decimal("0.000000000001"))
    ledger = ledger_named("openmeter")
    export = export_of(ledger, terms)
    card = export["plans"]["items"][0]["phases"][0]["rateCards"][0]
    assert card["price"]["amount"] == "0.0000000000010"
    assert lines(ledger, export, terms) == []
    card["price"]["amount"] = "0.0000000000011"
    assert [found for *_, found in lines(ledger, export, terms)] == ["0.0000000000011"]


def test_a_second_metric_of_our_name_is_extra_though_metronome_allows_it() -> None:
    ledger, export = listed("metronome")
    metrics = export["billable_metrics"]["data"]
    metrics.append(deepcopy(metrics[0]) | {"id": "metric_twice"})
    assert lines(ledger, export) == [("extra", "billable_metrics", "metric_twice", None, None, None)]


def test_a_number_is_no_flag() -> None:
    ledger, export = listed("metronome")
    export["rates"]["data"][0]["entitled"] = 1
    ((*_, field, expected, found),) = lines(ledger, export)
    assert (field, expected, found) == ("entitled", "true", "1")


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity"])
def test_what_decimals_call_a_number_and_json_does_not_is_shown_as_it_is(text: str) -> None:
    ledger, export = listed("stripe")
    export["prices"]["data"][0]["tiers"][1]["unit_amount_decimal"] = text
    ((*_, found),) = lines(ledger, export)
    assert found == text
