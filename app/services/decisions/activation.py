"""Approve, activate, promote and roll back: each one transaction that leaves all of itself or nothing (spec 2).

The caller opens the transaction (`transactions.write`) and commits it. Everything here happens under the subject's
lock, so two approvals of one subject take turns and the later one reads what the earlier one wrote.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from app.actor import SYSTEM, Actor
from app.errors import Conflict, config_immutable, invalid_field, not_found, refused
from app.ids import new_id
from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.decision_record import AnyDecision, DecisionRecord, DecisionRow
from app.models.statements import Writes
from app.models.transactions import lock_subject_of, write
from app.services.billing.patches import build, store
from app.services.configs.diffs import diff
from app.services.configs.lookup import locked, newest_decision
from app.services.configs.reading import ConfigReading, read_config
from app.services.configs.rows import ConfigRow
from app.services.decisions.runtime_config import (
    Release,
    announced,
    avs_config,
    materialise,
    next_sequence,
    retire,
    with_following,
)
from app.services.product_events import append, log_event
from rules.enums import ConfigStatus, DecisionStatus, DiffType, TermsStart
from rules.finding import Finding, Gate
from rules.gate import evaluate
from rules.lifecycle import is_editable
from simulation.canonical import JsonObject

Done = dict[str, JsonObject]
"""Product event → its detail: what an act did, to be logged in one statement."""

Value = TypeVar("Value")

_DECISIONS = DecisionRecord.__table__
_ARCHIVE_DECISION = (
    sa.update(_DECISIONS)
    .where(_DECISIONS.c.config_version_id == sa.bindparam("archived_decision_of"))
    .where(_DECISIONS.c.status == DecisionStatus.ACTIVE.value)
    .values(status=DecisionStatus.ARCHIVED.value)
)


@dataclass(frozen=True)
class Approval:
    """The approver, their reasons, and from when the decision takes effect; `effective_at` None means at once.

    `terms_start` says whether it then holds for the whole running period of customers or from their next one.
    """

    approver_name: str
    approver_role: str
    rationale: str
    effective_at: datetime | None = None
    terms_start: TermsStart = TermsStart.AT_ONCE


def approve(
    session: AnySession,
    config_version_id: str,
    simulation_run_id: str,
    approval: Approval,
    *,
    actor: Actor,
    now: datetime,
    baseline_config_version_id: str | None = None,
    decision_id: str | None = None,
) -> DecisionRow:
    """Decide for a candidate: it becomes active now, or stays `approved` until its `effective_at`.

    Raises Conflict with all findings when a gate refuses, `config_immutable` when it was decided before.
    """

    def read() -> ConfigReading:
        return read_config(
            session,
            config_version_id,
            simulation_run_id=simulation_run_id,
            requested_baseline_id=baseline_config_version_id,
        )

    lock_subject_of(session, config_version_id)
    reading = read()
    if not is_editable(reading.config.status):
        raise config_immutable(reading.config.display_name, reading.config.status)
    reading = _after_what_is_due(session, reading, read, now)
    _require_own_run(reading, simulation_run_id)
    _require_terms_to_keep(reading, approval)
    if blocking := _blocking(reading):
        raise refused(f"Config {reading.config.display_name} cannot be approved", blocking)
    kind = DiffType.UPDATE if reading.served else DiffType.INITIAL_ACTIVATION
    writes = Writes(session)
    decision = _decide(writes, reading, kind, approval, now, decision_id)
    done: Done = {"config_approved": {}}
    if decision.effective_at <= now:
        done |= _activate(writes, reading, decision, now)
    else:
        status = ConfigStatus.APPROVED.value
        writes.update(ConfigVersion, config_version_id, status=status, effective_at=decision.effective_at)
    _log(writes, done, decision, actor, now)
    writes.run()
    if decision.effective_at > now:
        _announce(session, reading, now)
    return decision


def activate_due(session: AnySession, *, now: datetime, subject: Mapping[str, str] | None = None) -> list[str]:
    """Promote every approved config version whose moment has come, earliest first; of one subject, or of all.

    One that a gate would no longer let through stays `approved`: its findings say what to fix.
    """
    return [due for due in _due(session, now, subject) if _promote(session, due, now)]


def something_is_due(session: AnySession, *, now: datetime, subject: Mapping[str, str]) -> bool:
    """Whether `activate_due` would change anything; reads only, so that looking costs no write lock."""
    due = (_as_decided(session, config_version_id) for config_version_id in _due(session, now, subject))
    return any(not _held_back(reading) or _is_announced(reading) for reading in due)


def promote_due(session: AnySession, subject: Mapping[str, str], *, now: datetime) -> bool:
    """Promote what is due for a subject, whichever reader comes first (spec 2); whether there was something to promote.

    Looking locks nothing. Only when something is due does it end the caller's read, and open and commit a write
    transaction of its own.
    """
    if not something_is_due(session, now=now, subject=subject):
        return False
    session.rollback()
    with write(session):
        activate_due(session, now=now, subject=subject)
    return True


def held_back(session: AnySession, config_version_id: str) -> tuple[Finding, ...]:
    """The findings that hold a decided config back from becoming active now; a newer run does not count (spec 2)."""
    return _held_back(_as_decided(session, config_version_id))


def _after_what_is_due(
    session: AnySession, reading: ConfigReading, read: Callable[[], ConfigReading], now: datetime
) -> ConfigReading:
    """The reading, taken again after every decision of the subject whose moment has come was carried out.

    A later decision must not come before it. The caller holds the subject's lock.
    """
    if not reading.something_waits:
        return reading
    activate_due(session, now=now, subject=reading.config.subject_resolution)
    return read()


def _as_decided(session: AnySession, config_version_id: str) -> ConfigReading:
    """The config with the run that it was decided on last."""
    decided_on = newest_decision(session, config_version_id).simulation_run_id
    return read_config(session, config_version_id, simulation_run_id=decided_on)


def _held_back(reading: ConfigReading) -> tuple[Finding, ...]:
    return tuple(finding for finding in _blocking(reading) if finding.code != "simulation_not_latest")


def _due(session: AnySession, now: datetime, subject: Mapping[str, str] | None) -> list[str]:
    """Config versions whose moment has come, by subject: all callers take the subjects' locks in that order."""
    due = sa.select(ConfigVersion.config_version_id).where(
        ConfigVersion.status == ConfigStatus.APPROVED.value, ConfigVersion.effective_at <= now
    )
    if subject is not None:
        due = due.filter_by(**{name: subject[name] for name in SUBJECT_FIELDS})
    order = [getattr(ConfigVersion, name) for name in (*SUBJECT_FIELDS, "effective_at", "config_version_id")]
    return list(session.scalars(due.order_by(*order)))


