"""The form of one value unit: its mapping as fields, rows that grow, economics that compute each other (flow 2A)."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
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
)
from admin_views.screens.authoring.unit_rows import FiltersField, IntentsField
from admin_views.screens.draft_screen import in_order
from app.models.catalog import MetricCatalog, QualitySignalCatalog
from app.models.value_unit import ECONOMICS_FIELDS
from app.services.authoring.unit_economics import COST, MARGIN, PRICE, Economics, economics
from app.services.configs.diffs import same
from rules.draft import Catalogs
from rules.enums import AggregationType, EconomicsConfidence, UnitType
from rules.event_mapping import BASE_DIMENSIONS

Json = Any
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
MAPPING_CONTROLS = ("event_type", "filters", "aggregation_type", "aggregation_field")
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


def _choices(labels: Mapping[str, str], *blank: str) -> list[SelectChoice]:
    """A list to choose from, after a blank choice if one is named."""
    plain = [SelectChoice(str(value), text) for value, text in labels.items()]
    return [*(SelectChoice("", text) for text in blank), *plain]


def _plain(values: Iterable[str]) -> dict[str, str]:
    return {value: value for value in values}


class NamingControls:
    name = TextField("Name", [Length(max=MAX_NAME_LENGTH)])
    unit_type = ChoiceField("Type", [InputRequired("Choose a type.")], choices=_choices(TYPES))
    outcome_statement = LongTextField(
        "Outcome statement",
        [Length(max=MAX_TEXT_LENGTH)],
        description="What the customer gets from one unit, in a sentence.",
    )


class MappingControls:
    event_type = ChoiceField("Event", id="event_mapping.event_type", choices=[])
    filters = FiltersField("Filters", id="event_mapping.filters")
    aggregation_type = ChoiceField(
        "Adds up as", id="event_mapping.aggregation.type", choices=_choices(AGGREGATIONS, "choose")
    )
    aggregation_field = ChoiceField(
        "Field",
        [Optional(), Length(max=MAX_NAME_LENGTH)],
        id="event_mapping.aggregation.field",
        choices=[],
    )


class EconomicsControls:
    avg_cost_per_unit_usd = ExactField("Average cost", id=f"unit_economics.{COST}")
    target_price_per_unit_usd = ExactField("Target price", id=f"unit_economics.{PRICE}")
    target_margin = PercentField("Target margin", id=f"unit_economics.{MARGIN}")

    def solved(self) -> Economics:
        """The economics as typed; what cannot be read counts as not given."""
        return economics(*(getattr(self, name).data for name in (COST, PRICE, MARGIN)))


class UnitForm(NamingControls, MappingControls, EconomicsControls, VersionedForm):
    """Ids are the fields that deep links name (`rules.places.at_unit`).

    `makes` is the id that a new unit will have: whoever sends the form again makes no second one.
    """

    makes = HiddenField()
    economics_confidence = ChoiceField(
        "Confidence",
        id="unit_economics.economics_confidence",
        choices=_choices(_plain(EconomicsConfidence), "choose"),
        description="How sure you are of these numbers. Scaling in production needs medium or high.",
    )
    metrics_intent = IntentsField("Metrics intent", id="metrics_intent")
    quality_signal_source = CheckListField("Quality signals", choices=[])
    quality_note = LongTextField("Quality note", [Length(max=MAX_TEXT_LENGTH)])

    def put(self, name: str, value: Json) -> None:
        """Set a control as if its value were stored: what was typed in it before is gone."""
        self[name].raw_data = None
        self[name].process(None, value)


class MappingForm(MappingControls, Form):
    """What the live line asks with; nothing is written, so it has no token."""


class EconomicsForm(EconomicsControls, Form):
    """What the page's script asks with when a cost, a price or a margin changes."""


def offer(form: UnitForm, session: Any, catalogs: Catalogs) -> None:
    """Fill the pickers from the catalogs; what is stored stays a choice even when its catalog lacks it.

    A field that the chosen event lacks can be kept, too: drafts are saved in any state, the rules say what is wrong.
    """
    form.event_type.choices = _with_stored(_plain(sorted(catalogs.events)), form.event_type.object_data)
    known = _plain(dimensions(form, catalogs))
    form.aggregation_field.choices = _with_stored(known, form.aggregation_field.data)
    signals = _labels(session, QualitySignalCatalog.signal_id, QualitySignalCatalog.label)
    unknown = [signal for signal in form.quality_signal_source.data or () if signal not in signals]
    form.quality_signal_source.choices = [
        SelectChoice(key, f"{label} ({key})") for key, label in (signals | _plain(unknown)).items()
    ]


def metric_labels(session: Any) -> dict[str, str]:
    """metric_id → label, of the whole catalog."""
    return _labels(session, MetricCatalog.metric_id, MetricCatalog.label)


def dimensions(form: UnitForm, catalogs: Catalogs) -> tuple[str, ...]:
    """What filters and aggregations of the chosen event may name."""
    return tuple(dict.fromkeys((*catalogs.events.get(form.event_type.data or "", ()), *BASE_DIMENSIONS)))


def _labels(session: Any, key: Any, label: Any) -> dict[str, str]:
    """key → label of a whole catalog, by label."""
    return dict(session.execute(sa.select(key, label).order_by(label, key)).tuples().all())


def _with_stored(labels: dict[str, str], stored: str | None) -> list[SelectChoice]:
    missing = {} if not stored or stored in labels else {stored: f"{stored} (not in the catalog)"}
    return _choices(labels | missing, "choose")


def controls_of(document: Mapping[str, Json]) -> dict[str, Json]:
    """A unit, in the shapes of spec 1, as the values of the form's controls."""
    mapping, money = document.get("event_mapping") or {}, document.get("unit_economics") or {}
    aggregation = mapping.get("aggregation") or {}
    plain = {name: document.get(name) for name in UNIT_FIELDS if name not in ("event_mapping", "unit_economics")}
    return (
        plain
        | {name: money.get(name) for name in ECONOMICS_FIELDS}
        | {
            "event_type": mapping.get("event_type"),
            "filters": mapping.get("filters") or {},
            "aggregation_type": aggregation.get("type"),
            "aggregation_field": aggregation.get("field"),
        }
    )


def document_of(form: UnitForm, stored: Mapping[str, Json] | None = None) -> dict[str, Json]:
    """The unit as typed. Where it means the same as what is stored, it is what is stored, to the byte.

    A blank name says nothing about the name.
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


def mapping_of(form: Any, stored: Json = None) -> Json:
    """The event_mapping as typed. None while nothing of it is said; parts that are not said are left out."""
    kind, field = form.aggregation_type.data, form.aggregation_field.data
    mapping: dict[str, Json] = {"filters": form.filters.data or {}}
    if form.event_type.data:
        mapping["event_type"] = form.event_type.data
    if kind:
        needs_field = kind != AggregationType.COUNT and field
        mapping["aggregation"] = {"type": kind, "field": field} if needs_field else {"type": kind}
    if mapping == {"filters": {}}:
        return None
    return stored if stored is not None and same(_plainest(stored), _plainest(mapping)) else mapping


def _plainest(mapping: Mapping[str, Json]) -> Json:
    """One spelling of what a mapping means: a list of one value is that value, a count has no field."""
    filters = {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in (mapping.get("filters") or {}).items()
    }
    aggregation = dict(mapping.get("aggregation") or {})
    if aggregation.get("type") == AggregationType.COUNT or aggregation.get("field") is None:
        aggregation.pop("field", None)
    return {"event_type": mapping.get("event_type"), "filters": filters, "aggregation": aggregation}
