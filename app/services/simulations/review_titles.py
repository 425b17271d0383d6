"""What each picture of a review shows, as a sentence: people read it before they look. Pure.

Figures are rounded for reading: shares to a tenth of a per cent, money of a dollar or more to cents.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app.services.simulations.review_tables import Outputs, has_baseline, pool_labels
from app.services.wording.words import money_text, plural, share_text
from rules.wording import listed

Json = Any

NO_USAGE = "No usage in the window, so there is nothing to draw"
NOTHING_COMPARED = "The run compared with nothing, so how bills change is not measured"


def amount(value: Decimal | int) -> Decimal:
    """Cents from a dollar on; smaller amounts keep every place."""
    return round(Decimal(value), 2) if abs(value) >= 1 else Decimal(value)


def money(value: Decimal | int) -> str:
    return money_text(amount(value))


def share(value: Decimal | int) -> str:
    return share_text(round(Decimal(value), 3))


def periods(outputs: Outputs, floor: Decimal | int | None) -> str:
    """About the margin of the candidate, period by period, against the floor."""
    rows = outputs["economics"]["by_period"]
    below = [risk["period_index"] + 1 for risk in outputs["risks"] if risk["code"] == "margin_floor_violated"]
    if below:
        return _below(below, len(rows), floor)
    margins = [(row["candidate"]["margin"], row["index"] + 1) for row in rows if not row["candidate"]["no_revenue"]]
    if not margins:
        return "No revenue in any period, so there is no margin"
    lowest, at = min(margins)
    if floor is not None:
        return f"Margin keeps the floor of {share(floor)}: the lowest is {share(lowest)}, in period {at}"
    highest, _ = max(margins)
    if lowest == highest:
        return f"Margin is {share(lowest)} in every period with revenue; no floor is set"
    return f"Margin lies between {share(lowest)} and {share(highest)}; no floor is set"


def _below(numbers: Sequence[int], count: int, floor: Decimal | int | None) -> str:
    said = "the floor" if floor is None else f"the floor of {share(floor)}"
    if len(numbers) == count and count > 1:
        return f"Margin is below {said} in every period"
    return f"Margin falls below {said} in {'period' if len(numbers) == 1 else 'periods'} {listed(numbers)}"


def pools(outputs: Outputs) -> str:
    """About the pool whose revenue, or else cost, changes most; without a baseline about the one that earns most."""
    rows, names = outputs["economics"]["by_pool"], pool_labels(outputs)
    if not has_baseline(outputs):
        return _largest(outputs, rows, names)
    changes = [(row, _change(row, "revenue_usd"), _change(row, "cost_usd")) for row in rows]
    row, revenue, cost = max(changes, key=lambda item: (abs(item[1]), abs(item[2])), default=(None, 0, 0))
    if row is None or not (revenue or cost):
        return "No pool changes revenue or cost"
    name = names.get(row["pool_id"], row["pool_id"])
    said = [_moved("revenue", revenue), _moved("cost", cost)]
    return f"{name} changes most: {' and '.join(said)}"


def _change(row: Json, name: str) -> Decimal | int:
    """A pool that one side does not have counts as 0 there."""
    sides: list[Decimal | int] = [row[side][name] if row[side] else 0 for side in ("candidate", "baseline")]
    return sides[0] - sides[1]


def _moved(what: str, change: Decimal | int) -> str:
    return f"{money(abs(change))} {'more' if change > 0 else 'less'} {what}" if change else f"the same {what}"


def _largest(outputs: Outputs, rows: Sequence[Json], names: dict[str, str]) -> str:
    revenue = outputs["economics"]["candidate"]["revenue_usd"]
    if not revenue:
        return "No pool earns anything"
    row = max(rows, key=lambda item: item["candidate"]["revenue_usd"])
    part = share(row["candidate"]["revenue_usd"] / Decimal(revenue))
    return f"{names[row['pool_id']]} brings {part} of the revenue"


def bill_changes(outputs: Outputs) -> str:
    """About the median customer and how many pay more and less."""
    impact = outputs["customer_impact"]
    changes = impact["bill_change_usd"]
    if changes is None:
        return NOTHING_COMPARED
    more, less, all_of_them = impact["billed_more"], impact["billed_less"], impact["customers"]
    if not all_of_them:
        return NO_USAGE
    if not more and not less:
        return f"No bill changes: all {plural(all_of_them, 'customer')} pay the same"
    if all_of_them == 1:
        return f"The only customer's bill {_moves(changes['p50'])}"
    counts = f"of {plural(all_of_them, 'customer')} {less:,} pay less and {more:,} more"
    median = changes["p50"]
    if not median:
        return f"The median bill stays the same; {counts}"
    return f"The median bill {_moves(median)}; {counts}"


def _moves(change: Decimal | int) -> str:
    return f"{'rises' if change > 0 else 'falls'} by {money(abs(change))}"


def thresholds(outputs: Outputs) -> str:
    """About the highest threshold that anyone reaches, and the cap."""
    forecast, all_of_them = outputs["enforcement_forecast"], outputs["customer_impact"]["customers"]
    over = forecast["customers_over_spend_cap"]
    cap = f"; {over:,} above the cap of {money(forecast['spend_cap']['monthly_spend_cap_usd'])}" if over else ""
    reached = [row for row in forecast["thresholds"] if row["customers"]]
    if not reached:
        lowest = min((row["percent"] for row in forecast["thresholds"]), default=None)
        said = "No threshold is set" if lowest is None else f"No customer reaches {lowest} % of an allowance"
        return said + cap
    row = max(reached, key=lambda item: item["percent"])
    who = f"{row['customers']:,} of {plural(all_of_them, 'customer')} {'reaches' if row['customers'] == 1 else 'reach'}"
    first = row["first_period"]["index"]
    ahead = row["by_period"][first] if "by_period" in row else 1
    some = "the first" if ahead == 1 else f"the first {ahead:,}"
    return f"{who} {row['percent']} % of an allowance, {some} in period {first + 1}{cap}"
