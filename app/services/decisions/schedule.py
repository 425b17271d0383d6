"""Read what waits for its moment: decided versions in the order in which they take over, and what holds each back.

A version approved for later waits as `approved`. Its config has the moment in `effective_at`; once a gate has held it
back there is none any more, and only an operator's act gives it another (spec 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.decision_record import DecisionRecord
from app.services.configs.lookup import active_config, newest_decision
from app.services.configs.reading import ConfigReading, Served, read_config
from rules.draft import Draft, Schedule
from rules.enums import ConfigStatus
from rules.finding import Finding, Gate
from rules.gate import evaluate
from simulation.canonical import JsonObject

_MOMENTS = (ConfigVersion.effective_at, ConfigVersion.config_version_id)


@dataclass(frozen=True)
class Scheduled:
    """A version that waits, with its decision.

    `replaces_id` is what will be active when its moment comes, as it looks now, and `held_back_by` what the gates would
    say then.
    """

    reading: ConfigReading
    decision: DecisionRecord
    replaces_id: str | None
    held_back_by: tuple[Finding, ...]

    @property
    def config_version_id(self) -> str:
        return self.reading.config.config_version_id

    @property
    def version(self) -> int:
        """The version's number within its subject."""
        return self.decision.config_version.version

    @property
    def moment(self) -> datetime | None:
        """The moment when it takes over; None once it was held back."""
        return self.reading.config.effective_at

    @property
    def decided(self) -> JsonObject:
        """The document that its decision is about."""
        return self.reading.decided


def as_decided(session: AnySession, config_version_id: str) -> ConfigReading:
    """The config with the run that it was decided on last."""
    decided_on = newest_decision(session, config_version_id).simulation_run_id
    return read_config(session, config_version_id, simulation_run_id=decided_on)


def scheduled(session: AnySession, config_version_id: str) -> Scheduled:
    """The version as it waits, judged against what is active now."""
    decision = newest_decision(session, config_version_id)
    reading = read_config(session, config_version_id, simulation_run_id=decision.simulation_run_id)
    return _judged(reading, decision, reading.served.config_version_id if reading.served else None)


def _judged(reading: ConfigReading, decision: DecisionRecord, active_id: str | None) -> Scheduled:
    """The version judged as if its moment had come while `active_id` is active."""
    terms = Schedule(
        baseline_config_version_id=decision.baseline_config_version_id,
        activate_over_newer=decision.activate_over_newer,
    )
    draft = replace(reading.draft(), schedule=terms, active_config_version_id=active_id)
    return Scheduled(reading, decision, active_id, kept_back(draft))


def kept_back(draft: Draft) -> tuple[Finding, ...]:
    """The findings that hold a decided config back; that it was simulated again meanwhile does not (spec 2)."""
    return tuple(finding for finding in blocking(draft) if finding.code != "simulation_not_latest")


def blocking(draft: Draft) -> list[Finding]:
    """The findings of the draft that a gate refuses it for."""
    return [finding for finding in evaluate(draft) if finding.gate is not Gate.ADVISORY]


def line(
    session: AnySession, subject: Mapping[str, str], active_id: str | None, *, but: str | None = None
) -> list[Scheduled]:
    """The subject's versions that wait for their moment, earliest first, beginning with `active_id` being active.

    Each that no gate holds back is active for the one after it. `but` is left out.
    """
    lined: list[Scheduled] = []
    for config_version_id, moment in _waiting_ids(session, subject):
        if moment is not None and config_version_id != but:
            decision = newest_decision(session, config_version_id)
            reading = read_config(session, config_version_id, simulation_run_id=decision.simulation_run_id)
            lined.append(_judged(reading, decision, active_id))
            active_id = active_id if lined[-1].held_back_by else config_version_id
    return lined


def waiting_for(session: AnySession, subject: Mapping[str, str]) -> list[Scheduled]:
    """All that waits for a subject: first what is held back, then what is scheduled, earliest first."""
    waiting = _waiting_ids(session, subject)
    if not waiting:
        return []
    held = [scheduled(session, config_version_id) for config_version_id, moment in waiting if moment is None]
    active = active_config(session, subject)
    return held + line(session, subject, active.config_version_id if active else None)


def waiting_in(session: AnySession, workspace_id: str) -> list[Scheduled]:
    """All that waits in a workspace, subject by subject."""
    columns = [getattr(ConfigVersion, name) for name in SUBJECT_FIELDS]
    subjects = (
        sa.select(*columns)
        .filter_by(workspace_id=workspace_id, status=ConfigStatus.APPROVED.value)
        .distinct()
        .order_by(*columns)
    )
    rows = session.execute(subjects).all()
    return [item for row in rows for item in waiting_for(session, dict(zip(SUBJECT_FIELDS, row, strict=True)))]


def _waiting_ids(session: AnySession, subject: Mapping[str, str]) -> list[tuple[str, datetime | None]]:
    """The subject's approved versions with their moments (None: held back), by moment and id."""
    waiting = (
        sa.select(ConfigVersion.config_version_id, ConfigVersion.effective_at)
        .filter_by(status=ConfigStatus.APPROVED.value, **{name: subject[name] for name in SUBJECT_FIELDS})
        .order_by(*_MOMENTS)
    )
    return list(session.execute(waiting).tuples())


def replaced_at(session: AnySession, reading: ConfigReading, moment: datetime) -> Served | Scheduled | None:
    """The version that the config replaces when it takes effect at the moment, as it looks now; None when none is."""
    config_version_id, served = reading.config.config_version_id, reading.served
    if not reading.waiting:
        return served
    active_id = served.config_version_id if served else None
    waiting = line(session, reading.config.subject_resolution, active_id, but=config_version_id)
    place = (moment, config_version_id)
    before = [item for item in waiting if not item.held_back_by and _place(item) < place]
    return before[-1] if before else served


def _place(waiting: Scheduled) -> tuple[datetime, str]:
    return waiting.decision.effective_at, waiting.config_version_id


def due(session: AnySession, now: datetime, subject: Mapping[str, str] | None) -> list[str]:
    """Config versions whose moment has come, by subject: all callers take the subjects' locks in that order."""
    come = sa.select(ConfigVersion.config_version_id).where(
        ConfigVersion.status == ConfigStatus.APPROVED.value, ConfigVersion.effective_at <= now
    )
    if subject is not None:
        come = come.filter_by(**{name: subject[name] for name in SUBJECT_FIELDS})
    order = [getattr(ConfigVersion, name) for name in SUBJECT_FIELDS]
    return list(session.scalars(come.order_by(*order, *_MOMENTS)))
