"""A run of `review_runs` as it is stored where the candidate has a price plan: fee, credits, commit and two tiers.

cfg_1 bills 49.00 a month and 10.80 of overage, of which credits pay 10.00; cfg_0 bills 6.00 of overage alone.
"""

import copy
from decimal import Decimal
from typing import Any

from app.models.base import db
from app.models.simulation_run import SimulationRun
from app.models.transactions import write

NONE = dict.fromkeys(("fees", "overage", "commit_true_up", "prepaid", "expired_credits"), Decimal(0))
FIRST = NONE | {"fees": Decimal(49), "prepaid": Decimal(8), "overage": Decimal(0)}
SECOND = NONE | {
    "fees": Decimal(98),
    "overage": Decimal("0.8"),
    "expired_credits": Decimal(4),
    "commit_true_up": Decimal(3),
}
BEFORE = NONE | {"overage": Decimal(6)}


def added(*lines: dict[str, Decimal]) -> dict[str, Decimal]:
    return {name: sum((line[name] for line in lines), Decimal(0)) for name in NONE}


def less(after: dict[str, Decimal], before: dict[str, Decimal]) -> dict[str, Decimal]:
    return {name: after[name] - before[name] for name in NONE}


def with_plan(outputs: dict[str, Any], *, applied: bool = True) -> dict[str, Any]:
    """The outputs with what a price plan adds to them."""
    planned = copy.deepcopy(outputs)
    whole = added(FIRST, SECOND)
    pairs = ((FIRST, NONE), (SECOND, BEFORE))
    periods = planned["window"]["periods"]
    planned["revenue_lines"] = {
        "candidate": whole,
        "baseline": BEFORE,
        "delta": less(whole, BEFORE),
        "by_period": [
            {**period, "candidate": after, "baseline": before, "delta": less(after, before)}
            for period, (after, before) in zip(periods, pairs, strict=True)
        ],
    }
    planned["price_plan"] = {
        "applied": applied,
        "left_out": None if applied else "Fees, credits and commit count for nothing in this pricing mode.",
        "payers": 2,
        "customer_periods": 3,
        "credits": {
            "bought_usd": Decimal(20),
            "paid_usd": Decimal(12),
            "drawn_usd": Decimal(10),
            "expired_usd": Decimal(5),
            "outstanding_usd": Decimal(5),
        },
        "unused_commit": {"customers": 1, "customer_periods": 2, "unused_usd": Decimal(3)},
        "tiers": [tier(1, 10, "0.6", 2, 12), tier(2, None, "0.1", 1, 6)],
    }
    amounts = {"revenue_usd": Decimal("150.8"), "cost_usd": Decimal(0), "margin": Decimal(1), "no_revenue": False}
    beside = {"candidate": amounts, "baseline": None, "delta": None}
    planned["economics"]["by_pool"].append({"pool_id": None, "value_unit_id": None, **beside})
    planned["economics"]["by_unit"].append({"value_unit_id": None, "name": "Plan", **beside})
    blank = dict.fromkeys(planned["pool_breakdown"][0])
    planned["pool_breakdown"].append(
        {**blank, "label": "Plan", "cost_usd": Decimal(0), "revenue_usd": Decimal("150.8")}
    )
    for row in planned["customer_impact"]["worst_20"]:
        row["candidate_lines"], row["baseline_lines"] = SECOND, BEFORE
    planned["risks"] += [
        {
            "code": "plan_price_below_cost",
            "detail": "Tier 2 is below cost.",
            "value_unit_id": "vu_hd_minute",
            "tier": 2,
            "unit_price_usd": Decimal("0.1"),
            "cost": Decimal("0.18"),
            "customer_periods": 1,
        },
        {"code": "commit_unused", "detail": "", "customers": 1, "customer_periods": 2, "unused_usd": Decimal(3)},
        {"code": "credits_expired", "detail": "", "expired_usd": Decimal(5), "paid_usd": Decimal(4)},
    ]
    return planned


def tier(number: int, up_to: int | None, price: str, customer_periods: int, units: int) -> dict[str, Any]:
    return {
        "value_unit_id": "vu_hd_minute",
        "customer_id": None,
        "model": "graduated",
        "tier": number,
        "up_to": up_to,
        "unit_price_usd": Decimal(price),
        "customer_periods": customer_periods,
        "units": units,
    }


def plan_run(run: SimulationRun, *, applied: bool = True) -> str:
    """Store the run with a price plan; its id."""
    run_id = run.simulation_run_id
    with write(db.session):
        stored = db.session.get_one(SimulationRun, run_id)
        stored.outputs = with_plan(dict(stored.outputs or {}), applied=applied)
    db.session.remove()
    return run_id
