"""The embedded JSON shapes of spec 1, as forms check them before a service sees them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from rules.enums import Action, AggregationType, ExpectedImpact
from rules.ids import GIVEN_ID_RULE, OWN_ID_RULE, is_given_id, is_own_id
from rules.ranges import PERCENT_RANGE, is_threshold_percent
from rules.usage_caps import cap_problems
from simulation.canonical import Json
from simulation.numbers import fits

Messages = Mapping[str | int, "Messages"] | Iterable[str]
"""Marshmallow's messages: sentences, by the names and indexes of the places in the document that they are about."""


class Shape(Schema):
    """An object that has no other members than the declared ones."""

    class Meta:
        unknown = RAISE


def _one_of(values: type[StrEnum]) -> validate.OneOf:
    return validate.OneOf([item.value for item in values], error="{input} is not one of: {choices}.")


def _fits(rule: Callable[[str], bool], sentence: str) -> Callable[[str], None]:
    """The check of an id by a rule of `rules.ids`."""

    def check(value: str) -> None:
        if not rule(value):
            raise ValidationError(f"Must be {sentence}.")

    return check


GIVEN, OWN = _fits(is_given_id, GIVEN_ID_RULE), _fits(is_own_id, OWN_ID_RULE)


def _given(*, required: bool = True) -> fields.String:
    """An id that others made, such as an event type."""
    return fields.String(required=required, validate=GIVEN)


def _own() -> fields.String:
    """An id of the product or of a catalog's metric."""
    return fields.String(required=True, validate=OWN)


class Exact(fields.Field[Decimal | int]):
    """A JSON number, kept as it is: an integer stays one, so that the stored document does not change."""

    def _deserialize(
        self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: object
    ) -> Decimal | int:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise ValidationError("Not a valid number.")
        return value


class FilterValue(fields.Field[Json]):
    """Text, a number, a yes or no, or a list of them."""

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: object) -> Json:
        items = value if isinstance(value, list) else [value]
        if not items or not all(isinstance(item, str | int | Decimal) for item in items):
            raise ValidationError("Give text, a number, true or false, or a list of them.")
        if not all(isinstance(item, str | bool) or fits(Decimal(item)) for item in items):
            raise ValidationError("Numbers are below 10^14 in size, with at most 12 decimal places.")
        return value


class Aggregation(Shape):
    """The `aggregation` of an event mapping."""

    type = fields.String(required=True, validate=_one_of(AggregationType))
    field = _given(required=False)
    minus = _given(required=False)


class EventMapping(Shape):
    """The `event_mapping` of a value unit."""

    event_type = _given()
    filters = fields.Dict(keys=_given(), values=FilterValue())
    aggregation = fields.Nested(Aggregation, required=True)


class MetricIntent(Shape):
    """An item of a value unit's `metrics_intent`."""

    metric_id = _own()
    expected_impact = fields.String(required=True, validate=_one_of(ExpectedImpact))


def _is_percent(value: Decimal | int) -> None:
    if not is_threshold_percent(value):
        raise ValidationError(f"{value} is not a percentage {PERCENT_RANGE}.")


class UsageThreshold(Shape):
    """An item of the rails' `usage_thresholds`."""

    percent = Exact(required=True, validate=_is_percent)
    action = fields.String(required=True, validate=_one_of(Action))


def _is_cap(value: Json) -> None:
    problems = [f"{member} {problem}".strip() for member, problem in cap_problems(value)]
    if problems:
        raise ValidationError(f"{'; '.join(problems)}.")


SHAPES: Mapping[str, fields.Field[Json]] = {
    "event_mapping": fields.Nested(EventMapping),
    "metrics_intent": fields.List(fields.Nested(MetricIntent)),
    "usage_thresholds": fields.List(fields.Nested(UsageThreshold)),
    "absolute_usage_caps": fields.List(fields.Raw(validate=_is_cap)),
    "documents": fields.List(fields.Raw()),
    "extracted_cards": fields.List(fields.Raw()),
    "open_questions": fields.List(fields.Raw(), validate=validate.Length(max=5)),
}


def problems(name: str, document: Json) -> list[str]:
    """The problems of a document that is to be stored in the column `name`: a sentence each, led by the place in it."""
    try:
        SHAPES[name].deserialize(document)
    except ValidationError as error:
        return list(_sentences(error.messages, ""))
    return []


def _sentences(messages: Messages, path: str) -> Iterator[str]:
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from _sentences(inner, f"{path}/{key}")
    else:
        yield from (f"{path}: {message}" if path else str(message) for message in messages)
