"""The texts of a context, documents and what was pasted, with the cards in them: some join, others are taken out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from app.actor import Actor
from app.errors import not_found
from app.models.base import AnySession
from app.models.cycle import CycleDraftContext
from app.services.authoring.context_reading import PASTED, cards_of
from app.services.authoring.contexts import KIND
from app.services.authoring.rows import assign
from app.services.lookup import get
from app.services.product_events import log_event
from rules.extraction import EVIDENCE, NEW
from simulation.canonical import Json, JsonObject

NOT_FROM_TEXTS = ("cost", EVIDENCE)
"""Kinds of cards that files of costs and the evidence give as well: those stay when the texts are read again."""


def cards_again(
    session: AnySession,
    workspace_id: str,
    before: Sequence[JsonObject],
    documents: Sequence[Mapping[str, Json]],
    pasted_text: str | None,
    gone: Iterable[str] = (),
) -> list[JsonObject]:
    """The cards of these texts, judged as they were, and those that no text gave; `gone` are texts that left."""
    readable = [document for document in documents if _is_readable(document)]
    read: list[JsonObject] = [card.as_dict() for card in cards_of(session, workspace_id, readable, pasted_text)]
    texts = {PASTED, *(document["name"] for document in readable), *gone}
    read += [card for card in before if card.get("source") not in texts and card.get("kind") in NOT_FROM_TEXTS]
    verdicts = {card.get("card_id"): card.get("state", NEW) for card in before}
    return [card | {"state": verdicts.get(card["card_id"], NEW)} for card in read]


def _is_readable(document: Mapping[str, Json]) -> bool:
    """Whether it has a name and a text; a program may keep documents of another shape."""
    return isinstance(document.get("name"), str) and isinstance(document.get("text"), str)


def remove_text(session: AnySession, context_id: str, name: str, *, actor: Actor, now: datetime) -> CycleDraftContext:
    """Take a document out of a context, or what was pasted (`pasted text`), with the cards that no other text gives.

    What was taken over from its cards into a cycle stays there. Raises NotFound when the context has no such text.
    """
    context = get(session, CycleDraftContext, context_id, KIND)
    kept = [document for document in context.documents if document.get("name") != name]
    pasted_text = None if name == PASTED else context.pasted_text
    if len(kept) == len(context.documents) and pasted_text == context.pasted_text:
        raise not_found("text of the context", name)
    before = context.extracted_cards
    own = [card for card in before if "source" not in card]  # a program's, which no text gave
    cards = own + cards_again(session, context.workspace_id, before, kept, pasted_text, gone=(name,))
    assign(context, {"documents": kept, "pasted_text": pasted_text, "extracted_cards": cards})
    log_event(
        session,
        "context_text_removed",
        actor=actor,
        now=now,
        workspace_id=context.workspace_id,
        entity_id=context_id,
        text=name,
    )
    return context
