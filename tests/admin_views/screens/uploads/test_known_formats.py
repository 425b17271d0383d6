"""Flow 0B: files of known formats, their times, and what the preview asks instead of guessing."""

import gzip
import json
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import usage_events
from app.models.base import db
from app.models.transactions import write
from app.services.uploads import imports
from app.services.usage.stats import usage_stats
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import form_of, text_of
from tests.admin_views.screens.uploads.upload_pages import chosen, previewed, stored

STRIPE = [
    {
        "identifier": f"s{value}",
        "timestamp": 1767600000,
        "event_name": "search",
        "payload": {"value": value, "stripe_customer_id": "c1"},
    }
    for value in (200, 500)
]
OURS = "event_id,ts,event_type,customer_id,segment,output_minutes\na,{},video_render_completed,c,smb,3\n"


@pytest.fixture
def client(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(imports, "AT_ONCE_SECONDS", 60)
    with write(db.session):
        f.catalogs(db.session)
        f.workspace(db.session)
    client = sqlite_app.test_client()
    client.get("/?workspace=ws_1")
    return client


def test_a_known_format_is_named_and_its_columns_are_read_as_it_says(client: FlaskClient) -> None:
    address = previewed(client, content=json.dumps(STRIPE).encode(), name="meter_events.json")
    page = client.get(address).text
    assert "This looks like Stripe meter events" in page
    form = form_of(page, "columns")
    assert [form[f"column_{place}"] for place in range(5)] == ["event_id", "ts", "event_type", "value", "customer_id"]
    chosen(client, address, "import", segment="smb")
    assert "Accepted 2" in text_of(client.get(address).text)
    (row,) = usage_stats(usage_events().store, "ws_1", f.NOW)
    assert (row.event_type, row.customer_id, row.sums) == ("search", "c1", {"value": Decimal(700)})


def test_a_file_of_a_known_format_can_be_read_as_any_other(client: FlaskClient) -> None:
    address = previewed(client, content=gzip.compress(json.dumps(STRIPE).encode()), name="meter_events.json.gz")
    page = client.get(f"{address}?preset=none").text
    assert "This looks like" not in page
    assert form_of(page, "columns")["preset"] == "none"
    assert form_of(page, "columns")["column_3"] == "payload.value"


def test_the_first_time_is_shown_as_it_is_written_and_as_it_is_read(client: FlaskClient) -> None:
    address = previewed(client, content=OURS.format("2026-07-01 12:00").encode())
    assert "The first time, 2026-07-01 12:00, is read as 2026-07-01T12:00:00Z." in text_of(client.get(address).text)
    answer = chosen(client, address, "check", timezone="Europe/Berlin")
    assert "is read as 2026-07-01T10:00:00Z." in text_of(answer.text)
    refused = chosen(client, address, "check", timezone="Mars/Base")
    assert (refused.status_code, "is no time zone" in refused.text) == (422, True)


@pytest.mark.parametrize(
    ("time", "question", "answer"),
    [
        ("03/04/2026", "say which comes first", {"day_order": "day"}),
        ("45", "say from when they count", {"times_from": "2026-01-05T00:00:00Z"}),
    ],
)
def test_what_the_times_leave_unsaid_is_asked_at_its_field(
    client: FlaskClient, time: str, question: str, answer: dict[str, str]
) -> None:
    address = previewed(client, content=OURS.format(time).encode())
    page = client.get(address).text
    assert question in page
    assert 'value="import" disabled' in page
    chosen(client, address, "import", **answer)
    assert stored().events == 1


def test_what_is_not_stored_is_said_before_and_after_the_import(client: FlaskClient) -> None:
    event = {"event_id": "a", "ts": "2026-01-05", "event_type": "video_render_completed", "customer_id": "c"}
    content = json.dumps(event | {"segment": "smb", "tags": ["x"]}).encode()
    address = previewed(client, content=content, name="a.jsonl")
    assert "Not stored: tags." in text_of(client.get(address).text)
