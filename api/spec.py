"""The OpenAPI 3.1 document, made from the declarations beside the views (spec 6)."""

import re
from collections.abc import Sequence
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields

from api.blueprint import GIVEN_PARTS, Operation
from api.parsing import JSON_TYPE
from api.schemas.common import (
    Answered,
    Document,
    ExactNumber,
    Flag,
    GivenId,
    Identifier,
    JsonObject,
    Moment,
    Problem,
)
from app.errors import PROBLEM_TYPE
from rules.ids import GIVEN_ID, OWN_ID
from simulation.numbers import LIMIT

TITLE = "AVS Brain"
VERSION = "1"
ABOUT = (
    "The control plane for the economics of AI products: author a config, simulate it, approve it, and serve it to the "
    "customer app. Numbers are exact decimals, times are UTC, unknown fields are errors, and every refusal is RFC 9457 "
    "problem details."
)
PATH_PART = re.compile(r"<([a-z_]+)>")
IDENTIFIER_SCHEMA = {"type": "string", "pattern": f"^{OWN_ID}$"}
GIVEN_ID_SCHEMA = {"type": "string", "pattern": f"^{GIVEN_ID}$"}
_MEANINGS = {
    304: "Not modified: the client's copy is current.",
    400: "Malformed JSON, or a bad query parameter or header.",
    401: "The API token is missing or wrong.",
    404: "No such record.",
    409: "Refused in this state; a gate adds its findings.",
    412: "Changed by another operator since it was read.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "A field of the body is missing or wrong.",
    503: "A store is in trouble (full, locked, away); the detail says which. Come again after Retry-After seconds.",
}
_FULFILLED = {200: "Done.", 201: "Created.", 202: "Accepted.", 204: "Done, nothing to say."}
_IF_NONE_MATCH = "The ETag of the copy at hand: 304 when it is current."
_IF_MATCH = "The ETag as last read: 412 when another operator was faster."
_KEY = "A repeated request with the same key is answered as the first one was, and nothing is created twice."


def openapi(operations: Sequence[Operation]) -> Document:
    """The whole document, as plain JSON values with exact numbers."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(TITLE, VERSION, "3.1.0", plugins=[plugin], info={"description": ABOUT})
    converter = _converter(plugin)
    _describe_fields(converter)
    _describe_security(spec)
    for tag in dict.fromkeys(operation.tag for operation in operations):
        spec.tag({"name": tag})
    for operation in operations:
        path = "/api" + PATH_PART.sub(r"{\1}", operation.path)
        spec.path(path, operations={operation.method.lower(): _operation(operation, converter)})
    document = spec.to_dict()
    _tell_apart(document["components"]["schemas"], converter)
    return document


def _schema_name(schema: Schema | type[Schema]) -> str:
    """The class's name; what a PATCH loads is the same schema with nothing required."""
    name = (schema if isinstance(schema, type) else type(schema)).__name__
    return name + ("Patch" if isinstance(schema, Schema) and schema.partial else "")


def _describe_security(spec: APISpec) -> None:
    spec.components.security_scheme(
        "token", {"type": "http", "scheme": "bearer", "description": "AVS_API_TOKEN, where the server sets one."}
    )
    spec.components.security_scheme(
        "password", {"type": "http", "scheme": "basic", "description": "The same token as the password."}
    )
    spec.options["security"] = [{}, {"token": []}, {"password": []}]


def _converter(plugin: MarshmallowPlugin) -> OpenAPIConverter:
    """The plugin's converter, which it has once a document was begun with it."""
    if plugin.converter is None:
        raise RuntimeError("The plugin belongs to no document yet.")
    return plugin.converter


