"""Usage events through the API: three formats, each event once, rejects with row and reason (spec 4.1 and 6)."""

import gzip
import json

import pytest
import sqlalchemy as sa

from app.models.base import db
from app.models.product_event import ProductEvent
from simulation.canonical import JsonObject
from tests.api.conftest import Api

PATH = "/api/usage-events"
IMPORTS = "/api/usage-imports"
EVENT = {
    "event_id": "e_1",
    "ts": "2026-01-10T00:00:00Z",
    "event_type": "video_render_completed",
    "workspace_id": "ws_1",
    "customer_id": "cust_1",
    "segment": "smb",
    "resolution": "HD",
    "output_minutes": 6,
}


def sent(api: Api, body: str | bytes, media_type: str, status: int = 202) -> JsonObject:
    """The answer to a body as text, checked against the published document."""
    response = api.answer("POST", PATH, data=body, content_type=media_type)
    assert response.status_code == status, response.text
    counted: JsonObject = response.json
    return counted


def counts(answer: JsonObject) -> tuple[int, int, int]:
    return answer["accepted"], answer["duplicates"], answer["rejected"]


def test_a_json_array_is_taken(studio: Api) -> None:
    assert counts(studio.post(PATH, [EVENT, EVENT | {"event_id": "e_2"}], 202).json) == (2, 0, 0)


def test_one_event_is_taken(studio: Api) -> None:
    assert counts(studio.post(PATH, EVENT, 202).json) == (1, 0, 0)


def test_the_same_event_id_counts_once_within_a_batch_and_across_batches(studio: Api) -> None:
    assert counts(studio.post(PATH, [EVENT, EVENT], 202).json) == (1, 1, 0)
    assert counts(studio.post(PATH, [EVENT], 202).json) == (0, 1, 0)


def test_ndjson_is_taken_line_by_line(studio: Api) -> None:
    lines = [json.dumps(EVENT), "", "{broken", json.dumps(EVENT | {"event_id": "e_2"})]
    answer = sent(studio, "\n".join(lines), "application/x-ndjson")
    assert counts(answer) == (2, 0, 1)
    assert answer["rejects"][0]["row"] == 3


def test_a_cloudevents_batch_is_taken(studio: Api) -> None:
    cloud_event = {
        "specversion": "1.0",
        "id": "e_1",
        "source": "/renderer",
        "type": "video_render_completed",
        "time": "2026-01-10T00:00:00Z",
        "subject": "cust_1",
        "data": {"workspace_id": "ws_1", "segment": "smb", "resolution": "HD", "output_minutes": 6},
    }
    other = cloud_event | {"id": "e_2", "specversion": "0.3"}
    answer = sent(studio, json.dumps([cloud_event, other]), "application/cloudevents-batch+json")
    assert counts(answer) == (1, 0, 1)
    assert answer["rejects"][0]["field"] == "specversion"
    assert counts(studio.post(PATH, [EVENT | {"event_id": "/renderer␟e_1"}], 202).json) == (0, 1, 0)
    assert counts(studio.post(PATH, [EVENT], 202).json) == (1, 0, 0)


def test_cloudevents_of_two_producers_with_one_id_are_two_events(studio: Api) -> None:
    batch = [
        {"specversion": "1.0", "id": "1", "source": source, "type": "video_render_completed", "subject": "cust_1"}
        | {"time": "2026-01-10T00:00:00Z", "data": {"workspace_id": "ws_1", "segment": "smb"}}
        for source in ("/eu", "/us")
    ]
    for expected in ((2, 0, 0), (0, 2, 0)):
        assert counts(sent(studio, json.dumps(batch), "application/cloudevents-batch+json")) == expected


