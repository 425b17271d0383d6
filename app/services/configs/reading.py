"""Turn rows into the values that rules take (spec 3): every `rules.draft.Draft` of the services is made here.

`read_config` reads a stored config with everything that decides about it; `cycle_draft` and `units_draft` are for the
time before there is a config.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from app.errors import not_found
from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.catalogs.reading import joined
from app.services.configs.documents import CONFIG_SECTIONS, config_document, frozen_unit, with_delivery
from app.services.configs.lookup import cycle_of, snapshot_of
from app.services.configs.readability import unreadable
from app.services.configs.rows import (
    CatalogRows,
    ConfigRow,
    ConfigRows,
    CycleRow,
    ExplorationRow,
    RailsRow,
    RunRow,
    SnapshotRow,
    TermRow,
    WaitingRow,
    contract_customers,
    read_catalogs,
    read_rows,
)
from app.services.configs.shapes import ConfigDocument
from rules import draft as d
from rules.delivery import delivered, stated
from rules.documents import risk_from_document, value_unit_from_document
from rules.enums import Stage, TargetEnvironment
from rules.price_plan_problems import Problem, problems
from rules.risks import risk_sentence
from simulation.canonical import Json, JsonObject, content_hash, parse_exact


def load_catalogs(session: AnySession, workspace_id: str) -> d.Catalogs:
    """The catalogs of a workspace as the rules read them: its own entries and the shared ones."""
    return _catalogs(read_catalogs(session, workspace_id))


def _catalogs(rows: CatalogRows | None) -> d.Catalogs:
    """The catalogs sorted, because the database gives them in no order; empty ones where none were read."""
    if rows is None:
        return d.Catalogs()
    return d.Catalogs(
        events=joined(rows.events),
        metric_ids=tuple(sorted({metric.identifier for metric in rows.metrics})),
        signal_ids=tuple(sorted({signal.identifier for signal in rows.signals})),
        labels={**_labels(rows.signals), **_labels(rows.metrics)},
    )


def _labels(rows: Iterable[TermRow]) -> dict[str, str]:
    """identifier → label, by identifier; a workspace's own entry stands before a shared one."""
    own_last = sorted(rows, key=lambda row: (row.identifier, row.workspace_id is not None))
    return {row.identifier: row.label for row in own_last}


@dataclass(frozen=True)
class Usage:
    """What the usage events and its decision say of a config version. None: nobody looked, for that reads more."""

    dataset_change: d.DatasetChange | None = None
    running_period: d.RunningPeriod | None = None
    terms_choice: d.TermsChoice | None = None


@dataclass(frozen=True)
class Served:
    """The document that is active for a subject now, as the customer apps read it."""

    config_version_id: str
    document: bytes

    @cached_property
    def avs_config(self) -> JsonObject:
        """The runtime config that the document holds."""
        return dict(parse_exact(self.document))

    @property
    def content(self) -> JsonObject:
        """The enforced content, in the shape of `documents.config_document`."""
        return {name: self.avs_config[name] for name in CONFIG_SECTIONS}

    @property
    def decided(self) -> JsonObject:
        """The document that its decision was about: the content and how it is delivered."""
        return with_delivery(self.content, stated(self.avs_config["governance"]["delivery"]))


