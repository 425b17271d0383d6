"""The reference rendering: a plain fold over the events, to be read as the specification itself (spec 4).

Slow and clear. `simulation.engine.simulate` answers the same question from columns, to the same bytes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from functools import cached_property

from simulation.billing import Accounts, Side, accounts, applied, bill_impact, first_period, over_cap, plan_tally
from simulation.draw import UnitPeriod, draw_down
from simulation.events import Event, deduplicated
from simulation.metering import CustomerPeriod, metered, period_of, summed, unreadable
from simulation.money import charged, counted, shortfall
from simulation.numbers import EXACT, total
from simulation.plan import ConfigPlan, ExplorationPlan, Meter, Plan, PoolPlan, Threshold, UnitPlan
from simulation.result import Outputs, assemble
from simulation.tally import (
    CapCrossing,
    ConfigTally,
    Crossing,
    ExplorationTally,
    MeterIssues,
    MissingValue,
    NegativeUse,
    Tally,
    UnreadableValue,
    check_magnitude,
    first_crossings,
)
from simulation.unmatched import coverage

Quantities = Mapping[CustomerPeriod, Decimal]


def simulate_reference(plan: Plan, events: Iterable[Event]) -> Outputs:
    """Answer the plan from one workspace's events, given in any order, duplicates included."""
    with localcontext(EXACT):
        return assemble(plan, tally(plan, [e for e in deduplicated(events) if e.ts <= plan.window.as_of]))


def tally(plan: Plan, workspace: Sequence[Event]) -> Tally:
    """The sums and counts of the plan, from the workspace's unique events up to as_of, history included."""
    scope = [e for e in workspace if plan.segment in (None, e.segment)]
    quantities = {meter: metered(meter, scope, plan.periods) for meter in plan.meters}
    used = {meter: total(max(q, Decimal(0)) for q in by_customer.values()) for meter, by_customer in quantities.items()}
    check_magnitude(plan, used)
    folds = [Fold(plan, config, quantities, scope, workspace) for config in plan.configs]
    return Tally(
        candidate=folds[0].tally(),
        baseline=folds[1].tally() if plan.baseline else None,
        impact=bill_impact(*(fold.side for fold in folds)) if plan.baseline else None,
        issues={meter: issues(meter, quantities[meter], scope, plan) for meter in plan.meters},
        coverage=coverage(
            plan.candidate,
            [e for e in scope if period_of(e, plan.periods) is not None],
            [e for e in workspace if period_of(e, plan.periods) is not None],
        ),
    )


