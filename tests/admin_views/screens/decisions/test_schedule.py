"""Flow 5A: approving for later; what is scheduled is withdrawn, moved, held back and approved anew."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from app import clock
from app.models.base import db
from app.models.transactions import write
from tests import factories as f
from tests.admin_views.screens.decisions.approve_pages import TYPED, URL, WHY, status
from tests.admin_views.screens.decisions.decide_pages import form_of, sent, text_of


def ahead(days: int = 3) -> str:
    return (clock.now() + timedelta(days=days)).strftime("%Y-%m-%d %H:%M UTC")


@pytest.fixture
def scheduled(client: FlaskClient) -> FlaskClient:
    """cfg_2 is approved for in three days; cfg_3 is another candidate."""
    sent(client, URL, "decide", **TYPED, when="later", effective_at=ahead())
    with write(db.session):
        f.simulated(db.session, "cfg_3")
    return client


@pytest.mark.parametrize(
    ("when", "effective_at", "says"),
    [
        ("later", "", "Type or pick the moment, or choose Now."),
        ("later", "2025-01-01 00:00", "This moment has passed: choose Now, or a later one."),
        ("now", "2199-01-01 00:00", "You chose Now: choose a later moment, or leave this empty."),
    ],
)
def test_what_was_chosen_and_what_was_typed_must_agree(
    client: FlaskClient, when: str, effective_at: str, says: str
) -> None:
    answer = sent(client, URL, "decide", **TYPED, when=when, effective_at=effective_at)
    assert answer.status_code == 422
    assert says in text_of(answer.text)
    assert status("cfg_2") == "simulated"


def test_the_page_of_another_candidate_names_what_is_scheduled_and_what_becomes_of_it(scheduled: FlaskClient) -> None:
    text = text_of(scheduled.get("/configs/cfg_3/approve").text)
    assert "Version 2 of this subject is scheduled for" in text
    assert "smb · learning · production v2 was approved to replace smb · learning · production v1 at" in text
    assert "smb · learning · production v3 replaces it, and the recorded diff compares with it." in text


def test_the_page_of_a_scheduled_version_names_the_one_that_is_active_now(scheduled: FlaskClient) -> None:
    sent(scheduled, "/configs/cfg_3/approve", "decide", **TYPED)
    text = text_of(scheduled.get(URL).text)
    assert "until then smb · learning · production v3 stays active." in text
    assert "Approved to replace smb · learning · production v1" in text
    assert " Replaced " not in text
    assert "This config was approved to replace a version that is not active at its moment; another one is." in text


def test_a_scheduled_version_is_withdrawn_and_is_a_draft_again(scheduled: FlaskClient) -> None:
    answer = sent(
        scheduled,
        URL,
        "withdraw-form",
        f"{URL}/withdraw",
        **{f"withdraw-{name}": value for name, value in TYPED.items()},
        **{"withdraw-confirmed": "y"},
    )
    assert answer.status_code == 303
    assert status("cfg_2") == "simulated"
    text = text_of(scheduled.get(URL).text)
    assert "smb · learning · production v2 is withdrawn: it is a draft again." in text
    log = text_of(scheduled.get("/decision-log").text)
    assert "↶ withdrawn" in log
    assert f"by Theresa, CEO: {WHY}" in log


def test_a_withdrawal_wants_its_confirmation_and_keeps_what_was_typed(scheduled: FlaskClient) -> None:
    typed = {f"withdraw-{name}": value for name, value in TYPED.items()}
    answer = sent(scheduled, URL, "withdraw-form", f"{URL}/withdraw", **typed)
    assert answer.status_code == 422
    assert "Confirm what will change." in text_of(answer.text)
    assert form_of(answer.text, "withdraw-form")["withdraw-rationale"] == WHY
    assert status("cfg_2") == "approved"


def test_a_scheduled_version_is_moved(scheduled: FlaskClient) -> None:
    typed = {f"move-{name}": value for name, value in TYPED.items()}
    when = {"move-when": "later", "move-effective_at": ahead(9)}
    answer = sent(scheduled, URL, "move-form", f"{URL}/move", **typed, **when)
    assert answer.status_code == 303
    assert f"It becomes active at {ahead(9)}" in text_of(scheduled.get(URL).text)


def test_a_move_refuses_when_another_version_is_active_than_was_shown(scheduled: FlaskClient) -> None:
    shown = form_of(scheduled.get(URL).text, "move-form")
    sent(scheduled, "/configs/cfg_3/approve", "decide", **TYPED)
    typed = {f"move-{name}": value for name, value in TYPED.items()}
    answer = scheduled.post(f"{URL}/move", data=shown | typed | {"move-when": "later", "move-effective_at": ahead(9)})
    assert answer.status_code == 409
    had_shown = "this page had shown smb · learning · production v1."
    assert f"smb · learning · production v3 is active for this subject now; {had_shown}" in text_of(answer.text)


@pytest.fixture
def held_back(client: FlaskClient) -> FlaskClient:
    """cfg_2 was scheduled, and held back because cfg_3 had become active."""
    with write(db.session):
        f.approve(db.session, "cfg_2", later=5, effective_at=f.NOW + timedelta(days=1))
        f.active(db.session, "cfg_3", later=9)
    return client


def test_a_held_back_version_says_why_and_can_be_approved_anew(held_back: FlaskClient) -> None:
    text = text_of(held_back.get(URL).text)
    assert "! held back" in text
    assert "a gate held it back. It waits for your decision; smb · learning · production v3 is active." in text
    assert "! held back" in text_of(held_back.get("/configs").text)
    assert "waits for your decision" in text_of(held_back.get("/").text)
    anew = f"{URL}?anew=1"
    assert sent(held_back, anew, "decide", **TYPED).status_code == 303
    assert (status("cfg_2"), status("cfg_3")) == ("active", "archived")
