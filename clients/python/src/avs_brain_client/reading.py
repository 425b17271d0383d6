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
    NEXT_PERIOD,
    PERIOD_DAYS,
    POOL_SCOPE,
    PRORATED,
    RAILS,
    SPEND_SCOPE,
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
from avs_brain_client.members import (
    Json,
    days_of,
    flag,
    list_of,
    needed_list,
    object_of,
    one_of,
    text_of,
    text_or_none,
    whole,
)
from avs_brain_client.numbers import at_least_zero, read_to_places
from avs_brain_client.periods import time_zone
from avs_brain_client.reading_prices import Named, price_plan

OVERAGE_BEHAVIORS = ("allow_overage", "throttle", "hard_stop")
ACTIONS = ("warn", "throttle", "block", "require_approval", "degrade_quality")
AGGREGATIONS = ("count", "sum", "distinct_count")
FAILS = ("open", "closed")
PERIOD_KINDS = (FIXED, CALENDAR_MONTH, CUSTOMER_DAY)
SCOPES = (POOL_SCOPE, UNIT_SCOPE, CUSTOMER_SCOPE, SPEND_SCOPE)
TERMS_START = (NEXT_PERIOD, PRORATED)
"""When the terms of a version start where they do not at once; a document that starts them at once does not say so."""
SPELLINGS = {True: ("true", "True", "TRUE"), False: ("false", "False", "FALSE")}
"""The texts that a filter's true or false means, the same as in AVS Brain's simulation."""
CAP_QUANTITIES = ("max_quantity", "quantity", "cap", "limit")
"""How an absolute usage cap may name its quantity: AVS Brain leaves its shape to the operator."""


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
    terms = object_of(given, "governance").get("terms")
    units = tuple(map(_unit, needed_list(given, "value_units")))
    pools = tuple(map(_pool, needed_list(given, "pools")))
    named = Named(frozenset(unit.value_unit_id for unit in units), frozenset(pool.pool_id for pool in pools))
    unknown = {pool.value_unit_id for pool in pools} - named.units
    if unknown:
        raise ValueError(f"pools name value units that the config does not have: {', '.join(sorted(unknown))}")
    return Document(
        config_version_id=text_of(given, "config_version_id"),
        subject=Subject(*(text_of(given["subject_resolution"], name) for name in Subject.__slots__)),
        units=units,
        pools=pools,
        exploration=_exploration(object_of(given, "exploration")),
        rails=_rails(object_of(given, "rails"), _scopes(found)),
        delivery=_delivery(found),
        upcoming_at_us=None if coming is None else parse_moment(coming["effective_at"]),
        upcoming=None if coming is None else _upcoming(coming["document"], found),
        since_us=None if terms is None else parse_moment(terms["since"]),
        before=None if terms is None else _before(given, terms),
        terms_start=NEXT_PERIOD if terms is None else one_of(TERMS_START, terms["start"], "governance.terms.start"),
        price_plan=price_plan(given, named),
    )


def _delivery_of(given: Json) -> Json:
    return object_of(object_of(given, "governance"), "delivery")


def _before(given: Json, terms: Json) -> Document:
    """The terms before: of the same subject, delivered like the version after them."""
    before = terms["before"]
    delivery = {name: value for name, value in _delivery_of(given).items() if name != "next"}
    governance = {"delivery": delivery, "terms": before.get("terms")}
    return document({**before, "subject_resolution": given["subject_resolution"], "governance": governance})


def _upcoming(given: Json, delivery: Json) -> Document:
    """The next version; one that does not say how it is delivered goes on like the one that brought it."""
    coming = document(given)
    return coming if _delivery_of(given) else replace(coming, delivery=_delivery(delivery))


def _unit(given: Json) -> Unit:
    unit_id = text_of(given, "value_unit_id")
    mapping = given["event_mapping"]
    aggregation = mapping["aggregation"]
    filters = object_of(mapping, "filters")
    kind = one_of(AGGREGATIONS, aggregation["type"], "aggregation.type")
    meter = Meter(
        event_type=text_of(mapping, "event_type"),
        filters=tuple((name, _wanted(filters[name], name)) for name in sorted(filters)),
        aggregation=kind,
        field="" if kind == "count" else text_of(aggregation, "field"),
        minus=_minus(aggregation, kind),
    )
    price = given["unit_economics"]["target_price_per_unit_usd"]
    return Unit(unit_id, meter, at_least_zero(price, f"{unit_id}.target_price_per_unit_usd"))


