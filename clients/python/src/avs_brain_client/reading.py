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
    CALENDAR_MONTH,
    CUSTOMER_DAY,
    CUSTOMER_SCOPE,
    DEFAULT_STALENESS_SECONDS,
    FIXED,
    PERIOD_DAYS,
    POOL_SCOPE,
    RAILS,
    UNCOUNTED,
    UNIT_SCOPE,
    AbsoluteCap,
    Delivery,
    Document,
    Exploration,
    Meter,
    PeriodAnchor,
    Pool,
    Rails,
    Rollover,
    Subject,
    Threshold,
    Unit,
)
from avs_brain_client.errors import Malformed
from avs_brain_client.numbers import at_least_zero, read_to_places
from avs_brain_client.periods import time_zone

OVERAGE_BEHAVIORS = ("allow_overage", "throttle", "hard_stop")
ACTIONS = ("warn", "throttle", "block", "require_approval", "degrade_quality")
AGGREGATIONS = ("count", "sum", "distinct_count")
FAILS = ("open", "closed")
PERIOD_KINDS = (FIXED, CALENDAR_MONTH, CUSTOMER_DAY)
SCOPES = (POOL_SCOPE, UNIT_SCOPE, CUSTOMER_SCOPE)
TERMS_START = ("next_period",)
"""When the terms of a version start where they do not at once; a document that starts them at once does not say so."""
SPELLINGS = {True: ("true", "True", "TRUE"), False: ("false", "False", "FALSE")}
"""The texts that a filter's true or false means, the same as in AVS Brain's simulation."""
CAP_QUANTITIES = ("max_quantity", "quantity", "cap", "limit")
"""How an absolute usage cap may name its quantity: AVS Brain leaves its shape to the operator."""
MOST_WHOLE = 2**53 - 1
"""The largest whole number that every client's language has exactly."""
MOST_DAYS = 100_000
"""273 years; in microseconds they are exact as a double, too."""

Json = Mapping[str, Any]


def parse(body: bytes) -> Document:
    """The document of these bytes; Malformed says what is wrong with it."""
    try:
        return document(
            json.loads(body, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_with_keys_once)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise Malformed(f"This config cannot be enforced: {type(problem).__name__}: {problem}") from problem


def document(given: Json) -> Document:
    """A document from its JSON, numbers exact; ValueError or KeyError name what does not fit."""
    found = _delivery_of(given)
    coming = found.get("next")
    terms = _object(given, "governance").get("terms")
    units = tuple(map(_unit, _needed_list(given, "value_units")))
    pools = tuple(map(_pool, _needed_list(given, "pools")))
    unknown = {pool.value_unit_id for pool in pools} - {unit.value_unit_id for unit in units}
    if unknown:
        raise ValueError(f"pools name value units that the config does not have: {', '.join(sorted(unknown))}")
    return Document(
        config_version_id=_text(given, "config_version_id"),
        subject=Subject(*(_text(given["subject_resolution"], name) for name in Subject.__slots__)),
        units=units,
        pools=pools,
        exploration=_exploration(_object(given, "exploration")),
        rails=_rails(_object(given, "rails"), _scopes(found)),
        delivery=_delivery(found),
        upcoming_at_us=None if coming is None else parse_moment(coming["effective_at"]),
        upcoming=None if coming is None else _upcoming(coming["document"], found),
        since_us=None if terms is None else parse_moment(terms["since"]),
        before=None if terms is None else _before(given, terms),
    )


def _delivery_of(given: Json) -> Json:
    return _object(_object(given, "governance"), "delivery")


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
    filters = _object(mapping, "filters")
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
    minus = _text_or_none(aggregation, "minus") or ""
    if minus and kind != "sum":
        raise ValueError(f"aggregation.minus is {minus!r}: only a sum takes a field off, {kind} cannot")
    return minus


def _wanted(value: Any, name: str) -> tuple[str | Decimal, ...]:
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    if not values:
        raise ValueError(f"filters.{name} is an empty list, which no event has")
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
        label=_text_or_none(given, "label") or pool_id,
        value_unit_id=_text(given, "value_unit_id"),
        included=at_least_zero(given["included_quantity"], f"{pool_id}.included_quantity"),
        rollover=_rollover(_object(given, "rollover"), pool_id),
        overage_behavior=_one_of(OVERAGE_BEHAVIORS, given["overage_behavior"], f"{pool_id}.overage_behavior"),
        is_exploration=_flag(given, "is_exploration_pool"),
    )


def _rollover(given: Json, pool_id: str) -> Rollover | None:
    most = given.get("max_rollover_quantity")
    days = _days(given, f"{pool_id}.rollover.expires_after_days")
    rollover = Rollover(
        most=None if most is None else at_least_zero(most, f"{pool_id}.max_rollover_quantity"),
        periods=None if days is None else days // PERIOD_DAYS,
    )
    return rollover if _flag(given, "enabled") else None


def _exploration(given: Json) -> Exploration:
    days = _days(given, "exploration.expires_after_days")
    return Exploration(
        enabled=_flag(given, "enabled"),
        qualifying_events=frozenset(map(_event_type, _list(given, "qualifying_events"))),
        expires_us=None if days is None else days * DAY_US,
        graduation_signal=_text_or_none(given, "graduation_signal"),
    )


def _event_type(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"qualifying_events has {value!r}: they must be texts")
    return value


