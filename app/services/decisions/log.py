"""The decision log: lists of decisions, their summaries, and every record behind one of them (spec 6 and 7)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from app.errors import not_found
from app.models.base import AnySession
from app.models.billing_patch import BillingPatch
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, RailRule
from app.models.cycle import Cycle
from app.models.decision_record import DecisionRecord
from app.models.runtime_config import RuntimeConfig
from app.models.simulation_run import SimulationRun
from app.models.value_unit import ValueUnitSnapshot
from app.services.configs.lookup import cycle_of, get_decision
from app.services.decisions.content import decided_snapshot
from app.services.lookup import get
from rules.documents import value_unit_from_document
from rules.enums import ConfigStatus, DecisionStatus, DiffType
from rules.value_units import value_unit_completeness
from simulation.canonical import Json, JsonObject

PREVIEW_CHARACTERS = 120
SORTS = ("newest", "effective_at", "margin_risk", "retention_delta", "exploration_delta")
FILTERS = (*SUBJECT_FIELDS, "status")
RETENTION, EXPLORATION = "paid_engagement_retention_90d", "exploration_depth"
UNKNOWN_RANK = -(2**62)
"""Sorts decisions without the figure behind all that have it."""

Order = tuple[sa.ColumnElement[Any] | InstrumentedAttribute[Any], ...]
Effect = tuple[int, datetime, int, str]
OrderOfEffect = Callable[[DecisionRecord], Effect]
Selected = TypeVar("Selected", bound=tuple[Any, ...])

_SEARCHED = (
    "rationale",
    "approver_name",
    "approver_role",
    "segment",
    "decision_id",
    "config_version_id",
    "baseline_config_version_id",
    "simulation_run_id",
    "billing_patch_id",
    "cycle_id",
)


# The list


def chosen(filters: Mapping[str, object]) -> sa.Select[tuple[DecisionRecord]]:
    """The decisions that agree with `FILTERS`, `goal_type` and `q`, made in `[since, until)`."""
    statement = sa.select(DecisionRecord).filter_by(**{name: filters[name] for name in FILTERS if name in filters})
    if "since" in filters:
        statement = statement.where(DecisionRecord.created_at >= filters["since"])
    if "until" in filters:
        statement = statement.where(DecisionRecord.created_at < filters["until"])
    if "goal_type" in filters:
        cycles = sa.select(Cycle.cycle_id).filter_by(goal_type=filters["goal_type"])
        statement = statement.where(DecisionRecord.cycle_id.in_(cycles))
    if "q" in filters:
        columns = (getattr(DecisionRecord, name) for name in _SEARCHED)
        statement = statement.where(sa.or_(*(column.icontains(filters["q"], autoescape=True) for column in columns)))
    return statement


def ordering(session: AnySession, sort: str) -> Order:
    """The columns that the list is ordered by, all descending: the sort's rank, then newest.

    `effective_at`: what takes effect last comes first, which makes a subject's timeline; `margin_risk`: least simulated
    margin above the floor first; the deltas: largest gain first; unknown figures last.
    """
    newest = (DecisionRecord.place, DecisionRecord.decision_id)
    if sort == "newest":
        return newest
    if sort == "effective_at":
        return (DecisionRecord.effective_at, *newest)
    return (sa.func.coalesce(_rank(session, sort), UNKNOWN_RANK, type_=sa.BigInteger), *newest)


def page_of_decisions(
    session: AnySession, filters: Mapping[str, object], order: Order, after: Sequence[Json] | None, limit: int
) -> tuple[list[DecisionRecord], list[Json] | None]:
    """At most `limit` decisions after the row with these values of `order`; the last one's values if more follow."""
    statement = _with_figures(chosen(filters))
    if after is not None:
        last = sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(after, order, strict=True)))
        statement = statement.where(sa.tuple_(*order) < last)
    rows = session.execute(
        statement.add_columns(*order)
        .options(joinedload(DecisionRecord.config_version), joinedload(DecisionRecord.simulation_run))
        .order_by(*(column.desc() for column in order))
        .limit(limit + 1)
    ).all()
    more = len(rows) > limit
    return [row[0] for row in rows[:limit]], list(rows[limit - 1][1:]) if more else None


def position(session: AnySession, decision_id: str, order: Order) -> list[Json]:
    """The values of `order` of one decision: pass them as `after` for the page that follows it."""
    statement = _with_figures(sa.select(DecisionRecord).filter_by(decision_id=decision_id))
    row = session.execute(statement.with_only_columns(*order)).first()
    if row is None:
        raise not_found("decision record", decision_id)
    return list(row)


