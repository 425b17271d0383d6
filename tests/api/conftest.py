"""An API client for tests: each answer, errors included, is checked against the published OpenAPI document."""

import json
import re
from collections.abc import Iterable
from functools import cache, reduce
from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

from api.register import document
from app.models.base import db
from simulation.canonical import Json, JsonObject, canonical_bytes, canonical_text, parse_exact
from tests import factories
from tests.answers import Answer

URI = "urn:avs:openapi"


@cache
def published() -> JsonObject:
    openapi: JsonObject = json.loads(canonical_bytes(document()))
    return openapi


@cache
def closed() -> JsonObject:
    """The published document, whose answers may grow, with answers that may not: nothing else is given today."""
    whole: JsonObject = _closed(document())
    return whole


def _closed(part: Json) -> Json:
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    whole = {name: _closed(each) for name, each in part.items()}
    is_open = whole.get("type") == "object" and "properties" in whole and "additionalProperties" not in whole
    return whole | ({"additionalProperties": False} if is_open else {})


@cache
def registry() -> Registry[Json]:
    known: Registry[Json] = Registry().with_resource(URI, DRAFT202012.create_resource(closed()))
    return known


def resolved(part: JsonObject) -> JsonObject:
    """A part of the published document, or what it refers to."""
    while "$ref" in part:
        names = part["$ref"].removeprefix("#/").split("/")
        part = reduce(lambda within, name: within[name], names, published())
    return part


def path_of(address: str) -> str:
    """The published path that an address belongs to; literal parts win over parameters."""
    bare = address.split("?")[0]
    paths: Iterable[str] = published()["paths"]
    fits = [path for path in paths if re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]+", path), bare)]
    return min(fits, key=lambda path: path.count("{"))


def check_answer(method: str, address: str, response: TestResponse) -> None:
    """The status is documented, the media type is the one documented for it, and the body fits its schema."""
    path = path_of(address)
    responses = published()["paths"][path][method.lower()]["responses"]
    status = str(response.status_code)
    assert status in responses, f"{method} {path} answered the undocumented {status}: {response.text}"
    described = resolved(responses[status])
    for header, declared in described["headers"].items():
        is_missing = resolved(declared).get("required") and header not in response.headers
        assert not is_missing, f"{method} {path} {status} lacks {header}"
    content = described.get("content")
    if content is None:
        assert not response.data
        return
    assert response.mimetype in content, f"{method} {path} {status} answered {response.mimetype}"
    if response.is_json:
        validate(content[response.mimetype]["schema"], response.get_json())


def validate(schema: JsonObject, value: Json) -> None:
    """Refuse a value that does not fit a schema of the published document, or says more than it names."""
    jsonschema.Draft202012Validator(_absolute(_closed(schema)), registry=registry()).validate(value)


def _absolute(part: Json) -> Json:
    if isinstance(part, list):
        return [_absolute(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: f"{URI}{each}" if name == "$ref" and str(each).startswith("#") else _absolute(each)
        for name, each in part.items()
    }


class Api:
    """`api.post("/api/workspaces", {...})`: sends exact JSON, checks the answer, expects its status.

    `status` is what the test expects (None: whatever is documented); `headers` are sent as given. The answer is
    werkzeug's, and `exact` reads its JSON with exact numbers.
    """

    def __init__(self, app: Flask) -> None:
        self.app, self.client = app, FlaskClient(app, Answer)

    def answer(self, method: str, path: str, **request: Any) -> Answer:
        """The checked answer to a request as the client takes it, whatever its status."""
        response = self.client.open(path, method=method, **request)
        assert isinstance(response, Answer)
        check_answer(method, path, response)
        return response

    def send(self, method: str, path: str, body: Json = None, status: int | None = None, **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        data: JsonObject = {} if body is None else {"data": canonical_text(body), "content_type": "application/json"}
        response = self.answer(method, path, headers=given, **data)
        assert status in (None, response.status_code), f"{method} {path}: {response.status} {response.text}"
        return response

    def get(self, path: str, status: int = 200, **headers: str) -> Answer:
        return self.send("GET", path, None, status, **headers)

    def post(self, path: str, body: Json, status: int = 201, **headers: str) -> Answer:
        return self.send("POST", path, body, status, **headers)

    def put(self, path: str, body: Json, status: int = 200, **headers: str) -> Answer:
        return self.send("PUT", path, body, status, **headers)

    def patch(self, path: str, body: Json, status: int = 200, **headers: str) -> Answer:
        return self.send("PATCH", path, body, status, **headers)

    def delete(self, path: str, status: int = 204, **headers: str) -> Answer:
        return self.send("DELETE", path, None, status, **headers)


def exact(response: TestResponse) -> Json:
    """The answer's JSON with exact numbers."""
    return parse_exact(response.data)


@pytest.fixture
def api(app: Flask) -> Api:
    """The checked client, once on SQLite and once on PostgreSQL."""
    return Api(app)


@pytest.fixture
def sqlite_api(sqlite_app: Flask) -> Api:
    """The checked client on SQLite only."""
    return Api(sqlite_app)


def row_counts() -> dict[str, int]:
    """Rows in every table: a refused request leaves them all as they were."""
    db.session.rollback()
    return {
        table.name: db.session.scalars(sa.select(sa.func.count()).select_from(table)).one()
        for table in db.metadata.sorted_tables
    }


@pytest.fixture
def studio(api: Api) -> Api:
    """The checked client on a database with catalogs, workspace `ws_1`, `cycle_1`, two units and their snapshot."""
    factories.foundation(db.session)
    db.session.commit()
    return api


@pytest.fixture
def sqlite_studio(sqlite_api: Api) -> Api:
    """The checked client on SQLite only, with the rows of `studio`."""
    factories.foundation(db.session)
    db.session.commit()
    return sqlite_api