def _promote(session: AnySession, config_version_id: str, now: datetime) -> bool:
    """Activate a decided config, unless another process did so before or a gate holds it back."""
    lock_subject_of(session, config_version_id)
    reading = _as_decided(session, config_version_id)
    if reading.config.status != ConfigStatus.APPROVED.value:
        return False
    if held_back_by := _held_back(reading):
        _withdraw(session, reading, held_back_by, now)
        return False
    decision, writes = newest_decision(session, config_version_id), Writes(session)
    done = _activate(writes, reading, decision, now)
    _log(writes, done, decision, SYSTEM, now)
    writes.run()
    return True


def rollback(
    session: AnySession,
    config_version_id: str,
    approval: Approval,
    *,
    actor: Actor,
    now: datetime,
    decision_id: str | None = None,
) -> DecisionRow:
    """Make an archived version active again at once, with a decision of its own on the run it was decided on.

    Raises Conflict with all findings when a gate would no longer let it through.
    """
    config = locked(session, config_version_id)
    if config.status != ConfigStatus.ARCHIVED.value:
        raise Conflict(
            f"Config {config_version_id} is {config.status}; only an archived version can be rolled back to.",
            code="rollback_needs_archived",
        )

    def read() -> ConfigReading:
        return _as_decided(session, config_version_id)

    reading = _after_what_is_due(session, read(), read, now)
    if blocking := _held_back(reading):
        raise refused(f"Config {config_version_id} cannot be rolled back to", blocking)
    writes = Writes(session)
    at_once = replace(approval, effective_at=None, terms_start=TermsStart.AT_ONCE)
    decision = _decide(writes, reading, DiffType.ROLLBACK, at_once, now, decision_id)
    done = _activate(writes, reading, decision, now)
    _log(writes, {"config_rolled_back": {}} | done, decision, actor, now)
    writes.run()
    return decision


def _blocking(reading: ConfigReading) -> list[Finding]:
    return [finding for finding in evaluate(reading.draft()) if finding.gate is not Gate.ADVISORY]


def _require_own_run(reading: ConfigReading, simulation_run_id: str) -> None:
    if reading.run is None:
        raise not_found("simulation run", simulation_run_id)
    simulated, candidate = reading.run.candidate_config_version_id, reading.config.config_version_id
    if simulated != candidate:
        raise invalid_field("/simulation_run_id", f"Run {simulation_run_id} simulated {simulated}, not {candidate}.")


def _require_terms_to_keep(reading: ConfigReading, approval: Approval) -> None:
    """Customers can finish their period only by terms that there are, or will be when the version takes effect."""
    if approval.terms_start == TermsStart.NEXT_PERIOD and reading.served is None and not reading.something_waits:
        message = "Nothing is active for this subject, so there are no terms that a running period could keep."
        raise invalid_field("/terms_start", f"{message} Let it hold at once.")


