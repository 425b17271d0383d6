"""Carry out what was decided: make a version active, announce what follows, take announcements back (spec 2 and 5).

Everything here runs in the caller's transaction, under the subject's lock.
"""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from app.actor import SYSTEM
from app.errors import refused
from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.decision_record import AnyDecision, DecisionRecord
from app.models.statements import Writes
from app.services.configs.readability import unreadable_bytes
from app.services.configs.reading import ConfigReading
from app.services.decisions.records import (
    Done,
    amend,
    diff_against,
    entry,
    kind_of_change,
    log_acts,
    passed,
)
from app.services.decisions.runtime_config import (
    Release,
    announced,
    avs_config,
    materialise,
    next_sequence,
    retire,
    with_following,
)
from app.services.decisions.schedule import Scheduled, line
from rules.draft import Unreadable
from rules.enums import ConfigStatus, DecisionStatus
from rules.finding import Finding
from rules.readable import a_client_reads_the_document
from simulation.canonical import JsonObject, canonical_bytes

_DECISIONS = DecisionRecord.__table__
_ARCHIVE_DECISION = (
    sa.update(_DECISIONS)
    .where(_DECISIONS.c.config_version_id == sa.bindparam("archived_decision_of"))
    .where(_DECISIONS.c.status == DecisionStatus.ACTIVE.value)
    .values(status=DecisionStatus.ARCHIVED.value)
)


def activate(writes: Writes, reading: ConfigReading, decision: AnyDecision, now: datetime) -> Done:
    """Archive the prior version and its decision; add to `writes` what makes this one active and what its apps read.

    Raises Conflict with findings when no app could read that.
    """
    config, prior = reading.config, reading.served
    document = _document(writes.session, reading, decision, now)
    content = canonical_bytes(document)
    if findings := _unreadable(reading, unreadable_bytes(content)):
        raise refused(f"Config {config.display_name} cannot be served", findings)
    if prior is not None:  # archived first: a unique index allows one active version, at every statement
        archiving = Writes(writes.session)
        archiving.update(ConfigVersion, prior.config_version_id, status=ConfigStatus.ARCHIVED.value, updated_at=now)
        archiving.add(_ARCHIVE_DECISION, {"archived_decision_of": prior.config_version_id})
        retire(archiving, config.subject_resolution)
        archiving.run()
    status, effective_at = ConfigStatus.ACTIVE.value, decision.effective_at
    writes.update(ConfigVersion, config.config_version_id, status=status, effective_at=effective_at, updated_at=now)
    materialise(writes, document, content, now)
    return {
        "config_activated": {"archived": prior.config_version_id if prior else None},
        "billing_patch_generated": {"billing_patch_id": decision.billing_patch_id},
    }


def unreadable_then(session: AnySession, waiting: Scheduled, now: datetime) -> tuple[Finding, ...]:
    """The findings that name what no app could read of the document by which a version would become active now."""
    content = canonical_bytes(_document(session, waiting.reading, waiting.decision, now))
    return _unreadable(waiting.reading, unreadable_bytes(content))


def _unreadable(reading: ConfigReading, items: tuple[Unreadable, ...]) -> tuple[Finding, ...]:
    return tuple(a_client_reads_the_document(replace(reading.draft(), unreadable=items))) if items else ()


def promote(session: AnySession, waiting: Scheduled, now: datetime) -> None:
    """Make a version active whose moment has come and that no gate holds back."""
    decision, writes = waiting.decision, Writes(session)
    done = activate(writes, waiting.reading, decision, now)
    if decision.baseline_config_version_id != waiting.replaces_id:
        _compare_anew(writes, waiting, now)
    log_acts(writes, done, decision, SYSTEM, now)
    writes.run()