class Fold:
    """The fold of the events under one config: what each customer used, drew and pays, period by period.

    `scope` are the events of the segment, `workspace` those of all segments: a customer begins to explore in any.
    """

    def __init__(
        self,
        plan: Plan,
        config: ConfigPlan,
        quantities: Mapping[Meter, Quantities],
        scope: Sequence[Event],
        workspace: Sequence[Event],
    ) -> None:
        self.plan, self.config, self.quantities, self.scope, self.workspace = plan, config, quantities, scope, workspace

    def used(self, customer: str, unit: UnitPlan, period: int) -> Decimal:
        """The units used in a period, at least 0: a negative sum counts as 0 and is a data issue."""
        return max(self.quantities[unit.meter].get((customer, period), Decimal(0)), Decimal(0))

    @cached_property
    def customers(self) -> list[str]:
        """The customers who used anything of this config in the window: they have every pool in every period."""
        return sorted(
            {
                customer
                for unit in self.config.units
                for (customer, _), quantity in self.quantities[unit.meter].items()
                if quantity > 0
            }
        )

    @cached_property
    def users(self) -> frozenset[str]:
        """The customers, to look one up."""
        return frozenset(self.customers)

    @cached_property
    def beginnings(self) -> dict[str, datetime]:
        """Each customer's first qualifying event up to as_of: in any segment, history before the window included."""
        first: dict[str, datetime] = {}
        for event in self.qualifying(self.workspace):
            first[event.customer_id] = min(event.ts, first.get(event.customer_id, event.ts))
        return first

    def qualifying(self, events: Iterable[Event]) -> list[Event]:
        """Those of the events that begin exploration."""
        rule = self.config.exploration
        return [event for event in events if rule.enabled and event.event_type in rule.qualifying_events]

    @cached_property
    def beginners(self) -> dict[str, datetime]:
        """The beginnings of the segment's customers: who used a unit in it, or has a qualifying event there."""
        here = {event.customer_id for event in self.qualifying(self.scope)}.union(self.customers)
        return {customer: first for customer, first in self.beginnings.items() if customer in here}

    @cached_property
    def booked(self) -> dict[tuple[str, str], tuple[UnitPeriod, ...]]:
        """The draw-down of every customer and unit, per period."""
        return {
            (customer, unit.value_unit_id): draw_down(
                self.config.pools_for(unit, customer),
                [self.used(customer, unit, period.index) for period in self.plan.periods],
                [
                    explores(self.config.exploration, self.beginnings.get(customer), period.start)
                    for period in self.plan.periods
                ],
            )
            for customer in self.customers
            for unit in self.config.units
        }

    def of_period(self, customer: str, period: int) -> list[tuple[UnitPlan, UnitPeriod]]:
        """Each unit with what the customer used of it in the period."""
        return [(unit, self.booked[customer, unit.value_unit_id][period]) for unit in self.config.units]

    def bill(self, customer: str, period: int) -> Decimal:
        """The revenue of one customer and period, in USD."""
        billed = self.plan.billed_units(self.config)
        return total(
            unit.target_price_per_unit_usd * charged(self.plan, booked)
            for unit, booked in self.of_period(customer, period)
            if unit in billed
        )

    def cost(self, customer: str, period: int) -> Decimal:
        """The cost to serve one customer in one period, in USD."""
        billed = self.plan.billed_units(self.config)
        return total(
            unit.avg_cost_per_unit_usd * counted(self.plan, booked)
            for unit, booked in self.of_period(customer, period)
            if unit in billed
        )

    @cached_property
    def bills(self) -> dict[str, Decimal]:
        """Each customer's bill for the whole window."""
        if self.accounts is not None:
            return {customer: account.amount for customer, account in self.accounts.items()}
        return {c: total(self.bill(c, period.index) for period in self.plan.periods) for c in self.customers}

    @property
    def side(self) -> Side:
        """What the bills are compared by."""
        return Side(self.bills, self.accounts)

    @cached_property
    def accounts(self) -> Accounts | None:
        """The accounts of all who are billed by a price plan; None where none applies."""
        price_plan = applied(self.plan, self.config)
        if price_plan is None:
            return None
        first = {customer: first_period(self.plan, ts) for customer, ts in first_events(self.scope).items()}
        overage = {
            (customer, period.index): self.overage(customer, period.index)
            for customer in self.customers
            for period in self.plan.periods
        }
        return accounts(self.plan, self.config, price_plan, first, overage)

    def overage(self, customer: str, period: int) -> dict[str, Decimal]:
        """The overage of each unit, in units."""
        return {unit.value_unit_id: booked.overage for unit, booked in self.of_period(customer, period)}

    def tally(self) -> ConfigTally:
        """The sums and counts over all customers."""
        units, plan, config = self.config.units, self.plan, self.config
        payers, price_plan = self.accounts, self.config.price_plan
        indexes = range(len(plan.periods))
        rows = {
            unit: [[self.booked[customer, unit.value_unit_id][k] for customer in self.customers] for k in indexes]
            for unit in units
        }
        return ConfigTally(
            customers=len(self.customers),
            used={u.value_unit_id: tuple(total(b.used for b in rows[u][k]) for k in indexes) for u in units},
            overage={u.value_unit_id: tuple(total(b.overage for b in rows[u][k]) for k in indexes) for u in units},
            shortfall={
                u.value_unit_id: tuple(total(shortfall(plan, b) for b in rows[u][k]) for k in indexes) for u in units
            },
            drawn={
                pool.pool_id: tuple(total(b.draws[at].drawn for b in rows[unit][k]) for k in indexes)
                for unit in units
                for at, pool in enumerate(config.pools_of(unit))
            },
            presence=Counter(map(self.presence, self.customers)),
            thresholds=tuple(map(self.crossing, config.rails.usage_thresholds)),
            billed_over_cap=self.over_cap(self.bill) if payers is None else over_cap(plan, config, payers),
            cost_over_cap=self.over_cap(self.cost),
            exploration=self.exploration(),
            plan=None if payers is None or price_plan is None else plan_tally(plan, config, price_plan, payers),
        )

    def presence(self, customer: str) -> tuple[int, int]:
        """The periods in which the customer used anything, and those in which they were served, as bit masks."""
        used = served = 0
        for period in self.plan.periods:
            active = [(u, b) for u, b in self.of_period(customer, period.index) if b.used > 0]
            used |= bool(active) << period.index
            served |= any(not stopped(self.config.last_pool(u), b) for u, b in active) << period.index
        return used, served

    def crossing(self, threshold: Threshold) -> Crossing:
        """The customers whose use of any unit reaches the threshold."""
        hits = [
            (customer, period.index)
            for customer in self.customers
            for period in self.plan.periods
            if any(crosses(threshold, booked) for _, booked in self.of_period(customer, period.index))
        ]
        return first_crossings(hits, self.plan)

    def over_cap(self, amount: Callable[[str, int], Decimal]) -> CapCrossing:
        """The customers whose amount, in USD of one period, is above the monthly spend cap."""
        cap = self.config.rails.monthly_spend_cap_usd
        amounts = {(c, p.index): amount(c, p.index) for c in self.customers for p in self.plan.periods}
        hits = [key for key, value in amounts.items() if cap is not None and value > cap]
        crossing = first_crossings(hits, self.plan)
        return CapCrossing(
            crossing.by_period, crossing.first, len(hits), largest=max(amounts.values(), default=Decimal(0))
        )

    def exploration(self) -> ExplorationTally:
        """The qualifying events, and how many customers began, graduated and expired (spec 4.2, 5)."""
        rule, as_of = self.config.exploration, self.plan.window.as_of
        events = [e for e in self.scope if rule.enabled and period_of(e, self.plan.periods) is not None]
        graduates = {customer for customer in self.beginners if self.graduated(customer)}
        return ExplorationTally(
            events={name: sum(e.event_type == name for e in events) for name in rule.qualifying_events},
            began=len(self.beginners),
            graduated=len(graduates),
            expired=sum(not explores(rule, first, as_of) for c, first in self.beginners.items() if c not in graduates),
            consumers={
                pool.pool_id: len({c for c in self.customers if self.consumed(c, pool)})
                for pool in self.config.pools
                if pool.is_exploration_pool
            },
        )

    def consumed(self, customer: str, pool: PoolPlan) -> bool:
        """Whether the customer drew anything from the pool in the window."""
        return any(
            draw.drawn > 0
            for booked in self.booked[customer, pool.value_unit_id]
            for draw in booked.draws
            if draw.pool.pool_id == pool.pool_id
        )

    def graduated(self, customer: str) -> bool:
        """Whether the customer used a unit beyond exploration in a period after the one they began in.

        Units without any other pool do not count.
        """
        return customer in self.users and any(
            booked.used > booked.explored and not self.config.last_pool(unit).is_exploration_pool
            for period in self.plan.periods
            if period.start >= self.beginnings[customer]
            for unit, booked in self.of_period(customer, period.index)
        )


