"""Approve, activate, promote and roll back: each one transaction that leaves all of itself or nothing (spec 2).

The caller opens the transaction (`transactions.write`) and commits it. Everything here happens under the subject's
lock, so two approvals of one subject take turns and the later one reads what the earlier one wrote.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from app.actor import Actor
from app.errors import Conflict, config_immutable, invalid_field, not_found, refused
from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord, DecisionRow
from app.models.statements import Writes
from app.models.transactions import lock_subject_of, write
from app.services.configs.lookup import find_newest_decision, get_config, locked
from app.services.configs.reading import ConfigReading, read_config
from app.services.configs.terms_start import usual_terms_start
from app.services.decisions import records
from app.services.decisions.enacting import activate, announce, hold_back, promote, unreadable_then
from app.services.decisions.records import Approval, Done, Replaced, log_acts
from app.services.decisions.schedule import as_decided, blocking, due, kept_back, replaced_at, scheduled, waiting_for
from rules.enums import ConfigStatus, DecisionStatus, DiffType, TermsStart
from rules.finding import Finding
from rules.lifecycle import is_editable

__all__ = ["Approval", "activate_due", "approve", "held_back", "promote_due", "rollback", "something_is_due"]


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

    A version that was held back can be approved anew. Raises Conflict with all findings when a gate refuses,
    `config_immutable` when it was decided before.
    """
    lock_subject_of(session, config_version_id)
    question = _question(session, config_version_id, simulation_run_id, baseline_config_version_id, approval, now)
    _require_to_pass(question.reading, simulation_run_id, approval)
    return _decide(session, question, approval, decision_id, actor, now)


class _Question(NamedTuple):
    """What is decided: a candidate, the version whose place it takes, and the decision that it supersedes."""

    reading: ConfigReading
    replaced: Replaced | None
    earlier: DecisionRecord | None


def _question(
    session: AnySession,
    config_version_id: str,
    simulation_run_id: str,
    requested_baseline_id: str | None,
    approval: Approval,
    now: datetime,
) -> _Question:
    """Read it once everything that is due has happened. The version that is replaced needs not be asked for."""

    def read() -> ConfigReading:
        return read_config(
            session,
            config_version_id,
            simulation_run_id=simulation_run_id,
            requested_baseline_id=requested_baseline_id,
        )

    reading = read()
    earlier = _require_undecided(session, reading)
    reading = _after_what_is_due(session, reading, read, now)
    moment = approval.moment(now)
    replaced = replaced_at(session, reading, moment) if moment > now else reading.served
    if replaced and replaced.config_version_id == requested_baseline_id:
        reading = replace(reading, requested_baseline_id=None)
    return _Question(reading, replaced, earlier)


def _require_to_pass(reading: ConfigReading, simulation_run_id: str, approval: Approval) -> None:
    """Raise Conflict with all findings when a gate refuses, Invalid for a run or terms that are not the config's."""
    _require_own_run(reading, simulation_run_id)
    _require_terms_to_keep(reading, approval)
    if findings := blocking(reading.draft()):
        raise refused(f"Config {reading.config.display_name} cannot be approved", findings)


def _decide(
    session: AnySession, question: _Question, approval: Approval, decision_id: str | None, actor: Actor, now: datetime
) -> DecisionRow:
    """Write the decision with all that follows from it."""
    reading, replaced, earlier = question
    approval = _with_a_start(approval, reading, replaced)
    writes, moment = Writes(session), approval.moment(now)
    agreed = records.terms(writes, reading, records.kind_of_change(replaced), replaced, approval, now)
    decision = records.record(writes, reading, agreed, approval, now, decision_id)
    if earlier:
        _supersede(writes, earlier, decision, approval, now)
    done: Done = {"config_approved": {}}
    if moment <= now:
        done |= activate(writes, reading, decision, now)
    else:
        waiting = ConfigStatus.APPROVED.value
        writes.update(ConfigVersion, reading.config.config_version_id, status=waiting, effective_at=moment)
    log_acts(writes, done, decision, actor, now)
    writes.run()
    if moment > now:
        announce(session, reading, now)
    return decision


def _with_a_start(approval: Approval, reading: ConfigReading, replaced: Replaced | None) -> Approval:
    """The approval with the start of its terms: the one that it names, else the usual one by the change policies."""
    if approval.terms_start is not None:
        return approval
    usual = usual_terms_start(reading, replaced.decided if replaced else None)
    return replace(approval, terms_start=usual.start)