def _compare_anew(writes: Writes, waiting: Scheduled, now: datetime) -> None:
    """Give a record that goes over a newer version the diff to what it really replaces; its history keeps the other."""
    decision, replaced = waiting.decision, waiting.reading.served
    shown = {"baseline_config_version_id": decision.baseline_config_version_id, "diff": decision.diff}
    amend(
        writes,
        decision,
        [entry("compared_anew", now, SYSTEM, **shown)],
        baseline_config_version_id=waiting.replaces_id,
        diff=diff_against(waiting.reading, kind_of_change(replaced), replaced),
    )


def hold_back(session: AnySession, waiting: Scheduled, now: datetime) -> None:
    """Take the moment away from a version whose moment came while a gate refuses it, and take back its announcement.

    It waits for an operator from then on: nothing makes it active at a moment that nobody chose.
    """
    codes = [finding.code for finding in waiting.held_back_by]
    messages = [finding.message for finding in waiting.held_back_by]
    writes = Writes(session)
    moment = {"effective_at": waiting.decision.effective_at}
    writes.update(ConfigVersion, waiting.config_version_id, effective_at=None, updated_at=now)
    amend(writes, waiting.decision, [entry("held_back", now, SYSTEM, findings=codes, messages=messages, **moment)])
    log_acts(writes, {"config_held_back": {"findings": codes}}, waiting.decision, SYSTEM, now)
    writes.run()
    announce(session, waiting.reading, now)


def announce(session: AnySession, reading: ConfigReading, now: datetime) -> None:
    """Serve the current document again, announcing what follows it and when.

    Nothing is written when none is served, or when it announces the same already. Raises Conflict with findings when no
    app could read what is announced; what nobody can read of the served document already is no reason.
    """
    if reading.served is None:
        return
    served = reading.served.avs_config
    following = _following(session, reading, reading.served.config_version_id)
    if _announces(served, following):
        return
    document = with_following(served, following)
    content = canonical_bytes(document)
    if items := unreadable_bytes(content):
        known = unreadable_bytes(reading.served.document)
        if findings := _unreadable(reading, tuple(item for item in items if item not in known)):
            raise refused(f"Config {reading.config.display_name} cannot be announced", findings)
    writes = Writes(session)
    retire(writes, reading.config.subject_resolution)
    writes.run()
    materialise(writes, document, content, now)
    writes.run()


def _announces(served: JsonObject, following: list[Release]) -> bool:
    """Whether the served document announces these releases, each at its moment, and nothing else."""
    promised: list[JsonObject] = []
    document = announced(served)
    while document is not None:
        promised.append(document)
        document = announced(document)
    return len(promised) == len(following) and all(
        _is_of(document, release.decision) for document, release in zip(promised, following, strict=True)
    )


def _is_of(document: JsonObject, decision: AnyDecision) -> bool:
    """Whether an announced document is the decision's, for the moment that it has now."""
    moment = canonical_bytes(document["effective_at"])
    return bool(
        document["governance"]["approval_ref"] == decision.decision_id
        and moment == canonical_bytes(decision.effective_at)
    )


def _document(session: AnySession, reading: ConfigReading, decision: AnyDecision, now: datetime) -> JsonObject:
    """The document that apps read from now on: the one announced for this decision, else a new one."""
    served = reading.served.avs_config if reading.served else None
    promised = announced(served) if served else None
    if promised and _is_of(promised, decision):
        return promised
    release = Release(reading.document, reading.config, decision, passed(reading.run))
    following = _following(session, reading, reading.config.config_version_id) if reading.waiting else []
    sequence = next_sequence(served)
    return avs_config(release, activated_at=now, sequence=sequence, before=served, following=following)


def _following(session: AnySession, reading: ConfigReading, active_id: str) -> list[Release]:
    """The subject's versions that take over after `active_id`, as it looks now, earliest first."""
    waiting = line(session, reading.config.subject_resolution, active_id, but=active_id)
    return [
        Release(item.reading.document, item.reading.config, item.decision, passed(item.reading.run))
        for item in waiting
        if not item.held_back_by
    ]
