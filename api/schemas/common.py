"""Schema classes and fields that every resource uses: strict in, exact out (spec 6).

`Body` is the base of what a request may hold: unknown fields are errors. `Answered` is the base of what an answer
holds: all of its fields, always. A resource usually has one class that names its fields (`WorkspaceBody(Body)`) and
one that adds what only answers carry (`Workspace(Answered, WorkspaceBody)`). PATCH loads `WorkspaceBody(partial=True)`;
a field that is given as null is cleared where null is allowed, and an embedded object or list is replaced whole.

Numbers are `int` or `Decimal` on both sides, moments are aware datetimes in UTC; answers are written by
`simulation.canonical`, which takes both, so nothing here ever becomes a binary float.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from marshmallow import RAISE, Schema, fields, validate
from marshmallow.exceptions import ValidationError

from api.shapes.named import Named, of_enum
from rules.ids import GIVEN_ID_RULE, OWN_ID_RULE, is_given_id, is_own_id
from rules.texts import problem_of
from simulation.canonical import Json, canonical_text, number_text
from simulation.edges import MAX_OBJECT_CHARACTERS
from simulation.numbers import LIMIT, PLACES, decimal_places

Parsed = dict[str, Json]
"""What a request's query or body holds once its schema has loaded it: typed values by field name."""
Document = dict[str, Json]
"""A record as answers show it."""

NAMED = "named"
"""Where a field's metadata has the closed list that its values are of."""
MAX_TEXT = 20_000
MAX_ITEMS = 200
MAX_INTEGER = 2**31 - 1
MAX_INTEGER_DIGITS = 20
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1970, 9998


class Body(Schema):
    """What a request may hold: a field that is not declared is an error that names it."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "There is no such field.", "type": "Must be a JSON object."}  # noqa: RUF012


MAY_BE_ABSENT = "x-may-be-absent"
"""The extension of a field that some answers do not have."""


class Answered(Body):
    """What an answer holds: every declared field, present in each answer (null where the schema says so).

    A field with the extension `MAY_BE_ABSENT` is there only where its description says.
    """

    def document(self, record: object) -> Document:
        """The record, a row or a mapping, in the shape of this schema."""
        document: Document = self.dump(record)
        return document


class Query(Schema):
    """The parameters that a request's query string may hold; values arrive as text."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "There is no such parameter."}  # noqa: RUF012


class Identifier(fields.String):
    """An id of spec 1 or of a catalog."""

    default_error_messages = {  # noqa: RUF012
        "identifier": f"Must be {OWN_ID_RULE}."
    }

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not is_own_id(text):
            raise self.make_error("identifier")
        return text


class GivenId(fields.String):
    """An id that others made: of a customer, a segment, an event type (`rules.ids`)."""

    default_error_messages = {  # noqa: RUF012
        "given_id": f"Must be {GIVEN_ID_RULE}."
    }

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not is_given_id(text):
            raise self.make_error("given_id")
        return text


