"""The Navigator beside every screen: extracted cards, open questions, the next missing item, advice (spec 7)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle, CycleDraftContext
from app.services.configs.completeness import Completeness, completeness
from app.services.configs.lookup import latest_snapshot
from app.services.configs.reading import cycle_draft, read_config
from app.services.decisions.schedule import waiting_for
from app.services.evidence.advice import predecessor_actions
from app.services.guidance.progress import Step, first_steps, steps
from app.services.wording.words import moment_text
from rules.draft import Draft
from rules.enums import ConfigStatus
from rules.finding import Finding
from rules.gate import evaluate
from rules.navigator import OpenQuestion, RecommendedAction, open_questions, recommended_actions
from rules.places import link_to_config
from simulation.canonical import JsonObject

NOT_BEGUN = "not_begun"
"""The pill before there is anything to judge."""


@dataclass(frozen=True)
class Navigator:
    """The panel's content for one config; `completeness` has the pill, the next missing item and all findings."""

    extracted_cards: tuple[JsonObject, ...]
    open_questions: tuple[OpenQuestion, ...]
    recommended_actions: tuple[RecommendedAction, ...]
    completeness: Completeness

    def as_dict(self) -> JsonObject:
        """Plain JSON with the same names."""
        return {
            "extracted_cards": list(self.extracted_cards),
            "open_questions": [question.as_dict() for question in self.open_questions],
            "recommended_actions": [action.as_dict() for action in self.recommended_actions],
            "completeness": self.completeness,
        }


@dataclass(frozen=True)
class Guide:
    """The frame of a screen: the Navigator, and the progress strip's steps."""

    navigator: Navigator
    steps: list[Step]


def first_guide() -> Guide:
    """The frame before there is a workspace: it says what comes first, and that nothing is judged yet."""
    first: dict[str, object] = {
        "code": "workspace_missing",
        "gate": "simulate",
        "message": "Name a workspace: what you decide belongs to one.",
        "field": "workspace_name",
        "entity": {"type": "workspace", "id": None},
        "deep_link": "/setup/workspace",
    }
    begun: Completeness = {"pill": NOT_BEGUN, "next_missing_item": first, "findings": []}
    return Guide(Navigator((), (), (), begun), first_steps())


def navigate(session: AnySession, config_version_id: str) -> Navigator:
    """The Navigator of a config, from the rules and its latest completed run; no language model is involved."""
    draft = read_config(session, config_version_id).draft()
    return _navigator(session, draft.cycle.cycle_id, draft, evaluate(draft))


def guide(
    session: AnySession, cycle: Cycle | None, config: ConfigVersion | None, *, now: datetime | None = None
) -> Guide:
    """The frame of a screen about a config, about a cycle that has no config yet, or about neither.

    With `now` the advice for a draft begins with what drifted under the versions before it.
    """
    if config is not None:
        draft = read_config(session, config.config_version_id).draft()
    else:
        draft = cycle_draft(session, cycle, latest_snapshot(session, cycle.cycle_id) if cycle else None)
    findings = evaluate(draft)
    navigator = _navigator(session, cycle.cycle_id if cycle else None, draft, findings)
    if config is not None and now is not None:
        own = (*_own_schedule(session, config), *predecessor_actions(session, config, now=now))
        actions = (*own, *navigator.recommended_actions)
        navigator = replace(navigator, recommended_actions=actions)
    return Guide(navigator, steps(session, cycle, config, draft, findings))


def _own_schedule(session: AnySession, config: ConfigVersion) -> Iterator[RecommendedAction]:
    """The advice for a version that waits: when it takes over, or that it is held back and by what."""
    if config.status != ConfigStatus.APPROVED:
        return
    link = link_to_config(config.config_version_id, "approve", "scheduled")
    for item in waiting_for(session, config.subject_resolution):
        if item.config_version_id == config.config_version_id:
            state = f"takes over at {moment_text(item.moment)}" if item.moment else "is held back: move or withdraw it"
            yield RecommendedAction("scheduled" if item.moment else "held_back", f"this version {state}", link)
            yield from (RecommendedAction(finding.code, finding.message, link) for finding in item.held_back_by)


def _navigator(session: AnySession, cycle_id: str | None, draft: Draft, findings: tuple[Finding, ...]) -> Navigator:
    return Navigator(
        extracted_cards=tuple(extracted_cards(session, cycle_id)) if cycle_id else (),
        open_questions=open_questions(findings, draft),
        recommended_actions=recommended_actions(draft, findings),
        completeness=completeness(findings),
    )


def extracted_cards(session: AnySession, cycle_id: str) -> list[JsonObject]:
    """The cards of the cycle's documents, newest context first."""
    contexts = sa.select(CycleDraftContext.extracted_cards).filter_by(cycle_id=cycle_id)
    newest = contexts.order_by(CycleDraftContext.place.desc(), CycleDraftContext.cycle_draft_context_id.desc())
    return [card for cards in session.scalars(newest) for card in cards]
