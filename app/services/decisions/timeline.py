"""A subject's timeline: what was in force from when to when, what is, and what waits to be (spec 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS
from app.models.decision_record import DecisionRecord
from app.services.decisions.log import order_of_effect, outcomes, since, took_effect
from app.services.decisions.schedule import Scheduled, waiting_for
from rules.enums import ConfigStatus

MAX_PAST = 8
"""The decisions that took effect which a timeline shows; the decision log has them all."""


@dataclass(frozen=True)
class Stretch:
    """The time for which a decision held: until the next one, or still (`until` None)."""

    decision: DecisionRecord
    outcome_pill: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Timeline:
    """What waits for a subject, held back first, and what took effect, newest first.

    `more` says that older decisions are left out.
    """

    waiting: list[Scheduled]
    past: list[Stretch]
    more: bool


def timeline(session: AnySession, subject: Mapping[str, str]) -> Timeline:
    """The timeline of a subject; takes a few statements."""
    stretches = _stretches(session, subject)
    return Timeline(waiting_for(session, subject), stretches[:MAX_PAST], len(stretches) > MAX_PAST)


def back_to(timeline: Timeline) -> int | None:
    """The number of the version that was in force last before the active one, and that one can roll back to."""
    earlier = (stretch.decision.config_version for stretch in timeline.past if stretch.until)
    return next((config.version for config in earlier if config.status == ConfigStatus.ARCHIVED), None)


def _stretches(session: AnySession, subject: Mapping[str, str]) -> list[Stretch]:
    """The newest decisions that took effect, one more than a timeline shows if there are as many."""
    of_subject = (
        sa.select(DecisionRecord)
        .filter_by(**{name: subject[name] for name in SUBJECT_FIELDS}, withdrawn_at=None)
        .options(joinedload(DecisionRecord.config_version))
    )
    effective = list(filter(took_effect, session.scalars(of_subject)))
    held = sorted(effective, key=order_of_effect(session, effective), reverse=True)[: MAX_PAST + 1]
    pills = outcomes(session, held)
    ends = [None, *(since(decision) for decision in held)]
    return [
        Stretch(decision, pill, since(decision), until)
        for decision, pill, until in zip(held, pills, ends, strict=False)
    ]
