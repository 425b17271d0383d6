"""Approve, activate, promote and roll back: each one transaction that leaves all of itself or nothing (spec 2).

The caller opens the transaction (`transactions.write`) and commits it; everything here happens under the subject's
lock, so two approvals of one subject take turns and the later one sees what the earlier one did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.errors import Conflict, config_immutable, invalid_field, refused
from app.identity import SYSTEM, Actor
from app.ids import new_id
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.simulation_run import SimulationRun
from app.services.billing_patches import build, stored
from app.services.diffs import diff
from app.services.documents import config_document
from app.services.product_events import log_event
from app.services.runtime import materialise
from app.services.snapshots import (
    ConfigSnapshot,
    Served,
    cycle_of,
    get,
    get_config,
    locked,
    read_config,
    served,
    snapshot_of,
)
from rules.enums import ConfigStatus, DecisionStatus, DiffType
from rules.finding import Finding, Gate
from rules.gate import evaluate
from rules.lifecycle import is_editable


@dataclass(frozen=True)
class Approval:
    """Who takes the decision, why, and from when it holds; `effective_at` None means at once."""

    approver_name: str
    approver_role: str
    rationale: str
    effective_at: datetime | None = None


def approve(
    session: Any,
    config_version_id: str,
    simulation_run_id: str,
    approval: Approval,
    *,
    actor: Actor,
    now: datetime,
    baseline_config_version_id: str | None = None,
    decision_id: str | None = None,
) -> DecisionRecord:
    """Decide for a candidate. It becomes active now, or stays `approved` until its `effective_at`.

    Raises Conflict with all findings when a gate refuses, `config_immutable` when it was decided before.
    """
    config = locked(session, config_version_id)
    if not is_editable(config.status):
        raise config_immutable(config_version_id, config.status)
    run = _run_in(session, simulation_run_id, config)
    seen = read_config(session, config, run=run, requested_baseline_id=baseline_config_version_id)
    if blocking := _blocking(seen):
        raise refused(f"Config {config_version_id} cannot be approved", blocking)
    kind = DiffType.UPDATE if seen.served else DiffType.INITIAL_ACTIVATION
    decision = _decide(session, seen, run, kind, approval, now, decision_id)
    _log(session, "config_approved", decision, actor, now)
    if decision.effective_at <= now:
        _activate(session, seen.document, config, seen.served, decision, run, actor, now)
    else:
        config.status = ConfigStatus.APPROVED.value
        config.effective_at = decision.effective_at
    return decision


def activate_due(session: Any, *, now: datetime, subject: Mapping[str, str] | None = None) -> list[ConfigVersion]:
    """Promote every approved config whose moment has come, earliest first; of one subject, or of all.

    One that a gate would no longer let through stays `approved`: its findings say what to mend.
    """
    return [config for due in _due(session, now, subject) if (config := _promote(session, due, now)) is not None]


def something_is_due(session: Any, *, now: datetime, subject: Mapping[str, str]) -> bool:
    """Whether `activate_due` would promote anything: reads only, so that looking costs no write lock."""
    return any(not held_back(session, get_config(session, due)) for due in _due(session, now, subject))


def held_back(session: Any, config: ConfigVersion) -> tuple[Finding, ...]:
    """What stands against activating a decided config now; that it was simulated again does not (spec 2)."""
    seen = read_config(session, config, run=newest_decision(session, config.config_version_id).simulation_run)
    return tuple(finding for finding in _blocking(seen) if finding.code != "simulation_not_latest")


def _due(session: Any, now: datetime, subject: Mapping[str, str] | None) -> list[str]:
    """Config versions whose moment has come, subject by subject: locks are always taken in that order."""
    due = sa.select(ConfigVersion.config_version_id).where(
        ConfigVersion.status == ConfigStatus.APPROVED.value, ConfigVersion.effective_at <= now
    )
    if subject is not None:
        due = due.filter_by(**{name: subject[name] for name in SUBJECT_FIELDS})
    order = [getattr(ConfigVersion, name) for name in (*SUBJECT_FIELDS, "effective_at", "config_version_id")]
    return list(session.scalars(due.order_by(*order)))


def _promote(session: Any, config_version_id: str, now: datetime) -> ConfigVersion | None:
    """Activate a decided config; None when somebody else was faster, or a gate holds it back."""
    config = locked(session, config_version_id)
    if config.status != ConfigStatus.APPROVED.value or held_back(session, config):
        return None
    decision = newest_decision(session, config_version_id)
    document = config_document(config, cycle_of(session, config), snapshot_of(session, config))
    prior = served(session, config.subject_resolution)
    _activate(session, document, config, prior, decision, decision.simulation_run, SYSTEM, now)
    return config


def rollback(
    session: Any,
    config_version_id: str,
    approval: Approval,
    *,
    actor: Actor,
    now: datetime,
    decision_id: str | None = None,
) -> DecisionRecord:
    """Make an archived version active again at once, with a decision of its own on the run it was decided on.

    Raises Conflict with all findings when a gate would no longer let it through.
    """
    config = locked(session, config_version_id)
    if config.status != ConfigStatus.ARCHIVED.value:
        raise Conflict(
            f"Config {config_version_id} is {config.status}; only an archived version can be rolled back to.",
            code="rollback_needs_archived",
        )
    run = newest_decision(session, config_version_id).simulation_run
    if blocking := held_back(session, config):
        raise refused(f"Config {config_version_id} cannot be rolled back to", blocking)
    seen = read_config(session, config, run=run)
    decision = _decide(session, seen, run, DiffType.ROLLBACK, replace(approval, effective_at=None), now, decision_id)
    _log(session, "config_rolled_back", decision, actor, now)
    _activate(session, seen.document, config, seen.served, decision, run, actor, now)
    return decision


def newest_decision(session: Any, config_version_id: str) -> DecisionRecord:
    """The decision that a config version stands on."""
    newest = (
        sa.select(DecisionRecord)
        .filter_by(config_version_id=config_version_id)
        .order_by(DecisionRecord.created_at.desc(), DecisionRecord.decision_id.desc())
        .limit(1)
    )
    decision: DecisionRecord | None = session.scalar(newest)
    if decision is None:
        raise Conflict(f"Config {config_version_id} was never decided on.", code="decision_missing")
    return decision


def _blocking(seen: ConfigSnapshot) -> list[Finding]:
    return [finding for finding in evaluate(seen.draft()) if finding.gate is not Gate.ADVISORY]


def _run_in(session: Any, simulation_run_id: str, config: ConfigVersion) -> SimulationRun:
    run: SimulationRun = get(session, SimulationRun, simulation_run_id, "simulation run")
    if run.candidate_config_version_id != config.config_version_id:
        raise invalid_field(
            "/simulation_run_id",
            f"Run {simulation_run_id} simulated {run.candidate_config_version_id}, not {config.config_version_id}.",
        )
    return run


def _decide(
    session: Any,
    seen: ConfigSnapshot,
    run: SimulationRun,
    kind: DiffType,
    approval: Approval,
    now: datetime,
    decision_id: str | None,
) -> DecisionRecord:
    """The DecisionRecord and its BillingPatch, diffed against what is active now."""
    config, prior = seen.config, seen.served
    effective_at = approval.effective_at or now
    patch = stored(session, build(config, seen.document, effective_at=effective_at, now=now))
    baseline_id = prior.config_version_id if prior else None
    decision = DecisionRecord(
        decision_id=decision_id or new_id("dec_"),
        cycle_id=config.cycle_id,
        **config.subject_resolution,
        config_version_id=config.config_version_id,
        baseline_config_version_id=baseline_id,
        simulation_run_id=run.simulation_run_id,
        billing_patch_id=patch.billing_patch_id,
        billing_patch=patch,
        status=DecisionStatus.ACTIVE.value,
        approver_name=approval.approver_name,
        approver_role=approval.approver_role,
        rationale=approval.rationale,
        diff=diff(kind, baseline_id, prior.document if prior else None, seen.document),
        value_unit_snapshot_version=config.value_unit_snapshot_version,
        effective_at=effective_at,
        created_at=now,
    )
    session.add(decision)
    return decision


def _activate(
    session: Any,
    document: dict[str, Any],
    config: ConfigVersion,
    prior: Served | None,
    decision: DecisionRecord,
    run: SimulationRun,
    actor: Actor,
    now: datetime,
) -> None:
    """Archive the prior version and its decision, set this one active, materialise what the apps will read."""
    if prior is not None:
        _archive(session, prior.config_version_id, now)  # first: one active version at every statement
    config.status = ConfigStatus.ACTIVE.value
    config.effective_at = decision.effective_at
    config.updated_at = now
    materialise(session, document, config, decision, run, now)
    _log(session, "config_activated", decision, actor, now, archived=prior and prior.config_version_id)
    _log(session, "billing_patch_generated", decision, actor, now, billing_patch_id=decision.billing_patch_id)


def _archive(session: Any, config_version_id: str, now: datetime) -> None:
    configs, decisions = ConfigVersion.__table__, DecisionRecord.__table__
    session.execute(
        sa.update(configs)
        .where(configs.c.config_version_id == config_version_id)
        .values(status=ConfigStatus.ARCHIVED.value, updated_at=now)
    )
    session.execute(
        sa.update(decisions)
        .where(decisions.c.config_version_id == config_version_id)
        .values(status=DecisionStatus.ARCHIVED.value)
    )


def _log(session: Any, name: str, decision: DecisionRecord, actor: Actor, now: datetime, **detail: Any) -> None:
    log_event(
        session,
        name,
        actor=actor,
        now=now,
        workspace_id=decision.workspace_id,
        entity_id=decision.config_version_id,
        decision_id=decision.decision_id,
        **detail,
    )
