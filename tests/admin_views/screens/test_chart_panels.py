"""Panels as data: names at the ends of lines stay readable, and nothing that was not measured is drawn."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from admin_views.screens.chart_panels import LINE_HEIGHT, PLOT_HEIGHT, bars, counts, draw_line, lines
from rules.amounts import money_text

VALUES = st.decimals(min_value=-100, max_value=100, places=2)


@given(VALUES, VALUES)
def test_the_names_of_two_lines_never_touch(baseline: Decimal, candidate: Decimal) -> None:
    panel = lines("", ["a", "b"], {"baseline": [0, baseline], "candidate": [0, candidate]}, (-100, 100), money_text)
    heights = [name["y"] * PLOT_HEIGHT / Decimal(200) + name["yshift"] for name in panel["annotations"]]
    assert abs(heights[0] - heights[1]) >= LINE_HEIGHT - 1
    assert {name["text"] for name in panel["annotations"]} == {"baseline", "candidate"}


def test_what_was_not_measured_is_a_gap_and_a_side_without_values_no_line() -> None:
    panel = lines("", ["a", "b"], {"baseline": [None, None], "candidate": [Decimal(1), None]}, (0, 2), money_text)
    (trace,) = panel["traces"]
    assert trace["y"] == [1, None]
    assert trace["hovertext"] == ["Period 1, a<br>candidate: $1.00", ""]


def test_the_first_bars_carry_the_names_of_their_sides() -> None:
    panel = bars("", ["Core", "Pro"], {"baseline": [None, 2], "candidate": [3, 4]}, money_text)
    assert [trace["text"] for trace in panel["traces"]] == [["", "$2.00 baseline"], ["$3.00 candidate", "$4.00"]]


def test_one_side_alone_needs_no_name() -> None:
    panel = bars("", ["Core"], {"baseline": [None], "candidate": [3]}, money_text)
    assert [trace["text"] for trace in panel["traces"]] == [["$3.00"]]


def test_counts_stand_on_the_track_of_everyone() -> None:
    panel = counts("", ["pay less", "pay more"], [3, 0], 5, ["3 of 5", "0 of 5"])
    track, reached = panel["traces"]
    assert (track["x"], track["text"], reached["x"]) == ([5, 5], ["3 of 5", "0 of 5"], [3, 0])


def test_the_name_of_a_floor_moves_below_it_where_a_line_has_its_name_above() -> None:
    close = lines("", ["a", "b"], {"candidate": [52, 52]}, (0, 100), money_text)
    draw_line(close, "y", 50, "floor")
    far = lines("", ["a", "b"], {"candidate": [90, 90]}, (0, 100), money_text)
    draw_line(far, "y", 50, "floor")
    assert [panel["annotations"][-1]["yanchor"] for panel in (close, far)] == ["top", "bottom"]
