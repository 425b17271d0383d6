"""What the server assigns (ids, versions, statuses, digests, moments) no request can: it is refused by name."""

import re

import pytest

from app.models.base import db
from simulation.canonical import Json, JsonObject
from tests.admin_views.test_surface import everything
from tests.api.conftest import Api, published
from tests.present import present

ALWAYS = (
    "status",
    "row_version",
    "version",
    "created_at",
    "updated_at",
    "content_hash",
    "activated_at",
    "simulation_hash",
    "place",
    "sequence",
    "is_active",
)
"""Names of columns that some table has; those that a body may have are left out of its case."""
JSON = "application/json"
ITEMS = ("/api/enforcement-events", "/api/usage-events", "/api/catalogs/")
"""Paths whose bodies are lists of things that happened or of words: each entry is judged by itself."""


def resolved(schema: JsonObject) -> JsonObject:
    """The schema, or the one that it refers to."""
    reference = schema.get("$ref")
    return schema if reference is None else published()["components"]["schemas"][reference.rpartition("/")[2]]


def writes() -> list[tuple[str, str, tuple[str, ...]]]:
    """(method, path, assigned fields) of each operation with one JSON object as its body."""
    found = []
    for path, methods in published()["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get(JSON)
            if body is None or path.startswith(ITEMS) or "properties" not in resolved(body["schema"]):
                continue
            taken = set(resolved(body["schema"])["properties"])
            found.append((method.upper(), path, tuple(sorted((_answered(operation) | set(ALWAYS)) - taken))))
    return found


def _answered(operation: JsonObject) -> set[str]:
    """The fields of the record that a write answers with."""
    fields: set[str] = set()
    for status, answer in operation["responses"].items():
        if status.startswith("2") and JSON in answer.get("content", {}):
            fields |= set(resolved(answer["content"][JSON]["schema"]).get("properties", {}))
    return fields


def test_enough_writes_are_tried() -> None:
    assert len(writes()) >= 20
    assert any("content_hash" in fields for _, _, fields in writes())


@pytest.mark.parametrize(("method", "path", "fields"), writes(), ids=lambda part: part if isinstance(part, str) else "")
def test_an_assigned_field_is_refused_by_its_name_and_changes_nothing(
    sqlite_studio: Api, method: str, path: str, fields: tuple[str, ...]
) -> None:
    before = everything(db.session)
    where = re.sub(r"\{[a-z_]+\}", "cfg_1", path)
    body: dict[str, Json] = dict.fromkeys(fields, "forged")
    answer = sqlite_studio.client.open(where, method=method, json=body)
    assert answer.status_code in (404, 422), answer.text
    if answer.status_code == 422:
        named = {error["pointer"].split("/")[1] for error in present(answer.json)["errors"]}
        assert set(fields) <= named, f"{sorted(set(fields) - named)} of {method} {path} are taken"
    assert everything(db.session) == before
