"""A Postman collection (2.1) made from the OpenAPI document, for people who try the API by hand (spec 6).

The first folder is the way from a draft to an enforced config, in order: each step keeps what the next ones need in a
variable. The other folders have every operation, with the demo's examples. Postman, Bruno, Insomnia and Hoppscotch read
it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.schemas.common import Document
from simulation.canonical import Json, canonical_text

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
JSON = "application/json"
JOURNEY = "Journey: author, simulate, approve, enforce"


@dataclass(frozen=True)
class Step:
    """An operation of the journey: the variables that stand for ids in it, and those that its answer gives."""

    operation: str
    says: str
    given: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    keeps: Mapping[str, str] = field(default_factory=dict)


_CONFIG = {"config_version_id": "{{config_version_id}}"}
STEPS: Sequence[Step] = (
    Step(
        "create_config",
        "Author: a draft in a subject of the demo",
        without=("config_version_id",),
        keeps={"config_version_id": "config_version_id"},
    ),
    Step(
        "simulate",
        "Simulate: what it would have done to the demo's usage",
        given={"candidate_config_version_id": "{{config_version_id}}"},
        keeps={"simulation_run_id": "simulation_run_id"},
    ),
    Step(
        "approve",
        "Approve: it takes effect at once",
        given={**_CONFIG, "simulation_run_id": "{{simulation_run_id}}"},
        keeps={"decision_id": "decision_id"},
    ),
    Step("get_runtime_config", "Enforce: what the customer app reads"),
    Step(
        "send_enforcement_events",
        "Enforce: what the customer app reports",
        given=_CONFIG,
        without=("enforcement_event_id", "client_id", "sequence"),
    ),
    Step("get_decision", "Learn: the decision and what came back of it", given={"decision_id": "{{decision_id}}"}),
)


def collection(document: Document) -> Document:
    """The collection of an OpenAPI document."""
    operations = {
        item["operationId"]: (method.upper(), path, item)
        for path, methods in document["paths"].items()
        for method, item in methods.items()
    }
    folders = [
        {
            "name": tag["name"],
            "description": tag["description"],
            "item": [_item(*each, Step("", each[2]["summary"])) for each in operations.values() if _is_of(tag, each)],
        }
        for tag in document["tags"]
    ]
    journey = [_item(*operations[step.operation], step) for step in STEPS]
    return {
        "info": {"name": document["info"]["title"], "description": document["info"]["description"], "schema": SCHEMA},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [
            {"key": "base_url", "value": "http://127.0.0.1:5000"},
            {"key": "token", "value": ""},
            *({"key": name, "value": ""} for step in STEPS for name in step.keeps),
        ],
        "item": [{"name": JOURNEY, "description": "Run these in order.", "item": journey}, *folders],
    }


def _is_of(tag: Document, operation: tuple[str, str, Document]) -> bool:
    return tag["name"] in operation[2]["tags"]


def _item(method: str, path: str, item: Document, step: Step) -> Document:
    """A request with the demo's values, and a script that keeps what later steps need."""
    request: Document = {
        "method": method,
        "header": [],
        "url": _url(path, item, step),
        "description": item.get("description", ""),
    }
    media_type, body = _body(item)
    if media_type is not None:
        request["header"] = [{"key": "Content-Type", "value": media_type}]
        text = body if isinstance(body, str) else canonical_text(_with(body, step))
        request["body"] = {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
    kept = [
        f"pm.collectionVariables.set({name!r}, pm.response.json().{member});" for name, member in step.keeps.items()
    ]
    events = [{"listen": "test", "script": {"type": "text/javascript", "exec": kept}}] if kept else []
    return {"name": step.says, "request": request, **({"event": events} if events else {})}


def _body(item: Document) -> tuple[str | None, Any]:
    """The media type and the example of the first body that has one; an empty text where none has."""
    content = item.get("requestBody", {}).get("content", {})
    for media_type, described in content.items():
        if "examples" in described:
            return media_type, described["examples"]["demo"]["value"]
    return next(iter(content), None), ""


def _with(body: Json, step: Step) -> Json:
    """The example with the journey's variables in place of the demo's ids."""
    if isinstance(body, list):
        return [_with(each, step) for each in body]
    if not isinstance(body, dict):
        return body
    return {name: step.given.get(name, each) for name, each in body.items() if name not in step.without}


def _url(path: str, item: Document, step: Step) -> Document:
    examples = {each["name"]: each for each in item["parameters"] if "name" in each and "example" in each}
    parts = re.sub(r"{(\w+)}", r":\1", path).strip("/").split("/")
    query = [_pair(name, each["example"]) for name, each in examples.items() if each["in"] == "query"]
    within = [
        _pair(name, step.given.get(name, each["example"])) for name, each in examples.items() if each["in"] == "path"
    ]
    asked = "&".join(f"{each['key']}={each['value']}" for each in query)
    raw = "{{base_url}}/" + "/".join(parts) + (f"?{asked}" if asked else "")
    return {"raw": raw, "host": ["{{base_url}}"], "path": parts, "query": query, "variable": within}


def _pair(name: str, value: Json) -> Document:
    return {"key": name, "value": str(value)}
