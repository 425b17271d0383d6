"""What no JSON Schema says of a price plan that a client reads: known ids, each once, and tiers that ascend."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from rules.ranges import PLACES, decimal_places
from simulation.canonical import Json, JsonObject

Path = tuple[str | int, ...]
Problems = Iterator[tuple[Path, str]]
"""Where in the document, and what is wrong there."""


def places_problem(value: int | Decimal | None, places: int, at: Path) -> Problems:
    """The problem of a number with more decimal places than a client reads."""
    if isinstance(value, Decimal) and decimal_places(value) > places:
        yield at, f"{value} has more than {places} decimal places"


def price_plan_problems(terms: Mapping[str, Json], at: Path) -> Problems:
    """The problems of the price plan of a document that its schema lets pass; none where it has no plan."""
    plan = (terms.get("rating_agility") or {}).get("price_plan")
    if not plan:
        return
    here = (*at, "rating_agility", "price_plan")
    units = {unit["value_unit_id"] for unit in terms["value_units"]}
    pools = {pool["pool_id"] for pool in terms["pools"]}
    overrides = plan.get("overrides") or ()
    yield from _contract(plan, units, here)
    yield from _repeated(overrides, "customer_id", (*here, "overrides"))
    for index, override in enumerate(overrides):
        yield from _contract(override, units, (*here, "overrides", index))
        for pool_id, quantity in (override.get("included_quantity") or {}).items():
            place = (*here, "overrides", index, "included_quantity", pool_id)
            yield from places_problem(quantity, PLACES, place)
            if pool_id not in pools:
                yield place, f"{pool_id} is no pool of this document"


def _contract(contract: JsonObject, units: set[str], at: Path) -> Problems:
    for name in ("platform_fee_usd", "minimum_commit_usd"):
        yield from places_problem(contract.get(name), PLACES, (*at, name))
    for name in ("amount_usd", "price_usd"):
        yield from places_problem((contract.get("prepaid") or {}).get(name), PLACES, (*at, "prepaid", name))
    prices = contract.get("unit_prices") or ()
    yield from _repeated(prices, "value_unit_id", (*at, "unit_prices"))
    for index, price in enumerate(prices):
        here = (*at, "unit_prices", index)
        if price["value_unit_id"] not in units:
            yield (*here, "value_unit_id"), f"{price['value_unit_id']} is no value unit of this document"
        yield from _tiers(price["tiers"], (*here, "tiers"))


def _tiers(tiers: Sequence[JsonObject], at: Path) -> Problems:
    lower: int | Decimal = 0
    for index, tier in enumerate(tiers):
        for name in ("up_to", "unit_price_usd", "flat_fee_usd"):
            yield from places_problem(tier.get(name), PLACES, (*at, index, name))
        end, is_last = tier.get("up_to"), index == len(tiers) - 1
        if is_last and end is not None:
            yield (*at, index, "up_to"), "the last tier has no end"
        elif not is_last and (end is None or end <= lower):
            yield (*at, index, "up_to"), f"the tier must end above {lower}"
        lower = lower if end is None else end


def _repeated(items: Sequence[JsonObject], name: str, at: Path) -> Problems:
    known: set[str] = set()
    for index, item in enumerate(items):
        if item[name] in known:
            yield (*at, index, name), f"{item[name]} stands there twice"
        known.add(item[name])
