"""Adding seed rows to the database: one small function for each file whose rows are not simply those of its table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from app.models.base import AnySession, Model
from app.models.billing_patch import BillingPatch
from app.models.catalog import CatalogEntry, Customer, EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog
from app.models.config_version import ConfigVersion, ExplorationRule, Pool, RailRule
from app.models.cycle import Cycle, LearningLogEntry
from app.models.decision_record import DecisionRecord
from app.models.simulation_run import SimulationRun
from app.models.statements import Writes
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.models.workspace import Workspace
from app.services.authoring.unit_snapshots import snapshot_changes
from app.services.configs.documents import config_document
from app.services.configs.lookup import cycle_of, snapshot_of
from app.services.configs.reading import current_hash
from app.services.decisions.runtime_config import Release, avs_config, materialise
from rules.enums import ConfigStatus, DecisionStatus
from seed.problems import SeedProblem
from seed.reading import SeedRow, Values
from simulation.canonical import canonical_bytes

Add = Callable[[AnySession, SeedRow], list[SeedProblem]]


@dataclass(frozen=True)
class Table:
    """A file's table: the column that identifies a row, and the function that adds one.

    `add` flushes the row and returns its problems, none when all is well.
    """

    key: InstrumentedAttribute[str]
    add: Add

    @property
    def is_seeded(self) -> sa.ColumnElement[bool]:
        """The condition that a row may be the file's: of the catalogs, seed files have the shared entries."""
        model = self.key.class_
        is_catalog = isinstance(model, type) and issubclass(model, CatalogEntry)
        return model.workspace_id.is_(None) if is_catalog else sa.true()


def in_order(file: str, rows: Sequence[SeedRow]) -> list[SeedRow]:
    """The file's rows in an order in which they can be added: a config after its baseline."""
    if file != "configs.json":
        return list(rows)
    waiting = {row.values["config_version_id"]: row for row in rows}
    ordered: list[SeedRow] = []
    while waiting:
        ready = [row for row in waiting.values() if row.values["baseline_config_version_id"] not in waiting]
        ordered += ready
        for row in ready:
            del waiting[row.values["config_version_id"]]
    return ordered


def _plain(model: type[Model]) -> Add:
    """A function that adds rows whose fields are the table's columns."""

    def add(session: AnySession, row: SeedRow) -> list[SeedProblem]:
        session.add(model(**row.values))
        session.flush()
        return []

    return add


def _workspace(session: AnySession, row: SeedRow) -> list[SeedProblem]:
    """Add a workspace of the demo, of which nothing is ever published."""
    session.add(Workspace(**row.values, is_demo=True))
    session.flush()
    return []


def _cycle(session: AnySession, row: SeedRow) -> list[SeedProblem]:
    session.add(Cycle(**row.values, updated_at=row.values["created_at"]))
    session.flush()
    return []


def _snapshot(session: AnySession, row: SeedRow) -> list[SeedProblem]:
    """Add frozen units, with the learning log entry that a submission writes (spec 1)."""
    snapshot = ValueUnitSnapshot(**row.values)
    before = session.scalar(
        sa.select(ValueUnitSnapshot).filter_by(
            cycle_id=snapshot.cycle_id, snapshot_version=snapshot.snapshot_version - 1
        )
    )
    session.add(snapshot)
    session.add(
        LearningLogEntry(
            workspace_id=snapshot.workspace_id,
            cycle_id=snapshot.cycle_id,
            kind="value_unit_snapshot_submitted",
            detail={
                "snapshot_version": snapshot.snapshot_version,
                "changes": list(snapshot_changes(before, snapshot.value_units)),
            },
            created_at=snapshot.created_at,
        )
    )
    session.flush()
    return []


def config_from(values: Values) -> ConfigVersion:
    """A config version with its pools in the order given, exploration and rails; its content is not hashed yet."""
    columns = {name: value for name, value in values.items() if name not in ("pools", "exploration", "rails")}
    return ConfigVersion(
        **columns,
        content_hash="",
        pools=[Pool(**pool, position=position) for position, pool in enumerate(values["pools"])],
        exploration=ExplorationRule(**values["exploration"]),
        rails=RailRule(**values["rails"]),
    )


def _config(session: AnySession, row: SeedRow) -> list[SeedProblem]:
    config = config_from(row.values)
    session.add(config)
    session.flush()
    config.content_hash = current_hash(session, config)
    session.flush()
    return []


def _decision(session: AnySession, row: SeedRow) -> list[SeedProblem]:
    """Add a decision and, when it is the active one, the document that customer apps read.

    Its run must have simulated the config's content.
    """
    columns = {name: value for name, value in row.values.items() if name != "subject_resolution"}
    decision = DecisionRecord(**columns, **_subject_but_workspace(row))
    session.add(decision)
    session.flush()
    config = session.get_one(ConfigVersion, decision.config_version_id)
    run = session.get_one(SimulationRun, decision.simulation_run_id)
    problems = []
    if run.candidate_content_hash != config.content_hash:
        message = f"{run.simulation_run_id} saw other content than {decision.config_version_id}"
        problems.append(row.problem("simulation_run_id", message))
    if decision.status == DecisionStatus.ACTIVE and config.status == ConfigStatus.ACTIVE:
        document = config_document(config, cycle_of(session, config), snapshot_of(session, config))
        activated_at = max(decision.effective_at, decision.created_at)
        release = Release(document, config, decision, run)
        writes = Writes(session)
        served = avs_config(release, activated_at=activated_at, sequence=1)
        materialise(writes, served, canonical_bytes(served), activated_at)
        writes.run()
        session.flush()
    return problems


def _subject_but_workspace(row: SeedRow) -> dict[str, str]:
    subject = row.values["subject_resolution"]
    return {name: value for name, value in subject.items() if name != "workspace_id"}


TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "workspaces.json": Table(Workspace.workspace_id, _workspace),
        "event_catalog.json": Table(EventCatalog.event_type, _plain(EventCatalog)),
        "metric_catalog.json": Table(MetricCatalog.metric_id, _plain(MetricCatalog)),
        "quality_signal_catalog.json": Table(QualitySignalCatalog.signal_id, _plain(QualitySignalCatalog)),
        "segment_catalog.json": Table(SegmentCatalog.segment_id, _plain(SegmentCatalog)),
        "customers.json": Table(Customer.customer_id, _plain(Customer)),
        "cycles.json": Table(Cycle.cycle_id, _cycle),
        "value_units.json": Table(ValueUnitDefinition.value_unit_id, _plain(ValueUnitDefinition)),
        "value_unit_snapshots.json": Table(ValueUnitSnapshot.value_unit_snapshot_id, _snapshot),
        "configs.json": Table(ConfigVersion.config_version_id, _config),
        "simulation_runs.json": Table(SimulationRun.simulation_run_id, _plain(SimulationRun)),
        "billing_patches.json": Table(BillingPatch.billing_patch_id, _plain(BillingPatch)),
        "decision_records.json": Table(DecisionRecord.decision_id, _decision),
    }
)
"""The files that become rows, in dependency order; usage events go to the event store."""
