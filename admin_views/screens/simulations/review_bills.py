"""The picture of how customers' bills change: a histogram, or the percentiles alone where a run has no more."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from admin_views.screens.chart_panels import (
    COLOURS,
    ROOM,
    ROW_HEIGHT,
    Json,
    Number,
    counts,
    draw_line,
    label,
    usd_ticks,
)
from app.services.simulations.review_titles import amount
from app.services.wording.words import money_text, plural, quantity_text

HISTOGRAM_HEIGHT = 240
"""Pixels."""
HALF = Decimal("0.5")
MARKED = ("p5", "p50", "p95")
LABEL_ROOM = Decimal("0.35")
"""How much higher than its bars the histogram is: the names of the lines stand there."""
NAME_ROOM, MARK_ROOM, EDGE = Decimal("0.13"), Decimal("0.16"), Decimal("0.08")
END_ROOM = Decimal("0.04")
"""Shares of the width: what the name of an edge needs, what that of a line, and how near to an end it turns inwards,
and what half the name of the last edge needs."""


def bill_changes(impact: Any) -> list[Json]:
    """Customers by how far their bills move; of runs without a distribution what its percentiles say."""
    if impact.get("distribution"):
        return [_histogram(impact["distribution"], impact["bill_change_usd"])]
    everyone = impact["customers"]
    numbers = {"pay less": impact["billed_less"], "pay more": impact["billed_more"]}
    numbers["pay the same"] = everyone - sum(numbers.values())
    said = [f"{quantity_text(number)} of {quantity_text(everyone)}" for number in numbers.values()]
    return [
        _spread(impact["bill_change_usd"]),
        counts("Customers", list(numbers), list(numbers.values()), everyone, said),
    ]


def _histogram(bins: Sequence[Any], changes: Mapping[str, Number]) -> Json:
    """A bar for each bin, as wide as any other: the axis has the steps of the ladder, not of the dollar."""
    most = max(row["customers"] for row in bins)
    panel: Json = {
        "title": "Customers by change of bill, USD",
        "height": HISTOGRAM_HEIGHT,
        "traces": [
            {
                "type": "bar",
                "x": [at + HALF for at in range(len(bins))],
                "y": [row["customers"] for row in bins],
                "width": Decimal("0.86"),
                "text": [quantity_text(row["customers"]) if row["customers"] else "" for row in bins],
                "textposition": "outside",
                "textangle": 0,
                "cliponaxis": False,
                "hovertext": [f"{bin_text(row)}: {plural(row['customers'], 'customer')}" for row in bins],
                "hoverinfo": "text",
                "marker": {"color": [COLOURS["baseline" if _is_unchanged(row) else "candidate"] for row in bins]},
            }
        ],
        "shapes": [],
        "annotations": [],
        "xaxis": {"range": [0, len(bins) * (1 + END_ROOM)], "showgrid": False, "ticks": "outside", "tickangle": 0}
        | _edges(bins),
        "yaxis": {"range": [0, most * (1 + LABEL_ROOM)], "tickformat": ",d", "nticks": 4},
    }
    marks = {name: _place(bins, changes[name]) for name in MARKED}
    for place in marks.values():
        draw_line(panel, "x", place, "", colour="--ink-soft")
    panel["annotations"] = list(_mark_labels(marks, changes, len(bins)))
    return panel


def _is_unchanged(row: Any) -> bool:
    return bool(row["from_usd"] == row["to_usd"])


def bin_text(row: Any) -> str:
    """`−$50.00 to −$20.00`, `no change`, `+$1,000,000.00 and beyond`."""
    if _is_unchanged(row):
        return "no change"
    edges = [signed(row[name]) for name in ("from_usd", "to_usd") if row[name] is not None]
    return " to ".join(edges) if len(edges) == 2 else f"{edges[0]} and beyond"


def _edges(bins: Sequence[Any]) -> Json:
    """A tick at each edge and in the middle of no change, named as far as there is room."""
    ticks: dict[Decimal, Number] = {at + HALF: 0 for at, row in enumerate(bins) if _is_unchanged(row)}
    edges = [row["from_usd"] for row in bins] + [bins[-1]["to_usd"]]
    ticks |= {Decimal(at): edge for at, edge in enumerate(edges) if edge}
    named = _named(ticks, len(bins))
    return {
        "tickvals": list(ticks),
        "ticktext": [short_usd(edge) if at in named else "" for at, edge in ticks.items()],
    }


def _named(ticks: Mapping[Decimal, Number], count: int) -> set[Decimal]:
    """All where there is room; else 0, the ends, and whole decades of a dollar, those nearest to a dollar first."""
    room, named = count * NAME_ROOM, set[Decimal]()

    def rank(at: Decimal) -> tuple[bool, bool, int, Decimal]:
        return bool(ticks[at]), 0 < at < count, abs(Decimal(ticks[at]).adjusted()), at

    for at in sorted(ticks, key=rank):
        worth = room <= 1 or at in (0, count) or Decimal(ticks[at]).normalize().as_tuple().digits in ((0,), (1,))
        if worth and all(abs(at - other) >= room for other in named):
            named.add(at)
    return named


def short_usd(value: Number) -> str:
    """`−$50`, `$0`, `+$0.05`."""
    return signed(value).removesuffix(".00")


def _place(bins: Sequence[Any], value: Number) -> Decimal:
    """Where on the axis of bins a change lies; in an outermost bin, which has no end, in the middle."""
    at, row = next(
        (at, row)
        for at, row in enumerate(bins)
        if (not value and _is_unchanged(row)) or (value and (row["to_usd"] is None or value <= row["to_usd"]))
    )
    low, high = row["from_usd"], row["to_usd"]
    if not value or low is None or high is None:
        return at + HALF
    return at + (value - low) / Decimal(high - low)


def _mark_labels(marks: Mapping[str, Decimal], changes: Mapping[str, Number], count: int) -> Iterator[Json]:
    """The names of the lines with their values at the top; those that would stand on each other share one label."""
    for names in grouped(marks, count * MARK_ROOM):
        middle = (marks[names[0]] + marks[names[-1]]) / 2
        side = "left" if middle < count * EDGE else "right" if middle > count * (1 - EDGE) else "center"
        yield label(middle, 1, _said(names, changes), yref="y domain", yanchor="top", xanchor=side, bgcolor="--surface")


def _said(names: Sequence[str], changes: Mapping[str, Number]) -> str:
    """`p5, median<br>−$66.00 to −$60.00`."""
    low, high = changes[names[0]], changes[names[-1]]
    values = signed(low) if low == high else f"{signed(low)} to {signed(high)}"
    return f"{', '.join(names)}<br>{values}".replace("p50", "median")


def grouped(places: Mapping[str, Number], room: Number) -> list[list[str]]:
    """Names in the order of their places, those nearer than `room` to the first of a group together."""
    groups: list[list[str]] = []
    for name, place in places.items():
        if groups and place - places[groups[-1][0]] < room:
            groups[-1].append(name)
        else:
            groups.append([name])
    return groups


def _spread(changes: Mapping[str, Number]) -> Json:
    """From p5 to p95 a thin line, from p25 to p75 a thick one, a mark at the median; zero is a line of its own."""
    least, most = min(0, *changes.values()), max(0, *changes.values())
    room = (most - least) * ROOM or 1
    panel: Json = {
        "title": "Change of a bill over the window, USD",
        "height": 3 * ROW_HEIGHT,
        "traces": [
            _stroke(changes, ("p5", "p95"), 3, "--baseline", "nine of ten customers"),
            _stroke(changes, ("p25", "p75"), 16, "--accent-line", "the middle half of the customers"),
            _median(changes["p50"]),
        ],
        "shapes": [],
        "annotations": [],
        "xaxis": {"range": [least - room, most + room], "tickformat": usd_ticks(most - least), "nticks": 5},
        "yaxis": {"range": [-1, 1], "visible": False},
    }
    draw_line(panel, "x", 0, "no change", colour="--ink-soft")
    panel["annotations"] += _percentile_labels(changes, (most - least) + 2 * room)
    return panel


def _stroke(changes: Mapping[str, Number], ends: tuple[str, str], width: int, colour: str, about: str) -> Json:
    low, high = (changes[end] for end in ends)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [low, high],
        "y": [0, 0],
        "hovertext": f"{about}: {signed(low)} to {signed(high)}",
        "hoverinfo": "text",
        "line": {"color": colour, "width": width},
    }


def _median(value: Number) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [value],
        "y": [0],
        "hovertext": f"median: {signed(value)}",
        "hoverinfo": "text",
        "marker": {"color": "--accent", "symbol": "diamond", "size": 13},
    }


def _percentile_labels(changes: Mapping[str, Number], span: Number) -> Iterator[Json]:
    """The ends and the median above, the quarters below; those that would stand on each other share one label."""
    for names, shift in ((MARKED, 30), (("p25", "p75"), -30)):
        for group in grouped({name: changes[name] for name in names}, span * 2 * ROOM):
            middle = (changes[group[0]] + changes[group[-1]]) / Decimal(2)
            yield label(middle, 0, _said(group, changes), yshift=shift, bgcolor="--surface")


def signed(value: Number) -> str:
    """`+$1.20`, `−$66.00`, `$0.00`."""
    return f"{'+' if value > 0 else ''}{money_text(amount(value))}"
