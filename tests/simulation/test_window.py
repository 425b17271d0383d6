"""Windows and periods: left-open, right-closed, to the microsecond (spec 4.1)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.events import Event
from simulation.metering import period_of
from simulation.window import WINDOW_DAYS, Window, days_before

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)


def at(moment: datetime) -> Event:
    return Event("evt_1", moment, "render", "ws_1", "cust_1", "smb", {})


def test_ninety_days_are_three_periods_without_a_gap() -> None:
    window = Window(AS_OF, 90)
    assert [period.index for period in window.periods] == [0, 1, 2]
    assert window.periods[0].start == window.start == AS_OF - timedelta(days=90)
    assert [period.end for period in window.periods[:-1]] == [period.start for period in window.periods[1:]]
    assert window.periods[-1].end == AS_OF


@given(st.sampled_from(WINDOW_DAYS), st.integers(-(10**6), 121 * 86_400 * 10**6))
def test_a_period_starts_a_microsecond_after_the_one_before_ends(days: int, back: int) -> None:
    window = Window(AS_OF, days)
    expected = None if back < 0 or back >= days * 86_400_000_000 else days // 30 - 1 - back // 2_592_000_000_000
    assert period_of(at(AS_OF - timedelta(microseconds=back)), window.periods) == expected


def test_as_of_is_normalised_to_utc() -> None:
    berlin = timezone(timedelta(hours=2))
    assert Window(datetime(2026, 4, 1, 2, tzinfo=berlin), 30) == Window(AS_OF, 30)


@pytest.mark.parametrize(
    ("as_of", "days"),
    [(AS_OF.replace(tzinfo=None), 30), (AS_OF, 45), (AS_OF, 0), (datetime(1, 1, 9, tzinfo=UTC), 30)],
)
def test_other_windows_are_refused(as_of: datetime, days: int) -> None:
    with pytest.raises(ValueError):
        Window(as_of, days)


def test_days_before_stops_at_the_beginning_of_time() -> None:
    assert days_before(AS_OF, 1) == AS_OF - timedelta(days=1)
    assert days_before(AS_OF, 10**9) == datetime.min.replace(tzinfo=UTC)
    assert days_before(AS_OF, 10**12) == datetime.min.replace(tzinfo=UTC)
