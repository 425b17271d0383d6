"""What the scenarios of the rules share: a change to Lumina's complete draft, and the finding that it earns."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from rules.draft import (
    Draft,
    Path,
    RunningPeriod,
    TermsChoice,
    Unreadable,
    UsageThreshold,
)
from rules.price_plan_problems import problems
from rules.readable import NEXT
from tests.rules.lumina import (
    CANDIDATE,
    HD,
    with_rails,
)


class Fires(NamedTuple):
    """The code, the draft that earns it, the field it points to, its link, and words its message must have."""

    code: str
    draft: Draft
    field: str
    deep_link: str
    says: tuple[str, ...]


CYCLE = "/cycles/new/north-star?cycle=cycle_2026_01_prod_90d"
UNIT = "/cycles/cycle_2026_01_prod_90d/value-units?unit=vu_usable_hd_minute"
CONFIG = "/configs/cfg_smb_learning_prod_v2_candidate"
MOMENT = datetime(2026, 12, 1, tzinfo=UTC)
HD_FIELD = "value_units.vu_usable_hd_minute"


def hd_fires(code: str, draft: Draft, field: str, *says: str) -> Fires:
    return Fires(code, draft, f"{HD_FIELD}.{field}", f"{UNIT}#{field}", ("Value unit “Usable HD minute”", *says))


def rails_fire(code: str, draft: Draft, field: str, *says: str) -> Fires:
    return Fires(code, draft, f"rails.{field}", f"{CONFIG}/rails#{field}", says)


def exploration_fires(draft: Draft, field: str, *says: str) -> Fires:
    return Fires("exploration_incomplete", draft, f"exploration.{field}", f"{CONFIG}/exploration#{field}", says)


def run_fires(code: str, draft: Draft, field: str, *says: str) -> Fires:
    return Fires(code, draft, f"simulation_run.{field}", f"{CONFIG}/simulate#historical_window_days", says)


def cycle_fires(code: str, field: str, draft: Draft, *says: str) -> Fires:
    return Fires(code, draft, f"cycle.{field}", f"{CYCLE}#{field}", ("The cycle", *says))


HELD_AT_ONCE = TermsChoice(chosen="at_once", usual="next_period", change_policy="at_next_period", in_force=True)
RERATED = RunningPeriod(
    start="2026-01-31",
    end="2026-03-02",
    stricter=("the price of “HD” rises from $1.00 to $2.00",),
    refused=3,
    over_cap=2,
    slowed=1,
    billed_more=5,
    bill_today_usd=900,
    bill_usd=1800,
)


def with_threshold(percent: str) -> Draft:
    extra = UsageThreshold(percent=Decimal(percent), action="warn")
    return with_rails(usage_thresholds=(*CANDIDATE.rails.usage_thresholds, extra))


def unreadable(path: Path) -> Draft:
    return replace(CANDIDATE, unreadable=(Unreadable(path, "-1 is below 0"),))


def with_plan(**members: object) -> Draft:
    """Lumina's candidate with a plan; the workspace knows cust_1 alone."""
    known_ids = frozenset({"cust_1"})
    return replace(CANDIDATE, price_plan=members, unbillable=tuple(problems(members)), customer_ids=known_ids)


def plan_fires(code: str, draft: Draft, field: str, *says: str) -> Fires:
    return Fires(code, draft, f"price_plan.{field}", f"{CONFIG}/price-plan#{field}", ("This config", *says))


def hd_price(*prices: int | Decimal, **members: object) -> dict[str, object]:
    """Tiers of 100 units each at these prices, the last one open."""
    ends = [*range(100, 100 * len(prices), 100), None]
    tiers = [{"up_to": end, "unit_price_usd": price} for end, price in zip(ends, prices, strict=True)]
    return {"value_unit_id": HD.value_unit_id, "model": "graduated", "tiers": tiers, **members}


UNIT_CAP: dict[str, object] = {"value_unit_id": CANDIDATE.pools[0].value_unit_id, "max_quantity": 5}


UNREADABLE: tuple[tuple[Path, str, str, tuple[str, ...]], ...] = (
    (
        ("pools", 0, "included_quantity"),
        "pools.pool_core.included_quantity",
        f"{CONFIG}/pools?pool=pool_core#included_quantity",
        ("Pool “Core” cannot be read by apps, in included: -1 is below 0. Correct it.",),
    ),
    (
        ("value_units", 0, "unit_economics", "target_price_per_unit_usd"),
        f"{HD_FIELD}.unit_economics.target_price_per_unit_usd",
        f"{UNIT}#unit_economics.target_price_per_unit_usd",
        ("Value unit “Usable HD minute” cannot be read by apps",),
    ),
    (
        ("exploration", "expires_after_days"),
        "exploration.expires_after_days",
        f"{CONFIG}/exploration#expires_after_days",
        ("This config cannot be read by apps",),
    ),
    (
        ("rails", "usage_thresholds", 1, "percent"),
        "rails.usage_thresholds",
        f"{CONFIG}/rails#usage_thresholds",
        ("This config cannot be read by apps",),
    ),
    (
        ("governance", "delivery", "period_anchor", "time_zone"),
        "delivery",
        f"{CONFIG}/rails#delivery",
        ("This config cannot be read by apps",),
    ),
    (
        (*NEXT, *NEXT, "governance", "terms", "before", "rails", "absolute_usage_caps", 0),
        "terms_start",
        f"{CONFIG}/approve#terms_start",
        ("the terms by which customers would finish their period", "Let it hold at once."),
    ),
    (
        ("rating_agility", "price_plan", "minimum_commit_usd"),
        "price_plan.minimum_commit_usd",
        f"{CONFIG}/price-plan#minimum_commit_usd",
        ("This config cannot be read by apps",),
    ),
    (("subject_resolution",), "subject_resolution", f"{CONFIG}/pools#subject_resolution", ("cannot be read by apps",)),
)
