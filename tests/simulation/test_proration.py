"""A period that is shared out between two versions by its days, worked out by hand in clients/scenarios/proration."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import reduce
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.canonical import Json, JsonObject, parse_exact
from simulation.documents import config_plan
from simulation.numbers import rounded
from simulation.plan import ConfigPlan
from simulation.price_plan import CustomerTerms
from simulation.proration import Share, prorated, share_of

FOLDER = Path(__file__).resolve().parents[2] / "clients" / "scenarios" / "proration"
DAYS = parse_exact((FOLDER / "days.json").read_bytes())["days"]


def cases() -> Iterator[Json]:
    for path in sorted(FOLDER.glob("*.json")):
        scenario = parse_exact(path.read_bytes())
        for case in scenario.get("cases", ()):
            days = "-".join(map(str, case["elapsed_days"]))
            yield pytest.param([*map(config_plan, scenario["versions"])], case, id=f"{path.stem}-{days}")


def told(terms: CustomerTerms, plan: ConfigPlan) -> JsonObject:
    credits = terms.prepaid
    return {
        "platform_fee_usd": terms.platform_fee_usd,
        "minimum_commit_usd": terms.minimum_commit_usd,
        "true_up": terms.true_up,
        "prepaid": credits and {
            "amount_usd": credits.amount_usd,
            "price_usd": credits.price_usd,
            "expires_after_days": credits.expires_after_days,
        },
        "included": {pool.pool_id: terms.included.get(pool.pool_id, pool.included_quantity) for pool in plan.pools},
    }  # fmt: skip


@pytest.mark.parametrize(("versions", "case"), [*cases()])
def test_amounts_of_a_period_are_shared_by_its_days(versions: list[ConfigPlan], case: JsonObject) -> None:
    changes = zip(versions[1:], pairwise([*case["elapsed_days"], case["period_days"]]), strict=True)
    plan = reduce(lambda before, to: prorated(before, to[0], *to[1]), changes, versions[0])
    pools = [[pool.pool_id, pool.included_quantity, pool.overage_behavior] for pool in plan.pools]
    assert pools == case["pools"]
    terms = plan.price_plan and {customer or "*": told(its, plan) for customer, its in plan.price_plan.contracts}
    assert terms == case["terms"]


@pytest.mark.parametrize("row", DAYS, ids=lambda row: row["since"])
def test_days_are_elapsed_time_rounded_half_even(row: JsonObject) -> None:
    start, since, end = (datetime.fromisoformat(row[name]) for name in ("start", "since", "end"))
    assert share_of(start, since, end) == Share(row["elapsed_days"], row["period_days"])


def test_prices_rails_and_behaviours_are_those_of_the_new_version_at_once() -> None:
    scenario = parse_exact((FOLDER / "a_larger_plan.json").read_bytes())
    before, after = map(config_plan, scenario["versions"])
    plan = prorated(before, after, 29, 30)
    assert (plan.config_version_id, plan.units, plan.rails, plan.exploration) == (
        after.config_version_id, after.units, after.rails, after.exploration,
    )  # fmt: skip
    assert plan.price_plan is not None
    assert after.price_plan is not None
    assert plan.price_plan.usual.unit_prices == after.price_plan.usual.unit_prices


AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=6)


@given(before=AMOUNTS, after=AMOUNTS, days=st.integers(1, 31))
def test_an_amount_moves_from_the_one_to_the_other_and_never_beyond(before: Decimal, after: Decimal, days: int) -> None:
    along = [Share(elapsed, days).of(before, after) for elapsed in range(days + 1)]
    assert (along[0], along[-1]) == (after, before)
    rises = before >= after
    assert all(earlier <= later if rises else earlier >= later for earlier, later in pairwise(along))
    assert all(value == rounded(value) for value in along)
