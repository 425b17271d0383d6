"""Simulation runs: what a candidate would have done to real usage, asked and stored (spec 4).

Three steps, because the middle one may take seconds and must hold no lock: `prepare` reads rows, `compute` reads events
and touches no database, `record` writes the run. `simulate` does all three. A run that an operator watches is written
before it is computed: `begin`, then `complete` or `fail` (see jobs.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

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
from app.services.simulations.dataset import covered_document, scope_of
from app.services.usage.coverage import coverage_of
from app.services.usage.store import UsageEvents
from rules.enums import HistoricalWindow, PricingMode, SimulationStatus
from rules.finding import Finding, Gate
from rules.gate import blocking_issues_for_simulation, evaluate
from rules.lifecycle import is_editable
from simulation.canonical import Json, JsonObject, content_hash, parse_exact
from simulation.documents import config_plan
from simulation.events import event
from simulation.plan import ConfigPlan, Plan
from simulation.reference import simulate_reference
from simulation.result import Dataset, Outputs
from simulation.window import Window

ACTIVE: Final = "active"
"""The default baseline: the version that is active for the subject."""
FAILED: Final = "simulation_failed"
"""The product event that holds the reason why a run failed."""


@dataclass(frozen=True)
class Request:
    """A question (spec 4.1). `baseline` is an id, None for no comparison, or `ACTIVE`; `segment` None means all."""

    candidate_config_version_id: str
    window: HistoricalWindow
    segment: str | None
    baseline: str | None = ACTIVE
    pricing_mode: PricingMode = PricingMode.USE_UNIT_ECONOMICS
    include_exploration_in_results: bool = True
    as_of: datetime | None = None


@dataclass(frozen=True)
class Prepared:
    """A question that passed the simulation gate, with everything from the database that its answer needs."""

    request: Request
    candidate: ConfigReading
    baseline: ConfigReading | None
    blocking_issues: tuple[dict[str, object], ...]
    completeness: Completeness


@dataclass(frozen=True)
class Answer:
    """The outputs, the inputs with every default resolved, and the fingerprint of the events they come from."""

    outputs: Outputs
    inputs: JsonObject
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
    """Prepare, compute and record; opens and commits a write transaction of its own for the last step."""
    prepared = prepare(session, request)
    session.rollback()  # the computation holds no snapshot of the database
    answer = compute(prepared, events, now)
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


def _past_the_gate(reading: ConfigReading) -> tuple[Finding, ...]:
    """All findings; Conflict with those of the simulation gate when there are any."""
    findings = evaluate(reading.draft())
    if held := [finding for finding in findings if finding.gate is Gate.SIMULATE]:
        raise refused(f"Config {reading.config.display_name} cannot be simulated", held)
    return findings


def _baseline(session: AnySession, candidate: ConfigReading, requested: str | None) -> ConfigReading | None:
    """The version to compare with; Invalid for one that the candidate's workspace does not have."""
    if requested is None:
        return None
    if requested == ACTIVE:
        served, own_id = candidate.served, candidate.config.config_version_id
        if served is None or served.config_version_id == own_id:
            return None
        return read_config(session, served.config_version_id)
    reading, workspace_id = find_config(session, requested), candidate.config.workspace_id
    if reading is None or reading.config.workspace_id != workspace_id:
        message = f"Workspace {workspace_id} has no config version {requested!r}."
        raise invalid_field("/baseline_config_version_id", message)
    return reading


def compute(prepared: Prepared, events: UsageEvents, now: datetime) -> Answer:
    """Answer the question from its events: no database; the demo events go through the reference fold.

    Without an `as_of` the window ends at the newest event that is not after now (aware). Invalid when the sums are
    beyond what can be calculated exactly.
    """
    try:
        return _computed(prepared, events, now)
    except OverflowError as error:
        detail = f"{error}. Check prices, costs and included quantities, then simulate again."
        raise invalid_field("/candidate_config_version_id", detail, "out_of_range") from error


