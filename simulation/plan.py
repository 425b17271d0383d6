"""The question that a simulation answers: strict, complete, already past the simulation gate (spec 4.1).

Rules read a draft, where every field may be absent; here nothing is that the gate requires. Everything is a frozen
value; prices, costs and quantities are exact decimals. `simulation.documents` makes these from plain JSON shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from simulation.canonical import Json
from simulation.numbers import decimal_places, total
from simulation.price_plan import PricePlan
from simulation.window import PERIOD_DAYS, Period, Window, days_before

OVERAGE_BEHAVIORS = ("allow_overage", "throttle", "hard_stop")
AGGREGATIONS = ("count", "sum", "distinct_count")
PRICING_MODES = ("use_unit_economics", "revenue_proxy_total", "revenue_proxy_commit")


@dataclass(frozen=True)
class Meter:
    """The event_mapping of a value unit: which events count, and how they become a quantity.

    `filters` are (dimension, values) pairs, sorted by dimension; an event passes when its dimension has one of the
    values. A text is compared exactly, a Decimal by value. `field` is empty for `count`. A sum adds up `field` less
    `minus`, which is empty where nothing is taken off.
    """

    event_type: str
    filters: tuple[tuple[str, tuple[str | Decimal, ...]], ...]
    aggregation: str
    field: str
    minus: str = ""

    @property
    def added(self) -> tuple[str, ...]:
        """The fields whose numbers a sum works on: `field`, and `minus` where there is one."""
        return tuple(filter(None, (self.field, self.minus)))


@dataclass(frozen=True)
class UnitPlan:
    """A pooled value unit; cost and price are USD per unit, ≥ 0."""

    value_unit_id: str
    name: str
    meter: Meter
    avg_cost_per_unit_usd: Decimal
    target_price_per_unit_usd: Decimal
    has_quality_signal: bool


@dataclass(frozen=True)
class UnpooledUnit:
    """A value unit of the snapshot that no pool counts: what it would meter is not in the results."""

    value_unit_id: str
    meter: Meter


@dataclass(frozen=True)
class Rollover:
    """The limits of carrying an allowance on, in units and in days; None is no limit. Irrelevant unless enabled."""

    enabled: bool
    max_rollover_quantity: Decimal | None
    expires_after_days: int | None

    @property
    def periods(self) -> int | None:
        """The periods after its own in which a lot can be drawn, (j − k) × 30 ≤ expires_after_days; None is no end."""
        return None if self.expires_after_days is None else self.expires_after_days // PERIOD_DAYS


@dataclass(frozen=True)
class PoolPlan:
    """One pool; `included_quantity` is in units per customer and period."""

    pool_id: str
    label: str
    value_unit_id: str
    included_quantity: Decimal
    rollover: Rollover
    overage_behavior: str
    is_exploration_pool: bool


@dataclass(frozen=True)
class ExplorationPlan:
    """The exploration rule; it never expires where `expires_after_days` is None, as a draft may leave it."""

    enabled: bool
    qualifying_events: tuple[str, ...]
    expires_after_days: int | None
    graduation_signal: str | None

    def latest_expired_beginning(self, moment: datetime) -> datetime | None:
        """The instant before which a customer must have first qualified to have no exploration left at `moment`.

        None when exploration never expires.
        """
        return None if self.expires_after_days is None else days_before(moment, self.expires_after_days)


@dataclass(frozen=True)
class Threshold:
    """The percent of a pool's available allowance at which the customer app takes an action."""

    percent: Decimal
    action: str


@dataclass(frozen=True)
class RailsPlan:
    """The rails; a draft may lack any of them, and what is None is not evaluated."""

    usage_thresholds: tuple[Threshold, ...]
    monthly_spend_cap_usd: Decimal | None
    at_cap_action: str | None
    margin_floor: Decimal | None


