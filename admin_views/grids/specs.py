"""The list of all grids, in the order of the menu: for each table what its grid shows, filters, sorts and edits."""

from dataclasses import dataclass

import sqlalchemy as sa

from admin_views.grids import screens, services
from admin_views.grids.services import EditableGrid
from app.models.base import Model
from app.models.billing_patch import BillingPatch
from app.models.catalog import Customer, EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, ExplorationRule, Pool, RailRule
from app.models.cycle import Cycle, CycleDraftContext, LearningLogEntry
from app.models.decision_record import DecisionRecord
from app.models.enforcement import EnforcementEvent, EnforcementRepeat
from app.models.product_event import ProductEvent
from app.models.runtime_config import RuntimeConfig
from app.models.simulation_run import SimulationRun
from app.models.usage import UsageImport
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.models.workspace import Workspace

CATALOGS, AUTHORING, DECISIONS, EVIDENCE, LOG = "Catalogs", "Authoring", "Decisions", "Evidence", "Log"
CATEGORIES = (CATALOGS, AUTHORING, DECISIONS, EVIDENCE, LOG)


@dataclass(frozen=True)
class GridSpec:
    """One grid: what it shows, and what may be edited in it; without `editing` every route of it is read-only.

    The list shows `columns` after the identifier. `filters` and `sorts` name columns; of a table that grows without
    bound, which has `newest` and no `editing`, these lead an index. `newest` is the moment that lists begin with.
    `named_by` is the column by which other records name a row, where that is not the primary key; the grid filters by
    it first.
    `screen` gives the address of the screen that is about a row.
    """

    model: type[Model]
    name: str
    category: str
    about: str
    columns: tuple[str, ...]
    filters: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    newest: str | None = None
    links: tuple[tuple[str, type[Model]], ...] = ()
    named_by: str | None = None
    empty: str = "Nothing is recorded yet."
    editing: EditableGrid | None = None
    screen: screens.Address | None = None

    @property
    def table(self) -> sa.Table:
        return self.model.__table__

    @property
    def one(self) -> str:
        """The name of one record: the grid's name in the singular."""
        return self.name if self.name == "Rails" else self.name.removesuffix("s")

    @property
    def endpoint(self) -> str:
        """The name of the grid's view in `url_for`."""
        return f"grid_{self.table.name}"

    @property
    def slug(self) -> str:
        """The grid's part of addresses and file names."""
        return self.name.lower().replace(" ", "-")

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key's columns, in order."""
        return tuple(column.name for column in self.table.primary_key)

    @property
    def identifier(self) -> str:
        """The column that identifies a row to people."""
        return self.named_by or self.key[-1]

    @property
    def references(self) -> dict[str, type[Model]]:
        """Column → model of the row it names: foreign keys, and the `links` that the database does not enforce."""
        return {
            key.parent.name: _model_of(key.column.table)
            for constraint in self.table.foreign_key_constraints
            if len(constraint.elements) == 1
            for key in constraint.elements
        } | dict(self.links)


def _model_of(table: sa.Table) -> type[Model]:
    return next(spec.model for spec in GRIDS if spec.table is table)


SEGMENT_LINK = (("segment", SegmentCatalog),)
CATALOG_EMPTY = "Empty. Seed files, uploads, POST /api/catalogs and `avs catalog import` fill the catalogs."

