"""Stored values and field names as people read them, for sentences, tables and exported documents. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from rules.amounts import money_text, percent_text, price_text, quantity_text, share_text
from rules.labels import label_text
from simulation.canonical import Json

SET_SHARES = frozenset({"target_margin", "margin_floor"})
"""Shares that somebody set, which keep every place; the others are computed and read to a tenth of a per cent."""
SHARES = frozenset({"target_margin", "margin_floor", "margin", "gross_margin", "paid_engagement_retention_90d"})
SHARES |= {"monthly_churn_rate"}
SET_MONEY = ("_per_unit_usd", "spend_cap_usd", "_fee_usd", "_commit_usd", "unit_price_usd", "amount_usd", "price_usd")
"""The ends of the names of prices and limits in USD, which somebody set."""
CLOSED_LISTS = frozenset(
    {
        "overage_behavior",
        "at_cap_action",
        "economics_confidence",
        "goal_type",
        "stage",
        "target_environment",
        "expected_impact",
        "kind",
        "action",
        "change_policy",
        "model",
    }
)
"""Fields whose values are words of a closed list; every other text is a name and is shown as it is."""

PRICING_MODES: Mapping[str, str] = {
    "use_unit_economics": "Unit economics",
    "revenue_proxy_total": "Total use",
    "revenue_proxy_commit": "Commitment",
}
"""The short name of each pricing mode; `simulations.review.PRICING` says what revenue means in it."""

DAYS = " days"
SUFFIXES: Mapping[str, str] = {
    "included_quantity": " per customer and 30 days",
    "rollover.expires_after_days": DAYS,
    "expires_after_days": DAYS,
    "monthly_spend_cap_usd": " per customer",
    "price_plan.prepaid.expires_after_days": DAYS,
    "price_plan.platform_fee_usd": " per customer and 30 days",
    "price_plan.minimum_commit_usd": " per customer and 30 days",
    "delivery.max_staleness_seconds": " seconds",
}


def value_text(field: str, value: Json) -> str:
    """A value of the field with its unit's sign: `$0.18`, `68 %`, `allow overage`, `gross_margin positive`."""
    name = field.rsplit(".", 1)[-1]
    if name == "tiers" and isinstance(value, Sequence):
        return tiers_text(value)
    match value:
        case None:
            return "not set"
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return number_text(name, value)
        case datetime():
            return moment_text(value)
        case str():
            closed = name in CLOSED_LISTS or field.startswith("usage_thresholds.")
            return value.replace("_", " ") if closed else value
        case Mapping():
            by_percent = field in ("usage_thresholds", "delivery.threshold_scopes")
            return (_thresholds_text(value) if by_percent else _fields_text(value)) or "none"
        case Sequence():
            return ", ".join(_item_text(name, item) for item in value) or "none"
    return str(value)


def tiers_text(tiers: Sequence[Mapping[str, Json]]) -> str:
    """The tiers of a price: `$0.50 up to 100 plus $5.00, then $0.40`; a price without tiers is its price alone."""
    return ", ".join(map(_tier_text, tiers))


def _tier_text(tier: Mapping[str, Json]) -> str:
    price, end, fee = price_text(tier["unit_price_usd"]), tier["up_to"], tier.get("flat_fee_usd")
    return f"{price}{'' if end is None else f' up to {quantity_text(end)}'}{f' plus {price_text(fee)}' if fee else ''}"


def number_text(name: str, value: int | Decimal) -> str:
    """A number with the sign that its field's name asks for: money (`…_usd`), a share, else a plain amount.

    What somebody set keeps every decimal place; what was computed is rounded for reading (`rules.amounts`).
    """
    if name.endswith("_usd"):
        return price_text(value) if name.endswith(SET_MONEY) else money_text(value)
    if name in SHARES:
        return share_text(value) if name in SET_SHARES else percent_text(value)
    return quantity_text(value)


def difference_text(field: str, before: Json, after: Json) -> str:
    """The difference of two numbers: `+280`, `−$0.05`, `−2.1 pp`; empty when either is no number or they are equal."""
    numbers = [value for value in (before, after) if isinstance(value, int | Decimal) and not isinstance(value, bool)]
    if len(numbers) < 2 or before == after:
        return ""
    change, name = after - before, field.rsplit(".", 1)[-1]
    text = number_text(name, change)
    text = text.replace(" %", " pp") if name in SHARES else text
    return text if change < 0 else f"+{text}"


def moment_text(value: datetime) -> str:
    """A moment in UTC: `2026-03-22 15:00 UTC`."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 customer`, `2,000 customers`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _item_text(name: str, item: Json) -> str:
    if name == "metrics_intent" and isinstance(item, Mapping) and item.keys() == {"metric_id", "expected_impact"}:
        return f"{item['metric_id']} {item['expected_impact']}"
    return _fields_text(item) if isinstance(item, Mapping) else value_text(name, item)


def _thresholds_text(actions: Mapping[str, Json]) -> str:
    """The text of percent → action: `70 % warn, 90 % throttle`."""
    return ", ".join(f"{percent} % {value_text('action', action)}" for percent, action in actions.items())


def _fields_text(fields: Mapping[str, Json]) -> str:
    return " · ".join(f"{label_text(name)} {value_text(name, value)}" for name, value in fields.items())
