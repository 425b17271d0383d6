"""The OpenAPI 3.1 document, made from the declarations beside the views (spec 6)."""

from collections.abc import Sequence
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields

from api.about import DESCRIPTION, SERVERS, TAGS, TITLE, describe_security
from api.answers import open_answers
from api.blueprint import Operation
from api.operations import GIVEN_ID_SCHEMA, IDENTIFIER_SCHEMA, PATH_PART, described, shared_parts
from api.schemas.common import (
    MAY_BE_ABSENT,
    NAMED,
    Answered,
    Document,
    ExactNumber,
    Flag,
    GivenId,
    Identifier,
    JsonObject,
    Moment,
)
from api.schemas.problems import Problem
from api.shapes.components import Shapes, nullable
from api.shapes.sent_events import describe_sent_events
from app.api_version import CURRENT
from simulation.numbers import LIMIT


def openapi(operations: Sequence[Operation]) -> Document:
    """The whole document, as plain JSON values with exact numbers."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(TITLE, CURRENT, "3.1.0", plugins=[plugin], info={"description": DESCRIPTION}, servers=list(SERVERS))
    converter = _converter(plugin)
    shapes = Shapes(converter.resolve_nested_schema)
    _describe_fields(converter, shapes)
    converter.resolve_nested_schema(Problem)
    describe_security(spec)
    for tag in dict.fromkeys(operation.tag for operation in operations):
        spec.tag({"name": tag, "description": TAGS[tag]})
    for operation in operations:
        path = "/api" + PATH_PART.sub(r"{\1}", operation.path)
        spec.path(path, operations={operation.method.lower(): described(operation, converter, shapes)})
    document = spec.to_dict()
    components: Document = document["components"]
    _tell_apart(components["schemas"], converter)
    components |= shared_parts(shapes)
    components["schemas"] |= shapes.components
    describe_sent_events(components["schemas"], shapes)
    open_answers(document)
    components["schemas"] = dict(sorted(components["schemas"].items()))
    return document


def _schema_name(schema: Schema | type[Schema]) -> str:
    """The class's name; what a PATCH loads is the same schema with nothing required."""
    name = (schema if isinstance(schema, type) else type(schema)).__name__.removesuffix("Answer")
    return name + ("Patch" if isinstance(schema, Schema) and schema.partial else "")


def _converter(plugin: MarshmallowPlugin) -> OpenAPIConverter:
    """The plugin's converter, which it has once a document was begun with it."""
    if plugin.converter is None:
        raise RuntimeError("The plugin belongs to no document yet.")
    return plugin.converter


def _describe_fields(converter: OpenAPIConverter, shapes: Shapes) -> None:
    """What apispec cannot know about our own field classes."""
    for field, kind in ((ExactNumber, "number"), (Flag, "boolean"), (JsonObject, "object")):
        converter.map_to_openapi_type(field, kind, None)
    converter.map_to_openapi_type(Moment, "string", "date-time")
    converter.add_attribute_function(_identifier_properties)
    converter.add_attribute_function(_number_properties)
    converter.add_attribute_function(_object_properties)

    def shared(_converter: OpenAPIConverter, field: fields.Field[Any], ret: Document, **_: Any) -> Document:
        """A closed list or a typed dictionary as a reference, in place of what apispec said of the field."""
        known, shape = field.metadata.get(NAMED), getattr(field, "shape", None)
        if known is None and shape is None:
            return {}
        for name in ("type", "enum"):
            ret.pop(name, None)
        if known is None:
            return shapes.schema(shape)
        reference = shapes.named(known)
        return nullable(reference) if field.allow_none else reference

    converter.add_attribute_function(shared)


def _object_properties(_converter: OpenAPIConverter, field: fields.Field[Any], **_: Any) -> Document:
    return {"additionalProperties": True} if isinstance(field, JsonObject) else {}


def _identifier_properties(_converter: OpenAPIConverter, field: fields.Field[Any], **_: Any) -> Document:
    schemas = {Identifier: IDENTIFIER_SCHEMA, GivenId: GIVEN_ID_SCHEMA}
    return next(({"pattern": schema["pattern"]} for kind, schema in schemas.items() if isinstance(field, kind)), {})


def _number_properties(_converter: OpenAPIConverter, field: fields.Field[Any], **_: Any) -> Document:
    if not isinstance(field, ExactNumber):
        return {}
    bounds = {"minimum": field.minimum, "exclusiveMinimum": field.above, "maximum": field.maximum}
    stated = {name: bound for name, bound in bounds.items() if bound is not None}
    if field.maximum is None:
        stated["exclusiveMaximum"] = int(LIMIT)
    if field.minimum is None and field.above is None:
        stated["exclusiveMinimum"] = -int(LIMIT)
    return {"description": f"Exact decimal, at most {field.places} decimal places."} | stated


def _tell_apart(schemas: Document, converter: OpenAPIConverter) -> None:
    """Say what each is; answers always have all of their fields, and only a POST fills in what is left out."""
    for (schema, *_, partial), name in converter.refs.items():
        properties = schemas[name].get("properties", {})
        if text := " ".join((schema.__dict__.get("__doc__") or "").split()):
            schemas[name]["description"] = text
        if issubclass(schema, Answered):
            schemas[name]["required"] = [key for key, value in properties.items() if not value.get(MAY_BE_ABSENT)]
        if partial or issubclass(schema, Answered):
            for each in properties.values():
                each.pop("default", None)
