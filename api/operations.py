"""An operation as the OpenAPI document tells it: its parameters, its body, and every status it answers (spec 6)."""

import re
from collections.abc import Mapping
from typing import Any, is_typeddict

from apispec.ext.marshmallow.openapi import OpenAPIConverter

from api import headers
from api.blueprint import GIVEN_PARTS, Operation
from api.examples import examples_of
from api.parsing import JSON_TYPE
from api.schemas.common import Document
from api.shapes.components import Shapes
from api.shapes.named import Written
from app.errors import PROBLEM_TYPE
from rules.ids import GIVEN_ID, OWN_ID

PATH_PART = re.compile(r"<([a-z_]+)>")
IDENTIFIER_SCHEMA = {"type": "string", "pattern": f"^{OWN_ID}$"}
GIVEN_ID_SCHEMA = {"type": "string", "pattern": f"^{GIVEN_ID}$"}
NOT_MODIFIED = "Not modified: the client's copy is current."
REFUSALS: Mapping[int, tuple[str, str]] = {
    400: ("BadRequest", "Malformed JSON, or a bad query parameter or header."),
    401: ("Unauthorized", "The API token is missing or wrong."),
    404: ("NotFound", "No such record."),
    405: ("MethodNotAllowed", "The address does not know this method; Allow lists those that it knows."),
    408: ("RequestTimeout", "The request did not arrive in time: send it again."),
    409: ("Conflict", "Refused in this state; a gate adds its findings."),
    412: ("PreconditionFailed", "Changed by another operator since it was read."),
    413: ("BodyTooLarge", "The body is too large."),
    414: ("AddressTooLong", "The address has more text or parameters than any request needs."),
    415: ("UnsupportedMediaType", "The body has another media type than those that are declared."),
    421: ("ForeignHost", "The request names a host that this server is not."),
    422: ("InvalidInput", "A field of the body is missing or wrong."),
    500: ("InternalError", "Something went wrong on the server; its log says what, under the request's id."),
    503: ("Unavailable", "A store is in trouble, or the server is busy; the detail says which. Come again."),
}
"""Status → the name of the answer that all operations share, and what it says."""
ALWAYS = frozenset({400, 401, 408, 414, 421, 500, 503})
"""The refusals that any request may meet."""
_FULFILLED = {200: "Done.", 201: "Created.", 202: "Accepted.", 204: "Done, nothing to say."}
_REFUSED_WITH: Mapping[int, tuple[str, ...]] = {401: ("WwwAuthenticate",), 503: ("RetryAfter",)}


def described(operation: Operation, converter: OpenAPIConverter, shapes: Shapes) -> Document:
    """The operation object; schemas are references to components."""
    document: Document = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": _parameters(operation, converter),
        "responses": _responses(operation, shapes),
    }
    if operation.description:
        document["description"] = operation.description
    if operation.deprecation is not None:
        document["deprecated"] = True
    if content := _body(operation, shapes):
        document["requestBody"] = {"required": True, "content": content}
    return document


def shared_parts(shapes: Shapes) -> Document:
    """The parameters, headers and refusals that operations refer to."""
    shapes.named(headers.API_VERSION)
    return headers.components() | {"responses": {name: _refusal(status) for status, (name, _) in REFUSALS.items()}}


def _refusal(status: int, schema: Any = "#/components/schemas/Problem") -> Document:
    described = {"$ref": schema} if isinstance(schema, str) else schema
    return {
        "description": REFUSALS[status][1],
        "headers": headers.answer_headers(*_REFUSED_WITH.get(status, ())),
        "content": {PROBLEM_TYPE: {"schema": described}},
    }


def _body(operation: Operation, shapes: Shapes) -> Document:
    contents: Mapping[str, Any] = operation.raw_body or (
        {JSON_TYPE: operation.body} if operation.body is not None else {}
    )
    requests = examples_of(operation.name).requests
    return {
        media_type: ({} if schema is None else {"schema": _schema(schema, shapes)})
        | _examples(requests.get(media_type))
        for media_type, schema in contents.items()
    }


def _examples(example: Any) -> Document:
    return {} if example is None else {"examples": {"demo": {"summary": "From the demo workspace", "value": example}}}


def _schema(schema: Any, shapes: Shapes) -> Any:
    """A JSON Schema whose parts apispec may replace by references; typed dictionaries are components already."""
    if is_typeddict(schema):
        return shapes.typed(schema)
    if isinstance(schema, Written):
        return shapes.written(schema)
    if isinstance(schema, dict):
        return {name: _schema(part, shapes) for name, part in schema.items()}
    return [_schema(part, shapes) for part in schema] if isinstance(schema, list) else schema


def _parameters(operation: Operation, converter: OpenAPIConverter) -> list[Document | str]:
    known = examples_of(operation.name).parameters
    parts: list[Document] = [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": GIVEN_ID_SCHEMA if name in GIVEN_PARTS else IDENTIFIER_SCHEMA,
        }
        for name in PATH_PART.findall(operation.path)
    ]
    query = converter.schema2parameters(operation.query, location="query") if operation.query else []
    for parameter in (*parts, *query):
        if parameter["name"] in known:
            parameter["example"] = known[parameter["name"]]
    return [*parts, *query, *headers.request_headers(*_request_headers(operation))]


def _request_headers(operation: Operation) -> list[str]:
    names = list(operation.headers)
    if operation.conditional:
        names.append("IfNoneMatch" if operation.method == "GET" else "IfMatch")
    if operation.idempotent:
        names.append("IdempotencyKey")
    if operation.method != "GET":
        names.append("Operator")
    return names


def problem_statuses(operation: Operation) -> list[int]:
    """The refusals that the declaration itself implies, and the ones it adds."""
    statuses = {*ALWAYS, *operation.problems}
    if PATH_PART.search(operation.path):
        statuses.add(404)
    if operation.body is not None or operation.raw_body is not None:
        statuses |= {413, 415, 422}
    if operation.method != "GET":
        statuses.add(409)
        statuses |= {412} if operation.conditional else set()
    return sorted(statuses)


def _responses(operation: Operation, shapes: Shapes) -> Document:
    known, responses = examples_of(operation.name), {}
    for status, schema in operation.answers.items():
        response: Document = {
            "description": _FULFILLED.get(status, "Done."),
            "headers": headers.answer_headers(*_answer_headers(operation, status)),
        }
        if schema is not None:
            others = operation.also_as if status == 200 else {}
            response["content"] = {
                media_type: {"schema": _schema(each, shapes), **_examples(known.answers.get(media_type))}
                for media_type, each in ({operation.media_type: schema} | dict(others)).items()
            }
        responses[str(status)] = response
    if operation.conditional and operation.method == "GET":
        responses["304"] = {"description": NOT_MODIFIED, "headers": headers.answer_headers("ETag")}
    for status in problem_statuses(operation):
        special = operation.telling.get(status)
        reference = {"$ref": f"#/components/responses/{REFUSALS[status][0]}"}
        responses[str(status)] = reference if special is None else _refusal(status, special)
    return responses


def _answer_headers(operation: Operation, status: int) -> list[str]:
    names = list(operation.answer_headers)
    if operation.deprecation is not None:
        names += ["Deprecation", "Sunset", "Link"]
    if status == 201:
        names.append("Location")
    if (operation.conditional and status == 200) or status == 201:
        names.append("ETag")
    return names
