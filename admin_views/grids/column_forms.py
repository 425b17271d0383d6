"""Forms generated from the columns of a table: a field of the column's kind, with its bounds, choices and hint."""

from collections.abc import Mapping

import sqlalchemy as sa
from flask_admin.form import SecureForm
from wtforms import BooleanField, Field, Form, SelectMultipleField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from admin_views.formatters import kind_of, label_of
from admin_views.forms import (
    MAX_NAME_LENGTH,
    AtMost,
    ChoiceField,
    ExactField,
    JsonField,
    LongTextField,
    MomentField,
    TextField,
    WholeField,
    choices_of,
)
from app.models.base import AnySession, Model
from app.models.catalog import CatalogEntry, EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog
from rules.ids import OWN_ID_RULE, is_own_id
from rules.ranges import MAX_DAYS

MAX_SUGGESTIONS = 200
CATALOG_LISTS = {
    "primary_metrics": (MetricCatalog.metric_id, 3),
    "metric_lenses": (MetricCatalog.metric_id, None),
    "quality_signal_source": (QualitySignalCatalog.signal_id, None),
    "qualifying_events": (EventCatalog.event_type, None),
    "segments": (SegmentCatalog.segment_id, None),
}
"""Column of a list of ids → the catalog's column that has them, and how many the list may hold."""
WHOLE_BOUNDS = {"rollover_expires_after_days": (1, MAX_DAYS), "expires_after_days": (1, MAX_DAYS)}
"""Column → the least and the most of it, as the API has them."""
HELP = {
    "event_mapping": '{"event_type": …, "filters": {dimension: value or [values]}, '
    '"aggregation": {"type": "count | sum | distinct_count", "field": …, "minus": …}}; '
    "minus, of a sum only, is a field that is taken off",
    "metrics_intent": '[{"metric_id": …, "expected_impact": "positive | negative | unknown"}]',
    "usage_thresholds": '[{"percent": 70, "action": "warn"}]; production needs 70, 90 and 100',
    "primary_metrics": "One to three.",
    "open_questions": "At most five.",
    "target_margin": "A share: 0.68 or 68 %.",
    "margin_floor": "A share: 0.68 or 68 %.",
}


References = Mapping[str, type[Model]]
"""Column → the table of the row that the column names."""


def form_class(
    table: sa.Table, names: tuple[str, ...], references: References, base: type[SecureForm]
) -> type[SecureForm]:
    """A form with one field per named column of the table, in that order."""
    fields = {name: _field(table.c[name], references) for name in names}
    return type(f"{table.name}_form", (base,), fields)


def load_choices(form: SecureForm, session: AnySession, references: References) -> None:
    """Fill what comes from the database: catalog choices, and identifiers to suggest."""
    for field in form:
        if field.short_name in CATALOG_LISTS:
            column = CATALOG_LISTS[field.short_name][0]
            listed = list(session.scalars(sa.select(column).distinct().order_by(column)))  # of every workspace
            field.choices = [SelectChoice(key, key) for key in dict.fromkeys((*listed, *(field.data or ())))]
        elif field.short_name in references:
            model = references[field.short_name]
            named_by = model.KEY if issubclass(model, CatalogEntry) else None
            key = model.__table__.c[named_by] if named_by else next(iter(model.__table__.primary_key))
            suggested = sa.select(key).distinct().order_by(key.desc()).limit(MAX_SUGGESTIONS)
            field.suggestions = list(session.scalars(suggested))


def _field(column: sa.Column[object], references: References) -> Field:
    optional = column.nullable or column.default is not None
    label, description = label_of(column.name), HELP.get(column.name, "")
    required = [] if optional else [InputRequired(f"{label} is needed.")]
    if column.name in CATALOG_LISTS:
        maximum = CATALOG_LISTS[column.name][1]
        limits = [AtMost(maximum)] if maximum else []
        return SelectMultipleField(label, limits, choices=[], description=description)
    if isinstance(column.type, sa.Enum):
        return _enum_field(column, column.type.enums, required)
    match kind_of(column):
        case "flag":
            return BooleanField(label, description=description)
        case "decimal":
            return ExactField(label, required, description=description)
        case "integer":
            return WholeField(label, [*required, *_whole_bounds(column.name)], description=description)
        case "time":
            return MomentField(label, required, description=description)
        case "json":
            return JsonField(label, description=description)
    if isinstance(column.type, sa.Text) and column.name not in references:
        return LongTextField(label, required, description=description)
    length = column.type.length if isinstance(column.type, sa.String) else None
    ids = [own_id] if column.primary_key else []
    return TextField(label, [*required, Length(max=length or MAX_NAME_LENGTH), *ids], description=description)


def own_id(_form: Form, field: Field) -> None:
    """The validator of the id of a new record: it stands in addresses and in ledgers."""
    if field.data and not is_own_id(field.data):
        raise ValidationError(f"An id is {OWN_ID_RULE}.")


def _whole_bounds(name: str) -> list[Optional | NumberRange]:
    """The validators of a whole number that does not merely count."""
    if name not in WHOLE_BOUNDS:
        return []
    least, most = WHOLE_BOUNDS[name]
    return [Optional(), NumberRange(least, most, f"Give {least} to {most:,}.")]


def _enum_field(column: sa.Column[object], values: list[str], validators: list[InputRequired]) -> ChoiceField:
    """A choice of the column's values, its default chosen; without a default it begins with a blank choice."""
    default = column.default.arg if isinstance(column.default, sa.ColumnDefault) else None
    blank = None if column.default is not None else "not set" if column.nullable else "choose"
    labels = {value: value.replace("_", " ") for value in values}
    return ChoiceField(
        label_of(column.name),
        validators,
        choices=choices_of(labels, blank),
        default=default,
        description=HELP.get(column.name, ""),
    )
