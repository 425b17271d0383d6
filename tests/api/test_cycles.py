"""Cycles and the contexts they are drafted from, through the API."""

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.product_event import ProductEvent
from tests.api.conftest import Api

SANDBOX = {
    "workspace_id": "ws_1",
    "cycle_name": "Trial",
    "cycle_type": "sandbox",
    "period_length_days": 120,
    "segments": ["smb"],
}
CONTEXT = {"workspace_id": "ws_1", "pasted_text": "We sell HD minutes.", "extracted_cards": [{"title": "HD"}]}


def test_a_cycle_may_start_with_next_to_nothing(studio: Api) -> None:
    created = studio.post("/api/cycles", SANDBOX).json
    assert created["goal_type"] is None
    assert created["primary_metrics"] == []
    assert created["status"] == "draft"


def test_a_production_cycle_lasts_90_days_unless_told(studio: Api) -> None:
    cycle = {name: value for name, value in SANDBOX.items() if name != "period_length_days"}
    assert studio.post("/api/cycles", cycle | {"cycle_type": "production"}).json["period_length_days"] == 90


def test_moments_are_kept_as_the_instant_they_name(studio: Api) -> None:
    dates = {"start_date": "2026-01-01T02:00:00+02:00", "end_date": "2026-04-01T00:00:00Z"}
    created = studio.post("/api/cycles", SANDBOX | dates)
    assert created.json["start_date"] == "2026-01-01T00:00:00Z"
    assert studio.get(created.headers["Location"]).json == created.json


def test_a_cycle_is_changed_field_by_field(studio: Api) -> None:
    path = studio.post("/api/cycles", SANDBOX | {"narrative": "Try it."}).headers["Location"]
    changed = studio.patch(path, {"goal_type": "margin", "narrative": None}).json
    assert changed["goal_type"] == "margin"
    assert changed["narrative"] is None
    assert changed["cycle_name"] == "Trial"


def test_a_cycle_is_not_made_production_while_it_lasts_120_days(studio: Api) -> None:
    path = studio.post("/api/cycles", SANDBOX).headers["Location"]
    refused = studio.patch(path, {"cycle_type": "production"}, 422).json
    assert [error["pointer"] for error in refused["errors"]] == ["/period_length_days"]
    assert studio.get(path).json["cycle_type"] == "sandbox"


def test_a_cycle_that_others_refer_to_stays(studio: Api) -> None:
    assert studio.delete("/api/cycles/cycle_1", 409).json["code"] == "in_use"
    path = studio.post("/api/cycles", SANDBOX).headers["Location"]
    studio.delete(path)
    studio.get(path, 404)


def test_cycles_are_listed_by_workspace_and_status(studio: Api) -> None:
    studio.post("/api/cycles", SANDBOX | {"status": "closed"})
    assert [item["cycle_id"] for item in studio.get("/api/cycles?status=draft").json["items"]] == ["cycle_1"]
    assert len(studio.get("/api/cycles?workspace_id=ws_1").json["items"]) == 2
    assert studio.get("/api/cycles?workspace_id=ws_2").json["items"] == []


def test_a_context_is_pasted_changed_skipped_and_deleted(studio: Api) -> None:
    path = studio.post("/api/cycle-draft-contexts", CONTEXT).headers["Location"]
    changed = studio.patch(path, {"skipped": True, "cycle_id": "cycle_1"}).json
    assert changed["skipped"] is True
    assert changed["extracted_cards"] == [{"title": "HD"}]
    assert len(studio.get("/api/cycle-draft-contexts?cycle_id=cycle_1").json["items"]) == 1
    studio.delete(path)
    studio.get(path, 404)


def test_a_text_is_taken_out_of_a_context_with_the_cards_that_it_alone_gave(studio: Api, session: AnySession) -> None:
    documents = [{"name": "deck.pdf", "text": "Margins."}, {"name": "notes.txt", "text": "More."}, {"other": "shape"}]
    cards = [
        {"title": "HD"},
        {"card_id": "c1", "kind": "margin", "source": "deck.pdf", "state": "accepted"},
        {"card_id": "c2", "kind": "cost", "source": "costs.csv", "state": "accepted"},
    ]
    context = CONTEXT | {"documents": documents, "extracted_cards": cards, "pasted_text": "We sell minutes."}
    path = studio.post("/api/cycle-draft-contexts", context).headers["Location"]
    rest = studio.post(f"{path}/take-out", {"name": "deck.pdf"}, 200).json
    assert rest["documents"] == documents[1:]
    assert rest["extracted_cards"] == [cards[0], cards[2]]
    assert studio.post(f"{path}/take-out", {"name": "pasted text"}, 200).json["pasted_text"] is None
    studio.post(f"{path}/take-out", {"name": "deck.pdf"}, 404)
    logged = session.scalars(sa.select(ProductEvent).filter_by(event_name="context_text_removed")).all()
    assert {event.detail["text"] for event in logged} == {"deck.pdf", "pasted text"}
