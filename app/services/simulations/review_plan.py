"""Where the money of a run comes from, when a side has a price plan: lines, bills, credits and tiers as tables. Pure.

Every table is empty for a run that counts no plan, and in the proxy pricing modes, which leave the plan out.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from app.services.simulations.review_tables import (
    NO_END,
    SIDES,
    Cell,
    Column,
    Outputs,
    Table,
    has_baseline,
    period_span,
)
from app.services.wording.words import plural
from rules.amounts import money_text, percent_text
from simulation.canonical import Json

LINES: Mapping[str, str] = {
    "fees": "Fees",
    "overage": "Overage",
    "commit_true_up": "Commit true-up",
    "prepaid": "Prepaid credits",
    "expired_credits": "Expired credits",
}
"""The lines of which revenue and a bill are made, in their order; they sum to it."""
BELOW_COST = "below cost"
NOT_COUNTED = (
    "This run does not count it: revenue is overage at the target prices, without fees, tiers, credits and commit. "
    "Apps and ledgers go by the plan."
)
MODELS: Mapping[str, str] = {
    "per_unit": "one price",
    "graduated": "graduated",
    "volume": "volume",
    "package": "packages",
}


def applies(outputs: Outputs) -> bool:
    """Whether a price plan made the revenue of the run."""
    plan = outputs.get("price_plan")
    return bool(plan and plan["applied"] and outputs.get("revenue_lines"))


def left_out(outputs: Outputs, has_plan: bool) -> str:
    """What of the config's price plan the run leaves out, as a sentence; empty where it leaves out nothing."""
    plan = outputs.get("price_plan")
    if plan is None:
        return NOT_COUNTED if has_plan else ""
    return str(plan["left_out"] or "")


def revenue_lines(outputs: Outputs) -> Table:
    """Revenue by line; before, after and change where the run compared."""
    sides = outputs.get("revenue_lines") or {}
    compared = bool(sides) and sides["baseline"] is not None
    head = (Column("line", "Line", "line"),)
    money = (
        (
            Column("baseline_usd", "Revenue before, USD", "money", "Revenue, USD"),
            Column("candidate_usd", "Revenue after, USD", "money", "Revenue, USD"),
            Column("change_usd", "Change, USD", "money_change", "Revenue, USD"),
        )
        if compared
        else (Column("candidate_usd", "Revenue, USD", "money"),)
    )
    names = ("baseline", "candidate", "delta") if compared else ("candidate",)
    rows = [(LINES[line], *(sides[name][line] for name in names)) for line in LINES] if applies(outputs) else []
    return Table("revenue-lines", "Revenue by line", (*head, *money), rows, "line")


def lines_by_period(outputs: Outputs) -> Table:
    """Revenue of each period by line, each side on a row of its own."""
    columns = (
        Column("period", "Period", "quantity"),
        Column("days", "Days", "text"),
        Column("side", "Version", "words"),
        *(Column(f"{line}_usd", f"{label}, USD", "money") for line, label in LINES.items()),
    )
    rows: list[tuple[Cell, ...]] = [
        (row["index"] + 1, period_span(row), side, *(row[side][line] for line in LINES))
        for row in (outputs["revenue_lines"]["by_period"] if applies(outputs) else ())
        for side in SIDES
        if row[side] is not None
    ]
    return Table("revenue-lines-by-period", "Revenue by period and line", columns, rows, "row")


def bill_lines(outputs: Outputs) -> Table:
    """Why the largest bills change: the change of each line of the twenty customers whose bill rises most."""
    columns = (
        Column("customer_id", "Customer", "id"),
        Column("bill_change_usd", "Bill, USD", "money_change"),
        *(Column(f"{line}_change_usd", f"{label}, USD", "money_change") for line, label in LINES.items()),
    )
    rows = [
        (row["customer_id"], row["bill_change_usd"], *_line_changes(row))
        for row in (outputs["customer_impact"]["worst_20"] if applies(outputs) and has_baseline(outputs) else ())
        if row.get("candidate_lines")
    ]
    return Table("bill-lines", "Which lines change these bills", columns, rows)


def _line_changes(row: Mapping[str, Json]) -> Iterator[Decimal]:
    before = row.get("baseline_lines") or {}
    for line in LINES:
        yield Decimal(row["candidate_lines"][line]) - Decimal(before.get(line, 0))


