"""The fields of every form: exact numbers, UTC moments, checked JSON, choices."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import Generic, TypeVar

from flask_admin.form import SecureForm
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict
from wtforms import Field, Form, HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from admin_views.base import Refused
from admin_views.formatters import decimal_text, pretty_json, time_text
from admin_views.shapes import problems
from app.errors import AvsError, Conflict, Invalid
from rules.ranges import PLACES
from rules.readings import COMMA, POINT, read
from rules.texts import problem_of
from simulation.canonical import Json
from simulation.numbers import fits
from simulation.repeated_keys import parse_strict

MOMENT_FORMATS = ("%Y-%m-%d %H:%M UTC", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%d")
OUT_OF_RANGE = f"Give a number below 10^14 with at most {PLACES} decimal places: no simulation takes more."
MAX_NAME_LENGTH = 200
"""Characters of a name, a label or a reference."""
MAX_QUOTED = 40
MAY_BE_NEGATIVE = {"target_margin", "margin_floor"}
AT_MOST_ONE = {"target_margin", "margin_floor"}


FormData = MultiDict[str, str]
"""The controls of a request, as WTForms hands them to a field."""
Filters = Sequence[Callable[[Json], Json]] | None
"""The functions through which WTForms passes a field's value."""
Label = TypeVar("Label", bound=str)
Value = TypeVar("Value")


def choices_of(labels: Mapping[Label, str], blank: str | None = None) -> list[SelectChoice]:
    """The choices of a closed list: each value by its label, after a blank choice if that has a label."""
    listed = [SelectChoice(str(value), text) for value, text in labels.items()]
    return listed if blank is None else [SelectChoice("", blank), *listed]


def plain_labels(values: type[StrEnum]) -> dict[str, str]:
    """value → the value as words: `allow overage` for `allow_overage`."""
    return {value.value: value.value.replace("_", " ") for value in values}


class TextField(StringField):
    """A name or another text on one line (`rules.texts`); an empty one is stored as None."""

    data: str | None

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = (valuelist[0] if valuelist else "").strip() or None
        _require_fit(self.data)


class LongTextField(TextAreaField):
    """Text on several lines, separated as `\\n` (`rules.texts`); an empty one is stored as None."""

    data: str | None

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = (valuelist[0] if valuelist else "").replace("\r\n", "\n") or None
        self.check(self.data)

    def check(self, typed: str | None) -> None:
        """Raise ValueError for what the text may not hold."""
        _require_fit(typed, lines=True)


class SourceTextField(LongTextField):
    """A text from elsewhere, such as a pasted page: kept as it came, as far as a database keeps it."""

    def check(self, typed: str | None) -> None:
        if "\0" in (typed or ""):
            raise ValueError("Text cannot hold a NUL character.")


class ChoiceField(SelectField):
    """One value of a closed list, or none."""

    data: str | None

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = (valuelist[0] if valuelist else "") or None

    def pre_validate(self, form: Form) -> None:
        if self.data is not None:
            super().pre_validate(form)


class CheckListField(SelectMultipleField):
    """Any of a list, each with its own box; `groups` are its boxes by the group that their choices name."""

    data: list[str] | None
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def groups(self) -> list[tuple[str | None, list[Field]]]:
        """(name of the group, boxes), in the order of the choices."""
        boxes = zip((choice.optgroup for choice in self.choices), self, strict=True)
        return [(name, [box for _name, box in part]) for name, part in groupby(boxes, key=itemgetter(0))]


def in_order(chosen: Sequence[str] | None, stored: Sequence[str]) -> list[str]:
    """Keep the stored order and append what was newly chosen: boxes arrive in the order of the page."""
    kept = [item for item in stored if item in (chosen or ())]
    return kept + [item for item in chosen or () if item not in kept]


