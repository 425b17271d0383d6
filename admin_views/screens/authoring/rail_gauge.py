"""The places of the marks in the picture of the rails: thresholds on one track, the margin floor on another. Pure.

Lengths are in units of the picture, whose tracks are `WIDTH` long.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.services.configs.shapes import UsageThreshold
from rules.enums import Action

WIDTH = 600
LABEL_WIDTH = 104
ROWS = 3
FULL = Decimal(100)
BEYOND = Decimal(10)
"""Per cent by which the track is longer than its highest mark, so that what happens beyond the mark is shown."""
SEVERITY: Mapping[str, int] = {
    Action.WARN: 1,
    Action.REQUIRE_APPROVAL: 2,
    Action.DEGRADE_QUALITY: 2,
    Action.THROTTLE: 2,
    Action.BLOCK: 3,
}
"""How hard an action is on the customer: the picture colours the segment after a mark by it, 0 is no action."""

Threshold = tuple[Decimal, str | None]


@dataclass(frozen=True)
class Mark:
    """A threshold at `x` on the track; its segment ends at `end`, its label is in `row`, clear of its neighbours."""

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


def gauge(thresholds: Iterable[UsageThreshold], margin_floor: Decimal | None) -> Gauge:
    """The gauge of usage thresholds, `{percent, action}`, and of a margin floor, which is a share."""
    ordered = sorted((item["percent"], item["action"]) for item in thresholds)
    scale = max([FULL, *(percent for percent, _ in ordered)]) + BEYOND
    marks = _marks([(Decimal(percent), action) for percent, action in ordered], scale)
    return Gauge(
        marks=tuple(marks),
        floor_x=None if margin_floor is None else _at(max(margin_floor, Decimal(0)) * 100, FULL),
    )


def _marks(thresholds: list[Threshold], scale: Decimal) -> list[Mark]:
    marks: list[Mark] = []
    free_from = [-LABEL_WIDTH] * ROWS
    for index, (percent, action) in enumerate(thresholds):
        x = _at(percent, scale)
        following = thresholds[index + 1][0] if index + 1 < len(thresholds) else scale
        row = next((row for row in range(ROWS) if free_from[row] <= x), ROWS - 1)
        free_from[row] = x + LABEL_WIDTH
        marks.append(Mark(percent, action, x, _at(following, scale), row, SEVERITY.get(action or "", 0)))
    return marks


def _at(percent: Decimal, scale: Decimal) -> int:
    return int(percent * WIDTH / scale)
