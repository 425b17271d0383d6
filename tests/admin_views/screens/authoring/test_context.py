"""Flow 1: the context that is read, and the north star that it fills in."""

import re
from io import BytesIO
from threading import BoundedSemaphore
from typing import Any

import pytest
import sqlalchemy as sa
from docx import Document
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.models.base import db
from app.models.cycle import Cycle, CycleDraftContext
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.reader import process
from app.services.evidence.events import accept
from tests import factories
from tests.reader import hostile

TEXT = "We charge $0.60 per minute. Gross margin must stay above 68 %. Small businesses (smb) buy it. Find PMF."


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    """A browser that works in a workspace with catalogs."""
    factories.catalogs(db.session)
    factories.workspace(db.session)
    db.session.commit()
    client = sqlite_app.test_client()
    with client.session_transaction() as browser:
        browser["workspace_id"] = factories.WORKSPACE
    return client


def send(client: FlaskClient, path: str, to: str | None = None, **data: Any) -> TestResponse:
    hidden = dict(re.findall(r'name="(csrf_token|row_version)"[^>]*value="([^"]+)"', client.get(path).text))
    return client.post(to or path, data=hidden | data)


def context() -> CycleDraftContext:
    db.session.rollback()
    return db.session.scalars(sa.select(CycleDraftContext)).one()


def read(client: FlaskClient, **data: Any) -> TestResponse:
    return send(client, "/cycles/new/context", **data)


def test_pasted_text_becomes_cards_that_quote_it(operator: FlaskClient) -> None:
    assert read(operator, pasted_text=TEXT).status_code == 303
    assert {card["kind"] for card in context().extracted_cards} >= {"price", "margin", "metric", "segment", "goal"}
    page = operator.get("/cycles/new/context").text
    assert "price $0.60 per minute" in page
    assert "We charge $0.60 per minute." in page


