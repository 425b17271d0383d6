"""Where the marks of the rails' gauge stand: thresholds on the allowance, the cap, the floor on the margin. Pure.

Lengths are in the picture's own units, `WIDTH` wide between the ends of the track.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rules.enums import Action

WIDTH = 600
LABEL_WIDTH = 104
ROWS = 3
FULL = Decimal(100)
BEYOND = Decimal(10)
"""The track goes on this much behind the highest mark, so that what happens there has a place."""
SEVERITY: Mapping[str, int] = {
    Action.WARN: 1,
    Action.REQUIRE_APPROVAL: 2,
    Action.DEGRADE_QUALITY: 2,
    Action.THROTTLE: 2,
    Action.BLOCK: 3,
}
"""How hard an action is on the customer; 0 is nothing. The picture colours its segments by it."""

Threshold = tuple[Decimal, str | None]


@dataclass(frozen=True)
class Mark:
    """A threshold: `x` along the track, `row` of its label so that neighbours do not overlap, `end` of its segment."""

    percent: Decimal
    action: str | None
    x: int
    end: int
    row: int
    severity: int


@dataclass(frozen=True)
class Gauge:
    """The marks by percent; `floor_x` is None without a floor."""

    marks: tuple[Mark, ...]
    floor_x: int | None


def gauge(thresholds: Iterable[Mapping[str, Any]], margin_floor: Decimal | None) -> Gauge:
    """From `[{percent, action}]` and a share. The track reaches a little beyond 100 %, or the highest threshold."""
    known = sorted((item["percent"], item["action"]) for item in thresholds)
    scale = max([FULL, *(percent for percent, _ in known)]) + BEYOND
    marks = _marks([(Decimal(percent), action) for percent, action in known], scale)
    return Gauge(
        marks=tuple(marks),
        floor_x=None if margin_floor is None else _at(max(margin_floor, Decimal(0)) * 100, FULL),
    )


def _marks(known: list[Threshold], scale: Decimal) -> list[Mark]:
    marks: list[Mark] = []
    free_from = [-LABEL_WIDTH] * ROWS
    for index, (percent, action) in enumerate(known):
        x = _at(percent, scale)
        following = known[index + 1][0] if index + 1 < len(known) else scale
        row = next((row for row in range(ROWS) if free_from[row] <= x), ROWS - 1)
        free_from[row] = x + LABEL_WIDTH
        marks.append(Mark(percent, action, x, _at(following, scale), row, SEVERITY.get(action or "", 0)))
    return marks


def _at(percent: Decimal, scale: Decimal) -> int:
    return int(percent * WIDTH / scale)