GRIDS: tuple[GridSpec, ...] = (
    GridSpec(
        EventCatalog,
        "Events",
        CATALOGS,
        "Usage event types and the dimensions that filters may name.",
        columns=("workspace_id", "description", "dimensions"),
        filters=("event_type", "workspace_id"),
        sorts=("event_type", "workspace_id"),
        named_by="event_type",
        empty=CATALOG_EMPTY,
        screen=screens.catalog("events", "event_type"),
    ),
    GridSpec(
        MetricCatalog,
        "Metrics",
        CATALOGS,
        "North star metrics and lenses.",
        columns=("workspace_id", "label", "type"),
        filters=("metric_id", "workspace_id", "type"),
        sorts=("metric_id", "workspace_id", "label"),
        named_by="metric_id",
        empty=CATALOG_EMPTY,
        screen=screens.catalog("metrics", "metric_id"),
    ),
    GridSpec(
        QualitySignalCatalog,
        "Quality signals",
        CATALOGS,
        "Where evidence of quality comes from. Advisory: never billed.",
        columns=("workspace_id", "label", "source"),
        filters=("signal_id", "workspace_id", "source"),
        sorts=("signal_id", "workspace_id", "label", "source"),
        named_by="signal_id",
        empty=CATALOG_EMPTY,
        screen=screens.catalog("quality-signals", "signal_id"),
    ),
    GridSpec(
        SegmentCatalog,
        "Segments",
        CATALOGS,
        "The customer segments that configs are decided for.",
        columns=("workspace_id", "label", "description"),
        filters=("segment_id", "workspace_id"),
        sorts=("segment_id", "workspace_id", "label"),
        named_by="segment_id",
        empty=CATALOG_EMPTY,
        screen=screens.catalog("segments", "segment_id"),
    ),
    GridSpec(
        Customer,
        "Customers",
        CATALOGS,
        "Customers of the product, each in one segment.",
        columns=("workspace_id", "name", "segment"),
        filters=("customer_id", "workspace_id", "segment"),
        sorts=("customer_id", "workspace_id", "segment"),
        links=SEGMENT_LINK,
        named_by="customer_id",
        empty=CATALOG_EMPTY,
        screen=screens.catalog("customers", "customer_id"),
    ),
    GridSpec(
        Workspace,
        "Workspaces",
        AUTHORING,
        "Whose decisions these are.",
        columns=("workspace_name", "operator_role", "data_mode", "created_at"),
        filters=("operator_role", "data_mode"),
        sorts=("workspace_id", "workspace_name", "created_at"),
        newest="created_at",
        empty="No workspace yet. Create the first one.",
        editing=services.WORKSPACE,
        screen=screens.workspace,
    ),
    GridSpec(
        Cycle,
        "Cycles",
        AUTHORING,
        "Periods with a goal and the metrics that measure it.",
        columns=("cycle_name", "workspace_id", "cycle_type", "period_length_days", "goal_type", "status", "start_date"),
        filters=("workspace_id", "cycle_type", "status", "goal_type"),
        sorts=("cycle_id", "created_at", "workspace_id"),
        newest="created_at",
        empty="No cycle yet. Create one to state a goal and how it is measured.",
        editing=services.CYCLE,
        screen=screens.cycle,
    ),
    GridSpec(
        CycleDraftContext,
        "Cycle contexts",
        AUTHORING,
        "The documents and notes that cycles were drafted from.",
        columns=("workspace_id", "cycle_id", "skipped", "open_questions", "created_at"),
        filters=("workspace_id", "cycle_id", "skipped"),
        sorts=("cycle_draft_context_id", "created_at"),
        newest="created_at",
        empty="No context yet. Paste notes or skip: a cycle can do without.",
        editing=services.CONTEXT,
    ),
    GridSpec(
        ValueUnitDefinition,
        "Value units",
        AUTHORING,
        "What counts as value, how it is metered, what it costs and what it is sold for.",
        columns=(
            "name",
            "cycle_id",
            "unit_type",
            "avg_cost_per_unit_usd",
            "target_price_per_unit_usd",
            "target_margin",
            "economics_confidence",
            "completeness_status",
        ),
        filters=("cycle_id", "unit_type", "economics_confidence", "completeness_status"),
        sorts=("value_unit_id", "created_at", "cycle_id"),
        newest="created_at",
        empty="No value unit yet. Create one to say which usage is customer value.",
        editing=services.VALUE_UNIT,
        screen=screens.value_unit,
    ),
    GridSpec(
        ValueUnitSnapshot,
        "Snapshots",
        AUTHORING,
        "Value units frozen at submission. Never edited.",
        columns=("workspace_id", "cycle_id", "snapshot_version", "value_unit_ids", "created_at"),
        filters=("workspace_id", "cycle_id"),
        sorts=("value_unit_snapshot_id", "created_at"),
        newest="created_at",
        empty="No snapshot yet. Submit a cycle's value units to freeze them.",
        screen=screens.snapshot,
    ),
    GridSpec(
        ConfigVersion,
        "Configs",
        AUTHORING,
        "Versions of what the customer app enforces, per subject. Approved ones are immutable: fork them.",
        columns=(
            "config_name",
            "workspace_id",
            "segment",
            "stage",
            "target_environment",
            "version",
            "status",
            "cycle_id",
            "effective_at",
        ),
        filters=(*SUBJECT_FIELDS, "status", "cycle_id"),
        sorts=("config_version_id", "created_at", "cycle_id", "status"),
        newest="created_at",
        links=SEGMENT_LINK,
        empty="No config yet. Create a draft for a segment, stage and environment.",
        editing=services.CONFIG,
        screen=screens.config("pools"),
    ),
    GridSpec(
        Pool,
        "Pools",
        AUTHORING,
        "Included quantities of each config, and what happens beyond them.",
        columns=(
            "label",
            "config_version_id",
            "value_unit_id",
            "included_quantity",
            "overage_behavior",
            "rollover_enabled",
            "is_exploration_pool",
            "position",
        ),
        filters=("config_version_id", "value_unit_id", "overage_behavior", "is_exploration_pool"),
        sorts=("config_version_id", "value_unit_id"),
        links=(("value_unit_id", ValueUnitDefinition),),
        empty="No pool yet. Add one to a draft config.",
        editing=services.POOL,
        screen=screens.pool,
    ),
    GridSpec(
        ExplorationRule,
        "Exploration rules",
        AUTHORING,
        "Whether a config subsidises exploration, and how that ends. One per config.",
        columns=("enabled", "exploration_pool_id", "qualifying_events", "expires_after_days", "graduation_signal"),
        filters=("enabled",),
        sorts=("config_version_id",),
        empty="No rule yet. Each new config draft brings one.",
        editing=services.EXPLORATION,
        screen=screens.config("exploration"),
    ),
    GridSpec(
        RailRule,
        "Rails",
        AUTHORING,
        "What prevents a blow-up: thresholds, cap and margin floor. One per config.",
        columns=("usage_thresholds", "monthly_spend_cap_usd", "at_cap_action", "margin_floor"),
        filters=("at_cap_action",),
        sorts=("config_version_id",),
        empty="No rails yet. Each new config draft brings some.",
        editing=services.RAILS,
        screen=screens.config("rails"),
    ),
    GridSpec(
        SimulationRun,
        "Simulation runs",
        DECISIONS,
        "The evidence before a decision.",
        columns=(
            "workspace_id",
            "candidate_config_version_id",
            "baseline_config_version_id",
            "status",
            "completed_at",
            "created_at",
        ),
        filters=("workspace_id", "candidate_config_version_id", "status"),
        sorts=("simulation_run_id", "created_at", "candidate_config_version_id"),
        newest="created_at",
        empty="No run yet. Simulate a config to see what it would have done.",
        screen=screens.simulation_run,
    ),
    GridSpec(
        DecisionRecord,
        "Decision records",
        DECISIONS,
        "Who decided what, why, and on which evidence.",
        columns=("config_version_id", *SUBJECT_FIELDS, "status", "approver_name", "effective_at", "created_at"),
        filters=("workspace_id", "config_version_id", "segment", "stage", "target_environment", "status"),
        sorts=("decision_id", "created_at", "config_version_id"),
        newest="created_at",
        links=SEGMENT_LINK,
        empty="No decision yet. Approving a config records one.",
        screen=screens.decision,
    ),
    GridSpec(
        BillingPatch,
        "Billing patches",
        DECISIONS,
        "What the billing ledger must know about a config.",
        columns=("workspace_id", "config_version_id", "price_book_ref", "effective_at", "created_at"),
        filters=("workspace_id", "config_version_id"),
        sorts=("billing_patch_id", "created_at", "config_version_id"),
        newest="created_at",
        empty="No patch yet. Approving a config generates one.",
        screen=screens.config("approve"),
    ),
    GridSpec(
        RuntimeConfig,
        "Runtime configs",
        DECISIONS,
        "The exact bytes that customer apps enforced or enforce, in the order in which they were served.",
        columns=("config_version_id", *SUBJECT_FIELDS, "sequence", "current", "digest", "created_at"),
        filters=("workspace_id", "config_version_id", "current"),
        sorts=("decision_id", "created_at", "config_version_id"),
        newest="created_at",
        links=SEGMENT_LINK,
        empty="Nothing is served yet. Activating a config builds one.",
        screen=screens.config("approve"),
    ),
    GridSpec(
        EnforcementEvent,
        "Enforcement events",
        EVIDENCE,
        "What customer apps did with a config.",
        columns=(
            "occurred_at",
            "workspace_id",
            "event_type",
            "customer_id",
            "config_version_id",
            "context",
            "client_id",
            "sequence",
        ),
        filters=("workspace_id", "customer_id", "config_version_id", "event_type", "occurred_at", "client_id"),
        sorts=("enforcement_event_id", "occurred_at", "event_type", "customer_id", "config_version_id"),
        newest="occurred_at",
        links=(("customer_id", Customer),),
        empty="No event yet. Customer apps post what they enforce.",
        screen=screens.config("approve"),
    ),
    GridSpec(
        EnforcementRepeat,
        "Repeated enforcement events",
        EVIDENCE,
        "Numbers under which a known event came again: it counts once, and the number is no gap.",
        columns=("received_at", "workspace_id", "client_id", "sequence", "enforcement_event_id"),
        filters=("workspace_id", "client_id", "received_at"),
        sorts=("received_at",),
        newest="received_at",
        empty="No event came again under another number.",
    ),
    GridSpec(
        UsageImport,
        "Usage imports",
        EVIDENCE,
        "Files that were read into the usage event store, with what was rejected.",
        columns=(
            "source",
            "workspace_id",
            "rows_read",
            "rows_accepted",
            "rows_duplicate",
            "rows_rejected",
            "created_at",
        ),
        filters=("workspace_id",),
        sorts=("usage_import_id", "created_at", "workspace_id"),
        newest="created_at",
        empty="No import yet. Run avs usage import FILE.",
        screen=screens.usage,
    ),
    GridSpec(
        LearningLogEntry,
        "Learning log",
        LOG,
        "What changed between one submitted snapshot and the next.",
        columns=("workspace_id", "cycle_id", "kind", "detail", "created_at"),
        filters=("workspace_id", "cycle_id"),
        sorts=("learning_log_entry_id", "created_at", "cycle_id"),
        newest="created_at",
        empty="Nothing learnt yet. Submitting a snapshot writes the first entry.",
        screen=screens.snapshot,
    ),
    GridSpec(
        ProductEvent,
        "Product events",
        LOG,
        "Every write, in order: who did what to which record.",
        columns=("occurred_at", "event_name", "actor", "entity_id", "workspace_id"),
        filters=("workspace_id", "event_name", "entity_id", "occurred_at"),
        sorts=("product_event_id", "occurred_at", "event_name", "entity_id"),
        newest="occurred_at",
        links=(("workspace_id", Workspace),),
        empty="No event yet.",
    ),
)