@dataclass(frozen=True)
class ConfigPlan:
    """One config version; `pools` in position order, `units` are the pooled ones in the snapshot's order.

    `unpooled` are the snapshot's other units, as far as their mappings can be metered.
    """

    config_version_id: str
    units: tuple[UnitPlan, ...]
    pools: tuple[PoolPlan, ...]
    exploration: ExplorationPlan
    rails: RailsPlan
    unpooled: tuple[UnpooledUnit, ...] = ()
    price_plan: PricePlan | None = None

    def __post_init__(self) -> None:
        pool_ids, unit_ids = [p.pool_id for p in self.pools], [u.value_unit_id for u in self.units]
        if len(set(pool_ids)) < len(pool_ids) or len(set(unit_ids)) < len(unit_ids):
            raise ValueError(f"{self.config_version_id}: pool ids and unit ids must be unique")
        if {pool.value_unit_id for pool in self.pools} != set(unit_ids):
            raise ValueError(f"{self.config_version_id}: its units must be exactly those that its pools name")

    def pools_of(self, unit: UnitPlan) -> tuple[PoolPlan, ...]:
        """The unit's pools in the order in which they are drawn: exploration first, then by position (spec 4.2, 3)."""
        own = [pool for pool in self.pools if pool.value_unit_id == unit.value_unit_id]
        return tuple(sorted(own, key=lambda pool: not pool.is_exploration_pool))

    def pools_for(self, unit: UnitPlan, customer_id: str) -> tuple[PoolPlan, ...]:
        """The unit's pools in draw order, with the allowances of the customer's contract where one states them."""
        included = {} if self.price_plan is None else self.price_plan.terms_of(customer_id).included
        return tuple(
            replace(pool, included_quantity=included[pool.pool_id]) if pool.pool_id in included else pool
            for pool in self.pools_of(unit)
        )

    def contract_quantities(self, pool: PoolPlan) -> dict[str, Decimal]:
        """The included quantity of each customer whose contract states another one than the pool."""
        contracts = {} if self.price_plan is None else self.price_plan.overrides
        return {
            customer: terms.included[pool.pool_id]
            for customer, terms in contracts.items()
            if pool.pool_id in terms.included
        }

    def last_pool(self, unit: UnitPlan) -> PoolPlan:
        """The pool that the unit's overage is booked on."""
        return self.pools_of(unit)[-1]

    def included_quantity(self, unit: UnitPlan) -> Decimal:
        """The units that a customer commits to per period; exploration is a gift and commits to nothing."""
        return total(pool.included_quantity for pool in self.pools_of(unit) if not pool.is_exploration_pool)


@dataclass(frozen=True)
class Plan:
    """The whole question, about all segments where `segment` is None; `blocking_issues` are findings as mappings."""

    candidate: ConfigPlan
    baseline: ConfigPlan | None
    window: Window
    workspace_id: str
    segment: str | None
    pricing_mode: str = "use_unit_economics"
    include_exploration_in_results: bool = True
    primary_metrics: tuple[str, ...] = ()
    metric_lenses: tuple[str, ...] = ()
    blocking_issues: tuple[Mapping[str, Json], ...] = field(default=())

    def __post_init__(self) -> None:
        if self.pricing_mode not in PRICING_MODES:
            raise ValueError(f"pricing_mode is {self.pricing_mode!r}: allowed are {', '.join(PRICING_MODES)}")

    @property
    def periods(self) -> tuple[Period, ...]:
        return self.window.periods

    @property
    def configs(self) -> tuple[ConfigPlan, ...]:
        """The candidate, then the baseline if there is one."""
        return (self.candidate,) if self.baseline is None else (self.candidate, self.baseline)

    @property
    def meters(self) -> tuple[Meter, ...]:
        """The distinct meters, the candidate's first: units with equal mappings are metered together."""
        return tuple(dict.fromkeys(unit.meter for config in self.configs for unit in config.units))

    @property
    def money_places(self) -> int:
        """Decimal places that are enough for every price, cost and cap."""
        units = [unit for config in self.configs for unit in config.units]
        caps = [config.rails.monthly_spend_cap_usd or Decimal(0) for config in self.configs]
        prices = [unit.target_price_per_unit_usd for unit in units]
        return max(map(decimal_places, [*caps, *prices, *(unit.avg_cost_per_unit_usd for unit in units)]))

    def billed_units(self, config: ConfigPlan) -> tuple[UnitPlan, ...]:
        """The units of the results: all, or those with a pool that is no exploration pool (spec 4.2, 4)."""
        return tuple(unit for unit in config.units if self.bills_pool(config.last_pool(unit)))

    def bills_pool(self, pool: PoolPlan) -> bool:
        """Whether the pool is part of the results (spec 4.2, 4)."""
        return self.include_exploration_in_results or not pool.is_exploration_pool