def _with_figures(statement: sa.Select[Selected]) -> sa.Select[Selected]:
    """The statement, joined with what the sorts read: the config's rails and the run."""
    joined = statement.join(DecisionRecord.config_version).join(DecisionRecord.simulation_run)
    return joined.outerjoin(RailRule, RailRule.config_version_id == ConfigVersion.config_version_id)


def _rank(session: AnySession, sort: str) -> sa.ColumnElement[int]:
    """A figure of the run as whole millionths, so that both engines compare the same exact numbers."""
    if sort == "margin_risk":
        margin = _figure(session, "economics", "candidate", "margin")
        return _millionths(sa.func.coalesce(sa.cast(RailRule.margin_floor, sa.Numeric), 0) - margin)
    metric_id = RETENTION if sort == "retention_delta" else EXPLORATION
    return _millionths(_figure(session, "metrics", metric_id, "delta"))


def _millionths(figure: sa.ColumnElement[Decimal]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.round(figure * 1_000_000), sa.BigInteger)


def _figure(session: AnySession, *path: str) -> sa.ColumnElement[Decimal]:
    """A number inside the run's outputs, NULL when it is not there."""
    outputs = sa.cast(SimulationRun.outputs, sa.Text)
    if session.get_bind().dialect.name == "postgresql":
        return sa.cast(sa.cast(outputs, JSONB)[path].astext, sa.Numeric)
    return sa.func.json_extract(outputs, "$" + "".join(f'."{name}"' for name in path), type_=sa.Numeric)


# Summaries


@dataclass(frozen=True)
class Summary:
    """A decision as the log shows it; `cycle` is what it was decided for."""

    decision: DecisionRecord
    cycle: Cycle
    outcome_pill: str

    def as_dict(self) -> JsonObject:
        """The DecisionSummary of spec 6."""
        decision = self.decision
        outputs = decision.simulation_run.outputs or {}
        return {
            "decision_id": decision.decision_id,
            "cycle_id": decision.cycle_id,
            "goal_type": self.cycle.goal_type,
            "config_version_id": decision.config_version_id,
            "config_version": decision.config_version.version,
            "config_name": decision.config_version.config_name,
            "baseline_config_version_id": decision.baseline_config_version_id,
            "subject_resolution": decision.subject_resolution,
            "status": decision.status,
            "diff_type": decision.diff.get("type"),
            "approver_name": decision.approver_name,
            "approver_role": decision.approver_role,
            "effective_at": decision.effective_at,
            "withdrawn_at": decision.withdrawn_at,
            "created_at": decision.created_at,
            "outcome_pill": self.outcome_pill,
            "risk_pills": risk_pills(outputs),
            "sim_deltas": sim_deltas(outputs),
            "rationale_preview": preview(decision.rationale),
            "latest_act": latest_act(decision),
        }


def summaries(session: AnySession, decisions: Sequence[DecisionRecord]) -> list[Summary]:
    """The decisions' summaries, in their order; takes two statements."""
    cycles = sa.select(Cycle).where(Cycle.cycle_id.in_({decision.cycle_id for decision in decisions}))
    by_id = {cycle.cycle_id: cycle for cycle in session.scalars(cycles)}
    pills = outcomes(session, decisions)
    return [Summary(decision, by_id[decision.cycle_id], pill) for decision, pill in zip(decisions, pills, strict=True)]


def outcomes(session: AnySession, decisions: Sequence[DecisionRecord]) -> list[str]:
    """The decisions' outcome pills, in their order; takes two statements."""
    replacing = _replacing(session, decisions)
    effects = order_of_effect(session, [*decisions, *replacing])
    successors = sorted(replacing, key=effects)
    return [outcome_pill(decision, _next(decision, successors, effects)) for decision in decisions]


def outcome_pill(decision: DecisionRecord, successor: DecisionRecord | None) -> str:
    """What became of a decision (spec 6).

    `scheduled` until its moment comes, `held_back` when a gate refused it then, `withdrawn` when it was taken back
    before it took effect, `active`, `rolled_back` when a rollback ended it, else `archived`.
    """
    if decision.withdrawn_at is not None:
        return "withdrawn"
    if decision.status == DecisionStatus.ACTIVE:
        return standing(decision.config_version)
    ended_by_rollback = successor is not None and successor.diff.get("type") == DiffType.ROLLBACK
    return "rolled_back" if ended_by_rollback else "archived"


def standing(config: ConfigVersion) -> str:
    """How a config version stands: its status, where an approved one is `scheduled` or `held_back`."""
    if config.status == ConfigStatus.APPROVED:
        return "held_back" if config.effective_at is None else "scheduled"
    return config.status


def took_effect(decision: DecisionRecord) -> bool:
    """Whether the decision's version was or is in force because of it."""
    waits = decision.status == DecisionStatus.ACTIVE and decision.config_version.status == ConfigStatus.APPROVED
    return decision.withdrawn_at is None and not waits