def _decide(
    writes: Writes,
    reading: ConfigReading,
    kind: DiffType,
    approval: Approval,
    now: datetime,
    decision_id: str | None,
) -> DecisionRow:
    """Write the DecisionRecord and its BillingPatch, with the diff against what is active now."""
    config, prior = reading.config, reading.served
    effective_at = approval.effective_at or now
    terms_start = approval.terms_start.value
    patch = build(config, reading.document, effective_at=effective_at, now=now, terms_start=terms_start)
    store(writes, patch)
    baseline_id = prior.config_version_id if prior else None
    decision = DecisionRow(
        decision_id=decision_id or new_id("dec_"),
        cycle_id=config.cycle_id,
        **config.subject_resolution,
        config_version_id=config.config_version_id,
        baseline_config_version_id=baseline_id,
        simulation_run_id=_passed(reading.run).simulation_run_id,
        billing_patch_id=patch.billing_patch_id,
        status=DecisionStatus.ACTIVE.value,
        approver_name=approval.approver_name,
        approver_role=approval.approver_role,
        rationale=approval.rationale,
        diff=diff(kind, baseline_id, prior.decided if prior else None, reading.decided),
        value_unit_snapshot_version=_passed(config.value_unit_snapshot_version),
        effective_at=effective_at,
        created_at=now,
        terms_start=terms_start,
    )
    writes.insert(DecisionRecord, decision._asdict())
    return decision


def _passed(value: Value | None) -> Value:
    """A part of a config that passed the gates, none of which lets it pass without this part."""
    if value is None:
        raise ValueError("A gate let a config pass without a run or a snapshot of value units.")
    return value


def _activate(writes: Writes, reading: ConfigReading, decision: AnyDecision, now: datetime) -> Done:
    """Archive the prior version and its decision; add to `writes` what makes this one active and what its apps read."""
    config, prior = reading.config, reading.served
    document = _release(writes.session, reading, decision, now)
    if prior is not None:  # archived first: a unique index allows one active version, at every statement
        archiving = Writes(writes.session)
        archiving.update(ConfigVersion, prior.config_version_id, status=ConfigStatus.ARCHIVED.value, updated_at=now)
        archiving.add(_ARCHIVE_DECISION, {"archived_decision_of": prior.config_version_id})
        retire(archiving, config.subject_resolution)
        archiving.run()
    status, effective_at = ConfigStatus.ACTIVE.value, decision.effective_at
    writes.update(ConfigVersion, config.config_version_id, status=status, effective_at=effective_at, updated_at=now)
    materialise(writes, document, now)
    return {
        "config_activated": {"archived": prior.config_version_id if prior else None},
        "billing_patch_generated": {"billing_patch_id": decision.billing_patch_id},
    }


def _release(session: AnySession, reading: ConfigReading, decision: AnyDecision, now: datetime) -> JsonObject:
    """The document that apps read from now on: the one announced for this decision, else a new one."""
    served = reading.served.avs_config if reading.served else None
    promised = announced(served) if served else None
    if promised and promised["governance"]["approval_ref"] == decision.decision_id:
        return promised
    release = Release(reading.document, reading.config, decision, _passed(reading.run))
    following = _following(session, reading.config, now) if reading.something_waits else []
    sequence = next_sequence(served)
    return avs_config(release, activated_at=now, sequence=sequence, before=served, following=following)


def _following(session: AnySession, config: ConfigRow, now: datetime) -> list[Release]:
    """The subject's versions that are approved for later and that every gate lets through now, earliest first."""
    waiting = (
        sa.select(ConfigVersion.config_version_id)
        .filter_by(status=ConfigStatus.APPROVED.value, **config.subject_resolution)
        .where(ConfigVersion.effective_at > now)
        .order_by(ConfigVersion.effective_at, ConfigVersion.config_version_id)
    )
    readings = (_as_decided(session, config_version_id) for config_version_id in session.scalars(waiting).all())
    return [_following_release(session, reading) for reading in readings if not _held_back(reading)]


def _following_release(session: AnySession, reading: ConfigReading) -> Release:
    decision = newest_decision(session, reading.config.config_version_id)
    return Release(reading.document, reading.config, decision, _passed(reading.run))


def _announce(session: AnySession, reading: ConfigReading, now: datetime) -> None:
    """Serve the current document again, announcing what follows it and when; nothing to do when none is served."""
    if reading.served:
        following = _following(session, reading.config, now)
        writes = Writes(session)
        retire(writes, reading.config.subject_resolution)
        writes.run()
        materialise(writes, with_following(reading.served.avs_config, following), now)
        writes.run()


def _is_announced(reading: ConfigReading) -> bool:
    following = announced(reading.served.avs_config) if reading.served else None
    return following is not None and following["config_version_id"] == reading.config.config_version_id


def _withdraw(session: AnySession, reading: ConfigReading, held_back_by: tuple[Finding, ...], now: datetime) -> None:
    """Take back the announcement of a version whose moment came while a gate refuses it: caches switch back."""
    if not _is_announced(reading):
        return
    _announce(session, reading, now)
    log_event(
        session,
        "config_held_back",
        actor=SYSTEM,
        now=now,
        workspace_id=reading.config.workspace_id,
        entity_id=reading.config.config_version_id,
        findings=[finding.code for finding in held_back_by],
    )


def _log(writes: Writes, done: Done, decision: AnyDecision, actor: Actor, now: datetime) -> None:
    append(
        writes,
        {name: {"decision_id": decision.decision_id} | detail for name, detail in done.items()},
        actor=actor,
        now=now,
        workspace_id=decision.workspace_id,
        entity_id=decision.config_version_id,
    )
