"""A price plan in the words of each ledger: what it bills to the cent, what it refuses, and what it leaves to do."""

from collections.abc import Callable
from copy import deepcopy
from decimal import ROUND_CEILING, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Conflict
from app.services.billing.ledgers.drift import drift
from app.services.billing.ledgers.registry import LEDGERS, NAMES, ledger_named
from app.services.billing.ledgers.rendering import Ledger, render
from app.services.billing.ledgers.terms import Terms
from simulation.canonical import Json, JsonObject, canonical_bytes, parse_exact
from tests.services.billing.ledgers import examples
from tests.services.billing.ledgers.answers import export_of
from tests.services.billing.ledgers.examples import CREDITS, OVERRIDE, PLAN, document, pool, terms, unit
from tests.services.golden_files import matches_golden

every_ledger = pytest.mark.parametrize("ledger", LEDGERS, ids=NAMES)
IN_METRONOME = PLAN | {"unit_prices": [PLAN["unit_prices"][0], PLAN["unit_prices"][2]]}
"""The plan without the price that bills all units at the tier reached, which rates of a card cannot."""


def plan_for(ledger: Ledger, **changes: Json) -> Terms:
    return examples.planned((IN_METRONOME if ledger.name == "metronome" else PLAN) | changes)


def with_everything(ledger: Ledger) -> Terms:
    """The plan with credits, and a customer who has a contract."""
    return plan_for(ledger, **CREDITS, overrides=[OVERRIDE])


def gaps(ledger: Ledger, of: Terms) -> dict[str, str]:
    found = {gap["feature"]: gap["reason"] for gap in render(ledger, of)["not_expressed"]}
    return {feature: reason for feature, reason in found.items() if feature.startswith("price_plan.")}


def listed(ledger: Ledger, of: Terms) -> JsonObject:
    return dict(parse_exact(canonical_bytes(export_of(ledger, of))))


def changes(ledger: Ledger, expected: Terms, exported: Json) -> list[tuple[str | None, ...]]:
    found = drift(ledger, expected, exported).differences
    return [(line.kind, line.resource, line.field, line.expected, line.found) for line in found]


@every_ledger
def test_a_plan_is_the_golden_one(ledger: Ledger) -> None:
    assert matches_golden(f"ledgers/plan_{ledger.name}.json", canonical_bytes(render(ledger, plan_for(ledger))))


@every_ledger
def test_a_plan_with_credits_and_a_contract_is_the_golden_one(ledger: Ledger) -> None:
    golden = f"ledgers/contracts_{ledger.name}.json"
    assert matches_golden(golden, canonical_bytes(render(ledger, with_everything(ledger))))


@every_ledger
@pytest.mark.parametrize("of", [plan_for, with_everything], ids=["plan", "contracts"])
def test_a_ledger_that_took_a_plan_is_in_step_with_it_and_with_its_rendering(
    ledger: Ledger, of: Callable[[Ledger], Terms]
) -> None:
    assert changes(ledger, of(ledger), listed(ledger, of(ledger))) == []
    assert changes(ledger, of(ledger), parse_exact(canonical_bytes(render(ledger, of(ledger))))) == []


def with_tier(price: str) -> Json:
    """The plan's prices with another one for seats beyond the tenth."""
    prices = deepcopy(PLAN["unit_prices"])
    prices[0]["tiers"][1]["unit_price_usd"] = Decimal(price)
    return prices


TIER_FIELDS = {
    "stripe": ("prices", "tiers/2/unit_amount_decimal", "950", "925"),
    "metronome": ("rates", "tiers/2/price", "950", "925"),
    "orb": ("prices", "tiered_config.tiers/2/unit_amount", "9.5", "9.25"),
    "openmeter": ("rate_cards", "price.tiers/2/unitPrice", "9.5", "9.25"),
    "lago": ("charges", "properties/graduated_ranges/2/per_unit_amount", "9.5", "9.25"),
}
FEE_FIELDS = {
    "stripe": ("prices", "unit_amount_decimal", "4900", "5900"),
    "metronome": ("rates", "price", "4900", "5900"),
    "orb": ("prices", "unit_config.unit_amount", "49", "59"),
    "openmeter": ("rate_cards", "price.amount", "49", "59"),
    "lago": ("plans", "amount_cents", "4900", "5900"),
}
COMMIT_FIELDS = {
    "orb": ("plans", "adjustments/minimum", "100", "120"),
    "lago": ("plans", "minimum_commitment.amount_cents", "10000", "12000"),
}


@every_ledger
def test_a_changed_tier_is_found_and_named(ledger: Ledger) -> None:
    prices = [price for price in with_tier("9.25") if price["model"] != "volume" or ledger.name != "metronome"]
    exported = listed(ledger, plan_for(ledger, unit_prices=prices))
    assert changes(ledger, plan_for(ledger), exported) == [("changed", *TIER_FIELDS[ledger.name])]


