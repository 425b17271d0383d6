"""The review of a simulation run: its headline, its risks with the screens that fix them, its command (spec 7, 4B)."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import defer

from app.errors import not_found
from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.simulation_run import SimulationRun
from app.services.catalogs.kinds import METRICS
from app.services.catalogs.reading import labels_of
from app.services.configs.reading import ConfigReading, read_config
from app.services.simulations.dataset import change_since
from app.services.simulations.review_tables import Amount, Cell, Outputs, margin_change, margin_of
from app.services.simulations.uncounted import UncountedType, uncounted_types
from app.services.simulations.usage_facts import usage_facts
from app.services.usage.store import EventStore
from app.services.wording.words import SHARES
from rules.draft import DatasetChange, Draft, ValueUnit
from rules.enums import HistoricalWindow, PricingMode
from rules.finding import Finding, Gate
from rules.gate import blocking_issues_for_simulation, evaluate
from rules.places import at_rails, at_unit, config_screen
from rules.risks import risk_sentence
from simulation.canonical import Json, JsonObject, content_hash
from simulation.output_shapes import Economics, RiskEntry

MARGIN = "gross_margin"
LISTED_RUNS = 50
PRICING: Mapping[str, str] = {
    PricingMode.USE_UNIT_ECONOMICS: "Revenue is what is used beyond the allowance, at the target price per unit.",
    PricingMode.REVENUE_PROXY_TOTAL: "Proxy: every unit used earns the target price, included or not.",
    PricingMode.REVENUE_PROXY_COMMIT: "Proxy: per customer and period the larger of what is included and what is used, "
    "at the target price per unit.",
}
"""The meaning of revenue in each pricing mode (spec 4.2)."""
WITH_PLAN = "Revenue is what customers are billed by the price plan: fees, overage after credits, credits and true-up."
"""What it means in `use_unit_economics` where a side has a price plan."""
PLAN_RISKS: Mapping[str, str] = {
    "plan_price_below_cost": "unit_prices.{value_unit_id}.tiers.{tier}.unit_price_usd",
    "commit_unused": "minimum_commit_usd",
    "credits_expired": "prepaid.expires_after_days",
}
"""Risk of a price plan → the field of its screen that mends it."""


@dataclass(frozen=True)
class Figure:
    """One figure before and after, and its change; None is "not measured". `kind` is money, share or quantity."""

    name: str
    label: str
    kind: str
    before: Cell
    after: Cell
    change: Cell
    method: str | None = None


@dataclass(frozen=True)
class Risk:
    """One entry of `outputs.risks` with the link to the screen that fixes it."""

    code: str
    detail: str
    deep_link: str


@dataclass(frozen=True)
class Review:
    """A completed run, judged by the config as it is now.

    `blocking` holds approval back now; `mended` are the run's own blocking issues that no longer do. `is_stale`: the
    config has changed since. `margin_floor` is the run's, None when it had none or it is no longer known. `advice`
    stops nothing. `dataset_change` is what has become of the events that the run covers.
    """

    run: SimulationRun
    is_latest: bool
    is_stale: bool
    blocking: tuple[Finding, ...]
    advice: tuple[Finding, ...]
    dataset_change: DatasetChange
    mended: list[JsonObject]
    risks: list[Risk]
    headline: list[Figure]
    lenses: list[Figure]
    margin_floor: Decimal | int | None
    command: str
    uncounted: tuple[UncountedType, ...]


def review(
    session: AnySession,
    config: ConfigVersion,
    store: EventStore,
    simulation_run_id: str | None = None,
    *,
    now: datetime,
) -> Review | None:
    """The review of that run, else of the latest completed one; None when no run was completed. Reads the event store.

    Raises NotFound for a run that is not this config's.
    """
    reading = read_config(session, config.config_version_id)
    if simulation_run_id is None:
        if reading.run is None:
            return None
        simulation_run_id = reading.run.simulation_run_id
    run = run_of_config(session, config, simulation_run_id)
    if run.outputs is None:
        return None
    usage = usage_facts(session, store, reading, now=now)
    draft = reading.draft(usage)
    findings = evaluate(draft)
    stale = run.candidate_content_hash != content_hash(reading.document)
    return Review(
        run=run,
        is_latest=reading.run is not None and run.simulation_run_id == reading.run.simulation_run_id,
        is_stale=stale,
        blocking=tuple(finding for finding in findings if finding.gate is not Gate.ADVISORY),
        advice=tuple(finding for finding in findings if finding.gate is Gate.ADVISORY),
        dataset_change=change_since(session, store, simulation_run_id),
        mended=_mended(run.outputs, findings),
        risks=[_risk(draft, risk, run.outputs) for risk in run.outputs["risks"]],
        headline=headline(run.outputs, labels := metric_labels(session, config.workspace_id)),
        lenses=list(metric_figures(run.outputs, run.outputs["lens_metrics"], labels)),
        margin_floor=_floor(run.outputs, reading, stale),
        command=command(run.inputs),
        uncounted=uncounted_types(run.outputs, draft),
    )


def _risk(draft: Draft, risk: RiskEntry, outputs: Outputs) -> Risk:
    return Risk(risk["code"], risk_sentence(risk, outputs), risk_link(draft, risk))


def run_of_config(session: AnySession, config: ConfigVersion, simulation_run_id: str) -> SimulationRun:
    """The run, which must be one of this config; NotFound otherwise."""
    run = session.get(SimulationRun, simulation_run_id)
    if run is None or run.candidate_config_version_id != config.config_version_id:
        raise not_found(f"simulation run of {config.config_version_id}", simulation_run_id)
    return run


def runs_of(session: AnySession, config: ConfigVersion) -> list[SimulationRun]:
    """The config's newest runs, in any state and without their outputs; at most `LISTED_RUNS`."""
    return list(
        session.scalars(
            sa.select(SimulationRun)
            .filter_by(candidate_config_version_id=config.config_version_id)
            .options(defer(SimulationRun.outputs), defer(SimulationRun.completeness_result))
            .order_by(SimulationRun.place.desc(), SimulationRun.simulation_run_id.desc())
            .limit(LISTED_RUNS)
        )
    )


