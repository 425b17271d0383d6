"""The form of one value unit: its event mapping as controls, rows, and economics that compute each other (flow 2A)."""

from collections.abc import Iterable, Mapping

from wtforms import Form, HiddenField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from admin_views.forms import (
    MAX_NAME_LENGTH,
    CheckListField,
    ChoiceField,
    ExactField,
    LongTextField,
    PercentField,
    TextField,
    VersionedForm,
    choices_of,
    in_order,
)
from admin_views.pickers import catalog_choices, choices_from, label_and_key
from admin_views.screens.authoring.unit_rows import FiltersField, IntentsField
from app.models.base import AnySession
from app.models.value_unit import ECONOMICS_FIELDS
from app.services.authoring.unit_economics import COST, MARGIN, PRICE, Economics, economics
from app.services.catalogs.kinds import EVENTS, QUALITY_SIGNALS
from app.services.catalogs.reading import labels_of
from app.services.configs.diffs import same
from app.services.configs.reading import load_catalogs
from rules.draft import Catalogs
from rules.enums import AggregationType, EconomicsConfidence, UnitType
from rules.event_mapping import BASE_DIMENSIONS
from simulation.canonical import Json, JsonObject

MAX_TEXT_LENGTH = 20_000
UNIT_FIELDS = (
    "name",
    "unit_type",
    "event_mapping",
    "outcome_statement",
    "metrics_intent",
    "quality_signal_source",
    "quality_note",
    "unit_economics",
)
MAPPING_CONTROLS = ("event_type", "filters", "aggregation_type", "aggregation_field", "aggregation_minus")
TYPES = {
    UnitType.USAGE: "Usage: what was consumed",
    UnitType.OUTCOME: "Outcome: what the customer got",
    UnitType.QUALITY_ADJUSTED_OUTCOME: "Quality-adjusted outcome: advisory, it never changes a bill",
}
AGGREGATIONS = {
    AggregationType.COUNT: "count of events",
    AggregationType.SUM: "sum of a field",
    AggregationType.DISTINCT_COUNT: "distinct count of a field",
}


def _as_labels(values: Iterable[str]) -> dict[str, str]:
    """Values that are their own labels."""
    return {value: value for value in values}


class NamingControls:
    """The controls for the name and the meaning of a unit."""

    name = TextField("Name", [Length(max=MAX_NAME_LENGTH)])
    unit_type = ChoiceField("Type", [InputRequired("Choose a type.")], choices=choices_of(TYPES))
    outcome_statement = LongTextField(
        "Outcome statement",
        [Length(max=MAX_TEXT_LENGTH)],
        description="What the customer gets from one unit, in a sentence.",
    )


class MappingControls:
    """The controls for the events that a unit counts and how they add up."""

    event_type = ChoiceField("Event", id="event_mapping.event_type", choices=[])
    filters = FiltersField("Filters", id="event_mapping.filters")
    aggregation_type = ChoiceField(
        "Adds up as", id="event_mapping.aggregation.type", choices=choices_of(AGGREGATIONS, "choose")
    )
    aggregation_field = ChoiceField(
        "Field",
        [Optional(), Length(max=MAX_NAME_LENGTH)],
        id="event_mapping.aggregation.field",
        choices=[],
    )
    aggregation_minus = ChoiceField(
        "Less",
        [Optional(), Length(max=MAX_NAME_LENGTH)],
        id="event_mapping.aggregation.minus",
        choices=[],
        description="A field that is taken off, such as cached tokens that have a price of their own.",
    )


class EconomicsControls:
    """The controls for what one unit costs and sells for."""

    avg_cost_per_unit_usd = ExactField("Average cost", id=f"unit_economics.{COST}")
    target_price_per_unit_usd = ExactField("Target price", id=f"unit_economics.{PRICE}")
    target_margin = PercentField("Target margin", id=f"unit_economics.{MARGIN}")

    def solved(self) -> Economics:
        """The economics as typed; what cannot be read counts as left out."""
        return economics(self.avg_cost_per_unit_usd.data, self.target_price_per_unit_usd.data, self.target_margin.data)


class UnitForm(NamingControls, MappingControls, EconomicsControls, VersionedForm):
    """A unit as controls, whose ids are the fields that deep links name (`rules.places.at_unit`).

    `makes` is the id that a new unit gets, so that sending the form twice creates one unit.
    """

    makes = HiddenField()
    economics_confidence = ChoiceField(
        "Confidence",
        id="unit_economics.economics_confidence",
        choices=choices_of(_as_labels(EconomicsConfidence), "choose"),
        description="How sure you are of these numbers. Scaling in production needs medium or high.",
    )
    metrics_intent = IntentsField("Metrics intent", id="metrics_intent")
    quality_signal_source = CheckListField("Quality signals", choices=[])
    quality_note = LongTextField("Quality note", [Length(max=MAX_TEXT_LENGTH)])

    def put(self, name: str, value: Json) -> None:
        """Set a control to a value in place of what was typed in it."""
        self[name].raw_data = None
        self[name].process(None, value)