class ParsedField(StringField, Generic[Value]):
    """A value typed as text: what was typed is shown again when it cannot be read."""

    data: Value | None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.write(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        typed = valuelist[0].strip() if valuelist else ""
        self.data = None
        if typed:
            self.data = self.read(typed)

    def write(self, value: Value) -> str:
        """The value as an operator would type it."""
        return str(value)

    def read(self, typed: str) -> Value:
        """The value of a text that is not blank; ValueError says what to type instead."""
        raise NotImplementedError


class ExactField(ParsedField[Decimal]):
    """A decimal such as `1,234.5`, `1.5e-7` or `68 %`: every one that simulations calculate with, exact, and no other.

    The decimal sign is the point, as everywhere on the screens; `0,18` is not read as 18.
    """

    def write(self, value: Decimal) -> str:
        return decimal_text(Decimal(value))  # a number of a JSON column may be whole

    def read(self, typed: str) -> Decimal:
        number = typed.removesuffix("%").strip().removeprefix("$")
        exact = read(number.removeprefix("-"), POINT)
        if exact is None:
            raise ValueError(f"{shortened(typed)} is not a number such as 1,234.5.{_with_a_point(number)}")
        exact = exact.copy_negate() if number.startswith("-") else exact
        return self._checked(_shifted(exact, -2) if typed.endswith("%") else exact)

    def _checked(self, value: Decimal) -> Decimal:
        if not fits(value):
            raise ValueError(OUT_OF_RANGE)
        if value < 0 and self.short_name not in MAY_BE_NEGATIVE:
            raise ValueError("This cannot be negative.")
        if value > 1 and self.short_name in AT_MOST_ONE:
            raise ValueError("This share cannot be more than 1 (100 %).")
        return value


def _with_a_point(number: str) -> str:
    """What to type instead, where the number has a decimal comma."""
    exact = read(number.removeprefix("-"), COMMA)
    return "" if exact is None else f" The decimal sign is the point: {decimal_text(exact)}."


def _shifted(value: Decimal, places: int) -> Decimal:
    """value × 10 ** places with every digit, where arithmetic would round to 28 of them."""
    sign, digits, exponent = value.as_tuple()
    return Decimal((sign, digits, int(exponent) + places))


def percent_text(share: Decimal) -> str:
    """A share as per cent with every decimal place: `68.25 %`."""
    text = decimal_text(_shifted(share, 2))
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def shortened(typed: str) -> str:
    """The typed text in quotation marks, cut off after `MAX_QUOTED` characters so that a message stays readable."""
    return repr(typed if len(typed) <= MAX_QUOTED else f"{typed[:MAX_QUOTED]}…")


class PercentField(ExactField):
    """A share shown and typed as per cent: `68` and `68 %` are 0.68."""

    def write(self, value: Decimal) -> str:
        return percent_text(value)

    def read(self, typed: str) -> Decimal:
        return super().read(typed if typed.endswith("%") else f"{typed} %")


class WholeField(ParsedField[int]):
    """A whole number of at most nine digits, zero or more."""

    def read(self, typed: str) -> int:
        if not re.fullmatch(r"\d{1,9}", typed):
            raise ValueError(f"{typed!r} is not a whole number of zero or more.")
        return int(typed)


class MomentField(ParsedField[datetime]):
    """A moment in UTC: `2026-01-15 00:00 UTC`, `2026-01-15T00:00:00Z` or a day."""

    def write(self, value: datetime) -> str:
        exact = value.astimezone(UTC)
        return time_text(exact) if exact.second == 0 else exact.strftime("%Y-%m-%dT%H:%M:%SZ")

    def read(self, typed: str) -> datetime:
        for pattern in MOMENT_FORMATS:
            try:
                return datetime.strptime(typed, pattern).replace(tzinfo=UTC)
            except ValueError:
                continue
        raise ValueError(f"{typed!r} is not a moment such as 2026-01-15 00:00 UTC.")


class JsonField(ParsedField[Json], TextAreaField):
    """A JSON document of the column's shape, numbers exact."""

    def write(self, value: Json) -> str:
        return pretty_json(value)

    def read(self, typed: str) -> Json:
        try:
            document = parse_strict(typed)
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise ValueError(f"This is not JSON: {error}.") from error
        if sentences := problems(self.short_name, document):
            raise ValueError(" ".join(sentences))
        return document


def _require_fit(typed: str | None, *, lines: bool = False) -> None:
    """Raise ValueError for a text that no door takes; None is fit."""
    problem = typed and problem_of(typed, lines=lines, may_be_blank=lines)
    if problem:
        raise ValueError(f"This {problem}")


class AtMost:
    """The validator of a list that may have so many items."""

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum

    def __call__(self, form: Form, field: Field) -> None:
        if len(field.data or ()) > self.maximum:
            raise ValidationError(f"Choose at most {self.maximum}.")


class VersionedForm(SecureForm):
    """The base of forms that edit a record: `row_version` is a digest of what was shown.

    A save is refused when something else is stored by then, so that nobody overwrites a change they have not seen.
    """

    row_version = HiddenField()


IN_USE = "The database refused this: another record holds it, or a value is out of its range."
INVALID = "Some fields need another value. What you typed is still here."
EXPIRED = "This form had expired. What you typed is still here: send it again."


def at_its_field(form: Form, error: AvsError | IntegrityError) -> AvsError:
    """The refusal, with each of its field errors put beside the field it names."""
    if isinstance(error, IntegrityError):
        return Conflict(IN_USE, code="refused_by_database")
    for item in error.errors:
        name = item.pointer.strip("/").split("/")[0]
        if name in form:
            form[name].errors = [*form[name].errors, item.detail]
    return error


def refusal_of(form: SecureForm) -> AvsError:
    """Why a form that did not validate is refused: its token is too old, or a field needs another value."""
    if form.csrf_token.errors:
        return Refused(EXPIRED, code="csrf_failed")
    return Invalid(INVALID, code="invalid_input")