def first_events(events: Iterable[Event]) -> dict[str, datetime]:
    """Each customer's first event of any type."""
    first: dict[str, datetime] = {}
    for event in events:
        first[event.customer_id] = min(event.ts, first.get(event.customer_id, event.ts))
    return first


def explores(rule: ExplorationPlan, first: datetime | None, moment: datetime) -> bool:
    """Whether exploration pools give to a customer at `moment`; they do to one who has not begun."""
    cutoff = rule.latest_expired_beginning(moment)
    return rule.enabled and (first is None or cutoff is None or first >= cutoff)


def stopped(last_pool: PoolPlan, booked: UnitPeriod) -> bool:
    """Whether a hard stop ended the unit's use in this period: the customer wanted more than the pools had."""
    return last_pool.overage_behavior == "hard_stop" and booked.overage > 0


def crosses(threshold: Threshold, booked: UnitPeriod) -> bool:
    """Whether any use of the unit reaches the percentage of a pool's allowance; a pool without allowance has none."""
    last = booked.draws[-1]
    amounts = [(draw.available, draw.drawn + (booked.overage if draw is last else 0)) for draw in booked.draws]
    return any(available > 0 < used and used * 100 >= threshold.percent * available for available, used in amounts)


def issues(meter: Meter, quantities: Quantities, scope: Iterable[Event], plan: Plan) -> MeterIssues:
    """The issues of a meter: events that add nothing by (ts, event_id), sums below zero by (customer, period)."""
    events = [e for e in scope if period_of(e, plan.periods) is not None and summed(meter, e)]
    ordered = sorted(events, key=lambda e: (e.ts, e.event_id))
    wrong = [e for e in ordered if unreadable(meter, e) is not None]
    missing = [e for e in ordered if e.text(meter.field) is None and unreadable(meter, e) is None]
    negative = sorted((key, quantity) for key, quantity in quantities.items() if quantity < 0)
    return MeterIssues(
        events=len(events),
        unreadable=len(wrong),
        unreadable_examples=tuple(
            UnreadableValue(e.event_id, e.ts, e.customer_id, unreadable(meter, e) or "") for e in wrong[:3]
        ),
        missing=len(missing),
        missing_examples=tuple(MissingValue(e.event_id, e.ts, e.customer_id) for e in missing[:3]),
        negative=len(negative),
        negative_examples=tuple(NegativeUse(*key, quantity) for key, quantity in negative[:3]),
    )