def test_the_same_id_with_other_content_is_reported_as_a_conflict_and_not_stored(studio: Api) -> None:
    studio.post(PATH, [EVENT], 202)
    answer = studio.post(PATH, [EVENT, EVENT | {"output_minutes": 7}], 202).json
    assert (answer["accepted"], answer["duplicates"], answer["conflicts"]) == (0, 1, 1)
    assert answer["conflicting"] == [{"row": 2, "event_id": "e_1"}]
    assert answer["usage_import_id"] is None


def test_an_event_is_corrected_by_sending_it_again(studio: Api) -> None:
    studio.post(PATH, [EVENT], 202)
    corrected = EVENT | {"output_minutes": 7}
    answer = studio.post(f"{PATH}?on_conflict=replace", [corrected, EVENT | {"event_id": "e_2"}], 202).json
    assert (answer["accepted"], answer["replaced"], answer["conflicts"]) == (2, 1, 0)
    assert counts(studio.post(PATH, [corrected], 202).json) == (0, 1, 0)
    logged = db.session.scalars(sa.select(ProductEvent).filter_by(event_name="usage_replaced")).all()
    assert [event.detail["replaced"] for event in logged] == [1]
    assert studio.post(f"{PATH}?on_conflict=guess", [EVENT], 400).json["errors"]


def test_events_are_withdrawn_by_their_ids_and_may_be_sent_again(studio: Api) -> None:
    studio.post(PATH, [EVENT, EVENT | {"event_id": "e_2"}], 202)
    body = {"workspace_id": "ws_1", "event_ids": ["e_2", "nobody"]}
    assert studio.post(f"{PATH}/withdraw", body, 200).json == {"withdrawn": 1, "not_stored": ["nobody"]}
    assert counts(studio.post(PATH, [EVENT, EVENT | {"event_id": "e_2"}], 202).json) == (1, 1, 0)
    studio.post(f"{PATH}/withdraw", body | {"workspace_id": "ws_none"}, 404)
    studio.post(f"{PATH}/withdraw", body | {"event_ids": []}, 422)


def test_every_batch_is_listed_and_can_be_undone(studio: Api) -> None:
    first = studio.post(PATH, [EVENT], 202).json["usage_import_id"]
    second = studio.post(PATH, [EVENT | {"event_id": "e_2"}, EVENT | {"event_id": "e_3"}], 202).json["usage_import_id"]
    listed = studio.get(f"{IMPORTS}?workspace_id=ws_1&limit=1").json
    assert [(row["usage_import_id"], row["source"], row["rows_stored"]) for row in listed["items"]] == [
        (second, "HTTP", 2)
    ]
    rest = studio.get(f"{IMPORTS}?workspace_id=ws_1&limit=1&cursor={listed['next_cursor']}").json
    assert [row["usage_import_id"] for row in rest["items"]] == [first]
    assert rest["next_cursor"] is None

    (part,) = studio.post(f"{IMPORTS}/{second}/undo", {}, 200).json["parts"]
    assert (part["state"], part["rows_stored"], part["rows_accepted"]) == ("undone", 0, 2)
    assert studio.get(f"{IMPORTS}/{second}").json["parts"] == [part]
    assert studio.post(f"{IMPORTS}/{second}/undo", {}, 200).json["parts"] == [part]
    assert counts(studio.post(PATH, [EVENT, EVENT | {"event_id": "e_2"}], 202).json) == (1, 1, 0)
    logged = db.session.scalars(sa.select(ProductEvent).filter_by(event_name="usage_import_undone")).all()
    assert [(event.entity_id, event.detail["withdrawn"]) for event in logged] == [(second, 2)]
    studio.post(f"{IMPORTS}/imp_none/undo", {}, 404)


def test_an_event_of_the_far_future_is_rejected(studio: Api) -> None:
    (reject,) = studio.post(PATH, [EVENT | {"ts": "2099-01-01T00:00:00Z"}], 202).json["rejects"]
    assert (reject["field"], "lies in the future" in reject["reason"]) == ("ts", True)


