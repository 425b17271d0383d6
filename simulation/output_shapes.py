"""The shapes of the outputs of a simulation, as spec 4.3 lists them: names, kinds and what may be null.

Amounts are USD, quantities value units, a margin a share of the revenue; all of them exact and rounded to six decimal
places. Moments are texts. `candidate`, `baseline` and `delta` are null where there is nothing to compare.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NotRequired, TypedDict

from simulation.canonical import Json, JsonObject
from simulation.plan_shapes import LinesRow, PlannedOutputs
from simulation.window_shapes import PeriodFields, WindowFields

RiskEntry = JsonObject
"""`code` and `detail`, and beside them, under canonical field names, the record and the numbers it is about."""


class AmountsRow(TypedDict):
    """Revenue, cost and margin of one config; with `no_revenue` the margin is a number, but no ratio of anything."""

    revenue_usd: Decimal
    cost_usd: Decimal
    margin: Decimal
    no_revenue: bool


class AmountsDelta(TypedDict):
    """Candidate − baseline, rounded after subtracting."""

    revenue_usd: Decimal
    cost_usd: Decimal
    margin: Decimal


class Comparison(TypedDict):
    """The amounts of both configs and their difference."""

    candidate: AmountsRow | None
    baseline: AmountsRow | None
    delta: AmountsDelta | None


class PeriodRow(PeriodFields, Comparison):
    """An entry of `economics.by_period`."""


class PoolRow(Comparison):
    """An entry of `economics.by_pool`; the ids of what a price plan bills beside pools are null."""

    pool_id: str | None
    value_unit_id: str | None


class UnitAmounts(AmountsRow):
    """`metered_units` is what the events add up to, whoever drew it; `total_units` what counts in the results.

    Both are null of a price plan.
    """

    metered_units: Decimal | None
    total_units: Decimal | None


class UnitRow(TypedDict):
    """An entry of `economics.by_unit`; the id of what a price plan bills beside units is null."""

    value_unit_id: str | None
    name: str
    candidate: UnitAmounts | None
    baseline: UnitAmounts | None
    delta: AmountsDelta | None


class Economics(Comparison):
    """`outputs.economics`: the headline, and the same three columns in every cut."""

    by_period: list[PeriodRow]
    by_pool: list[PoolRow]
    by_unit: list[UnitRow]


class PoolBreakdownRow(TypedDict):
    """An entry of `outputs.pool_breakdown`; `included_units` were drawn from the pool's allowance.

    Of what a price plan bills beside pools only the label and the amounts are there.
    """

    pool_id: str | None
    label: str
    value_unit_id: str | None
    is_exploration_pool: bool | None
    overage_behavior: str | None
    total_units: Decimal | None
    included_units: Decimal | None
    overage_units: Decimal | None
    cost_usd: Decimal
    revenue_usd: Decimal


class FirstCrossingRow(TypedDict):
    """A customer and the first period in which they cross a limit."""

    customer_id: str
    period_index: int


class Crossings(TypedDict):
    """Customers who cross a limit for the first time: how many in each period of the window, and the first twenty."""

    by_period: list[int]
    first_crossings: list[FirstCrossingRow]


class ThresholdForecast(Crossings):
    """One usage threshold; `percent` is of a pool's available allowance, `first_period` null when nobody crosses."""

    percent: Decimal
    action: str
    customers: int
    first_period: PeriodFields | None


class SpendCapForecast(Crossings):
    """The monthly spend cap: what happens there, how often and how far it is exceeded."""

    monthly_spend_cap_usd: Decimal | None
    at_cap_action: str | None
    customer_periods: int
    first_period: PeriodFields | None
    largest_spend_usd: Decimal


class EnforcementForecast(TypedDict):
    """`outputs.enforcement_forecast`; overage in `units_beyond_allowance` is by overage_behavior."""

    thresholds: list[ThresholdForecast]
    units_beyond_allowance: dict[str, Decimal]
    customers_over_spend_cap: int | None
    spend_cap: SpendCapForecast | None
    revenue_share_throttled_or_stopped: Decimal | None


class PoolConsumption(TypedDict):
    """The use of one exploration pool."""

    pool_id: str
    value_unit_id: str
    drawn_units: Decimal
    customers: int


class ExplorationSummary(TypedDict):
    """`outputs.exploration_summary`; `qualifying_events` are counts by event_type, their sum is the depth."""

    enabled: bool
    expires_after_days: int | None
    graduation_signal: str | None
    qualifying_events: dict[str, int]
    exploration_depth: int
    pool_consumption: list[PoolConsumption]
    customers_began: int
    customers_graduated: int
    customers_expired: int
    customers_exploring: int
    method: str


