"""A run's outputs as tables: what stands beneath each picture of the review, and what its CSV holds. Pure.

A cell is a value of its column's kind, None for "not measured", or words where no number would be true ("no revenue").
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.services.plain_words import money_text

Json = Any
Outputs = Mapping[str, Json]
Cell = str | int | Decimal | None

NO_REVENUE = "no revenue"
ABSENT = "none"
"""A pool or unit that this side does not have."""
SIDES = ("baseline", "candidate")
PERCENTILES: Mapping[str, str] = {
    "p5": "5th percentile",
    "p25": "25th percentile",
    "p50": "Median",
    "p75": "75th percentile",
    "p95": "95th percentile",
}


@dataclass(frozen=True)
class Column:
    """`name` heads the CSV, `label`, with its unit, the page.

    `kind` is text, words, id, money, share or quantity, or the difference of two such numbers: money_change,
    share_change. The page shows columns of one `group` in one cell: before, after and change, or a name and its id.
    """

    name: str
    label: str
    kind: str
    group: str = ""


@dataclass(frozen=True)
class Table:
    """`name` is its part of the CSV's address; the first column names the row."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]


COMPARED = (
    Column("baseline_revenue_usd", "Revenue before, USD", "money", "Revenue, USD"),
    Column("candidate_revenue_usd", "Revenue after, USD", "money", "Revenue, USD"),
    Column("revenue_change_usd", "Change, USD", "money_change", "Revenue, USD"),
    Column("baseline_cost_usd", "Cost before, USD", "money", "Cost, USD"),
    Column("candidate_cost_usd", "Cost after, USD", "money", "Cost, USD"),
    Column("cost_change_usd", "Change, USD", "money_change", "Cost, USD"),
    Column("baseline_margin", "Margin before", "share", "Margin"),
    Column("candidate_margin", "Margin after", "share", "Margin"),
    Column("margin_change", "Change", "share_change", "Margin"),
)
POOL = (Column("label", "Name", "text", "Pool"), Column("pool_id", "Pool", "id", "Pool"))
ALONE = (
    Column("revenue_usd", "Revenue, USD", "money"),
    Column("cost_usd", "Cost, USD", "money"),
    Column("margin", "Margin", "share"),
)


def has_baseline(outputs: Outputs) -> bool:
    """Whether the run compared with another version."""
    return outputs["economics"]["baseline"] is not None


def margin_of(amounts: Json) -> Cell:
    """The margin of one side; in words when there was no revenue to take a share of."""
    if amounts is None:
        return None
    return NO_REVENUE if amounts["no_revenue"] else amounts["margin"]


def margin_change(row: Json) -> Cell:
    """The difference of both margins; in words when either side has none."""
    if row["delta"] is None:
        return None
    return NO_REVENUE if any(row[side]["no_revenue"] for side in SIDES) else row["delta"]["margin"]


def period_span(period: Json) -> str:
    """`2026-01-30 to 2026-03-01`."""
    return f"{period['start'][:10]} to {period['end'][:10]}"


def pool_labels(outputs: Outputs) -> dict[str, str]:
    """The names of the candidate's pools by pool_id."""
    return {row["pool_id"]: row["label"] or row["pool_id"] for row in outputs["pool_breakdown"]}


def periods(outputs: Outputs) -> Table:
    """Revenue, cost and margin by period."""
    head = (Column("period", "Period", "quantity"), Column("days", "Days", "text"))
    rows = outputs["economics"]["by_period"]
    return _economics(outputs, "periods", "By period", head, rows, lambda row: (row["index"] + 1, period_span(row)))


def pools(outputs: Outputs) -> Table:
    """The same by pool; a pool that only one side has is not measured on the other."""
    names = pool_labels(outputs)
    head = POOL
    return _economics(
        outputs,
        "pools",
        "By pool",
        head,
        outputs["economics"]["by_pool"],
        lambda row: (names.get(row["pool_id"], "only in the baseline"), row["pool_id"]),
    )


def units(outputs: Outputs) -> Table:
    """The same by value unit."""
    head = (Column("name", "Name", "text", "Value unit"), Column("value_unit_id", "Value unit", "id", "Value unit"))
    rows = outputs["economics"]["by_unit"]
    return _economics(outputs, "units", "By value unit", head, rows, lambda row: (row["name"], row["value_unit_id"]))


