"""What a client booked over several customers and periods, in the words of AVS Brain's simulation outputs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from avs_brain_client import Client, Recorded, Statement

PERIOD = timedelta(days=30)
OVERAGE_BEHAVIORS = ("allow_overage", "throttle", "hard_stop")
EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)


def total(values: Iterable[Decimal]) -> Decimal:
    result = Decimal(0)
    for value in values:
        result = EXACT.add(result, value)
    return result


def written(value: Decimal) -> Decimal:
    return EXACT.quantize(value, Decimal("0.000001"))


class Books:
    """The statements of everybody who used anything in the periods, which is who takes part in a simulation."""

    def __init__(self, client: Client, customers: Iterable[str], start: datetime, periods: int) -> None:
        self.start = start
        ends = [start + PERIOD * (index + 1) for index in range(periods)]
        found = {name: [client.usage(name, at=end) for end in ends] for name in sorted(customers)}
        self.of: Mapping[str, Sequence[Statement]] = {
            name: statements
            for name, statements in found.items()
            if any(unit.used > 0 for statement in statements for unit in statement.units.values())
        }

    def statements(self) -> list[Statement]:
        return [statement for statements in self.of.values() for statement in statements]

    def used(self, unit: str) -> Decimal:
        return total(statement.units[unit].used for statement in self.statements())

    def overage(self, unit: str) -> Decimal:
        return total(statement.units[unit].overage for statement in self.statements())

    def drawn(self, pool: str) -> Decimal:
        uses = [pool for s in self.statements() for unit in s.units.values() for pool in unit.pools]
        return total(use.drawn for use in uses if use.pool_id == pool)

    def drawers(self, pool: str) -> int:
        return sum(
            any(use.pool_id == pool and use.drawn > 0 for s in statements for u in s.units.values() for use in u.pools)
            for statements in self.of.values()
        )

    def crossings(self, percent: Decimal) -> list[tuple[str, int]]:
        return [
            (name, index)
            for name, statements in self.of.items()
            for index, statement in enumerate(statements)
            if any(percent in unit.reached for unit in statement.units.values())
        ]

    def over(self, cap: Decimal) -> list[tuple[str, int]]:
        return [(n, k) for n, statements in self.of.items() for k, s in enumerate(statements) if s.spend_usd > cap]


def outputs(books: Books, question: Mapping[str, Any], fired: Sequence[tuple[str, Recorded]]) -> dict[str, Any]:
    """The part of a simulation's outputs that an enforcing client can know, from statements; graduations as fired."""
    config = question["candidate"]
    return {
        "pool_breakdown": _breakdown(books, question),
        "economics": _economics(books, question),
        "revenue_lines": {"candidate": _revenue_lines(books)},
        "enforcement_forecast": _forecast(books, config),
        "exploration_summary": {
            "pool_consumption": [
                {
                    "pool_id": pool["pool_id"],
                    "value_unit_id": pool["value_unit_id"],
                    "drawn_units": written(books.drawn(pool["pool_id"])),
                    "customers": books.drawers(pool["pool_id"]),
                }
                for pool in config["pools"]
                if pool["is_exploration_pool"]
            ],
            "customers_graduated": len(
                {name for name, recorded in fired for f in recorded.fired if f.key == "graduated"}
            ),
        },
    }


