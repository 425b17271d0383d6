"""From the bytes of an avs_config to a Document, read strictly, every number exact.

ValueError names the field that does not fit; `parse` makes it a `Malformed`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NoReturn

from avs_brain_client.clock import DAY_US, parse_moment
from avs_brain_client.document import (
    DEFAULT_STALENESS_SECONDS,
    PERIOD_DAYS,
    RAILS,
    AbsoluteCap,
    Delivery,
    Document,
    Exploration,
    Meter,
    Pool,
    Rails,
    Rollover,
    Subject,
    Threshold,
    Unit,
)
from avs_brain_client.errors import Malformed
from avs_brain_client.numbers import at_least_zero, read_to_places

OVERAGE_BEHAVIORS = ("allow_overage", "throttle", "hard_stop")
ACTIONS = ("warn", "throttle", "block", "require_approval", "degrade_quality")
AGGREGATIONS = ("count", "sum", "distinct_count")
FAILS = ("open", "closed")
TERMS_START = ("next_period",)
"""When the terms of a version start where they do not at once; a document that starts them at once does not say so."""
SPELLINGS = {True: ("true", "True", "TRUE"), False: ("false", "False", "FALSE")}
"""The texts that a filter's true or false means, the same as in AVS Brain's simulation."""
CAP_QUANTITIES = ("max_quantity", "quantity", "cap", "limit")
"""How an absolute usage cap may name its quantity: AVS Brain leaves its shape to the operator."""

Json = Mapping[str, Any]


def parse(body: bytes) -> Document:
    """The document of these bytes; Malformed says what is wrong with it."""
    try:
        return document(json.loads(body, parse_float=Decimal, parse_constant=_no_constant))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Malformed(f"This config cannot be enforced: {type(problem).__name__}: {problem}") from problem


def document(given: Json) -> Document:
    """A document from its JSON, numbers exact; ValueError or KeyError name what does not fit."""
    found = _delivery_of(given)
    coming = found.get("next")
    terms = (given.get("governance") or {}).get("terms")
    units = tuple(map(_unit, given["value_units"]))
    pools = tuple(map(_pool, given["pools"]))
    unknown = {pool.value_unit_id for pool in pools} - {unit.value_unit_id for unit in units}
    if unknown:
        raise ValueError(f"pools name value units that the config does not have: {', '.join(sorted(unknown))}")
    return Document(
        config_version_id=_text(given, "config_version_id"),
        subject=Subject(*(_text(given["subject_resolution"], name) for name in Subject.__slots__)),
        units=units,
        pools=pools,
        exploration=_exploration(given.get("exploration") or {}),
        rails=_rails(given.get("rails") or {}),
        delivery=_delivery(found),
        upcoming_at_us=None if coming is None else parse_moment(coming["effective_at"]),
        upcoming=None if coming is None else _upcoming(coming["document"], found),
        since_us=None if terms is None else parse_moment(terms["since"]),
        before=None if terms is None else _before(given, terms),
    )


def _delivery_of(given: Json) -> Json:
    found: Json = (given.get("governance") or {}).get("delivery") or {}
    return found


def _before(given: Json, terms: Json) -> Document:
    """The terms that hold until customers' next period: of the same subject, delivered like the version after them."""
    _one_of(TERMS_START, terms["start"], "governance.terms.start")
    before = terms["before"]
    delivery = {name: value for name, value in _delivery_of(given).items() if name != "next"}
    governance = {"delivery": delivery, "terms": before.get("terms")}
    return document({**before, "subject_resolution": given["subject_resolution"], "governance": governance})


def _upcoming(given: Json, delivery: Json) -> Document:
    """The next version; one that does not say how it is delivered goes on like the one that brought it."""
    coming = document(given)
    return coming if _delivery_of(given) else replace(coming, delivery=_delivery(delivery))


def _unit(given: Json) -> Unit:
    unit_id = _text(given, "value_unit_id")
    mapping = given["event_mapping"]
    aggregation = mapping["aggregation"]
    filters = mapping.get("filters") or {}
    kind = _one_of(AGGREGATIONS, aggregation["type"], "aggregation.type")
    meter = Meter(
        event_type=_text(mapping, "event_type"),
        filters=tuple((name, _wanted(filters[name], name)) for name in sorted(filters)),
        aggregation=kind,
        field="" if kind == "count" else _text(aggregation, "field"),
        minus=_minus(aggregation, kind),
    )
    price = given["unit_economics"]["target_price_per_unit_usd"]
    return Unit(unit_id, meter, at_least_zero(price, f"{unit_id}.target_price_per_unit_usd"))


def _minus(aggregation: Json, kind: str) -> str:
    if not aggregation.get("minus"):
        return ""
    if kind != "sum":
        raise ValueError(f"aggregation.minus is {aggregation['minus']!r}: only a sum takes a field off, {kind} cannot")
    return _text(aggregation, "minus")


