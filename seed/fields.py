"""Strict marshmallow fields: a seed says exactly what it means, nothing is coerced (spec 1)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypedDict, TypeVar, Unpack

from marshmallow import ValidationError, fields

from rules.ids import OWN_ID_RULE, is_own_id
from rules.price_plan import normalised
from rules.price_plan_problems import problems
from rules.ranges import PERCENT_RANGE, is_threshold_percent
from rules.texts import problem_of
from rules.usage_caps import cap_problems
from simulation.canonical import Json, JsonObject
from simulation.numbers import PLACES, fits

MISSING: dict[str, str | list[Json] | dict[Json, Json]] = {"required": "is required", "null": "must not be null"}
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z")


class FieldOptions(TypedDict, total=False):
    """The options of marshmallow's fields that the seed's schemas use."""

    required: bool
    allow_none: bool
    load_default: object


def required(options: FieldOptions) -> FieldOptions:
    """The options of a field that is required unless they say otherwise."""
    return {"required": True, **options}


Loaded = TypeVar("Loaded")


class Strict(fields.Field[Loaded]):
    """A field that is required unless it says otherwise; subclasses check in `_deserialize`."""

    default_error_messages = MISSING

    def __init__(self, **options: Unpack[FieldOptions]) -> None:
        super().__init__(**required(options))


class Text(Strict[str]):
    """A text of several lines (`rules.texts`), not blank unless `empty` is allowed."""

    lines = True

    def __init__(self, *, empty: bool = False, longest: int = 10_000, **options: Unpack[FieldOptions]) -> None:
        super().__init__(**options)
        self.empty, self.longest = empty, longest

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be a text")
        if not self.empty and not value.strip():
            raise ValidationError("must not be empty")
        if len(value) > self.longest:
            raise ValidationError(f"must have at most {self.longest} characters")
        if problem := problem_of(value, lines=self.lines, may_be_blank=self.empty):
            raise ValidationError(problem.removesuffix("."))
        return value


class Name(Text):
    """An identifier or a short name on one line, as long as its column."""

    lines = False

    def __init__(self, **options: Unpack[FieldOptions]) -> None:
        super().__init__(longest=200, **options)


class Identifier(Name):
    """An identifier with its readable prefix."""

    def __init__(self, prefix: str, **options: Unpack[FieldOptions]) -> None:
        super().__init__(**options)
        self.prefix = prefix

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        text = super()._deserialize(value)
        if not text.startswith(self.prefix) or text == self.prefix:
            raise ValidationError(f"must begin with {self.prefix!r} and go on")
        if not is_own_id(text):
            raise ValidationError(f"must be {OWN_ID_RULE}")
        return text


class Choice(Strict[str]):
    """A value of a closed list."""

    def __init__(self, values: type[StrEnum], **options: Unpack[FieldOptions]) -> None:
        super().__init__(**options)
        self.values = [item.value for item in values]

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if value not in self.values:
            raise ValidationError(f"{value!r} is not one of: {', '.join(self.values)}")
        return str(value)


class Number(Strict[int | Decimal]):
    """An exact number, int or Decimal, that simulations calculate with."""

    def __init__(self, *, least: int | None = None, most: int | None = None, **options: Unpack[FieldOptions]) -> None:
        super().__init__(**options)
        self.least, self.most = least, most

    def _deserialize(self, value: object, *_: object, **__: object) -> int | Decimal:
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            raise ValidationError("must be a number")
        if self.least is not None and value < self.least:
            raise ValidationError(f"must be ≥ {self.least}")
        if self.most is not None and value > self.most:
            raise ValidationError(f"must be ≤ {self.most}")
        if not fits(Decimal(value)):
            raise ValidationError(f"must be below 10^14 and have at most {PLACES} decimal places")
        return value


class Percent(Number):
    """A percentage of a threshold (`rules.ranges`)."""

    def _deserialize(self, value: object, *_: object, **__: object) -> int | Decimal:
        percent = super()._deserialize(value)
        if not is_threshold_percent(percent):
            raise ValidationError(f"must be {PERCENT_RANGE}")
        return percent


class Count(Number):
    """A whole number."""

    def _deserialize(self, value: object, *_: object, **__: object) -> int:
        number = super()._deserialize(value)
        if not isinstance(number, int):
            raise ValidationError("must be a whole number")
        return number


class Flag(Strict[bool]):
    """A truth value: true or false."""

    def _deserialize(self, value: object, *_: object, **__: object) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Moment(Strict[datetime]):
    """A UTC time as all documents write it."""

    def _deserialize(self, value: object, *_: object, **__: object) -> datetime:
        if isinstance(value, str) and _TIME.fullmatch(value):
            try:
                return datetime.fromisoformat(value).astimezone(UTC)
            except ValueError:
                pass  # a day or an hour that does not exist
        raise ValidationError("must be a UTC time such as 2026-01-15T00:00:00Z")


class Document(Strict[JsonObject]):
    """A frozen JSON object, kept as it is."""

    def _deserialize(self, value: object, *_: object, **__: object) -> JsonObject:
        if not isinstance(value, Mapping):
            raise ValidationError("must be an object")
        return dict(value)


class UsageCap(Document):
    """An absolute usage cap (`rules.usage_caps`)."""

    def _deserialize(self, value: object, *_: object, **__: object) -> JsonObject:
        cap = super()._deserialize(value)
        for member, problem in cap_problems(cap):
            raise ValidationError(f"{member} {problem}")
        return cap


class Plan(Document):
    """A price plan (`rules.price_plan_problems`), kept in the one way in which plans are written."""

    def _deserialize(self, value: object, *_: object, **__: object) -> JsonObject | None:  # type: ignore[override]
        plan = super()._deserialize(value)
        for problem in problems(plan):
            raise ValidationError(f"{problem.pointer}: {problem.text}")
        kept = normalised(plan)
        return None if kept is None else {**kept}


class Items(fields.List[Json]):
    """A list whose items have a field of their own; `least` and `most` bound its length."""

    default_error_messages = MISSING | {"invalid": "must be a list"}

    def __init__(
        self, inner: fields.Field[Json], *, least: int = 0, most: int | None = None, **options: Unpack[FieldOptions]
    ) -> None:
        super().__init__(inner, **required(options))
        self.least, self.most = least, most

    def _deserialize(
        self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **options: Json
    ) -> list[Json]:
        items: list[Json] = super()._deserialize(value, attr, data, **options)
        if len(items) < self.least:
            raise ValidationError(f"must have at least {self.least} item{'s' if self.least > 1 else ''}")
        if self.most is not None and len(items) > self.most:
            raise ValidationError(f"must have at most {self.most} items")
        return items
