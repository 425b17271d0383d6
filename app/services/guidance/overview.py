"""Home's overview of a workspace: active versions, approved ones, drafts in work, newest decisions (spec 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, lazyload

from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle
from app.models.decision_record import DecisionRecord
from app.models.workspace import Workspace
from app.services.catalogs.kinds import KINDS
from app.services.configs.completeness import completeness
from app.services.configs.lookup import IS_ACTIVE
from app.services.configs.reading import find_config, load_catalogs
from app.services.decisions.log import Summary, ordering, page_of_decisions, summaries
from rules.enums import ConfigStatus, DecisionStatus
from rules.gate import evaluate
from simulation.canonical import Json
from simulation.output_shapes import RiskEntry

MAX_ACTIVE, MAX_DRAFTS, MAX_DECISIONS = 12, 6, 5
DEMO = "ws_1049"
IN_WORK = (ConfigStatus.DRAFT.value, ConfigStatus.SIMULATED.value)


@dataclass(frozen=True)
class Active:
    """An active version with the run that it was decided on; `outputs` is empty when it was imported without one."""

    config: ConfigVersion
    decision: DecisionRecord | None
    outputs: Mapping[str, Json]

    @property
    def economics(self) -> Mapping[str, Decimal | None]:
        """revenue_usd, cost_usd and margin of the candidate side, as simulated; None where they were not."""
        candidate: Mapping[str, Json] = (self.outputs.get("economics") or {}).get("candidate") or {}
        return {name: candidate.get(name) for name in ("revenue_usd", "cost_usd", "margin")}

    @property
    def risks(self) -> Sequence[RiskEntry]:
        """The risks that the run named, which were accepted with the decision."""
        return self.outputs.get("risks") or ()


@dataclass(frozen=True)
class DraftInWork:
    """A config in work; `completeness` has its pill and the next missing item."""

    config: ConfigVersion
    completeness: Mapping[str, Json]


@dataclass(frozen=True)
class Overview:
    """Home's content for one workspace; the counts are of all, the lists hold the first of them."""

    active: Sequence[Active]
    active_count: int
    scheduled: Sequence[ConfigVersion]
    drafts: Sequence[DraftInWork]
    draft_count: int
    decisions: Sequence[Summary]
    newest_cycle: Cycle | None


def overview(session: AnySession, workspace_id: str) -> Overview:
    """Everything that Home shows of a workspace."""
    counts = _counts(session, workspace_id)
    return Overview(
        active=_active(session, workspace_id),
        active_count=counts.get(ConfigStatus.ACTIVE.value, 0),
        scheduled=_scheduled(session, workspace_id),
        drafts=_drafts(session, workspace_id),
        draft_count=sum(counts.get(status, 0) for status in IN_WORK),
        decisions=newest_decisions(session, workspace_id),
        newest_cycle=newest_cycle(session, workspace_id),
    )


def _counts(session: AnySession, workspace_id: str) -> dict[str, int]:
    by_status = sa.select(ConfigVersion.status, sa.func.count()).filter_by(workspace_id=workspace_id)
    return dict(session.execute(by_status.group_by(ConfigVersion.status)).tuples().all())


def _active(session: AnySession, workspace_id: str) -> list[Active]:
    order = [getattr(ConfigVersion, name) for name in SUBJECT_FIELDS]
    configs = session.scalars(
        without_parts(sa.select(ConfigVersion))
        .where(IS_ACTIVE)
        .filter_by(workspace_id=workspace_id)
        .order_by(*order)
        .limit(MAX_ACTIVE)
    ).all()
    decided = sa.select(DecisionRecord).where(
        DecisionRecord.config_version_id.in_([config.config_version_id for config in configs]),
        DecisionRecord.status == DecisionStatus.ACTIVE.value,
    )
    by_config = {
        decision.config_version_id: decision
        for decision in session.scalars(decided.options(joinedload(DecisionRecord.simulation_run)))
    }
    return [_with_run(config, by_config.get(config.config_version_id)) for config in configs]


def _with_run(config: ConfigVersion, decision: DecisionRecord | None) -> Active:
    return Active(config, decision, (decision.simulation_run.outputs or {}) if decision else {})


def _scheduled(session: AnySession, workspace_id: str) -> list[ConfigVersion]:
    approved = without_parts(sa.select(ConfigVersion)).filter_by(
        workspace_id=workspace_id, status=ConfigStatus.APPROVED.value
    )
    return list(session.scalars(approved.order_by(ConfigVersion.effective_at).limit(MAX_DRAFTS)))


def _drafts(session: AnySession, workspace_id: str) -> list[DraftInWork]:
    newest = (ConfigVersion.updated_at.desc(), ConfigVersion.config_version_id.desc())
    in_work = sa.select(ConfigVersion).where(ConfigVersion.status.in_(IN_WORK)).filter_by(workspace_id=workspace_id)
    listed = without_parts(in_work).options(joinedload(ConfigVersion.cycle)).order_by(*newest).limit(MAX_DRAFTS)
    configs = session.scalars(listed).all()
    catalogs = load_catalogs(session, workspace_id) if configs else None
    readings = ((config, find_config(session, config.config_version_id, catalogs=catalogs)) for config in configs)
    return [DraftInWork(config, completeness(evaluate(reading.draft()))) for config, reading in readings if reading]


def newest_decisions(session: AnySession, workspace_id: str) -> list[Summary]:
    """The workspace's last decisions, newest first."""
    order = ordering(session, "newest")
    rows, _ = page_of_decisions(session, {"workspace_id": workspace_id}, order, None, MAX_DECISIONS)
    return summaries(session, rows)


def newest_cycle(session: AnySession, workspace_id: str) -> Cycle | None:
    """The workspace's cycle that was made last."""
    newest = (Cycle.created_at.desc(), Cycle.cycle_id.desc())
    return session.scalar(sa.select(Cycle).filter_by(workspace_id=workspace_id).order_by(*newest).limit(1))


def without_parts(statement: sa.Select[tuple[ConfigVersion]]) -> sa.Select[tuple[ConfigVersion]]:
    """The statement without reading pools, exploration and rails, which a list does not show."""
    return statement.options(*map(lazyload, (ConfigVersion.pools, ConfigVersion.exploration, ConfigVersion.rails)))


def catalog_sizes(session: AnySession, workspace_id: str) -> dict[str, int]:
    """How many entries of its own the workspace has in each catalog, by the catalog's slug."""
    counts = [
        sa.select(sa.func.count()).where(kind.model.workspace_id == workspace_id).scalar_subquery()
        for kind in KINDS.values()
    ]
    return dict(zip(KINDS, session.execute(sa.select(*counts)).one(), strict=True))


def demo(session: AnySession) -> Workspace | None:
    """The workspace of the Lumina demo, None where it was not seeded."""
    return session.get(Workspace, DEMO)