@every_ledger
def test_a_changed_fee_is_found_and_named(ledger: Ledger) -> None:
    exported = listed(ledger, plan_for(ledger, platform_fee_usd=Decimal(59)))
    assert changes(ledger, plan_for(ledger), exported) == [("changed", *FEE_FIELDS[ledger.name])]


@pytest.mark.parametrize("name", COMMIT_FIELDS)
def test_a_changed_commit_is_found_and_named_where_the_ledger_has_one(name: str) -> None:
    ledger = ledger_named(name)
    exported = listed(ledger, plan_for(ledger, minimum_commit_usd=Decimal(120)))
    assert changes(ledger, plan_for(ledger), exported) == [("changed", *COMMIT_FIELDS[name])]
    assert "price_plan.minimum_commit" not in gaps(ledger, plan_for(ledger))


@pytest.mark.parametrize("name", ["stripe", "orb", "openmeter"])
def test_a_changed_price_of_credits_is_found_where_the_ledger_bills_it(name: str) -> None:
    ledger = ledger_named(name)
    dearer = {"prepaid": CREDITS["prepaid"] | {"price_usd": Decimal(45)}}
    ((kind, _, _, expected, found),) = changes(
        ledger, plan_for(ledger, **CREDITS), listed(ledger, plan_for(ledger, **dearer))
    )
    assert (kind, expected, found) == ("changed", *(("4000", "4500") if name == "stripe" else ("40", "45")))


def test_metronome_sells_credits_by_a_recurring_commit_and_a_change_of_it_is_found() -> None:
    ledger = ledger_named("metronome")
    of = plan_for(ledger, **CREDITS)
    assert "price_plan.prepaid" not in gaps(ledger, of)
    larger = {"prepaid": CREDITS["prepaid"] | {"amount_usd": Decimal(60), "expires_after_days": 30}}
    commit = "recurring_commits/avs/ws_1/smb/scaling/production/prepaid_credits"
    assert changes(ledger, of, listed(ledger, plan_for(ledger, **larger))) == [
        ("changed", "packages", f"{commit}/access_amount", "5000", "6000"),
        ("changed", "packages", f"{commit}/commit_duration", "4", "2"),
    ]
    for_ever = plan_for(ledger, prepaid={"amount_usd": Decimal(50), "price_usd": Decimal(40)})
    assert "usable without end" in gaps(ledger, for_ever)["price_plan.prepaid"]


def test_an_export_of_metronome_without_packages_lacks_those_of_the_plan() -> None:
    ledger = ledger_named("metronome")
    exported = listed(ledger, plan_for(ledger))
    del exported["packages"]
    assert changes(ledger, plan_for(ledger), exported) == [("missing", "packages", None, None, None)]


