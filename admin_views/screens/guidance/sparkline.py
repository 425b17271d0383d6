"""A line of one figure over days, small enough to stand in a tile."""

from collections.abc import Sequence

WIDTH, HEIGHT = 120, 24


def sparkline(values: Sequence[int]) -> str:
    """The points of an SVG polyline in a box of `WIDTH` by `HEIGHT`, the highest value at its top; empty for zeros."""
    highest = max(values, default=0)
    if not highest or len(values) < 2:
        return ""
    across, up = WIDTH / (len(values) - 1), (HEIGHT - 2) / highest
    return " ".join(f"{at * across:.1f},{HEIGHT - 1 - value * up:.1f}" for at, value in enumerate(values))
