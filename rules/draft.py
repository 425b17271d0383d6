"""The input of the rules: a config version with its cycle, units, catalogs and evidence, complete or not (spec 3).

Every field may be absent, because drafts are saved in any state. Names are the canonical ones. Numbers are exact
(int or Decimal, never float); sequences are tuples in the order the operator sees them. Only what a rule reads is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from rules.price_plan import StoredPlan
from rules.price_plan_shape import Problem

Number = int | Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """The cycle that the config belongs to."""

    cycle_id: str | None = None
    cycle_type: str | None = None
    period_length_days: int | None = None
    goal_type: str | None = None
    primary_metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The config version's own columns; the first four fields after the id are its subject_resolution."""

    config_version_id: str | None = None
    workspace_id: str | None = None
    segment: str | None = None
    stage: str | None = None
    target_environment: str | None = None
    status: str | None = None
    value_unit_snapshot_version: int | None = None
    price_book_ref: str | None = None
    metric_lenses: tuple[str, ...] = ()
    content_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool of the config; `label` is the name that operators gave it, quantities are per customer and period."""

    pool_id: str | None = None
    label: str | None = None
    value_unit_id: str | None = None
    is_exploration_pool: bool = False
    included_quantity: Number | None = None
    max_rollover_quantity: Number | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """The config's exploration rule; a config without one has a disabled one."""

    enabled: bool = False
    exploration_pool_id: str | None = None
    qualifying_events: tuple[str, ...] = ()
    expires_after_days: int | None = None
    graduation_signal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageThreshold:
    """The action that the customer app takes at `percent` of the allowance."""

    percent: Number | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rails:
    """The config's rails; a config without any has empty ones. Caps are as stored, of whatever shape."""

    usage_thresholds: tuple[UsageThreshold, ...] = ()
    monthly_spend_cap_usd: Number | None = None
    at_cap_action: str | None = None
    margin_floor: Number | None = None
    absolute_usage_caps: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """The way that matching events become a quantity: count, sum(field), sum(field − minus), distinct_count(field)."""

    type: str | None = None
    field: str | None = None
    minus: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMapping:
    """The usage events that count; `filters` maps a dimension to the value or values it must have."""

    event_type: str | None = None
    filters: Mapping[str, object] = field(default_factory=dict)
    aggregation: Aggregation = Aggregation()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricIntent:
    """A metric and the impact on it that is expected of the unit."""

    metric_id: str | None = None
    expected_impact: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEconomics:
    """USD per value unit, and the margin that the price aims at (0.7 is 70 %)."""

    avg_cost_per_unit_usd: Number | None = None
    target_price_per_unit_usd: Number | None = None
    target_margin: Number | None = None
    economics_confidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueUnit:
    """A value unit definition: the frozen one of a snapshot, or the one being edited."""

    value_unit_id: str | None = None
    name: str | None = None
    unit_type: str | None = None
    event_mapping: EventMapping = EventMapping()
    outcome_statement: str | None = None
    metrics_intent: tuple[MetricIntent, ...] = ()
    quality_signal_source: tuple[str, ...] = ()
    unit_economics: UnitEconomics = UnitEconomics()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogs:
    """What the workspace reads: the dimensions of each event_type, and the ids of metrics and quality signals.

    `labels` gives the names of metrics and signals by id.
    """

    events: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    metric_ids: tuple[str, ...] = ()
    signal_ids: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """An entry of `outputs.risks`; `periods` are its period numbers as an operator counts them, from 1."""

    code: str | None = None
    detail: str | None = None
    periods: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetChange:
    """What has become of the usage events that a run covers: those of its segment up to its `as_of`.

    `status` is unchanged, changed, unknown (the run kept no figure of them), fixed (they never change) or unreadable
    (files of them are damaged, as `problem` says). Counts are events added to its window and removed from it, month by
    month, and the same before its window. All of them are 0 where a change left as many events as there were.
    """

    status: str
    added: int = 0
    removed: int = 0
    added_before: int = 0
    removed_before: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPeriod:
    """What a config would do to use that customers have made already in their running period, against today's terms.

    `start` and `end` are its days. `stricter` says in words what takes more from a customer than today's terms.
    `refused` customers would be refused by what they have used so far and are not today, `over_cap` of them by the
    spend cap; `slowed` would be throttled and are neither today. `billed_more` customers would owe more for it, all
    customers together `bill_usd` instead of `bill_today_usd`. `prorated` says that the amounts of the period are shared
    out by its days, `without_plan` that a price plan holds, which bills and the spend cap here do not count.
    """

    start: str
    end: str
    stricter: tuple[str, ...] = ()
    refused: int = 0
    over_cap: int = 0
    slowed: int = 0
    billed_more: int = 0
    bill_today_usd: Number = 0
    bill_usd: Number = 0
    prorated: bool = False
    without_plan: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationRun:
    """The run that the approval refers to, or, when nobody has asked for approval yet, the newest one.

    `is_latest_completed` says whether it is the latest completed run of this very config version.
    `primary_metric_ids` and `lens_metric_ids` are the keys of `outputs.primary_metric_deltas` and
    `outputs.lens_metrics`; `blocking_issues` are the codes in `outputs.blocking_issues`. `dataset_change` is None where
    nobody looked.
    """

    simulation_run_id: str | None = None
    status: str | None = None
    is_latest_completed: bool = False
    candidate_content_hash: str | None = None
    baseline_config_version_id: str | None = None
    primary_metric_ids: tuple[str, ...] = ()
    lens_metric_ids: tuple[str, ...] = ()
    blocking_issues: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    dataset_change: DatasetChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The decision by which the config waits for its moment.

    `baseline_config_version_id` is the version that it was approved to replace, None where nothing was active.
    `activate_over_newer` says that it was approved to take effect whatever is active by then.
    """

    baseline_config_version_id: str | None = None
    activate_over_newer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsChoice:
    """When the terms of a decided version start (`chosen`), beside what a price plan's change policy says (`usual`).

    `in_force` says whether the policy is that of the version that it replaces, rather than its own.
    """

    chosen: str
    usual: str
    change_policy: str
    in_force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Another version of the subject that was approved and is not active; without `effective_at` it is held back."""

    config_version_id: str
    version: int
    effective_at: datetime | None = None


