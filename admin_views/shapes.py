"""The embedded JSON shapes of spec 1, as forms check them before a service sees them."""

from decimal import Decimal
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from rules.enums import Action, AggregationType, ExpectedImpact


class Shape(Schema):
    class Meta:
        unknown = RAISE


def _one_of(values: Any) -> validate.OneOf:
    return validate.OneOf([item.value for item in values], error="{input} is not one of: {choices}.")


def _text(**options: Any) -> fields.String:
    return fields.String(required=True, validate=validate.Length(1, 200), **options)


class Exact(fields.Decimal):
    """A JSON number, kept as it is: an integer stays one, so that the stored document does not change."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.make_error("invalid")
        return value


class FilterValue(fields.Field):
    """Text, a number, a yes or no, or a list of them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        items = value if isinstance(value, list) else [value]
        if not items or not all(isinstance(item, str | int | Decimal) for item in items):
            raise ValidationError("Give text, a number, true or false, or a list of them.")
        return value


class Aggregation(Shape):
    type = fields.String(required=True, validate=_one_of(AggregationType))
    field = fields.String(validate=validate.Length(1, 200))


class EventMapping(Shape):
    event_type = _text()
    filters = fields.Dict(keys=_text(), values=FilterValue())
    aggregation = fields.Nested(Aggregation, required=True)


class MetricIntent(Shape):
    metric_id = _text()
    expected_impact = fields.String(required=True, validate=_one_of(ExpectedImpact))


class UsageThreshold(Shape):
    percent = Exact(required=True, validate=validate.Range(min=0, min_inclusive=False))
    action = fields.String(required=True, validate=_one_of(Action))


SHAPES: dict[str, fields.Field] = {
    "event_mapping": fields.Nested(EventMapping),
    "metrics_intent": fields.List(fields.Nested(MetricIntent)),
    "usage_thresholds": fields.List(fields.Nested(UsageThreshold)),
    "absolute_usage_caps": fields.List(fields.Dict(keys=_text())),
    "documents": fields.List(fields.Raw()),
    "extracted_cards": fields.List(fields.Raw()),
    "open_questions": fields.List(fields.Raw(), validate=validate.Length(max=5)),
}


def problems(name: str, document: Any) -> list[str]:
    """What is wrong with the document as column `name`: one sentence each, led by the place in it."""
    try:
        SHAPES[name].deserialize(document)
    except ValidationError as error:
        return list(_sentences(error.messages, ""))
    return []


def _sentences(messages: Any, path: str) -> Any:
    if isinstance(messages, dict):
        for key, below in messages.items():
            yield from _sentences(below, f"{path}/{key}")
    else:
        yield from (f"{path}: {message}" if path else str(message) for message in messages)
