"""Panels of charts as data that charts.js draws: numbers stay decimals, colours are names of CSS tokens.

A panel is `{title, height, traces, shapes, annotations, xaxis, yaxis}` in Plotly's terms, where every `x` and `y` means
the panel's own axis, and a text that begins with `--` is the colour of that token. With `repeats` its y axis is the one
of the panel beside it. Baseline is grey, candidate is the accent; lines differ in their marks, too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from app.services.simulations.review_tables import (
    SIDES,
)
from simulation.canonical import canonical_text

Json = dict[str, Any]
Number = Decimal | int
Span = tuple[Number, Number]
Said = Callable[[Number], str]

COLOURS: Mapping[str, str] = {"candidate": "--accent", "baseline": "--baseline"}
SYMBOLS: Mapping[str, str] = {"candidate": "circle", "baseline": "square-open"}
PLOT_HEIGHT, ROW_HEIGHT, LINE_HEIGHT = 190, 34, 15
"""Pixels: of a panel with lines, of a bar, and between two labels."""
ROOM = Decimal("0.12")
"""How much further than its data an axis goes."""
NAME_ROOM = Decimal("0.9")
"""The same where names stand at the end of lines. Who draws makes room for the texts of bars: it knows their width."""


def lines(
    title: str, periods: Sequence[str], sides: Mapping[str, Sequence[Number | None]], span: Span, said: Said
) -> Json:
    """A line per side over the periods, each with its name at its end; `periods` say which days each one has."""
    drawn = {side: values for side, values in sides.items() if any(value is not None for value in values)}
    ends = {side: next(value for value in reversed(values) if value is not None) for side, values in drawn.items()}
    last = len(periods)
    return {
        "title": title,
        "height": PLOT_HEIGHT,
        "traces": [_line(side, periods, values, said) for side, values in drawn.items()],
        "shapes": [],
        "annotations": list(_end_names(ends, last, span)),
        "xaxis": {
            "title": {"text": "period of 30 days"},
            "range": [Decimal("0.85"), last + NAME_ROOM * max(1, last - 1)],
            "tickvals": list(range(1, last + 1)),
        },
        "yaxis": {"range": list(span)},
    }


def _line(side: str, periods: Sequence[str], values: Sequence[Number | None], said: Said) -> Json:
    hovers = [
        "" if value is None else f"Period {number}, {days}<br>{side}: {said(value)}"
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


def _end_names(ends: Mapping[str, Number], x: int, span: Span) -> Iterator[Json]:
    """The name of each line beside its end, moved apart where they would touch."""
    scale = Decimal(PLOT_HEIGHT) / (span[1] - span[0])
    ordered = sorted(ends.items(), key=lambda end: end[1])
    shifts = [Decimal(0)] * len(ordered)
    for at, (low, high) in enumerate(pairwise(ordered)):
        gap = LINE_HEIGHT - (high[1] - low[1]) * scale
        if gap > 0:
            shifts[at], shifts[at + 1] = shifts[at] - gap / 2, shifts[at + 1] + gap / 2
    for (side, value), shift in zip(ordered, shifts, strict=True):
        yield label(x, value, side, color=COLOURS[side], xanchor="left", xshift=10, yshift=round(shift))


def bars(title: str, names: Sequence[str], sides: Mapping[str, Sequence[Number | None]], said: Said) -> Json:
    """Horizontal bars in USD, one group for each name; the first bars of two sides carry the names of the sides."""
    drawn = {side: values for side, values in sides.items() if any(value is not None for value in values)}
    most = max((value for values in drawn.values() for value in values if value is not None), default=0)
    return {
        "title": title,
        "height": max(2, len(names)) * ROW_HEIGHT * max(1, len(drawn)),
        "traces": [
            bar(side, values, _texts(side, values, said, named=len(drawn) > 1), names) for side, values in drawn.items()
        ],
        "shapes": [],
        "annotations": [],
        "xaxis": {"range": [0, most or 1], "tickformat": usd_ticks(most), "nticks": 4},
        "yaxis": categories(names),
    }


def _texts(side: str, values: Sequence[Number | None], said: Said, named: bool) -> list[str]:
    texts = ["" if value is None else said(value) for value in values]
    first = next((at for at, text in enumerate(texts) if text), None)
    return [f"{text} {side}" if named and at == first else text for at, text in enumerate(texts)]


def bar(side: str, values: Sequence[Number | None], texts: Sequence[str], names: Sequence[str]) -> Json:
    """One side's bars with a text at the end of each."""
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


def counts(title: str, names: Sequence[str], numbers: Sequence[int], everyone: int, said: Sequence[str]) -> Json:
    """A bar for each count on the track of everyone, with what is said of it at the end of the track."""
    track = bar("baseline", [everyone] * len(names), said, names) | {"marker": {"color": "--accent-soft"}}
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


def categories(names: Sequence[str]) -> Json:
    """An axis of names by their place, the first on top: two pools may have the same name."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [len(names) - Decimal("0.5"), Decimal("-0.5")],
        "showgrid": False,
    }


def draw_line(panel: Json, axis: str, value: Number, text: str, colour: str = "--bad") -> None:
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
    """How an axis over so many USD writes its ticks: cents where they are small amounts, never more than needed."""
    return "$,.2f" if Decimal("0.1") <= span < 20 else "$,~f"


def _is_named_above(panel: Json, value: Number) -> bool:
    """Whether the name of a line stands where the name of a line at `value` would."""
    least, most = panel["yaxis"]["range"]
    reach = (most - least) * Decimal(2 * LINE_HEIGHT) / PLOT_HEIGHT
    return any(0 <= name["y"] - value < reach for name in panel["annotations"])


def label(x: Number, y: Number, text: str, color: str = "--ink", **place: Any) -> Json:
    """Text at a point of the panel."""
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": {"color": color}} | place


def both(rows: Sequence[Json], measure: Callable[[Json], Number | None]) -> dict[str, list[Number | None]]:
    """A measure of each side, row by row; None where a side is missing."""
    return {side: [None if row[side] is None else measure(row[side]) for row in rows] for side in SIDES}


def figure_json(figure: Json) -> str:
    """Canonical JSON that may stand in a script element."""
    return canonical_text(figure).replace("<", "\\u003c")
