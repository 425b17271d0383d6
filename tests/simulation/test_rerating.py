"""Use already made, at new terms and at today's: the columns count whom the plain fold finds."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulation import engine
from simulation.documents import config_plan
from simulation.events import deduplicated, event
from simulation.limits import REFUSING, SLOWING, AbsoluteCap, Rerated
from simulation.metering import metered
from simulation.numbers import EXACT, total
from simulation.plan import ConfigPlan, Plan
from simulation.reference import Fold, crosses
from simulation.window import Window
from tests.simulation.worlds import AS_OF, World, arrow, worlds

Caps = tuple[AbsoluteCap, ...]


def counted(plan: Plan, world: World, caps: tuple[Caps, ...]) -> Rerated:
    with engine.open_arrow(arrow(world.shuffled), threads=world.threads) as table:
        return engine.rerate(plan, caps, table)


class Standing:
    """One customer under one config at the end of the plan's last period, by the plain fold."""

    def __init__(self, fold: Fold, customer: str, caps: Caps) -> None:
        self.fold, self.customer, self.caps = fold, customer, caps
        self.last = fold.plan.periods[-1].index
        self.known = customer in fold.customers
        self.bill = fold.bill(customer, self.last) if self.known else Decimal(0)

    def over_cap(self, actions: tuple[str, ...]) -> bool:
        rails = self.fold.config.rails
        cap = rails.monthly_spend_cap_usd
        return cap is not None and rails.at_cap_action in actions and self.bill > cap

    def limited(self, actions: tuple[str, ...], behavior: str) -> bool:
        if not self.known:
            return False
        config = self.fold.config
        for unit, booked in self.fold.of_period(self.customer, self.last):
            if booked.overage > 0 and config.last_pool(unit).overage_behavior == behavior:
                return True
            if any(
                cap.action in actions and cap.value_unit_id == unit.value_unit_id and booked.used > cap.max_quantity
                for cap in self.caps
            ):
                return True
            if actions == REFUSING and self.beyond_a_share(booked.used, sum(draw.available for draw in booked.draws)):
                return True
        return self.over_cap(actions)

    def beyond_a_share(self, used: Decimal, allowance: Decimal | int) -> bool:
        refusing = [limit for limit in self.fold.config.rails.usage_thresholds if limit.action in REFUSING]
        return allowance > 0 and any(used * 100 > limit.percent * allowance for limit in refusing)

    @property
    def refused(self) -> bool:
        return self.limited(REFUSING, "hard_stop")

    @property
    def slowed(self) -> bool:
        if self.limited(SLOWING, "throttle"):
            return True
        slowing = [limit for limit in self.fold.config.rails.usage_thresholds if limit.action in SLOWING]
        return self.known and any(
            crosses(threshold, booked)
            for threshold in slowing
            for _, booked in self.fold.of_period(self.customer, self.last)
        )


def folded(plan: Plan, world: World, caps: tuple[Caps, ...]) -> Rerated:
    workspace = [item for item in deduplicated(world.events) if item.ts <= plan.window.as_of]
    scope = [item for item in workspace if plan.segment in (None, item.segment)]
    quantities = {meter: metered(meter, scope, plan.periods) for meter in plan.meters}
    folds = [Fold(plan, config, quantities, scope, workspace) for config in plan.configs]
    last = plan.periods[-1].index
    of_the_period = [
        customer
        for customer in folds[0].customers
        if any(booked.used > 0 for _, booked in folds[0].of_period(customer, last))
    ]
    rows = [
        [Standing(fold, customer, own) for fold, own in zip(folds, caps, strict=True)] for customer in of_the_period
    ]
    before = [row[1] if len(row) > 1 else None for row in rows]
    pairs = [(row[0], was) for row, was in zip(rows, before, strict=True)]
    newly = [(new, was) for new, was in pairs if was is None or not was.refused]
    return Rerated(
        refused=sum(new.refused for new, _ in newly),
        over_cap=sum(new.over_cap(REFUSING) for new, _ in newly),
        slowed=sum(new.slowed and not new.refused and (was is None or not was.slowed) for new, was in newly),
        billed_more=sum(new.bill > (was.bill if was else 0) for new, was in pairs),
        bill_today_usd=total(fold.bill(name, last) for fold in folds[1:] for name in fold.customers),
        bill_usd=total(folds[0].bill(name, last) for name in folds[0].customers),
    )


def railed(config: ConfigPlan, at_cap: str | None, slowing: bool) -> ConfigPlan:
    """The config with an action at its spend cap, and with thresholds that throttle where they would warn."""
    thresholds = tuple(
        replace(limit, action="throttle" if slowing and limit.action == "warn" else limit.action)
        for limit in config.rails.usage_thresholds
    )
    return replace(config, rails=replace(config.rails, at_cap_action=at_cap, usage_thresholds=thresholds))


def test_a_price_that_doubles_takes_a_customer_over_the_cap_who_was_below_it() -> None:
    day = AS_OF - timedelta(days=1)
    use = event(
        {
            "event_id": "e", "ts": day, "event_type": "render", "workspace_id": "ws_1", "customer_id": "cust_1",
            "segment": "smb", "minutes": 400,
        }
    )  # fmt: skip
    plan = Plan(priced(2), priced(1), Window(AS_OF, 30), "ws_1", "smb")
    with engine.open_arrow(arrow([use])) as table:
        found = engine.rerate(plan, ((), ()), table)
    assert found == Rerated(refused=1, over_cap=1, billed_more=1, bill_today_usd=Decimal(400), bill_usd=Decimal(800))


def priced(price: int) -> ConfigPlan:
    """A config without allowance that blocks at 500 USD."""
    return config_plan(
        {
            "config_version_id": f"cfg_{price}",
            "value_units": [
                {
                    "value_unit_id": "vu_a",
                    "event_mapping": {"event_type": "render", "aggregation": {"type": "sum", "field": "minutes"}},
                    "unit_economics": {"avg_cost_per_unit_usd": 0, "target_price_per_unit_usd": price},
                }
            ],
            "pools": [
                {
                    "pool_id": "pool",
                    "value_unit_id": "vu_a",
                    "included_quantity": 0,
                    "overage_behavior": "allow_overage",
                }
            ],
            "rails": {"monthly_spend_cap_usd": 500, "at_cap_action": "block"},
        }
    )


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds(), st.integers(0, 20), st.sampled_from([None, "block", "require_approval", "throttle"]), st.booleans())
def test_the_columns_count_whom_the_fold_finds(world: World, most: int, at_cap: str | None, slowing: bool) -> None:
    candidate = railed(world.plan.candidate, at_cap, slowing)
    baseline = world.plan.baseline and railed(world.plan.baseline, at_cap, not slowing)
    plan = Plan(candidate, baseline, world.plan.window, world.plan.workspace_id, world.plan.segment)
    unit = plan.candidate.units[0].value_unit_id
    caps: tuple[Caps, ...] = ((AbsoluteCap(unit, Decimal(most), "block"),), ())[: len(plan.configs)]
    with localcontext(EXACT):
        assert counted(plan, world, caps) == folded(plan, world, caps)
