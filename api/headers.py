"""The headers of requests and answers, each declared once in the OpenAPI document (spec 6)."""

from collections.abc import Iterator

from api.schemas.common import Document
from api.shapes.named import named
from app import api_version, request_ids

API_VERSION = named("ApiVersion", api_version.KNOWN, "The versions of the API that this server answers.")
_TEXT: Document = {"type": "string"}
_REQUEST: dict[str, tuple[str, str, Document]] = {
    "RequestId": (
        request_ids.HEADER,
        "The id of the request; one that is not well-formed is replaced.",
        {"type": "string", "pattern": f"^{request_ids.PATTERN}$"},
    ),
    "ApiVersion": (
        api_version.HEADER,
        "The version that the client was written for; the newest one when left out, 400 when unknown.",
        {"$ref": "#/components/schemas/ApiVersion"},
    ),
    "IfNoneMatch": ("If-None-Match", "The ETag of the copy at hand: 304 when it is current.", _TEXT),
    "IfMatch": ("If-Match", "The ETag as last read: 412 when another operator was faster.", _TEXT),
    "IdempotencyKey": (
        "Idempotency-Key",
        "A repeated request with the same key is answered as the first one was, and nothing is created twice.",
        {"type": "string", "minLength": 1, "maxLength": 200},
    ),
    "Operator": (
        "X-Operator",
        "Who acts, as the log of product events names them; `operator` when left out.",
        {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    ),
    "LastEventId": ("Last-Event-ID", "The id of the event read last: the first event is the next config.", _TEXT),
}
_ANSWER: dict[str, tuple[str, str, Document]] = {
    "RequestId": (request_ids.HEADER, "The id of the request, for the server's log.", _TEXT),
    "ApiVersion": (api_version.HEADER, "The version in which the request was answered.", _TEXT),
    "Location": ("Location", "Where the record is.", {"type": "string", "format": "uri-reference"}),
    "ETag": ("ETag", "Strong; for If-Match and If-None-Match.", _TEXT),
    "RetryAfter": ("Retry-After", "After how many seconds to come again.", {"type": "integer", "minimum": 0}),
    "AvsSignature": ("AVS-Signature", "A detached JWS (EdDSA) over the body.", _TEXT),
    "AvsConfigVersionId": ("AVS-Config-Version-Id", "The version that the document is of.", _TEXT),
    "WwwAuthenticate": ("WWW-Authenticate", "How to say who you are.", _TEXT),
    "Deprecation": ("Deprecation", "Since when this should not be used: @ and seconds (RFC 9745).", _TEXT),
    "Sunset": ("Sunset", "From when on this may be gone (RFC 8594).", _TEXT),
    "Link": ("Link", "Of relation deprecation: what stands in its place.", _TEXT),
    "ContentDisposition": ("Content-Disposition", "The name of the file.", _TEXT),
}
_WHEREVER_DECLARED = frozenset(
    {"RequestId", "ApiVersion", "Location", "RetryAfter", "AvsSignature", "AvsConfigVersionId", "WwwAuthenticate"}
)
"""The headers that an answer has wherever they are declared for it."""
EVERY_REQUEST = ("RequestId", "ApiVersion")
EVERY_ANSWER = ("RequestId", "ApiVersion")


def request_headers(*names: str) -> list[str]:
    """The parameters of a request by their names, which apispec turns to references; those of every request last."""
    return [*names, *EVERY_REQUEST]


def answer_headers(*names: str) -> Document:
    """References to the headers of an answer, by the names that they are sent under."""
    return {_ANSWER[name][0]: {"$ref": f"#/components/headers/{name}"} for name in (*names, *EVERY_ANSWER)}


def components() -> Document:
    """The parts of the document that the references lead to."""
    return {"parameters": dict(_parameters()), "headers": dict(_headers())}


def _parameters() -> Iterator[tuple[str, Document]]:
    for name, (header, description, schema) in _REQUEST.items():
        common = {"in": "header", "name": header, "required": False}
        yield name, {**common, "description": description, "schema": schema}


def _headers() -> Iterator[tuple[str, Document]]:
    for name, (_, description, schema) in _ANSWER.items():
        always = {"required": True} if name in _WHEREVER_DECLARED else {}
        yield name, {"description": description, "schema": schema, **always}
