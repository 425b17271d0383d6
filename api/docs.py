"""The API's own documentation: the OpenAPI document and a page to browse it, all assets from an installed package."""

from pathlib import Path
from typing import TypedDict

import flask_swagger_ui
from flask import Blueprint, Response, current_app, send_from_directory

from api.blueprint import operation
from api.collection import collection
from api.problem_codes import MEANINGS
from api.resource import Answer, plain
from app.document_schema import AVS_CONFIG_SCHEMA
from app.errors import NotFound

EXTENSION = "avs_openapi"
TAG = "Documentation"
ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AVS Brain API</title>
<link rel="stylesheet" href="/api/docs/assets/swagger-ui.css">
<link rel="icon" href="/api/docs/assets/favicon-32x32.png">
</head>
<body>
<p class="swagger-ui" style="margin: 1rem; font-family: sans-serif"><a href="/" class="link">← Back to AVS Brain</a></p>
<div id="swagger-ui"></div>
<script src="/api/docs/assets/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
"""
START = """const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({
  url: "/api/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  defaultModelsExpandDepth: 0, docExpansion: "none", filter: true, tryItOutEnabled: true
});
"""


JSON_SCHEMA = {"type": "object", "additionalProperties": True, "description": "JSON Schema 2020-12."}
OPENAPI = {"type": "object", "additionalProperties": True, "description": "OpenAPI 3.1."}


class ProblemCode(TypedDict):
    """What a problem's code means."""

    code: str
    meaning: str


@operation(
    "GET",
    "/openapi.json",
    tag=TAG,
    summary="This document",
    answers={200: OPENAPI},
)
def get_openapi() -> Answer:
    return plain(current_app.extensions[EXTENSION]())


@operation(
    "GET",
    "/problems/<code>",
    tag=TAG,
    summary="What a problem's code means",
    answers={200: ProblemCode},
)
def get_problem_code(code: str) -> Answer:
    """The page that a problem's `type` points to."""
    if code not in MEANINGS:
        raise NotFound(f"No problem has the code {code!r}.", code="not_found")
    return plain({"code": code, "meaning": MEANINGS[code]})


@operation(
    "GET",
    "/schemas/avs_config.json",
    tag=TAG,
    summary="The JSON Schema of avs_config",
    answers={200: JSON_SCHEMA},
)
def get_avs_config_schema() -> Answer:
    """What an enforcing client reads of a runtime config, as JSON Schema 2020-12; nothing else is approved."""
    return Answer(AVS_CONFIG_SCHEMA)


@operation(
    "GET",
    "/collection.json",
    tag=TAG,
    summary="A Postman collection of all this",
    answers={200: {"type": "object", "additionalProperties": True, "description": "Postman Collection 2.1."}},
)
def get_collection() -> Answer:
    """For people who try the API by hand: first the way from a draft to an enforced config, in order, then the rest.

    Postman, Bruno, Insomnia and Hoppscotch read it.
    """
    return plain(collection(current_app.extensions[EXTENSION]()))


OPERATIONS = (get_openapi, get_collection, get_problem_code, get_avs_config_schema)


def add_pages(blueprint: Blueprint) -> None:
    """The browsable page, which is not part of the API that it shows."""
    blueprint.add_url_rule("/docs", "docs", _page)
    blueprint.add_url_rule("/docs/start.js", "docs_start", _start)
    blueprint.add_url_rule("/docs/assets/<name>", "docs_asset", _asset)


def _page() -> Response:
    return Response(PAGE, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})


def _start() -> Response:
    return Response(START, content_type="text/javascript; charset=utf-8")


def _asset(name: str) -> Response:
    return send_from_directory(ASSETS, name)
