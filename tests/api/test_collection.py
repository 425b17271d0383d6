"""Whoever imports the collection runs its journey from top to bottom, and finds every operation below it."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.collection import JOURNEY, collection
from api.register import document
from app import clock
from simulation.canonical import JsonObject
from tests.api.demo import NOW, demo_app

KEEPS = re.compile(r"pm\.collectionVariables\.set\('(\w+)', pm\.response\.json\(\)\.(\w+)\);")


def filled(text: str, variables: JsonObject) -> str:
    """A text of the collection with the values of its variables."""
    return re.sub(r"{{(\w+)}}", lambda match: variables[match[1]], text)


def run(client: FlaskClient, item: JsonObject, variables: JsonObject) -> JsonObject:
    """Send a request as a tool does, and keep what its script keeps; the answer."""
    request = item["request"]
    within = {each["key"]: each["value"] for each in request["url"]["variable"]}
    path = "/" + "/".join(within[part[1:]] if part.startswith(":") else part for part in request["url"]["path"])
    response = client.open(
        filled(path, variables),
        method=request["method"],
        query_string={each["key"]: each["value"] for each in request["url"]["query"]},
        headers=[(each["key"], each["value"]) for each in request["header"]],
        data=filled(request["body"]["raw"], variables) if "body" in request else None,
    )
    assert response.status_code < 300, f"{item['name']}: {response.text}"
    answer: JsonObject = response.get_json()
    for event in item.get("event", ()):
        for line in event["script"]["exec"]:
            match = KEEPS.fullmatch(line)
            assert match, line
            variables[match[1]] = answer[match[2]]
    return answer


@pytest.mark.own_database
def test_the_journey_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with demo_app(tmp_path) as app:
        client = FlaskClient(app)
        journey, *_ = client.get("/api/collection.json").get_json()["item"]
        assert journey["name"] == JOURNEY
        variables: JsonObject = {}
        answers = [run(client, item, variables) for item in journey["item"]]
    assert answers[3]["config_version_id"] == variables["config_version_id"]
    assert answers[4]["accepted"] == 1
    assert answers[5]["evidence"]["events"] == 1


def test_every_operation_is_in_a_folder_of_its_subject() -> None:
    folders = collection(document())["item"][1:]
    assert [folder["name"] for folder in folders] == [tag["name"] for tag in document()["tags"]]
    count = sum(len(methods) for methods in document()["paths"].values())
    assert sum(len(folder["item"]) for folder in folders) == count
