"""A request that says a thing twice is refused, naming it: nobody can know which of the two was meant (spec 6)."""

import gzip

import pytest
from flask import Flask

from app.extensions import usage_events
from app.models.base import db
from simulation.canonical import parse_exact
from tests import factories
from tests.api.conftest import Api

TWICE = '{"workspace_name": "A", "operator_role": "founder", "workspace_name": "B"}'
EVENT = (
    '{"event_id": "e%d", "ts": "2026-01-01T00:00:00Z", "event_type": "video_render_completed", "customer_id": "cust_1",'
    ' "segment": "smb"%s}'
)
GOOD = EVENT % (1, "")
BAD = EVENT % (2, ', "customer_id": "cust_2"')
CLOUD = (
    '{"specversion": "1.0", "id": "1", "source": "/s", "type": "video_render_completed", "subject": "cust_1",'
    ' "time": "2026-01-01T00:00:00Z", "data": {"segment": "smb", "output_minutes": 1, "output_minutes": 2}}'
)


def sent(api: Api, path: str, body: str | bytes, content_type: str = "application/json") -> tuple[int, str]:
    answer = api.client.post(path, data=body, content_type=content_type)
    return answer.status_code, answer.text


def test_a_body_with_a_key_twice_is_refused_by_its_place(sqlite_api: Api) -> None:
    answer = sqlite_api.client.post("/api/workspaces", data=TWICE, content_type="application/json")
    assert answer.status_code == 400
    problem = parse_exact(answer.text)
    assert problem["code"] == "malformed_json"
    assert problem["errors"] == [
        {
            "pointer": "/workspace_name",
            "code": "repeated_key",
            "detail": "The key 'workspace_name' stands twice in one object: send it once.",
        }
    ]


@pytest.mark.parametrize(
    "path",
    ["/api/cycles", "/api/value-units", "/api/configs", "/api/simulations", "/api/approve", "/api/enforcement-events"],
)
def test_no_resource_takes_a_key_twice_however_deep(sqlite_api: Api, path: str) -> None:
    status, text = sent(sqlite_api, path, '{"context": [{"a": {"b": 1, "\\u0062": 2}}]}')
    assert (status, "/context/0/a/b" in text) == (400, True)


@pytest.fixture
def ready(sqlite_app: Flask) -> Api:
    factories.foundation(db.session)
    db.session.commit()
    return Api(sqlite_app)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (f"[{GOOD}, {BAD}]", "application/json"),
        (f"{GOOD}\n{BAD}\n", "application/x-ndjson"),
        (f"{BAD}\n\n{GOOD}", "application/json"),
        (gzip.compress(f"{GOOD}\n{BAD}".encode()), "application/gzip"),
        (f"[{GOOD}, {CLOUD}]", "application/json"),
    ],
)
def test_usage_keeps_the_other_rows_and_names_the_one(ready: Api, body: str | bytes, content_type: str) -> None:
    answer = ready.client.post("/api/usage-events?workspace_id=ws_1", data=body, content_type=content_type)
    assert answer.status_code == 202
    receipt = parse_exact(answer.text)
    assert (receipt["accepted"], receipt["rejected"]) == (1, 1)
    assert "stands twice in one object" in receipt["rejects"][0]["reason"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (BAD, "application/json"),
        (CLOUD, "application/cloudevents+json"),
        (f"[{CLOUD}]", "application/cloudevents-batch+json"),
        (f'{{"data": [{GOOD}], "data": []}}', "application/json"),
    ],
)
def test_usage_that_is_nothing_else_is_refused(ready: Api, body: str, content_type: str) -> None:
    status, text = sent(ready, "/api/usage-events?workspace_id=ws_1", body, content_type)
    assert status in (400, 422)
    assert "stands twice in one object" in text
    assert not usage_events().store.files("ws_1")