def _require_undecided(session: AnySession, reading: ConfigReading) -> DecisionRecord | None:
    """The decision that an approval supersedes, of a version that was held back; None for a draft. Others are refused.

    Raises Conflict `config_immutable` for a version that is scheduled, active or archived.
    """
    config = reading.config
    if is_editable(config.status):
        return None
    held = config.status == ConfigStatus.APPROVED and config.effective_at is None
    if held and (earlier := find_newest_decision(session, config.config_version_id)):
        return earlier
    raise config_immutable(config.display_name, config.status)


def _supersede(
    writes: Writes, earlier: DecisionRecord, decision: DecisionRow, approval: Approval, now: datetime
) -> None:
    """End the decision of a version that is approved anew."""
    anew = records.entry("approved_anew", now, approval, decision_id=decision.decision_id)
    records.amend(writes, earlier, [anew], status=DecisionStatus.ARCHIVED.value, withdrawn_at=now)


def activate_due(session: AnySession, *, now: datetime, subject: Mapping[str, str] | None = None) -> list[str]:
    """Promote every approved config version whose moment has come, earliest first; of one subject, or of all.

    One that a gate would no longer let through is held back: its findings say what to do.
    """
    return [
        config_version_id
        for config_version_id in due(session, now, subject)
        if _promote(session, config_version_id, now)
    ]


def something_is_due(session: AnySession, *, now: datetime, subject: Mapping[str, str]) -> bool:
    """Whether `activate_due` would change anything; reads only, so that looking costs no write lock."""
    return bool(due(session, now, subject))


def promote_due(session: AnySession, subject: Mapping[str, str], *, now: datetime) -> bool:
    """Promote what is due for a subject, whichever reader comes first (spec 2); whether there was something due.

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
    """The findings that would hold a waiting config back when its moment comes, as it looks now (spec 2).

    One that was held back already is judged by what is active now. A newer run does not count.
    """
    subject = get_config(session, config_version_id).subject_resolution
    waiting = {item.config_version_id: item for item in waiting_for(session, subject)}
    return waiting[config_version_id].held_back_by if config_version_id in waiting else ()


def _promote(session: AnySession, config_version_id: str, now: datetime) -> bool:
    """Activate a decided config or hold it back; neither when it was promoted, moved or withdrawn before the lock."""
    lock_subject_of(session, config_version_id)
    waiting = scheduled(session, config_version_id)
    config = waiting.reading.config
    if config.status != ConfigStatus.APPROVED or config.effective_at is None or config.effective_at > now:
        return False
    if findings := waiting.held_back_by or unreadable_then(session, waiting, now):
        hold_back(session, replace(waiting, held_back_by=findings), now)
        return False
    promote(session, waiting, now)
    return True


def _after_what_is_due(
    session: AnySession, reading: ConfigReading, read: Callable[[], ConfigReading], now: datetime
) -> ConfigReading:
    """The reading, taken again after every decision of the subject whose moment has come was carried out.

    A later decision must not come before it. The caller holds the subject's lock.
    """
    if not reading.waiting:
        return reading
    activate_due(session, now=now, subject=reading.config.subject_resolution)
    return read()


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
        return as_decided(session, config_version_id)

    reading = _after_what_is_due(session, read(), read, now)
    if findings := kept_back(reading.draft()):
        raise refused(f"Config {reading.config.display_name} cannot be rolled back to", findings)
    writes = Writes(session)
    at_once = replace(approval, effective_at=None, terms_start=TermsStart.AT_ONCE)
    agreed = records.terms(writes, reading, DiffType.ROLLBACK, reading.served, at_once, now)
    decision = records.record(writes, reading, agreed, at_once, now, decision_id)
    done = activate(writes, reading, decision, now)
    log_acts(writes, {"config_rolled_back": {}} | done, decision, actor, now)
    writes.run()
    return decision


def _require_own_run(reading: ConfigReading, simulation_run_id: str) -> None:
    if reading.run is None:
        raise not_found("simulation run", simulation_run_id)
    simulated, candidate = reading.run.candidate_config_version_id, reading.config.config_version_id
    if simulated != candidate:
        raise invalid_field("/simulation_run_id", f"Run {simulation_run_id} simulated {simulated}, not {candidate}.")


def _require_terms_to_keep(reading: ConfigReading, approval: Approval) -> None:
    """Earlier terms count in a running period only where there are some, or will be when the version takes effect."""
    keeps = approval.terms_start not in (None, TermsStart.AT_ONCE)
    if keeps and reading.served is None and not reading.waiting:
        message = "Nothing is active for this subject, so there are no terms that a running period could keep."
        raise invalid_field("/terms_start", f"{message} Let it hold at once.")
