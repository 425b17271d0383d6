"""The four pictures of a review, each one or more panels: side by side where there is room, stacked where not."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from admin_views.screens.chart_panels import (
    ROOM,
    ROW_HEIGHT,
    Json,
    Number,
    bars,
    both,
    counts,
    draw_line,
    label,
    lines,
    usd_ticks,
)
from app.services.plain_words import money_text, quantity_text
from app.services.review_tables import SIDES, Outputs, has_baseline, period_span, pool_labels
from app.services.review_titles import amount, money, share
from simulation.canonical import canonical_text


def figures(outputs: Outputs, floor: Number | None) -> dict[str, Json]:
    """`{name, panels}` by name; a figure that would show a single number is not drawn, its sentence says it."""
    economics, impact = outputs["economics"], outputs["customer_impact"]
    changes = impact["bill_change_usd"] or {"p5": None, "p95": None}
    drawn = {
        "periods": _periods(outputs, floor) if len(economics["by_period"]) > 1 else [],
        "pools": _pools(outputs) if has_baseline(outputs) or len(economics["by_pool"]) > 1 else [],
        "bill-change": _bill_changes(impact) if changes["p5"] != changes["p95"] else [],
        "limits": _limits(outputs) if impact["customers"] > 1 else [],
    }
    return {name: {"name": name, "panels": panels} for name, panels in drawn.items() if panels}


def figure_json(figure: Json) -> str:
    """Canonical JSON that may stand in a script element."""
    return canonical_text(figure).replace("<", "\\u003c")


def _periods(outputs: Outputs, floor: Number | None) -> list[Json]:
    """Revenue and cost on one scale, margin against the floor."""
    rows = outputs["economics"]["by_period"]
    days = [period_span(row) for row in rows]
    sides = {name: both(rows, lambda side, name=name: side[name]) for name in ("revenue_usd", "cost_usd")}
    known = [value for measured in sides.values() for values in measured.values() for value in values if value]
    span = (min(0, *known, 0), max(1 if not known else 0, *known, 0) * (1 + ROOM))
    panels = [
        lines("Revenue, USD per period", days, sides["revenue_usd"], span, money),
        lines("Cost, USD per period", days, sides["cost_usd"], span, money),
    ]
    for panel in panels:
        panel["yaxis"] |= {"tickformat": usd_ticks(span[1]), "nticks": 5}
    panels[1]["repeats"] = True
    return [*panels, _margins(rows, days, floor)]


def _margins(rows: list[Any], days: list[str], floor: Number | None) -> Json:
    sides = both(rows, lambda side: None if side["no_revenue"] else side["margin"] * 100)
    known = [value for values in sides.values() for value in values if value is not None]
    known += [] if floor is None else [floor * 100]
    least, most = min(known, default=0), max(known, default=100)
    room = (most - least) * ROOM or 5
    span = (least - room, most + 2 * room)
    panel = lines("Margin, %", days, sides, span, lambda value: share(value / Decimal(100)))
    panel["yaxis"] |= {"ticksuffix": " %", "nticks": 5}
    if floor is not None:
        draw_line(panel, "y", floor * 100, f"floor {share(floor)}")
    return panel


def _pools(outputs: Outputs) -> list[Json]:
    """Candidate against baseline, pool by pool."""
    rows, names = outputs["economics"]["by_pool"], pool_labels(outputs)
    labels = [names.get(row["pool_id"], row["pool_id"]) for row in rows]
    revenue = bars("Revenue, USD", labels, both(rows, lambda side: side["revenue_usd"]), money)
    cost = bars("Cost, USD", labels, both(rows, lambda side: side["cost_usd"]), money)
    return [revenue, cost | {"repeats": True}]


def _bill_changes(impact: Any) -> list[Json]:
    """How far bills move, and how many customers on which side of zero."""
    everyone = impact["customers"]
    numbers = {"pay less": impact["billed_less"], "pay more": impact["billed_more"]}
    numbers["pay the same"] = everyone - sum(numbers.values())
    said = [f"{quantity_text(number)} of {quantity_text(everyone)}" for number in numbers.values()]
    return [_spread(impact["bill_change_usd"]), counts("Customers", numbers, everyone, said)]


def _spread(changes: Mapping[str, Number]) -> Json:
    """From p5 to p95 a thin line, from p25 to p75 a thick one, a mark at the median; zero is a line of its own."""
    least, most = min(0, *changes.values()), max(0, *changes.values())
    room = (most - least) * ROOM or 1
    panel = {
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
    for names, shift in ((("p5", "p50", "p95"), 30), (("p25", "p75"), -30)):
        groups: list[list[str]] = []
        for name in names:
            if groups and changes[name] - changes[groups[-1][0]] < span * 2 * ROOM:
                groups[-1].append(name)
            else:
                groups.append([name])
        for group in groups:
            low, high = changes[group[0]], changes[group[-1]]
            said = signed(low) if low == high else f"{signed(low)} to {signed(high)}"
            text = f"{', '.join(group)}<br>{said}".replace("p50", "median")
            yield label((low + high) / Decimal(2), 0, text, yshift=shift, bgcolor="--surface")


def signed(value: Number) -> str:
    """`+$1.20`, `−$66.00`, `$0.00`."""
    return f"{'+' if value > 0 else ''}{money_text(amount(value))}"


def _limits(outputs: Outputs) -> list[Json]:
    """Who reaches which threshold and since when, and the largest bill against the cap."""
    forecast, everyone = outputs["enforcement_forecast"], outputs["customer_impact"]["customers"]
    rows = forecast["thresholds"]
    numbers = {f"{row['percent']} % {row['action'].replace('_', ' ')}": row["customers"] for row in rows}
    said = [
        f"{quantity_text(row['customers'])} of {quantity_text(everyone)}{_since(row['first_period'])}" for row in rows
    ]
    panels = [counts("Customers who reach it", numbers, everyone, said)] if rows else []
    return panels + ([_cap(forecast["spend_cap"])] if forecast["spend_cap"] else [])


def _since(first: Any) -> str:
    return f", from period {first['index'] + 1}" if first else ""


def _cap(cap: Any) -> Json:
    """The largest bill of one customer in one period against the cap."""
    largest, limit = cap["largest_spend_usd"], cap["monthly_spend_cap_usd"]
    panel = bars("Largest bill in a period, USD", ["One customer"], {SIDES[1]: [largest]}, money)
    panel["height"] = 3 * ROW_HEIGHT
    panel["yaxis"]["tickvals"] = []
    panel["xaxis"]["range"] = [0, max(largest, limit) * (1 + ROOM)]
    draw_line(panel, "x", limit, f"cap {money(limit)}")
    return panel
