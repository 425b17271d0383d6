"""Sentences for what a run saw: its risks and data issues, worded from their codes and numbers (spec 4.3).

The `detail` that a run keeps has its numbers exact and its records by id. People read these sentences instead, about
runs of every version; an entry that lacks what its sentence needs says its own detail.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rules.amounts import Number, money_text, percent_text, price_text, quantity_text, share_text
from rules.documents import as_items, as_mapping, as_number, as_text
from rules.wording import quoted

Document = Mapping[str, object]


class _Lacking(LookupError):
    """An entry, or the outputs around it, lack a member that the sentence needs."""


def risk_sentence(entry: Document, outputs: Document) -> str:
    """The sentence for an entry of `outputs.risks` or `outputs.data_issues` of these outputs.

    `Period 1 has a margin of 43.3 % (revenue $79.55, cost $45.07), below the margin floor of 60 %.`
    """
    detail = as_text(entry.get("detail")) or ""
    say = SENTENCES.get(as_text(entry.get("code")) or "")
    if say is None:
        return detail
    try:
        return say(entry, outputs)
    except _Lacking:
        return detail


def _margin_floor_violated(entry: Document, outputs: Document) -> str:
    period, floor = int(_number(entry, "period_index")), _number(entry, "margin_floor")
    amounts = as_mapping(_row(outputs, "by_period", "index", period).get("candidate"))
    revenue, cost = _number(amounts, "revenue_usd"), _number(amounts, "cost_usd")
    margin = f"a margin of {percent_text(_number(entry, 'margin'))}" if revenue else "no revenue"
    return (
        f"Period {period + 1} has {margin} (revenue {money_text(revenue)}, cost {money_text(cost)}), below the margin "
        f"floor of {share_text(floor)}."
    )


def _over_cap(verb: str) -> Callable[[Document, Document], str]:
    def sentence(entry: Document, _: Document) -> str:
        cap, largest = _number(entry, "monthly_spend_cap_usd"), _number(entry, "largest_usd")
        customers, periods = _number(entry, "customers"), _number(entry, "customer_periods")
        return (
            f"{_counted(customers, 'customer')} went above the monthly spend cap of {price_text(cap)} in "
            f"{_counted(periods, 'customer-period')}, first in period {_number(entry, 'period_index') + 1}; the "
            f"largest {verb} {money_text(largest)}."
        )

    return sentence


def _pool_price_zero(entry: Document, outputs: Document) -> str:
    pool, unit = _pool_name(outputs, entry.get("pool_id")), _unit_name(outputs, entry)
    return f"Pool {pool} is no exploration pool, but its unit {unit} sells for $0.00: its use earns nothing."


def _quality_signal_missing(entry: Document, outputs: Document) -> str:
    unit = _unit_name(outputs, entry)
    return f"Value unit {unit} has no quality signal: nothing would show that its quality drops."


def _retention_regressed(entry: Document, _: Document) -> str:
    before, after = (percent_text(_number(entry, side)) for side in ("baseline", "candidate"))
    return f"The retention proxy falls from {before} under the baseline to {after}."


def _no_usage_in_window(_: Document, outputs: Document) -> str:
    window = as_mapping(outputs.get("window"))
    start, end = (_text(window, name)[:10] for name in ("start", "as_of"))
    return f"No event of any pooled unit counts from {start} to {end}: every amount is 0 for lack of data."


def _most_events_add_nothing(entry: Document, outputs: Document) -> str:
    unreadable, missing = _number(entry, "not_a_number"), _number(entry, "missing")
    return (
        f"{quantity_text(unreadable + missing)} of the {_counted(_number(entry, 'events'), 'event')} that "
        f"{_unit_name(outputs, entry)} sums add 0: in {quantity_text(unreadable)} {_text(entry, 'field')} is no "
        f"number, in {quantity_text(missing)} it is missing. What this run says about quantity, revenue and cost is "
        "too low."
    )


def _value_missing(entry: Document, outputs: Document) -> str:
    return f"{_whose(entry, outputs, 'event')} no {_text(entry, 'field')}; each adds 0."


def _value_not_a_number(entry: Document, outputs: Document) -> str:
    return f"{_whose(entry, outputs, 'event')} {_fields(entry, ' or ')} that is no number; each adds 0."


def _negative_quantity(entry: Document, outputs: Document) -> str:
    whose, field = _whose(entry, outputs, "customer-period"), _fields(entry, " less ")
    return f"{whose} a negative sum of {field}; each counts as 0."


def _usage_unmatched(entry: Document, _: Document) -> str:
    """`1 of 2 events of render (90 of 100 minutes) matches no unit: nothing counts, costs or prices it.`"""
    unmatched, events = _number(entry, "unmatched_events"), _number(entry, "events")
    sums = [_unmatched_sum(as_mapping(item)) for item in as_items(entry.get("quantities"))]
    brackets = f" ({', '.join(sums)})" if sums else ""
    verb, them = ("matches", "it") if unmatched == 1 else ("match", "them")
    share = f"{quantity_text(unmatched)} of {_counted(events, 'event')} of {_text(entry, 'event_type')}{brackets}"
    return f"{share} {verb} no unit: nothing counts, costs or prices {them}."


def _unmatched_sum(item: Document) -> str:
    part, whole = _number(item, "unmatched_quantity"), _number(item, "quantity")
    return f"{quantity_text(part)} of {quantity_text(whole)} {_fields(item, ' less ')}"


def _fields(entry: Document, between: str) -> str:
    """The field of a sum, and the one that is taken off it where there is one."""
    return between.join(filter(None, (_text(entry, "field"), as_text(entry.get("minus")))))


def _whose(entry: Document, outputs: Document, noun: str) -> str:
    """`3 events of “Usable HD minute” have`."""
    count = _number(entry, "count")
    return f"{_counted(count, noun)} of {_unit_name(outputs, entry)} {'has' if count == 1 else 'have'}"


def _plan_price_below_cost(entry: Document, outputs: Document) -> str:
    price, cost = (price_text(_number(entry, name)) for name in ("unit_price_usd", "cost"))
    contract = as_text(entry.get("customer_id"))
    whose = f" in the contract of {contract}" if contract else ""
    return (
        f"Tier {_number(entry, 'tier')} of {_unit_name(outputs, entry)} is sold for {price}{whose}, below its cost of "
        f"{cost}; {_counted(_number(entry, 'customer_periods'), 'customer-period')} reached it."
    )


def _commit_unused(entry: Document, _: Document) -> str:
    customers, periods = _number(entry, "customers"), _number(entry, "customer_periods")
    return (
        f"{_counted(customers, 'customer')} left {money_text(_number(entry, 'unused_usd'))} of the minimum commit "
        f"unused in {_counted(periods, 'customer-period')}."
    )


def _credits_expired(entry: Document, _: Document) -> str:
    lapsed, paid = (money_text(_number(entry, name)) for name in ("expired_usd", "paid_usd"))
    return f"{lapsed} of credits lapsed, for which {paid} was paid: customers keep nothing of it."


SENTENCES: Mapping[str, Callable[[Document, Document], str]] = MappingProxyType(
    {
        "most_events_add_nothing": _most_events_add_nothing,
        "margin_floor_violated": _margin_floor_violated,
        "spend_cap_exceeded": _over_cap("is billed"),
        "cost_over_spend_cap": _over_cap("costs"),
        "pool_price_zero": _pool_price_zero,
        "quality_signal_missing": _quality_signal_missing,
        "retention_regressed": _retention_regressed,
        "no_usage_in_window": _no_usage_in_window,
        "usage_unmatched": _usage_unmatched,
        "plan_price_below_cost": _plan_price_below_cost,
        "commit_unused": _commit_unused,
        "credits_expired": _credits_expired,
        "value_not_a_number": _value_not_a_number,
        "value_missing": _value_missing,
        "negative_quantity": _negative_quantity,
    }
)
"""The code of a risk or a data issue → its sentence."""


def _unit_name(outputs: Document, entry: Document) -> str:
    return quoted(_text(_row(outputs, "by_unit", "value_unit_id", entry.get("value_unit_id")), "name"))


def _pool_name(outputs: Document, pool_id: object) -> str:
    rows = map(as_mapping, as_items(outputs.get("pool_breakdown")))
    return quoted(_text(next((row for row in rows if row.get("pool_id") == pool_id), {}), "label"))


def _row(outputs: Document, cut: str, key: str, value: object) -> Document:
    """The row of a cut of the economics whose key has this value; an empty one where there is none."""
    rows = map(as_mapping, as_items(as_mapping(outputs.get("economics")).get(cut)))
    return next((row for row in rows if row.get(key) == value), {})


def _number(document: Document, name: str) -> Number:
    value = as_number(document.get(name))
    if value is None:
        raise _Lacking(name)
    return value


def _text(document: Document, name: str) -> str:
    value = as_text(document.get(name))
    if not value:
        raise _Lacking(name)
    return value


def _counted(count: Number, noun: str) -> str:
    return f"{quantity_text(count)} {noun}{'' if count == 1 else 's'}"
