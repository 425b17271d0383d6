"""What fits and what does not: every reject names its row, its field and its reason."""

from decimal import Decimal
from typing import Any

import pytest

from app.services.usage.fields import Policy, Reject
from app.services.usage.formats import Rows
from app.services.usage.validate import Batch, validate
from simulation.canonical import Json
from tests.services.usage.conftest import CATALOG, POLICY, event


def judge(*events: Json, policy: Policy = POLICY) -> Batch:
    return validate(Rows.counted(events), policy)


def only_reject(*events: Json, policy: Policy = POLICY) -> Reject:
    (reject,) = judge(*events, policy=policy).rejects
    return reject


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"event_id": None}, "event_id", "missing"),
        ({"event_id": ""}, "event_id", "missing"),
        ({"event_id": 7}, "event_id", "must be a string"),
        ({"event_id": "x" * 201}, "event_id", "longer than 200"),
        ({"event_id": "a\nb"}, "event_id", "control"),
        ({"event_id": "\ud800"}, "event_id", "surrogate"),
        ({"ts": None}, "ts", "missing"),
        ({"ts": "yesterday"}, "ts", "RFC 3339"),
        ({"ts": 7}, "ts", "counts seconds from an unknown moment"),
        ({"ts": True}, "ts", "must be a string"),
        ({"ts": "03/04/2026"}, "ts", "day or month"),
        ({"event_type": None}, "event_type", "missing"),
        ({"event_type": "unheard_of"}, "event_type", "not in the catalog"),
        ({"customer_id": None}, "customer_id", "missing"),
        ({"customer_id": "a\x7f"}, "customer_id", "control"),
        ({"segment": None}, "segment", "missing"),
        ({"workspace_id": "ws_2"}, "workspace_id", "'ws_2' is not the workspace of this request, 'ws_1'"),
        ({"colour": "red"}, "colour", "'colour' is not a dimension of event type 'video_render_completed'"),
        ({"context_tokens": 5}, "context_tokens", "'context_tokens' is not a dimension"),
        ({"output_minutes": {"value": 5}}, "output_minutes", "nested"),
        ({"output_minutes": [5]}, "output_minutes", "nested"),
        ({"output_minutes": float("nan")}, "output_minutes", "finite"),
        ({"output_minutes": Decimal("Infinity")}, "output_minutes", "finite"),
        ({"resolution": "x" * 1001}, "resolution", "longer than 1000"),
        ({"resolution": "a\0b"}, "resolution", "NUL"),
        ({"resolution": "\udfff"}, "resolution", "surrogate"),
    ],
)
def test_an_event_that_does_not_fit_is_named_and_the_others_pass(
    change: dict[str, Any], field: str, reason: str
) -> None:
    batch = judge(event("first"), event("bad") | change, event("last", output_minutes=1.5))
    (reject,) = batch.rejects
    assert (reject.row, reject.field) == (2, field)
    assert reason in reject.reason
    assert batch.events["ws_1"]["event_id"].to_pylist() == ["first", "last"]
    assert batch.events["ws_1"]["d_output_minutes"].to_pylist() == [None, "1.5"]


@pytest.mark.parametrize("value", [None, 1, "text", ["list"]])
def test_what_is_no_object_is_no_event(value: Json) -> None:
    assert only_reject(event("a"), value) == Reject(2, "", "not a JSON object")


def test_a_reject_keeps_its_event_id_and_rejects_come_in_row_order() -> None:
    batch = judge(event("a", ts="x"), [], event("c", segment=7), event("d", event_type="x"))
    assert [(reject.row, reject.event_id) for reject in batch.rejects] == [(1, "a"), (2, None), (3, "c"), (4, "d")]


def test_null_dimensions_are_absent_and_empty_batches_are_fine() -> None:
    assert "d_resolution" not in judge(event("a", resolution=None)).events["ws_1"].schema.names
    assert judge(event("a", unheard_of=None)).rejects == []
    assert judge() == Batch({}, [], {})


def test_values_become_text() -> None:
    events = [event("a", resolution=True), event("b", resolution="HD"), event("c", resolution=Decimal("0.0000025"))]
    assert judge(*events).events["ws_1"]["d_resolution"].to_pylist() == ["true", "HD", "0.0000025"]


def test_a_customers_segment_stands_in_for_a_missing_one_only() -> None:
    policy = Policy("ws_1", CATALOG, segments={"cust_2001": "enterprise"})
    batch = judge(event("a", segment=None), event("b"), event("c", segment=None, customer_id="new"), policy=policy)
    assert batch.events["ws_1"]["segment"].to_pylist() == ["enterprise", "ai_video_smb"]
    assert [(reject.row, reject.field) for reject in batch.rejects] == [(3, "segment")]


def test_events_may_name_their_workspaces_when_the_caller_names_none() -> None:
    policy = Policy(None, CATALOG, workspaces=frozenset({"ws_1", "ws_2"}))
    events = [
        event("a", workspace_id="ws_2"),
        event("b", workspace_id="ws_1"),
        event("c", workspace_id="ws_3"),
        event("d"),
    ]
    batch = judge(*events, policy=policy)
    assert {key: events["event_id"].to_pylist() for key, events in batch.events.items()} == {
        "ws_1": ["b"],
        "ws_2": ["a"],
    }
    assert [reject.reason for reject in batch.rejects] == [
        "workspace_id 'ws_3' does not exist",
        "workspace_id is missing",
    ]


def test_a_workspace_id_that_no_folder_can_have_is_rejected() -> None:
    assert "folder" in only_reject(event("a", workspace_id="é" * 150), policy=Policy(None, CATALOG)).reason


def test_extending_the_catalog_reports_only_what_accepted_events_use() -> None:
    policy = Policy("ws_1", CATALOG, extend_catalog=True)
    batch = judge(
        event("a", event_type="search", query="x"),
        event("b", event_type="search", pages=3, ts="bad"),
        event("c", colour="red"),
        event("d", event_type="lost", ts="bad"),
        policy=policy,
    )
    assert batch.new_event_types == {
        "search": frozenset({"query"}),
        "video_render_completed": frozenset({"colour"}),
    }


def test_new_dimensions_need_names_that_columns_can_have() -> None:
    policy = Policy("ws_1", CATALOG, extend_catalog=True)
    assert "cannot name a dimension" in only_reject(event("a", **{"a b": 1}), policy=policy).reason
    assert "only in case" in only_reject(event("a", Resolution="HD"), policy=policy).reason
    assert "only in case" in only_reject(event("a", Segment="HD"), policy=policy).reason


def test_a_batch_cannot_invent_dimensions_without_end() -> None:
    policy = Policy("ws_1", CATALOG, extend_catalog=True)
    assert "more than 500" in only_reject(event("a", **{f"d{n}": n for n in range(501)}), policy=policy).reason


def test_a_catalog_whose_dimensions_differ_only_in_case_is_refused() -> None:
    with pytest.raises(ValueError, match="differ only in case"):
        Policy("ws_1", {"a": frozenset({"Region"}), "b": frozenset({"region"})})
