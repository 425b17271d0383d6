"""What must hold for every question, whatever the configs and events (spec 4.2, 4.3)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulation.economics import Statement
from simulation.events import deduplicated
from simulation.metering import matches
from simulation.numbers import EXACT, total
from simulation.output_shapes import SpendCapForecast, ThresholdForecast
from simulation.plan import ConfigPlan
from simulation.reference import simulate_reference, tally
from tests.present import present
from tests.simulation.worlds import MICROSECOND, World, worlds

quickly = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def exact_statement(world: World) -> Statement:
    """The candidate's sums before anything is rounded."""
    plan = world.plan
    with localcontext(EXACT):
        workspace = [row for row in deduplicated(world.events) if row.ts <= plan.window.as_of]
        return Statement(plan, plan.candidate, tally(plan, workspace).candidate)


@quickly
@given(worlds())
def test_the_pools_sum_to_the_headline_and_so_do_periods_and_units(world: World) -> None:
    with localcontext(EXACT):
        statement = exact_statement(world)
        headline = statement.amounts()
        by_unit = [
            line for unit in world.plan.billed_units(world.plan.candidate) for line in statement.unit_lines(unit)
        ]
        by_period = [statement.amounts([index]) for index in statement.all_periods]
        for parts in (statement.lines(), by_unit):
            assert total(line.amounts.revenue for line in parts) == headline.revenue
            assert total(line.amounts.cost for line in parts) == headline.cost
        assert total(amounts.revenue for amounts in by_period) == headline.revenue
        assert total(amounts.cost for amounts in by_period) == headline.cost


@quickly
@given(worlds())
def test_what_is_used_is_either_drawn_or_overage(world: World) -> None:
    statement = exact_statement(world)
    with localcontext(EXACT):
        for unit in world.plan.candidate.units:
            drawn = total(total(statement.tally.drawn[pool.pool_id]) for pool in world.plan.candidate.pools_of(unit))
            assert drawn + total(statement.tally.overage[unit.value_unit_id]) == total(
                statement.tally.used[unit.value_unit_id]
            )


@quickly
@given(worlds())
def test_no_pool_gives_more_than_its_customers_were_ever_included(world: World) -> None:
    statement = exact_statement(world)
    with localcontext(EXACT):
        for pool in world.plan.candidate.pools:
            for period in world.plan.periods:
                granted = pool.included_quantity * statement.tally.customers * (period.index + 1)
                assert total(statement.tally.drawn[pool.pool_id][: period.index + 1]) <= granted


@quickly
@given(worlds(), st.booleans())
def test_an_event_outside_the_window_changes_nothing_without_exploration(world: World, early: bool) -> None:
    plan = replace(world.plan, candidate=_without_exploration(world.plan.candidate), baseline=None)
    if not world.events:
        return
    moment = plan.window.start if early else plan.window.as_of + MICROSECOND
    stray = replace(world.events[0], event_id="evt_stray", ts=moment - timedelta(days=1 if early else -1))
    assert (
        simulate_reference(plan, [*world.events, stray]).canonical == simulate_reference(plan, world.events).canonical
    )


def _without_exploration(config: ConfigPlan) -> ConfigPlan:
    return replace(config, exploration=replace(config.exploration, enabled=False))


@quickly
@given(worlds())
def test_a_late_event_counts_by_its_ts_wherever_it_stands(world: World) -> None:
    backwards = tuple(reversed(world.events))
    assert simulate_reference(world.plan, backwards).canonical == simulate_reference(world.plan, world.events).canonical


@quickly
@given(worlds())
def test_cost_does_not_depend_on_how_many_pools_a_unit_has(world: World) -> None:
    plan = replace(world.plan, include_exploration_in_results=True)
    first = plan.candidate.pools[0]
    more = tuple(replace(first, pool_id=f"pool_more_{number}") for number in range(3))
    fewer = replace(plan, candidate=replace(plan.candidate, pools=(*plan.candidate.pools, *more)))
    documents = [simulate_reference(asked, world.events).document for asked in (plan, fewer)]
    assert len({present(document["economics"]["candidate"])["cost_usd"] for document in documents}) == 1


