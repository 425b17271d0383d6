"""The four pictures of a review, each of one or more panels, which stand side by side or, on a narrow page, stacked."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from operator import itemgetter

from admin_views.screens.chart_panels import (
    COLOURS,
    ROOM,
    ROW_HEIGHT,
    Number,
    Panel,
    bars,
    both,
    categories,
    counts,
    draw_line,
    lines,
    usd_ticks,
)
from admin_views.screens.simulations.review_bills import bill_changes
from admin_views.screens.simulations.review_revenue import revenue_panels
from app.services.simulations.review_plan import applies
from app.services.simulations.review_tables import (
    SIDES,
    Outputs,
    crossing_limits,
    has_baseline,
    period_span,
    pool_labels,
)
from rules.amounts import money_text, percent_text, price_text, quantity_text
from simulation.canonical import Json, JsonObject

BAR_HEIGHT = 19
"""Height in pixels of a bar that shares its row with others."""


def figures_of(outputs: Outputs, floor: Number | None) -> dict[str, Panel]:
    """`{name, panels}` by name. A figure that would show a single number is left out: its title says the number."""
    economics, impact = outputs["economics"], outputs["customer_impact"]
    drawn = {
        "periods": _periods(outputs, floor) if len(economics["by_period"]) > 1 else [],
        "revenue": revenue_panels(outputs) if applies(outputs) else [],
        "pools": _pools(outputs) if has_baseline(outputs) or len(economics["by_pool"]) > 1 else [],
        "bill-change": bill_changes(impact) if _is_spread(impact) else [],
        "limits": _limits(outputs) if impact["customers"] > 1 else [],
    }
    return {name: {"name": name, "panels": panels} for name, panels in drawn.items() if panels}


def _is_spread(impact: Mapping[str, Json]) -> bool:
    """Whether bills change by different amounts."""
    changes = impact["bill_change_usd"]
    occupied = sum(1 for row in impact.get("distribution", ()) if row["customers"])
    return changes is not None and (occupied > 1 or changes["p5"] != changes["p95"])


def _periods(outputs: Outputs, floor: Number | None) -> list[Panel]:
    """Revenue and cost on one scale, and the margin against the floor."""
    rows = outputs["economics"]["by_period"]
    days = [period_span(row) for row in rows]
    sides = {name: both(rows, itemgetter(name)) for name in ("revenue_usd", "cost_usd")}
    amounts = [value for measured in sides.values() for values in measured.values() for value in values if value]
    span = (min(0, *amounts, 0), max(1 if not amounts else 0, *amounts, 0) * (1 + ROOM))
    panels = [
        lines("Revenue, USD per period", days, sides["revenue_usd"], span, money_text),
        lines("Cost, USD per period", days, sides["cost_usd"], span, money_text),
    ]
    for panel in panels:
        panel["yaxis"] |= {"tickformat": usd_ticks(span[1]), "nticks": 5}
    panels[1]["repeats"] = True
    return [*panels, _margins(rows, days, floor)]


def _margins(rows: Sequence[JsonObject], days: Sequence[str], floor: Number | None) -> Panel:
    """The margin by period, with a line at the floor."""
    sides = both(rows, lambda side: None if side["no_revenue"] else side["margin"] * 100)
    shown = [value for values in sides.values() for value in values if value is not None]
    shown += [] if floor is None else [floor * 100]
    low, high = min(shown, default=0), max(shown, default=100)
    room = (high - low) * ROOM or 5
    span = (low - room, high + 2 * room)
    panel = lines("Margin, %", days, sides, span, lambda value: percent_text(value / Decimal(100)))
    panel["yaxis"] |= {"ticksuffix": " %", "nticks": 5}
    if floor is not None:
        draw_line(panel, "y", floor * 100, f"floor {percent_text(floor)}")
    return panel


def _pools(outputs: Outputs) -> list[Panel]:
    """Revenue and cost of each pool, candidate against baseline."""
    rows, names = outputs["economics"]["by_pool"], pool_labels(outputs)
    labels = [names.get(row["pool_id"], row["pool_id"]) for row in rows]
    revenue = bars("Revenue, USD", labels, both(rows, lambda side: side["revenue_usd"]), money_text)
    cost = bars("Cost, USD", labels, both(rows, lambda side: side["cost_usd"]), money_text)
    return [revenue, cost | {"repeats": True}]


def _limits(outputs: Outputs) -> list[Panel]:
    """Customers who reach each limit, and in which period for the first time; the largest bill against the cap."""
    forecast, everyone = outputs["enforcement_forecast"], outputs["customer_impact"]["customers"]
    rows = crossing_limits(outputs) or forecast["thresholds"]
    names = [_limit_name(row) for row in rows]
    crossings = [row["by_period"] for row in rows if len(row.get("by_period", ())) > 1]
    texts = [
        f"{quantity_text(row['customers'])} of {quantity_text(everyone)}"
        f"{'' if crossings else _since(row['first_period'])}"
        for row in rows
    ]
    numbers = [row["customers"] for row in rows]
    panels = [counts("Customers who reach it", names, numbers, everyone, texts)] if rows else []
    if crossings:
        by_period = _by_period(names, crossings)
        panels = [panels[0] | {"height": by_period["height"]}, by_period | {"repeats": True}]
    return panels + ([_cap(forecast["spend_cap"])] if forecast["spend_cap"] else [])


def _limit_name(row: Mapping[str, Json]) -> str:
    """The name of a limit: `90 % throttle`, `cap require approval`."""
    limit = f"{row['percent']} %" if "percent" in row else "cap"
    return f"{limit} {row.get('action') or row.get('at_cap_action') or ''}".replace("_", " ").strip()


def _by_period(names: Sequence[str], crossings: Sequence[Sequence[int]]) -> Panel:
    """A bar for each period beside each limit: how many customers cross it in that period for the first time."""
    periods = len(crossings[0])
    step = Decimal("0.84") / periods
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "x": [row[at] for row in crossings],
            "y": [row + step * (at - Decimal(periods - 1) / 2) for row in range(len(names))],
            "width": step * Decimal("0.8"),
            "text": [f"{quantity_text(row[at])} in period {at + 1}" for row in crossings],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertext": [
                f"{name}: {quantity_text(row[at])} first in period {at + 1}"
                for name, row in zip(names, crossings, strict=True)
            ],
            "hoverinfo": "text",
            "marker": {"color": COLOURS["candidate"]},
        }
        for at in range(periods)
    ]
    most = max(max(row) for row in crossings)
    return {
        "title": "For the first time, by period",
        "height": len(names) * periods * BAR_HEIGHT,
        "traces": traces,
        "shapes": [],
        "annotations": [],
        "xaxis": {"range": [0, most or 1], "tickformat": ",d", "nticks": 4},
        "yaxis": categories(names),
    }


def _since(period: Mapping[str, Json] | None) -> str:
    return f", from period {period['index'] + 1}" if period else ""


def _cap(cap: Mapping[str, Json]) -> Panel:
    """The largest bill of one customer in one period against the cap."""
    largest, limit = cap["largest_spend_usd"], cap["monthly_spend_cap_usd"]
    panel = bars("Largest bill in a period", ["One customer"], {SIDES[1]: [largest]}, money_text)
    panel["height"] = 3 * ROW_HEIGHT
    panel["yaxis"]["tickvals"] = []
    panel["xaxis"]["range"] = [0, max(largest, limit) * (1 + ROOM)]
    draw_line(panel, "x", limit, f"cap {price_text(limit)}")
    return panel