def risk_pills(outputs: Mapping[str, Json]) -> list[str]:
    """The codes of the run's risks, each once, in the run's order."""
    return list(dict.fromkeys(risk["code"] for risk in outputs.get("risks") or ()))


def sim_deltas(outputs: Mapping[str, Json]) -> JsonObject:
    """Candidate minus baseline: money, margin and every declared metric; None without a baseline."""
    economics = (outputs.get("economics") or {}).get("delta") or {}
    money = {name: economics.get(name) for name in ("revenue_usd", "cost_usd", "margin")}
    declared = {name: row.get("delta") for name, row in (outputs.get("metrics") or {}).items()}
    return money | (outputs.get("primary_metric_deltas") or {}) | declared


def latest_act(decision: DecisionRecord) -> JsonObject | None:
    """What was done to the decision last after its approval: type, at, by and rationale; None when nothing was."""
    if not decision.history:
        return None
    entry = decision.history[-1]
    return {name: entry[name] for name in ("type", "at", "by", "rationale")}


def preview(rationale: str) -> str:
    """One line of at most 120 characters; a longer rationale ends in an ellipsis."""
    line = " ".join(rationale.split())
    return line if len(line) <= PREVIEW_CHARACTERS else line[: PREVIEW_CHARACTERS - 1].rstrip() + "…"


def _replacing(session: AnySession, decisions: Iterable[DecisionRecord]) -> list[DecisionRecord]:
    """Every decision that took the place of one of the decisions' configs."""
    ended = {item.config_version_id for item in decisions if item.status == DecisionStatus.ARCHIVED}
    replacing = sa.select(DecisionRecord).where(DecisionRecord.baseline_config_version_id.in_(ended))
    decided = session.scalars(replacing.options(joinedload(DecisionRecord.config_version)))
    return list(filter(took_effect, decided))


def _next(
    decision: DecisionRecord, successors: Iterable[DecisionRecord], effects: OrderOfEffect
) -> DecisionRecord | None:
    """The decision that ended this one: the first that held later, with this one's config as its baseline."""
    replaced = decision.config_version_id
    return next(
        (
            item
            for item in successors
            if item.baseline_config_version_id == replaced and effects(item) > effects(decision)
        ),
        None,
    )


def since(decision: DecisionRecord) -> datetime:
    """The moment from which a decision that took effect held, by the clock of that time."""
    return max(decision.effective_at, decision.created_at)


def order_of_effect(session: AnySession, decisions: Iterable[DecisionRecord]) -> OrderOfEffect:
    """The key that sorts decisions of a subject as they took effect, whatever the clock said; takes one statement.

    The sequence of a decision's first document tells it. Those from a seed file that ended before it have no document:
    they come first, by the moments from which they held.
    """
    of_decisions = RuntimeConfig.decision_id.in_({decision.decision_id for decision in decisions})
    first = sa.select(RuntimeConfig.decision_id, sa.func.min(RuntimeConfig.sequence)).where(of_decisions)
    sequences = dict(session.execute(first.group_by(RuntimeConfig.decision_id)).tuples().all())

    def key(decision: DecisionRecord) -> Effect:
        sequence = sequences.get(decision.decision_id, 0)
        return sequence, since(decision), decision.place, decision.decision_id

    return key


# One decision


@dataclass(frozen=True)
class Detail:
    """A decision with every record behind it (spec 6); `completeness` is by value_unit_id of the snapshot."""

    decision: DecisionRecord
    config: ConfigVersion
    cycle: Cycle
    run: SimulationRun
    patch: BillingPatch
    snapshot: ValueUnitSnapshot | None
    completeness: dict[str, JsonObject]


def detail(session: AnySession, decision_id: str) -> Detail:
    """Every record behind one decision. Raises NotFound when there is no such decision."""
    decision = get_decision(session, decision_id)
    snapshot = decided_snapshot(session, decision)
    return Detail(
        decision=decision,
        config=decision.config_version,
        cycle=cycle_of(session, decision.config_version),
        run=decision.simulation_run,
        patch=get(session, BillingPatch, decision.billing_patch_id, "billing patch"),
        snapshot=snapshot,
        completeness=completeness_map(snapshot),
    )


def completeness_map(snapshot: ValueUnitSnapshot | None) -> dict[str, JsonObject]:
    """value_unit_id → `{status, missing[]}` of the snapshot's definitions."""
    by_unit = {}
    for unit in snapshot.value_units if snapshot else ():
        state = value_unit_completeness(value_unit_from_document(unit))
        by_unit[unit["value_unit_id"]] = {"status": state.status.value, "missing": list(state.missing)}
    return by_unit
