"""The picture of where the money comes from: a bar for each period, made of the lines of the bills, side by side."""

from collections.abc import Mapping
from decimal import Decimal

from admin_views.screens.chart_panels import ROOM, ROW_HEIGHT, Panel, categories, usd_ticks
from app.services.simulations.review_plan import LINES
from app.services.simulations.review_tables import SIDES, Outputs, period_span
from rules.amounts import money_text
from simulation.canonical import Json

COLOURS: Mapping[str, str] = {
    "fees": "--accent",
    "overage": "--accent-line",
    "commit_true_up": "--warn",
    "prepaid": "--good",
    "expired_credits": "--baseline",
}
"""Each line differs from its neighbour in lightness too, and carries its name."""


def revenue_panels(outputs: Outputs) -> list[Panel]:
    """A panel for each side that was simulated, the candidate first, all on one scale."""
    rows = outputs["revenue_lines"]["by_period"]
    sides = [side for side in reversed(SIDES) if all(row[side] is not None for row in rows)]
    totals = [sum(Decimal(row[side][line]) for line in LINES) for row in rows for side in sides]
    most = max(totals, default=Decimal(0)) or Decimal(1)
    panels = [_panel(side, rows, most) for side in sides]
    return [panel | ({"repeats": True} if at else {}) for at, panel in enumerate(panels)]


def _panel(side: str, rows: Json, most: Decimal) -> Panel:
    names = [f"Period {row['index'] + 1}" for row in rows]
    used = [line for line in LINES if any(Decimal(row[side][line]) for row in rows)]
    return {
        "title": f"{side.capitalize()}, USD per period",
        "height": max(2, len(rows)) * ROW_HEIGHT * 2,
        "traces": [_trace(side, line, used[: used.index(line)], rows) for line in used],
        "shapes": [],
        "annotations": [],
        "xaxis": {"range": [0, most * (1 + ROOM)], "tickformat": usd_ticks(most), "nticks": 4},
        "yaxis": categories(names),
    }


def _trace(side: str, line: str, before: list[str], rows: Json) -> Panel:
    """The part of a line in each bar, which begins where the lines before it end; its longest part has its name."""
    amounts = [Decimal(row[side][line]) for row in rows]
    longest = amounts.index(max(amounts))
    return {
        "type": "bar",
        "orientation": "h",
        "x": amounts,
        "base": [sum((Decimal(row[side][name]) for name in before), Decimal(0)) for row in rows],
        "y": list(range(len(rows))),
        "width": Decimal("0.6"),
        "text": [LINES[line] if at == longest else "" for at in range(len(rows))],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "hovertext": [
            f"Period {row['index'] + 1}, {period_span(row)}<br>{LINES[line]}: {money_text(amount)}"
            for row, amount in zip(rows, amounts, strict=True)
        ],
        "hoverinfo": "text",
        "marker": {"color": COLOURS[line], "line": {"color": "--surface", "width": 1}},
    }