def _rails(given: Json, scopes: Mapping[int, str]) -> Rails:
    """A threshold without percent or action is a draft's and not evaluated."""
    thresholds = [_threshold(item, scopes) for item in _list(given, "usage_thresholds")]
    complete = [item for item in thresholds if item is not None]
    cap = given.get("monthly_spend_cap_usd")
    return Rails(
        thresholds=tuple(sorted(complete, key=lambda item: (item.hundredths, item.action))),
        spend_cap=None if cap is None else at_least_zero(cap, "monthly_spend_cap_usd"),
        at_cap_action=_action(given, "at_cap_action"),
        absolute_caps=tuple(map(_absolute_cap, _list(given, "absolute_usage_caps"))),
    )


def _threshold(given: Json, scopes: Mapping[int, str]) -> Threshold | None:
    percent, action = given.get("percent"), _action(given, "action")
    if percent is None:
        return None
    hundredths = _hundredths(percent, "usage_thresholds.percent")
    if action is None:
        return None
    return Threshold(Decimal(percent), hundredths, action, scopes.get(hundredths, POOL_SCOPE))


def _hundredths(percent: Any, name: str) -> int:
    hundredths, finer = divmod(at_least_zero(percent, name), 10**10)
    if finer:
        raise ValueError(f"{name} is {percent}: at most 2 decimal places")
    return hundredths


def _action(given: Json, name: str) -> str | None:
    action = given.get(name)
    return None if action is None else _one_of(ACTIONS, action, name)


def _absolute_cap(given: Json) -> AbsoluteCap:
    """`{value_unit_id, max_quantity, action?}`: without an action it blocks. A cap that cannot be read is an error."""
    unit_id = _text(given, "value_unit_id")
    name = next((name for name in CAP_QUANTITIES if name in given), CAP_QUANTITIES[0])
    action = _action(given, "action") or "block"
    return AbsoluteCap(unit_id, at_least_zero(given[name], f"absolute_usage_caps.{unit_id}.{name}"), action)


def _delivery(given: Json) -> Delivery:
    stale = _object(given, "fail").get("stale", "open")
    rails = RAILS | dict(_object(given, "on_expired"))
    uncounted = UNCOUNTED | dict(_object(given, "on_counters_unavailable"))
    anchor = given.get("period_anchor")
    return Delivery(
        max_staleness_seconds=_whole(given.get("max_staleness_seconds", DEFAULT_STALENESS_SECONDS), "max_staleness"),
        sequence=_whole(given.get("sequence", 0), "sequence"),
        stale=_one_of(FAILS, stale, "delivery.fail.stale"),
        on_expired={name: _one_of(FAILS, rails[name], f"delivery.on_expired.{name}") for name in RAILS},
        on_counters_unavailable={
            name: _one_of(FAILS, uncounted[name], f"delivery.on_counters_unavailable.{name}") for name in UNCOUNTED
        },
        period_anchor=None if anchor is None else period_anchor(_object(given, "period_anchor")),
    )


def period_anchor(given: Json) -> PeriodAnchor:
    """`{kind, at}` or `{kind, time_zone}`; ValueError names what does not fit, also a zone not known here."""
    kind = _one_of(PERIOD_KINDS, given.get("kind"), "period_anchor.kind")
    if kind == FIXED:
        return PeriodAnchor(kind, at_us=parse_moment(_text(given, "at")))
    return PeriodAnchor(kind, time_zone=time_zone(_text(given, "time_zone")).key)


def _scopes(delivery: Json) -> Mapping[int, str]:
    """The scopes of thresholds, by hundredths of a percent."""
    return {
        _hundredths(item["percent"], "threshold_scopes.percent"): _one_of(
            SCOPES, item["scope"], "threshold_scopes.scope"
        )
        for item in _list(delivery, "threshold_scopes")
    }


def _text(given: Json, name: str) -> str:
    value = given[name]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is {value!r}: it must be a text")
    return value


def _text_or_none(given: Json, name: str) -> str | None:
    value = given.get(name)
    if not (value is None or isinstance(value, str)):
        raise ValueError(f"{name} is {value!r}: it must be a text")
    return value


def _object(given: Json, name: str) -> Json:
    """The object of this name; an empty one where there is none."""
    value = given.get(name)
    if not (value is None or isinstance(value, Mapping)):
        raise ValueError(f"{name} is {value!r}: it must be an object")
    return value or {}


def _list(given: Json, name: str) -> Sequence[Any]:
    """The list of this name; an empty one where there is none."""
    value = given.get(name)
    if not (value is None or isinstance(value, list | tuple)):
        raise ValueError(f"{name} is {value!r}: it must be a list")
    return value or ()


def _needed_list(given: Json, name: str) -> Sequence[Any]:
    if given.get(name) is None:
        raise ValueError(f"{name} is missing: it must be a list")
    return _list(given, name)


def _flag(given: Json, name: str) -> bool:
    value = given.get(name)
    if not (value is None or isinstance(value, bool)):
        raise ValueError(f"{name} is {value!r}: it must be true or false")
    return bool(value)


def _days(given: Json, name: str) -> int | None:
    days = given.get("expires_after_days")
    return None if days is None else _whole(days, name, MOST_DAYS)


def _whole(value: Any, name: str, most: int = MOST_WHOLE) -> int:
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value <= most
    if not is_number or value != int(value):
        raise ValueError(f"{name} is {value!r}: it must be a whole number from 0 to {most}")
    return int(value)


def _one_of(allowed: Sequence[str], value: Any, name: str) -> str:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: allowed are {', '.join(allowed)}")
    return str(value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _with_keys_once(pairs: list[tuple[str, Any]]) -> Json:
    """An object; one that gives a key twice is refused, because readers differ in which of the values they take."""
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{repeated!r} stands twice in one object")
    return read