@dataclass(frozen=True)
class ConfigReading:
    """A config version with everything that decides about it, read in one statement.

    `run` is the run that an approval names, else the latest completed one. `document` is the enforced content.
    `content_hash` is computed from it and not read from the config's column, which may be out of date.
    `waiting` are the subject's versions that were approved and are not active yet, by their moments; those that are
    held back come last. `schedule` is the decision by which this one waits, where it is judged as what was decided.
    `customer_ids` are those customers with a contract of the price plan that the customer catalog has.
    """

    config: ConfigRow
    cycle: CycleRow
    snapshot: SnapshotRow | None
    served: Served | None
    waiting: tuple[WaitingRow, ...]
    run: RunRow | None
    run_is_latest: bool
    catalogs: d.Catalogs
    document: ConfigDocument
    content_hash: str
    requested_baseline_id: str | None = None
    schedule: d.Schedule | None = None
    customer_ids: frozenset[str] = frozenset()

    @property
    def decided(self) -> JsonObject:
        """The document that a decision for the config is about: the content and how it is delivered."""
        return with_delivery(self.document, self.config.delivery)

    @cached_property
    def unreadable(self) -> tuple[d.Unreadable, ...]:
        """What no app could read of the document that the config would serve."""
        governance = {"delivery": delivered(self.config.delivery)}
        content = {"config_version_id": self.config.config_version_id, **self.document, "governance": governance}
        return unreadable(content)

    @cached_property
    def unbillable(self) -> tuple[Problem, ...]:
        """What cannot be billed of the config's price plan."""
        return tuple(problems(self.config.price_plan or {}))

    def draft(self, usage: Usage | None = None) -> d.Draft:
        """The permissive value that `rules.gate.evaluate` reads; with what usage says of it where somebody looked."""
        usage = usage or Usage()
        return d.Draft(
            cycle=_cycle(self.cycle),
            config=_config(self.config, self.content_hash),
            pools=tuple(
                d.Pool(
                    pool_id=pool.pool_id,
                    label=pool.label,
                    value_unit_id=pool.value_unit_id,
                    is_exploration_pool=pool.is_exploration_pool,
                    included_quantity=pool.included_quantity,
                    max_rollover_quantity=pool.rollover.get("max_rollover_quantity"),
                )
                for pool in self.config.pools
            ),
            exploration=_exploration(self.config.exploration),
            rails=_rails(self.config.rails),
            units=_units(self.snapshot),
            catalogs=self.catalogs,
            simulation=None if self.run is None else _run(self.run, self.run_is_latest, usage.dataset_change),
            active_config_version_id=None if self.served is None else self.served.config_version_id,
            requested_baseline_config_version_id=self.requested_baseline_id,
            running_period=usage.running_period,
            terms_choice=usage.terms_choice,
            schedule=self.schedule,
            delivery=_delivery(self.config.delivery),
            unreadable=self.unreadable,
            price_plan=self.config.price_plan,
            unbillable=self.unbillable,
            customer_ids=self.customer_ids,
            waiting=tuple(
                d.Waiting(config_version_id=row.config_version_id, version=row.version, effective_at=row.effective_at)
                for row in self.waiting
                if row.config_version_id != self.config.config_version_id
            ),
        )


def find_config(
    session: AnySession,
    config_version_id: str,
    *,
    simulation_run_id: str | None = None,
    requested_baseline_id: str | None = None,
    catalogs: d.Catalogs | None = None,
) -> ConfigReading | None:
    """Read a config version with everything that decides about it; None when there is no such version.

    `simulation_run_id` is the run that an approval names, else the latest completed one is read;
    `requested_baseline_id` the baseline that it names. `catalogs` are those of the config's workspace that were read
    before, when one config of many is read.
    """
    rows = read_rows(session, config_version_id, simulation_run_id, with_catalogs=catalogs is None)
    if rows is None:
        return None
    known_ids = contract_customers(session, rows.config)
    return _reading(rows, catalogs or _catalogs(rows.catalogs), requested_baseline_id, known_ids)


def _reading(
    rows: ConfigRows, catalogs: d.Catalogs, requested_baseline_id: str | None, customer_ids: frozenset[str]
) -> ConfigReading:
    document = config_document(rows.config, rows.cycle, rows.snapshot)
    return ConfigReading(
        config=rows.config,
        cycle=rows.cycle,
        snapshot=rows.snapshot,
        served=None if rows.served is None else Served(*rows.served),
        waiting=tuple(sorted(rows.waiting, key=_by_moment)),
        run=rows.run,
        run_is_latest=rows.run_is_latest,
        catalogs=catalogs,
        document=document,
        content_hash=content_hash(document),
        requested_baseline_id=requested_baseline_id,
        customer_ids=customer_ids,
    )


def _by_moment(row: WaitingRow) -> tuple[datetime, str]:
    return row.effective_at or datetime.max.replace(tzinfo=UTC), row.config_version_id


def read_config(
    session: AnySession,
    config_version_id: str,
    *,
    simulation_run_id: str | None = None,
    requested_baseline_id: str | None = None,
) -> ConfigReading:
    """Read a config version as `find_config` does; raises NotFound when there is no such version."""
    reading = find_config(
        session,
        config_version_id,
        simulation_run_id=simulation_run_id,
        requested_baseline_id=requested_baseline_id,
    )
    if reading is None:
        raise not_found("config version", config_version_id)
    return reading


def current_hash(session: AnySession, config: ConfigVersion) -> str:
    """SHA-256 of the content that the config would enforce now."""
    return content_hash(config_document(config, cycle_of(session, config), snapshot_of(session, config)))


def _cycle(cycle: Cycle | CycleRow) -> d.Cycle:
    return d.Cycle(
        cycle_id=cycle.cycle_id,
        cycle_type=cycle.cycle_type,
        period_length_days=cycle.period_length_days,
        goal_type=cycle.goal_type,
        primary_metrics=tuple(cycle.primary_metrics),
    )


