"""Read a config version and everything that decides about it in one statement, as plain rows.

Every screen, answer and approval reads them, and approvals of one subject take turns: objects of the unit of work would
cost more here than the database does (decision 13).
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa

from app.models.base import AnySession, Model
from app.models.catalog import CatalogEntry, Customer, EventCatalog, MetricCatalog, QualitySignalCatalog
from app.models.config_version import (
    SUBJECT_FIELDS,
    ConfigVersion,
    ExplorationRule,
    Pool,
    RailRule,
    Rollover,
    display_name_of,
    rollover_of,
    subject_of,
)
from app.models.cycle import Cycle
from app.models.packed import packed_row, packed_rows
from app.models.runtime_config import RuntimeConfig
from app.models.simulation_run import SimulationRun
from app.models.value_unit import ValueUnitSnapshot
from app.services.catalogs.reading import EventRow, WorkspaceId, readable
from app.services.configs.shapes import UsageThreshold
from rules.enums import ConfigStatus, SimulationStatus
from rules.price_plan import PricePlan
from simulation.canonical import Json, JsonObject


class PoolRow(NamedTuple):
    """A pool; rows sort by their place in the config."""

    position: int
    pool_id: str
    label: str
    value_unit_id: str
    included_quantity: Decimal
    rollover_enabled: bool
    max_rollover_quantity: Decimal | None
    rollover_expires_after_days: int | None
    overage_behavior: str
    is_exploration_pool: bool

    @property
    def rollover(self) -> Rollover:
        return rollover_of(self)


class ExplorationRow(NamedTuple):
    """The exploration rule of a config."""

    enabled: bool
    exploration_pool_id: str | None
    qualifying_events: list[str]
    expires_after_days: int | None
    graduation_signal: str | None


class RailsRow(NamedTuple):
    """The rails of a config."""

    usage_thresholds: list[UsageThreshold]
    monthly_spend_cap_usd: Decimal | None
    at_cap_action: str | None
    margin_floor: Decimal | None
    absolute_usage_caps: list[Json] | None


class ConfigRow(NamedTuple):
    """A config version with its parts."""

    config_version_id: str
    workspace_id: str
    segment: str
    stage: str
    target_environment: str
    cycle_id: str
    version: int
    status: str
    config_name: str | None
    value_unit_snapshot_version: int | None
    price_book_ref: str | None
    metric_lenses: list[str]
    delivery: JsonObject
    price_plan: PricePlan | None
    effective_at: datetime | None
    created_at: datetime
    pools: tuple[PoolRow, ...] = ()
    exploration: ExplorationRow | None = None
    rails: RailsRow | None = None

    @property
    def subject_resolution(self) -> dict[str, str]:
        return subject_of(self)

    @property
    def display_name(self) -> str:
        """What people call it."""
        return display_name_of(self)


class CycleRow(NamedTuple):
    """The cycle of a config."""

    cycle_id: str
    cycle_type: str
    period_length_days: int
    goal_type: str | None
    primary_metrics: list[str]
    narrative: str | None


class SnapshotRow(NamedTuple):
    """The snapshot that a config names."""

    value_units: list[JsonObject]


class RunRow(NamedTuple):
    """A simulation run of a config."""

    simulation_run_id: str
    candidate_config_version_id: str
    baseline_config_version_id: str | None
    status: str
    candidate_content_hash: str
    completed_at: datetime | None
    outputs: JsonObject | None = None


class WaitingRow(NamedTuple):
    """A version of a subject that was approved and is not active yet; without `effective_at` it is held back."""

    config_version_id: str
    version: int
    effective_at: datetime | None


class ServedRow(NamedTuple):
    """The current document of a subject, and the config version that it came from."""

    config_version_id: str
    document: bytes


class TermRow(NamedTuple):
    """An entry of the metric or the quality signal catalog; `workspace_id` is None for a shared one."""

    identifier: str
    label: str
    workspace_id: str | None


class CatalogRows(NamedTuple):
    """The catalogs of one workspace that rules read, its own entries and the shared ones, in no order."""

    events: list[EventRow]
    metrics: list[TermRow]
    signals: list[TermRow]


class ConfigRows(NamedTuple):
    """A config version with all that decides about it.

    `run` is the one that the caller named, else the latest completed one. `served` is the current document of the
    subject, if it has one. `waiting` are the subject's versions that were approved and are not active yet, in no
    order. `catalogs` is None where the caller did without them.
    """

    config: ConfigRow
    cycle: CycleRow
    snapshot: SnapshotRow | None
    run: RunRow | None
    run_is_latest: bool
    served: ServedRow | None
    waiting: list[WaitingRow]
    catalogs: CatalogRows | None


_PARTS = ("pools", "exploration", "rails")
_configs, _cycles, _snapshots = ConfigVersion.__table__, Cycle.__table__, ValueUnitSnapshot.__table__
_runs, _documents = SimulationRun.__table__, RuntimeConfig.__table__
_others = _configs.alias()


def _row(shape: type[NamedTuple], model: type[Model], *, but: tuple[str, ...] = ()) -> sa.Label[Json]:
    """A column that holds the fields of `shape`, except those in `but`, of the joined row of `model`."""
    columns = model.__table__.c
    return packed_row(shape, *(columns[name] for name in shape._fields if name not in but))


def _part(shape: type[NamedTuple], model: type[Model]) -> sa.Label[Json]:
    """A column that holds a `shape` for each row of `model` that belongs to the config."""
    columns = model.__table__.c
    of_the_config = columns.config_version_id == _configs.c.config_version_id
    return packed_rows(shape, *(columns[name] for name in shape._fields), where=[of_the_config])


def _same_subject(table: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == _configs.c[name] for name in SUBJECT_FIELDS]


def latest_completed(config_version_id: sa.ColumnElement[str]) -> sa.ScalarSelect[str]:
    """The id of the newest run of a config that has outputs: the one that counts for the gates."""
    completed = SimulationRun.__table__.alias()
    return (
        sa.select(completed.c.simulation_run_id)
        .where(completed.c.candidate_config_version_id == config_version_id)
        .where(completed.c.status == SimulationStatus.COMPLETED.value)
        .order_by(completed.c.place.desc(), completed.c.simulation_run_id.desc())
        .limit(1)
        .correlate_except(completed)
        .scalar_subquery()
    )


_LATEST_COMPLETED = latest_completed(_configs.c.config_version_id)
_WAITING = packed_rows(
    WaitingRow,
    *(_others.c[name] for name in WaitingRow._fields),
    where=[_others.c.status == sa.literal_column(f"'{ConfigStatus.APPROVED}'"), *_same_subject(_others)],
)


def _catalogs_of(
    workspace_id: WorkspaceId,
) -> tuple[sa.Label[list[EventRow]], sa.Label[list[TermRow]], sa.Label[list[TermRow]]]:
    """The columns that hold the catalogs of a workspace."""
    events = (EventCatalog.__table__.c[name] for name in EventRow._fields)
    return (
        packed_rows(EventRow, *events, where=[readable(EventCatalog, workspace_id)]),
        _terms(MetricCatalog, workspace_id),
        _terms(QualitySignalCatalog, workspace_id),
    )


def _terms(model: type[CatalogEntry], workspace_id: WorkspaceId) -> sa.Label[list[TermRow]]:
    columns = model.__table__.c
    terms = (columns[model.KEY], columns["label"], columns["workspace_id"])
    return packed_rows(TermRow, *terms, where=[readable(model, workspace_id)])


_ONLY_CATALOGS = sa.select(*_catalogs_of(sa.bindparam("workspace_id", type_=sa.String)))
_CONFIG = (
    sa.select(
        _row(ConfigRow, ConfigVersion, but=_PARTS),
        _part(PoolRow, Pool),
        _part(ExplorationRow, ExplorationRule),
        _part(RailsRow, RailRule),
        _row(CycleRow, Cycle),
        _snapshots.c.value_units,
        _row(RunRow, SimulationRun, but=("outputs",)),
        _runs.c.outputs,
        _runs.c.simulation_run_id == _LATEST_COMPLETED,
        _documents.c.config_version_id,
        _documents.c.document,
        _WAITING,
    )
    .select_from(_configs)
    .join(_cycles, _cycles.c.cycle_id == _configs.c.cycle_id)
    .outerjoin(
        _snapshots,
        sa.and_(
            _snapshots.c.cycle_id == _configs.c.cycle_id,
            _snapshots.c.snapshot_version == _configs.c.value_unit_snapshot_version,
        ),
    )
    .outerjoin(
        _runs,
        _runs.c.simulation_run_id == sa.func.coalesce(sa.bindparam("run_id", type_=sa.String), _LATEST_COMPLETED),
    )
    .outerjoin(_documents, sa.and_(_documents.c.current, *_same_subject(_documents)))
    .where(_configs.c.config_version_id == sa.bindparam("config_version_id"))
)
_CONFIG_AND_CATALOGS = _CONFIG.add_columns(*_catalogs_of(_configs.c.workspace_id))


def read_rows(
    session: AnySession, config_version_id: str, simulation_run_id: str | None, *, with_catalogs: bool
) -> ConfigRows | None:
    """The rows as this transaction sees them, with what the session has not written yet; None: no such config."""
    session.flush()
    parameters = {"config_version_id": config_version_id, "run_id": simulation_run_id}
    statement = _CONFIG_AND_CATALOGS if with_catalogs else _CONFIG
    cells = session.connection().execute(statement, parameters).one_or_none()
    if cells is None:
        return None
    config, pools, exploration, rails, cycle, units, run, outputs, is_latest, served_id, document, waiting, *terms = (
        cells
    )
    return ConfigRows(
        config=config._replace(
            pools=tuple(sorted(pools)),
            exploration=exploration[0] if exploration else None,
            rails=rails[0] if rails else None,
        ),
        cycle=cycle,
        snapshot=None if units is None else SnapshotRow(units),
        run=run and run._replace(outputs=outputs),
        run_is_latest=bool(is_latest),
        served=None if served_id is None else ServedRow(served_id, document),
        waiting=waiting,
        catalogs=CatalogRows(*terms) if with_catalogs else None,
    )


def read_catalogs(session: AnySession, workspace_id: str) -> CatalogRows:
    """The catalogs of a workspace alone, for callers that judge more than one of its configs."""
    session.flush()
    return CatalogRows(*session.connection().execute(_ONLY_CATALOGS, {"workspace_id": workspace_id}).one())


def contract_customers(session: AnySession, config: ConfigRow) -> frozenset[str]:
    """Those customers with a contract of the config's price plan that its workspace's catalog has.

    Only a plan with contracts costs a statement: catalogs may have a million customers, and most configs no contract.
    """
    contracts = config.price_plan.get("overrides", []) if config.price_plan else []
    named_ids = [item["customer_id"] for item in contracts]
    if not named_ids:
        return frozenset()
    customers = Customer.__table__.c
    known = sa.select(customers.customer_id).where(
        readable(Customer, config.workspace_id), customers.customer_id.in_(named_ids)
    )
    return frozenset(session.connection().execute(known).scalars())