Path = tuple[str | int, ...]
"""Where something stands in a document: names of members and places in lists, from the top."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part of a document that no enforcing client reads: where it stands, and what is wrong with it."""

    path: Path
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the delivery policy says of how apps count; the kind and the zone of the period anchor where there is one.

    `threshold_scopes` are (percent, scope) of the usage thresholds whose share is not that of a pool.
    """

    period_kind: str | None = None
    time_zone: str | None = None
    threshold_scopes: tuple[tuple[Number, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The whole input of `gate.evaluate`.

    `pools` are in position order. `units` are all the units of the snapshot that the config names, None when there is
    no such snapshot. `active_config_version_id` is the version that is active for the subject now.
    `requested_baseline_config_version_id` is the baseline that an approval names; omitted and null mean the same
    (spec 3): the active version, if any. `schedule` is the decision of a config that was approved for later; `waiting`
    are the subject's other versions that were. `running_period` and `terms_choice` are None where nobody
    looked. `unreadable` is what no app could read of the document that the config would serve. `unbillable` is what
    cannot be billed of `price_plan` (`rules.price_plan_problems`), read once because plans may have many contracts;
    `customer_ids` are those customers with a contract of it that the workspace's catalog has, None where nobody looked.
    """

    cycle: Cycle = Cycle()
    config: Config = Config()
    pools: tuple[Pool, ...] = ()
    exploration: Exploration = Exploration()
    rails: Rails = Rails()
    units: tuple[ValueUnit, ...] | None = None
    catalogs: Catalogs = Catalogs()
    simulation: SimulationRun | None = None
    active_config_version_id: str | None = None
    requested_baseline_config_version_id: str | None = None
    running_period: RunningPeriod | None = None
    schedule: Schedule | None = None
    delivery: Delivery = Delivery()
    unreadable: tuple[Unreadable, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    terms_choice: TermsChoice | None = None
    price_plan: StoredPlan | None = None
    unbillable: tuple[Problem, ...] = ()
    customer_ids: frozenset[str] | None = None


def pooled_units(draft: Draft) -> tuple[ValueUnit, ...]:
    """The snapshot's units that a pool names, each once, in the order of the first pool that names it."""
    known = {unit.value_unit_id: unit for unit in reversed(draft.units or ()) if unit.value_unit_id}
    named = dict.fromkeys(pool.value_unit_id for pool in draft.pools)
    return tuple(known[unit_id] for unit_id in named if unit_id in known)


def is_filled(text: str | None) -> bool:
    """Whether a text says anything: None, empty and blank do not."""
    return bool(text and text.strip())


def filled(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts that say anything, in their order."""
    return tuple(text for text in texts if is_filled(text))
