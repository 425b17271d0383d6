"""Sentences beside the controls of a draft, which say in words what pools and exploration do (spec 7, flow 3). Pure."""

from collections.abc import Mapping
from decimal import Decimal

from app.services.wording.words import DAYS
from rules.amounts import money_text, percent_text, price_text, quantity_text
from rules.enums import OverageBehavior
from simulation.canonical import Json

PER_PERIOD = "per customer and 30 days"


def pool_sentence(pool: Mapping[str, Json], unit: Mapping[str, Json] | None, *, is_last: bool = True) -> str:
    """The sentence for a pool: `300 × Usable HD minute per customer and 30 days, then $0.60 each.`

    It is empty while the pool counts no unit. What lies beyond is booked on the unit's last pool; one that is not the
    last hands over to the next.
    """
    if unit is None:
        return ""
    quantity, price = pool["included_quantity"] or Decimal(0), _economics(unit).get("target_price_per_unit_usd")
    beyond = _beyond(pool["overage_behavior"], price) if is_last else "the next pool of this unit"
    parts = [_included(quantity, unit["name"], beyond)]
    if pool["is_exploration_pool"]:
        parts.append("Only for customers who explore, and drawn first.")
    return " ".join([*parts, *_rollover(pool["rollover"])])


def unit_words(unit: Mapping[str, Json]) -> str:
    """The economics of a unit, as far as they are stated: `price $0.60 · cost $0.18 · margin 70 %`."""
    economics = _economics(unit)
    stated = (
        ("price", economics.get("target_price_per_unit_usd"), price_text),
        ("cost", economics.get("avg_cost_per_unit_usd"), price_text),
        ("margin", economics.get("target_margin"), percent_text),
    )
    return (
        " · ".join(f"{name} {text(value)}" for name, value, text in stated if value is not None) or "no economics yet"
    )


def subsidy_sentence(pool: Mapping[str, Json] | None, unit: Mapping[str, Json] | None) -> str:
    """The sentence for what an exploring customer costs at most, in one period, from the pool that pays."""
    if pool is None or unit is None:
        return "Choose the pool that pays: what its units cost is what exploring costs you."
    cost, quantity = _economics(unit).get("avg_cost_per_unit_usd"), pool["included_quantity"]
    drawn = f"An exploring customer draws up to {quantity_text(quantity)} × {unit['name']} from {pool['label']}"
    if cost is None:
        return f"{drawn} in 30 days. What one costs is not stated yet."
    if quantity == 0:
        return f"{pool['label']} includes nothing yet, so exploring costs nothing and gives nothing."
    total = money_text(quantity * cost)
    return f"{drawn} in 30 days, unbilled. At {price_text(cost)} each that costs you up to {total}."


def ending_sentence(days: int | None, signal: str | None) -> str:
    """The sentence for when the subsidy of a customer ends (spec 4.2, draw-down)."""
    graduation = f" They graduate by {signal}." if signal else ""
    if days is None:
        return f"Nothing ends it: set the days after a customer's first qualifying event.{graduation}"
    return (
        f"It ends with the last 30-day period that starts within {days}{DAYS} of the customer's first qualifying event."
        f"{graduation}"
    )


def _economics(unit: Mapping[str, Json]) -> Mapping[str, Json]:
    return unit.get("unit_economics") or {}


def _included(quantity: Decimal, name: str, beyond: str) -> str:
    if quantity == 0:
        return f"No {name} is included: {beyond} from the first one."
    return f"{quantity_text(quantity)} × {name} {PER_PERIOD}, then {beyond}."


def _beyond(behavior: str | None, price: Decimal | None) -> str:
    each = "at a price not stated yet" if price is None else f"{price_text(price)} each" if price else "free of charge"
    match behavior:
        case OverageBehavior.THROTTLE:
            return f"throttled, {each}"
        case OverageBehavior.HARD_STOP:
            return "stopped"
    return each


def _rollover(rollover: Mapping[str, Json]) -> list[str]:
    if not rollover.get("enabled"):
        return []
    limit, days = rollover.get("max_rollover_quantity"), rollover.get("expires_after_days")
    amount = "What is unused" if limit is None else f"Up to {quantity_text(limit)} unused"
    return [f"{amount} carries over{'' if days is None else f', for {days}{DAYS}'}."]