def _config(config: ConfigRow, content_hash: str) -> d.Config:
    return d.Config(
        config_version_id=config.config_version_id,
        **config.subject_resolution,
        status=config.status,
        value_unit_snapshot_version=config.value_unit_snapshot_version,
        price_book_ref=config.price_book_ref,
        metric_lenses=tuple(config.metric_lenses),
        content_hash=content_hash,
    )


def _exploration(row: ExplorationRow | None) -> d.Exploration:
    if row is None:
        return d.Exploration()
    return d.Exploration(
        enabled=row.enabled,
        exploration_pool_id=row.exploration_pool_id,
        qualifying_events=tuple(row.qualifying_events),
        expires_after_days=row.expires_after_days,
        graduation_signal=row.graduation_signal,
    )


def _rails(row: RailsRow | None) -> d.Rails:
    if row is None:
        return d.Rails()
    return d.Rails(
        usage_thresholds=tuple(
            d.UsageThreshold(percent=threshold["percent"], action=threshold["action"])
            for threshold in row.usage_thresholds
        ),
        monthly_spend_cap_usd=row.monthly_spend_cap_usd,
        at_cap_action=row.at_cap_action,
        margin_floor=row.margin_floor,
        absolute_usage_caps=tuple(row.absolute_usage_caps or ()),
    )


def _delivery(stated: JsonObject) -> d.Delivery:
    anchor, scopes = stated.get("period_anchor") or {}, stated.get("threshold_scopes") or ()
    return d.Delivery(
        period_kind=anchor.get("kind"),
        time_zone=anchor.get("time_zone"),
        threshold_scopes=tuple((item["percent"], item["scope"]) for item in scopes),
    )


def _units(snapshot: ValueUnitSnapshot | SnapshotRow | None) -> tuple[d.ValueUnit, ...] | None:
    return None if snapshot is None else tuple(map(value_unit_from_document, snapshot.value_units))


def definition_value(unit: ValueUnitDefinition) -> d.ValueUnit:
    """A definition as the rules read it: the one that a snapshot made now would freeze."""
    return value_unit_from_document(frozen_unit(unit))


def _run(run: RunRow, is_latest: bool, dataset_change: d.DatasetChange | None) -> d.SimulationRun:
    outputs = run.outputs or {}
    return d.SimulationRun(
        simulation_run_id=run.simulation_run_id,
        status=run.status,
        is_latest_completed=is_latest,
        candidate_content_hash=run.candidate_content_hash,
        baseline_config_version_id=run.baseline_config_version_id,
        primary_metric_ids=tuple(outputs.get("primary_metric_deltas", ())),
        lens_metric_ids=tuple(outputs.get("lens_metrics", ())),
        blocking_issues=tuple(issue["code"] for issue in outputs.get("blocking_issues", ())),
        risks=tuple(risk_from_document(risk, risk_sentence(risk, outputs)) for risk in outputs.get("risks") or ()),
        dataset_change=dataset_change,
    )


def cycle_draft(
    session: AnySession,
    cycle: Cycle | None,
    snapshot: ValueUnitSnapshot | None,
    *,
    target_environment: str | None = None,
) -> d.Draft:
    """The draft that the rules judge before there is a config: the cycle and its newest snapshot.

    `target_environment` is that of the config which is to be begun.
    """
    config = d.Config(target_environment=target_environment)
    if cycle is None:
        return d.Draft(config=config)
    return d.Draft(
        cycle=_cycle(cycle), config=config, units=_units(snapshot), catalogs=load_catalogs(session, cycle.workspace_id)
    )


def units_draft(cycle: Cycle, documents: Iterable[Mapping[str, Json]], catalogs: d.Catalogs) -> d.Draft:
    """The draft that judges units, as snapshots keep them, before any config pools them.

    The rules judge pooled units only, so each has a pool of its own here, in a learning config for production: no first
    config of a cycle meets stricter rules.
    """
    units = tuple(map(value_unit_from_document, documents))
    return d.Draft(
        cycle=d.Cycle(cycle_id=cycle.cycle_id, primary_metrics=tuple(cycle.primary_metrics)),
        config=d.Config(stage=Stage.LEARNING, target_environment=TargetEnvironment.PRODUCTION),
        pools=tuple(d.Pool(value_unit_id=unit.value_unit_id) for unit in units),
        units=units,
        catalogs=catalogs,
    )
