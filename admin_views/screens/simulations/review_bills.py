"""The picture of how customers' bills change: a histogram, or the percentiles alone where a run has no more."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from admin_views.screens.chart_panels import (
    COLOURS,
    ROOM,
    ROW_HEIGHT,
    Number,
    Panel,
    counts,
    draw_line,
    label,
    usd_ticks,
)
from app.services.wording.words import plural
from rules.amounts import money_text, quantity_text
from simulation.canonical import Json
from simulation.output_shapes import BinRow

HISTOGRAM_HEIGHT = 240
"""Height of the histogram's panel in pixels."""
HALF = Decimal("0.5")
MARKED = ("p5", "p50", "p95")
LABEL_ROOM = Decimal("0.35")
"""The share of its highest bar by which the histogram is higher: room for the names of its lines."""
NAME_ROOM, MARK_ROOM, EDGE = Decimal("0.13"), Decimal("0.16"), Decimal("0.08")
END_ROOM = Decimal("0.04")
"""Shares of the histogram's width: NAME_ROOM for the name of an edge, MARK_ROOM for that of a line, EDGE for the ends
near which a line's name is aligned inwards, END_ROOM for half the name of the last edge."""


def bill_changes(impact: Mapping[str, Json]) -> list[Panel]:
    """Customers by the change of their bills; of a run without a distribution, its percentiles and who pays more."""
    if impact.get("distribution"):
        return [_histogram(impact["distribution"], impact["bill_change_usd"])]
    everyone = impact["customers"]
    numbers = {"pay less": impact["billed_less"], "pay more": impact["billed_more"]}
    numbers["pay the same"] = everyone - sum(numbers.values())
    texts = [f"{quantity_text(number)} of {quantity_text(everyone)}" for number in numbers.values()]
    return [
        _spread(impact["bill_change_usd"]),
        counts("Customers", list(numbers), list(numbers.values()), everyone, texts),
    ]


