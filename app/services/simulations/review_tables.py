"""Tables of a run's outputs: shown beneath each picture of the review, and downloaded as CSV. Pure.

A cell is a value of its column's kind, None for "not measured", or words where no number would be true ("no revenue").
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeVar

from rules.amounts import price_text
from simulation.canonical import Json, JsonObject
from simulation.output_shapes import AmountsRow, Comparison, PeriodRow, PoolRow, UnitRow
from simulation.window_shapes import PeriodFields

Outputs = Mapping[str, Json]
"""The outputs of a stored run, as `simulation.output_shapes` names them; runs of older versions lack some parts."""
Cell = str | int | Decimal | None
Amount = Literal["revenue_usd", "cost_usd"]
Compared = Comparison | UnitRow
Row = TypeVar("Row", bound=Comparison | UnitRow)

NO_REVENUE = "no revenue"
ABSENT = "none"
"""A pool or unit that this side does not have."""
PLAN = "Plan"
"""The row, of no pool and no unit, for what a price plan bills beside them: fees, purchases, true-up less credits."""
NO_END = "no limit"
"""The outer edge of the outermost bins."""
SIDES: tuple[Literal["baseline", "candidate"], ...] = ("baseline", "candidate")
PERCENTILES: Mapping[str, str] = {
    "p5": "5th percentile",
    "p25": "25th percentile",
    "p50": "Median",
    "p75": "75th percentile",
    "p95": "95th percentile",
}


@dataclass(frozen=True)
class Column:
    """One column: `name` is its heading in the CSV, `label`, with its unit, on the page.

    `kind` is text, words, id, line, money, share or quantity, or the difference of two such numbers: money_change,
    share_change. The page shows columns of one `group` in one cell: before, after and change, or a name and its id.
    """

    name: str
    label: str
    kind: str
    group: str = ""


@dataclass(frozen=True)
class Table:
    """One table; `name` is its part of the CSV's address, `of` the noun for what a row is about."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    of: str = "customer"


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
    """Whether the run compared the candidate with another version."""
    return outputs["economics"]["baseline"] is not None


def margin_of(amounts: AmountsRow | None) -> Cell:
    """The margin of one side; in words when there was no revenue to take a share of."""
    if amounts is None:
        return None
    return NO_REVENUE if amounts["no_revenue"] else amounts["margin"]


def margin_change(row: Compared) -> Cell:
    """The difference of both margins; in words when either side has no revenue."""
    if row["delta"] is None:
        return None
    sides = [row[side] for side in SIDES]
    return NO_REVENUE if any(amounts and amounts["no_revenue"] for amounts in sides) else row["delta"]["margin"]


def period_span(period: PeriodFields) -> str:
    """`2026-01-30 to 2026-03-01`."""
    return f"{period['start'][:10]} to {period['end'][:10]}"


def pool_labels(outputs: Outputs) -> dict[str | None, str]:
    """pool_id → label, for the candidate's pools; None is the row of a price plan."""
    named: dict[str | None, str] = {None: PLAN}
    return named | {row["pool_id"]: row["label"] or row["pool_id"] or PLAN for row in outputs["pool_breakdown"]}


def periods(outputs: Outputs) -> Table:
    """Revenue, cost and margin by period."""
    head = (Column("period", "Period", "quantity"), Column("days", "Days", "text"))
    rows: list[PeriodRow] = outputs["economics"]["by_period"]
    return _economics(outputs, "periods", "By period", head, rows, lambda row: (row["index"] + 1, period_span(row)))


def pools(outputs: Outputs) -> Table:
    """Revenue, cost and margin by pool; a pool that only one side has is not measured on the other."""
    labels = pool_labels(outputs)
    rows: list[PoolRow] = outputs["economics"]["by_pool"]

    def head_of(row: PoolRow) -> tuple[Cell, ...]:
        return labels.get(row["pool_id"], "only in the baseline"), row["pool_id"] or ""

    return _economics(outputs, "pools", "By pool", POOL, rows, head_of)


def units(outputs: Outputs) -> Table:
    """Revenue, cost and margin by value unit."""
    head = (Column("name", "Name", "text", "Value unit"), Column("value_unit_id", "Value unit", "id", "Value unit"))
    rows: list[UnitRow] = outputs["economics"]["by_unit"]
    return _economics(outputs, "units", "By value unit", head, rows, _unit_head)


def _unit_head(row: UnitRow) -> tuple[Cell, ...]:
    return row["name"] or PLAN, row["value_unit_id"] or ""


def _economics(
    outputs: Outputs,
    name: str,
    caption: str,
    head: tuple[Column, ...],
    rows: list[Row],
    head_of: Callable[[Row], tuple[Cell, ...]],
) -> Table:
    """A table of revenue, cost and margin: both sides and the change, or the candidate alone without a baseline."""
    compared = has_baseline(outputs)
    cells = [head_of(row) + (_compared(row) if compared else _alone(row["candidate"])) for row in rows]
    return Table(name, caption, (*head, *(COMPARED if compared else ALONE)), cells)


def _compared(row: Compared) -> tuple[Cell, ...]:
    margins = [ABSENT if row[side] is None else margin_of(row[side]) for side in SIDES]
    change = "" if row["delta"] is None else margin_change(row)
    return (*_three(row, "revenue_usd"), *_three(row, "cost_usd"), *margins, change)


