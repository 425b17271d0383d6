"""JSON documents of any shape and length, read a value at a time."""

import io
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.usage import json_stream
from app.services.usage.fields import UnreadableInput
from app.services.usage.formats import Malformed
from app.services.usage.wrappers import records
from simulation.canonical import Json, parse_exact


def read(text: str | bytes) -> list[Json]:
    return list(json_stream.values(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


def test_an_array_an_object_that_wraps_one_and_values_one_after_another_give_the_same_records() -> None:
    expected = [{"n": 1}, {"n": 2}]
    for text in (
        '[{"n": 1}, {"n": 2}]', '{"data": [{"n": 1}, {"n": 2}], "has_more": false}', '{"n": 1}\n{"n": 2}',
        '{\n  "mine": [\n    {"n": 1},\n    {"n": 2}\n  ]\n}', ' [ {"n":1} ]\n[{"n":2}]\n',
    ):  # fmt: skip
        assert read(text) == expected


def test_an_event_is_never_taken_apart() -> None:
    event = {"event_type": "order", "items": [{"sku": 1}, {"sku": 2}]}
    assert records(event) == [event]
    assert records({"specversion": "1.0", "data": [{"a": 1}]}) == [{"specversion": "1.0", "data": [{"a": 1}]}]
    assert records({"a": 1, "lines": [{"sku": 1}]}) == [{"a": 1, "lines": [{"sku": 1}]}]


def test_results_know_the_time_of_their_bucket() -> None:
    page = {"object": "page", "data": [{"start_time": 5, "results": [{"n": 1}, {"n": 2}]}, {"results": []}]}
    assert records(page) == [{"start_time": 5, "n": 1}, {"start_time": 5, "n": 2}]


def test_numbers_keep_every_digit() -> None:
    (record,) = read('[{"n": 0.1234567890123456789012345}]')
    assert str(record["n"]) == "0.1234567890123456789012345"


def test_a_value_with_a_number_that_json_does_not_have_spoils_only_itself() -> None:
    first, second, third = read('[{"n": NaN}, {"n": 1e999999999999999999999}, {"n": 3}]')
    assert isinstance(first, Malformed)
    assert isinstance(second, Malformed)
    assert third == {"n": 3}


@pytest.mark.parametrize("text", ["[", '[{"a": 1}', '[{"a": 1} {"b"', '{"a": ', "[1 2]", "[" * 100_000, '[{"a": }]'])
def test_what_is_no_json_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(UnreadableInput, match="is no JSON"):
        read(text)


def test_a_document_larger_than_memory_should_hold_is_read_member_by_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_VALUE", 100)
    monkeypatch.setattr(json_stream, "_PIECE", 16)
    rows = [{"n": n, "text": "x" * 20} for n in range(50)]
    assert read(json.dumps({"object": "list", "data": rows, "next": None})) == rows
    with pytest.raises(UnreadableInput, match="has a value of more than 100 characters"):
        read(json.dumps([{"text": "x" * 500}]))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False).map(float),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.lists(json_values, max_size=8), st.integers(1, 40))
def test_an_array_is_read_like_a_whole_whatever_the_pieces(values: list[Any], piece: int) -> None:
    text = json.dumps(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_PIECE", piece)
        assert read(text) == [record for value in parse_exact(text) for record in records(value)]


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:0123456789eENa tru\\', max_size=60).map(str.encode))
def test_any_bytes_give_records_or_a_clean_refusal(content: bytes) -> None:
    with suppress(UnreadableInput):
        read(content)
