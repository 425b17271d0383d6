"""Generated worlds: whatever the config, the events and their order, a client books what the reference fold computes.

Runs from AVS Brain's repository, with its simulation beside it. More examples: `python tests/test_worlds.py 2000`.
"""

import random
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulation.events import Event, deduplicated
from simulation.metering import metered
from simulation.numbers import EXACT
from simulation.plan import ConfigPlan, Meter, Plan
from simulation.reference import Fold, crosses
from tests.simulation.worlds import World, worlds

from avs_brain_client.members import MOST_DAYS
from brain import Brain
from ledgers import Books
from replaying import client_of, counted_elsewhere, replay

BRAIN = Brain()
NOBODY_HAS = "no event has this"
"""Stands for a filter without values, which a document cannot have: neither lets an event through."""


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds(), st.randoms(use_true_random=False))
def test_a_client_agrees_with_the_reference_fold_whatever_the_order_and_the_copies(
    world: World, chance: random.Random
) -> None:
    parity(world, chance)


def parity(world: World, chance: random.Random) -> None:
    plan = replace(world.plan, pricing_mode="use_unit_economics", include_exploration_in_results=True, baseline=None)
    workspace = [event for event in deduplicated(world.events) if event.ts <= plan.window.as_of]
    unique = [event for event in workspace if plan.segment in (None, event.segment)]
    elsewhere = [event_document(event) for event in workspace if plan.segment not in (None, event.segment)]
    sent = unique + chance.sample(unique, len(unique) // 2)
    chance.shuffle(sent)
    config, as_of, days = document_of(plan.candidate), plan.window.as_of, plan.window.days
    counters = counted_elsewhere(BRAIN, config, as_of, days, elsewhere)
    with closing(client_of(BRAIN, config, as_of, days, counters=counters)) as client:
        recorded = replay(client, [event_document(event) for event in sent])
        assert sum(item.duplicate for _, item in recorded) == len(sent) - len(unique)
        books = Books(client, {event.customer_id for event in unique}, plan.window.start, len(plan.periods))
        with localcontext(EXACT):
            assert client_side(books, plan) == reference_side(plan, unique, workspace)


def client_side(books: Books, plan: Plan) -> dict[Any, Any]:
    return {
        (name, index): (
            statement.spend_usd,
            {
                unit: (use.used, use.overage, tuple((p.pool_id, p.available, p.drawn) for p in use.pools))
                for unit, use in statement.units.items()
            },
            [t.percent for t in plan.candidate.rails.usage_thresholds if reached(statement.units.values(), t.percent)],
        )
        for name, statements in books.of.items()
        for index, statement in enumerate(statements)
    }


def reached(units: Any, percent: Decimal) -> bool:
    return any(percent in unit.reached for unit in units)


def reference_side(plan: Plan, scope: Sequence[Event], workspace: Sequence[Event]) -> dict[Any, Any]:
    config = plan.candidate
    fold = Fold(plan, config, {meter: metered(meter, scope, plan.periods) for meter in plan.meters}, scope, workspace)
    return {
        (name, period.index): (
            fold.bill(name, period.index),
            {
                unit.value_unit_id: (
                    booked.used,
                    booked.overage,
                    tuple((draw.pool.pool_id, draw.available, draw.drawn) for draw in booked.draws),
                )
                for unit, booked in fold.of_period(name, period.index)
            },
            [
                threshold.percent
                for threshold in config.rails.usage_thresholds
                if any(crosses(threshold, booked) for _, booked in fold.of_period(name, period.index))
            ],
        )
        for name in fold.customers
        for period in plan.periods
    }


def document_of(config: ConfigPlan) -> dict[str, Any]:
    """The plan as an avs_config again."""
    return {
        "config_version_id": config.config_version_id,
        "value_units": [
            {
                "value_unit_id": unit.value_unit_id,
                "event_mapping": mapping_of(unit.meter),
                "unit_economics": {"target_price_per_unit_usd": unit.target_price_per_unit_usd},
            }
            for unit in config.units
        ],
        "pools": [
            {
                "pool_id": pool.pool_id,
                "value_unit_id": pool.value_unit_id,
                "included_quantity": pool.included_quantity,
                "rollover": deliverable(pool.rollover),
                "overage_behavior": pool.overage_behavior,
                "is_exploration_pool": pool.is_exploration_pool,
            }
            for pool in config.pools
        ],
        "exploration": deliverable(config.exploration),
        "rails": {
            "usage_thresholds": [{"percent": t.percent, "action": t.action} for t in config.rails.usage_thresholds],
            "monthly_spend_cap_usd": config.rails.monthly_spend_cap_usd,
            "at_cap_action": config.rails.at_cap_action,
        },
    }


def deliverable(rule: Any) -> dict[str, Any]:
    """The fields of a rule; days as many as a document has at most, which is as good as never in these worlds."""
    fields = {name: getattr(rule, name) for name in rule.__dataclass_fields__}
    days = fields["expires_after_days"]
    return {**fields, "expires_after_days": None if days is None else min(days, MOST_DAYS)}


def mapping_of(meter: Meter) -> dict[str, Any]:
    named = {"field": meter.field, "minus": meter.minus}
    aggregation = {"type": meter.aggregation, **{name: field for name, field in named.items() if field}}
    filters = {name: values or NOBODY_HAS for name, values in meter.filters}
    return {"event_type": meter.event_type, "filters": filters, "aggregation": aggregation}


def event_document(event: Event) -> dict[str, Any]:
    fields = {name: getattr(event, name) for name in event.__dataclass_fields__ if name != "dimensions"}
    return {**fields, **event.dimensions}


if __name__ == "__main__":
    thorough = settings(max_examples=int(sys.argv[1]), deadline=None, suppress_health_check=list(HealthCheck))
    thorough(given(worlds(), st.randoms(use_true_random=False))(parity))()
