"""Stored values and field names as people read them, for sentences, tables and exported documents. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from simulation.canonical import Json

SHARES = frozenset({"target_margin", "margin_floor", "margin", "gross_margin", "paid_engagement_retention_90d"})
SHARES |= {"monthly_churn_rate"}
CLOSED_LISTS = frozenset(
    {
        "overage_behavior",
        "at_cap_action",
        "economics_confidence",
        "goal_type",
        "stage",
        "target_environment",
        "expected_impact",
        "action",
    }
)
"""Fields whose values are words of a closed list; every other text is a name and is shown as it is."""

PRICING_MODES: Mapping[str, str] = {
    "use_unit_economics": "Unit economics",
    "revenue_proxy_total": "Total use",
    "revenue_proxy_commit": "Commitment",
}
"""The short name of each pricing mode; `simulations.review.PRICING` says what revenue means in it."""

LABELS: Mapping[str, str] = {
    "name": "name",
    "label": "name",
    "value_unit_id": "value unit",
    "included_quantity": "included",
    "overage_behavior": "beyond the allowance",
    "rollover.enabled": "rollover",
    "rollover.max_rollover_quantity": "rollover at most",
    "rollover.expires_after_days": "rollover expires after",
    "is_exploration_pool": "exploration pool",
    "enabled": "enabled",
    "exploration_pool_id": "paid from pool",
    "qualifying_events": "qualifying events",
    "expires_after_days": "ends after",
    "graduation_signal": "graduation signal",
    "usage_thresholds.": "at {} % of the allowance",
    "monthly_spend_cap_usd": "monthly spend cap",
    "at_cap_action": "at the cap",
    "margin_floor": "margin floor",
    "absolute_usage_caps": "absolute usage caps",
    "price_book_ref": "price book",
    "target_price_per_unit_usd": "price per unit",
    "avg_cost_per_unit_usd": "cost per unit",
    "target_margin": "target margin",
    "economics_confidence": "confidence",
    "event_mapping": "event mapping",
    "event_mapping.event_type": "counted event",
    "event_mapping.filters.": "only where {} is",
    "event_mapping.aggregation.type": "added up by",
    "event_mapping.aggregation.field": "added up field",
    "metrics_intent": "expected effect",
    "quality_signal_source": "quality signals",
    "north_star.goal_type": "goal",
    "north_star.primary_metrics": "primary metrics",
    "north_star.narrative": "narrative",
    "metric_lenses": "metric lenses",
    "delivery.max_staleness_seconds": "without AVS Brain, apps go on for",
    "delivery.fail.stale": "until then they fail",
    "delivery.on_expired.monthly_spend_cap_usd": "after that, what would be billed fails",
    "delivery.on_expired.usage_thresholds": "after that, use of an allowance fails",
    "delivery.on_expired.absolute_usage_caps": "after that, use of a capped unit fails",
    "revenue_usd": "revenue",
    "cost_usd": "cost",
}
"""Field → its name for people, in the order that tables show; one that ends in a dot is for all fields below it."""
DAYS = " days"
SUFFIXES: Mapping[str, str] = {
    "included_quantity": " per customer and 30 days",
    "rollover.expires_after_days": DAYS,
    "expires_after_days": DAYS,
    "monthly_spend_cap_usd": " per customer",
    "delivery.max_staleness_seconds": " seconds",
}
DROPPED = ("event_mapping.", "north_star.", "subject_resolution.", "rollover.")


def label_text(field: str) -> str:
    """The name of a field for people: `margin floor`, `at 90 % of the allowance` for `usage_thresholds.90`."""
    if (key := _label_key(field)) is not None:
        return LABELS[key].format(field.removeprefix(key))
    for prefix in DROPPED:
        field = field.removeprefix(prefix)
    return field.replace("_", " ")


def shown_order(field: str) -> tuple[int, str]:
    """The sort key of a field: the fields of `LABELS` in its order, then the others by name."""
    key = _label_key(field)
    return (len(LABELS), field) if key is None else (list(LABELS).index(key), "")


def _label_key(field: str) -> str | None:
    """The key of `LABELS` that serves a field."""
    return next((name for name in LABELS if name == field or (name[-1] == "." and field.startswith(name))), None)


def value_text(field: str, value: Json) -> str:
    """A value of the field with its unit's sign: `$0.18`, `68 %`, `allow overage`, `gross_margin positive`."""
    name = field.rsplit(".", 1)[-1]
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
            return (_thresholds_text(value) if field == "usage_thresholds" else _fields_text(value)) or "none"
        case Sequence():
            return ", ".join(_item_text(name, item) for item in value) or "none"
    return str(value)


def number_text(name: str, value: int | Decimal) -> str:
    """A number with the sign that its field's name asks for: money (`…_usd`), a share, else a plain amount.

    Every decimal place is kept.
    """
    if name.endswith("_usd"):
        return money_text(value)
    return share_text(value) if name in SHARES else quantity_text(value)


def money_text(value: int | Decimal) -> str:
    """An amount in USD: `$1,234.50`, `$0.0000025`, `−$3.00`."""
    return f"{'−' if value < 0 else ''}${_places(Decimal(value).copy_abs(), 2)}"


def share_text(value: int | Decimal) -> str:
    """A stored share as per cent, exact: 0.685 is `68.5 %`."""
    return f"{quantity_text(Decimal(value) * 100)} %"


def quantity_text(value: int | Decimal) -> str:
    """A plain amount: `1,234.5`, `−3`."""
    return _places(value, 0).replace("-", "−")


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


def _places(value: int | Decimal, least: int) -> str:
    whole, _, places = f"{Decimal(value):,f}".partition(".")
    places = places.rstrip("0").ljust(least, "0")
    return f"{whole}.{places}" if places else whole


def _item_text(name: str, item: Json) -> str:
    if name == "metrics_intent" and isinstance(item, Mapping) and item.keys() == {"metric_id", "expected_impact"}:
        return f"{item['metric_id']} {item['expected_impact']}"
    return _fields_text(item) if isinstance(item, Mapping) else value_text(name, item)


def _thresholds_text(actions: Mapping[str, Json]) -> str:
    """The text of percent → action: `70 % warn, 90 % throttle`."""
    return ", ".join(f"{percent} % {value_text('action', action)}" for percent, action in actions.items())


def _fields_text(fields: Mapping[str, Json]) -> str:
    return " · ".join(f"{label_text(name)} {value_text(name, value)}" for name, value in fields.items())