def _minus(aggregation: Json, kind: str) -> str:
    minus = text_or_none(aggregation, "minus") or ""
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
    pool_id = text_of(given, "pool_id")
    return Pool(
        pool_id=pool_id,
        label=text_or_none(given, "label") or pool_id,
        value_unit_id=text_of(given, "value_unit_id"),
        included=at_least_zero(given["included_quantity"], f"{pool_id}.included_quantity"),
        rollover=_rollover(object_of(given, "rollover"), pool_id),
        overage_behavior=one_of(OVERAGE_BEHAVIORS, given["overage_behavior"], f"{pool_id}.overage_behavior"),
        is_exploration=flag(given, "is_exploration_pool"),
    )


def _rollover(given: Json, pool_id: str) -> Rollover | None:
    most = given.get("max_rollover_quantity")
    days = days_of(given, f"{pool_id}.rollover.expires_after_days")
    rollover = Rollover(
        most=None if most is None else at_least_zero(most, f"{pool_id}.max_rollover_quantity"),
        periods=None if days is None else days // PERIOD_DAYS,
    )
    return rollover if flag(given, "enabled") else None


def _exploration(given: Json) -> Exploration:
    days = days_of(given, "exploration.expires_after_days")
    return Exploration(
        enabled=flag(given, "enabled"),
        qualifying_events=frozenset(map(_event_type, list_of(given, "qualifying_events"))),
        expires_us=None if days is None else days * DAY_US,
        graduation_signal=text_or_none(given, "graduation_signal"),
    )


def _event_type(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"qualifying_events has {value!r}: they must be texts")
    return value


def _rails(given: Json, scopes: Mapping[int, str]) -> Rails:
    """A threshold without percent or action is a draft's and not evaluated."""
    thresholds = [_threshold(item, scopes) for item in list_of(given, "usage_thresholds")]
    complete = [item for item in thresholds if item is not None]
    cap = given.get("monthly_spend_cap_usd")
    return Rails(
        thresholds=tuple(sorted(complete, key=lambda item: (item.hundredths, item.action))),
        spend_cap=None if cap is None else at_least_zero(cap, "monthly_spend_cap_usd"),
        at_cap_action=_action(given, "at_cap_action"),
        absolute_caps=tuple(map(_absolute_cap, list_of(given, "absolute_usage_caps"))),
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
    return None if action is None else one_of(ACTIONS, action, name)


def _absolute_cap(given: Json) -> AbsoluteCap:
    """`{value_unit_id, max_quantity, action?}`: without an action it blocks. A cap that cannot be read is an error."""
    unit_id = text_of(given, "value_unit_id")
    name = next((name for name in CAP_QUANTITIES if name in given), CAP_QUANTITIES[0])
    action = _action(given, "action") or "block"
    return AbsoluteCap(unit_id, at_least_zero(given[name], f"absolute_usage_caps.{unit_id}.{name}"), action)


def _delivery(given: Json) -> Delivery:
    stale = object_of(given, "fail").get("stale", "open")
    rails = RAILS | dict(object_of(given, "on_expired"))
    uncounted = UNCOUNTED | dict(object_of(given, "on_counters_unavailable"))
    anchor = given.get("period_anchor")
    return Delivery(
        max_staleness_seconds=whole(given.get("max_staleness_seconds", DEFAULT_STALENESS_SECONDS), "max_staleness"),
        sequence=whole(given.get("sequence", 0), "sequence"),
        stale=one_of(FAILS, stale, "delivery.fail.stale"),
        on_expired={name: one_of(FAILS, rails[name], f"delivery.on_expired.{name}") for name in RAILS},
        on_counters_unavailable={
            name: one_of(FAILS, uncounted[name], f"delivery.on_counters_unavailable.{name}") for name in UNCOUNTED
        },
        period_anchor=None if anchor is None else period_anchor(object_of(given, "period_anchor")),
    )


def period_anchor(given: Json) -> PeriodAnchor:
    """`{kind, at}` or `{kind, time_zone}`; ValueError names what does not fit, also a zone not known here."""
    kind = one_of(PERIOD_KINDS, given.get("kind"), "period_anchor.kind")
    if kind == FIXED:
        return PeriodAnchor(kind, at_us=parse_moment(text_of(given, "at")))
    return PeriodAnchor(kind, time_zone=time_zone(text_of(given, "time_zone")).key)


def _scopes(delivery: Json) -> Mapping[int, str]:
    """The scopes of thresholds, by hundredths of a percent."""
    return {
        _hundredths(item["percent"], "threshold_scopes.percent"): one_of(
            SCOPES, item["scope"], "threshold_scopes.scope"
        )
        for item in list_of(delivery, "threshold_scopes")
    }


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