@quickly
@given(worlds())
def test_a_config_compared_with_itself_shows_no_difference(world: World) -> None:
    plan = replace(world.plan, baseline=world.plan.candidate)
    document = simulate_reference(plan, world.events).document
    assert dict(present(document["economics"]["delta"])) == {"revenue_usd": 0, "cost_usd": 0, "margin": 0}
    assert set(document["primary_metric_deltas"].values()) <= {None, Decimal(0)}
    assert document["customer_impact"]["billed_more"] == document["customer_impact"]["billed_less"] == 0
    assert "retention_regressed" not in {risk["code"] for risk in document["risks"]}


@quickly
@given(worlds())
def test_the_candidate_is_the_same_with_and_without_a_baseline(world: World) -> None:
    alone = simulate_reference(replace(world.plan, baseline=None), world.events).document
    compared = simulate_reference(world.plan, world.events).document
    for section in ("pool_breakdown", "exploration_summary", "enforcement_forecast", "lens_metrics"):
        assert alone[section] == compared[section]
    assert alone["economics"]["candidate"] == compared["economics"]["candidate"]


@quickly
@given(worlds())
def test_the_bins_are_contiguous_and_hold_every_customer_whose_bill_was_compared(world: World) -> None:
    plan = replace(world.plan, baseline=world.plan.baseline or world.plan.candidate)
    impact = simulate_reference(plan, world.events).document["customer_impact"]
    bins = impact["distribution"]
    assert all(low["to_usd"] == high["from_usd"] for low, high in pairwise(bins))
    assert sum(row["customers"] for row in bins) == impact["customers"]
    assert sum(row["customers"] for row in bins if row["from_usd"] == row["to_usd"]) == (
        impact["customers"] - present(impact["billed_more"]) - present(impact["billed_less"])
    )


@quickly
@given(worlds())
def test_who_crosses_is_counted_in_one_period_and_the_first_of_them_are_named(world: World) -> None:
    forecast = simulate_reference(world.plan, world.events).document["enforcement_forecast"]
    cap = forecast["spend_cap"]
    crossed: list[tuple[ThresholdForecast | SpendCapForecast, int | None]] = [
        *((threshold, threshold["customers"]) for threshold in forecast["thresholds"]),
        *([(cap, forecast["customers_over_spend_cap"])] if cap else []),
    ]
    for row, customers in crossed:
        assert sum(row["by_period"]) == customers == len(row["first_crossings"])
        periods = [first["period_index"] for first in row["first_crossings"]]
        assert periods == sorted(periods)
        assert [periods.count(index) for index in range(len(row["by_period"]))] == row["by_period"]
        first_period = row["first_period"]
        assert (first_period and first_period["index"]) == next(iter(periods), None)


@quickly
@given(worlds())
def test_every_event_of_the_window_is_counted_or_said_to_be_not(world: World) -> None:
    usage = simulate_reference(world.plan, world.events).document["unmatched_usage"]
    window = [row for row in deduplicated(world.events) if world.plan.window.start < row.ts <= world.plan.window.as_of]
    mapped = {row["event_type"]: row for row in usage["mapped_event_types"]}
    assert usage["other_rest"]["events"] + sum(row["events"] for row in usage["other_event_types"]) == sum(
        row.event_type not in mapped for row in window
    )
    for name, row in mapped.items():
        here = [item for item in window if item.event_type == name and world.plan.segment in (None, item.segment)]
        meters = [unit.meter for unit in world.plan.candidate.units]
        uncounted = [item for item in here if not any(matches(meter, item) for meter in meters)]
        assert (row["events"], row["unmatched_events"] + row["unpooled_events"]) == (len(here), len(uncounted))
        assert row["rest"]["events"] + sum(value["events"] for value in row["values"]) == len(uncounted)


@quickly
@given(worlds())
def test_a_field_less_itself_adds_nothing_and_less_nothing_adds_all(world: World) -> None:
    def used(minus: str) -> list[Decimal]:
        units = tuple(
            replace(unit, meter=replace(unit.meter, aggregation="sum", field="minutes", minus=minus))
            for unit in world.plan.candidate.units
        )
        plan = replace(world.plan, candidate=replace(world.plan.candidate, units=units), baseline=None)
        rows = simulate_reference(plan, world.events).document["economics"]["by_unit"]
        return [present(present(row["candidate"])["metered_units"]) for row in rows]

    assert set(used("minutes")) <= {Decimal(0)}
    assert used("absent") == used("")