def _computed(prepared: Prepared, events: UsageEvents, now: datetime) -> Answer:
    if prepared.request.window is HistoricalWindow.MOCKED:
        return _over_demo_events(prepared, events.demo_file)
    from simulation import engine  # late: Ibis and DuckDB come with the first simulation of real usage

    workspace_id = prepared.candidate.config.workspace_id
    usage = events.store.snapshot(workspace_id)
    with engine.open_parquet(usage.paths) as table:
        as_of = prepared.request.as_of or engine.newest_ts(table, prepared.request.segment, now)
        plan = _plan(prepared, as_of or prepared.candidate.config.created_at, prepared.request.segment)
        outputs = engine.simulate(plan, table)
    newest = usage.newest_ts and usage.newest_ts.replace(tzinfo=UTC)
    covered = covered_document(coverage_of(events.store, workspace_id, usage, scope_of(plan)))
    dataset = Dataset(usage.source, usage.row_count, newest, usage.digest, covered)
    return Answer(outputs, _inputs(prepared, plan), dataset)


def _over_demo_events(prepared: Prepared, file: Path) -> Answer:
    documents = parse_exact(file.read_bytes())
    demo = [event(document) for document in documents]
    newest = max(item.ts for item in demo)
    plan = _plan(prepared, newest, None)
    dataset = Dataset("demo_events", len(demo), newest, content_hash(documents))
    return Answer(simulate_reference(plan, demo), _inputs(prepared, plan), dataset)


def _plan(prepared: Prepared, as_of: datetime, segment: str | None) -> Plan:
    reading, request = prepared.candidate, prepared.request
    return Plan(
        candidate=_config_plan(reading),
        baseline=None if prepared.baseline is None else _config_plan(prepared.baseline),
        window=Window(as_of, request.window.days),
        workspace_id=reading.config.workspace_id,
        segment=segment,
        pricing_mode=request.pricing_mode.value,
        include_exploration_in_results=request.include_exploration_in_results,
        primary_metrics=tuple(reading.cycle.primary_metrics),
        metric_lenses=tuple(reading.config.metric_lenses),
        blocking_issues=prepared.blocking_issues,
    )


def _config_plan(reading: ConfigReading) -> ConfigPlan:
    """The plan of a config, with the units of its snapshot that no pool counts: the run says what those would take."""
    units = reading.document["value_units"] if reading.snapshot is None else reading.snapshot.value_units
    identified = {"config_version_id": reading.config.config_version_id}
    return config_plan({**identified, **reading.document, "value_units": units})


def _inputs(prepared: Prepared, plan: Plan) -> JsonObject:
    """The request with every default resolved, so that asking again gives the same bytes."""
    return _request_inputs(prepared) | {"as_of": plan.window.as_of}


def _request_inputs(prepared: Prepared) -> JsonObject:
    """The request as far as it is resolved before the events are read: `as_of` may still be None."""
    request, config = prepared.request, prepared.candidate.config
    return {
        "candidate_config_version_id": config.config_version_id,
        "baseline_config_version_id": _baseline_id(prepared),
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


def _baseline_id(prepared: Prepared) -> str | None:
    return prepared.baseline.config.config_version_id if prepared.baseline else None


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
    """Write the run as queued, with its inputs and the hash of its candidate; it has no outputs and no dataset yet."""
    config = locked(session, prepared.candidate.config.config_version_id)
    if run_id is not None and session.get(SimulationRun, run_id) is not None:
        raise Conflict(f"simulation_run_id {run_id!r} is taken already.", code="already_exists")
    run = SimulationRun(
        simulation_run_id=run_id or new_id("sim_"),
        workspace_id=config.workspace_id,
        cycle_id=config.cycle_id,
        candidate_config_version_id=config.config_version_id,
        baseline_config_version_id=_baseline_id(prepared),
        status=SimulationStatus.QUEUED.value,
        inputs=_request_inputs(prepared),
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
    """Write the answer into the run. A draft that still has the simulated content becomes `simulated`."""
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
    failure = sa.select(ProductEvent.detail).filter_by(entity_id=simulation_run_id, event_name=FAILED).limit(1)
    detail = session.scalar(failure)
    return str(detail["reason"]) if detail else None


def _log(session: AnySession, name: str, run: SimulationRun, actor: Actor, now: datetime, **detail: str) -> None:
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


def request_from(inputs: Mapping[str, Json], config: ConfigVersion) -> Request:
    """A request from the fields of spec 4.1. Filters default to the candidate's subject; Invalid when they differ."""
    filters = dict(inputs.get("filters") or {})
    for name in ("stage", "target_environment", "segment"):
        own = getattr(config, name)
        value = filters.get(name, own)
        if value != own and not (name == "segment" and value is None):
            raise invalid_field(
                f"/filters/{name}",
                f"{config.config_version_id} is for {name} {own!r}, not {value!r}: leave it out.",
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