@pytest.mark.parametrize("customer_id", ["auth0|64fe1b2c", "Acme Inc", "Café", "a/b?c#d", "  "])
def test_usage_of_any_customer_is_taken(studio: Api, customer_id: str) -> None:
    assert counts(studio.post(PATH, [EVENT | {"customer_id": customer_id}], 202).json) == (1, 0, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ts": "yesterday"}, "ts"),
        ({"event_type": "never_heard_of"}, "event_type"),
        ({"workspace_id": "ws_none"}, "workspace_id"),
        ({"colour": "red"}, "colour"),
        ({"customer_id": None}, "customer_id"),
        ({"output_minutes": {"nested": 1}}, "output_minutes"),
    ],
)
def test_an_event_that_does_not_fit_is_rejected_with_its_row_and_field(
    studio: Api, change: JsonObject, field: str
) -> None:
    answer = studio.post(PATH, [EVENT, EVENT | {"event_id": "e_2"} | change], 202).json
    assert counts(answer) == (1, 0, 1)
    (reject,) = answer["rejects"]
    assert (reject["row"], reject["event_id"], reject["field"]) == (2, "e_2", field)
    assert reject["reason"]


def test_what_is_no_json_at_all_is_refused_whole(studio: Api) -> None:
    assert sent(studio, "[{", "application/json", 400)["code"] == "malformed_json"
    assert sent(studio, "[1, NaN]", "application/json", 400)["code"] == "malformed_json"
    assert sent(studio, "a,b", "text/plain", 415)["code"] == "unsupported_media_type"


CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "ce_1",
    "source": "my-app",
    "type": "video_render_completed",
    "time": "2026-01-05T13:37:00Z",
    "subject": "cust_1",
    "data": {"output_minutes": "12", "resolution": "HD"},
}


@pytest.mark.parametrize("media_type", ["application/cloudevents+json", "application/json"])
def test_a_cloudevent_that_names_no_workspace_goes_into_the_one_of_the_address(studio: Api, media_type: str) -> None:
    unknown = json.dumps(CLOUD_EVENT | {"subject": "nobody"})
    answer = studio.answer("POST", f"{PATH}?workspace_id=ws_1", data=unknown, content_type=media_type)
    assert answer.status_code == 422
    assert "segment is missing" in answer.json["detail"]
    known = json.dumps(CLOUD_EVENT)
    answer = studio.answer("POST", f"{PATH}?workspace_id=ws_1", data=known, content_type=media_type)
    assert (answer.status_code, counts(answer.json)) == (202, (1, 0, 0))


def test_an_event_that_names_another_workspace_than_the_address_is_rejected(studio: Api) -> None:
    answer = studio.answer(
        "POST", f"{PATH}?workspace_id=ws_1", json=[EVENT, EVENT | {"event_id": "2", "workspace_id": "x"}]
    )
    assert counts(answer.json) == (1, 0, 1)
    assert answer.json["rejects"][0]["field"] == "workspace_id"


def test_events_that_are_rejected_for_a_value_are_in_the_receipt(studio: Api) -> None:
    assert counts(studio.post(PATH, [EVENT | {"nodim": 3}], 202).json) == (0, 0, 1)
    assert counts(studio.post(PATH, [EVENT | {"ts": "2199-01-01T00:00:00Z"}], 202).json) == (0, 0, 1)


def test_a_body_in_which_nothing_is_an_event_is_refused_with_its_receipt(studio: Api) -> None:
    foreign = [{"identifier": "x", "event_name": "y", "payload": {"value": 1}}]
    answer = studio.post(PATH, foreign, 422).json
    assert (answer["code"], counts(answer)) == ("usage_events_rejected", (0, 0, 1))
    assert answer["rejects"][0]["reason"].startswith("event_type and ts are missing")
    assert counts(studio.post(PATH, [], 202).json) == (0, 0, 0)


