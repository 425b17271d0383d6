"""What a simulation is asked: strict, complete, already past the simulation gate (spec 4.1; house: rules read a draft).

Everything is a frozen value; prices, costs and quantities are exact decimals. `simulation.documents` makes these from
plain JSON shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from simulation.numbers import decimal_places, total
from simulation.window import PERIOD_DAYS, Period, Window, days_before

OVERAGE_BEHAVIORS = ("allow_overage", "throttle", "hard_stop")
AGGREGATIONS = ("count", "sum", "distinct_count")
PRICING_MODES = ("use_unit_economics", "revenue_proxy_total", "revenue_proxy_commit")


@dataclass(frozen=True)
class Meter:
    """How events become a quantity: the event_mapping of a value unit.

    `filters` are (dimension, wanted values) pairs, sorted by dimension; a wanted value is text, compared exactly, or a
    Decimal, compared by value; any of them will do. `field` is empty for `count`.
    """

    event_type: str
    filters: tuple[tuple[str, tuple[str | Decimal, ...]], ...]
    aggregation: str
    field: str


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
class Rollover:
    """No limit where a field is None; `enabled=False` makes both irrelevant."""

    enabled: bool
    max_rollover_quantity: Decimal | None
    expires_after_days: int | None

    @property
    def periods(self) -> int | None:
        """For how many periods after its own a lot can be drawn; None for ever: (j − k) × 30 ≤ expires_after_days."""
        return None if self.expires_after_days is None else self.expires_after_days // PERIOD_DAYS


@dataclass(frozen=True)
class PoolPlan:
    """`included_quantity` is per customer and period."""

    pool_id: str
    label: str
    value_unit_id: str
    included_quantity: Decimal
    rollover: Rollover
    overage_behavior: str
    is_exploration_pool: bool


@dataclass(frozen=True)
class ExplorationPlan:
    """`expires_after_days` None: exploration never expires (a draft may leave it open)."""

    enabled: bool
    qualifying_events: tuple[str, ...]
    expires_after_days: int | None
    graduation_signal: str | None

    def latest_expired_beginning(self, moment: datetime) -> datetime | None:
        """Who first qualified before this instant has no exploration at `moment`; None when it never expires."""
        return None if self.expires_after_days is None else days_before(moment, self.expires_after_days)


@dataclass(frozen=True)
class Threshold:
    """Percent of a pool's available allowance at which the customer app acts."""

    percent: Decimal
    action: str


@dataclass(frozen=True)
class RailsPlan:
    """A draft may lack any of these; what is None is not evaluated."""

    usage_thresholds: tuple[Threshold, ...]
    monthly_spend_cap_usd: Decimal | None
    at_cap_action: str | None
    margin_floor: Decimal | None


@dataclass(frozen=True)
class ConfigPlan:
    """One config version; `pools` in position order, `units` are the pooled ones in the snapshot's order."""

    config_version_id: str
    units: tuple[UnitPlan, ...]
    pools: tuple[PoolPlan, ...]
    exploration: ExplorationPlan
    rails: RailsPlan

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

    def last_pool(self, unit: UnitPlan) -> PoolPlan:
        """The pool that the unit's overage is booked on."""
        return self.pools_of(unit)[-1]

    def included_quantity(self, unit: UnitPlan) -> Decimal:
        """What a customer commits to per period: exploration is a gift and commits to nothing."""
        return total(pool.included_quantity for pool in self.pools_of(unit) if not pool.is_exploration_pool)


@dataclass(frozen=True)
class Plan:
    """The whole question. `segment` None means all segments; `blocking_issues` are findings as plain mappings."""

    candidate: ConfigPlan
    baseline: ConfigPlan | None
    window: Window
    workspace_id: str
    segment: str | None
    pricing_mode: str = "use_unit_economics"
    include_exploration_in_results: bool = True
    primary_metrics: tuple[str, ...] = ()
    metric_lenses: tuple[str, ...] = ()
    blocking_issues: tuple[Mapping[str, Any], ...] = field(default=())

    def __post_init__(self) -> None:
        if self.pricing_mode not in PRICING_MODES:
            raise ValueError(f"pricing_mode is {self.pricing_mode!r}: allowed are {', '.join(PRICING_MODES)}")

    @property
    def periods(self) -> tuple[Period, ...]:
        return self.window.periods

    @property
    def configs(self) -> tuple[ConfigPlan, ...]:
        """Candidate, then the baseline if there is one."""
        return (self.candidate,) if self.baseline is None else (self.candidate, self.baseline)

    @property
    def meters(self) -> tuple[Meter, ...]:
        """Each distinct definition once, candidate's first: two units with the same mapping are metered together."""
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
        return self.include_exploration_in_results or not pool.is_exploration_pool
