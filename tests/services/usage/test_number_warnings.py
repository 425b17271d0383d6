"""Values that count as nothing are said at the door, with their number, examples and the fix."""

from pathlib import Path

import pytest

from app.services.usage.fields import Policy, Summed, UsageWarning
from app.services.usage.formats import Rows
from app.services.usage.importer import import_file
from app.services.usage.mapping import ColumnPlan
from app.services.usage.notation import DecimalSign
from app.services.usage.number_warnings import merged, warnings_of
from app.services.usage.parquet import with_numbers
from app.services.usage.store import EventStore
from app.services.usage.validate import validate
from simulation.canonical import Json
from tests.services.usage.conftest import POLICY, event, stored

MINUTES = ("video_render_completed", "output_minutes")
SUMMED: Summed = {MINUTES: ("Usable HD minute",)}
HEADER = "event_id;ts;event_type;customer_id;segment;output_minutes"


def warned(summed: Summed, *values: Json, field: str = "output_minutes") -> list[UsageWarning]:
    """The warnings about a batch of events with these values."""
    rows = Rows.counted([event(f"e{number}", **{field: value}) for number, value in enumerate(values)])
    (events,) = validate(rows, POLICY).events.values()
    return warnings_of(with_numbers(events), summed)


def file_of(folder: Path, *values: str, header: str = HEADER) -> Path:
    path = folder / "eu.csv"
    rows = [f"e{n};2026-01-05T00:00:00Z;video_render_completed;c;s;{value}" for n, value in enumerate(values)]
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return path


def test_every_value_of_a_summed_field_that_is_no_number_is_named_by_its_kind() -> None:
    warnings = warned(SUMMED, 1, "n/a", "3,5", "n/a", "many", "12 ms", "none", None, "1e20")
    assert [(warning.code, warning.count, warning.examples) for warning in warnings] == [
        ("decimal_comma", 1, ("3,5",)),
        ("number_out_of_range", 1, ("1e20",)),
        ("number_with_unit", 1, ("12 ms",)),
        ("value_not_a_number", 4, ("n/a", "many", "none")),
    ]


def test_a_warning_names_the_events_the_unit_the_values_and_the_fix() -> None:
    (warning,) = warned(SUMMED, "3,5", "2,25")
    assert warning.message == (
        "video_render_completed: 2 events have a output_minutes that is no number, such as '3,5', '2,25'; Usable HD "
        "minute adds 0 for each. Write 3.5 for 3,5, or say which sign is the decimal one when you import the file "
        "(--decimal)."
    )


@pytest.mark.parametrize("values", [(1, 2, "n/a"), ("3,5", "2,5"), ("1,234", "1,500", "x")])
def test_a_field_that_no_unit_sums_is_looked_at_where_most_values_are_meant_as_numbers(
    values: tuple[Json, ...],
) -> None:
    assert warned({}, *values)


@pytest.mark.parametrize("values", [("HD", "4K", "4K"), ("HD", 1, "n/a", "x"), (1, 2), ("2160p", "1080p"), (None,)])
def test_texts_that_are_meant_as_texts_are_no_warning(values: tuple[Json, ...]) -> None:
    assert warned({}, *values, field="resolution") == []


def test_the_same_field_of_another_event_type_is_another_field() -> None:
    assert warned({("llm_request", "output_minutes"): ("Token",)}, "x", "y") == []


def test_the_warnings_of_batches_add_up() -> None:
    first, second = warned(SUMMED, "3,5", "n/a"), warned(SUMMED, "2,5", "3,5")
    assert [(warning.code, warning.count, warning.examples) for warning in merged([*first, *second])] == [
        ("decimal_comma", 3, ("3,5", "2,5")),
        ("value_not_a_number", 1, ("n/a",)),
    ]


def test_a_file_with_decimal_commas_is_named_and_read_once_its_sign_is_said(store: EventStore, tmp_path: Path) -> None:
    path = file_of(tmp_path, "3,5", "1.234,5", "7")
    report = import_file(store, path, POLICY, summed=SUMMED)
    assert [(warning.code, warning.count) for warning in report.warnings] == [("decimal_comma", 2)]
    other = Policy("ws_2", POLICY.catalog)
    read = import_file(store, path, other, ColumnPlan(decimal=DecimalSign.COMMA), summed=SUMMED)
    assert (read.accepted, read.warnings) == (3, [])
    assert [str(row["n_output_minutes"].normalize()) for row in stored(store, "ws_2")] == ["3.5", "1234.5", "7"]


def test_a_number_with_another_sign_than_was_said_is_rejected(store: EventStore, tmp_path: Path) -> None:
    path = file_of(tmp_path, "3,5", "3.5")
    report = import_file(store, path, POLICY, ColumnPlan(decimal=DecimalSign.COMMA))
    assert dict(report.reasons) == {
        "output_minutes: output_minutes is '3.5', but this file's decimal sign is ',': write the number with it": 1
    }


def test_the_sign_holds_for_texts_of_json_lines_and_never_for_numbers(store: EventStore, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    start = '{"event_id": "%s", "ts": "2026-01-05T00:00:00Z", "event_type": "video_render_completed", '
    start += '"customer_id": "c", "segment": "s", "output_minutes": %s}'
    path.write_text("\n".join([start % ("a", '"1.234,5"'), start % ("b", "1.234")]))
    import_file(store, path, POLICY, ColumnPlan(decimal=DecimalSign.COMMA))
    assert [str(row["n_output_minutes"].normalize()) for row in stored(store)] == ["1234.5", "1.234"]
