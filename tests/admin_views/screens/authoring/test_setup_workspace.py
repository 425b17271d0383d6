"""Flow 0A: naming a workspace, choosing a role, and opening one that is there."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.models.workspace import Workspace
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import form_of, sent, text_of

URL = "/setup/workspace"
TYPED = {"workspace_name": "Pioneer Studio", "operator_role": "founder", "operator_name": "Theresa"}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    with write(db.session):
        f.workspace(db.session)
    return sqlite_app.test_client()


def named(client: FlaskClient) -> Workspace:
    db.session.rollback()
    with client.session_transaction() as browser:
        return db.session.get_one(Workspace, browser["workspace_id"])


def test_a_workspace_is_created_and_worked_in(client: FlaskClient) -> None:
    answer = sent(client, URL, "workspace", **TYPED)
    assert (answer.status_code, answer.location) == (303, "/setup/data-mode")
    assert (named(client).workspace_name, named(client).operator_role) == ("Pioneer Studio", "founder")


def test_its_creation_is_logged_with_who_did_it(client: FlaskClient) -> None:
    sent(client, URL, "workspace", **TYPED)
    about = {"event_name": "workspace_created", "entity_id": named(client).workspace_id}
    assert db.session.query(ProductEvent).filter_by(**about).one().actor == "Theresa"


def test_without_name_or_role_nothing_is_created_and_what_was_typed_stays(client: FlaskClient) -> None:
    answer = sent(client, URL, "workspace", workspace_name="", operator_name="Theresa")
    assert answer.status_code == 422
    assert "Name the workspace." in answer.text
    assert "Choose your role." in answer.text
    assert form_of(answer.text, "workspace")["operator_name"] == "Theresa"
    assert db.session.query(Workspace).count() == 1


def test_a_form_of_another_session_creates_nothing(client: FlaskClient) -> None:
    answer = client.post(URL, data=TYPED | {"csrf_token": "of somebody else"})
    assert answer.status_code == 422
    assert "This form had expired." in answer.text
    assert db.session.query(Workspace).count() == 1


def test_an_existing_workspace_is_edited_in_place(client: FlaskClient) -> None:
    client.get("/?workspace=ws_1")
    assert form_of(client.get(f"{URL}?edit").text, "workspace")["workspace_name"] == "Lumina"
    sent(client, f"{URL}?edit", "workspace", workspace_name="Lumina Films")
    assert named(client).workspace_id == "ws_1"
    assert named(client).workspace_name == "Lumina Films"


def test_a_new_workspace_leaves_the_cycle_and_context_of_the_one_before(client: FlaskClient) -> None:
    with client.session_transaction() as browser:
        browser.update(workspace_id="ws_1", cycle_id="cycle_1", context_id="ctx_1")
    sent(client, URL, "workspace", **TYPED)
    with client.session_transaction() as browser:
        assert "cycle_id" not in browser
        assert "context_id" not in browser


def test_one_that_is_there_can_be_opened_instead(client: FlaskClient) -> None:
    page = client.get(URL).text
    assert 'href="/?workspace=ws_1"' in page
    assert "Lumina" in text_of(page)
