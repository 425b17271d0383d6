"""`outputs.risks` and `outputs.data_issues`: stable codes with a sentence that names record and numbers (spec 4.3).

Every entry has `code` and `detail`; what it is about stands beside them under its canonical field names.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from simulation.canonical import number_text, timestamp_text
from simulation.economics import Ledger
from simulation.metrics import METRICS, periods_below_margin_floor
from simulation.numbers import written
from simulation.plan import Meter, Plan
from simulation.tally import CapCrossing, MeterIssues

Entry = dict[str, Any]


def risks(candidate: Ledger, baseline: Ledger | None) -> list[Entry]:
    """All of them, in the order in which the specification lists them."""
    return [
        *_margin_floor_violated(candidate),
        *_over_cap(candidate, "spend_cap_exceeded", "is billed", candidate.tally.billed_over_cap),
        *_over_cap(candidate, "cost_over_spend_cap", "costs", candidate.tally.cost_over_cap),
        *_pool_price_zero(candidate),
        *_quality_signal_missing(candidate),
        *_retention_regressed(candidate, baseline),
        *_no_usage_in_window(candidate),
    ]


def _margin_floor_violated(ledger: Ledger) -> Iterator[Entry]:
    """One per period."""
    floor = ledger.config.rails.margin_floor
    for index, amounts in periods_below_margin_floor(ledger):
        margin = f"margin {_text(amounts.margin)}" if amounts.revenue else "no revenue"
        yield {
            "code": "margin_floor_violated",
            "detail": f"Period {index + 1} has {margin} (revenue {_text(amounts.revenue)} USD, cost "
            f"{_text(amounts.cost)} USD), below the margin floor {_text(floor or Decimal(0))}.",
            "period_index": index,
            "margin": written(amounts.margin),
            "margin_floor": floor,
        }


def _over_cap(ledger: Ledger, code: str, verb: str, crossing: CapCrossing) -> Iterator[Entry]:
    """One for all customers."""
    cap, first = ledger.config.rails.monthly_spend_cap_usd, crossing.first_period
    if cap is None or first is None:
        return
    yield {
        "code": code,
        "detail": f"{_counted(crossing.customers, 'customer')} went above the monthly spend cap of {_text(cap)} USD in "
        f"{_counted(crossing.customer_periods, 'customer-period')}, first in period {first + 1}; the largest {verb} "
        f"{_text(crossing.largest)} USD.",
        "period_index": first,
        "customers": crossing.customers,
        "customer_periods": crossing.customer_periods,
        "largest_usd": written(crossing.largest),
        "monthly_spend_cap_usd": cap,
    }


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _pool_price_zero(ledger: Ledger) -> Iterator[Entry]:
    for pool in ledger.config.pools:
        unit = ledger.unit_of(pool)
        if not pool.is_exploration_pool and not unit.target_price_per_unit_usd:
            yield {
                "code": "pool_price_zero",
                "detail": f"Pool {pool.pool_id} is no exploration pool, but its unit {unit.value_unit_id} has target "
                "price 0 USD: its use earns nothing.",
                "pool_id": pool.pool_id,
                "value_unit_id": unit.value_unit_id,
            }


def _quality_signal_missing(ledger: Ledger) -> Iterator[Entry]:
    for unit in ledger.config.units:
        if not unit.has_quality_signal:
            yield {
                "code": "quality_signal_missing",
                "detail": f"Unit {unit.value_unit_id} ({unit.name}) has no quality signal: nothing would show that its "
                "quality drops.",
                "value_unit_id": unit.value_unit_id,
            }


def _retention_regressed(candidate: Ledger, baseline: Ledger | None) -> Iterator[Entry]:
    measure = METRICS["paid_engagement_retention_90d"]
    if baseline is None:
        return
    new, old = measure(candidate), measure(baseline)
    if new is not None and old is not None and new < old:
        yield {
            "code": "retention_regressed",
            "detail": f"The retention proxy falls from {_text(old)} under {baseline.config.config_version_id} to "
            f"{_text(new)}.",
            "candidate": written(new),
            "baseline": written(old),
        }


def _no_usage_in_window(ledger: Ledger) -> Iterator[Entry]:
    if not ledger.tally.customers:
        window = ledger.plan.window
        yield {
            "code": "no_usage_in_window",
            "detail": f"No event of any pooled unit counts after {timestamp_text(window.start)} up to "
            f"{timestamp_text(window.as_of)}: every amount is 0 for lack of data.",
        }


def data_issues(plan: Plan, issues: Mapping[Meter, MeterIssues]) -> list[Entry]:
    """Candidate's units first, then units that only the baseline meters in their way."""
    entries: list[Entry] = []
    for meter in plan.meters:
        found = issues[meter]
        unit = next(unit for config in plan.configs for unit in config.units if unit.meter == meter)
        about = {"value_unit_id": unit.value_unit_id, "event_type": meter.event_type, "field": meter.field}
        if found.unreadable:
            entries.append({"code": "value_not_a_number", **about, **_unreadable(found, meter)})
        if found.negative:
            entries.append({"code": "negative_quantity", **about, **_negative(found, meter)})
    return entries


def _unreadable(found: MeterIssues, meter: Meter) -> Entry:
    return {
        "detail": f"{found.unreadable} events have a {meter.field} that is no number; each adds 0.",
        "count": found.unreadable,
        "examples": [
            {
                "event_id": example.event_id,
                "ts": timestamp_text(example.ts),
                "customer_id": example.customer_id,
                "value": example.value,
            }
            for example in found.unreadable_examples
        ],
    }


def _negative(found: MeterIssues, meter: Meter) -> Entry:
    return {
        "detail": f"{found.negative} customer-periods have a negative sum of {meter.field}; each counts as 0.",
        "count": found.negative,
        "examples": [
            {
                "customer_id": example.customer_id,
                "period_index": example.period,
                "quantity": written(example.quantity),
            }
            for example in found.negative_examples
        ],
    }


def _text(value: Decimal) -> str:
    return number_text(written(value))
