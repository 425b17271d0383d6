"""Bodies → events: formats, exact numbers, broken input."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.usage.fields import UnreadableInput, UnsupportedFormat
from app.services.usage.formats import Malformed, has_long_numbers, load, parse_body
from app.services.usage.numbers import value_text
from simulation.canonical import Json, number_text, parse_exact

CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "e1",
    "type": "llm_request",
    "source": "/app",
    "time": "2026-01-02T10:00:00Z",
    "subject": "acme",
    "data": {"context_tokens": 5, "segment": "smb", "workspace_id": "ws_1"},
}


def test_an_array_a_single_object_and_lines_give_the_same_events() -> None:
    assert list(parse_body(b'[{"a": 1}]', "application/json").values) == [{"a": 1}]
    assert list(parse_body(b'{"a": 1}', "application/json; charset=utf-8").values) == [{"a": 1}]
    assert list(parse_body(b'{"a": 1}\r\n', "application/x-ndjson").values) == [{"a": 1}]


def test_a_byte_order_mark_is_skipped() -> None:
    assert list(parse_body(b'\xef\xbb\xbf[{"a": 1}]', "application/json").values) == [{"a": 1}]


def test_a_bad_line_spoils_only_itself_and_blank_lines_are_counted() -> None:
    rows = parse_body(b'{"a": 1}\n\n{"a": \n{"a": NaN}\n{"a": 2}', "application/x-ndjson")
    assert list(rows.numbers) == [1, 3, 4, 5]
    assert [type(value) for value in rows.values] == [dict, Malformed, Malformed, dict]


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b'[{"a": 1}', b'[{"a": NaN}]', b'[{"a": Infinity}]', b'{"a": "\xff"}', b'[{"a": 1e}]', b"[" * 5000],
)
def test_a_body_that_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(UnreadableInput, match="not JSON"):
        parse_body(body, "application/json")


def test_an_unknown_content_type_is_refused_naming_those_that_are_read() -> None:
    with pytest.raises(UnsupportedFormat, match=r"text/plain.*application/x-ndjson"):
        parse_body(b"", "text/plain")


@pytest.mark.parametrize(("body", "content_type"), [(CLOUD_EVENT, "cloudevents"), ([CLOUD_EVENT], "cloudevents-batch")])
def test_cloud_events_become_flat_events(body: Json, content_type: str) -> None:
    rows = parse_body(orjson.dumps(body), f"application/{content_type}+json")
    assert list(rows.values) == [
        {
            "event_id": "/app␟e1",
            "ts": "2026-01-02T10:00:00Z",
            "event_type": "llm_request",
            "customer_id": "acme",
            "segment": "smb",
            "workspace_id": "ws_1",
            "context_tokens": 5,
        }
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"data_base64": "AAAA"}, "data_base64"),
        ({"data": [1]}, "data"),
        ({"data": {"customer_id": "other"}}, "customer_id"),
    ],
)
def test_a_cloud_event_that_cannot_be_mapped_names_the_attribute(change: dict[str, Any], field: str) -> None:
    (value,) = parse_body(orjson.dumps([CLOUD_EVENT | change]), "application/cloudevents-batch+json").values
    assert isinstance(value, Malformed)
    assert value.field == field


def test_a_cloud_events_batch_must_be_an_array() -> None:
    with pytest.raises(UnreadableInput, match="array"):
        parse_body(orjson.dumps(CLOUD_EVENT), "application/cloudevents-batch+json")


@pytest.mark.parametrize(
    "number",
    [
        "0.12345678901234567890",
        "12345678901234567890123",
        "1e-400",
        "1E+400",
        "123456789.1234567",
        "0.00000000000000000015",
    ],
)
def test_numbers_that_a_double_would_change_keep_every_digit(number: str) -> None:
    loaded = load(f'{{"id": "x", "n": {number}}}'.encode())["n"]
    assert value_text(loaded) == number_text(Decimal(number))


def test_digits_in_strings_do_not_cost_the_slow_parse() -> None:
    assert not has_long_numbers(b'{"event_id": "12345678901234567890", "uuid": "3e123456-1e99-4e12-8e00-0e1230e12345"}')


def test_an_absurd_exponent_is_malformed_and_not_an_internal_error() -> None:
    with pytest.raises(UnreadableInput):
        parse_body(b'[{"n": 1e-99999999999999999999}]', "application/json")


json_numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@settings(deadline=None)
@given(st.lists(st.one_of(json_numbers, st.text(max_size=5).map(lambda text: orjson.dumps(text).decode()))))
def test_every_number_has_the_text_of_its_exact_value(values: list[str]) -> None:
    document = f"[{', '.join(values)}]".encode()
    assert [value_text(value) for value in load(document)] == [value_text(value) for value in parse_exact(document)]
