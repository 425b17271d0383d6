"""Where a new config starts: what its subject has already, and whether its cycle reaches production (flow 3A)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.actor import Actor
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle
from app.services.authoring import configs as config_drafts
from app.services.authoring import fork as decision_fork
from app.services.configs.lookup import latest_snapshot, newest_decision
from app.services.configs.reading import cycle_draft
from rules.draft import Config
from rules.enums import ConfigStatus, TargetEnvironment
from rules.finding import Finding
from rules.gate import evaluate

PRODUCTION_NEEDS = ("cycle_type_not_production", "cycle_period_not_90_days", "value_unit_snapshot_missing")
"""The findings that no draft can mend: a production config is not begun while its cycle has one of them (spec 7)."""
MAX_SUBJECTS = 50

Subject = Mapping[str, str]


@dataclass(frozen=True)
class SubjectVersions:
    """What a subject has now. Without a newest version it is a new one."""

    newest: ConfigVersion | None
    active: ConfigVersion | None

    @property
    def next_version(self) -> int:
        return 1 if self.newest is None else self.newest.version + 1


def subject_versions(session: Any, subject: Subject) -> SubjectVersions:
    versions = sa.select(ConfigVersion).filter_by(**{name: subject[name] for name in SUBJECT_FIELDS})
    return SubjectVersions(
        newest=session.scalar(versions.order_by(ConfigVersion.version.desc()).limit(1)),
        active=session.scalar(versions.filter_by(status=ConfigStatus.ACTIVE.value)),
    )


def subjects_of(session: Any, workspace_id: str) -> list[SubjectVersions]:
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


def production_obstacles(session: Any, cycle: Cycle) -> Sequence[Finding]:
    """Why a production config cannot be begun in this cycle; empty when it can."""
    draft = cycle_draft(session, cycle, latest_snapshot(session, cycle.cycle_id))
    production = replace(draft, config=Config(target_environment=TargetEnvironment.PRODUCTION))
    return [finding for finding in evaluate(production) if finding.code in PRODUCTION_NEEDS]


def start(
    session: Any, cycle: Cycle, subject: Subject, source: ConfigVersion | None, *, actor: Actor, now: datetime
) -> ConfigVersion:
    """A new draft for the subject: a fork of the source, or the stage's defaults when there is none."""
    if source is None:
        data = dict(subject) | {"cycle_id": cycle.cycle_id}
        return config_drafts.create_config(session, data, actor=actor, now=now)
    decision = newest_decision(session, source.config_version_id)
    target = decision_fork.Target(
        cycle.cycle_id, subject["target_environment"], segment=subject["segment"], stage=subject["stage"]
    )
    return decision_fork.fork(session, decision.decision_id, target, actor=actor, now=now)


def fork_version(session: Any, config: ConfigVersion, *, actor: Actor, now: datetime) -> ConfigVersion:
    """The decided version as a new draft of its own subject, in its own cycle."""
    decision = newest_decision(session, config.config_version_id)
    target = decision_fork.Target(config.cycle_id, config.target_environment)
    return decision_fork.fork(session, decision.decision_id, target, actor=actor, now=now)
