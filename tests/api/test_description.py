"""The description is one that generators can use: nothing bare, one type per list, examples, headers, problems."""

from collections.abc import Iterator

import pytest

from api.blueprint import Operation
from api.register import OPERATIONS
from simulation.canonical import Json, JsonObject
from tests.api.conftest import published, resolved

FREE = {
    "/components/schemas/CycleDraftContext/properties/documents/items": "the caller's own document",
    "/components/schemas/CycleDraftContext/properties/extracted_cards/items": "the caller's own card",
    "/components/schemas/CycleDraftContext/properties/open_questions/items": "the caller's own question",
    "/components/schemas/CycleDraftContextBody/properties/documents/items": "the caller's own document",
    "/components/schemas/CycleDraftContextBody/properties/extracted_cards/items": "the caller's own card",
    "/components/schemas/CycleDraftContextBody/properties/open_questions/items": "the caller's own question",
    "/components/schemas/CycleDraftContextBodyPatch/properties/documents/items": "the caller's own document",
    "/components/schemas/CycleDraftContextBodyPatch/properties/extracted_cards/items": "the caller's own card",
    "/components/schemas/CycleDraftContextBodyPatch/properties/open_questions/items": "the caller's own question",
    "/components/schemas/BillingPayload/properties/contract_overrides/items": "always empty today",
    "/components/schemas/EnforcementEvent/properties/context": "as the app wrote it; the six types say what ours do",
    "/components/schemas/HistoryEntry/properties/before": "the columns that an act replaced, whichever they were",
    "/components/schemas/LedgerRecord/properties/body": "the ledger's own API",
    "/components/schemas/Rails/properties/absolute_usage_caps/anyOf/0/items": "rows may be older than their shape",
    "/components/schemas/Rails/properties/absolute_usage_caps/items": "rows may be older than their shape",
    "/components/schemas/SentCloudEvent/properties/data": "the sender's own dimensions",
    "/paths//api/billing-patch/{config_version_id}/drift/post/requestBody/content/application/json/schema": (
        "the ledger's own export"
    ),
    "/paths//api/collection.json/get/responses/200/content/application/json/schema": "Postman's own shape",
    "/paths//api/openapi.json/get/responses/200/content/application/json/schema": "OpenAPI's own shape",
    "/paths//api/schemas/avs_config.json/get/responses/200/content/application/json/schema": "JSON Schema's own shape",
}
"""Where an object may be any → why its shape is not ours to say."""


def parts(part: Json, pointer: str = "") -> Iterator[tuple[str, JsonObject]]:
    """Every object of the description with where it is; examples are data and not looked into."""
    if isinstance(part, dict):
        yield pointer, part
        for name, each in part.items():
            if name not in ("example", "examples"):
                yield from parts(each, f"{pointer}/{name}")
    elif isinstance(part, list):
        for number, each in enumerate(part):
            yield from parts(each, f"{pointer}/{number}")


def is_bare(part: JsonObject) -> bool:
    kinds = part.get("type")
    is_object = kinds == "object" or (isinstance(kinds, list) and "object" in kinds)
    return is_object and not part.get("properties") and part.get("additionalProperties", True) in (True, {})


def reached(start: Json) -> set[str]:
    """The names of the schemas that a part of the description leads to."""
    names: set[str] = set()
    waiting = [start]
    while waiting:
        for _, part in parts(waiting.pop()):
            reference = str(part.get("$ref", ""))
            name = reference.rpartition("/")[2]
            if reference and name not in names:
                names.add(name)
                waiting.append(resolved(part))
    return names


def operations() -> Iterator[JsonObject]:
    return (item for methods in published()["paths"].values() for item in methods.values())


def test_no_object_is_bare_without_a_reason() -> None:
    bare = {pointer for pointer, part in parts(published()) if is_bare(part) and "mapping" not in pointer}
    assert bare <= set(FREE), bare - set(FREE)


def test_each_closed_list_is_one_component_that_all_refer_to() -> None:
    lists = [pointer for pointer, part in parts(published()) if "enum" in part]
    assert all(pointer.count("/") == 3 and pointer.startswith("/components/schemas/") for pointer in lists), lists
    schemas = published()["components"]["schemas"]
    values = [tuple(schemas[pointer.rpartition("/")[2]]["enum"]) for pointer in lists]
    twice = {each for each in values if values.count(each) > 1}
    assert twice == {("sandbox", "production")}  # the type of a cycle and the environment of a config are two things


def test_the_types_in_an_answer_are_open_and_those_of_a_request_closed() -> None:
    schemas = published()["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    answered = set(reached([item["responses"] for item in operations()]))
    assert closed
    assert not closed & answered


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_says_all_that_it_answers(operation: Operation) -> None:
    item = next(item for item in operations() if item["operationId"] == operation.name)
    refusals = [status for status in item["responses"] if status.startswith("4")]
    assert refusals
    for status, response in item["responses"].items():
        headers = resolved(response)["headers"]
        assert {"X-Request-Id", "AVS-API-Version"} <= set(headers), status
        assert status != "503" or "Retry-After" in headers
        assert status != "201" or {"Location", "ETag"} & set(headers)


def test_every_reference_leads_somewhere() -> None:
    for _, part in parts(published()):
        if isinstance(part.get("$ref"), str):
            resolved(part)


def test_the_tags_and_the_servers_say_what_they_are() -> None:
    assert all(tag["description"] for tag in published()["tags"])
    assert published()["servers"][0]["url"] == "/"


def test_the_events_of_each_type_are_told_apart() -> None:
    event = published()["components"]["schemas"]["EnforcementEventBody"]
    types = published()["components"]["schemas"]["EnforcementEventType"]["enum"]
    assert event["discriminator"]["propertyName"] == "event_type"
    assert set(event["discriminator"]["mapping"]) == set(types)