def _histogram(bins: Sequence[BinRow], changes: Mapping[str, Number]) -> Panel:
    """A bar for each bin. All bars have one width: the axis counts bins, not dollars."""
    most = max(row["customers"] for row in bins)
    panel: Panel = {
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


def _is_unchanged(row: BinRow) -> bool:
    return bool(row["from_usd"] == row["to_usd"])


def bin_text(row: BinRow) -> str:
    """The changes of bill in a bin: `−$50.00 to −$20.00`, `no change`, `+$1,000,000.00 and beyond`."""
    if _is_unchanged(row):
        return "no change"
    edges = [signed(edge) for edge in (row["from_usd"], row["to_usd"]) if edge is not None]
    return " to ".join(edges) if len(edges) == 2 else f"{edges[0]} and beyond"


def _edges(bins: Sequence[BinRow]) -> Panel:
    """The axis with a tick at each edge and in the middle of the unchanged bills, named as far as there is room."""
    ticks: dict[Decimal, Number] = {at + HALF: 0 for at, row in enumerate(bins) if _is_unchanged(row)}
    edges = [row["from_usd"] for row in bins] + [bins[-1]["to_usd"]]
    ticks |= {Decimal(at): edge for at, edge in enumerate(edges) if edge}
    named = _named(ticks, len(bins))
    return {
        "tickvals": list(ticks),
        "ticktext": [short_usd(edge) if at in named else "" for at, edge in ticks.items()],
    }


def _named(ticks: Mapping[Decimal, Number], count: int) -> set[Decimal]:
    """The places of the ticks to name: all of them where there is room; else 0, both ends, and powers of ten.

    Powers of ten are named from one dollar outwards.
    """
    room, named = count * NAME_ROOM, set[Decimal]()

    def rank(at: Decimal) -> tuple[bool, bool, int, Decimal]:
        return bool(ticks[at]), 0 < at < count, abs(Decimal(ticks[at]).adjusted()), at

    for at in sorted(ticks, key=rank):
        is_round = Decimal(ticks[at]).normalize().as_tuple().digits in ((0,), (1,))
        may_be_named = room <= 1 or at in (0, count) or is_round
        if may_be_named and all(abs(at - other) >= room for other in named):
            named.add(at)
    return named


def short_usd(value: Number) -> str:
    """A change in USD without cents where it has none: `−$50`, `$0`, `+$0.05`."""
    return signed(value).removesuffix(".00")


def _place(bins: Sequence[BinRow], value: Number) -> Decimal:
    """The place of a change on the axis of bins; in an outermost bin, which has no end, it is the middle."""
    at, row = next(
        (at, row)
        for at, row in enumerate(bins)
        if (not value and _is_unchanged(row)) or (value and (row["to_usd"] is None or value <= row["to_usd"]))
    )
    low, high = row["from_usd"], row["to_usd"]
    if not value or low is None or high is None:
        return at + HALF
    share: Decimal = (value - low) / Decimal(high - low)
    return at + share


def _mark_labels(marks: Mapping[str, Decimal], changes: Mapping[str, Number], count: int) -> Iterator[Panel]:
    """Labels at the top with the names and values of the lines; lines whose names would overlap share one label."""
    for names in grouped(marks, count * MARK_ROOM):
        middle = (marks[names[0]] + marks[names[-1]]) / 2
        side = "left" if middle < count * EDGE else "right" if middle > count * (1 - EDGE) else "center"
        text = _names_text(names, changes)
        yield label(middle, 1, text, yref="y domain", yanchor="top", xanchor=side, bgcolor="--surface")


def _names_text(names: Sequence[str], changes: Mapping[str, Number]) -> str:
    """The text of a label: `p5, median<br>−$66.00 to −$60.00`."""
    low, high = changes[names[0]], changes[names[-1]]
    values = signed(low) if low == high else f"{signed(low)} to {signed(high)}"
    return f"{', '.join(names)}<br>{values}".replace("p50", "median")


def grouped(places: Mapping[str, Number], room: Number) -> list[list[str]]:
    """The names in groups, in the order of their places; a group ends `room` after its first place."""
    groups: list[list[str]] = []
    for name, place in places.items():
        if groups and place - places[groups[-1][0]] < room:
            groups[-1].append(name)
        else:
            groups.append([name])
    return groups


def _spread(changes: Mapping[str, Number]) -> Panel:
    """The percentiles: a thin line from p5 to p95, a thick one from p25 to p75, a mark at p50 and a line at zero."""
    low, high = min(0, *changes.values()), max(0, *changes.values())
    room = (high - low) * ROOM or 1
    panel: Panel = {
        "title": "Change of a bill over the window, USD",
        "height": 3 * ROW_HEIGHT,
        "traces": [
            _stroke(changes, ("p5", "p95"), 3, "--baseline", "nine of ten customers"),
            _stroke(changes, ("p25", "p75"), 16, "--accent-line", "the middle half of the customers"),
            _median(changes["p50"]),
        ],
        "shapes": [],
        "annotations": [],
        "xaxis": {"range": [low - room, high + room], "tickformat": usd_ticks(high - low), "nticks": 5},
        "yaxis": {"range": [-1, 1], "visible": False},
    }
    draw_line(panel, "x", 0, "no change", colour="--ink-soft")
    panel["annotations"] += _percentile_labels(changes, (high - low) + 2 * room)
    return panel


def _stroke(changes: Mapping[str, Number], ends: tuple[str, str], width: int, colour: str, about: str) -> Panel:
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


def _median(value: Number) -> Panel:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [value],
        "y": [0],
        "hovertext": f"median: {signed(value)}",
        "hoverinfo": "text",
        "marker": {"color": "--accent", "symbol": "diamond", "size": 13},
    }


def _percentile_labels(changes: Mapping[str, Number], span: Number) -> Iterator[Panel]:
    """Labels with p5, p50 and p95 above the lines, p25 and p75 below; those that would overlap share one label."""
    for names, shift in ((MARKED, 30), (("p25", "p75"), -30)):
        for group in grouped({name: changes[name] for name in names}, span * 2 * ROOM):
            middle = (changes[group[0]] + changes[group[-1]]) / Decimal(2)
            yield label(middle, 0, _names_text(group, changes), yshift=shift, bgcolor="--surface")


def signed(value: Number) -> str:
    """A change in USD with its sign: `+$1.20`, `−$66.00`, `$0.00`."""
    return f"{'+' if value > 0 else ''}{money_text(value)}"
