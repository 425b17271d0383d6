"""Panels of charts as data that charts.js draws: numbers stay decimals, colours are names of CSS tokens.

A panel is `{title, height, traces, shapes, annotations, xaxis, yaxis}` in Plotly's terms, where every `x` and `y` means
the panel's own axis, and a text that begins with `--` is the colour of that token. A panel with `repeats` has the y
axis of the panel to its left. The baseline is grey, the candidate has the accent colour, and their marks differ.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from app.services.simulations.review_tables import SIDES
from simulation.canonical import JsonObject, canonical_text

Number = Decimal | int
Span = tuple[Number, Number]
NumberText = Callable[[Number], str]
"""Writes a value of a chart as its label or hover shows it."""
Panel = JsonObject
"""A panel, or a part of one such as an axis, a trace or a label."""

COLOURS: Mapping[str, str] = {"candidate": "--accent", "baseline": "--baseline"}
SYMBOLS: Mapping[str, str] = {"candidate": "circle", "baseline": "square-open"}
PLOT_HEIGHT, ROW_HEIGHT, LINE_HEIGHT = 190, 34, 15
"""Heights in pixels: of a panel with lines, of a bar, and of a label."""
ROOM = Decimal("0.12")
"""The share of its data's span by which an axis is longer than its data."""
NAME_ROOM = Decimal("0.9")
"""Extra axis length where line names are drawn at the right edge. Bars need none: charts.js measures their labels."""


def lines(
    title: str, periods: Sequence[str], sides: Mapping[str, Sequence[Number | None]], span: Span, text_of: NumberText
) -> Panel:
    """A line for each side over the periods, with its name at its end; `periods` are the texts of their days."""
    drawn = {side: values for side, values in sides.items() if any(value is not None for value in values)}
    ends = {side: next(value for value in reversed(values) if value is not None) for side, values in drawn.items()}
    last = len(periods)
    return {
        "title": title,
        "height": PLOT_HEIGHT,
        "traces": [_line(side, periods, values, text_of) for side, values in drawn.items()],
        "shapes": [],
        "annotations": list(_end_names(ends, last, span)),
        "xaxis": {
            "title": {"text": "period of 30 days"},
            "range": [Decimal("0.85"), last + NAME_ROOM * max(1, last - 1)],
            "tickvals": list(range(1, last + 1)),
        },
        "yaxis": {"range": list(span)},
    }


def _line(side: str, periods: Sequence[str], values: Sequence[Number | None], text_of: NumberText) -> Panel:
    hovers = [
        "" if value is None else f"Period {number}, {days}<br>{side}: {text_of(value)}"
        for number, (days, value) in enumerate(zip(periods, values, strict=True), 1)
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(range(1, len(periods) + 1)),
        "y": list(values),
        "hovertext": hovers,
        "hoverinfo": "text",
        "line": {"color": COLOURS[side], "width": 3 if side == "candidate" else 2},
        "marker": {"color": COLOURS[side], "symbol": SYMBOLS[side], "size": 8},
        "cliponaxis": False,
    }


def _end_names(ends: Mapping[str, Number], x: int, span: Span) -> Iterator[Panel]:
    """Labels with the names of the lines at their ends, moved apart where they would touch."""
    scale = Decimal(PLOT_HEIGHT) / (span[1] - span[0])
    ordered = sorted(ends.items(), key=lambda end: end[1])
    shifts = [Decimal(0)] * len(ordered)
    for at, (low, high) in enumerate(pairwise(ordered)):
        gap = LINE_HEIGHT - (high[1] - low[1]) * scale
        if gap > 0:
            shifts[at], shifts[at + 1] = shifts[at] - gap / 2, shifts[at + 1] + gap / 2
    for (side, value), shift in zip(ordered, shifts, strict=True):
        yield label(x, value, side, color=COLOURS[side], xanchor="left", xshift=10, yshift=round(shift))


def bars(title: str, names: Sequence[str], sides: Mapping[str, Sequence[Number | None]], text_of: NumberText) -> Panel:
    """Horizontal bars in USD, a group for each name; where there are two sides, their first bars carry their names."""
    drawn = {side: values for side, values in sides.items() if any(value is not None for value in values)}
    amounts = [value for values in drawn.values() for value in values if value is not None]
    most, least = max(amounts, default=0), min(0, *amounts, 0)
    return {
        "title": title,
        "height": max(2, len(names)) * ROW_HEIGHT * max(1, len(drawn)),
        "traces": [
            bar(side, values, _texts(side, values, text_of, named=len(drawn) > 1), names)
            for side, values in drawn.items()
        ],
        "shapes": [],
        "annotations": [],
        "xaxis": {"range": [least, most or 1], "tickformat": usd_ticks(most), "nticks": 4},
        "yaxis": categories(names),
    }


