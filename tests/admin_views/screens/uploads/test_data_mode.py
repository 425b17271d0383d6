"""Flow 0B: choosing a data mode; files from preview over import to what was read and rejected."""

import io
import re
import time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import usage_events
from app.models.base import db
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services.catalogs.kinds import CUSTOMERS, EVENTS, SEGMENTS
from app.services.uploads import imports
from app.services.uploads.costs import suggested_costs
from app.services.uploads.store import Uploads
from app.services.usage.fields import Policy
from app.services.usage.formats import Rows
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import form_of, text_of
from tests.admin_views.screens.uploads.upload_pages import URL, chosen, imported, previewed, staged, stored
from tests.answers import json_of

UNKNOWN_SEGMENT = "segment 'starter' is not in the catalog: correct it, or add it to the segments"
SAID = "ts is not an RFC 3339 time between 1970 and 2199, such as 2026-01-15T00:00:00Z"


@pytest.fixture
def client(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(imports, "AT_ONCE_SECONDS", 60)
    with write(db.session):
        f.catalogs(db.session)
        f.workspace(db.session)
        f.workspace(db.session, "ws_2")
    client = sqlite_app.test_client()
    client.get("/?workspace=ws_1")
    return client


# The mode


@pytest.mark.parametrize("mode", ["mocked", "csv_upload", "connectors_stub"])
def test_the_chosen_mode_is_kept_and_logged(client: FlaskClient, mode: str) -> None:
    data = form_of(client.get(URL).text, "mode") | {"data_mode": mode}
    answer = client.post(URL, data=data)
    assert (answer.status_code, answer.location) == (303, "/cycles/new/context")
    db.session.rollback()
    assert db.session.get_one(Workspace, "ws_1").data_mode == mode
    assert db.session.query(ProductEvent).filter_by(event_name="data_mode_selected", entity_id="ws_1").count() == 1


def test_a_mode_that_does_not_exist_is_refused(client: FlaskClient) -> None:
    answer = client.post(URL, data=form_of(client.get(URL).text, "mode") | {"data_mode": "telepathy"})
    assert answer.status_code == 422
    assert db.session.get_one(Workspace, "ws_1").data_mode == "mocked"


def test_without_a_workspace_there_is_nothing_to_choose_for(sqlite_app: Flask) -> None:
    assert sqlite_app.test_client().get(URL).location == "/setup/workspace"


def test_sending_a_file_chooses_csv_upload(client: FlaskClient) -> None:
    previewed(client)
    db.session.rollback()
    assert db.session.get_one(Workspace, "ws_1").data_mode == "csv_upload"


# The preview


def test_columns_are_guessed_by_names_and_values(client: FlaskClient) -> None:
    form = form_of(client.get(previewed(client)).text, "columns")
    assert [form[f"column_{place}"] for place in range(6)] == [
        "ts",
        "event_type",
        "customer_id",
        "segment",
        "output_minutes",
        "resolution",
    ]


def test_the_first_rows_are_shown_and_tried_out(client: FlaskClient) -> None:
    text = text_of(client.get(previewed(client)).text)
    assert "2026-01-02T09:15:00Z 2026-01-03T09:15:00Z yesterday" in text
    assert "Of the first 4 rows, 2 would be read and 2 rejected." in text
    assert f"3 ts {SAID}" in text
    assert "4 customer_id customer_id is missing" in text


def test_nothing_is_stored_before_the_import(client: FlaskClient) -> None:
    address = previewed(client)
    chosen(client, address, "check")
    assert stored().events == 0


def test_checking_again_tries_the_columns_that_were_chosen(client: FlaskClient) -> None:
    answer = chosen(client, previewed(client), "check", extend_catalog="")
    assert "Of the first 4 rows, 0 would be read and 4 rejected." in text_of(answer.text)
    assert UNKNOWN_SEGMENT in text_of(answer.text)
    assert "event_type &#39;storyboard_created&#39; is not in the catalog" in answer.text


EUROPEAN = "ts;event_type;customer_id;segment;output_minutes\n" + (
    "2026-01-02T09:15:00Z;video_render_completed;acct_1;smb;{}\n"
)


@pytest.mark.parametrize("typed", ["3,5", "1,234"])
def test_a_file_whose_numbers_can_mean_two_things_is_imported_once_the_decimal_sign_is_said(
    client: FlaskClient, typed: str
) -> None:
    address = previewed(client, content=EUROPEAN.format(typed).encode())
    page = client.get(address).text
    assert "Say how numbers are written in this file" in page
    assert "a output_minutes that is no number" in text_of(page)
    assert chosen(client, address, "import", decimal="").status_code == 200
    assert stored().events == 0
    assert chosen(client, address, "import", decimal=",").status_code == 303
    assert "Not counted" not in client.get(address).text
    assert stored().events == 1


def test_values_that_stay_texts_are_named_in_the_report_and_beside_the_import(client: FlaskClient) -> None:
    address = previewed(client, content=EUROPEAN.format("3,5").encode())
    assert chosen(client, address, "import", decimal="texts").status_code == 303
    db.session.rollback()
    assert "such as &#39;3,5&#39;" in client.get(address).text
    assert "such as &#39;3,5&#39;" in client.get("/usage").text


def test_a_cost_that_can_mean_two_amounts_is_read_by_the_sign_that_was_said(client: FlaskClient) -> None:
    address = previewed(client, content=b"name;cost\nvu_x;1,234\nvu_y;0,180\n", name="costs.csv", kind="costs")
    assert "&#39;1,234&#39; can mean 1234 or 1.234" in client.get(address).text
    assert chosen(client, address, "import", decimal=",").status_code == 303
    db.session.rollback()
    assert suggested_costs(db.session, "ws_1") == {"vu_x": Decimal("1.234"), "vu_y": Decimal("0.18")}


def test_two_columns_cannot_be_the_same_field(client: FlaskClient) -> None:
    answer = chosen(client, previewed(client), "import", column_5="ts")
    assert answer.status_code == 422
    assert "&#39;Timestamp&#39; is read as Time already: choose one." in answer.text
    assert 'id="column_5-error"' in answer.text
    assert stored().events == 0


def test_a_field_that_no_column_says_is_asked_for_at_its_place(client: FlaskClient) -> None:
    answer = chosen(client, previewed(client), "import", column_2="")
    assert answer.status_code == 422
    assert 'href="#customer_id"' in answer.text
    assert "Say which column is Customer, or set it for every row." in text_of(answer.text)


def test_a_field_can_be_set_for_every_row(client: FlaskClient) -> None:
    address = previewed(client)
    chosen(client, address, "import", column_2="", customer_id="acct_9")
    assert "Accepted 3" in text_of(client.get(address).text)
    assert stored().customers == 1


def test_a_column_can_be_left_out(client: FlaskClient) -> None:
    chosen(client, previewed(client), "import", column_4="")
    assert usage_events().store.snapshot("ws_1").dimensions == {"resolution"}


def test_an_import_that_would_read_nothing_is_held_back_with_the_reason(client: FlaskClient) -> None:
    page = client.get(previewed(client, content=b"ts,event_type,customer_id,segment\nnever,x,y,z\n")).text
    assert "None of the first rows fits" in page
    assert 'value="import" disabled' in page


def test_a_file_can_be_discarded(client: FlaskClient, sqlite_app: Flask) -> None:
    address = previewed(client)
    answer = client.post(address, data=form_of(client.get(address).text, "discard") | {"do": "discard"})
    assert answer.location == URL
    assert staged(sqlite_app) == []
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("do", ["discard", "import", "check"])
def test_without_this_pages_token_a_file_is_neither_imported_nor_discarded(
    client: FlaskClient, sqlite_app: Flask, do: str
) -> None:
    address = previewed(client)
    answer = client.post(address, data={"csrf_token": "of somebody else", "do": do})
    assert answer.status_code == 422
    assert "This form had expired." in answer.text
    assert len(staged(sqlite_app)) == 1
    assert stored().events == 0


def test_a_preview_that_had_expired_can_be_sent_again_as_it_says(client: FlaskClient) -> None:
    address = previewed(client)
    answer = chosen(client, address, "import", csrf_token="of yesterday")
    assert "This form had expired. What you typed is still here: send it again." in answer.text
    button = re.search(r'<button[^>]*value="import"[^>]*>', answer.text)
    assert button
    assert "disabled" not in button[0]
    again = form_of(answer.text, "columns") | {"do": "import"}
    assert client.post(address, data=again).location == address


# The import


def test_what_was_read_and_rejected_is_said_row_by_row(client: FlaskClient) -> None:
    text = text_of(imported(client).text)
    assert "Rows in the file 4 Accepted 2 Already known 0 Rejected 2" in text
    assert f"3 ts {SAID}" in text
    assert stored().events == 2


def test_rejected_rows_are_downloaded_as_csv(client: FlaskClient) -> None:
    page = imported(client).text
    href = page.partition('href="/usage/rejects/')[2].partition('"')[0]
    answer = client.get(f"/usage/rejects/{href}")
    assert answer.mimetype == "text/csv"
    assert answer.text.splitlines()[:2] == ["row,event_id,field,reason", f'3,,ts,"{SAID}"']


def test_a_download_cannot_run_as_a_formula(client: FlaskClient) -> None:
    rows = b"event_id,ts,event_type,customer_id,segment\n=1+1,never,video_render_completed,a,smb\n"
    rows += b"e2,2026-01-02T09:15:00Z,video_render_completed,a,smb\n"
    page = imported(client, content=rows).text
    href = page.partition('href="/usage/rejects/')[2].partition('"')[0]
    assert "1,'=1+1,ts" in client.get(f"/usage/rejects/{href}").text


def test_rejects_of_another_workspace_are_not_there(client: FlaskClient) -> None:
    page = imported(client).text
    href = page.partition('href="/usage/rejects/')[2].partition('"')[0]
    client.get("/?workspace=ws_2")
    assert client.get(f"/usage/rejects/{href}").status_code == 404


def test_what_is_new_becomes_pickable(client: FlaskClient) -> None:
    text = text_of(imported(client).text)
    assert "event type storyboard_created, segment pro, segment starter, 2 customers" in text
    assert f.entry(db.session, EVENTS, "storyboard_created", "ws_1") is not None
    assert f.entry(db.session, SEGMENTS, "starter", "ws_1") is not None
    assert f.entry(db.session, CUSTOMERS, "acct_2", "ws_1").segment == "pro"


def test_without_leave_to_extend_it_the_catalog_stays_as_it_is(client: FlaskClient) -> None:
    address = previewed(client)
    form = form_of(client.get(address).text, "columns")
    del form["extend_catalog"]
    client.post(address, data=form | {"do": "import"})
    page = text_of(client.get(address).text)
    assert "Accepted 0 Already known 0 Rejected 4" in page
    assert UNKNOWN_SEGMENT in page
    assert f.entry(db.session, SEGMENTS, "starter", "ws_1") is None


def test_the_same_file_again_counts_nothing_twice(client: FlaskClient) -> None:
    imported(client)
    assert "Accepted 0 Already known 2 Rejected 2" in text_of(imported(client).text)
    assert stored().events == 2


def test_a_wrong_import_is_undone_after_a_question_that_names_what_will_go(client: FlaskClient) -> None:
    page = imported(client).text
    address = page.partition('href="/usage/imports/')[2].partition('"')[0]
    address = f"/usage/imports/{address}"
    assert address in client.get("/usage").text
    asked = client.get(address).text
    assert "Take out usage.csv, received" in text_of(asked)
    assert "2 events of workspace ws_1 will no longer count." in text_of(asked)
    assert stored().events == 2
    answer = client.post(address, data=form_of(asked, address))
    assert (answer.status_code, answer.location) == (303, "/usage")
    text = text_of(client.get("/usage").text)
    assert "usage.csv was undone: 2 events no longer count." in text
    assert "undone" in text
    assert stored().events == 0
    assert "there is nothing to undo" in text_of(client.get(address).text)
    assert "Accepted 2" in text_of(imported(client).text)


def test_an_import_is_not_undone_without_this_pages_token(client: FlaskClient) -> None:
    page = imported(client).text
    address = "/usage/imports/" + page.partition('href="/usage/imports/')[2].partition('"')[0]
    assert client.post(address, data={"csrf_token": "of somebody else"}).status_code == 403
    assert stored().events == 2
    assert client.get("/usage/imports/imp_none/undo").status_code == 404


def test_events_of_the_future_and_events_without_an_import_are_said_on_the_usage_screen(client: FlaskClient) -> None:
    event = {"event_id": "e", "ts": "2099-01-01T00:00:00Z", "event_type": "x", "customer_id": "c", "segment": "s"}
    usage_events().store.ingest(Rows.counted([event]), Policy("ws_1", {"x": frozenset()}))
    text = text_of(client.get("/usage").text)
    assert "1 event lies in the future." in text
    assert "1 event came with no import that is known: it can be withdrawn by id" in text


def test_the_preview_says_already_that_a_time_lies_in_the_future(client: FlaskClient) -> None:
    rows = b"event_id,ts,event_type,customer_id,segment\ne1,2099-01-02T09:15:00Z,video_render_completed,a,smb\n"
    assert "ts lies in the future" in text_of(client.get(previewed(client, content=rows)).text)


def test_how_rows_without_an_id_are_told_apart_is_said_in_the_report(client: FlaskClient) -> None:
    assert "2 rows had no event_id: they are told apart by the content" in text_of(imported(client).text)


def test_an_import_that_is_sent_twice_runs_once(client: FlaskClient) -> None:
    address = previewed(client)
    chosen(client, address, "import")
    again = client.post(address, data={"do": "import"})
    assert "Accepted 2" in text_of(again.text)
    db.session.rollback()
    assert db.session.scalar(sa.text("SELECT count(*) FROM usage_imports")) == 1


def test_the_file_is_gone_once_it_is_imported(client: FlaskClient, sqlite_app: Flask) -> None:
    imported(client)
    assert list((sqlite_app.config["DATA_DIR"] / "uploads").rglob("usage.csv")) == []


def test_json_lines_and_parquet_are_read_like_csv(client: FlaskClient) -> None:
    line = b'{"ts":"2026-01-02T09:15:00Z","event_type":"video_render_completed","customer_id":"c","segment":"smb"}\n'
    assert "Accepted 1" in text_of(imported(client, content=line, name="usage.json").text)
    table = io.BytesIO()
    columns = {"ts": ["2026-02-02T09:15:00Z"], "event_type": ["x"], "customer_id": ["c"], "segment": ["smb"]}
    pq.write_table(pa.table(columns), table)
    assert "Accepted 1" in text_of(imported(client, content=table.getvalue(), name="usage").text)
    assert stored().events == 2


def test_a_long_import_shows_its_progress_until_it_is_over(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE_SECONDS", 0)
    address = previewed(client)
    chosen(client, address, "import")
    until = time.monotonic() + 30
    while (state := json_of(client.get(f"{address}/progress"))["state"]) == "running" and time.monotonic() < until:
        time.sleep(0.02)
    assert state == "done"
    assert "Accepted 2" in text_of(client.get(address).text)


def test_an_import_whose_server_stopped_can_be_started_again(client: FlaskClient, sqlite_app: Flask) -> None:
    address = previewed(client)
    upload = Uploads(sqlite_app.config["DATA_DIR"] / "uploads").find("ws_1", address.rpartition("/")[2])
    upload.write_progress({"state": "running", "done": 1, "total": 4})
    assert "The server stopped while it imported this file." in client.get(address).text
    chosen(client, address, "import")
    assert "Accepted 2" in text_of(client.get(address).text)


def test_while_it_is_imported_the_page_says_how_far_it_has_come(client: FlaskClient, sqlite_app: Flask) -> None:
    address = previewed(client)
    upload = Uploads(sqlite_app.config["DATA_DIR"] / "uploads").find("ws_1", address.rpartition("/")[2])
    with upload.importing() as mine:
        assert mine
        upload.write_progress({"state": "running", "done": 1, "total": 4})
        page = client.get(address).text
    assert "1 of about 4 rows checked" in text_of(page)
    assert '<progress max="4" value="1"' in page


# Catalog and costs


def test_an_event_catalog_is_added_to(client: FlaskClient) -> None:
    rows = b'event_type,description,dimensions\nvoice_generated,A voice,"voice_id, seconds"\n,nothing,\n'
    text = text_of(imported(client, content=rows, name="event_catalog.csv", kind="catalog").text)
    assert "Rows in the file 2 Accepted 1 Rejected 1" in text
    entry = f.entry(db.session, EVENTS, "voice_generated", "ws_1")
    assert (entry.description, entry.dimensions) == ("A voice", ["voice_id", "seconds"])


def test_costs_become_suggestions_for_value_units(client: FlaskClient) -> None:
    rows = b"event;unit cost\nvideo_render_completed;$0.18\nvu_token;0.00000015\nx;free\n"
    text = text_of(imported(client, content=rows, name="costs.csv", kind="costs").text)
    assert "Rows in the file 3 Accepted 2 Rejected 1" in text
    db.session.rollback()
    assert suggested_costs(db.session, "ws_1") == {
        "video_render_completed": Decimal("0.18"),
        "vu_token": Decimal("0.00000015"),
    }
    assert "vu_token $0.00000015" in text_of(client.get(URL).text)


@pytest.mark.parametrize(
    ("kind", "content", "summary"),
    [
        ("metrics", b"id,name,kind\nnps,Promoters,north_star\nltv,Value,wish\n", "metric nps"),
        ("quality_signals", b"signal,label,source\nthumbs,Thumbs,in_app\nnone,None,\n", "quality signal thumbs"),
        ("segments", b"segment_id,label\npro,Pro\n,nothing\n", "segment pro"),
        ("customers", b"customer_id,name,segment\nacme,Acme,smb\nb,B,smbb\n", "customer acme"),
    ],
)
def test_each_catalog_is_added_to_by_a_file_that_is_previewed_first(
    client: FlaskClient, kind: str, content: bytes, summary: str
) -> None:
    address = previewed(client, content=content, name=f"{kind}.csv", kind=kind)
    assert "Of the first 2 rows, 1 would be read and 1 rejected." in text_of(client.get(address).text)
    text = text_of(imported(client, content=content, name=f"{kind}.csv", kind=kind).text)
    assert "Rows in the file 2 Accepted 1 Rejected 1" in text
    assert f"Added to this workspace's catalog {summary}" in text
    assert db.session.get_one(Workspace, "ws_1").data_mode == "mocked"  # words say nothing of where usage comes from


def test_a_customer_of_an_unknown_segment_is_told_how_to_come_in(client: FlaskClient) -> None:
    text = text_of(imported(client, content=b"customer_id,segment\nb,smbb\n", name="c.csv", kind="customers").text)
    assert "segment 'smbb' is not in the catalog: correct it, or add it to the segments" in text
