"""A config version with everything that decides about it, and the values that the rules take of it (spec 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.errors import not_found
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.configs.documents import (
    CONFIG_SECTIONS,
    config_document,
    exploration_shape,
    frozen_unit,
    rails_shape,
    with_delivery,
)
from app.services.configs.lookup import cycle_of, snapshot_of
from app.services.configs.rows import (
    CatalogRows,
    ConfigRow,
    CycleRow,
    RunRow,
    SnapshotRow,
    read_catalogs,
    read_rows,
)
from rules import draft as d
from rules.delivery import stated
from rules.documents import risk_from_document, value_unit_from_document
from simulation.canonical import content_hash, parse_exact


def load_catalogs(session: Any) -> d.Catalogs:
    return _catalogs(read_catalogs(session))


def _catalogs(rows: CatalogRows) -> d.Catalogs:
    """In their order, whatever order the database met them in."""
    return d.Catalogs(
        events={event_type: tuple(dimensions) for event_type, dimensions in sorted(rows.events)},
        metric_ids=tuple(sorted(rows.metric_ids)),
        signal_ids=tuple(sorted(rows.signal_ids)),
    )


@dataclass(frozen=True)
class Served:
    """What is active for a subject now, as the customer apps read it."""

    config_version_id: str
    document: bytes

    @cached_property
    def avs_config(self) -> dict[str, Any]:
        return dict(parse_exact(self.document))

    @property
    def content(self) -> dict[str, Any]:
        """Its enforced content, in the shape of `documents.config_document`."""
        return {name: self.avs_config[name] for name in CONFIG_SECTIONS}

    @property
    def decided(self) -> dict[str, Any]:
        """What its decision was about: the content and how it is delivered."""
        return with_delivery(self.content, stated(self.avs_config["governance"]["delivery"]))


@dataclass(frozen=True)
class ConfigReading:
    """A config version with everything that decides about it, read in one go.

    `run` is the run an approval names, else the latest completed one; `document` is its enforced content. Its hash is
    taken from the content itself: a gate believes no column that somebody may have left behind. `something_waits` says
    that some version of the subject is approved for later.
    """

    config: ConfigRow
    cycle: CycleRow
    snapshot: SnapshotRow | None
    served: Served | None
    something_waits: bool
    run: RunRow | None
    run_is_latest: bool
    catalogs: d.Catalogs
    document: dict[str, Any]
    content_hash: str
    requested_baseline_id: str | None = None

    @property
    def decided(self) -> dict[str, Any]:
        """What a decision for it is about: the content and how it is delivered."""
        return with_delivery(self.document, self.config.delivery)

    def draft(self) -> d.Draft:
        """The permissive value that `rules.gate.evaluate` reads."""
        return d.Draft(
            cycle=_cycle(self.cycle),
            config=_config(self.config, self.content_hash),
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
            units=None if self.snapshot is None else tuple(map(value_unit_from_document, self.snapshot.value_units)),
            catalogs=self.catalogs,
            simulation=None if self.run is None else _run(self.run, self.run_is_latest),
            active_config_version_id=self.served and self.served.config_version_id,
            requested_baseline_config_version_id=self.requested_baseline_id,
        )


def find_config(
    session: Any,
    config_version_id: str,
    *,
    simulation_run_id: str | None = None,
    requested_baseline_id: str | None = None,
    catalogs: d.Catalogs | None = None,
) -> ConfigReading | None:
    """Everything that decides about a config version; None when there is none, as when a listed one was just deleted.

    `simulation_run_id` is the run that an approval names, `catalogs` what was read before for the first of many.
    """
    rows = read_rows(session, config_version_id, simulation_run_id, with_catalogs=catalogs is None)
    if rows is None:
        return None
    document = config_document(rows.config, rows.cycle, rows.snapshot)
    return ConfigReading(
        config=rows.config,
        cycle=rows.cycle,
        snapshot=rows.snapshot,
        served=None if rows.served_id is None else Served(rows.served_id, rows.served),
        something_waits=rows.something_waits,
        run=rows.run,
        run_is_latest=rows.run_is_latest,
        catalogs=catalogs or _catalogs(rows.catalogs),
        document=document,
        content_hash=content_hash(document),
        requested_baseline_id=requested_baseline_id,
    )


def read_config(session: Any, config_version_id: str, **asked: Any) -> ConfigReading:
    """The same; raises NotFound when there is no such config version."""
    seen = find_config(session, config_version_id, **asked)
    if seen is None:
        raise not_found("config version", config_version_id)
    return seen


def current_hash(session: Any, config: ConfigVersion) -> str:
    """SHA-256 of what the config would enforce now."""
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


def definition_value(unit: ValueUnitDefinition) -> d.ValueUnit:
    return value_unit_from_document(frozen_unit(unit))


def _run(run: RunRow, is_latest: bool) -> d.SimulationRun:
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
        risks=tuple(map(risk_from_document, outputs.get("risks") or ())),
    )


def cycle_draft(session: Any, cycle: Cycle | None, units: ValueUnitSnapshot | None) -> d.Draft:
    """What the rules can judge before there is a config: the cycle and its newest snapshot."""
    if cycle is None:
        return d.Draft()
    return d.Draft(
        cycle=_cycle(cycle),
        units=None if units is None else tuple(map(value_unit_from_document, units.value_units)),
        catalogs=load_catalogs(session),
    )
