"""The one place that turns rows into the values rules take (house: only this module crosses that border)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.errors import not_found
from app.models.catalog import EventCatalog, MetricCatalog, QualitySignalCatalog
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle
from app.models.simulation_run import SimulationRun
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.documents import config_document, exploration_shape, frozen_unit, rails_shape
from rules import draft as d
from rules.enums import ConfigStatus, SimulationStatus
from simulation.canonical import content_hash


def get(session: Any, model: type[Any], identifier: Any, kind: str, **options: Any) -> Any:
    """The row, or NotFound that names it."""
    row = session.get(model, identifier, **options)
    if row is None:
        raise not_found(kind, identifier if isinstance(identifier, str) else "/".join(identifier))
    return row


def get_config(session: Any, config_version_id: str) -> ConfigVersion:
    config: ConfigVersion = get(session, ConfigVersion, config_version_id, "config version")
    return config


def cycle_of(session: Any, config: ConfigVersion) -> Cycle:
    cycle: Cycle = get(session, Cycle, config.cycle_id, "cycle")
    return cycle


def snapshot_of(session: Any, config: ConfigVersion) -> ValueUnitSnapshot | None:
    """The snapshot that the config names, if it was submitted."""
    if config.value_unit_snapshot_version is None:
        return None
    found: ValueUnitSnapshot | None = session.scalar(
        sa.select(ValueUnitSnapshot).filter_by(
            cycle_id=config.cycle_id, snapshot_version=config.value_unit_snapshot_version
        )
    )
    return found


def active_config(session: Any, subject: Mapping[str, str]) -> ConfigVersion | None:
    """The subject's active version; the partial unique index makes it one at most."""
    found: ConfigVersion | None = session.scalar(
        sa.select(ConfigVersion).filter_by(status=ConfigStatus.ACTIVE.value, **{k: subject[k] for k in SUBJECT_FIELDS})
    )
    return found


def latest_completed_run(session: Any, config_version_id: str) -> SimulationRun | None:
    found: SimulationRun | None = session.scalar(
        sa.select(SimulationRun)
        .filter_by(candidate_config_version_id=config_version_id, status=SimulationStatus.COMPLETED.value)
        .order_by(SimulationRun.created_at.desc(), SimulationRun.simulation_run_id.desc())
        .limit(1)
    )
    return found


def load_catalogs(session: Any) -> d.Catalogs:
    return d.Catalogs(
        events={
            event_type: tuple(dimensions)
            for event_type, dimensions in session.execute(sa.select(EventCatalog.event_type, EventCatalog.dimensions))
        },
        metric_ids=tuple(session.scalars(sa.select(MetricCatalog.metric_id).order_by(MetricCatalog.metric_id))),
        signal_ids=tuple(
            session.scalars(sa.select(QualitySignalCatalog.signal_id).order_by(QualitySignalCatalog.signal_id))
        ),
    )


@dataclass(frozen=True)
class ConfigSnapshot:
    """A config version with everything that decides about it, read in one go.

    `run` is the run an approval names, else the latest completed one; `document` is its enforced content.
    """

    config: ConfigVersion
    cycle: Cycle
    units: ValueUnitSnapshot | None
    active: ConfigVersion | None
    run: SimulationRun | None
    run_is_latest: bool
    catalogs: d.Catalogs
    document: dict[str, Any]
    requested_baseline_id: str | None = None

    def draft(self) -> d.Draft:
        """The permissive value that `rules.gate.evaluate` reads."""
        return d.Draft(
            cycle=_cycle(self.cycle),
            config=_config(self.config),
            pools=tuple(
                d.Pool(
                    pool_id=pool.pool_id,
                    value_unit_id=pool.value_unit_id,
                    is_exploration_pool=pool.is_exploration_pool,
                )
                for pool in self.config.pools
            ),
            exploration=_exploration(exploration_shape(self.config.exploration)),
            rails=_rails(rails_shape(self.config.rails)),
            units=None if self.units is None else tuple(map(unit_value, self.units.value_units)),
            catalogs=self.catalogs,
            simulation=None if self.run is None else _run(self.run, self.run_is_latest),
            active_config_version_id=self.active and self.active.config_version_id,
            requested_baseline_config_version_id=self.requested_baseline_id,
        )


