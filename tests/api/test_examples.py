"""Each operation shows a request and an answer of the demo, which are true: the demo still answers like that.

`AVS_WRITE_GOLDEN=1` writes them anew.
"""

import json
import os
from pathlib import Path

import pytest

from api.examples import FILE
from app import clock
from simulation.canonical import Json, JsonObject, canonical_text, parse_exact
from tests.api.conftest import published, resolved, validate
from tests.api.demo import NOW, demo_app, walk

ANEW = "write the examples anew: AVS_WRITE_GOLDEN=1 .venv/bin/pytest tests/api/test_examples.py"
UNSHOWN = {
    "get_openapi": "the document itself",
    "get_avs_config_schema": "a schema, which is published whole",
    "get_collection": "made from this document",
}
"""Operation → why it needs no example."""


def kept() -> dict[str, JsonObject]:
    return {} if not FILE.exists() else parse_exact(FILE.read_bytes())


def operations() -> dict[str, JsonObject]:
    return {item["operationId"]: item for methods in published()["paths"].values() for item in methods.values()}


@pytest.mark.own_database
def test_the_demo_answers_as_the_examples_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with demo_app(tmp_path) as app:
        anew = walk(app)
    if os.environ.get("AVS_WRITE_GOLDEN"):
        lines = json.dumps(json.loads(canonical_text(anew)), indent=1, ensure_ascii=False)
        FILE.write_text(lines + "\n")
    assert {name: outline(example) for name, example in anew.items()} == {
        name: outline(example) for name, example in kept().items()
    }, f"The demo answers otherwise than the examples say. If it is meant, {ANEW}"


def outline(value: Json) -> Json:
    """What a value is made of: its members and kinds, whatever the ids and moments in it."""
    if isinstance(value, dict):
        return {name: outline(each) for name, each in value.items()}
    return [outline(each) for each in value] if isinstance(value, list) else None if value is None else "a value"


@pytest.mark.parametrize("name", sorted(operations()))
def test_an_operation_has_an_example_that_fits_its_schemas(name: str) -> None:
    item, example = operations()[name], kept().get(name)
    if example is None:
        assert name in UNSHOWN, f"{name} has no example: let the tour of tests/api/demo.py ask it, and {ANEW}"
        return
    for media_type, body in example["requests"].items():
        content = item["requestBody"]["content"][media_type]
        assert content["examples"]["demo"]["value"] == json.loads(canonical_text(body))
        validate(content["schema"], body)
    success = next(response for status, response in item["responses"].items() if status.startswith("2"))
    for media_type, body in example["answers"].items():
        content = resolved(success)["content"][media_type]
        assert "demo" in content["examples"]
        validate(content["schema"], body)
    assert example["parameters"] or example["requests"] or example["answers"]


def test_a_body_always_has_an_example() -> None:
    for name, item in operations().items():
        for content in item.get("requestBody", {}).get("content", {}).values():
            if content.get("schema", {}).get("type") != "string" and "schema" in content:
                assert content.get("examples"), name
