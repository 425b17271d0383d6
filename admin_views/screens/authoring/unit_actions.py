"""The buttons of a unit's form that save nothing: more or fewer rows, prefills, computed values (flow 2A)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from admin_views.forms import percent_text
from admin_views.screens.authoring.unit_forms import MAPPING_CONTROLS, UnitForm, controls_of
from admin_views.screens.authoring.unit_pane import Pane
from app.models.base import db
from app.models.value_unit import ECONOMICS_FIELDS
from app.services.authoring.unit_economics import COST, MARGIN, PRICE
from app.services.guidance.navigator import extracted_cards
from app.services.uploads.costs import COST as COST_CARD
from app.services.uploads.costs import cost_cards, subject_of
from rules.extraction import ACCEPTED, is_per_unit
from simulation.canonical import Json

Card = Mapping[str, Json]
CONTROL_OF_CARD = {
    "cost": COST,
    "price": PRICE,
    "margin": MARGIN,
    "event": "event_type",
    "metric": "metrics_intent",
    "quality_signal": "quality_signal_source",
}
"""kind of card → the control that the card's value fills."""


@dataclass(frozen=True)
class Prefill:
    """An accepted card beside the control that it fills; `typed` is its value as an operator would type it there."""

    card_id: str
    label: str
    sentence: str
    source: str
    typed: str


def cards_for(pane: Pane, form: UnitForm) -> list[Card]:
    """The cards of the cycle's documents, led by the workspace's uploaded costs that are about this unit.

    A cost is about the unit when it names the unit's id, its name as it is typed, or the event that it counts.
    """
    costs = cost_cards(db.session, pane.cycle.workspace_id)
    names = (pane.unit_id, form.name.data, form.event_type.data)
    unit_costs = [costs[name] for name in names if name is not None and name in costs]
    cards = extracted_cards(db.session, pane.cycle.cycle_id)
    return [*unit_costs, *(card for card in cards if card["kind"] != COST_CARD or subject_of(card) is None)]


def prefills(form: UnitForm, cards: Iterable[Card]) -> dict[str, list[Prefill]]:
    """control → the accepted cards whose value is not the control's own, each value once.

    An amount for many that does not come out even for one is not offered: its card says for how many it is.
    """
    offered: dict[str, dict[str, Prefill]] = {}
    for card in cards:
        control = CONTROL_OF_CARD.get(card["kind"])
        is_offered = card["state"] == ACCEPTED and is_per_unit(card["label"])
        if control and is_offered and not _says(form, control, card["value"]):
            typed = _typed(control, card["value"])
            prefill = Prefill(card["card_id"], card["label"], card["sentence"], card["source"], typed)
            offered.setdefault(control, {}).setdefault(card["value"], prefill)
    return {control: list(by_value.values()) for control, by_value in offered.items()}


def act(form: UnitForm, action: str, cards: Iterable[Card], stored: Mapping[str, Json] | None) -> None:
    """Carry out `add:filters`, `remove:filters:2`, `use:target_margin`, `fill:<card_id>` or `take:<field>`.

    An unknown action changes nothing: its button only loads the page again, with all that was typed.
    """
    verb, _, target = action.partition(":")
    if verb == "fill":
        _fill(form, next((card for card in cards if card["card_id"] == target), None))
    elif verb == "take":
        _take(form, target, stored or {})
    elif verb in VERBS:
        VERBS[verb](form, target)


def _add(form: UnitForm, name: str) -> None:
    if name in ROWS:
        form[name].grow()


def _remove(form: UnitForm, target: str) -> None:
    name, _, index = target.partition(":")
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
    """Replace what was typed in a field by what another operator has stored there."""
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
