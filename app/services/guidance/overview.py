"""Home's overview of a workspace: active versions, approved ones, drafts in work, newest decisions (spec 7)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from app.services.decisions.schedule import Scheduled, waiting_in
from app.services.evidence.comparison import Comparison, InForce, in_force, type_comparisons
from app.services.evidence.counts import events_by_day
from app.services.wording.words import PRICING_MODES
from rules import drift
from rules.enums import ConfigStatus, DecisionStatus
from rules.gate import evaluate
from simulation.canonical import Json
from simulation.output_shapes import RiskEntry

MAX_ACTIVE, MAX_DRAFTS, MAX_DECISIONS = 12, 6, 5
REPORTED_DAYS = 30
DEMO = "ws_1049"
IN_WORK = (ConfigStatus.DRAFT.value, ConfigStatus.SIMULATED.value)


@dataclass(frozen=True)
class Active:
    """An active version with the run that it was decided on, and what apps reported about it since.

    `outputs` is empty when it was imported without a run. `reported` has a row for each event type, `by_day` how many
    enforcement events came on each of the last `REPORTED_DAYS` days, oldest first.
    """

    config: ConfigVersion
    decision: DecisionRecord | None
    outputs: Mapping[str, Json]
    in_force: InForce
    reported: Sequence[Comparison]
    by_day: Sequence[int]

    @property
    def economics(self) -> Mapping[str, Decimal | None]:
        """revenue_usd, cost_usd and margin of the candidate side, as simulated; None where they were not."""
        candidate: Mapping[str, Json] = (self.outputs.get("economics") or {}).get("candidate") or {}
        return {name: candidate.get(name) for name in ("revenue_usd", "cost_usd", "margin")}

    @property
    def risks(self) -> Sequence[RiskEntry]:
        """The risks that the run named, which were accepted with the decision."""
        return self.outputs.get("risks") or ()

    @property
    def distinct_risks(self) -> list[tuple[RiskEntry, int]]:
        """The first risk of each code, and how many there are of that code: one per period says the same thrice."""
        counts = Counter(risk["code"] for risk in self.risks)
        first = {risk["code"]: risk for risk in reversed(self.risks)}
        return [(first[code], count) for code, count in counts.items()]

    @property
    def drifted(self) -> list[Comparison]:
        """The event types whose reports have drifted from the forecast."""
        return [row for row in self.reported if row.verdict in drift.DRIFTED]

    @property
    def basis(self) -> str:
        """What the simulated figures rest on: `30 days, Unit economics`; empty without a run."""
        inputs = self.decision.simulation_run.inputs if self.decision else {}
        days, mode = self.in_force.forecast_days, PRICING_MODES.get(inputs.get("pricing_mode") or "")
        return ", ".join(filter(None, (f"{days} days" if days else None, mode)))

    @property
    def urgency(self) -> tuple[bool, bool]:
        """The sort key that puts first what needs a decision: drifted from its forecast, then carrying a risk."""
        return not self.drifted, not self.risks


@dataclass(frozen=True)
class DraftInWork:
    """A config in work; `completeness` has its pill and the next missing item."""

    config: ConfigVersion
    completeness: Mapping[str, Json]


@dataclass(frozen=True)
class Overview:
    """Home's content for one workspace; the counts are of all, the lists hold the first of them.

    `waiting` is everything that is scheduled or held back.
    """

    active: Sequence[Active]
    active_count: int
    waiting: Sequence[Scheduled]
    drafts: Sequence[DraftInWork]
    draft_count: int
    decisions: Sequence[Summary]
    newest_cycle: Cycle | None


def overview(session: AnySession, workspace_id: str, *, now: datetime) -> Overview:
    """Everything that Home shows of a workspace."""
    counts = _counts(session, workspace_id)
    return Overview(
        active=sorted(_active(session, workspace_id, now), key=lambda active: active.urgency),
        active_count=counts.get(ConfigStatus.ACTIVE.value, 0),
        waiting=waiting_in(session, workspace_id),
        drafts=_drafts(session, workspace_id),
        draft_count=sum(counts.get(status, 0) for status in IN_WORK),
        decisions=newest_decisions(session, workspace_id),
        newest_cycle=newest_cycle(session, workspace_id),
    )


def _counts(session: AnySession, workspace_id: str) -> dict[str, int]:
    by_status = sa.select(ConfigVersion.status, sa.func.count()).filter_by(workspace_id=workspace_id)
    return dict(session.execute(by_status.group_by(ConfigVersion.status)).tuples().all())


def _active(session: AnySession, workspace_id: str, now: datetime) -> list[Active]:
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
    return [_reported(session, config, by_config.get(config.config_version_id), now) for config in configs]


def _reported(session: AnySession, config: ConfigVersion, decision: DecisionRecord | None, now: datetime) -> Active:
    version = in_force(session, config, now=now)
    return Active(
        config=config,
        decision=decision,
        outputs=(decision.simulation_run.outputs or {}) if decision else {},
        in_force=version,
        reported=type_comparisons(session, version),
        by_day=_by_day(session, config.config_version_id, now),
    )


def _by_day(session: AnySession, config_version_id: str, now: datetime) -> list[int]:
    """How many events came on each of the last `REPORTED_DAYS` days, oldest first."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=ago) for ago in reversed(range(REPORTED_DAYS))]
    counts = Counter[str]()
    for row in events_by_day(session, config_version_id, since=days[0]):
        counts[row.day] += row.events
    return [counts[f"{day:%Y-%m-%d}"] for day in days]


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
