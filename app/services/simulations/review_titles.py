"""Titles of the pictures of a review: each says in a sentence what its picture shows. Pure.

Figures are rounded for reading (`rules.amounts`).
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from app.services.simulations.review_tables import Outputs, has_baseline, pool_labels
from app.services.wording.words import plural
from rules.amounts import money_text, percent_text, price_text
from rules.wording import listed
from simulation.canonical import Json

NO_USAGE = "No usage in the window, so there is nothing to draw"
NOTHING_COMPARED = "The run compared with nothing, so how bills change is not measured"


def verdict(outputs: Outputs, floor: Decimal | int | None) -> str:
    """The run in one sentence: what becomes of revenue, how the margin stands to its floor, who pays less and more."""
    impact = outputs["customer_impact"]
    if not impact["customers"]:
        return f"{NO_USAGE}: every figure is 0 for lack of data."
    economics = outputs["economics"]
    parts = [_revenue(economics), _margin_and_floor(outputs, floor), *_payers(impact)]
    return "; ".join(parts) + "."


def _revenue(economics: Json) -> str:
    after, before = economics["candidate"]["revenue_usd"], (economics["baseline"] or {}).get("revenue_usd")
    if before is None:
        return f"Revenue is {money_text(after)}, compared with nothing"
    if after == before:
        return f"Revenue stays at {money_text(after)}"
    share = f" ({percent_text(abs(after - before) / Decimal(before))})" if before else ""
    return f"Revenue {_moves(after - before)}{share} to {money_text(after)}"


def _margin_and_floor(outputs: Outputs, floor: Decimal | int | None) -> str:
    candidate, count = outputs["economics"]["candidate"], len(outputs["economics"]["by_period"])
    margin = "there is no revenue" if candidate["no_revenue"] else f"the margin is {percent_text(candidate['margin'])}"
    below = sum(risk["code"] == "margin_floor_violated" for risk in outputs["risks"])
    if floor is None:
        return f"{margin}, and no floor is set"
    if not below:
        return f"{margin}, and every period keeps the floor of {percent_text(floor)}"
    periods_below = f"{below} of {plural(count, 'period')} {'is' if below == 1 else 'are'}"
    return f"{margin}, and {periods_below} below the floor of {percent_text(floor)}"


def _payers(impact: Json) -> Iterator[str]:
    if impact["bill_change_usd"] is None:
        return
    less, more, customers = impact["billed_less"], impact["billed_more"], plural(impact["customers"], "customer")
    yield f"of {customers} {less:,} pay less and {more:,} more" if less or more else f"no bill of {customers} changes"


def periods(outputs: Outputs, floor: Decimal | int | None) -> str:
    """The title about the candidate's margin, period by period, against the floor."""
    rows = outputs["economics"]["by_period"]
    below = [risk["period_index"] + 1 for risk in outputs["risks"] if risk["code"] == "margin_floor_violated"]
    if below:
        return _below(below, len(rows), floor)
    margins = [(row["candidate"]["margin"], row["index"] + 1) for row in rows if not row["candidate"]["no_revenue"]]
    if not margins:
        return "No revenue in any period, so there is no margin"
    lowest, at = min(margins)
    if floor is not None:
        return f"Margin keeps the floor of {percent_text(floor)}: the lowest is {percent_text(lowest)}, in period {at}"
    highest, _ = max(margins)
    if lowest == highest:
        return f"Margin is {percent_text(lowest)} in every period with revenue; no floor is set"
    return f"Margin lies between {percent_text(lowest)} and {percent_text(highest)}; no floor is set"


def _below(numbers: Sequence[int], count: int, floor: Decimal | int | None) -> str:
    named = "the floor" if floor is None else f"the floor of {percent_text(floor)}"
    if len(numbers) == count and count > 1:
        return f"Margin is below {named} in every period"
    return f"Margin falls below {named} in {'period' if len(numbers) == 1 else 'periods'} {listed(numbers)}"


