"""The Navigator beside every screen: cards, questions, what is missing next, what is worth doing (spec 7)."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.models.config_version import ConfigVersion
from app.models.cycle import CycleDraftContext
from app.services.completeness import completeness
from app.services.snapshots import read_config
from rules.gate import evaluate
from rules.navigator import OpenQuestion, RecommendedAction, open_questions, recommended_actions


@dataclass(frozen=True)
class Navigator:
    """What the panel says about one config; `completeness` has the pill, the next missing item and all findings."""

    extracted_cards: tuple[dict[str, Any], ...]
    open_questions: tuple[OpenQuestion, ...]
    recommended_actions: tuple[RecommendedAction, ...]
    completeness: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON with the same names."""
        return {
            "extracted_cards": list(self.extracted_cards),
            "open_questions": [question.as_dict() for question in self.open_questions],
            "recommended_actions": [action.as_dict() for action in self.recommended_actions],
            "completeness": self.completeness,
        }


def navigate(session: Any, config: ConfigVersion) -> Navigator:
    """Computed from the rules and the latest completed run; no model is asked."""
    draft = read_config(session, config).draft()
    findings = evaluate(draft)
    return Navigator(
        extracted_cards=tuple(extracted_cards(session, config.cycle_id)),
        open_questions=open_questions(findings),
        recommended_actions=recommended_actions(draft, findings),
        completeness=completeness(findings),
    )


def extracted_cards(session: Any, cycle_id: str) -> list[dict[str, Any]]:
    """What was read from the cycle's documents, newest context first."""
    contexts = sa.select(CycleDraftContext.extracted_cards).filter_by(cycle_id=cycle_id)
    newest = contexts.order_by(CycleDraftContext.created_at.desc(), CycleDraftContext.cycle_draft_context_id.desc())
    return [card for cards in session.scalars(newest) for card in cards]
