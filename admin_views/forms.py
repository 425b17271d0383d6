"""Forms generated from columns: exact numbers, UTC moments, checked JSON, choices from enums and catalogs."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_admin.form import SecureForm
from sqlalchemy.exc import IntegrityError
from wtforms import BooleanField, Field, HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from admin_views.base import Refused
from admin_views.formatters import decimal_text, kind_of, label_of, pretty_json, time_text
from admin_views.shapes import problems
from app.errors import AvsError, Conflict, Invalid
from app.models.base import MONEY_PLACES
from app.models.catalog import EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog
from simulation.canonical import parse_exact

NUMBER = re.compile(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?")
MOMENT_FORMATS = ("%Y-%m-%d %H:%M UTC", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%d")
WHOLE_DIGITS = 38 - MONEY_PLACES  # before the decimal point
TOO_LONG = f"Give at most {WHOLE_DIGITS} digits before the decimal point and {MONEY_PLACES} after it: no more is kept."
MAX_NAME_LENGTH = 200
"""Characters of a name, a label or a reference."""
MAX_QUOTED = 40
MAX_SUGGESTIONS = 200
CATALOG_LISTS = {
    "primary_metrics": (MetricCatalog.metric_id, 3),
    "metric_lenses": (MetricCatalog.metric_id, None),
    "quality_signal_source": (QualitySignalCatalog.signal_id, None),
    "qualifying_events": (EventCatalog.event_type, None),
    "segments": (SegmentCatalog.segment_id, None),
}
MAY_BE_NEGATIVE = {"target_margin", "margin_floor"}
AT_MOST_ONE = {"target_margin", "margin_floor"}
HELP = {
    "event_mapping": '{"event_type": …, "filters": {dimension: value or [values]}, '
    '"aggregation": {"type": "count | sum | distinct_count", "field": …}}',
    "metrics_intent": '[{"metric_id": …, "expected_impact": "positive | negative | unknown"}]',
    "usage_thresholds": '[{"percent": 70, "action": "warn"}]; production needs 70, 90 and 100',
    "primary_metrics": "One to three.",
    "open_questions": "At most five.",
    "target_margin": "A share: 0.68 or 68 %.",
    "margin_floor": "A share: 0.68 or 68 %.",
}


class TextField(StringField):
    """Text; nothing typed is nothing stored."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = _storable(valuelist).strip() or None


class LongTextField(TextAreaField):
    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = _storable(valuelist).replace("\r\n", "\n") or None


class ChoiceField(SelectField):
    """One value of a closed list, or none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = (valuelist[0] if valuelist else "") or None

    def pre_validate(self, form: Any) -> None:
        if self.data is not None:
            super().pre_validate(form)


class CheckListField(SelectMultipleField):
    """Any of a list, each with its own box."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class ParsedField(StringField):
    """A value typed as text: what was typed is shown again when it cannot be read."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.write(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        typed = valuelist[0].strip() if valuelist else ""
        self.data = None
        if typed:
            self.data = self.read(typed)

    def write(self, value: Any) -> str:
        return str(value)

    def read(self, typed: str) -> Any:
        raise NotImplementedError


class ExactField(ParsedField):
    """A decimal such as `1,234.5` or `68 %`: every one that a NUMERIC(38, 12) holds, exact, and no other."""

    def write(self, value: Any) -> str:
        return decimal_text(value)

    def read(self, typed: str) -> Decimal:
        number = typed.removesuffix("%").strip().removeprefix("$")
        if not NUMBER.fullmatch(number):
            raise ValueError(f"{shortened(typed)} is not a number such as 1,234.5.")
        exact = Decimal(number.replace(",", ""))
        return self._checked(_shifted(exact, -2) if typed.endswith("%") else exact)

    def _checked(self, value: Decimal) -> Decimal:
        if not is_kept(value):
            raise ValueError(TOO_LONG)
        if value < 0 and self.short_name not in MAY_BE_NEGATIVE:
            raise ValueError("This cannot be negative.")
        if value > 1 and self.short_name in AT_MOST_ONE:
            raise ValueError("This share cannot be more than 1 (100 %).")
        return value


def is_kept(value: Decimal) -> bool:
    """Whether the money column keeps the number to the last digit; zeros at its end do not count."""
    whole, _, places = f"{value.copy_abs():f}".partition(".")
    return len(whole.lstrip("0")) <= WHOLE_DIGITS and len(places.rstrip("0")) <= MONEY_PLACES


def _shifted(value: Decimal, places: int) -> Decimal:
    """value × 10 ** places to the last digit, which arithmetic would round to 28 of them."""
    sign, digits, exponent = value.as_tuple()
    return Decimal((sign, digits, int(exponent) + places))


def percent_text(share: Decimal) -> str:
    """A share as per cent, every place that there is: `68.25 %`."""
    text = decimal_text(_shifted(share, 2))
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def shortened(typed: str) -> str:
    """What was typed, quoted, cut where it would drown the sentence."""
    return repr(typed if len(typed) <= MAX_QUOTED else f"{typed[:MAX_QUOTED]}…")


class PercentField(ExactField):
    """A share shown and typed as per cent: `68` and `68 %` are 0.68."""

    def write(self, value: Any) -> str:
        return percent_text(value)

    def read(self, typed: str) -> Decimal:
        return super().read(typed if typed.endswith("%") else f"{typed} %")


class WholeField(ParsedField):
    def read(self, typed: str) -> int:
        if not re.fullmatch(r"\d{1,9}", typed):
            raise ValueError(f"{typed!r} is not a whole number of zero or more.")
        return int(typed)


class MomentField(ParsedField):
    """A moment in UTC: `2026-01-15 00:00 UTC`, `2026-01-15T00:00:00Z` or a day."""

    def write(self, value: Any) -> str:
        exact = value.astimezone(UTC)
        return time_text(exact) if exact.second == 0 else exact.strftime("%Y-%m-%dT%H:%M:%SZ")

    def read(self, typed: str) -> datetime:
        for pattern in MOMENT_FORMATS:
            try:
                return datetime.strptime(typed, pattern).replace(tzinfo=UTC)
            except ValueError:
                continue
        raise ValueError(f"{typed!r} is not a moment such as 2026-01-15 00:00 UTC.")


class JsonField(ParsedField, TextAreaField):
    """A JSON document of the column's shape, numbers exact."""

    def write(self, value: Any) -> str:
        return pretty_json(value)

    def read(self, typed: str) -> Any:
        try:
            document = parse_exact(typed)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"This is not JSON: {error}.") from error
        if found := problems(self.short_name, document):
            raise ValueError(" ".join(found))
        return document