def _describe_fields(converter: OpenAPIConverter) -> None:
    """What apispec cannot know about our own field classes."""
    for field, kind in ((ExactNumber, "number"), (Flag, "boolean"), (JsonObject, "object")):
        converter.map_to_openapi_type(field, kind, None)
    converter.map_to_openapi_type(Moment, "string", "date-time")
    converter.add_attribute_function(_identifier_properties)
    converter.add_attribute_function(_number_properties)


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
    """Answers always have all of their fields, and only a POST fills in what is left out."""
    for (schema, *_, partial), name in converter.refs.items():
        properties = schemas[name].get("properties", {})
        if issubclass(schema, Answered):
            schemas[name]["required"] = list(properties)
        if partial or issubclass(schema, Answered):
            for each in properties.values():
                each.pop("default", None)


def _operation(operation: Operation, converter: OpenAPIConverter) -> Document:
    document: Document = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": _parameters(operation, converter),
        "responses": _responses(operation),
    }
    if operation.description:
        document["description"] = operation.description
    content = _body(operation)
    if content:
        document["requestBody"] = {"required": True, "content": content}
    return document


def _body(operation: Operation) -> Document:
    if operation.raw_body is not None:
        return {media_type: {"schema": _copied(schema)} for media_type, schema in operation.raw_body.items()}
    return {JSON_TYPE: {"schema": operation.body}} if operation.body is not None else {}


def _copied(schema: Any) -> Any:
    """A JSON Schema whose parts apispec may replace by references; the schemas within it are the same ones."""
    if isinstance(schema, dict):
        return {name: _copied(part) for name, part in schema.items()}
    return [_copied(part) for part in schema] if isinstance(schema, list) else schema


def _parameters(operation: Operation, converter: OpenAPIConverter) -> list[Document]:
    parts = [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": GIVEN_ID_SCHEMA if name in GIVEN_PARTS else IDENTIFIER_SCHEMA,
        }
        for name in PATH_PART.findall(operation.path)
    ]
    query = converter.schema2parameters(operation.query, location="query") if operation.query else []
    return [*parts, *query, *_headers(operation)]


def _headers(operation: Operation) -> list[Document]:
    headers: list[tuple[str, str, Document]] = []
    if operation.conditional:
        name, description = ("If-None-Match", _IF_NONE_MATCH) if operation.method == "GET" else ("If-Match", _IF_MATCH)
        headers.append((name, description, {"type": "string"}))
    if operation.idempotent:
        headers.append(("Idempotency-Key", _KEY, {"type": "string", "minLength": 1, "maxLength": 200}))
    return [
        {"in": "header", "name": name, "description": description, "required": False, "schema": schema}
        for name, description, schema in headers
    ]


def problem_statuses(operation: Operation) -> list[int]:
    """The refusals that the declaration itself implies, and the ones it adds."""
    statuses = {400, 401, 503, *operation.problems}
    if PATH_PART.search(operation.path):
        statuses.add(404)
    if operation.body is not None or operation.raw_body is not None:
        statuses |= {413, 415, 422}
    if operation.method != "GET":
        statuses.add(409)
        statuses |= {412} if operation.conditional else set()
    return sorted(statuses)


def _responses(operation: Operation) -> Document:
    responses: Document = {}
    for status, schema in operation.answers.items():
        responses[str(status)] = {"description": _FULFILLED.get(status, "Done.")}
        if schema is not None:
            others = operation.also_as if status == 200 else {}
            contents = {operation.media_type: schema} | dict(others)
            responses[str(status)]["content"] = {name: {"schema": each} for name, each in contents.items()}
        if headers := _answer_headers(operation, status):
            responses[str(status)]["headers"] = headers
    if operation.conditional and operation.method == "GET":
        responses["304"] = {"description": _MEANINGS[304]}
    for status in problem_statuses(operation):
        content = {PROBLEM_TYPE: {"schema": operation.telling.get(status, Problem)}}
        responses[str(status)] = {"description": _MEANINGS.get(status, "Refused."), "content": content}
    return responses


def _answer_headers(operation: Operation, status: int) -> Document:
    headers = {}
    if status == 201:
        headers["Location"] = {"description": "Where the record is.", "schema": {"type": "string"}}
    if (operation.conditional and status == 200) or status == 201:
        headers["ETag"] = {"description": "Strong; for If-Match and If-None-Match.", "schema": {"type": "string"}}
    return headers
