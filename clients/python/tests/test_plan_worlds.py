"""Generated worlds by a price plan: a client bills what AVS Brain's simulation samples, period by period.

Runs from AVS Brain's repository, with its simulation beside it.
"""

from contextlib import closing
from dataclasses import replace
from decimal import localcontext
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.price_plan import normalised
from simulation.events import deduplicated
from simulation.metering import metered
from simulation.numbers import EXACT
from simulation.plan import Plan
from simulation.price_plan import price_plan
from simulation.sample_bills import Use, bills
from simulation.window import Window
from tests.simulation.worlds import World, worlds

from avs_brain_client import Client
from avs_brain_client.clock import microseconds
from avs_brain_client.periods import FixedCalendar
from brain import Brain
from replaying import client_of, counted_elsewhere, replay
from test_plan_properties import CONTRACT, PRICE, QUANTITY
from test_worlds import document_of, event_document

BRAIN = Brain()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds(), st.data())
def test_a_client_bills_what_the_simulation_samples(world: World, data: st.DataObject) -> None:
    config = world.plan.candidate
    stored = data.draw(plans_of([unit.value_unit_id for unit in config.units], [pool.pool_id for pool in config.pools]))
    plan = replace(
        world.plan,
        candidate=replace(config, price_plan=price_plan(stored)),
        baseline=None,
        pricing_mode="use_unit_economics",
        include_exploration_in_results=True,
    )
    workspace = [event for event in deduplicated(world.events) if event.ts <= plan.window.as_of]
    scope = [event for event in workspace if plan.segment in (None, event.segment)]
    elsewhere = [event_document(event) for event in workspace if plan.segment not in (None, event.segment)]
    document = {**document_of(config), **({} if stored is None else {"rating_agility": {"price_plan": stored}})}
    as_of, days = plan.window.as_of, plan.window.days
    counters = counted_elsewhere(BRAIN, document_of(config), as_of, days, elsewhere)
    with closing(client_of(BRAIN, document, as_of, days, counters=counters)) as client, localcontext(EXACT):
        replay(client, [event_document(event) for event in scope])
        for index, period in enumerate(plan.periods):
            window = Window(as_of=period.end, days=30 * (index + 1))
            sampled = bills_of(replace(plan, window=window), workspace, scope)
            for customer, bill in sampled.items():
                if stored is None or pays_since(client, customer, plan) == first_period(plan, scope, customer):
                    assert client.usage(customer, at=period.end).spend_usd == bill


def plans_of(units: list[str], pools: list[str]) -> st.SearchStrategy[Any]:
    """Price plans that name these units and pools, with a contract of a customer of the worlds, or none."""
    prices = st.dictionaries(st.sampled_from(units), PRICE).map(
        lambda by_unit: [{"value_unit_id": name, **price} for name, price in by_unit.items()]
    )
    members = {**CONTRACT, "unit_prices": prices}
    own = {**members, "included_quantity": st.dictionaries(st.sampled_from(pools), QUANTITY)}
    override = st.fixed_dictionaries({"customer_id": st.just("cust_1")}, optional=own)
    whole = st.fixed_dictionaries({"overrides": st.lists(override, max_size=1)}, optional=members)
    return whole.map(normalised)


def bills_of(plan: Plan, workspace: list[Any], scope: list[Any]) -> dict[str, Any]:
    """The bills of the last period of the plan's window, by customer."""
    known = [event for event in scope if event.ts <= plan.window.as_of]
    rule = plan.candidate.exploration
    qualifying = [
        event
        for event in workspace
        if rule.enabled and event.event_type in rule.qualifying_events and event.ts <= plan.window.as_of
    ]
    quantities = {meter: metered(meter, known, plan.periods) for meter in plan.meters}
    use = Use(quantities, first_of(known), first_of(qualifying))
    return {bill.customer_id: sum(bill.lines.values()) for bill in bills(plan, use)}


def first_of(events: list[Any]) -> dict[str, Any]:
    return {event.customer_id: event.ts for event in sorted(events, key=lambda event: event.ts, reverse=True)}


def pays_since(client: Client, customer: str, plan: Plan) -> int | None:
    """The period of the window from which a client bills: that of the first use; None for who used nothing."""
    calendar = FixedCalendar(microseconds(plan.window.start))
    keys = (key for periods in client.account(customer).used.values() for key in periods)
    return min((max(calendar.number_of(key) or 0, 0) for key in keys), default=None)


def first_period(plan: Plan, scope: list[Any], customer: str) -> int:
    first = first_of(scope)[customer]
    return next((period.index for period in plan.periods if first <= period.end), 0)
