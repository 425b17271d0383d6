"""The line in a tile: its highest day touches the top, and days without events lie at the bottom."""

from admin_views.screens.guidance.sparkline import sparkline


def test_the_highest_value_is_at_the_top_and_none_leaves_the_box() -> None:
    assert sparkline([0, 2, 1]) == "0.0,23.0 60.0,1.0 120.0,12.0"


def test_without_events_there_is_no_line() -> None:
    assert sparkline([0, 0]) == ""
    assert sparkline([]) == ""
    assert sparkline([3]) == ""
