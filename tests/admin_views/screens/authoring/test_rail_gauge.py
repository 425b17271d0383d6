"""Where the marks of the gauge stand."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from admin_views.screens.authoring.rail_gauge import LABEL_WIDTH, ROWS, WIDTH, gauge
from app.services.configs.shapes import UsageThreshold
from rules.enums import Action
from simulation.canonical import Json

THRESHOLDS = st.lists(
    st.fixed_dictionaries(
        {
            "percent": st.integers(1, 1000) | st.decimals("0.1", 1000, places=1),
            "action": st.sampled_from([action.value for action in Action]) | st.none(),
        }
    ),
    unique_by=lambda item: Decimal(str(item["percent"])),
    max_size=20,
)


def test_the_usual_thresholds_stand_at_their_percent_of_a_track_that_goes_a_little_on() -> None:
    drawn = gauge([{"percent": percent, "action": "warn"} for percent in (70, 90, 100)], Decimal("0.68"))
    assert [mark.x for mark in drawn.marks] == [381, 490, 545]
    assert [mark.end for mark in drawn.marks] == [490, 545, WIDTH]
    assert drawn.floor_x == 408


def test_without_rails_there_is_nothing_but_the_track() -> None:
    drawn = gauge([], None)
    assert (drawn.marks, drawn.floor_x) == ((), None)


def test_a_floor_below_nothing_is_drawn_at_nothing() -> None:
    assert gauge([], Decimal(-1)).floor_x == 0


def test_the_harder_the_action_the_higher_its_severity() -> None:
    actions = [None, "warn", "throttle", "block"]
    thresholds: list[Json] = [{"percent": at, "action": action} for at, action in enumerate(actions, 1)]
    drawn = gauge(thresholds, None)
    assert [mark.severity for mark in drawn.marks] == [0, 1, 2, 3]


@given(THRESHOLDS, st.none() | st.decimals(-10, 1, places=4))
def test_marks_stand_in_order_on_the_track_and_segments_meet(
    thresholds: list[UsageThreshold], floor: Decimal | None
) -> None:
    drawn = gauge(thresholds, floor)
    edges = [mark.x for mark in drawn.marks] + [WIDTH] * bool(drawn.marks)
    assert edges == sorted(edges)
    assert [mark.end for mark in drawn.marks] == edges[1:]
    assert all(0 <= mark.x < WIDTH for mark in drawn.marks)
    assert drawn.floor_x is None or 0 <= drawn.floor_x <= WIDTH


@given(THRESHOLDS)
def test_labels_of_one_row_do_not_overlap_while_there_are_rows_left(thresholds: list[UsageThreshold]) -> None:
    for row in range(ROWS - 1):
        at = [mark.x for mark in gauge(thresholds, None).marks if mark.row == row]
        assert all(later - earlier >= LABEL_WIDTH for earlier, later in pairwise(at))
