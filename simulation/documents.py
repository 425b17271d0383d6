"""From canonical JSON shapes to a ConfigPlan. ValueError names the field that the simulation gate would refuse."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from simulation.canonical import Json
from simulation.numbers import at_least_zero, decimal_places, exact, read_to_places
from simulation.plan import (
    AGGREGATIONS,
    OVERAGE_BEHAVIORS,
    ConfigPlan,
    ExplorationPlan,
    Meter,
    PoolPlan,
    RailsPlan,
    Rollover,
    Threshold,
    UnitPlan,
    UnpooledUnit,
)
from simulation.price_plan import price_plan

Document = Mapping[str, Json]
SPELLINGS: Mapping[bool, tuple[str, ...]] = {True: ("true", "True", "TRUE"), False: ("false", "False", "FALSE")}
"""The texts that a filter's true or false means: JSON writes the first, Python and spreadsheets the others."""


def config_plan(document: Document) -> ConfigPlan:
    """The plan of a config with its frozen units, as an avs_config has them.

    Reads config_version_id, value_units, pools (in position order), exploration and rails; ignores all other members.
    Of units that no pool names only the mapping is read; the last two sections may be absent.
    """
    pools = tuple(map(_pool, document["pools"]))
    pooled = {pool.value_unit_id for pool in pools}
    return ConfigPlan(
        config_version_id=document["config_version_id"],
        units=tuple(unit_plan(unit) for unit in document["value_units"] if unit["value_unit_id"] in pooled),
        pools=pools,
        exploration=_exploration(document.get("exploration") or {}),
        rails=_rails(document.get("rails") or {}),
        price_plan=price_plan((document.get("rating_agility") or {}).get("price_plan")),
        unpooled=tuple(_unpooled(unit for unit in document["value_units"] if unit["value_unit_id"] not in pooled)),
    )


def _unpooled(documents: Iterable[Document]) -> Iterator[UnpooledUnit]:
    """The units whose mappings can be metered: no gate has asked for those of units that no pool counts."""
    for document in documents:
        found = meter_or_none(document.get("event_mapping"))
        if found is not None:
            yield UnpooledUnit(document["value_unit_id"], found)


def meter_or_none(mapping: Json) -> Meter | None:
    """The meter of an event_mapping in any state; None when it cannot be metered."""
    try:
        return meter(mapping)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def unit_plan(document: Document) -> UnitPlan:
    """The plan of a ValueUnitDefinition; names as in spec section 1."""
    unit_id, economics = document["value_unit_id"], document["unit_economics"]
    return UnitPlan(
        value_unit_id=unit_id,
        name=document.get("name") or unit_id,
        meter=meter(document["event_mapping"]),
        avg_cost_per_unit_usd=_amount(economics, "avg_cost_per_unit_usd", unit_id),
        target_price_per_unit_usd=_amount(economics, "target_price_per_unit_usd", unit_id),
        has_quality_signal=bool(document.get("quality_signal_source")),
    )


def meter(mapping: Document) -> Meter:
    """The meter of an event_mapping; ValueError when its aggregation is unknown or lacks its field."""
    aggregation = mapping["aggregation"]
    kind, name = _one_of(AGGREGATIONS, aggregation["type"], "aggregation.type"), aggregation.get("field") or ""
    if kind != "count" and not name:
        raise ValueError(f"aggregation.field is missing: {kind} needs one")
    minus = aggregation.get("minus") or ""
    if minus and kind != "sum":
        raise ValueError(f"aggregation.minus is {minus}: only a sum can take a field off another, {kind} cannot")
    filters = mapping.get("filters") or {}
    return Meter(
        event_type=mapping["event_type"],
        filters=tuple((key, _filter_values(filters[key], key)) for key in sorted(filters)),
        aggregation=kind,
        field="" if kind == "count" else name,
        minus=minus,
    )


def _filter_values(value: Json, dimension: str) -> tuple[str | Decimal, ...]:
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    return tuple(spelling for item in values for spelling in _filter_values_of(item, dimension))


def _filter_values_of(value: Json, dimension: str) -> tuple[str | Decimal, ...]:
    """The texts or the number that a dimension has where it has the value: true and false have three spellings each.

    A number is read as those of events are; one that no event can hold stays, and matches nothing.
    """
    match value:
        case bool():
            return SPELLINGS[value]
        case str():
            return (value,)
        case int() | Decimal():
            number = Decimal(value)
            read = read_to_places(number)
            return (number if read is None else read,)
    raise ValueError(f"filters.{dimension} is {value!r}: a text, an exact number, true, false or a list of these")


def _pool(document: Document) -> PoolPlan:
    pool_id = document["pool_id"]
    return PoolPlan(
        pool_id=pool_id,
        label=document.get("label") or pool_id,
        value_unit_id=document["value_unit_id"],
        included_quantity=_amount(document, "included_quantity", pool_id),
        rollover=_rollover(document.get("rollover") or {}, pool_id),
        overage_behavior=_one_of(OVERAGE_BEHAVIORS, document["overage_behavior"], f"{pool_id}.overage_behavior"),
        is_exploration_pool=bool(document.get("is_exploration_pool")),
    )


def _rollover(document: Document, pool_id: str) -> Rollover:
    most, expiry = document.get("max_rollover_quantity"), document.get("expires_after_days")
    return Rollover(
        enabled=bool(document.get("enabled")),
        max_rollover_quantity=None if most is None else at_least_zero(most, f"{pool_id}.max_rollover_quantity"),
        expires_after_days=None if expiry is None else _days(expiry, f"{pool_id}.rollover.expires_after_days"),
    )


def _exploration(document: Document) -> ExplorationPlan:
    expiry = document.get("expires_after_days")
    return ExplorationPlan(
        enabled=bool(document.get("enabled")),
        qualifying_events=tuple(sorted(set(document.get("qualifying_events") or ()))),
        expires_after_days=None if expiry is None else _days(expiry, "exploration.expires_after_days"),
        graduation_signal=document.get("graduation_signal"),
    )


def _rails(document: Document) -> RailsPlan:
    """A threshold that lacks its percent or action is not evaluated, like every rail that a draft leaves open."""
    cap, floor = document.get("monthly_spend_cap_usd"), document.get("margin_floor")
    listed = document.get("usage_thresholds") or ()
    complete = [item for item in listed if item.get("percent") is not None and item.get("action") is not None]
    thresholds = [Threshold(_percent(item["percent"]), item["action"]) for item in complete]
    return RailsPlan(
        usage_thresholds=tuple(sorted(thresholds, key=lambda threshold: (threshold.percent, threshold.action))),
        monthly_spend_cap_usd=None if cap is None else at_least_zero(cap, "monthly_spend_cap_usd"),
        at_cap_action=document.get("at_cap_action"),
        margin_floor=None if floor is None else exact(floor, "margin_floor"),
    )


def _amount(document: Document, name: str, owner: str) -> Decimal:
    return at_least_zero(document[name], f"{owner}.{name}")


def _percent(value: Json) -> Decimal:
    """Two decimal places and 10,000 percent are enough for any rail, and keep its comparison exact."""
    percent = at_least_zero(value, "usage_thresholds.percent")
    if percent > 10_000 or decimal_places(percent) > 2:
        raise ValueError(f"usage_thresholds.percent is {percent}: at most 10000, with at most 2 decimal places")
    return percent


def _days(value: Json, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value) or value < 0:
        raise ValueError(f"{name} is {value!r}: it must be a whole number of days")
    return int(value)


def _one_of(allowed: Sequence[str], value: str, name: str) -> str:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: allowed are {', '.join(allowed)}")
    return value
