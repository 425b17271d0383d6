"""Rules about the cycle: what outcome, measured how, over which period (spec 1 and 3)."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from rules.draft import Draft, filled, is_filled
from rules.enums import CycleType, GoalType
from rules.finding import Finding, Gate
from rules.places import at_cycle, at_snapshot
from rules.wording import THE_CYCLE, labelled, pick, pick_value

PRODUCTION_PERIOD_DAYS = 90
PERIOD_LENGTHS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {CycleType.SANDBOX: (PRODUCTION_PERIOD_DAYS, 120), CycleType.PRODUCTION: (PRODUCTION_PERIOD_DAYS,)}
)
"""The days that a cycle may last, by cycle_type."""


def cycle_names_a_goal(draft: Draft) -> Iterator[Finding]:
    """Without a goal no result is better than another (simulation gate)."""
    if not is_filled(draft.cycle.goal_type):
        message = f"{THE_CYCLE} has no goal. {pick_value(GoalType)}"
        yield Finding("cycle_goal_type_missing", Gate.SIMULATE, message, *at_cycle(draft, "goal_type"))


def cycle_names_a_primary_metric(draft: Draft) -> Iterator[Finding]:
    """The simulation reports deltas of these metrics (simulation gate)."""
    if not filled(draft.cycle.primary_metrics):
        known = labelled(draft.catalogs.metric_ids, draft.catalogs.labels)
        choice = pick(known, "Add a metric to the catalog, then pick it.")
        message = f"{THE_CYCLE} has no primary metric. {choice}"
        yield Finding("cycle_primary_metrics_missing", Gate.SIMULATE, message, *at_cycle(draft, "primary_metrics"))


def cycle_has_the_snapshot(draft: Draft) -> Iterator[Finding]:
    """A config is judged on frozen units, never on ones that are still being edited (simulation gate)."""
    if draft.units is None:
        version = draft.config.value_unit_snapshot_version
        which = "snapshot of its value units" if version is None else f"snapshot {version} of its value units"
        message = f"{THE_CYCLE} has no {which}. Submit them."
        yield Finding("value_unit_snapshot_missing", Gate.SIMULATE, message, *at_snapshot(draft))


def production_cycle_is_a_production_one(draft: Draft) -> Iterator[Finding]:
    """A sandbox cycle is not promotable (production gate)."""
    if draft.cycle.cycle_type != CycleType.PRODUCTION:
        kind = f"is a {draft.cycle.cycle_type} cycle" if draft.cycle.cycle_type else "has no type"
        message = (
            f"{THE_CYCLE} {kind}, and a config for production needs a production cycle. "
            "Fork the config into one, or change the cycle."
        )
        yield Finding("cycle_type_not_production", Gate.APPROVE, message, *at_cycle(draft, "cycle_type"))


def production_cycle_lasts_90_days(draft: Draft) -> Iterator[Finding]:
    """Production cycles are fixed to 90 days (production gate)."""
    days = draft.cycle.period_length_days
    if days != PRODUCTION_PERIOD_DAYS:
        lasts = "has no length" if days is None else f"lasts {days} days"
        message = f"{THE_CYCLE} {lasts}. Production cycles last 90 days: set 90."
        yield Finding("cycle_period_not_90_days", Gate.APPROVE, message, *at_cycle(draft, "period_length_days"))
