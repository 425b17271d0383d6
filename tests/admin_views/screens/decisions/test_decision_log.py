"""Flow 6A: the timeline, its filters as removable chips, its search, sorts and pages, and its empty states."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from admin_views.screens.decisions import decision_log
from app.extensions import viewing
from app.models.base import db
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services.decisions import activation
from simulation.canonical import JsonObject
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of

URL = "/decision-log"
OPENED = re.compile(r'href="/decision-log/(dec_[^"/]+)"')


def decide(config_version_id: str, later: int, rationale: str = "It holds.", **changes: Any) -> None:
    """Simulated and approved `later` seconds after NOW, by the decision of the same number."""
    row = f.config(db.session, config_version_id, **changes)
    f.run(db.session, row, outputs=f.outputs(risks=[{"code": "spend_cap_exceeded", "detail": "One is above."}]))
    activation.approve(
        db.session,
        config_version_id,
        f"sim_{config_version_id}",
        activation.Approval("Theresa", "CEO", rationale),
        actor=f.OPERATOR,
        now=f.NOW + timedelta(seconds=later),
        decision_id=config_version_id.replace("cfg", "dec"),
    )


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """Two decisions for smb, one for enterprise, one in another workspace."""
    with write(db.session):
        f.foundation(db.session)
        decide("cfg_1", 0, "Learn FIRST.")
        decide("cfg_2", 10)
        decide("cfg_3", 86_400, segment="enterprise", stage="learning")
        f.workspace(db.session, "ws_2")
    return sqlite_app.test_client()


def shown(client: FlaskClient, query: str = "") -> list[str]:
    page = client.get(URL + query)
    assert page.status_code == 200
    return OPENED.findall(page.text)


def test_the_newest_decision_stands_first_with_its_pills_and_figures(client: FlaskClient) -> None:
    assert shown(client) == ["dec_3", "dec_2", "dec_1"]
    text = text_of(client.get(URL).text)
    assert "enterprise · learning · production · v1 ● active" in text
    assert "smb · learning · production · v1 archived initial activation by Theresa, CEO, for pmf learning" in text
    assert "revenue +$100.00" in text
    assert "gross margin +2 pp" in text
    assert "! spend cap exceeded" in text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?segment=smb", ["dec_2", "dec_1"]),
        ("?status=archived", ["dec_1"]),
        ("?stage=scaling", []),
        ("?target_environment=production&segment=enterprise", ["dec_3"]),
        ("?goal_type=pmf_learning", ["dec_3", "dec_2", "dec_1"]),
        ("?goal_type=revenue", []),
        ("?since=2026-01-16", ["dec_3"]),
        ("?until=2026-01-16", ["dec_2", "dec_1"]),
        ("?q=learn+first", ["dec_1"]),
        ("?workspace_id=ws_2", []),
        ("?workspace_id=any", ["dec_3", "dec_2", "dec_1"]),
        ("?sort=no_such_sort", ["dec_3", "dec_2", "dec_1"]),
    ],
)
def test_each_filter_narrows_the_log(client: FlaskClient, query: str, expected: list[str]) -> None:
    assert shown(client, query) == expected


def test_a_filter_in_force_is_a_chip_that_takes_only_itself_away(client: FlaskClient) -> None:
    page = client.get(f"{URL}?segment=smb&status=active&sort=margin_risk").text
    chips = dict(re.findall(r'href="([^"]+)" aria-label="Remove ([^"]+)"', page))
    addresses = {said: unescape(address) for address, said in chips.items()}
    assert addresses == {
        "Segment: smb": f"{URL}?status=active&sort=margin_risk",
        "Status: active": f"{URL}?segment=smb&sort=margin_risk",
    }


def test_the_workspace_that_the_browser_remembers_is_a_chip_too(client: FlaskClient) -> None:
    with client.session_transaction() as browser:
        browser["workspace_id"] = "ws_2"
    page = client.get(URL).text
    assert "Workspace: Lumina" in page
    assert OPENED.findall(page) == []
    assert f'href="{URL}?workspace_id=any"' in page


def test_a_moment_that_cannot_be_read_is_named_and_the_rest_still_narrows(client: FlaskClient) -> None:
    page = client.get(f"{URL}?since=yesterday&segment=smb")
    assert page.status_code == 422
    assert "is not a moment such as" in text_of(page.text)
    assert OPENED.findall(page.text) == ["dec_2", "dec_1"]


@pytest.mark.parametrize("sort", ["newest", "margin_risk", "retention_delta", "exploration_delta"])
def test_older_pages_follow_on_without_a_gap_in_every_sort(
    client: FlaskClient, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = shown(client, f"?sort={sort}")
    monkeypatch.setattr(decision_log, "PAGE", 1)
    seen: list[str] = []
    address: str | None = f"{URL}?sort={sort}"
    while address:
        page = client.get(address).text
        seen += OPENED.findall(page)
        found = re.search(r'href="([^"]+)">Older', page)
        address = unescape(found[1]) if found else None
    assert seen == everything == ["dec_3", "dec_2", "dec_1"]


def test_the_sort_in_force_is_marked_and_explained(client: FlaskClient) -> None:
    page = client.get(f"{URL}?sort=margin_risk").text
    assert re.search(r'sort=margin_risk" aria-current="true">Margin risk', page)
    assert "Least simulated margin above the floor first" in page


def test_an_unknown_decision_to_go_on_after_is_named(client: FlaskClient) -> None:
    assert client.get(f"{URL}?older=dec_nobody").status_code == 404


def test_an_empty_log_says_what_will_be_here_and_one_that_is_filtered_empty_how_to_widen_it(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    assert "Approve a config to record the first one." in client.get(URL).text
    assert "No decision matches. Remove a filter, or search for another word." in client.get(f"{URL}?q=nothing").text


def logged(name: str) -> list[JsonObject | None]:
    viewing().write()
    db.session.rollback()
    return list(db.session.scalars(sa.select(ProductEvent.detail).filter_by(event_name=name)))


def test_looking_and_filtering_are_logged_as_what_they_are(client: FlaskClient) -> None:
    client.get(URL)
    assert logged("decision_log_viewed") == [{}]
    client.get(f"{URL}?q=first&since=2026-01-01")
    assert logged("decision_log_filtered") == [
        {"q": "first", "since": "2026-01-01T00:00:00Z", "sort": "newest"},
    ]
    assert len(logged("decision_log_viewed")) == 1
