"""Move or withdraw a decision that has not taken effect (spec 2): one transaction each, under the subject's lock.

What is due is carried out first: once its moment has come, apps enforce a version by their own clocks, and nobody can
take it back but by another decision.
"""

from dataclasses import replace
from datetime import datetime

from app.actor import Actor
from app.errors import Conflict, refused
from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.statements import Writes
from app.models.transactions import lock_subject_of
from app.services.configs.lookup import get_config, get_decision, latest_completed_run
from app.services.configs.reading import ConfigReading
from app.services.decisions import records
from app.services.decisions.activation import activate_due
from app.services.decisions.enacting import activate, announce
from app.services.decisions.records import Approval, Done, Replaced, Terms, log_acts
from app.services.decisions.schedule import Scheduled, kept_back, replaced_at, scheduled
from rules.enums import ConfigStatus, DecisionStatus, TermsStart


def withdraw(
    session: AnySession, config_version_id: str, by: Approval, *, actor: Actor, now: datetime
) -> DecisionRecord:
    """Take back a decision that is scheduled or held back: the version is a draft again, as it was before.

    Its record stays, archived, with who withdrew it, why, and the content that had been decided. Raises Conflict
    `not_scheduled` when the version does not wait.
    """
    waiting = _waiting(session, config_version_id, now)
    decision, reading = waiting.decision, waiting.reading
    content = {"effective_at": decision.effective_at, "document": reading.decided}
    writes = Writes(session)
    writes.update(
        ConfigVersion, config_version_id, status=_status_before(session, reading), effective_at=None, updated_at=now
    )
    records.amend(
        writes,
        decision,
        [records.entry("withdrawn", now, by, **content)],
        status=DecisionStatus.ARCHIVED.value,
        withdrawn_at=now,
    )
    log_acts(writes, {"config_withdrawn": {"rationale": by.rationale}}, decision, actor, now)
    writes.run()
    announce(session, reading, now)
    return get_decision(session, decision.decision_id)


def reschedule(
    session: AnySession,
    config_version_id: str,
    by: Approval,
    *,
    actor: Actor,
    now: datetime,
    baseline_config_version_id: str | None = None,
) -> DecisionRecord:
    """Move a decision that is scheduled or held back to another moment; one that has come makes it active at once.

    Every gate is asked. The record gets the diff to what it replaces at the new moment, as it looks now, and the
    billing patch of that moment; its history keeps the old ones. Raises Conflict `not_scheduled` when the version does
    not wait, and with all findings when a gate refuses.
    """
    waiting = _waiting(session, config_version_id, now)
    moment = by.moment(now)
    replaced = replaced_at(session, waiting.reading, moment) if moment > now else waiting.reading.served
    _require_gates(waiting.reading, replaced, baseline_config_version_id)
    writes = Writes(session)
    kept = replace(by, terms_start=TermsStart(waiting.decision.terms_start))
    agreed = records.terms(writes, waiting.reading, records.kind_of_change(replaced), replaced, kept, now)
    _move(writes, waiting.decision, agreed, by, now)
    done: Done = {"config_rescheduled": {"effective_at": moment, "rationale": by.rationale}}
    if moment > now:
        writes.update(ConfigVersion, config_version_id, effective_at=moment, updated_at=now)
    log_acts(writes, done, waiting.decision, actor, now)
    writes.run()
    decision = get_decision(session, waiting.decision.decision_id)
    if moment <= now:
        writes = Writes(session)
        log_acts(writes, activate(writes, waiting.reading, decision, now), decision, actor, now)
        writes.run()
    else:
        announce(session, waiting.reading, now)
    return decision


def _waiting(session: AnySession, config_version_id: str, now: datetime) -> Scheduled:
    """The version that waits, after what is due for its subject was carried out. Takes the subject's lock."""
    lock_subject_of(session, config_version_id)
    config = get_config(session, config_version_id, populate_existing=True)
    activate_due(session, now=now, subject=config.subject_resolution)
    if config.status != ConfigStatus.APPROVED.value:
        raise Conflict(
            f"Config {config.display_name} is {config.status}: only a decision that is scheduled or held back can be "
            "moved or withdrawn.",
            code="not_scheduled",
        )
    return scheduled(session, config_version_id)


def _status_before(session: AnySession, reading: ConfigReading) -> str:
    """The status of the version as a draft: `simulated` while its latest run is about its content (spec 2)."""
    run = latest_completed_run(session, reading.config.config_version_id)
    is_simulated = run is not None and run.candidate_content_hash == reading.content_hash
    return (ConfigStatus.SIMULATED if is_simulated else ConfigStatus.DRAFT).value


def _require_gates(reading: ConfigReading, replaced: Replaced | None, named_id: str | None) -> None:
    """Refuse a move with every finding; a named baseline must be active, or be what is replaced at the new moment."""
    is_replaced = replaced is not None and replaced.config_version_id == named_id
    asked = replace(reading, requested_baseline_id=None if is_replaced else named_id)
    if findings := kept_back(asked.draft()):
        raise refused(f"Config {reading.config.display_name} cannot be moved", findings)


def _move(writes: Writes, decision: DecisionRecord, agreed: Terms, by: Approval, now: datetime) -> None:
    """Put the record on its new terms; its history keeps those that were approved."""
    before = {
        name: getattr(decision, name) for name in Terms._fields if getattr(decision, name) != getattr(agreed, name)
    }
    moved = records.entry("moved", now, by, before=before, effective_at=agreed.effective_at)
    over_newer = by.activate_over_newer and agreed.effective_at > now
    records.amend(writes, decision, [moved], activate_over_newer=over_newer, **agreed._asdict())