def _three(row: Compared, name: Amount) -> tuple[Cell, ...]:
    """Before, after and change of an amount; the change is empty where only one side has the row."""
    before, after, change = row["baseline"], row["candidate"], row["delta"]
    return (
        before[name] if before else ABSENT,
        after[name] if after else ABSENT,
        change[name] if change else "",
    )


def _alone(amounts: AmountsRow | None) -> tuple[Cell, ...]:
    if amounts is None:
        return None, None, None
    return amounts["revenue_usd"], amounts["cost_usd"], margin_of(amounts)


def breakdown(outputs: Outputs) -> Table:
    """Units drawn from each pool's allowance and beyond it; the rows add up to the headline."""
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
    rows = [_breakdown_row(row, columns) for row in outputs["pool_breakdown"]]
    return Table("breakdown", "Candidate's pools in units", columns, rows)


def _breakdown_row(row: Mapping[str, Json], columns: Sequence[Column]) -> tuple[Cell, ...]:
    """The cells of a pool; the row of a price plan has money alone, and none of the rest is missing there."""
    if row["pool_id"] is not None:
        return tuple(row[column.name] for column in columns)
    amounts = {name: row[name] for name in ("cost_usd", "revenue_usd")}
    return tuple({"label": PLAN, **amounts}.get(column.name, "") for column in columns)


def bill_changes(outputs: Outputs) -> Table:
    """The percentiles of the change of a customer's bill over the window; no row without a baseline."""
    columns = (Column("percentile", "Customers", "text"), Column("bill_change_usd", "Change, USD", "money_change"))
    changes = outputs["customer_impact"]["bill_change_usd"]
    rows = [] if changes is None else [(label, changes[name]) for name, label in PERCENTILES.items()]
    return Table("bill-change", "Change of a customer's bill over the window", columns, rows, "percentile")


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


def distribution(outputs: Outputs) -> Table:
    """The bins of the histogram of bill changes; no row for runs of older versions, which have none."""
    columns = (
        Column("from_usd", "Change from, USD", "money"),
        Column("to_usd", "To, USD", "money"),
        Column("customers", "Customers", "quantity"),
    )
    rows = [
        (*(NO_END if row[name] is None else row[name] for name in ("from_usd", "to_usd")), row["customers"])
        for row in outputs["customer_impact"].get("distribution", ())
    ]
    return Table("bill-distribution", "Customers by change of their bill", columns, rows, "bin")


def thresholds(outputs: Outputs) -> Table:
    """How many customers reach each threshold of the allowance and the spend cap, and when the first one does."""
    columns = (
        Column("limit", "Limit", "text"),
        Column("action", "Then", "words"),
        Column("customers", "Customers", "quantity"),
        Column("first_period", "First in period", "quantity"),
        Column("days", "Days", "text"),
    )
    rows = [(limit_text(row), row["action"], row["customers"], *_first(row["first_period"])) for row in limits(outputs)]
    return Table("limits", "Customers at thresholds and cap", columns, rows)


def limits(outputs: Outputs) -> list[JsonObject]:
    """The thresholds, then the spend cap if there is one, as rows with customers, first_period and action."""
    forecast = outputs["enforcement_forecast"]
    cap = forecast["spend_cap"]
    more = {"action": cap["at_cap_action"], "customers": forecast["customers_over_spend_cap"]} if cap else {}
    return [*forecast["thresholds"], *([cap | more] if cap else [])]


def crossing_limits(outputs: Outputs) -> list[JsonObject]:
    """`limits` with by_period and first_crossings; none for runs of older versions, which lack both."""
    return [row for row in limits(outputs) if "by_period" in row]


def limit_text(row: Mapping[str, Json]) -> str:
    """`90 % of a pool's allowance`, `above $50.00 in a period`."""
    if "percent" in row:
        return f"{row['percent']} % of a pool's allowance"
    return f"above {price_text(row['monthly_spend_cap_usd'])} in a period"


def crossings(outputs: Outputs) -> Table:
    """How many customers cross each limit for the first time, by period."""
    spans = map(period_span, outputs["window"]["periods"])
    columns = (
        Column("limit", "Limit", "text"),
        *(Column(f"period_{number}", f"{number}: {span}", "quantity") for number, span in enumerate(spans, 1)),
    )
    rows = [(limit_text(row), *row["by_period"]) for row in crossing_limits(outputs)]
    return Table("crossings", "First crossings by period", columns, rows, "limit")


def first_crossings(outputs: Outputs) -> Table:
    """The first customers at each limit, by period and then by customer."""
    columns = (
        Column("limit", "Limit", "text"),
        Column("customer_id", "Customer", "id"),
        Column("period", "First in period", "quantity"),
        Column("days", "Days", "text"),
    )
    periods = outputs["window"]["periods"]
    rows = [
        (limit_text(row), first["customer_id"], *_first(periods[first["period_index"]]))
        for row in crossing_limits(outputs)
        for first in row["first_crossings"]
    ]
    return Table("first-crossings", "The first to cross each limit", columns, rows, "crossing")


def _first(period: PeriodFields | None) -> tuple[Cell, Cell]:
    """Number and span of the period in which a limit is first crossed."""
    return ("never", "") if period is None else (period["index"] + 1, period_span(period))


TABLES: tuple[Callable[[Outputs], Table], ...] = (
    periods,
    pools,
    bill_changes,
    distribution,
    worst,
    thresholds,
    crossings,
    first_crossings,
    units,
    breakdown,
)
"""Every table that can be downloaded."""