def test_a_word_document_is_read_with_its_tables(operator: FlaskClient) -> None:
    document, file = Document(), BytesIO()
    document.add_paragraph("We charge $0.60 per minute.")
    document.add_table(1, 1).cell(0, 0).text = "A minute costs us $0.18."
    document.save(file)
    file.seek(0)
    read(operator, documents=(file, "pitch.docx"))
    found = {(card["kind"], card["value"]): card["source"] for card in context().extracted_cards}
    assert found == {("price", "0.6"): "pitch.docx", ("cost", "0.18"): "pitch.docx"}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("pitch.pdf", b"%PDF-1.4 broken", "pitch.pdf"),
        ("pitch.docx", b"no zip", "is not a Word document"),
        ("pitch.txt", b"\xff\xfe\x00w", "is not UTF-8 text"),
        ("pitch.exe", b"MZ", "is not one of .txt, .md, .pdf, .docx"),
        ("pitch.md", b"   ", "holds no text"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_pasted_text_is_kept(
    operator: FlaskClient, name: str, content: bytes, says: str
) -> None:
    answer = read(operator, pasted_text=TEXT, documents=(BytesIO(content), name))
    assert answer.status_code == 422
    assert says in answer.text
    assert "We charge $0.60" in answer.text
    assert db.session.scalars(sa.select(CycleDraftContext)).all() == []


def test_what_of_a_document_was_not_read_is_said_beside_its_cards(operator: FlaskClient) -> None:
    read(operator, documents=(BytesIO(b"We charge $0.60 per minute. " * 14_500), "long.txt"))
    assert "long.txt: only its first 400,000 characters were read." in operator.get("/cycles/new/context").text
    assert 399_990 < len(context().documents[0]["text"]) <= 400_000


def test_every_file_that_cannot_be_read_is_named_and_so_is_what_can_be_sent_again(operator: FlaskClient) -> None:
    answer = read(
        operator,
        pasted_text=TEXT,
        documents=[
            (BytesIO(hostile.word_file()), "good.docx"),
            (BytesIO(hostile.locked_pdf()), "locked.pdf"),
            (BytesIO(hostile.HOSTILE["laughs.docx"]()), "laughs.docx"),
        ],
    )
    assert answer.status_code == 422
    for text in (
        "locked.pdf is locked with a password: save it without one.",
        "laughs.docx declares entities in its XML",
        "Nothing was kept; send again what can be read: good.docx.",
        "We charge $0.60",
    ):
        assert text in answer.text
    assert db.session.scalars(sa.select(CycleDraftContext)).all() == []


def test_while_other_documents_are_read_one_is_asked_for_again_and_the_pasted_text_is_kept(
    operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_places", BoundedSemaphore(1))
    monkeypatch.setattr(process, "_WAIT_SECONDS", 0.01)
    with process._place():
        answer = read(operator, pasted_text=TEXT, documents=(BytesIO(hostile.word_file()), "good.docx"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "other documents are being read: send good.docx again in a few seconds." in answer.text
    assert "We charge $0.60" in answer.text


def test_a_pasted_text_has_a_limit_and_stays_in_the_form(operator: FlaskClient) -> None:
    answer = read(operator, pasted_text="x" * 1_000_001)
    assert answer.status_code == 422
    assert "Paste at most 1,000,000 characters." in answer.text
    assert "x" * 1_000_001 in answer.text


def test_a_context_has_room_for_so_many_characters(operator: FlaskClient) -> None:
    long = b"a" * 400_000
    for number in range(5):
        assert read(operator, documents=(BytesIO(long), f"{number}.txt")).status_code == 303
    answer = read(operator, documents=(BytesIO(b"one more"), "more.txt"))
    assert answer.status_code == 422
    assert "may have 2,000,000 characters, and these have 2,000,008" in answer.text


def test_the_name_of_a_document_has_no_direction_or_control_characters(operator: FlaskClient) -> None:
    read(operator, documents=(BytesIO(b"We charge $2."), "a\u202ecod\x07.txt"))
    assert context().documents[0]["name"] == "acod.txt"


def test_verdicts_stay_when_the_text_is_read_again(operator: FlaskClient) -> None:
    read(operator, pasted_text=TEXT)
    price = next(card for card in context().extracted_cards if card["kind"] == "price")
    send(
        operator,
        "/cycles/new/context",
        "/cycles/new/context/cards",
        card_id=price["card_id"],
        state="dismissed",
    )
    read(operator, pasted_text=TEXT + " Churn matters.")
    states = {card["kind"]: card["state"] for card in context().extracted_cards}
    assert states["price"] == "dismissed"
    assert states["margin"] == "new"


def test_skipping_leads_on_and_is_remembered(operator: FlaskClient) -> None:
    answer = send(operator, "/cycles/new/context", "/cycles/new/context/skip")
    assert answer.headers["Location"] == "/cycles/new/north-star"
    assert context().skipped


def test_accepted_cards_fill_in_the_north_star_and_stay_with_its_cycle(operator: FlaskClient) -> None:
    read(operator, pasted_text=TEXT)
    send(operator, "/cycles/new/context", "/cycles/new/context/cards", state="accepted")
    page = operator.get("/cycles/new/north-star").text
    assert re.search(r'<option selected value="pmf_learning"', page)
    assert re.search(r'checked[^>]*value="gross_margin"', page)
    answer = send(
        operator,
        "/cycles/new/north-star",
        cycle_name="First quarter",
        goal_type="pmf_learning",
        primary_metrics=["gross_margin"],
        segments=["smb"],
        length="production:90",
    )
    cycle = db.session.scalars(sa.select(Cycle)).one()
    assert answer.headers["Location"] == f"/cycles/{cycle.cycle_id}/value-units"
    assert (cycle.cycle_type, cycle.period_length_days) == ("production", 90)
    assert context().cycle_id == cycle.cycle_id


def test_bad_input_names_each_field_and_keeps_what_was_typed(operator: FlaskClient) -> None:
    answer = send(operator, "/cycles/new/north-star", narrative="Because.", length="production:120", start_date="soon")
    assert answer.status_code == 422
    for text in ("Name the cycle.", "Choose at least one segment.", "is not a moment", "Because.", "soon"):
        assert text in answer.text
    assert db.session.scalars(sa.select(Cycle)).all() == []


def test_a_cycle_that_another_operator_changed_meanwhile_is_not_overwritten(operator: FlaskClient) -> None:
    factories.cycle(db.session)
    db.session.commit()
    address = f"/cycles/new/north-star?cycle={factories.CYCLE}"
    page = operator.get(address).text
    hidden = dict(re.findall(r'name="(csrf_token|row_version)"[^>]*value="([^"]+)"', page))
    typed = hidden | {
        "cycle_name": "Mine",
        "segments": "smb",
        "length": "production:90",
        "primary_metrics": "gross_margin",
    }
    assert operator.post(address, data=typed | {"cycle_name": "Theirs"}).status_code == 303
    answer = operator.post(address, data=typed)
    assert answer.status_code == 412
    assert "another operator" in answer.text
    assert 'value="Mine"' in answer.text
    assert re.search(r"cycle name</th><td>Theirs</td><td>Mine</td>", answer.text)
    db.session.rollback()
    assert db.session.get_one(Cycle, factories.CYCLE).cycle_name == "Theirs"


# Lessons from the active configs


@pytest.fixture
def live(operator: FlaskClient) -> FlaskClient:
    """Twelve customers graduated under cfg_1, which is active."""
    with write(db.session):
        factories.cycle(db.session)
        factories.snapshot(db.session)
        factories.active(db.session)
        graduated = [
            {
                "workspace_id": "ws_1",
                "customer_id": f"cust_{number}",
                "config_version_id": "cfg_1",
                "occurred_at": factories.NOW,
                "event_type": "exploration_graduated",
            }
            for number in range(12)
        ]
        accept(db.session, graduated, actor=factories.OPERATOR, now=factories.NOW)
    return operator


def card_id(page: str) -> str:
    found = re.search(r'name="card_id" value="(card_[0-9a-f]+)"', page)
    assert found
    return found[1]


def judge(client: FlaskClient, **data: str) -> TestResponse:
    return send(client, "/cycles/new/context", "/cycles/new/context/cards", **data)


def test_what_came_back_is_suggested_and_nothing_is_stored_until_it_is_judged(live: FlaskClient) -> None:
    page = live.get("/cycles/new/context").text
    assert "Lessons from the active configs: 1 card<" in page
    assert "12 customers graduated from exploration under smb · learning · production v1" in page
    assert db.session.scalars(sa.select(CycleDraftContext)).all() == []


@pytest.mark.parametrize("state", ["accepted", "dismissed"])
def test_a_suggestion_that_is_judged_is_a_card_of_the_context_like_any_other(live: FlaskClient, state: str) -> None:
    judge(live, card_id=card_id(live.get("/cycles/new/context").text), state=state)
    (card,) = context().extracted_cards
    assert set(card) == {"card_id", "kind", "value", "label", "sentence", "source", "state"}
    assert (card["kind"], card["value"], card["source"], card["state"]) == (
        "evidence",
        "exploration_graduated",
        "cfg_1",
        state,
    )
    page = live.get("/cycles/new/context").text
    assert page.count("graduated from exploration") == 2  # its label, and that of the one button that is left
    assert "Continue to the north star" in page


def test_reading_a_text_afterwards_keeps_what_was_judged(live: FlaskClient) -> None:
    judge(live, card_id=card_id(live.get("/cycles/new/context").text), state="accepted")
    read(live, pasted_text=TEXT)
    states = {card["kind"]: card["state"] for card in context().extracted_cards}
    assert (states["evidence"], states["price"]) == ("accepted", "new")


def test_accepting_all_that_a_text_says_judges_no_suggestion(live: FlaskClient) -> None:
    read(live, pasted_text=TEXT)
    judge(live, state="accepted")
    assert "evidence" not in {card["kind"] for card in context().extracted_cards}


def test_a_card_that_nobody_suggested_changes_nothing(operator: FlaskClient) -> None:
    judge(operator, card_id="card_0", state="accepted")
    assert db.session.scalars(sa.select(CycleDraftContext)).all() == []


def test_without_a_workspace_the_operator_is_led_to_making_one(sqlite_app: Flask) -> None:
    for path in ("/cycles/new/context", "/cycles/new/north-star"):
        assert sqlite_app.test_client().get(path).headers["Location"] == "/setup/workspace"


def test_a_document_is_taken_out_after_a_question_with_the_cards_that_it_alone_gave(operator: FlaskClient) -> None:
    files = [
        (BytesIO(b"We charge $0.60 per minute."), "pitch.txt"),
        (BytesIO(b"A minute costs us $0.18."), "costs.txt"),
    ]
    read(operator, documents=files, pasted_text="Gross margin must stay above 68 %.")
    assert {card["source"] for card in context().extracted_cards} == {"pitch.txt", "costs.txt", "pasted text"}
    page = operator.get("/cycles/new/context?remove=costs.txt").text
    assert "Take out costs.txt?" in page
    assert "1 card go" in page
    gone = send(operator, "/cycles/new/context?remove=costs.txt", "/cycles/new/context/remove", name="costs.txt")
    assert gone.status_code == 303
    assert [document["name"] for document in context().documents] == ["pitch.txt"]
    assert {card["source"] for card in context().extracted_cards} == {"pitch.txt", "pasted text"}
    send(operator, "/cycles/new/context", "/cycles/new/context/remove", name="pasted text")
    assert context().pasted_text is None
    send(operator, "/cycles/new/context", "/cycles/new/context/remove", name="costs.txt")
    assert "costs.txt" in operator.get("/cycles/new/context").text
    logged = db.session.scalars(sa.select(ProductEvent).filter_by(event_name="context_text_removed")).all()
    assert {event.detail["text"] for event in logged} == {"costs.txt", "pasted text"}
