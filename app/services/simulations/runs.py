"""Ask what a candidate would have done to real usage, and keep the answer (spec 4).

Three steps, because the middle one may take seconds and must hold no lock: `prepare` reads rows, `compute` reads events
and touches no database, `record` writes the run. `simulate` is the three together. A run that somebody watches is
written before it is computed: `begin`, then `complete` or `fail` (see simulation_jobs.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Conflict, invalid_field, refused
from app.ids import new_id
from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.product_event import ProductEvent
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.services.configs.completeness import Completeness, completeness
from app.services.configs.editing import refresh
from app.services.configs.lookup import locked
from app.services.configs.reading import ConfigReading, find_config, read_config
from app.services.product_events import log_event
from app.services.usage.store import UsageEvents
from rules.enums import HistoricalWindow, PricingMode, SimulationStatus
from rules.finding import Gate
from rules.gate import blocking_issues_for_simulation, evaluate
from rules.lifecycle import is_editable
from simulation.canonical import content_hash, parse_exact
from simulation.documents import config_plan
from simulation.events import event
from simulation.plan import ConfigPlan, Plan
from simulation.reference import simulate_reference
from simulation.result import Dataset, Outputs
from simulation.window import Window

ACTIVE: Final = "active"
"""The default baseline: whatever version is active for the subject."""
FAILED: Final = "simulation_failed"
"""The product event that keeps why a run failed."""


@dataclass(frozen=True)
class Request:
    """What is asked (spec 4.1). `baseline` is an id, None for no comparison, or `ACTIVE`; `segment` None means all."""

    candidate_config_version_id: str
    window: HistoricalWindow
    segment: str | None
    baseline: str | None = ACTIVE
    pricing_mode: PricingMode = PricingMode.USE_UNIT_ECONOMICS
    include_exploration_in_results: bool = True
    as_of: datetime | None = None


@dataclass(frozen=True)
class Prepared:
    """A question past the simulation gate, with everything from the database that its answer needs."""

    request: Request
    candidate: ConfigReading
    baseline: ConfigReading | None
    blocking_issues: tuple[dict[str, object], ...]
    completeness: Completeness


@dataclass(frozen=True)
class Answer:
    """Outputs, the inputs as resolved, and the fingerprint of the events that were asked."""

    outputs: Outputs
    inputs: dict[str, Any]
    dataset: Dataset


def simulate(
    session: AnySession,
    events: UsageEvents,
    request: Request,
    *,
    actor: Actor,
    now: datetime,
    run_id: str | None = None,
) -> SimulationRun:
    """Prepare, compute and record; opens and commits its own write transaction for the last step only."""
    prepared = prepare(session, request)
    session.rollback()  # the computation holds no snapshot of the database
    answer = compute(prepared, events)
    with write(session):
        return record(session, prepared, answer, actor=actor, now=now, run_id=run_id)


def prepare(session: AnySession, request: Request) -> Prepared:
    """Read the candidate and its baseline; Conflict with all findings when the simulation gate holds one back."""
    candidate = read_config(session, request.candidate_config_version_id)
    findings = _past_the_gate(candidate)
    baseline = _baseline(session, candidate, request.baseline)
    if baseline is not None:
        _past_the_gate(baseline)
    return Prepared(
        request=request,
        candidate=candidate,
        baseline=baseline,
        blocking_issues=tuple(finding.as_dict() for finding in blocking_issues_for_simulation(findings)),
        completeness=completeness(findings),
    )


def _past_the_gate(seen: ConfigReading) -> Any:
    findings = evaluate(seen.draft())
    if held := [finding for finding in findings if finding.gate is Gate.SIMULATE]:
        raise refused(f"Config {seen.config.config_version_id} cannot be simulated", held)
    return findings


def _baseline(session: AnySession, candidate: ConfigReading, wanted: str | None) -> ConfigReading | None:
    if wanted is None:
        return None
    if wanted == ACTIVE:
        served, own_id = candidate.served, candidate.config.config_version_id
        if served is None or served.config_version_id == own_id:
            return None
        return read_config(session, served.config_version_id)
    seen, workspace_id = find_config(session, wanted), candidate.config.workspace_id
    if seen is None or seen.config.workspace_id != workspace_id:
        message = f"Workspace {workspace_id} has no config version {wanted!r}."
        raise invalid_field("/baseline_config_version_id", message)
    return seen


def compute(prepared: Prepared, events: UsageEvents) -> Answer:
    """Run the question over its events. Pure but for reading files; the demo events take the reference fold."""
    if prepared.request.window is HistoricalWindow.MOCKED:
        return _over_demo_events(prepared, events.demo_file)
    from simulation import engine  # late: Ibis and DuckDB come with the first simulation of real usage

    workspace_id = prepared.candidate.config.workspace_id
    seen = events.store.snapshot(workspace_id)
    with engine.open_parquet(seen.paths) as table:
        as_of = prepared.request.as_of or engine.newest_ts(table, prepared.request.segment)
        plan = _plan(prepared, as_of or prepared.candidate.config.created_at, prepared.request.segment)
        outputs = engine.simulate(plan, table)
    newest = seen.newest_ts and seen.newest_ts.replace(tzinfo=UTC)
    return Answer(outputs, _inputs(prepared, plan), Dataset(seen.source, seen.row_count, newest, seen.digest))


def _over_demo_events(prepared: Prepared, file: Path) -> Answer:
    documents = parse_exact(file.read_bytes())
    demo = [event(document) for document in documents]
    newest = max(item.ts for item in demo)
    plan = _plan(prepared, newest, None)
    dataset = Dataset("demo_events", len(demo), newest, content_hash(documents))
    return Answer(simulate_reference(plan, demo), _inputs(prepared, plan), dataset)


def _plan(prepared: Prepared, as_of: datetime, segment: str | None) -> Plan:
    seen, request = prepared.candidate, prepared.request
    return Plan(
        candidate=_config_plan(seen),
        baseline=None if prepared.baseline is None else _config_plan(prepared.baseline),
        window=Window(as_of, request.window.days),
        workspace_id=seen.config.workspace_id,
        segment=segment,
        pricing_mode=request.pricing_mode.value,
        include_exploration_in_results=request.include_exploration_in_results,
        primary_metrics=tuple(seen.cycle.primary_metrics),
        metric_lenses=tuple(seen.config.metric_lenses),
        blocking_issues=prepared.blocking_issues,
    )


def _config_plan(seen: ConfigReading) -> ConfigPlan:
    return config_plan({"config_version_id": seen.config.config_version_id, **seen.document})


def _inputs(prepared: Prepared, plan: Plan) -> dict[str, Any]:
    """The request with every default resolved, so that asking again gives the same bytes."""
    return _asked(prepared) | {"as_of": plan.window.as_of}


def _asked(prepared: Prepared) -> dict[str, Any]:
    """The request as far as it is known before the events are read: `as_of` may still be None."""
    request, config = prepared.request, prepared.candidate.config
    return {
        "candidate_config_version_id": config.config_version_id,
        "baseline_config_version_id": prepared.baseline and prepared.baseline.config.config_version_id,
        "historical_window_days": request.window.json_value,
        "filters": {
            "segment": request.segment,
            "stage": config.stage,
            "target_environment": config.target_environment,
        },
        "pricing_mode": request.pricing_mode.value,
        "include_exploration_in_results": request.include_exploration_in_results,
        "as_of": request.as_of,
    }


def record(
    session: AnySession, prepared: Prepared, answer: Answer, *, actor: Actor, now: datetime, run_id: str | None = None
) -> SimulationRun:
    """Write the completed run. A draft that still has the simulated content becomes `simulated`."""
    run = begin(session, prepared, actor=actor, now=now, run_id=run_id)
    complete(session, run, prepared, answer, actor=actor, now=now)
    return run


def begin(
    session: AnySession, prepared: Prepared, *, actor: Actor, now: datetime, run_id: str | None = None
) -> SimulationRun:
    """Write the run as queued: what is asked, and of which content. It has no outputs and no dataset yet."""
    config = locked(session, prepared.candidate.config.config_version_id)
    if run_id is not None and session.get(SimulationRun, run_id) is not None:
        raise Conflict(f"simulation_run_id {run_id!r} is taken already.", code="already_exists")
    run = SimulationRun(
        simulation_run_id=run_id or new_id("sim_"),
        workspace_id=config.workspace_id,
        cycle_id=config.cycle_id,
        candidate_config_version_id=config.config_version_id,
        baseline_config_version_id=prepared.baseline and prepared.baseline.config.config_version_id,
        status=SimulationStatus.QUEUED.value,
        inputs=_asked(prepared),
        completeness_result=prepared.completeness,
        candidate_content_hash=content_hash(prepared.candidate.document),
        dataset={},
        created_at=now,
    )
    session.add(run)
    session.flush()
    _log(session, "simulation_started", run, actor, now)
    return run


def complete(
    session: AnySession, run: SimulationRun, prepared: Prepared, answer: Answer, *, actor: Actor, now: datetime
) -> None:
    """Give the run its answer. A draft that still has the simulated content becomes `simulated`."""
    config = locked(session, run.candidate_config_version_id)
    run.status = SimulationStatus.COMPLETED.value
    run.inputs = answer.inputs
    run.baseline_config_version_id = answer.inputs["baseline_config_version_id"]
    run.outputs = dict(answer.outputs.document)
    run.completeness_result = dict(prepared.completeness)
    run.candidate_content_hash = content_hash(prepared.candidate.document)
    run.dataset = answer.dataset.document()
    run.completed_at = now
    session.flush()
    if is_editable(config.status):
        refresh(session, config, now)
    _log(session, "simulation_completed", run, actor, now)


def fail(session: AnySession, run: SimulationRun, reason: str, *, actor: Actor, now: datetime) -> None:
    """End the run without an answer; the product event keeps the reason, a sentence for operators."""
    run.status = SimulationStatus.FAILED.value
    run.completed_at = now
    session.flush()
    _log(session, FAILED, run, actor, now, reason=reason)


def failure_reason(session: AnySession, simulation_run_id: str) -> str | None:
    """Why the run failed, None when it did not."""
    about_it = sa.select(ProductEvent.detail).filter_by(entity_id=simulation_run_id, event_name=FAILED).limit(1)
    detail = session.scalar(about_it)
    return detail and detail["reason"]


def _log(session: AnySession, name: str, run: SimulationRun, actor: Actor, now: datetime, **detail: Any) -> None:
    log_event(
        session,
        name,
        actor=actor,
        now=now,
        workspace_id=run.workspace_id,
        entity_id=run.simulation_run_id,
        config_version_id=run.candidate_config_version_id,
        **detail,
    )


def request_from(inputs: Mapping[str, Any], config: ConfigVersion) -> Request:
    """A request from the fields of spec 4.1; filters default to the candidate's subject and must agree with it."""
    filters = dict(inputs.get("filters") or {})
    for name in ("stage", "target_environment", "segment"):
        given = filters.get(name, getattr(config, name))
        if given != getattr(config, name) and not (name == "segment" and given is None):
            raise invalid_field(
                f"/filters/{name}",
                f"{config.config_version_id} is for {name} {getattr(config, name)!r}, not {given!r}: leave it out.",
            )
    return Request(
        candidate_config_version_id=config.config_version_id,
        window=HistoricalWindow(str(inputs["historical_window_days"])),
        segment=filters.get("segment", config.segment),
        baseline=inputs.get("baseline_config_version_id", ACTIVE),
        pricing_mode=PricingMode(inputs.get("pricing_mode", PricingMode.USE_UNIT_ECONOMICS)),
        include_exploration_in_results=inputs.get("include_exploration_in_results", True),
        as_of=inputs.get("as_of"),
    )
