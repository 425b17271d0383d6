"""Flow 5A: rolling back to an archived version, from its own page and from the active one's."""

import pytest
from flask.testing import FlaskClient

from app.models.base import db
from app.models.transactions import write
from tests import factories as f
from tests.admin_views.screens.decisions.approve_pages import TYPED, URL, WHY, status
from tests.admin_views.screens.decisions.decide_pages import form_of, sent, text_of

BACK = "/configs/cfg_1/approve"


@pytest.fixture
def replaced(client: FlaskClient) -> FlaskClient:
    with write(db.session):
        f.approve(db.session, "cfg_2", later=5)
    return client


def test_an_archived_version_says_what_rolling_back_changes_and_does_it(replaced: FlaskClient) -> None:
    text = text_of(replaced.get(BACK).text)
    assert "Core pool: included 500 → 300 per customer and 30 days" in text
    assert "smb · learning · production v1 becomes active now; smb · learning · production v2 is archived." in text
    answer = sent(replaced, BACK, "roll-back", f"{BACK}/rollback", **TYPED, confirmed="y")
    assert answer.status_code == 303
    assert (status("cfg_1"), status("cfg_2")) == ("active", "archived")
    assert "smb · learning · production v1 is active again." in text_of(replaced.get(BACK).text)


def test_a_rollback_wants_its_confirmation(replaced: FlaskClient) -> None:
    answer = sent(replaced, BACK, "roll-back", f"{BACK}/rollback", **TYPED)
    assert answer.status_code == 422
    assert "Confirm what will change." in text_of(answer.text)
    assert form_of(answer.text, "roll-back")["rationale"] == WHY
    assert status("cfg_2") == "active"


def test_a_rollback_refuses_when_another_version_is_active_than_was_shown(replaced: FlaskClient) -> None:
    shown = form_of(replaced.get(BACK).text, "roll-back")
    with write(db.session):
        f.active(db.session, "cfg_3", later=9)
    answer = replaced.post(f"{BACK}/rollback", data=shown | TYPED | {"confirmed": "y"})
    assert answer.status_code == 409
    had_shown = "this page had shown smb · learning · production v2."
    assert f"smb · learning · production v3 is active for this subject now; {had_shown}" in text_of(answer.text)
    assert form_of(answer.text, "roll-back")["baseline_config_version_id"] == "cfg_3"
    assert status("cfg_1") == "archived"


def test_a_rollback_of_what_is_active_by_now_says_so(replaced: FlaskClient) -> None:
    shown = form_of(replaced.get(BACK).text, "roll-back")
    first = replaced.post(f"{BACK}/rollback", data=shown | TYPED | {"confirmed": "y"})
    second = replaced.post(f"{BACK}/rollback", data=shown | TYPED | {"confirmed": "y"})
    assert (first.status_code, second.status_code) == (303, 409)
    assert status("cfg_1") == "active"


def test_an_active_version_offers_to_roll_back_and_the_timeline_leads_there(replaced: FlaskClient) -> None:
    page = replaced.get(URL).text
    assert "Roll back to v1…" in text_of(page)
    assert 'href="/configs/cfg_1/approve#rollback"' in page
    assert "curl &#39;http://localhost/api/runtime/config?workspace_id=ws_1" in page
