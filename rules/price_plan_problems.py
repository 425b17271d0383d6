"""What cannot be billed in a price plan, member by member: every door and the simulation gate ask it (spec 4.2)."""

from collections.abc import Iterator
from decimal import Decimal

from rules.enums import ChangePolicy, PriceModel
from rules.ids import GIVEN_ID_RULE, OWN_ID_RULE, is_given_id, is_own_id
from rules.price_plan import StoredPlan
from rules.price_plan_shape import MAX_TIERS, Path, Problem, shape_problems
from rules.ranges import LIMIT, MAX_DAYS, PLACES, decimal_places

__all__ = ("MAX_TIERS", "Path", "Problem", "problems")

TIERED_MODELS = (PriceModel.GRADUATED, PriceModel.VOLUME)
QUANTITY = f"Give a number from 0 to below 10^14 with at most {PLACES} decimal places."


def problems(plan: StoredPlan) -> Iterator[Problem]:
    """Every member of a plan that no simulation, app or ledger could read, in the order of the plan (spec 4.2).

    Where a member has no place in a plan, or is no list or object where one belongs, only such members are named.
    """
    misshapen = list(shape_problems(plan))
    yield from misshapen or _problems(plan)


def _problems(plan: StoredPlan) -> Iterator[Problem]:
    yield from _contract_problems(plan, ())
    customers: set[str] = set()
    for at, override in enumerate(plan.get("overrides") or ()):
        customer_id, place = override.get("customer_id"), ("overrides", at, "customer_id")
        if not customer_id or customer_id in customers:
            yield Problem(place, "Name one customer for each contract, each once.")
        elif not is_given_id(customer_id):
            yield Problem(place, f"A customer's id is {GIVEN_ID_RULE}.")
        customers.add(customer_id)
        yield from _contract_problems(override, ("overrides", at))
        for pool_id, quantity in (override.get("included_quantity") or {}).items():
            yield from _amount(quantity, ("overrides", at, "included_quantity", pool_id))
    if plan.get("change_policy") not in (None, *ChangePolicy):
        yield Problem(("change_policy",), f"Choose one of {', '.join(ChangePolicy)}.")


def _contract_problems(contract: StoredPlan, at: Path) -> Iterator[Problem]:
    for name in ("platform_fee_usd", "minimum_commit_usd"):
        if contract.get(name) is not None:
            yield from _amount(contract[name], (*at, name))
    if not isinstance(contract.get("true_up"), bool | None):
        yield Problem((*at, "true_up"), "Say true or false.")
    if contract.get("prepaid") is not None:
        yield from _prepaid_problems(contract["prepaid"], (*at, "prepaid"))
    units: set[str] = set()
    for index, price in enumerate(contract.get("unit_prices") or ()):
        unit_id, here = price.get("value_unit_id"), (*at, "unit_prices", index)
        if not unit_id or unit_id in units:
            yield Problem((*here, "value_unit_id"), "Name one unit for each price, each once.")
        elif not is_own_id(unit_id):
            yield Problem((*here, "value_unit_id"), f"A value unit's id is {OWN_ID_RULE}.")
        units.add(unit_id)
        yield from _price_problems(price, here)


def _prepaid_problems(prepaid: StoredPlan, at: Path) -> Iterator[Problem]:
    for name in ("amount_usd", "price_usd"):
        yield from _amount(prepaid.get(name), (*at, name))
    days = prepaid.get("expires_after_days")
    if days is not None and not _is_whole(days, MAX_DAYS):
        yield Problem((*at, "expires_after_days"), f"Give 1 to {MAX_DAYS} whole days, or none.")


def _price_problems(price: StoredPlan, at: Path) -> Iterator[Problem]:
    model, tiers, size = price.get("model"), price.get("tiers") or (), price.get("package_size")
    if model not in tuple(PriceModel):
        yield Problem((*at, "model"), f"Choose one of {', '.join(PriceModel)}.")
        return
    if model == PriceModel.PACKAGE and not _is_whole(size, LIMIT - 1):
        yield Problem((*at, "package_size"), "A package holds a whole number of units, 1 at least.")
    if model != PriceModel.PACKAGE and size is not None:
        yield Problem((*at, "package_size"), "Only packages have a size.")
    if model not in TIERED_MODELS and len(tiers) != 1:
        yield Problem((*at, "tiers"), "Give one price, without tiers.")
    if not 1 <= len(tiers) <= MAX_TIERS:
        yield Problem((*at, "tiers"), f"Give 1 to {MAX_TIERS} tiers.")
    lower = Decimal(0)
    for index, tier in enumerate(tiers):
        here = (*at, "tiers", index)
        yield from _tier_problems(tier, here, is_tiered=model in TIERED_MODELS)
        yield from _end_problems(tier.get("up_to"), lower, (*here, "up_to"), is_last=index == len(tiers) - 1)
        lower = _number(tier.get("up_to")) or lower


def _tier_problems(tier: StoredPlan, at: Path, *, is_tiered: bool) -> Iterator[Problem]:
    yield from _amount(tier.get("unit_price_usd"), (*at, "unit_price_usd"))
    if tier.get("flat_fee_usd") is not None:
        yield from _amount(tier["flat_fee_usd"], (*at, "flat_fee_usd"))
        if not is_tiered and tier["flat_fee_usd"]:
            yield Problem((*at, "flat_fee_usd"), "Only tiers have a fee of their own.")


def _end_problems(end: object, lower: Decimal, at: Path, *, is_last: bool) -> Iterator[Problem]:
    """A tier ends above the one before it, and the last one has no end: so no unit is without a price."""
    if is_last and end is not None:
        yield Problem(at, "The last tier has no end: leave it open.")
    if is_last:
        return
    number = _number(end)
    if number is None or number <= lower:
        yield Problem(at, f"Say where this tier ends: above {lower:,f}.")
    else:
        yield from _amount(number, at)


def _amount(value: object, at: Path) -> Iterator[Problem]:
    """The problem of an amount that no simulation takes."""
    number = _number(value)
    if number is None or not 0 <= number < LIMIT or decimal_places(number) > PLACES:
        yield Problem(at, QUANTITY)


def _is_whole(value: object, most: int | Decimal) -> bool:
    number = _number(value)
    return number is not None and number == number.to_integral_value() and 1 <= number <= most


def _number(value: object) -> Decimal | None:
    """The value as a finite number; None for anything else, true and false too."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None
