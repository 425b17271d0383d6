"""What of new terms takes more from a customer than today's, in words: prices, allowances, limits. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from rules.amounts import price_text, quantity_text
from rules.wording import quoted
from simulation.limits import REFUSING, SLOWING, AbsoluteCap
from simulation.plan import ConfigPlan, RailsPlan, UnitPlan

BEYOND = {"allow_overage": 0, "throttle": 1, "hard_stop": 2}
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
        *_of_rails(new.rails, today.rails),
        *_of_caps(new, caps, caps_today),
        *_of_exploration(new, today),
    )


def _of_unit(unit: UnitPlan, new: ConfigPlan, was: UnitPlan | None, today: ConfigPlan) -> Iterator[str]:
    name, price, behavior = quoted(unit.name), unit.target_price_per_unit_usd, new.last_pool(unit).overage_behavior
    if was is None:
        if price or BEYOND[behavior]:
            yield f"use of {name} counts, which was in no pool"
        return
    if price > was.target_price_per_unit_usd:
        yield f"the price of {name} rises from {price_text(was.target_price_per_unit_usd)} to {price_text(price)}"
    included, included_today = _included(new, unit), _included(today, was)
    if included < included_today:
        yield f"{name} includes {quantity_text(included)} instead of {quantity_text(included_today)}"
    if BEYOND[behavior] > BEYOND[today.last_pool(was).overage_behavior]:
        yield f"use of {name} beyond its allowance is {SAID[behavior]}"


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
