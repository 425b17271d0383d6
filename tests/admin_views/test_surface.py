"""No door of a read-only grid writes, whatever is sent to it; nothing is served to who may not use the API."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from admin_views.base import POLICY
from admin_views.grids.spec import GridSpec
from admin_views.grids.specs import GRIDS
from app.models.base import AnySession, Model, db
from tests.admin_views.conftest import HiddenInputs
from tests.present import present

READ_ONLY = [spec for spec in GRIDS if spec.editing is None]
UNLISTED = {"idempotency_keys", "installations"}


def everything(session: AnySession) -> dict[str, list[Any]]:
    """Every row of every table, to see that nothing changed."""
    session.rollback()
    tables = Model.metadata.sorted_tables
    return {
        table.name: sorted(map(repr, session.execute(sa.select(table))))
        for table in tables
        if table.name not in UNLISTED
    }


def write_rules(client: FlaskClient, endpoint: str) -> list[Rule]:
    rules = client.application.url_map.iter_rules()
    return [rule for rule in rules if rule.endpoint.split(".")[0] == endpoint and "POST" in (rule.methods or ())]


def first_id(session: AnySession, spec: GridSpec) -> str:
    row = present(session.execute(sa.select(*(spec.table.c[name] for name in spec.key))).first())
    return ",".join(map(str, row))


def test_every_canonical_table_and_catalog_has_a_grid() -> None:
    assert {spec.table.name for spec in GRIDS} == {table.name for table in Model.metadata.sorted_tables} - UNLISTED


@pytest.mark.parametrize("token", [True, False], ids=["with a token", "without a token"])
def test_no_write_route_of_a_read_only_grid_writes(grids: FlaskClient, hidden: HiddenInputs, token: bool) -> None:
    session = db.session
    sent = hidden(grids, "/admin/value-units/new/") if token else {}
    before = everything(session)
    for spec in READ_ONLY:
        rules = write_rules(grids, spec.endpoint)
        assert rules, f"{spec.name} has lost the stock write routes that this test watches"
        identifier = first_id(session, spec)
        for rule in rules:
            answer = grids.post(
                rule.rule,
                query_string={"id": identifier},
                data=sent
                | {"id": identifier, "rowid": identifier, "action": "delete", "list_form_pk": identifier}
                | dict.fromkeys(spec.columns, "changed"),
            )
            assert answer.status_code in (403, 404, 405), f"POST {rule.rule}: {answer.status}"
    assert everything(session) == before


def test_drafts_have_no_inline_edits_and_no_bulk_actions(grids: FlaskClient, hidden: HiddenInputs) -> None:
    sent = hidden(grids, "/admin/value-units/new/")
    before = everything(db.session)
    for spec in GRIDS:
        for route in ("ajax/update/", "action/"):
            answer = grids.post(
                f"/admin/{spec.slug}/{route}",
                data=sent | {"list_form_pk": first_id(db.session, spec), "action": "delete", "rowid": "vu_hd"},
            )
            assert answer.status_code == 405
    assert everything(db.session) == before


def test_a_write_without_a_token_is_refused_and_changes_nothing(grids: FlaskClient) -> None:
    before = everything(db.session)
    for path in ("workspaces/new/", "value-units/edit/?id=vu_hd", "value-units/delete/?id=vu_hd"):
        answer = grids.post(f"/admin/{path}", data={"name": "changed", "workspace_name": "new", "id": "vu_hd"})
        assert answer.status_code == 403
        assert "expired" in answer.text
    assert everything(db.session) == before


def test_every_admin_route_wants_the_api_token_when_one_is_set(sqlite_grids: FlaskClient) -> None:
    app = sqlite_grids.application
    app.config["API_TOKEN"] = "secret"
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/admin") and "GET" in (rule.methods or ()) and not rule.arguments:
            assert sqlite_grids.get(rule.rule).status_code == 401, rule.rule
    answer = sqlite_grids.get("/admin/cycles/")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert "January" not in answer.text
    assert sqlite_grids.get("/admin/cycles/", auth=("operator", "secret")).status_code == 200


@pytest.mark.own_database  # it takes the application's guard away
def test_a_grid_stays_closed_when_the_apps_own_guard_is_missing(sqlite_grids: FlaskClient) -> None:
    app = sqlite_grids.application
    app.config["API_TOKEN"] = "secret"
    app.before_request_funcs.clear()
    assert sqlite_grids.get("/admin/cycles/").status_code == 401


def test_pages_allow_no_inline_code_and_load_nothing_from_elsewhere(sqlite_grids: FlaskClient) -> None:
    for path in ("", "cycles/", "cycles/details/?id=cycle_1", "cycles/edit/?id=cycle_1", "cycles/delete/?id=cycle_1"):
        answer = sqlite_grids.get(f"/admin/{path}")
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert "unsafe-inline" not in POLICY
        for forbidden in ("http://", "https://", "onclick=", "javascript:", "style=", "<style"):
            assert forbidden not in answer.text, f"{forbidden} in /admin/{path}"


def test_every_asset_that_a_page_names_is_served(sqlite_grids: FlaskClient) -> None:
    page = sqlite_grids.get("/admin/cycles/").text
    paths = [part.split('"')[0] for mark in ('src="', 'href="') for part in page.split(mark)[1:]]
    for path in {path for path in paths if path.endswith((".css", ".js", ".svg"))}:
        with sqlite_grids.get(path) as answer:
            assert answer.status_code == 200, path
