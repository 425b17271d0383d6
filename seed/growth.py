"""ws_2049, Lumina Growth Demo: the whole main job done by the services themselves, at fixed times with fixed ids.

The caller holds the transaction; the usage events go to the event store on the way, where a rerun finds them taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import sqlalchemy as sa

from app.actor import Actor
from app.models.base import AnySession
from app.models.catalog import Customer
from app.models.config_version import SUBJECT_FIELDS
from app.models.enforcement import EnforcementEvent
from app.models.value_unit import ValueUnitDefinition
from app.services.authoring import configs as config_drafts
from app.services.authoring import cycles, unit_snapshots, value_units, workspaces
from app.services.authoring.inputs import ConfigInput
from app.services.decisions import activation
from app.services.simulations import runs
from app.services.usage.formats import Rows
from app.services.usage.imports import policy_for
from app.services.usage.store import EventStore, UsageEvents
from seed import growth_story as story
from seed.growth_customers import Profile, customers
from seed.growth_enforcement import InForce, numbered, reports
from seed.growth_usage import END, Event, usage_events
from seed.problems import SeedError, SeedProblem
from simulation.canonical import Json

SEED = 2049
OPERATOR = Actor("Mara Lindqvist", "product_growth")
APPROVER = ("Mara Lindqvist", "Head of Growth")
SANDBOX_REPORTS_FOR = timedelta(days=21)


def people_and_usage() -> tuple[list[Profile], list[Event]]:
    """The 240 customers and all their events, alike on every call."""
    rng = Random(SEED)  # noqa: S311  a demo, not a secret
    profiles = customers(rng)
    return profiles, usage_events(rng, profiles)


def add(session: AnySession, usage: UsageEvents) -> int:
    """Write the whole workspace; returns how many usage events the store did not have. The catalogs must be there."""
    profiles, events = people_and_usage()
    _customers(session, profiles)
    _foundation(session)
    accepted = _ingest(session, usage.store, events)
    for step in story.STORY:
        if step.decided > story.UNITS_REVISED:
            _revise_units(session)
        _take(session, usage, step)
    _report(session, profiles, events)
    return accepted


def _customers(session: AnySession, profiles: Sequence[Profile]) -> None:
    rows = [{"customer_id": p.customer_id, "name": p.name, "segment": p.segment} for p in profiles]
    taken = set(session.scalars(sa.select(Customer.customer_id).where(Customer.workspace_id.is_(None))))
    session.execute(sa.insert(Customer), [row for row in rows if row["customer_id"] not in taken])


def _foundation(session: AnySession) -> None:
    """The workspace, its cycles and units, and the first snapshot of each cycle."""
    workspaces.create_workspace(session, story.WORKSPACE_ROW, actor=OPERATOR, now=story.FOUNDED).is_demo = True
    for cycle in story.CYCLES:
        cycles.create_cycle(session, cycle, actor=OPERATOR, now=story.FOUNDED)
    for unit in story.UNITS:
        value_units.create_value_unit(session, unit, actor=OPERATOR, now=story.FOUNDED)
    for cycle_id in (story.SANDBOX_CYCLE, story.PRODUCTION_CYCLE):
        _freeze(session, cycle_id, 1, story.FOUNDED if cycle_id == story.SANDBOX_CYCLE else story.UNITS_FROZEN)


def _freeze(session: AnySession, cycle_id: str, version: int, now: datetime) -> None:
    snapshot_id = f"vus_{cycle_id.removeprefix('cycle_')}_{version}"
    unit_snapshots.submit_snapshot(session, cycle_id, actor=OPERATOR, now=now, snapshot_id=snapshot_id)


def _revise_units(session: AnySession) -> None:
    """Once: 4K became cheaper to serve and storyboards a unit of their own; the second snapshot."""
    if session.get(ValueUnitDefinition, story.STORYBOARD) is not None:
        return
    now = story.UNITS_REVISED
    value_units.update_value_unit(session, story.FOUR_K, story.REVISED_4K, actor=OPERATOR, now=now)
    value_units.create_value_unit(session, story.STORYBOARD_UNIT, actor=OPERATOR, now=now)
    _freeze(session, story.PRODUCTION_CYCLE, 2, story.UNITS_REVISED)


def _ingest(session: AnySession, store: EventStore, events: list[Event]) -> int:
    receipt = store.ingest(Rows.counted(events), policy_for(session, story.WORKSPACE))
    if receipt.rejects:
        raise SeedError([SeedProblem("growth usage", r.row, r.field, r.reason) for r in receipt.rejects])
    return receipt.accepted


def _take(session: AnySession, usage: UsageEvents, step: story.Decision | story.Rollback) -> None:
    """Draft, simulate and approve; or roll back."""
    decision_id = f"dec_{step.name}"
    if isinstance(step, story.Rollback):
        approval = activation.Approval(*APPROVER, step.rationale)
        activation.rollback(
            session, step.config_version_id, approval, actor=OPERATOR, now=step.decided, decision_id=decision_id
        )
        return
    config_drafts.create_config(session, step.config, actor=OPERATOR, now=step.drafted)
    run_id = _simulate(session, usage, step)
    if step.rationale is not None:
        approval = activation.Approval(*APPROVER, step.rationale)
        activation.approve(
            session,
            step.config_version_id,
            run_id,
            approval,
            actor=OPERATOR,
            now=step.decided,
            decision_id=decision_id,
        )


def _simulate(session: AnySession, usage: UsageEvents, step: story.Decision) -> str:
    """The evidence for a decision, from the usage up to the midnight before."""
    request = runs.Request(
        candidate_config_version_id=step.config_version_id,
        window=step.window,
        segment=step.config["segment"],
        pricing_mode=step.pricing_mode,
        as_of=step.decided.replace(hour=0),
    )
    prepared = runs.prepare(session, request)
    answer = runs.compute(prepared, usage, step.decided)
    run_id = f"sim_{step.name}"
    runs.record(session, prepared, answer, actor=OPERATOR, now=step.decided - timedelta(hours=2), run_id=run_id)
    return run_id


def _report(session: AnySession, profiles: Sequence[Profile], events: Sequence[Event]) -> None:
    """The enforcement events of every config while it was in force, numbered in order of time."""
    known = {profile.customer_id: profile for profile in profiles}
    graduated: set[tuple[str, str]] = set()
    sent = [report for force in in_force() for report in reports(force, events, known, graduated)]
    sent.sort(key=lambda report: (report["occurred_at"], report["config_version_id"], report["customer_id"]))
    arrivals = enumerate(numbered(sent), start=1)
    rows = [{"enforcement_event_id": f"enf_g{number:05d}", **report} for number, report in arrivals]
    session.execute(sa.insert(EnforcementEvent), rows)


def in_force() -> Iterator[InForce]:
    """Configs and when they were in force: from the decision to the next of its subject, or the end of the data."""
    configs = {step.config_version_id: step.config for step in story.STORY if isinstance(step, story.Decision)}
    taken = [step for step in story.STORY if step.rationale is not None]
    for step in taken:
        config = configs[step.config_version_id]
        others = [other for other in taken if _is_of_subject(configs, other, config)]
        later = [other.decided for other in others if other.decided > step.decided]
        end = min([*later, END.replace(tzinfo=UTC)])
        if config["target_environment"] == "sandbox":
            end = step.decided + SANDBOX_REPORTS_FOR
        units = {unit["value_unit_id"]: unit for unit in (*story.UNITS, story.STORYBOARD_UNIT)}
        yield InForce(config, units, step.decided, end, step.config_version_id == story.SMB_V2)


def _is_of_subject(
    configs: Mapping[str, ConfigInput], step: story.Decision | story.Rollback, config: Mapping[str, Json]
) -> bool:
    others: Mapping[str, Json] = configs[step.config_version_id]
    return all(others[name] == config[name] for name in SUBJECT_FIELDS)