def _economics(
    outputs: Outputs,
    name: str,
    caption: str,
    head: tuple[Column, ...],
    rows: list[Json],
    about: Callable[[Json], tuple[Cell, ...]],
) -> Table:
    compared = has_baseline(outputs)
    amounts = _compared if compared else _alone
    columns = (*head, *(COMPARED if compared else ALONE))
    return Table(name, caption, columns, [(*about(row), *amounts(row)) for row in rows])


def _compared(row: Json) -> tuple[Cell, ...]:
    revenue, cost = (_three(row, name) for name in ("revenue_usd", "cost_usd"))
    margins = [ABSENT if row[side] is None else margin_of(row[side]) for side in SIDES]
    return (*revenue, *cost, *margins, "" if row["delta"] is None else margin_change(row))


def _three(row: Json, name: str) -> list[Cell]:
    """Before, after and change of an amount; no change of what only one side has."""
    return [*(row[side][name] if row[side] else ABSENT for side in SIDES), row["delta"][name] if row["delta"] else ""]


def _alone(row: Json) -> tuple[Cell, ...]:
    amounts = row["candidate"]
    return amounts["revenue_usd"], amounts["cost_usd"], margin_of(amounts)


def breakdown(outputs: Outputs) -> Table:
    """How much of each pool was drawn from its allowance and how much beyond; the rows sum to the headline."""
    columns = (
        *POOL,
        Column("value_unit_id", "Value unit", "id"),
        Column("total_units", "Units", "quantity"),
        Column("included_units", "Included, units", "quantity"),
        Column("overage_units", "Beyond, units", "quantity", "Beyond, units"),
        Column("overage_behavior", "Then", "words", "Beyond, units"),
        Column("cost_usd", "Cost, USD", "money"),
        Column("revenue_usd", "Revenue, USD", "money"),
    )
    rows = [tuple(row[column.name] for column in columns) for row in outputs["pool_breakdown"]]
    return Table("breakdown", "Candidate's pools in units", columns, rows)


def bill_changes(outputs: Outputs) -> Table:
    """The percentiles of the change of a customer's bill over the window; no row without a baseline."""
    columns = (Column("percentile", "Customers", "text"), Column("bill_change_usd", "Change, USD", "money_change"))
    changes = outputs["customer_impact"]["bill_change_usd"]
    rows = [] if changes is None else [(said, changes[name]) for name, said in PERCENTILES.items()]
    return Table("bill-change", "Change of a customer's bill over the window", columns, rows)


def worst(outputs: Outputs) -> Table:
    """The twenty customers whose bill rises most."""
    columns = (
        Column("customer_id", "Customer", "id"),
        Column("baseline_bill_usd", "Bill before, USD", "money"),
        Column("candidate_bill_usd", "Bill after, USD", "money"),
        Column("bill_change_usd", "Change, USD", "money_change"),
    )
    rows = [tuple(row[column.name] for column in columns) for row in outputs["customer_impact"]["worst_20"]]
    return Table("customers", "Largest changes", columns, rows)


def thresholds(outputs: Outputs) -> Table:
    """Who reaches each threshold of the allowance and the spend cap, and in which period the first one does."""
    columns = (
        Column("limit", "Limit", "text"),
        Column("action", "Then", "words"),
        Column("customers", "Customers", "quantity"),
        Column("first_period", "First in period", "quantity"),
        Column("days", "Days", "text"),
    )
    forecast = outputs["enforcement_forecast"]
    rows = [
        (f"{row['percent']} % of a pool's allowance", row["action"], row["customers"], *_first(row["first_period"]))
        for row in forecast["thresholds"]
    ]
    if cap := forecast["spend_cap"]:
        limit = f"above {money_text(cap['monthly_spend_cap_usd'])} in a period"
        rows.append((limit, cap["at_cap_action"], forecast["customers_over_spend_cap"], *_first(cap["first_period"])))
    return Table("limits", "Customers at thresholds and cap", columns, rows)


def _first(period: Json) -> tuple[Cell, Cell]:
    return ("never", "") if period is None else (period["index"] + 1, period_span(period))


TABLES: tuple[Callable[[Outputs], Table], ...] = (
    periods,
    pools,
    bill_changes,
    worst,
    thresholds,
    units,
    breakdown,
)
"""All that can be downloaded."""
