"""Begin a config: the versions that its subject has, and whether its cycle is ready for production (flow 3A)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.actor import Actor
from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle
from app.services.authoring.configs import create_config
from app.services.authoring.fork import Target, fork
from app.services.authoring.inputs import ConfigInput
from app.services.configs.lookup import latest_snapshot, newest_decision
from app.services.configs.reading import cycle_draft
from rules.enums import ConfigStatus, TargetEnvironment
from rules.finding import Finding
from rules.gate import evaluate

PRODUCTION_NEEDS = ("cycle_type_not_production", "cycle_period_not_90_days", "value_unit_snapshot_missing")
"""The findings that no draft can mend: no production config is begun while its cycle has one of them (spec 7)."""
MAX_SUBJECTS = 50

Subject = Mapping[str, str]


@dataclass(frozen=True)
class SubjectVersions:
    """The newest version and the active one of a subject; a new subject has neither."""

    newest: ConfigVersion | None
    active: ConfigVersion | None

    @property
    def next_version(self) -> int:
        return 1 if self.newest is None else self.newest.version + 1


def subject_versions(session: AnySession, subject: Subject) -> SubjectVersions:
    """The newest and the active version of the subject with these four fields."""
    versions = sa.select(ConfigVersion).filter_by(**{name: subject[name] for name in SUBJECT_FIELDS})
    return SubjectVersions(
        newest=session.scalar(versions.order_by(ConfigVersion.version.desc()).limit(1)),
        active=session.scalar(versions.filter_by(status=ConfigStatus.ACTIVE.value)),
    )


def subjects_of(session: AnySession, workspace_id: str) -> list[SubjectVersions]:
    """Every subject of the workspace, by segment, stage and environment; at most `MAX_SUBJECTS`."""
    subject = [getattr(ConfigVersion, name) for name in SUBJECT_FIELDS]
    newest = (
        sa.select(sa.func.max(ConfigVersion.version).label("version"), *subject)
        .where(ConfigVersion.workspace_id == workspace_id)
        .group_by(*subject)
        .subquery()
    )
    same = [newest.c[name] == getattr(ConfigVersion, name) for name in SUBJECT_FIELDS]
    rows = session.scalars(
        sa.select(ConfigVersion)
        .join(newest, sa.and_(*same, newest.c.version == ConfigVersion.version))
        .order_by(*subject)
        .limit(MAX_SUBJECTS)
    ).all()
    active = {
        tuple(row.subject_resolution.values()): row
        for row in session.scalars(
            sa.select(ConfigVersion).filter_by(workspace_id=workspace_id, status=ConfigStatus.ACTIVE.value)
        )
    }
    return [SubjectVersions(row, active.get(tuple(row.subject_resolution.values()))) for row in rows]


def production_obstacles(session: AnySession, cycle: Cycle) -> Sequence[Finding]:
    """The findings for which no production config can be begun in this cycle; empty when one can."""
    newest = latest_snapshot(session, cycle.cycle_id)
    draft = cycle_draft(session, cycle, newest, target_environment=TargetEnvironment.PRODUCTION)
    return [finding for finding in evaluate(draft) if finding.code in PRODUCTION_NEEDS]


def start(
    session: AnySession,
    cycle: Cycle,
    subject: Subject,
    source: ConfigVersion | None,
    *,
    name: str | None = None,
    actor: Actor,
    now: datetime,
) -> ConfigVersion:
    """A new draft for the subject: a fork of the source, or the stage's defaults when there is none.

    Without a `name` a fork keeps its source's.
    """
    if source is None:
        data: ConfigInput = {
            "workspace_id": subject["workspace_id"],
            "segment": subject["segment"],
            "stage": subject["stage"],
            "target_environment": subject["target_environment"],
            "cycle_id": cycle.cycle_id,
            "config_name": name,
        }
        return create_config(session, data, actor=actor, now=now)
    decision = newest_decision(session, source.config_version_id)
    target = Target(
        cycle.cycle_id,
        subject["target_environment"],
        segment=subject["segment"],
        stage=subject["stage"],
        config_name=name,
    )
    return fork(session, decision.decision_id, target, actor=actor, now=now)


def fork_version(session: AnySession, config: ConfigVersion, *, actor: Actor, now: datetime) -> ConfigVersion:
    """The decided version as a new draft of its own subject, in its own cycle."""
    decision = newest_decision(session, config.config_version_id)
    target = Target(config.cycle_id, config.target_environment)
    return fork(session, decision.decision_id, target, actor=actor, now=now)
