"""Drift: a plain ratio that small numbers cannot set off, whatever the forecast."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.drift import AS_FORECAST, LESS, MORE, NO_FORECAST, TOO_EARLY, overall, verdict_of

COUNTS = st.integers(min_value=0, max_value=5_000)
RANK = {TOO_EARLY: 0, LESS: 0, AS_FORECAST: 1, MORE: 2}


@pytest.mark.parametrize(
    ("seen", "expected", "verdict"),
    [
        (73, 18, MORE),
        (36, 18, AS_FORECAST),
        (8, 18, AS_FORECAST),
        (2, 18, LESS),
        (5, 0, MORE),
        (4, 0, AS_FORECAST),
        (1000, 600, AS_FORECAST),
        (12, None, NO_FORECAST),
    ],
)
def test_only_a_ratio_beyond_two_and_beyond_chance_is_drift(seen: int, expected: int | None, verdict: str) -> None:
    assert verdict_of(seen, expected, is_early=False) == verdict


def test_while_it_is_early_few_prove_nothing_and_many_do() -> None:
    assert verdict_of(0, 2, is_early=True) == TOO_EARLY
    assert verdict_of(2, 18, is_early=True) == TOO_EARLY
    assert verdict_of(17, 18, is_early=True) == AS_FORECAST
    assert verdict_of(73, 18, is_early=True) == MORE


@given(expected=st.integers(0, 4), seen=st.integers(0, 4))
def test_a_handful_of_customers_never_cries_wolf(expected: int, seen: int) -> None:
    assert verdict_of(seen, expected, is_early=False) == AS_FORECAST


@given(expected=COUNTS, fewer=COUNTS, more=COUNTS, is_early=st.booleans())
def test_more_customers_never_read_as_fewer(expected: int, fewer: int, more: int, is_early: bool) -> None:
    fewer, more = sorted((fewer, more))
    assert RANK[verdict_of(fewer, expected, is_early)] <= RANK[verdict_of(more, expected, is_early)]


@given(expected=COUNTS, seen=COUNTS)
def test_within_a_factor_of_two_nothing_drifts(expected: int, seen: int) -> None:
    if expected <= 2 * seen and seen <= 2 * expected:
        assert verdict_of(seen, expected, is_early=False) == AS_FORECAST


@given(expected=COUNTS, seen=COUNTS)
def test_early_never_says_less(expected: int, seen: int) -> None:
    assert verdict_of(seen, expected, is_early=True) != LESS


@pytest.mark.parametrize(
    ("rows", "days", "says"),
    [
        ([(0, AS_FORECAST, "x")], 40, "No enforcement events were reported."),
        ([(3, AS_FORECAST, "x")], 40, "What the apps reported agrees with the forecast."),
        ([(3, NO_FORECAST, "x")], 40, "Nothing was forecast that could be compared."),
        ([(3, AS_FORECAST, "x")], 5, "Too early to compare everything with the forecast, after 5 of the 30 days"),
        ([(9, MORE, "a: more."), (3, LESS, "b: less."), (1, AS_FORECAST, "x")], 5, "a: more. b: less."),
    ],
)
def test_the_overall_verdict_names_what_drifts_or_why_nothing_can_be_said(
    rows: list[tuple[int, str, str]], days: int, says: str
) -> None:
    assert overall(rows, days, 30).startswith(says)