class BinRow(TypedDict):
    """A bin of bill changes; an outer edge is null where the bins end."""

    from_usd: Decimal | None
    to_usd: Decimal | None
    customers: int


class BillChangeRow(TypedDict):
    """One customer's bill for the whole window under both configs; their lines where a price plan makes either."""

    customer_id: str
    candidate_bill_usd: Decimal
    baseline_bill_usd: Decimal
    bill_change_usd: Decimal
    candidate_lines: NotRequired[LinesRow]
    baseline_lines: NotRequired[LinesRow]


class CustomerImpact(TypedDict):
    """`outputs.customer_impact`; without a baseline only the number of customers is known."""

    customers: int
    billed_more: int | None
    billed_less: int | None
    bill_change_usd: dict[str, Decimal | None] | None
    distribution: list[BinRow]
    worst_20: list[BillChangeRow]


class MetricRow(TypedDict):
    """One metric; null where it has no value."""

    candidate: Decimal | None
    baseline: Decimal | None
    delta: Decimal | None


class FieldCoverage(TypedDict):
    """A summed field of an event type, less `minus` where there is one: over all events, and over those of each kind.

    `unmatched_quantity` is of events that match no unit, `unpooled_quantity` of those that match only units without a
    pool.
    """

    field: str
    minus: str | None
    quantity: Decimal
    unmatched_quantity: Decimal
    unpooled_quantity: Decimal


class UncountedRow(TypedDict):
    """Events that no pooled unit counts, by their texts in the filtered dimensions; null where a dimension is missing.

    `quantities` are in the order of the event type's; `value_unit_ids` are the units without a pool that match.
    """

    values: dict[str, str | None]
    events: int
    quantities: list[Decimal]
    value_unit_ids: list[str]


class UncountedRest(TypedDict):
    """The values that are not listed, summed."""

    combinations: int
    events: int
    quantities: list[Decimal]


class MappedTypeRow(TypedDict):
    """An event type that pooled units (`value_unit_ids`) map: how much of it in the segment and window no one counts.

    `unmatched_events` match no unit of the snapshot, `unpooled_events` only units without a pool. `quantities` are
    there where every pooled unit filters; without a filter all events count.
    """

    event_type: str
    value_unit_ids: list[str]
    events: int
    unmatched_events: int
    unpooled_events: int
    quantities: list[FieldCoverage]
    values: list[UncountedRow]
    rest: UncountedRest


class OtherTypeRow(TypedDict):
    """An event type that no pooled unit maps; `value_unit_ids` are the units without a pool that do.

    `events` are those of the whole workspace in the window.
    """

    event_type: str
    events: int
    value_unit_ids: list[str]
    is_qualifying_event: bool


class OtherTypesRest(TypedDict):
    """The event types that are not listed, summed."""

    event_types: int
    events: int


class UnmatchedUsage(TypedDict):
    """`outputs.unmatched_usage`, of the candidate."""

    mapped_event_types: list[MappedTypeRow]
    other_event_types: list[OtherTypeRow]
    other_rest: OtherTypesRest


class OutputsDocument(PlannedOutputs):
    """The whole `outputs` of a simulation run."""

    window: WindowFields
    primary_metric_deltas: dict[str, Decimal | None]
    lens_metrics: dict[str, Decimal | None]
    metrics: dict[str, MetricRow]
    proxy_methods: dict[str, str]
    economics: Economics
    pool_breakdown: list[PoolBreakdownRow]
    exploration_summary: ExplorationSummary
    enforcement_forecast: EnforcementForecast
    customer_impact: CustomerImpact
    risks: list[RiskEntry]
    blocking_issues: Sequence[Mapping[str, Json]]
    data_issues: list[RiskEntry]
    unmatched_usage: UnmatchedUsage


class CoveredDocument(TypedDict):
    """The events that a run covers: those of its segment up to `as_of`, `window` by month (`2026-01`)."""

    before_window: int
    window: Mapping[str, int]
    digest: str


class DatasetDocument(TypedDict):
    """The fingerprint of the events that were asked; `digest` is 64 hexadecimal digits.

    `covered` is what of them the run read. The bundled demo events do not have it, nor have runs of earlier versions.
    """

    source: str
    row_count: int
    newest_ts: str | None
    digest: str
    engine_version: str
    covered: NotRequired[CoveredDocument]
