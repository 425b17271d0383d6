"""What is decided while nobody knows what a customer has used: each rail as its document says (spec 6)."""

from avs_brain_client.decide import Decision
from avs_brain_client.plan import Force, Plan, UnitPlan

COUNTERS_UNAVAILABLE = "counters_unavailable"


def uncounted(force: Force, plan: Plan, value_unit_id: str, period: str) -> Decision | None:
    """The decision about any quantity of a unit in the period of this key; None for a unit without pools."""
    calendar = plan.calendars.usual
    number = calendar.number_of(period)
    terms = plan if number is None else plan.in_period(calendar, number)
    unit = terms.units.get(value_unit_id)
    return None if unit is None else _decision(terms, unit, force.state)


def _decision(plan: Plan, unit: UnitPlan, state: str) -> Decision:
    """Every rail that fails closed refuses what it might have refused. Of a config that has expired only those rails
    judge that expire closed.
    """
    delivery = plan.document.delivery
    stale = state != "fresh" and delivery.stale == "closed"
    allow = not (stale or _refuses(plan, unit, state))
    reason_code = "config_stale" if stale else COUNTERS_UNAVAILABLE
    return Decision(allow, None if allow else "block", reason_code, None, None, None, plan.config_version_id)


def _refuses(plan: Plan, unit: UnitPlan, state: str) -> bool:
    rails, delivery = plan.rails, plan.document.delivery
    judged = {
        "monthly_spend_cap_usd": rails.spend_cap is not None and bool(rails.at_cap_action) and not unit.price.is_free,
        "usage_thresholds": bool(rails.thresholds),
        "absolute_usage_caps": bool(unit.absolute_caps),
        "hard_stop": unit.last_pool.overage_behavior == "hard_stop",
    }
    lets_through = [name for name, fails in delivery.on_expired.items() if state == "expired" and fails == "open"]
    closed = (name for name, fails in delivery.on_counters_unavailable.items() if fails == "closed")
    return any(judged[name] for name in closed if name not in lets_through)