def metric_labels(session: AnySession, workspace_id: str) -> dict[str, str]:
    """metric_id → label, of the metrics that the workspace reads."""
    return labels_of(session, METRICS, workspace_id).all


def headline(outputs: Outputs, labels: Mapping[str, str]) -> list[Figure]:
    """Revenue, cost and margin, then every declared primary metric that is not one of them."""
    economics: Economics = outputs["economics"]
    amounts = [_amount(economics, "revenue_usd", "Revenue"), _amount(economics, "cost_usd", "Cost")]
    others = [name for name in outputs["primary_metric_deltas"] if name != MARGIN]
    return [*amounts, _margin(economics, labels), *metric_figures(outputs, others, labels)]


def metric_figures(outputs: Outputs, names: Sequence[str], labels: Mapping[str, str]) -> Iterator[Figure]:
    """Declared metrics, each with the method of its proxy."""
    for name in names:
        if name == MARGIN:
            yield _margin(outputs["economics"], labels)
            continue
        row = outputs["metrics"][name]
        yield Figure(
            name=name,
            label=labels.get(name, name),
            kind="share" if name in SHARES else "quantity",
            before=row["baseline"],
            after=row["candidate"],
            change=row["delta"],
            method=outputs["proxy_methods"].get(name),
        )


def _amount(economics: Economics, name: Amount, label: str) -> Figure:
    before, after, change = economics["baseline"], economics["candidate"], economics["delta"]
    return Figure(
        name=name,
        label=label,
        kind="money",
        before=before[name] if before else None,
        after=after[name] if after else None,
        change=change[name] if change else None,
    )


def _margin(economics: Economics, labels: Mapping[str, str]) -> Figure:
    return Figure(
        name=MARGIN,
        label=labels.get(MARGIN, "Gross margin"),
        kind="share",
        before=margin_of(economics["baseline"]),
        after=margin_of(economics["candidate"]),
        change=margin_change(economics),
    )


def risk_link(draft: Draft, risk: Mapping[str, Json]) -> str:
    """The link to the screen that fixes a risk, and to its field where there is one."""
    code, unit = risk["code"], ValueUnit(value_unit_id=risk.get("value_unit_id"))
    if code == "spend_cap_exceeded":
        return at_rails(draft, "monthly_spend_cap_usd").deep_link
    if code == "pool_price_zero":
        return at_unit(draft, unit, "unit_economics.target_price_per_unit_usd").deep_link
    if code == "most_events_add_nothing":
        return at_unit(draft, unit, "event_mapping.aggregation.field").deep_link
    if code == "quality_signal_missing":
        return at_unit(draft, unit, "quality_signal_source").deep_link
    if code in PLAN_RISKS:
        return f"{config_screen(draft, 'price-plan')}#{PLAN_RISKS[code].format(**risk)}"
    if code == "usage_unmatched":
        return at_unit(draft, unit, "event_mapping.filters").deep_link
    return config_screen(draft, "simulate" if code == "no_usage_in_window" else "pools")


def _mended(outputs: Outputs, findings: Sequence[Finding]) -> list[JsonObject]:
    still_blocking = {(finding.code, finding.field) for finding in blocking_issues_for_simulation(findings)}
    return [issue for issue in outputs["blocking_issues"] if (issue["code"], issue["field"]) not in still_blocking]


def _floor(outputs: Outputs, reading: ConfigReading, stale: bool) -> Decimal | int | None:
    """The margin floor of the run: what its risk names; else the config's, as long as that has not changed."""
    floors = (risk["margin_floor"] for risk in outputs["risks"] if risk["code"] == "margin_floor_violated")
    floor: Decimal | int | None = next(floors, None)
    if floor is None and not stale:
        floor = reading.document["rails"]["margin_floor"]
    return floor


def command(inputs: Mapping[str, Json]) -> str:
    """The command line that repeats the run: with equal content and dataset it gives equal bytes."""
    window = str(inputs["historical_window_days"])
    words = ["avs", "simulate", inputs["candidate_config_version_id"], "--window", window]
    words += ["--baseline", inputs["baseline_config_version_id"] or "none", "--pricing-mode", inputs["pricing_mode"]]
    if inputs["filters"]["segment"] is None:
        words.append("--all-segments")
    if not inputs["include_exploration_in_results"]:
        words.append("--without-exploration")
    if window != HistoricalWindow.MOCKED:
        words += ["--as-of", inputs["as_of"]]
    return shlex.join(words)
