"""The decision: what the app should do about a quantity, and for which other quantities it is the same."""

from dataclasses import dataclass
from decimal import Decimal

from avs_brain_client.account import Account
from avs_brain_client.numbers import LIMIT, SCALE, ceiling, unscaled
from avs_brain_client.plan import Plan
from avs_brain_client.rules import REFUSING, Situation, pool_in_use, rules, situation

NEVER_LOADED, UNIT_NOT_IN_CONFIG = "never_loaded", "unit_not_in_config"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the app should do.

    `allow`: go on, or not. `action`: one of warn, throttle, degrade_quality, block, require_approval, or None.
    `reason_code`: included, overage, overage_throttled, hard_stop, usage_threshold, spend_cap, absolute_cap,
    config_stale, config_expired, unit_not_in_config or never_loaded. `pool_id`: the pool that gives, or that takes the
    overage. `remaining`: units of allowance left before this quantity. `threshold`: the percentage that was reached.
    """

    allow: bool
    action: str | None
    reason_code: str
    pool_id: str | None
    remaining: Decimal | None
    threshold: Decimal | None
    config_version_id: str | None


@dataclass(frozen=True, slots=True)
class View:
    """A decision for whole quantities from `least` to `most`, while `force` is in force, until `until_ns`."""

    force: object
    least: int
    most: int
    until_ns: int
    decision: Decision


def without_config(allow: bool) -> Decision:
    """The decision while there is no config at all."""
    return Decision(allow, None if allow else "block", NEVER_LOADED, None, None, None, None)


def outside_config(plan: Plan) -> Decision:
    """Nothing governs a unit that no pool of the config names."""
    return Decision(True, None, UNIT_NOT_IN_CONFIG, None, None, None, plan.config_version_id)


def decide(
    plan: Plan, account: Account, value_unit_id: str, quantity: int, *, period: int, now_us: int, state: str
) -> tuple[Decision, int, int]:
    """The decision for a scaled quantity, and the least and the most whole units for which it is the same."""
    plan = plan.in_period(period)
    unit = plan.units.get(value_unit_id)
    if unit is None:
        return outside_config(plan), 0, LIMIT - 1
    return judged(situation(plan, unit, account, period, now_us), quantity, state)


def judged(found: Situation, quantity: int, state: str) -> tuple[Decision, int, int]:
    """The most severe of the rules that apply decides; the nearest ones around say how far that holds."""
    listed, total = rules(found, state), found.taken + quantity
    decisive = max((rule for rule in listed if total > rule.beyond), key=lambda rule: rule.rank)
    pool_id, remaining = pool_in_use(found)
    decision = Decision(
        allow=decisive.action not in REFUSING,
        action=decisive.action,
        reason_code=decisive.reason_code,
        pool_id=pool_id,
        remaining=unscaled(remaining),
        threshold=decisive.percent,
        config_version_id=found.plan.config_version_id,
    )
    below = max(rule.beyond for rule in listed if total > rule.beyond)
    above = min((rule.beyond for rule in listed if total <= rule.beyond), default=None)
    least = max(ceiling(below + 1 - found.taken, SCALE), 0)
    most = LIMIT - 1 if above is None else (above - found.taken) // SCALE
    return decision, least, most