def pools(outputs: Outputs) -> str:
    """The title about the pool whose revenue, or else cost, changes most; without a baseline, that earns most."""
    rows, labels = outputs["economics"]["by_pool"], pool_labels(outputs)
    if not has_baseline(outputs):
        return _largest(outputs, rows, labels)
    changes = [(row["pool_id"], _change(row, "revenue_usd"), _change(row, "cost_usd")) for row in rows]
    unchanged = ("", Decimal(0), Decimal(0))
    pool_id, revenue, cost = max(changes, key=lambda item: (abs(item[1]), abs(item[2])), default=unchanged)
    if not (revenue or cost):
        return "No pool changes revenue or cost"
    return f"{labels.get(pool_id, pool_id)} changes most: {_moved('revenue', revenue)} and {_moved('cost', cost)}"


def _change(row: Json, name: str) -> Decimal:
    """Candidate minus baseline; a pool that one side does not have counts as 0 there."""
    after, before = (Decimal(row[side][name] if row[side] else 0) for side in ("candidate", "baseline"))
    return after - before


def _moved(name: str, change: Decimal) -> str:
    return f"{money_text(abs(change))} {'more' if change > 0 else 'less'} {name}" if change else f"the same {name}"


def _largest(outputs: Outputs, rows: Sequence[Json], labels: dict[str | None, str]) -> str:
    revenue = outputs["economics"]["candidate"]["revenue_usd"]
    if not revenue:
        return "No pool earns anything"
    row = max(rows, key=lambda item: item["candidate"]["revenue_usd"])
    part = percent_text(row["candidate"]["revenue_usd"] / Decimal(revenue))
    return f"{labels[row['pool_id']]} brings {part} of the revenue"


def bill_changes(outputs: Outputs) -> str:
    """The title about the median customer's bill, and how many customers pay more and less."""
    impact = outputs["customer_impact"]
    changes = impact["bill_change_usd"]
    if changes is None:
        return NOTHING_COMPARED
    more, less, customers = impact["billed_more"], impact["billed_less"], impact["customers"]
    if not customers:
        return NO_USAGE
    if not more and not less:
        return f"No bill changes: all {plural(customers, 'customer')} pay the same"
    if customers == 1:
        return f"The only customer's bill {_moves(changes['p50'])}"
    counts = f"of {plural(customers, 'customer')} {less:,} pay less and {more:,} more"
    median = changes["p50"]
    if not median:
        return f"The median bill stays the same; {counts}"
    return f"The median bill {_moves(median)}; {counts}"


def _moves(change: Decimal | int) -> str:
    return f"{'rises' if change > 0 else 'falls'} by {money_text(abs(Decimal(change)))}"


def thresholds(outputs: Outputs) -> str:
    """The title about the highest threshold that customers reach, and about the spend cap."""
    forecast, customers = outputs["enforcement_forecast"], outputs["customer_impact"]["customers"]
    over = forecast["customers_over_spend_cap"]
    cap = f"; {over:,} above the cap of {price_text(forecast['spend_cap']['monthly_spend_cap_usd'])}" if over else ""
    reached = [row for row in forecast["thresholds"] if row["customers"]]
    if not reached:
        lowest = min((row["percent"] for row in forecast["thresholds"]), default=None)
        title = "No threshold is set" if lowest is None else f"No customer reaches {lowest} % of an allowance"
        return title + cap
    row = max(reached, key=lambda item: item["percent"])
    who = f"{row['customers']:,} of {plural(customers, 'customer')} {'reaches' if row['customers'] == 1 else 'reach'}"
    first = row["first_period"]["index"]
    ahead = row["by_period"][first] if "by_period" in row else 1
    some = "the first" if ahead == 1 else f"the first {ahead:,}"
    return f"{who} {row['percent']} % of an allowance, {some} in period {first + 1}{cap}"
