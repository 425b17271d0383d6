"""What of new terms takes more from a customer than today's, in words: prices, allowances, limits. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, localcontext

from rules.amounts import price_text, quantity_text
from rules.wording import quoted
from simulation.limits import REFUSING, SLOWING, AbsoluteCap
from simulation.numbers import EXACT
from simulation.plan import ConfigPlan, RailsPlan, UnitPlan
from simulation.price_plan import CustomerTerms, PricePlan, Tier, UnitPrice

BEYOND = {"allow_overage": 0, "throttle": 1, "hard_stop": 2}
NO_PLAN = PricePlan(CustomerTerms())
AMOUNTS: Mapping[str, Callable[[CustomerTerms], Decimal]] = {
    "platform fee": lambda terms: terms.platform_fee_usd,
    "minimum commit": lambda terms: terms.minimum_commit_usd if terms.true_up else Decimal(0),
    "price of credits": lambda terms: terms.prepaid.price_usd if terms.prepaid else Decimal(0),
}
"""What a price plan bills per period beside usage, as clauses name it."""
SAID = {"throttle": "throttled", "hard_stop": "refused"}
LIMITS = ((REFUSING, "refused"), ((*SLOWING, *REFUSING), "throttled"))
"""Actions of thresholds from the severest group on, and what they do to use."""


def stricter(
    new: ConfigPlan, today: ConfigPlan, caps: Sequence[AbsoluteCap], caps_today: Sequence[AbsoluteCap]
) -> tuple[str, ...]:
    """Each difference that takes more from a customer, as a clause: unit by unit, then rail by rail."""
    before = {unit.value_unit_id: unit for unit in today.units}
    return (
        *(clause for unit in new.units for clause in _of_unit(unit, new, before.get(unit.value_unit_id), today)),
        *_of_plan(new, today),
        *_of_rails(new.rails, today.rails),
        *_of_caps(new, caps, caps_today),
        *_of_exploration(new, today),
    )


def _of_unit(unit: UnitPlan, new: ConfigPlan, was: UnitPlan | None, today: ConfigPlan) -> Iterator[str]:
    name, behavior = quoted(unit.name), new.last_pool(unit).overage_behavior
    if was is None:
        if any(tier.unit_price_usd or tier.flat_fee_usd for tier in _price(new, unit).tiers) or BEYOND[behavior]:
            yield f"use of {name} counts, which was in no pool"
        return
    yield from _of_price(name, _price(new, unit), _price(today, was))
    included, included_today = _included(new, unit), _included(today, was)
    if included < included_today:
        yield f"{name} includes {quantity_text(included)} instead of {quantity_text(included_today)}"
    if BEYOND[behavior] > BEYOND[today.last_pool(was).overage_behavior]:
        yield f"use of {name} beyond its allowance is {SAID[behavior]}"


def _price(config: ConfigPlan, unit: UnitPlan) -> UnitPrice:
    """How everybody's overage of a unit is priced: by the price plan, else by the unit's own price."""
    own = UnitPrice(unit.value_unit_id, "per_unit", (Tier(None, unit.target_price_per_unit_usd),))
    return config.price_plan.usual.unit_prices.get(unit.value_unit_id, own) if config.price_plan else own


def _of_price(name: str, price: UnitPrice, was: UnitPrice) -> Iterator[str]:
    if _is_plain(price) and _is_plain(was):
        usd, before = price.tiers[0].unit_price_usd, was.tiers[0].unit_price_usd
        if usd > before:
            yield f"the price of {name} rises from {price_text(before)} to {price_text(usd)}"
        return
    with localcontext(EXACT):
        costs_more = any(price.charge(units) > was.charge(units) for units in _ends((price, was)))
    if costs_more:
        yield f"use of {name} beyond its allowance can cost more"


def _is_plain(price: UnitPrice) -> bool:
    """Whether the price is one for each unit."""
    return price.package_size is None and len(price.tiers) == 1 and not price.tiers[0].flat_fee_usd


def _ends(prices: Iterable[UnitPrice]) -> Iterator[Decimal]:
    """Quantities between which no price of these begins to rise faster: ends of tiers and packages, and beyond."""
    for price in prices:
        bounds = [*price.lower_bounds, price.package_size or Decimal(1)]
        yield from (units for bound in bounds for units in (bound, bound + 1))
        yield max(bounds) * 1000 + 1000


def _of_plan(new: ConfigPlan, today: ConfigPlan) -> Iterator[str]:
    """What is billed beside usage and rises, for everybody, and for customers who have a contract where it differs."""
    plan, was = new.price_plan or NO_PLAN, today.price_plan or NO_PLAN
    for said, amount in AMOUNTS.items():
        usual = amount(was.usual), amount(plan.usual)
        yield from _rise(f"the {said}", *usual)
        for customer_id in sorted(plan.overrides.keys() | was.overrides.keys()):
            own = amount(was.terms_of(customer_id)), amount(plan.terms_of(customer_id))
            if own != usual:
                yield from _rise(f"the {said} of {quoted(customer_id)}", *own)


def _rise(said: str, before: Decimal, after: Decimal) -> Iterator[str]:
    if after > before:
        yield f"{said} rises from {price_text(before)} to {price_text(after)}"


def _included(config: ConfigPlan, unit: UnitPlan) -> Decimal:
    return sum((pool.included_quantity for pool in config.pools_of(unit)), Decimal(0))


def _of_rails(new: RailsPlan, today: RailsPlan) -> Iterator[str]:
    cap, was = new.monthly_spend_cap_usd, today.monthly_spend_cap_usd
    if cap is not None and new.at_cap_action:
        if was is None or not today.at_cap_action:
            yield f"a spend cap of {price_text(cap)} is new"
        elif cap < was:
            yield f"the spend cap falls from {price_text(was)} to {price_text(cap)}"
        elif _severity(new.at_cap_action) > _severity(today.at_cap_action):
            yield f"at the spend cap the app will {new.at_cap_action.replace('_', ' ')}"
    for actions, said in LIMITS:
        lowest, lowest_today = (_lowest(rails, actions) for rails in (new, today))
        if lowest is not None and (lowest_today is None or lowest < lowest_today):
            yield f"use is {said} from {quantity_text(lowest)} % of the allowance on"
            return


def _severity(action: str) -> int:
    return 2 if action in REFUSING else 1 if action in SLOWING else 0


def _lowest(rails: RailsPlan, actions: Iterable[str]) -> Decimal | None:
    return min((limit.percent for limit in rails.usage_thresholds if limit.action in actions), default=None)


def _of_caps(new: ConfigPlan, caps: Sequence[AbsoluteCap], caps_today: Sequence[AbsoluteCap]) -> Iterator[str]:
    names = {unit.value_unit_id: quoted(unit.name) for unit in new.units}
    was = {(cap.value_unit_id, cap.action): cap.max_quantity for cap in caps_today}
    for cap in caps:
        before = was.get((cap.value_unit_id, cap.action))
        if before is None or cap.max_quantity < before:
            name = names.get(cap.value_unit_id, cap.value_unit_id)
            yield f"{name} is capped at {quantity_text(cap.max_quantity)}"


def _of_exploration(new: ConfigPlan, today: ConfigPlan) -> Iterator[str]:
    if today.exploration.enabled and not new.exploration.enabled:
        yield "exploration pools give nothing any more"
