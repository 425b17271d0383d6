"""Event times: what is read, what is refused, and that the columnar reading agrees with a reading one by one."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.usage.times import first_problem, parse_times
from app.services.usage.written_times import DAY_OR_MONTH, NO_ORIGIN, TWICE, UTC_TIMES, TimeReading


def read(*texts: str | None, reading: TimeReading = UTC_TIMES) -> list[datetime | None]:
    times = parse_times(pa.array(texts, pa.string()), reading).to_pylist()
    return [time and time.replace(tzinfo=UTC) for time in times]


def problem(text: str, reading: TimeReading = UTC_TIMES) -> str | None:
    return first_problem(pa.array([text]), reading)[0]


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
        ("2026-01-15", utc(2026, 1, 15)),
        ("2026-01-15T00:00Z", utc(2026, 1, 15)),
        ("2026-01-15 10:30", utc(2026, 1, 15, 10, 30)),
        ("2026-01-05 10:00:00.123456+00", utc(2026, 1, 5, 10, 0, 0, 123456)),
        ("2026-01-05 10:00:00+02", utc(2026, 1, 5, 8)),
        ("2026-01-05T10:00:00+0230", utc(2026, 1, 5, 7, 30)),
        ("1767225600", utc(2026, 1, 1)),
        ("1767225600.1234567", utc(2026, 1, 1, 0, 0, 0, 123456)),
        ("1767225600123", utc(2026, 1, 1, 0, 0, 0, 123000)),
        ("1767225600123.9999", utc(2026, 1, 1, 0, 0, 0, 123999)),
        ("1767225600123456", utc(2026, 1, 1, 0, 0, 0, 123456)),
        ("1767225600123456999", utc(2026, 1, 1, 0, 0, 0, 123456)),
        ("5 Jan 2026", utc(2026, 1, 5)),
        ("05-Jan-2026 10:00", utc(2026, 1, 5, 10)),
        ("January 5, 2026 3:04:05 PM", utc(2026, 1, 5, 15, 4, 5)),
        ("Jan 5, 2026, 12:04 AM", utc(2026, 1, 5, 0, 4)),
        ("Mon, 05 Jan 2026 10:00:00 GMT", utc(2026, 1, 5, 10)),
        ("2026/01/05 10:00:00 UTC", utc(2026, 1, 5, 10)),
        ("25/12/2026 08:00", utc(2026, 12, 25, 8)),
        ("12/25/2026 08:00", utc(2026, 12, 25, 8)),
        ("05.05.2026", utc(2026, 5, 5)),
    ],
)
def test_times_become_utc_microseconds_cut_off_and_never_rounded(text: str, time: datetime) -> None:
    assert read(text) == [time]
    assert read("2026-01-01T00:00:00.25+00:00", text, "2026-01-01 00:00:00", "nonsense")[1] == time


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-01", "2026-1", "12:00",
        "2026-02-30T00:00:00Z", "2026-01-15T24:00:00Z", "20260115T000000Z",
        "2026-01-15T00:00:60Z", "2026-01-15T00:00:00+24:00", "2026-W03-4T00:00:00Z", "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2026-01-15T00:00:00Z\n",
        "20260115", "17672256", "17672256000", "-1767225600", "1767225600.", "1e9", "２０２６-01-15T00:00:00Z",
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


def test_the_order_of_day_and_month_is_never_guessed() -> None:
    assert read("03/04/2026 10:00") == [None]
    assert problem("03/04/2026 10:00") == DAY_OR_MONTH
    assert read("03/04/2026", reading=TimeReading(day_first=True)) == [utc(2026, 4, 3)]
    assert read("03/04/2026", reading=TimeReading(day_first=False)) == [utc(2026, 3, 4)]


def test_a_number_that_is_no_epoch_time_needs_the_moment_that_it_counts_from() -> None:
    assert problem("45") == NO_ORIGIN
    start = TimeReading(origin=datetime(2026, 1, 5))  # noqa: DTZ001
    assert read("45", "118.5", reading=start) == [utc(2026, 1, 5, 0, 0, 45), utc(2026, 1, 5, 0, 1, 58, 500000)]


def test_times_without_a_zone_are_those_of_the_zone_that_was_named() -> None:
    berlin = TimeReading("Europe/Berlin")
    texts = ("2026-07-01 12:00:00.000001", "2026-01-01 12:00", "2026-07-01", "2026-07-01T12:00:00Z", "1 Jul 2026 12:00")
    assert read(*texts, "1767225600", reading=berlin) == [
        utc(2026, 7, 1, 10, 0, 0, 1), utc(2026, 1, 1, 11), utc(2026, 6, 30, 22), utc(2026, 7, 1, 12),
        utc(2026, 7, 1, 10), utc(2026, 1, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["2026-10-25 02:30:00", "2026-03-29 02:30:00", "25 Oct 2026 02:30"])
def test_an_hour_that_a_zone_has_twice_or_not_at_all_is_refused(text: str) -> None:
    berlin = TimeReading("Europe/Berlin")
    assert read(text, reading=berlin) == [None]
    assert problem(text, berlin) == TWICE


@settings(deadline=None)
@given(st.lists(st.text(alphabet="0123456789-/:. TZJanAPM+,", max_size=26), max_size=6))
def test_a_column_is_read_like_each_of_its_values_alone(texts: list[str]) -> None:
    assert read(*texts) == [time for text in texts for time in read(text)]


@settings(deadline=None)
@given(st.datetimes(datetime(1974, 1, 1), datetime(2199, 1, 1)), st.sampled_from([0, 3, 6, 9]))  # noqa: DTZ001
def test_every_epoch_time_is_read_back(moment: datetime, places: int) -> None:
    seconds = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001
    number = seconds * 10**places // 10**6
    assert read(str(number))[0] == (
        moment.replace(
            microsecond=moment.microsecond if places > 3 else moment.microsecond // 1000 * 1000 if places else 0
        )
    ).replace(tzinfo=UTC)
