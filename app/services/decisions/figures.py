"""Figures of two runs, or of a run's baseline and candidate, as rows of text with the better side named. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from app.services.wording.words import PRICING_MODES, SHARES, difference_text, moment_text, value_text
from rules.labels import label_text
from simulation.canonical import Json

Number = int | Decimal
A, B = "a", "b"
BETTER: Mapping[str, int] = {
    "revenue_usd": 1,
    "cost_usd": -1,
    "margin": 1,
    "gross_margin": 1,
    "paid_engagement_retention_90d": 1,
    "monthly_churn_rate": -1,
    "margin_floor_violations": -1,
}
"""1 where more is better, −1 where less is; other figures are left to the operator's judgement."""
ECONOMICS = ("revenue_usd", "cost_usd", "margin")
SIDES = ("baseline", "candidate")
SHARE_PLACES = 3
BASIS: Mapping[str, str] = {
    "pricing_mode": "Pricing mode",
    "historical_window_days": "Window",
    "as_of": "Window ends",
    "segment": "Segment",
    "include_exploration_in_results": "Exploration counts",
}
"""What two runs must have been asked alike, for a figure of one to be better than the other's: field → its label."""
MARGINS = frozenset({"margin", "gross_margin"})


@dataclass(frozen=True)
class FigureRow:
    """One figure of two sides as text; `difference` is b − a, empty without one; `better` is `a`, `b` or None."""

    metric_id: str
    label: str
    a: str
    b: str
    difference: str
    better: str | None


@dataclass(frozen=True)
class BasisRow:
    """One thing that two runs were asked, as text, and whether they were asked it differently."""

    label: str
    a: str
    b: str
    differs: bool


def basis_rows(basis: Mapping[str, Json]) -> list[BasisRow]:
    """Rows of text from `compare.simulation_basis`."""
    a, b, differing = basis["a"], basis["b"], basis["differs"]
    return [
        BasisRow(label, _basis_text(name, a[name]), _basis_text(name, b[name]), name in differing)
        for name, label in BASIS.items()
    ]


def _basis_text(name: str, value: Json) -> str:
    match name:
        case "pricing_mode":
            return PRICING_MODES.get(value, "not said")
        case "historical_window_days" if isinstance(value, int | Decimal):
            return f"{value} days"
        case "historical_window_days":
            return "the bundled demo events" if value else "not said"
        case "as_of":
            return moment_text(datetime.fromisoformat(value)) if isinstance(value, str) else value_text(name, value)
        case "segment":
            return value or "every segment"
    return value_text(name, value)


def figure_rows(figures: Iterable[Mapping[str, Json]], *, judged: bool = True) -> list[FigureRow]:
    """Rows of text from `{metric_id, a, b}`: None is "not measured", and a margin without revenue is "no revenue".

    The margin stands once: a declared `gross_margin` is the same figure. `judged` False names no better side.
    """
    by_name = {row["metric_id"]: row for row in figures}
    if "margin" in by_name:
        by_name.pop("gross_margin", None)
    rows = [_row(row, by_name.get("revenue_usd", {})) for row in by_name.values()]
    return rows if judged else [replace(row, better=None) for row in rows]


def simulated(outputs: Mapping[str, Json]) -> list[FigureRow]:
    """A run's money and declared metrics: `a` is the baseline, `b` the candidate."""
    economics, metrics = outputs.get("economics") or {}, outputs.get("metrics") or {}
    money = {name: {side: (economics.get(side) or {}).get(name) for side in SIDES} for name in ECONOMICS}
    return figure_rows(
        {"metric_id": name, "a": row.get("baseline"), "b": row.get("candidate")}
        for name, row in (money | metrics).items()
    )


def _row(row: Mapping[str, Json], revenue: Mapping[str, Json]) -> FigureRow:
    name = row["metric_id"]
    earned = {side: name not in MARGINS or revenue.get(side) != 0 for side in (A, B)}
    is_comparable = all(earned.values())
    return FigureRow(
        metric_id=name,
        label=label_text(name),
        a=_text(name, row[A], earned[A]),
        b=_text(name, row[B], earned[B]),
        difference=difference_text(name, _rounded(name, row[A]), _rounded(name, row[B])) if is_comparable else "",
        better=_better(name, row[A], row[B]) if is_comparable else None,
    )


def _text(name: str, value: Number | None, earned: bool) -> str:
    if value is None:
        return "not measured"
    return value_text(name, _rounded(name, value)) if earned else "no revenue"


def _rounded(name: str, value: Number | None) -> Number | None:
    """A simulated share to a tenth of a per cent: further places would only distract a reader."""
    return round(Decimal(value), SHARE_PLACES) if name in SHARES and value is not None else value


def _better(name: str, a: Number | None, b: Number | None) -> str | None:
    direction = BETTER.get(name, 0)
    if a is None or b is None or a == b or not direction:
        return None
    return B if (b > a) == (direction > 0) else A
