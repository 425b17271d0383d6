"""`outputs.risks` and `outputs.data_issues`: stable codes with a sentence that names record and numbers (spec 4.3).

An entry has `code` and `detail`, and beside them the record and the numbers, under their canonical field names.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from simulation.canonical import number_text, timestamp_text
from simulation.economics import Statement
from simulation.metrics import METRICS, periods_below_margin_floor
from simulation.numbers import rounded
from simulation.output_shapes import RiskEntry
from simulation.plan import Meter, Plan, UnitPlan
from simulation.plan_outputs import plan_risks
from simulation.tally import CapCrossing, MeterIssues
from simulation.unmatched import Coverage
from simulation.unmatched_rows import usage_unmatched


def risks(
    candidate: Statement, baseline: Statement | None, coverage: Coverage, issues: Mapping[Meter, MeterIssues]
) -> list[RiskEntry]:
    """`outputs.risks`, in the order in which the specification lists their codes."""
    return [
        *_most_events_add_nothing(candidate, issues),
        *_margin_floor_violated(candidate),
        *_over_cap(candidate, "spend_cap_exceeded", "is billed", candidate.tally.billed_over_cap),
        *_over_cap(candidate, "cost_over_spend_cap", "costs", candidate.tally.cost_over_cap),
        *_pool_price_zero(candidate),
        *plan_risks(candidate),
        *_quality_signal_missing(candidate),
        *_retention_regressed(candidate, baseline),
        *_no_usage_in_window(candidate),
        *usage_unmatched(coverage),
    ]


def _most_events_add_nothing(statement: Statement, issues: Mapping[Meter, MeterIssues]) -> Iterator[RiskEntry]:
    """An entry for each unit that gets nothing from more than half of the events that it sums."""
    for unit in statement.config.units:
        wrong = issues[unit.meter]
        if wrong.adding_nothing * 2 > wrong.events:
            yield {
                "code": "most_events_add_nothing",
                "detail": f"{wrong.adding_nothing} of the {_counted(wrong.events, 'event')} that {unit.name} "
                f"({unit.value_unit_id}) sums add 0: in {wrong.unreadable} {unit.meter.field} is no number, in "
                f"{wrong.missing} it is missing. What this run says about quantity, revenue and cost is too low.",
                "value_unit_id": unit.value_unit_id,
                "field": unit.meter.field,
                "events": wrong.events,
                "not_a_number": wrong.unreadable,
                "missing": wrong.missing,
            }


def _margin_floor_violated(statement: Statement) -> Iterator[RiskEntry]:
    """An entry for each period whose margin is below the floor."""
    floor = statement.config.rails.margin_floor
    for index, amounts in periods_below_margin_floor(statement):
        margin = f"margin {_text(amounts.margin)}" if amounts.revenue else "no revenue"
        yield {
            "code": "margin_floor_violated",
            "detail": f"Period {index + 1} has {margin} (revenue {_text(amounts.revenue)} USD, cost "
            f"{_text(amounts.cost)} USD), below the margin floor {_text(floor or Decimal(0))}.",
            "period_index": index,
            "margin": rounded(amounts.margin),
            "margin_floor": floor,
        }


def _over_cap(statement: Statement, code: str, verb: str, crossing: CapCrossing) -> Iterator[RiskEntry]:
    """An entry for all customers who go above the cap; none without a cap."""
    cap, first = statement.config.rails.monthly_spend_cap_usd, crossing.first_period
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
        "largest_usd": rounded(crossing.largest),
        "monthly_spend_cap_usd": cap,
    }


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _pool_price_zero(statement: Statement) -> Iterator[RiskEntry]:
    for pool in statement.config.pools:
        unit = statement.unit_of(pool)
        if not pool.is_exploration_pool and not unit.target_price_per_unit_usd and not _has_plan_price(statement, unit):
            yield {
                "code": "pool_price_zero",
                "detail": f"Pool {pool.pool_id} is no exploration pool, but its unit {unit.value_unit_id} has target "
                "price 0 USD: its use earns nothing.",
                "pool_id": pool.pool_id,
                "value_unit_id": unit.value_unit_id,
            }


def _has_plan_price(statement: Statement, unit: UnitPlan) -> bool:
    """Whether a price plan prices the unit, so that its target price says nothing."""
    price_plan = statement.config.price_plan
    return (
        statement.tally.plan is not None
        and price_plan is not None
        and unit.value_unit_id in price_plan.usual.unit_prices
    )


def _quality_signal_missing(statement: Statement) -> Iterator[RiskEntry]:
    for unit in statement.config.units:
        if not unit.has_quality_signal:
            yield {
                "code": "quality_signal_missing",
                "detail": f"Unit {unit.value_unit_id} ({unit.name}) has no quality signal: nothing would show that its "
                "quality drops.",
                "value_unit_id": unit.value_unit_id,
            }


def _retention_regressed(candidate: Statement, baseline: Statement | None) -> Iterator[RiskEntry]:
    measure = METRICS["paid_engagement_retention_90d"]
    if baseline is None:
        return
    new, old = measure(candidate), measure(baseline)
    if new is not None and old is not None and new < old:
        yield {
            "code": "retention_regressed",
            "detail": f"The retention proxy falls from {_text(old)} under {baseline.config.config_version_id} to "
            f"{_text(new)}.",
            "candidate": rounded(new),
            "baseline": rounded(old),
        }


def _no_usage_in_window(statement: Statement) -> Iterator[RiskEntry]:
    if not statement.tally.customers:
        window = statement.plan.window
        yield {
            "code": "no_usage_in_window",
            "detail": f"No event of any pooled unit counts after {timestamp_text(window.start)} up to "
            f"{timestamp_text(window.as_of)}: every amount is 0 for lack of data.",
        }


def data_issues(plan: Plan, issues: Mapping[Meter, MeterIssues]) -> list[RiskEntry]:
    """`outputs.data_issues`: the candidate's units first, then those that only the baseline meters in their way."""
    entries: list[RiskEntry] = []
    for meter in plan.meters:
        wrong = issues[meter]
        unit = next(unit for config in plan.configs for unit in config.units if unit.meter == meter)
        record = {
            "value_unit_id": unit.value_unit_id,
            "name": unit.name,
            "event_type": meter.event_type,
            "field": meter.field,
        }
        record |= {"minus": meter.minus} if meter.minus else {}
        if wrong.unreadable:
            entries.append({"code": "value_not_a_number", **record, **_unreadable(wrong, meter)})
        if wrong.missing:
            entries.append({"code": "value_missing", **record, **_missing(wrong, meter)})
        if wrong.negative:
            entries.append({"code": "negative_quantity", **record, **_negative(wrong, meter)})
    return entries