@every_ledger
def test_what_is_sold_with_every_period_and_is_gone_from_the_ledger_is_missing(ledger: Ledger) -> None:
    without = listed(ledger, plan_for(ledger, platform_fee_usd=Decimal(0)))
    found = changes(ledger, plan_for(ledger), without)
    assert {(kind, resource) for kind, resource, *_ in found} & {
        ("missing", "prices"), ("missing", "rates"), ("missing", "rate_cards"), ("changed", "plans"),
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_that_ended_is_extra(name: str) -> None:
    ledger = ledger_named(name)
    exported = listed(ledger, plan_for(ledger, overrides=[OVERRIDE]))
    assert {kind for kind, *_ in changes(ledger, plan_for(ledger), exported)} == {"extra"}


@every_ledger
def test_what_a_plan_leaves_to_do_is_said(ledger: Ledger) -> None:
    found = gaps(ledger, with_everything(ledger))
    said = {"price_plan.platform_fee", "price_plan.minimum_commit", "price_plan.prepaid", "price_plan.overrides"}
    assert set(found) == said - ({"price_plan.prepaid"} if ledger.name == "metronome" else set())
    if credits_words := found.get("price_plan.prepaid"):
        assert "50 USD of credits" in credits_words.replace("billing credits", "credits")
        assert "until 120 days after the period began" in credits_words
    assert "cust_1" in found["price_plan.overrides"]
    assert not gaps(ledger, examples.sub_cent())


@every_ledger
def test_a_commit_that_is_not_trued_up_is_said_and_billed_nowhere(ledger: Ledger) -> None:
    of = plan_for(ledger, true_up=False)
    assert "what is missing to it is not billed" in gaps(ledger, of)["price_plan.minimum_commit"]
    assert b"10000" not in canonical_bytes([record["body"] for record in render(ledger, of)["records"]])


def sold(model: str, included: str, *tiers: JsonObject, size: int | None = None) -> Terms:
    """Terms of one unit with a price of a model beyond an allowance."""
    price: JsonObject = {"value_unit_id": "vu_token", "model": model, "tiers": list(tiers)}
    if size is not None:
        price["package_size"] = size
    config = document(unit("token", "1"), pools=[pool("core", "token", included)], exploration=examples.NO_EXPLORATION)
    config["rating_agility"] = {"price_book_ref": "usd", "price_plan": {"unit_prices": [price]}}
    return terms(config)


def tier(up_to: int | None, price: str, fee: str = "0") -> JsonObject:
    return {"up_to": up_to, "unit_price_usd": Decimal(price), "flat_fee_usd": Decimal(fee)}


REFUSED = {
    "volume beyond an allowance": (
        sold("volume", "10", tier(5, "2"), tier(None, "1")), {"stripe", "metronome", "orb", "lago"}, "tier reached"
    ),
    "all units at the tier reached": (
        sold("volume", "0", tier(5, "2"), tier(None, "1")), {"metronome"}, "its own price"
    ),
    "packages beyond part of one": (
        sold("package", "15", tier(None, "7"), size=10), {"stripe", "metronome", "orb"}, ""
    ),
    "a fee on the first tier": (
        sold("graduated", "0", tier(5, "2", "3"), tier(None, "1")),
        {"stripe", "metronome", "orb", "openmeter"},
        "flat fee",
    ),
    "a fee on a tier": (
        sold("graduated", "4", tier(5, "2", "3"), tier(None, "1")), {"metronome", "orb"}, "flat fee"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_billed_otherwise_is_refused(case: str) -> None:
    of, refusing, words = REFUSED[case]
    for ledger in LEDGERS:
        if ledger.name not in refusing:
            assert render(ledger, of)["records"]
            continue
        with pytest.raises(Conflict) as caught:
            render(ledger, of)
        assert caught.value.code == "ledger_cannot_express"
        assert words in str(caught.value)


@every_ledger
def test_a_fee_that_no_coin_pays_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Conflict, match="no whole cent"):
        render(ledger, plan_for(ledger, platform_fee_usd=Decimal("49.005")))


def test_a_plan_that_cannot_be_read_says_where() -> None:
    with pytest.raises(Conflict, match=r"price_plan\.platform_fee_usd") as caught:
        examples.planned({"platform_fee_usd": Decimal(-1)})
    assert caught.value.code == "price_plan_invalid"


# What a ledger computes of a rendering, by its own rules


def through_tiers(used: Decimal, tiers: list[tuple[Decimal | None, Decimal, Decimal]], *, volume: bool) -> Decimal:
    """The charge for all that is used by tiers of (end, price, fee), as each of the ledgers documents it."""
    total, start = Decimal(0), Decimal(0)
    for end, price, fee in tiers:
        reached = used > start
        last = end is None or used <= end
        if volume and last:
            return used * price + fee if used else Decimal(0)
        if not volume and reached:
            total += ((used if last else end or used) - start) * price + fee
        if last:
            break
        start = end or start
    return total


def packages(used: Decimal, size: Decimal) -> Decimal:
    return (max(used, Decimal(0)) / size).to_integral_value(ROUND_CEILING)


def number(value: Json) -> Decimal:
    return Decimal(str(value or 0))


def in_stripe(body: JsonObject, used: Decimal) -> Decimal:
    if divided := body.get("transform_quantity"):
        return packages(used, number(divided["divide_by"])) * number(body["unit_amount_decimal"]) / 100
    if "tiers" not in body:
        return used * number(body["unit_amount_decimal"]) / 100
    tiers = [
        (
            None if item["up_to"] == "inf" else number(item["up_to"]),
            number(item["unit_amount_decimal"]),
            number(item.get("flat_amount_decimal")),
        )
        for item in body["tiers"]
    ]
    return through_tiers(used, tiers, volume=body["tiers_mode"] == "volume") / 100


def in_orb(body: JsonObject, used: Decimal) -> Decimal:
    (price,) = (entry["price"] for entry in body["prices"])
    if config := price.get("package_config"):
        return packages(used, number(config["package_size"])) * number(config["package_amount"])
    if config := price.get("bulk_config"):
        ends = [item["maximum_units"] for item in config["tiers"]]
    elif config := price.get("tiered_config"):
        ends = [item["last_unit"] for item in config["tiers"]]
    else:
        return used * number(price["unit_config"]["unit_amount"])
    amounts = [number(item["unit_amount"]) for item in config["tiers"]]
    tiers = [(None if end is None else number(end), usd, Decimal(0)) for end, usd in zip(ends, amounts, strict=True)]
    return through_tiers(used, tiers, volume=price["model_type"] == "bulk")


def in_openmeter(body: JsonObject, used: Decimal) -> Decimal:
    (card,) = body["phases"][0]["rateCards"]
    price, free = card["price"], number(card.get("discounts", {}).get("usage", {}).get("quantity"))
    billed = max(used - free, Decimal(0))
    if price["type"] == "package":
        return packages(billed, number(price["quantityPerPackage"])) * number(price["amount"])
    if price["type"] == "unit":
        return billed * number(price["amount"])
    tiers = [
        (
            None if item["upToAmount"] is None else number(item["upToAmount"]),
            number(item["unitPrice"]["amount"]),
            number((item["flatPrice"] or {}).get("amount")),
        )
        for item in price["tiers"]
    ]
    return through_tiers(billed, tiers, volume=price["mode"] == "volume")


def in_lago(body: JsonObject, used: Decimal) -> Decimal:
    (charge,) = body["plan"]["charges"]
    properties, model = charge["properties"], charge["charge_model"]
    if model == "package":
        size, free = number(properties["package_size"]), number(properties["free_units"])
        return packages(used - free, size) * number(properties["amount"])
    if model == "standard":
        return used * number(properties["amount"])
    tiers = [
        (
            None if item["to_value"] is None else number(item["to_value"]),
            number(item["per_unit_amount"]),
            number(item["flat_amount"]),
        )
        for item in properties[f"{model}_ranges"]
    ]
    return through_tiers(used, tiers, volume=model == "volume")


def in_metronome(body: JsonObject, used: Decimal) -> Decimal:
    if body["rate_type"] == "FLAT":
        return used * number(body["price"]) / 100
    tiers, end = [], Decimal(0)
    for item in body["tiers"]:
        end += number(item.get("size"))
        tiers.append((end if "size" in item else None, number(item["price"]), Decimal(0)))
    return through_tiers(used, tiers, volume=False) / 100


PRICED = ("prices", "rates", "plans")
"""The resource of each ledger that holds the price of the only unit."""
BILLED = {"stripe": in_stripe, "orb": in_orb, "openmeter": in_openmeter, "lago": in_lago, "metronome": in_metronome}
PRICES = st.decimals(min_value=0, max_value=1000, places=4)
FEES = st.one_of(st.just(Decimal(0)), st.decimals(min_value=0, max_value=99, places=2))


@st.composite
def priced_terms(draw: st.DrawFn) -> Terms:
    """One unit with an allowance and a price of any model."""
    model, included = draw(st.sampled_from(["per_unit", "graduated", "volume", "package"])), draw(st.integers(0, 30))
    if model in ("per_unit", "package"):
        size = draw(st.integers(1, 20)) if model == "package" else None
        return sold(model, str(included), tier(None, str(draw(PRICES))), size=size)
    ends = sorted(draw(st.sets(st.integers(1, 60), max_size=4)))
    tiers = [tier(end, str(draw(PRICES)), str(draw(FEES))) for end in (*ends, None)]
    return sold(model, str(included), *tiers)


def expressed(ledger: Ledger, of: Terms) -> list[JsonObject] | None:
    """The records of the rendering, None where the ledger refuses the terms."""
    try:
        records: list[JsonObject] = render(ledger, of)["records"]
    except Conflict as refusal:
        if refusal.code != "ledger_cannot_express":
            raise
        return None
    return records


@every_ledger
@settings(max_examples=120, deadline=None)
@given(of=priced_terms(), used=st.integers(0, 150))
def test_a_ledger_bills_what_the_plan_says_or_refuses(ledger: Ledger, of: Terms, used: int) -> None:
    (sold_unit,) = of.units
    records = expressed(ledger, of)
    if records is None:
        return
    overage = max(Decimal(used) - sold_unit.included, Decimal(0))
    quantity = Decimal(used)
    with localcontext(prec=60):
        due = sold_unit.schedule.charge(overage) if sold_unit.schedule else overage * sold_unit.price
        if ledger.name == "metronome" and sold_unit.schedule and sold_unit.schedule.package_size:
            quantity = packages(quantity, sold_unit.schedule.package_size)
        (body,) = [record["body"] for record in records if record["resource"] in PRICED]
        assert BILLED[ledger.name](body, quantity) == due


@every_ledger
@settings(max_examples=60, deadline=None)
@given(of=priced_terms(), other=priced_terms())
def test_a_ledger_is_in_step_with_the_price_that_it_took_and_with_no_other(
    ledger: Ledger, of: Terms, other: Terms
) -> None:
    mine, theirs = expressed(ledger, of), expressed(ledger, other)
    if mine is None or theirs is None:
        return
    assert changes(ledger, of, listed(ledger, of)) == []
    assert bool(changes(ledger, of, listed(ledger, other))) == (mine != theirs)