class MappingForm(MappingControls, Form):
    """The mapping in the address of the live line; it writes nothing, so it has no token."""


class EconomicsForm(EconomicsControls, Form):
    """The economics in the address that the page's script reads when a cost, a price or a margin changes."""


def offer(form: UnitForm, session: AnySession, workspace_id: str) -> None:
    """Fill the pickers from what the workspace reads; a stored value stays a choice even when its catalog lacks it.

    A field that the chosen event lacks can be kept, too: drafts are saved in any state, the rules say what is wrong.
    """
    catalogs, stored = load_catalogs(session, workspace_id), form.event_type.object_data
    events = labels_of(session, EVENTS, workspace_id)
    form.event_type.choices = [*choices_of({}, "choose"), *_stray(events.all, stored), *choices_from(events)]
    fields = _as_labels(dimensions(form, catalogs))
    form.aggregation_field.choices = [
        *choices_of(fields, "choose"),
        *_stray(fields, form.aggregation_field.data),
    ]
    form.aggregation_minus.choices = [
        *choices_of(fields, "nothing"),
        *_stray(fields, form.aggregation_minus.data),
    ]
    form.quality_signal_source.choices = catalog_choices(
        session, QUALITY_SIGNALS, workspace_id, label_and_key, form.quality_signal_source.data or ()
    )


def dimensions(form: UnitForm, catalogs: Catalogs) -> tuple[str, ...]:
    """The dimensions that filters and aggregations of the chosen event may name."""
    return tuple(dict.fromkeys((*catalogs.events.get(form.event_type.data or "", ()), *BASE_DIMENSIONS)))


def _stray(labels: Mapping[str, str], stored: str | None) -> list[SelectChoice]:
    """The stored value as a choice that says what is wrong with it; nothing where the labels have it."""
    return [] if not stored or stored in labels else [SelectChoice(stored, f"{stored} (not in the catalog)")]


def controls_of(document: Mapping[str, Json]) -> JsonObject:
    """The values of the form's controls for a unit in the shapes of spec 1."""
    mapping, money = document.get("event_mapping") or {}, document.get("unit_economics") or {}
    aggregation = mapping.get("aggregation") or {}
    other = {name: document.get(name) for name in UNIT_FIELDS if name not in ("event_mapping", "unit_economics")}
    return (
        other
        | {name: money.get(name) for name in ECONOMICS_FIELDS}
        | {
            "event_type": mapping.get("event_type"),
            "filters": mapping.get("filters") or {},
            "aggregation_type": aggregation.get("type"),
            "aggregation_field": aggregation.get("field"),
            "aggregation_minus": aggregation.get("minus"),
        }
    )


def document_of(form: UnitForm, stored: Mapping[str, Json] | None = None) -> JsonObject:
    """The unit as typed, in the shapes of spec 1; a mapping that means what is stored is the stored one, to the byte.

    With a blank name it keeps the stored name.
    """
    stored = stored or {}
    money = {name: form[name].data for name in ECONOMICS_FIELDS} | form.solved().filled
    return {
        "name": form.name.data or stored.get("name"),
        "unit_type": form.unit_type.data,
        "event_mapping": mapping_of(form, stored.get("event_mapping")),
        "outcome_statement": form.outcome_statement.data,
        "metrics_intent": form.metrics_intent.data or [],
        "quality_signal_source": in_order(form.quality_signal_source.data, stored.get("quality_signal_source") or ()),
        "quality_note": form.quality_note.data,
        "unit_economics": None if all(value is None for value in money.values()) else money,
    }


def mapping_of(form: MappingControls, stored: JsonObject | None = None) -> JsonObject | None:
    """The event_mapping as typed, without the parts that are empty; None when all of it is."""
    mapping: dict[str, Json] = {"filters": form.filters.data or {}}
    if form.event_type.data:
        mapping["event_type"] = form.event_type.data
    if form.aggregation_type.data:
        mapping["aggregation"] = _aggregation_of(form)
    if mapping == {"filters": {}}:
        return None
    return stored if stored is not None and same(_simplified(stored), _simplified(mapping)) else mapping


def _aggregation_of(form: MappingControls) -> JsonObject:
    """The aggregation as typed: a count has no field, and only a sum takes another field off."""
    kind, field, minus = form.aggregation_type.data, form.aggregation_field.data, form.aggregation_minus.data
    aggregation: JsonObject = {"type": kind}
    if field and kind != AggregationType.COUNT:
        aggregation["field"] = field
    if minus and kind == AggregationType.SUM:
        aggregation["minus"] = minus
    return aggregation


def _simplified(mapping: Mapping[str, Json]) -> JsonObject:
    """The one spelling of mappings that mean the same: a list of one value is that value, a count has no field."""
    filters = {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in (mapping.get("filters") or {}).items()
    }
    aggregation = dict(mapping.get("aggregation") or {})
    if aggregation.get("type") == AggregationType.COUNT or aggregation.get("field") is None:
        aggregation.pop("field", None)
    if aggregation.get("minus") is None:
        aggregation.pop("minus", None)
    return {"event_type": mapping.get("event_type"), "filters": filters, "aggregation": aggregation}
