"""Decisions to find, compare and fork: simulated, approved and rolled back as operators do it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.models.base import AnySession
from app.models.decision_record import DecisionRow
from app.models.transactions import write
from app.services.decisions import activation
from simulation.canonical import JsonObject
from tests import factories as f


def decide(
    session: AnySession,
    config_version_id: str,
    *,
    later: int,
    outputs: JsonObject | None = None,
    rationale: str = "It holds.",
    decision_id: str | None = None,
    **changes: Any,
) -> DecisionRow:
    """A config simulated with the outputs and approved `later` seconds after NOW, by decision `dec_<number>`."""
    effective_at = changes.pop("effective_at", None)
    row = f.config(session, config_version_id, **changes)
    f.run(session, row, outputs=outputs or f.outputs())
    return activation.approve(
        session,
        config_version_id,
        f"sim_{config_version_id}",
        activation.Approval("Theresa", "CEO", rationale, effective_at),
        actor=f.OPERATOR,
        now=f.NOW + timedelta(seconds=later),
        decision_id=decision_id or config_version_id.replace("cfg", "dec"),
    )


def roll_back(session: AnySession, config_version_id: str, *, later: int, decision_id: str) -> DecisionRow:
    return activation.rollback(
        session,
        config_version_id,
        activation.Approval("Kim", "CFO", "Customers objected."),
        actor=f.OPERATOR,
        now=f.NOW + timedelta(seconds=later),
        decision_id=decision_id,
    )


def figures(margin: str, retention: str | None, exploration: str | None) -> JsonObject:
    """Outputs with a margin, and deltas that may be null."""

    def row(delta: str | None) -> JsonObject:
        return {"candidate": 1, "baseline": None, "delta": None if delta is None else Decimal(delta)}

    economics = {"candidate": {"revenue_usd": 1, "cost_usd": 1, "margin": Decimal(margin)}}
    metrics = {"paid_engagement_retention_90d": row(retention), "exploration_depth": row(exploration)}
    return f.outputs(economics=economics, metrics=metrics)


def four_decisions(session: AnySession) -> None:
    """Three for smb (the second scheduled away by a rollback to the first), one for enterprise."""
    with write(session):
        decide(session, "cfg_1", later=0, outputs=figures("0.7", "0.02", "5"), rationale="First, to LEARN.")
        decide(session, "cfg_2", later=10, outputs=figures("0.5", "-0.03", None))
        roll_back(session, "cfg_1", later=20, decision_id="dec_3")
        decide(session, "cfg_4", later=30, outputs=figures("0.9", None, "-2"), segment="enterprise")