def test_every_json_and_csv_is_told_by_what_it_holds(studio: Api) -> None:
    wrapped, lines = json.dumps({"data": [EVENT]}), "\n".join(json.dumps(EVENT | {"event_id": n}) for n in "ab")
    assert counts(sent(studio, wrapped, "application/json")) == (1, 0, 0)
    assert counts(sent(studio, lines, "application/json")) == (2, 0, 0)
    assert counts(sent(studio, gzip.compress(lines.encode()), "application/gzip")) == (0, 2, 0)
    assert counts(sent(studio, lines.encode("utf-16"), "application/x-ndjson")) == (0, 2, 0)
    table = ",".join(EVENT) + "\n" + ",".join(map(str, (EVENT | {"event_id": "c"}).values()))
    assert counts(sent(studio, table, "text/csv")) == (1, 0, 0)
    assert counts(sent(studio, table.replace(",", "\t"), "text/tab-separated-values")) == (0, 1, 0)


def test_nested_values_that_no_event_type_has_are_left_out_and_said(studio: Api) -> None:
    answer = studio.post(PATH, [EVENT | {"metadata": {"k": "v"}, "tags": ["x"]}], 202).json
    assert (counts(answer), answer["left_out"]) == ((1, 0, 0), {"metadata": 1, "tags": 1})


def test_a_known_format_is_read_by_its_preset(studio: Api) -> None:
    stripe = {
        "identifier": "s_1",
        "timestamp": 1767600000,
        "event_name": "video_render_completed",
        "payload": {"stripe_customer_id": "cust_1", "output_minutes": 3},
    }
    answer = studio.answer("POST", f"{PATH}?workspace_id=ws_1&preset=stripe", json=[stripe])
    assert (answer.status_code, counts(answer.json)) == (202, (1, 0, 0))
    refusal = studio.answer("POST", f"{PATH}?preset=excel", json=[stripe])
    assert refusal.status_code == 422
    assert "'excel' is no preset: name one of litellm" in refusal.json["detail"]


def test_a_batch_that_is_too_long_is_refused_whole(studio: Api) -> None:
    body = json.dumps([EVENT | {"event_id": f"e_{number}"} for number in range(10_001)])
    assert sent(studio, body, "application/json", 422)["code"] == "too_many_events"
    assert counts(studio.post(PATH, [EVENT], 202).json) == (1, 0, 0)


def test_values_that_count_as_nothing_are_said_in_the_receipt(studio: Api) -> None:
    values = ["3,5", "n/a", 0.1 + 0.2, 10**20]
    events = [EVENT | {"event_id": f"e_{n}", "output_minutes": value} for n, value in enumerate(values)]
    answer = sent(studio, json.dumps(events), "application/json")
    assert counts(answer) == (4, 0, 0)
    assert [(w["code"], w["event_type"], w["field"], w["count"], w["examples"]) for w in answer["warnings"]] == [
        ("decimal_comma", "video_render_completed", "output_minutes", 1, ["3,5"]),
        ("number_out_of_range", "video_render_completed", "output_minutes", 1, ["100000000000000000000"]),
        ("value_not_a_number", "video_render_completed", "output_minutes", 1, ["n/a"]),
    ]
    assert all("Usable HD minute adds 0" in warning["message"] for warning in answer["warnings"])
    undo = f"POST /api/usage-imports/{answer['usage_import_id']}/undo"
    assert all(undo in warning["message"] for warning in answer["warnings"])


def test_a_unit_that_begins_to_sum_a_field_is_known_to_the_very_next_batch(studio: Api) -> None:
    texts = [EVENT | {"event_id": f"e_{n}", "resolution": text} for n, text in enumerate(["HD", "4K", "8K"])]
    assert studio.post(PATH, texts, 202).json["warnings"] == []
    mapping = {"event_type": "video_render_completed", "aggregation": {"type": "sum", "field": "resolution"}}
    studio.patch("/api/value-units/vu_hd_minute", {"event_mapping": mapping})
    answer = studio.post(PATH, texts, 202).json
    assert {warning["field"] for warning in answer["warnings"]} == {"resolution"}
