"""Event times: what is read, what is refused, and that the columnar reading agrees with a reading one by one."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.usage.times import parse_times


def read(*texts: str | None) -> list[datetime | None]:
    return [time and time.replace(tzinfo=UTC) for time in parse_times(pa.array(texts, pa.string())).to_pylist()]


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0
) -> datetime:
    return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-15T00:00:00Z", utc(2026, 1, 15)),
        ("2026-01-15t00:00:00z", utc(2026, 1, 15)),
        ("2026-01-15T02:30:00+02:30", utc(2026, 1, 15)),
        ("2026-01-15T00:00:00", utc(2026, 1, 15)),
        ("2023-11-16 18:17:03.9799600", utc(2023, 11, 16, 18, 17, 3, 979960)),
        ("2023-11-16 18:17:03.9799609", utc(2023, 11, 16, 18, 17, 3, 979960)),
        ("2026-01-15T00:00:00.9999999999999Z", utc(2026, 1, 15, 0, 0, 0, 999999)),
        ("1970-01-01T00:00:00Z", utc(1970, 1, 1)),
    ],
)
def test_times_become_utc_microseconds_cut_off_and_never_rounded(text: str, time: datetime) -> None:
    assert read(text) == [time]
    assert read("2026-01-01T00:00:00.25+00:00", text, "2026-01-01 00:00:00", "nonsense")[1] == time


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-01-15",
        "2026-01-15T00:00Z", "2026-02-30T00:00:00Z", "2026-01-15T24:00:00Z", "20260115T000000Z",
        "2026-01-15T00:00:60Z", "2026-01-15T00:00:00+24:00", "2026-W03-4T00:00:00Z", "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2026-01-15T00:00:00Z\n",
        "1767225600", "２０２６-01-15T00:00:00Z",
    ],
)  # fmt: skip
def test_other_texts_are_no_times(text: str) -> None:
    assert read(text) == [None]
    assert read("2026-01-01T00:00:00Z", text) == [utc(2026, 1, 1), None]


zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.one_of(st.none(), zones))  # noqa: DTZ001


@settings(deadline=None)
@given(st.lists(moments, max_size=5))
def test_every_written_time_is_read_back(written: list[datetime]) -> None:
    expected = [time.replace(tzinfo=UTC) if time.tzinfo is None else time for time in written]
    assert read(*(time.isoformat() for time in written)) == expected


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("ms", "UTC"), pa.timestamp("us", "Europe/Berlin")])
def test_timestamps_of_any_unit_and_zone_are_the_same_instant(kind: pa.DataType) -> None:
    instant = pa.array([utc(2026, 1, 15, 12).replace(tzinfo=None)], pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    column = instant.cast(kind) if kind.tz else instant.cast(pa.timestamp("us")).cast(kind)
    assert parse_times(column).to_pylist() == [datetime(2026, 1, 15, 12)]  # noqa: DTZ001