def tiers(outputs: Outputs) -> Table:
    """The tiers that customers reached, of the plan and of each contract, and which of them are priced below cost."""
    columns = (
        Column("name", "Name", "text", "Value unit"),
        Column("value_unit_id", "Value unit", "id", "Value unit"),
        Column("customer_id", "Terms of", "text"),
        Column("model", "Priced by", "text"),
        Column("tier", "Tier", "quantity"),
        Column("up_to", "Up to, units", "quantity"),
        Column("unit_price_usd", "Price, USD", "money", "Price, USD"),
        Column("below_cost", "Price is", "text", "Price, USD"),
        Column("customer_periods", "Customer-periods", "quantity"),
        Column("units", "Beyond, units", "quantity"),
    )
    names = {row["value_unit_id"]: row["name"] for row in outputs["economics"]["by_unit"]}
    below = set(_below_cost(outputs))
    rows: list[tuple[Cell, ...]] = [
        (
            names.get(row["value_unit_id"], row["value_unit_id"]),
            row["value_unit_id"],
            row["customer_id"] or "the plan",
            MODELS.get(row["model"], row["model"]),
            row["tier"],
            NO_END if row["up_to"] is None else row["up_to"],
            row["unit_price_usd"],
            BELOW_COST if (row["value_unit_id"], row["customer_id"], row["tier"]) in below else "",
            row["customer_periods"],
            row["units"],
        )
        for row in (outputs["price_plan"]["tiers"] if applies(outputs) else ())
    ]
    return Table("tiers", "Tiers that customers reached", columns, rows, "tier")


def _below_cost(outputs: Outputs) -> Iterator[tuple[str, str | None, int]]:
    for risk in outputs["risks"]:
        if risk["code"] == "plan_price_below_cost":
            yield risk["value_unit_id"], risk.get("customer_id"), risk["tier"]


def facts(outputs: Outputs) -> list[tuple[str, str]]:
    """(what, how much) of payers, credits and unused commit, each only where the plan has it."""
    if not applies(outputs):
        return []
    plan = outputs["price_plan"]
    payers, periods = plural(plan["payers"], "customer"), plural(plan["customer_periods"], "customer-period")
    rows = [("Who pays", f"{payers} in {periods}, used or not")]
    credits, unused = plan["credits"], plan["unused_commit"]
    if credits["bought_usd"]:
        amounts = {name: money_text(credits[f"{name}_usd"]) for name in ("bought", "paid", "drawn", "expired")}
        left = money_text(credits["outstanding_usd"])
        bought = f"{amounts['bought']} of credits bought for {amounts['paid']}"
        rows.append(("Credits", f"{bought}: {amounts['drawn']} drawn, {amounts['expired']} expired, {left} left"))
    if unused["unused_usd"]:
        who = plural(unused["customers"], "customer")
        where = plural(unused["customer_periods"], "customer-period")
        rows.append(("Unused commit", f"{money_text(unused['unused_usd'])}, of {who} in {where}"))
    return rows


def title(outputs: Outputs) -> str:
    """The title of the picture: the line that brings most, and the one that changes most."""
    sides = outputs["revenue_lines"]
    candidate = sides["candidate"]
    total = sum(Decimal(candidate[line]) for line in LINES)
    largest = max(LINES, key=lambda line: Decimal(candidate[line]))
    share = percent_text(Decimal(candidate[largest]) / total) if total else ""
    brings = f"{LINES[largest]} {_verb(largest)} {share} of the revenue" if total else "No line brings revenue"
    if sides["delta"] is None:
        return brings
    moved = max(LINES, key=lambda line: abs(Decimal(sides["delta"][line])))
    change = Decimal(sides["delta"][moved])
    if not change:
        return f"{brings}; no line changes"
    amount = f"{money_text(abs(change))} {'more' if change > 0 else 'less'}"
    return f"{brings}; {LINES[moved].lower()} {'change' if _verb(moved) == 'bring' else 'changes'} most: {amount}"


def _verb(line: str) -> str:
    return "bring" if line in ("fees", "prepaid", "expired_credits") else "brings"


TABLES = (revenue_lines, lines_by_period, bill_lines, tiers)
"""Every table of a plan that can be downloaded."""