def _texts(side: str, values: Sequence[Number | None], text_of: NumberText, named: bool) -> list[str]:
    texts = ["" if value is None else text_of(value) for value in values]
    first = next((at for at, text in enumerate(texts) if text), None)
    return [f"{text} {side}" if named and at == first else text for at, text in enumerate(texts)]


def bar(side: str, values: Sequence[Number | None], texts: Sequence[str], names: Sequence[str]) -> Panel:
    """The bars of one side, each with a text at its end."""
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": list(values),
        "y": list(range(len(names))),
        "text": list(texts),
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": [f"{name}: {text}" for name, text in zip(names, texts, strict=True)],
        "hoverinfo": "text",
        "marker": {"color": COLOURS[side]},
    }
    return trace | ({"width": Decimal("0.4")} if len(names) == 1 else {})


def counts(title: str, names: Sequence[str], numbers: Sequence[int], everyone: int, texts: Sequence[str]) -> Panel:
    """A bar for each count on a track as long as `everyone`, with a text at the end of the track."""
    track = bar("baseline", [everyone] * len(names), texts, names) | {"marker": {"color": "--accent-soft"}}
    reached = bar("candidate", numbers, [""] * len(names), names) | {"hovertext": track["hovertext"]}
    return {
        "title": title,
        "height": max(3, len(names)) * ROW_HEIGHT,
        "traces": [track, reached],
        "shapes": [],
        "annotations": [],
        "xaxis": {"range": [0, everyone or 1], "tickvals": [0, everyone], "tickformat": ","},
        "yaxis": categories(names),
    }


def categories(names: Sequence[str]) -> Panel:
    """An axis of names with the first on top; each has its own place, for two pools may have the same name."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [len(names) - Decimal("0.5"), Decimal("-0.5")],
        "showgrid": False,
    }


def draw_line(panel: Panel, axis: str, value: Number, text: str, colour: str = "--bad") -> None:
    """A dashed line across the panel at a value of this axis, with its name at its end."""
    across = "x" if axis == "y" else "y"
    panel["shapes"].append(
        {
            "type": "line",
            f"{axis}0": value,
            f"{axis}1": value,
            f"{axis}ref": axis,
            f"{across}0": 0,
            f"{across}1": 1,
            f"{across}ref": f"{across} domain",
            "line": {"color": colour, "width": 2, "dash": "dash"},
        }
    )
    if axis == "y":
        place = "top" if _is_named_above(panel, value) else "bottom"
        panel["annotations"].append(
            label(1, value, text, color=colour, xref="x domain", xanchor="right", yanchor=place)
        )
    else:
        panel["annotations"].append(label(value, 1, text, color=colour, yref="y domain", yanchor="bottom"))


def usd_ticks(span: Number) -> str:
    """The number format of an axis that spans so many USD: with cents only where the amounts are small."""
    return "$,.2f" if Decimal("0.1") <= span < 20 else "$,~f"


def _is_named_above(panel: Panel, value: Number) -> bool:
    """Whether the name of another line is where the name of a line at `value` would be."""
    low, high = panel["yaxis"]["range"]
    reach = (high - low) * Decimal(2 * LINE_HEIGHT) / PLOT_HEIGHT
    return any(0 <= name["y"] - value < reach for name in panel["annotations"])


def label(x: Number, y: Number, text: str, color: str = "--ink", **place: object) -> Panel:
    """Text at a point of the panel."""
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": {"color": color}} | place


def both(rows: Sequence[JsonObject], measure: Callable[[JsonObject], Number | None]) -> dict[str, list[Number | None]]:
    """side → a measure of it in each row; None where a row lacks the side."""
    return {side: [None if row[side] is None else measure(row[side]) for row in rows] for side in SIDES}


def figure_json(figure: Panel) -> str:
    """Canonical JSON that is safe inside a script element."""
    return canonical_text(figure).replace("<", "\\u003c")