def read_config(
    session: Any,
    config: ConfigVersion,
    *,
    run: SimulationRun | None = None,
    requested_baseline_id: str | None = None,
    catalogs: d.Catalogs | None = None,
) -> ConfigSnapshot:
    """Everything that decides about a config version; `run` is the one an approval names."""
    cycle, units = cycle_of(session, config), snapshot_of(session, config)
    latest = latest_completed_run(session, config.config_version_id)
    return ConfigSnapshot(
        config=config,
        cycle=cycle,
        units=units,
        active=active_config(session, config.subject_resolution),
        run=run or latest,
        run_is_latest=latest is not None and (run is None or run.simulation_run_id == latest.simulation_run_id),
        catalogs=catalogs or load_catalogs(session),
        document=config_document(config, cycle, units),
        requested_baseline_id=requested_baseline_id,
    )


def current_hash(session: Any, config: ConfigVersion) -> str:
    """SHA-256 of what the config would enforce now."""
    return content_hash(config_document(config, cycle_of(session, config), snapshot_of(session, config)))


def _cycle(cycle: Cycle) -> d.Cycle:
    return d.Cycle(
        cycle_id=cycle.cycle_id,
        cycle_type=cycle.cycle_type,
        period_length_days=cycle.period_length_days,
        goal_type=cycle.goal_type,
        primary_metrics=tuple(cycle.primary_metrics),
    )


def _config(config: ConfigVersion) -> d.Config:
    return d.Config(
        config_version_id=config.config_version_id,
        **config.subject_resolution,
        status=config.status,
        value_unit_snapshot_version=config.value_unit_snapshot_version,
        price_book_ref=config.price_book_ref,
        metric_lenses=tuple(config.metric_lenses),
        content_hash=config.content_hash,
    )


def _exploration(shape: Mapping[str, Any]) -> d.Exploration:
    return d.Exploration(**{**shape, "qualifying_events": tuple(shape["qualifying_events"])})


def _rails(shape: Mapping[str, Any]) -> d.Rails:
    return d.Rails(
        usage_thresholds=tuple(
            d.UsageThreshold(percent=item["percent"], action=item["action"]) for item in shape["usage_thresholds"]
        ),
        monthly_spend_cap_usd=shape["monthly_spend_cap_usd"],
        at_cap_action=shape["at_cap_action"],
        margin_floor=shape["margin_floor"],
    )


def unit_value(unit: Mapping[str, Any]) -> d.ValueUnit:
    """A frozen definition, or a live one through `documents.frozen_unit`, as the rules read it."""
    mapping = unit.get("event_mapping") or {}
    return d.ValueUnit(
        value_unit_id=unit["value_unit_id"],
        name=unit["name"],
        unit_type=unit.get("unit_type"),
        event_mapping=d.EventMapping(
            event_type=mapping.get("event_type"),
            filters=mapping.get("filters") or {},
            aggregation=d.Aggregation(**(mapping.get("aggregation") or {})),
        ),
        outcome_statement=unit.get("outcome_statement"),
        metrics_intent=tuple(d.MetricIntent(**intent) for intent in unit.get("metrics_intent") or ()),
        quality_signal_source=tuple(unit.get("quality_signal_source") or ()),
        unit_economics=d.UnitEconomics(**(unit.get("unit_economics") or {})),
    )


def definition_value(unit: ValueUnitDefinition) -> d.ValueUnit:
    return unit_value(frozen_unit(unit))


def _run(run: SimulationRun, is_latest: bool) -> d.SimulationRun:
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
        risks=tuple(_risks(outputs.get("risks", ()))),
    )


def _risks(risks: Iterable[Mapping[str, Any]]) -> Iterable[d.Risk]:
    for risk in risks:
        yield d.Risk(code=risk["code"], detail=str(risk.get("detail")), periods=tuple(risk.get("periods", ())))