def _storable(valuelist: list[str]) -> str:
    typed = valuelist[0] if valuelist else ""
    if "\x00" in typed:
        raise ValueError("Text cannot hold a NUL character.")
    return typed


class AtMost:
    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, form: Any, field: Field) -> None:
        if len(field.data or ()) > self.most:
            raise ValidationError(f"Choose at most {self.most}.")


class VersionedForm(SecureForm):
    """Base of the edit forms: remembers which state of the row was shown, so that nobody overwrites unseen changes."""

    row_version = HiddenField()


def form_class(table: sa.Table, names: tuple[str, ...], references: dict[str, Any], base: type[Any]) -> type[Any]:
    """A form with one field per named column of the table, in that order."""
    fields = {name: _field(table.c[name], references) for name in names}
    return type(f"{table.name}_form", (base,), fields)


def load_choices(form: Any, session: Any, references: dict[str, Any]) -> None:
    """Fill what comes from the database: catalog choices, and identifiers to suggest."""
    for field in form:
        if field.short_name in CATALOG_LISTS:
            column = CATALOG_LISTS[field.short_name][0]
            known = list(session.scalars(sa.select(column).order_by(column)))
            field.choices = [SelectChoice(key, key) for key in dict.fromkeys((*known, *(field.data or ())))]
        elif field.short_name in references:
            key = next(iter(references[field.short_name].__table__.primary_key))
            field.suggestions = list(session.scalars(sa.select(key).order_by(key.desc()).limit(MAX_SUGGESTIONS)))


def _field(column: sa.Column[Any], references: dict[str, Any]) -> Any:
    optional = column.nullable or column.default is not None
    options: dict[str, Any] = {"label": label_of(column.name), "description": HELP.get(column.name, "")}
    required = [] if optional else [InputRequired(f"{label_of(column.name)} is needed.")]
    if column.name in CATALOG_LISTS:
        most = CATALOG_LISTS[column.name][1]
        return SelectMultipleField(validators=[AtMost(most)] if most else [], choices=[], **options)
    match kind_of(column):
        case "enum":
            blank = [] if column.default is not None else [SelectChoice("", "not set" if column.nullable else "choose")]
            choices = blank + [SelectChoice(value, value.replace("_", " ")) for value in column.type.enums]
            default = column.default.arg if column.default is not None else None
            return ChoiceField(choices=choices, default=default, validators=required, **options)
        case "flag":
            return BooleanField(**options)
        case "decimal":
            return ExactField(validators=required, **options)
        case "integer":
            return WholeField(validators=required, **options)
        case "time":
            return MomentField(validators=required, **options)
        case "json":
            return JsonField(validators=[], **options)
    if isinstance(column.type, sa.Text) and column.name not in references:
        return LongTextField(validators=required, **options)
    return TextField(validators=[*required, Length(max=column.type.length or MAX_NAME_LENGTH)], **options)


IN_USE = "The database refused this: another record holds it, or a value is out of its range."


def at_its_field(form: Any, error: AvsError | IntegrityError) -> AvsError:
    """The refusal, with each of its field errors put beside the field it names."""
    if isinstance(error, IntegrityError):
        return Conflict(IN_USE, code="refused_by_database")
    for item in error.errors:
        name = item.pointer.strip("/").split("/")[0]
        if name in form:
            form[name].errors = [*form[name].errors, item.detail]
    return error


INVALID = "Some fields need another value. What you typed is still here."


EXPIRED = "This form had expired. What you typed is still here: send it again."


def refusal_of(form: Any) -> AvsError:
    """Why a form that did not validate is refused: its token is too old, or a field needs another value."""
    if form.csrf_token.errors:
        return Refused(EXPIRED, code="csrf_failed")
    return Invalid(INVALID, code="invalid_input")