def _billed_units(question: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Without exploration in the results, units that have no other pool are not in them."""
    everything = question["include_exploration_in_results"]
    named = {
        pool["value_unit_id"]
        for pool in question["candidate"]["pools"]
        if everything or not pool["is_exploration_pool"]
    }
    return [unit for unit in question["candidate"]["value_units"] if unit["value_unit_id"] in named]


def _breakdown(books: Books, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    pools = question["candidate"]["pools"]
    order = sorted(pools, key=lambda pool: not pool["is_exploration_pool"])
    last = {pool["value_unit_id"]: pool["pool_id"] for pool in order}
    rows = []
    for pool in pools:
        drawn = books.drawn(pool["pool_id"])
        overage = books.overage(pool["value_unit_id"]) if last[pool["value_unit_id"]] == pool["pool_id"] else Decimal(0)
        row = {
            "pool_id": pool["pool_id"],
            "included_units": drawn,
            "overage_units": overage,
            "total_units": drawn + overage,
        }
        if question["include_exploration_in_results"] or not pool["is_exploration_pool"]:
            rows.append(row)
    return rows


def _revenue_lines(books: Books) -> dict[str, Decimal]:
    """What of a price plan's revenue is billed in money; what credits cost is split by those that lapsed, which bills
    are not.
    """
    bills = [statement.bill for statement in books.statements()]
    return {
        name: written(total(getattr(bill, name) for bill in bills)) for name in ("fees", "overage", "commit_true_up")
    }


def _economics(books: Books, question: Mapping[str, Any]) -> dict[str, Any]:
    by_unit = [{"candidate": _unit(books, question, unit["value_unit_id"])} for unit in _billed_units(question)]
    found: dict[str, Any] = {"by_unit": by_unit}
    if question["pricing_mode"] == "use_unit_economics":
        periods = range(len(next(iter(books.of.values()), ())))
        bills = [total(statements[k].spend_usd for statements in books.of.values()) for k in periods]
        found["candidate"] = {"revenue_usd": written(total(bills))}
        found["by_period"] = [{"candidate": {"revenue_usd": written(bill)}} for bill in bills]
    return found


def _unit(books: Books, question: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """All that was used, and what of it counts in the results."""
    pools = [pool for pool in question["candidate"]["pools"] if pool["value_unit_id"] == unit]
    explored = total(books.drawn(pool["pool_id"]) for pool in pools if pool["is_exploration_pool"])
    left_out = Decimal(0) if question["include_exploration_in_results"] else explored
    return {"metered_units": books.used(unit), "total_units": books.used(unit) - left_out}


def _forecast(books: Books, config: Mapping[str, Any]) -> dict[str, Any]:
    thresholds = sorted(config["rails"]["usage_thresholds"], key=lambda item: (item["percent"], item["action"]))
    last = {
        pool["value_unit_id"]: pool["overage_behavior"]
        for pool in sorted(config["pools"], key=lambda pool: not pool["is_exploration_pool"])
    }
    cap = config["rails"]["monthly_spend_cap_usd"]
    over = [] if cap is None else books.over(Decimal(cap))
    return {
        "thresholds": [_crossing(books, Decimal(item["percent"]), item["action"]) for item in thresholds],
        "units_beyond_allowance": {
            name: total(books.overage(unit) for unit, behavior in last.items() if behavior == name)
            for name in OVERAGE_BEHAVIORS
        },
        "customers_over_spend_cap": None if cap is None else len({name for name, _ in over}),
        "spend_cap": cap
        and {
            "monthly_spend_cap_usd": cap,
            "at_cap_action": config["rails"]["at_cap_action"],
            "customer_periods": len(over),
            "first_period": _period(books, min((index for _, index in over), default=None)),
            "largest_spend_usd": max((s.spend_usd for s in books.statements()), default=Decimal(0)),
            **_first_crossings(books, over),
        },
    }


def _crossing(books: Books, percent: Decimal, action: str) -> dict[str, Any]:
    hits = books.crossings(percent)
    return {
        "percent": percent,
        "action": action,
        "customers": len({n for n, _ in hits}),
        "first_period": _period(books, min((index for _, index in hits), default=None)),
        **_first_crossings(books, hits),
    }


def _first_crossings(books: Books, hits: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """Every customer in the first period in which they cross: counted by period, and the first twenty of them."""
    first = dict(sorted(hits, key=lambda hit: -hit[1]))
    periods = range(len(next(iter(books.of.values()), ())))
    ordered = sorted(first.items(), key=lambda item: (item[1], item[0]))[:20]
    return {
        "by_period": [sum(index == period for index in first.values()) for period in periods],
        "first_crossings": [{"customer_id": name, "period_index": index} for name, index in ordered],
    }


def _period(books: Books, index: int | None) -> dict[str, Any] | None:
    if index is None:
        return None
    bounds = (books.start + PERIOD * at for at in (index, index + 1))
    start, end = (moment.replace(tzinfo=None).isoformat() + "Z" for moment in bounds)
    return {"index": index, "start": start, "end": end}