def _wanted(value: Any, name: str) -> tuple[str | Decimal, ...]:
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    return tuple(text_or_number for item in values for text_or_number in _wanted_values(item, name))


def _wanted_values(value: Any, name: str) -> tuple[str | Decimal, ...]:
    """What a dimension has where it has the value: three spellings of true and false, numbers read to 12 places."""
    if isinstance(value, bool):
        return SPELLINGS[value]
    if isinstance(value, str):
        return (value,)
    if isinstance(value, int | Decimal):
        number = Decimal(value)
        read = read_to_places(number)
        return (number if read is None else read,)
    raise ValueError(f"filters.{name} is {value!r}: a text, a number, true, false or a list of these")


def _pool(given: Json) -> Pool:
    pool_id = _text(given, "pool_id")
    return Pool(
        pool_id=pool_id,
        label=given.get("label") or pool_id,
        value_unit_id=_text(given, "value_unit_id"),
        included=at_least_zero(given["included_quantity"], f"{pool_id}.included_quantity"),
        rollover=_rollover(given.get("rollover") or {}, pool_id),
        overage_behavior=_one_of(OVERAGE_BEHAVIORS, given["overage_behavior"], f"{pool_id}.overage_behavior"),
        is_exploration=bool(given.get("is_exploration_pool")),
    )


def _rollover(given: Json, pool_id: str) -> Rollover | None:
    if not given.get("enabled"):
        return None
    most, days = given.get("max_rollover_quantity"), given.get("expires_after_days")
    return Rollover(
        most=None if most is None else at_least_zero(most, f"{pool_id}.max_rollover_quantity"),
        periods=None if days is None else _whole(days, f"{pool_id}.rollover.expires_after_days") // PERIOD_DAYS,
    )


def _exploration(given: Json) -> Exploration:
    days = given.get("expires_after_days")
    return Exploration(
        enabled=bool(given.get("enabled")),
        qualifying_events=frozenset(given.get("qualifying_events") or ()),
        expires_us=None if days is None else _whole(days, "exploration.expires_after_days") * DAY_US,
        graduation_signal=given.get("graduation_signal"),
    )


def _rails(given: Json) -> Rails:
    """A threshold without percent or action is a draft's and not evaluated."""
    listed = given.get("usage_thresholds") or ()
    complete = [item for item in listed if item.get("percent") is not None and item.get("action")]
    cap, action = given.get("monthly_spend_cap_usd"), given.get("at_cap_action")
    return Rails(
        thresholds=tuple(sorted(map(_threshold, complete), key=lambda item: (item.hundredths, item.action))),
        spend_cap=None if cap is None else at_least_zero(cap, "monthly_spend_cap_usd"),
        at_cap_action=None if action is None else _one_of(ACTIONS, action, "at_cap_action"),
        absolute_caps=tuple(map(_absolute_cap, given.get("absolute_usage_caps") or ())),
    )


def _threshold(given: Json) -> Threshold:
    percent = Decimal(given["percent"])
    hundredths = at_least_zero(percent, "usage_thresholds.percent") // 10**10
    if Decimal(hundredths) != percent * 100:
        raise ValueError(f"usage_thresholds.percent is {percent}: at most 2 decimal places")
    return Threshold(percent, hundredths, _one_of(ACTIONS, given["action"], "usage_thresholds.action"))


def _absolute_cap(given: Json) -> AbsoluteCap:
    """`{value_unit_id, max_quantity, action?}`: without an action it blocks. A cap that cannot be read is an error."""
    unit_id = _text(given, "value_unit_id")
    name = next((name for name in CAP_QUANTITIES if name in given), CAP_QUANTITIES[0])
    action = _one_of(ACTIONS, given.get("action") or "block", "absolute_usage_caps.action")
    return AbsoluteCap(unit_id, at_least_zero(given[name], f"absolute_usage_caps.{unit_id}.{name}"), action)


def _delivery(given: Json) -> Delivery:
    stale = (given.get("fail") or {}).get("stale", "open")
    rails = RAILS | dict(given.get("on_expired") or {})
    return Delivery(
        max_staleness_seconds=_whole(given.get("max_staleness_seconds", DEFAULT_STALENESS_SECONDS), "max_staleness"),
        sequence=_whole(given.get("sequence", 0), "sequence"),
        stale=_one_of(FAILS, stale, "delivery.fail.stale"),
        on_expired={name: _one_of(FAILS, rails[name], f"delivery.on_expired.{name}") for name in RAILS},
    )


def _text(given: Json, name: str) -> str:
    value = given[name]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is {value!r}: it must be a text")
    return value


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value) or value < 0:
        raise ValueError(f"{name} is {value!r}: it must be a whole number that is not negative")
    return int(value)


def _one_of(allowed: Sequence[str], value: Any, name: str) -> str:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: allowed are {', '.join(allowed)}")
    return str(value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
