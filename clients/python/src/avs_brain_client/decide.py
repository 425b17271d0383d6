"""The decision: what the app should do about a quantity."""

from decimal import Decimal
from typing import Any, NamedTuple

from avs_brain_client.numbers import exact_units, unscaled
from avs_brain_client.plan import Plan

NEVER_LOADED, UNIT_NOT_IN_CONFIG = "never_loaded", "unit_not_in_config"


class _Members(NamedTuple):
    """In the order of `Decision`'s arguments; `left` is `remaining`, scaled."""

    allow: bool
    action: str | None
    reason_code: str
    pool_id: str | None
    left: int | None
    threshold: Decimal | None
    config_version_id: str | None


class Decision(_Members):
    """What the app should do. It never changes, and equals another one of the same values.

    `allow`: go on, or not. `action`: one of warn, throttle, degrade_quality, block, require_approval, or None.
    `reason_code`: included, overage, overage_throttled, hard_stop, usage_threshold, spend_cap, absolute_cap,
    config_stale, config_expired, unit_not_in_config or never_loaded. `pool_id`: the pool that gives, or that takes the
    overage. `remaining`: units of allowance left before this quantity. `threshold`: the percentage that was reached.
    """

    __slots__ = ()

    def __new__(
        cls,
        allow: bool,
        action: str | None,
        reason_code: str,
        pool_id: str | None,
        remaining: Decimal | None,
        threshold: Decimal | None,
        config_version_id: str | None,
    ) -> "Decision":
        left = None if remaining is None else exact_units(remaining)
        return super().__new__(cls, allow, action, reason_code, pool_id, left, threshold, config_version_id)

    @property
    def remaining(self) -> Decimal | None:
        """Made when it is asked for: most decisions are only looked at for `allow`."""
        return None if self.left is None else unscaled(self.left)

    def __getnewargs__(self) -> tuple[Any, ...]:
        allow, action, reason_code, pool_id, _, threshold, config_version_id = self
        return allow, action, reason_code, pool_id, self.remaining, threshold, config_version_id

    def __repr__(self) -> str:
        names = ("allow", "action", "reason_code", "pool_id", "remaining", "threshold", "config_version_id")
        return f"Decision({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def without_config(allow: bool) -> Decision:
    """The decision while there is no config at all."""
    return Decision(allow, None if allow else "block", NEVER_LOADED, None, None, None, None)


def outside_config(plan: Plan) -> Decision:
    """Nothing governs a unit that no pool of the config names."""
    return Decision(True, None, UNIT_NOT_IN_CONFIG, None, None, None, plan.config_version_id)
