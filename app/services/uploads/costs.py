"""Costs per unit from a file: kept as accepted cards of kind "cost" in the workspace's newest context.

A card's label ends in the event type or value unit that the cost is for: `cost $0.18 per video_render_completed`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from app.actor import Actor
from app.models.base import AnySession
from app.models.cycle import CycleDraftContext
from app.services.authoring.contexts import create_context, update_context
from app.services.authoring.inputs import ContextInput
from app.services.usage.fields import Reject
from rules.extraction import ACCEPTED, Card
from rules.ids import MAX_ID_LENGTH
from rules.readings import plain_text, read, readings
from rules.texts import problem_of
from simulation.canonical import Json
from simulation.numbers import PLACES, fits

COST = "cost"
_AMOUNT = re.compile(r"(?:US)?\$?\s*([0-9.,]+(?:e[+-]?[0-9]{1,3})?)\s*(?:USD)?", re.IGNORECASE)
_FOR_MANY = r" \((?:US)?\$?\s?[\d.,]\S*(?: \w+)? per (?:\d|thousand|million|billion)[^()]*\)"
_OF = re.compile(rf"cost \S+ per (.+?)(?:{_FOR_MANY})?", re.DOTALL)


def read_costs(
    source: str, rows: Iterable[tuple[int, Mapping[str, str]]], sign: str | None = None
) -> tuple[list[Card], list[Reject]]:
    """Cards and rejects of (row number, {name, cost_per_unit_usd}); of several rows about one name the last counts.

    `sign` is the decimal sign that somebody said the file has. Without it an amount that can mean two numbers, such as
    1,234, is rejected.
    """
    cards: dict[str, Card] = {}
    rejects: list[Reject] = []
    for number, row in rows:
        name, amount = row.get("name", "").strip(), row.get("cost_per_unit_usd", "").strip()
        values = _values(amount, sign)
        problem = _problem(name, amount, values)
        if problem is not None:
            rejects.append(Reject(number, *problem))
            continue
        value = plain_text(values[0])
        cards.pop(name, None)
        cards[name] = Card(
            kind=COST,
            value=value,
            label=f"cost ${value} per {name}",
            sentence=f"{name}: {amount} USD per unit",
            source=f"{source}, row {number}",
            state=ACCEPTED,
        )
    return list(cards.values()), rejects


def _values(amount: str, sign: str | None) -> tuple[Decimal, ...]:
    """The numbers that an amount in USD can mean."""
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        return ()
    if sign is None:
        return readings(match[1])
    value = read(match[1], sign)
    return () if value is None else (value,)


def _problem(name: str, amount: str, values: Sequence[Decimal]) -> tuple[str, str] | None:
    """Field and reason of the first problem; `values` are the numbers that the amount can mean."""
    if not name:
        return "name", "the event type or value unit is missing"
    if len(name) > MAX_ID_LENGTH:
        return "name", f"the name is longer than {MAX_ID_LENGTH} characters"
    if problem := problem_of(name):
        return "name", f"the name {problem.removesuffix('.')}"
    if not amount:
        return "cost_per_unit_usd", "the cost is missing"
    if not values:
        return "cost_per_unit_usd", f"{amount!r} is no amount in USD such as 0.18"
    if len(values) > 1:
        meanings = " or ".join(map(plain_text, values))
        return "cost_per_unit_usd", f"{amount!r} can mean {meanings}: say which sign is the decimal one"
    if not fits(values[0]):
        return "cost_per_unit_usd", f"{amount!r} is 10^14 or more, or has more than {PLACES} decimals"
    return None


def keep_costs(
    session: AnySession, workspace_id: str, cards: Iterable[Card], *, actor: Actor, now: datetime
) -> CycleDraftContext:
    """Put the cards into the newest context, or a new one; they replace earlier costs of the same things."""
    fresh = {card.label.partition(" per ")[2]: card.as_dict() for card in cards}
    context = newest_context(session, workspace_id)
    if context is None:
        data: ContextInput = {"workspace_id": workspace_id, "extracted_cards": list(fresh.values())}
        return create_context(session, data, actor=actor, now=now)
    kept = [card for card in context.extracted_cards if card["kind"] != COST or subject_of(card) not in fresh]
    data = {"extracted_cards": [*kept, *fresh.values()]}
    return update_context(session, context.cycle_draft_context_id, data, actor=actor, now=now)


def newest_context(session: AnySession, workspace_id: str) -> CycleDraftContext | None:
    """The workspace's context that was made last."""
    newest = (CycleDraftContext.place.desc(), CycleDraftContext.cycle_draft_context_id.desc())
    return session.scalar(sa.select(CycleDraftContext).filter_by(workspace_id=workspace_id).order_by(*newest).limit(1))


def suggested_costs(session: AnySession, workspace_id: str) -> dict[str, Decimal]:
    """Event type, value unit id or name → avg_cost_per_unit_usd, from the accepted cards; the newest wins."""
    return {subject: Decimal(card["value"]) for subject, card in cost_cards(session, workspace_id).items()}


def cost_cards(session: AnySession, workspace_id: str) -> dict[str, Mapping[str, Json]]:
    """Event type, value unit id or name → its newest accepted card, which names the file that the cost comes from."""
    oldest_first = (CycleDraftContext.place, CycleDraftContext.cycle_draft_context_id)
    contexts = sa.select(CycleDraftContext.extracted_cards).filter_by(workspace_id=workspace_id).order_by(*oldest_first)
    cards = [card for cards in session.scalars(contexts) for card in cards]
    return {
        subject: card
        for card in cards
        if card["kind"] == COST and card["state"] == ACCEPTED and (subject := subject_of(card))
    }


def subject_of(card: Mapping[str, Json]) -> str | None:
    """The event type or value unit of a cost card, None when its label names none."""
    match = _OF.fullmatch(card["label"])
    return None if match is None else match[1]
