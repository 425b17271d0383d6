"""The picture of a decision's evidence: customers reported so far against the forecast, by day and event type."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from admin_views.screens.chart_panels import COLOURS, PLOT_HEIGHT, ROOM, Panel, draw_line, figure_json
from app.services.evidence.comparison import Comparison, Evidence
from app.services.evidence.days import DailyComparison
from app.services.wording.words import plural
from rules import drift

NAME = "evidence-days"
MAX_PANELS = 3


@dataclass(frozen=True)
class DayTable:
    """The figures of the picture: a column for each event type, a row for each day, customers so far in the cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class EvidencePicture:
    """A finding in words, its drawing as JSON, and its figures as a table."""

    name: str
    title: str
    figure: str
    table: DayTable


def evidence_picture(evidence: Evidence, days: Iterable[DailyComparison]) -> EvidencePicture | None:
    """The picture of the evidence, None where nothing was forecast or the config was never in force."""
    series = {
        event_type: list(rows)
        for event_type, rows in groupby((row for row in days if row.action is None), lambda row: row.event_type)
    }
    if not series:
        return None
    shown = [row.event_type for row in _most_telling(evidence.by_event_type) if row.event_type in series]
    panels = [_panel(name, series[name]) for name in shown[:MAX_PANELS]]
    figure = figure_json({"name": NAME, "panels": panels})
    return EvidencePicture(NAME, finding(evidence), figure, _table(series))


def finding(evidence: Evidence) -> str:
    """The finding of the picture as a sentence."""
    worst = _most_telling(evidence.by_event_type)[0]
    if worst.verdict in drift.DRIFTED:
        name, customers = worst.event_type.replace("_", " "), plural(worst.customers_in_window, "customer")
        return f"{name.capitalize()} for {customers} where {worst.forecast_customers:,} were forecast"
    if evidence.forecast_days and evidence.observed_days < evidence.forecast_days:
        return f"Too early to tell: day {evidence.observed_days + 1} of {evidence.forecast_days} that were forecast"
    return "As many customers met the limits as were forecast, within chance or a factor of two"


def _most_telling(rows: Iterable[Comparison]) -> list[Comparison]:
    """The comparisons with a forecast: drifts first, and those that are off by the largest factor first."""

    def order(row: Comparison) -> tuple[bool, Decimal]:
        low, high = sorted((row.customers_in_window, row.forecast_customers or 0))
        return row.verdict not in drift.DRIFTED, -Decimal(high) / max(low, 1)

    return sorted((row for row in rows if row.forecast_customers is not None), key=order)


def _panel(event_type: str, rows: Sequence[DailyComparison]) -> Panel:
    """A line with a step for each day; the forecast is a line across, for it counts customers over the whole window."""
    forecast, name = rows[0].forecast_customers, event_type.replace("_", " ")
    most = max(forecast, rows[-1].customers, 1)
    hovers = [f"{row.day}<br>{plural(row.customers, 'customer')} so far, {row.new_customers:,} new" for row in rows]
    panel = {
        "title": f"{name.capitalize()}, customers",
        "height": PLOT_HEIGHT,
        "traces": [
            {
                "type": "scatter",
                "mode": "lines",
                "x": list(range(1, len(rows) + 1)),
                "y": [row.customers for row in rows],
                "hovertext": hovers,
                "hoverinfo": "text",
                "line": {"color": COLOURS["candidate"], "width": 3, "shape": "hv"},
                "cliponaxis": False,
            }
        ],
        "shapes": [],
        "annotations": [],
        "xaxis": {"title": {"text": "day in force"}, "range": [1, max(len(rows), 2)], "nticks": 5},
        "yaxis": {"range": [0, most * (1 + ROOM)], "nticks": 5},
    }
    draw_line(panel, "y", forecast, f"forecast {forecast:,}", colour="--ink-soft")
    return panel


def _table(series: dict[str, list[DailyComparison]]) -> DayTable:
    by_day = zip(*series.values(), strict=True)
    return DayTable(tuple(series), tuple((row[0].day, tuple(cell.customers for cell in row)) for row in by_day))