def _unreadable(wrong: MeterIssues, meter: Meter) -> RiskEntry:
    return {
        "detail": f"{_counted(wrong.unreadable, 'event')} with a {' or '.join(meter.added)} that is no number; "
        "each adds 0.",
        "count": wrong.unreadable,
        "examples": [
            {
                "event_id": example.event_id,
                "ts": timestamp_text(example.ts),
                "customer_id": example.customer_id,
                "value": example.value,
            }
            for example in wrong.unreadable_examples
        ],
    }


def _missing(wrong: MeterIssues, meter: Meter) -> RiskEntry:
    return {
        "detail": f"{_counted(wrong.missing, 'event')} without {meter.field}; each adds 0.",
        "count": wrong.missing,
        "examples": [
            {"event_id": example.event_id, "ts": timestamp_text(example.ts), "customer_id": example.customer_id}
            for example in wrong.missing_examples
        ],
    }


def _negative(wrong: MeterIssues, meter: Meter) -> RiskEntry:
    return {
        "detail": f"{_counted(wrong.negative, 'customer-period')} with a negative sum of {' less '.join(meter.added)}; "
        "each counts as 0.",
        "count": wrong.negative,
        "examples": [
            {
                "customer_id": example.customer_id,
                "period_index": example.period,
                "quantity": rounded(example.quantity),
            }
            for example in wrong.negative_examples
        ],
    }


def _text(value: Decimal) -> str:
    return number_text(rounded(value))
