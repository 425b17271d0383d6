"""Buttons of the unit's form that change what is typed and save nothing: rows, prefills, computed values (flow 2A)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from admin_views.forms import percent_text
from admin_views.screens.authoring.unit_forms import MAPPING_CONTROLS, UnitForm, controls_of
from admin_views.screens.authoring.unit_pane import Pane
from app.models.base import db
from app.models.value_unit import ECONOMICS_FIELDS
from app.services.authoring.unit_economics import COST, MARGIN, PRICE
from app.services.guidance.navigator import extracted_cards
from app.services.uploads.costs import COST as COST_CARD
from app.services.uploads.costs import cost_cards, subject_of
from rules.extraction import ACCEPTED

Card = Mapping[str, Any]
Json = Any
CONTROL_OF_CARD = {
    "cost": COST,
    "price": PRICE,
    "margin": MARGIN,
    "event": "event_type",
    "metric": "metrics_intent",
    "quality_signal": "quality_signal_source",
}
"""Which control a card's value goes into."""


@dataclass(frozen=True)
class Prefill:
    """An accepted card beside the control that it fills; `typed` is its value as an operator types it there."""

    card_id: str
    label: str
    sentence: str
    source: str
    typed: str


def cards_for(pane: Pane, form: UnitForm) -> list[Card]:
    """What was read from the cycle's documents, and the costs that the workspace uploaded of just this unit.

    A cost is of the unit when it names the unit's id, its name as it is typed, or the event that it counts.
    """
    costs = cost_cards(db.session, pane.cycle.workspace_id)
    of_it = [costs[name] for name in (pane.unit_id, form.name.data, form.event_type.data) if name in costs]
    read = extracted_cards(db.session, pane.cycle.cycle_id)
    return of_it + [card for card in read if card["kind"] != COST_CARD or subject_of(card) is None]


def prefills(form: UnitForm, cards: Iterable[Card]) -> dict[str, list[Prefill]]:
    """control → the accepted cards that say something else than it says now, each value once."""
    offered: dict[str, dict[str, Prefill]] = {}
    for card in cards:
        control = CONTROL_OF_CARD.get(card["kind"])
        if control and card["state"] == ACCEPTED and not _says(form, control, card["value"]):
            typed = _typed(control, card["value"])
            prefill = Prefill(card["card_id"], card["label"], card["sentence"], card["source"], typed)
            offered.setdefault(control, {}).setdefault(card["value"], prefill)
    return {control: list(found.values()) for control, found in offered.items()}


def act(form: UnitForm, action: str, cards: Iterable[Card], stored: Mapping[str, Json] | None) -> None:
    """Do what a button says: `add:filters`, `remove:filters:2`, `use:target_margin`, `fill:<card_id>`, `take:<field>`.

    What it does not know it leaves alone: such a button only asks for the page again, with all that was typed.
    """
    verb, _, what = action.partition(":")
    if verb == "fill":
        _fill(form, next((card for card in cards if card["card_id"] == what), None))
    elif verb == "take":
        _take(form, what, stored or {})
    elif verb in VERBS:
        VERBS[verb](form, what)


def _add(form: UnitForm, name: str) -> None:
    if name in ROWS:
        form[name].grow()


def _remove(form: UnitForm, what: str) -> None:
    name, _, index = what.partition(":")
    if name in ROWS:
        form[name].drop(index)


def _use(form: UnitForm, name: str) -> None:
    value = form.solved().implied.get(name)
    if value is not None:
        form.put(name, value)


def _fill(form: UnitForm, card: Card | None) -> None:
    control = CONTROL_OF_CARD.get(card["kind"]) if card else None
    if card is None or control is None:
        return
    if control == "metrics_intent":
        rows = [row for row in form.metrics_intent.rows if row[0]]
        form.metrics_intent.take([*rows, (card["value"], "")])
    elif control == "quality_signal_source":
        form.put(control, [*(form.quality_signal_source.data or ()), card["value"]])
    else:
        form.put(control, card["value"] if control == "event_type" else Decimal(card["value"]))


def _take(form: UnitForm, field: str, stored: Mapping[str, Json]) -> None:
    """Give up what was typed in a field for what another operator stored there."""
    values = controls_of(stored)
    groups = {"event_mapping": MAPPING_CONTROLS, "unit_economics": ECONOMICS_FIELDS}
    for control in groups.get(field, (field,)):
        if control in values:
            form.put(control, values[control])


def _says(form: UnitForm, control: str, value: str) -> bool:
    data = form[control].data
    match control:
        case "metrics_intent":
            return any(metric == value for metric, _ in form.metrics_intent.rows)
        case "quality_signal_source":
            return value in (data or ())
        case "event_type":
            return bool(data == value)
    return data is not None and data == Decimal(value)


def _typed(control: str, value: str) -> str:
    return percent_text(Decimal(value)) if control == MARGIN else value


ROWS = ("filters", "metrics_intent")
VERBS: Mapping[str, Callable[[UnitForm, str], None]] = {"add": _add, "remove": _remove, "use": _use}