class ExactNumber(fields.Field[int | Decimal]):
    """A JSON number, kept exact: at most `places` decimal places, below 10^14 in size, and within the given bounds.

    Texts, booleans, NaN and the infinities are refused. Loads and dumps `int` or `Decimal`.
    """

    default_error_messages = {  # noqa: RUF012
        "number": "Must be a JSON number.",
        "places": "Must have at most {places} decimal places.",
        "size": "Must be smaller than 10^14 in size.",
        "minimum": "Must be at least {bound}.",
        "above": "Must be more than {bound}.",
        "maximum": "Must be at most {bound}.",
    }

    def __init__(
        self,
        *,
        minimum: int | None = None,
        above: int | None = None,
        maximum: int | None = None,
        places: int = PLACES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.minimum, self.above, self.maximum, self.places = minimum, above, maximum, places

    def _deserialize(
        self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any
    ) -> int | Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.make_error("number")
        self._check_digits(Decimal(value))
        self._check_bounds(value)
        return value if isinstance(value, int) else Decimal(number_text(value))

    def _check_digits(self, value: Decimal) -> None:
        if not value.is_finite():
            raise self.make_error("number")
        if value.copy_abs() >= LIMIT:
            raise self.make_error("size")
        if decimal_places(value) > self.places:
            raise self.make_error("places", places=self.places)

    def _check_bounds(self, value: int | Decimal) -> None:
        if self.minimum is not None and value < self.minimum:
            raise self.make_error("minimum", bound=self.minimum)
        if self.above is not None and value <= self.above:
            raise self.make_error("above", bound=self.above)
        if self.maximum is not None and value > self.maximum:
            raise self.make_error("maximum", bound=self.maximum)


class Moment(fields.Field[datetime]):
    """An RFC 3339 moment with its zone; loads an aware datetime in UTC, written as `2026-01-15T00:00:00Z`."""

    default_error_messages = {  # noqa: RUF012
        "moment": "Must be a moment with its zone, like 2026-01-15T00:00:00Z.",
        "year": f"Must lie between the years {FIRST_YEAR} and {LAST_YEAR}.",
    }

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not MOMENT.fullmatch(value):
            raise self.make_error("moment")
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise self.make_error("moment") from error
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise self.make_error("year")
        return moment.astimezone(UTC)


class Flag(fields.Field[bool]):
    """A JSON true or false, and nothing that looks like one."""

    default_error_messages = {"flag": "Must be true or false."}  # noqa: RUF012

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("flag")
        return value


class Embedded(fields.Nested):
    """An object within a request: PATCH replaces it whole, so what it requires is required there, too.

    Given a schema made with `partial=True` it loads only what is there: no defaults, nothing required.
    """

    def _deserialize(
        self,
        value: Json,
        attr: str | None,
        data: Mapping[str, Json] | None,
        partial: bool | Sequence[str] | AbstractSet[str] | None = None,
        **kwargs: Any,
    ) -> Json:
        return super()._deserialize(value, attr, data, partial=None, **kwargs)


class JsonObject(fields.Field[Document]):
    """A free JSON object, numbers exact; its inner shape is the caller's."""

    default_error_messages = {  # noqa: RUF012
        "object": "Must be a JSON object.",
        "large": "Must have at most {maximum:,} characters as JSON.",
    }

    def __init__(self, *, maximum: int = MAX_OBJECT_CHARACTERS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maximum = maximum

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any) -> Document:
        if not isinstance(value, Mapping):
            raise self.make_error("object")
        if len(canonical_text(value)) > self.maximum:
            raise self.make_error("large", maximum=self.maximum)
        return dict(value)


class Computed(fields.Raw):
    """Part of an answer whose JSON Schema is given, for shapes that only answers have."""

    def __init__(self, schema: Mapping[str, Json], **kwargs: Any) -> None:
        super().__init__(metadata=dict(schema), **kwargs)


class Shaped(fields.Raw):
    """Part of an answer that is shown as it is stored; its shape is that of a typed dictionary (`api/shapes`)."""

    def __init__(self, shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = shape


def as_whole(value: Json) -> Json:
    """The int that a JSON number means, whatever it is written like: 30 for 30.0 and 3e1; any other value stays."""
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < MAX_INTEGER_DIGITS:
        return int(value) if value == value.to_integral_value() else value
    return value


class WholeNumber(fields.Integer):
    """A JSON number without a fraction; JSON knows no integers, so 30.0 is 30. Texts and booleans are refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any) -> int:
        return super()._deserialize(as_whole(value), attr, data, **kwargs)


def whole(minimum: int, maximum: int = MAX_INTEGER, **kwargs: Any) -> WholeNumber:
    """A whole JSON number within bounds that a database integer holds."""
    bounds = validate.Range(min=minimum, max=maximum, error="Must be a whole number from {min} to {max}.")
    return WholeNumber(validate=bounds, **kwargs)


class Text(fields.String):
    """A text that people read: one line, or several of them where `lines` says so (`rules.texts`)."""

    def __init__(self, *, maximum: int, minimum: int, lines: bool, **kwargs: Any) -> None:
        length = validate.Length(min=minimum, max=maximum)
        super().__init__(validate=[length, self._check], **kwargs)
        self.lines, self.may_be_blank = lines, not minimum

    def _check(self, value: str) -> None:
        if problem := problem_of(value, lines=self.lines, may_be_blank=self.may_be_blank):
            raise ValidationError(f"{problem[0].upper()}{problem[1:]}")


def text(maximum: int = 200, **kwargs: Any) -> Text:
    """A name, a label or another text on one line, which says something."""
    return Text(maximum=maximum, minimum=1, lines=False, **kwargs)


def long_text(maximum: int = MAX_TEXT, minimum: int = 0, **kwargs: Any) -> Text:
    """A text of several lines; with `minimum` ≥ 1 it must say something."""
    return Text(maximum=maximum, minimum=minimum, lines=True, **kwargs)


def choice(values: type[StrEnum] | Named, **kwargs: Any) -> fields.String:
    """One of a closed list; the error names the allowed values (spec 1)."""
    known = values if isinstance(values, Named) else of_enum(values)
    return fields.String(validate=one_of(known.values), **listed(known, kwargs))


def listed(known: Named, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The options of a field whose values are a closed list that the document publishes under its name."""
    options = dict(options or {})
    return options | {"metadata": {**options.get("metadata", {}), NAMED: known}}


def one_of(values: Sequence[Json]) -> validate.OneOf:
    return validate.OneOf(values, error="Must be one of: {choices}.")


def identifiers(
    maximum: int = MAX_ITEMS,
    minimum: int = 0,
    kind: type[Identifier] | type[GivenId] = Identifier,
    **kwargs: Any,
) -> fields.List[Any]:
    """A list of different ids of a kind; `[]` when a POST leaves it out, unless `required=True` is given."""
    kwargs = kwargs if kwargs.get("required") else {"load_default": list} | kwargs
    count = validate.Length(min=minimum, max=maximum, error=_count(minimum, maximum))
    return fields.List(kind(), validate=[count, different], metadata={"uniqueItems": True}, **kwargs)


def items(inner: fields.Field[Any], maximum: int = MAX_ITEMS, **kwargs: Any) -> fields.List[Any]:
    """A list of limited length."""
    return fields.List(inner, validate=validate.Length(max=maximum, error=_count(0, maximum)), **kwargs)


def keyed_items(inner: fields.Field[Any], key: str, maximum: int = MAX_ITEMS, **kwargs: Any) -> fields.List[Any]:
    """A list of limited length of objects that differ in `key`."""

    def differ(values: Sequence[Document]) -> None:
        keys = [value[key] for value in values]
        counts = Counter(keys)
        twice = {i: {key: [f"{k} is given twice."]} for i, k in enumerate(keys) if counts[k] > 1}
        if twice:
            raise ValidationError(twice)

    count = validate.Length(max=maximum, error=_count(0, maximum))
    return fields.List(inner, validate=[count, differ], **kwargs)


def _count(minimum: int, maximum: int) -> str:
    return f"Must have {minimum} to {maximum} items." if minimum else f"Must have at most {maximum} items."


def different(values: Sequence[str]) -> None:
    twice = {value: [f"{value!r} is named twice."] for value, count in Counter(values).items() if count > 1}
    if twice:
        raise ValidationError({index: twice[value] for index, value in enumerate(values) if value in twice})


class PageQuery(Query):
    """Every list's own parameters; the filters of a resource are added by a subclass."""

    limit = fields.Integer(
        load_default=50, validate=validate.Range(min=1, max=200, error="Must be a whole number from {min} to {max}.")
    )
    cursor = fields.String(validate=validate.Length(min=1, max=2000), metadata={"description": "next_cursor as given"})


def page_of(item: type[Schema]) -> type[Schema]:
    """The answer of a list: `{items, next_cursor}`; next_cursor is null on the last page."""
    name = f"{item.__name__}Page"
    contents = {
        "items": fields.List(fields.Nested(item)),
        "next_cursor": fields.String(allow_none=True),
        "__doc__": f"One page of {item.__name__}.",
    }
    return type(name, (Answered,), contents)
