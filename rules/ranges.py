"""The numbers that a simulation and a customer app calculate with, and the rule that a config has no other (spec 3).

Columns keep more digits than that, and rows may be older than a limit; so a number beyond is a finding, not a crash.
"""

from collections.abc import Iterator
from decimal import Decimal

from rules.draft import Draft, Number, pooled_units
from rules.finding import Finding, Gate
from rules.labels import label_text
from rules.places import Place, at_pool, at_rails, at_unit
from rules.wording import THIS_CONFIG, this_pool, this_unit

LIMIT = Decimal(10) ** 14
PLACES = 12
MAX_DAYS = 3_650
"""The most days after which a rollover or an exploration ends: ten years."""
MAX_PERCENT = 1_000
PERCENT_PLACES = 2
PERCENT_RANGE = f"above 0 and up to {MAX_PERCENT:,}, with at most {PERCENT_PLACES} decimal places"

Case = tuple[str, str, Number | None, Place]
"""The record at the start of a sentence, the field, its number and where it is mended."""


def is_threshold_percent(value: Number) -> bool:
    """Whether a threshold may stand at this percentage: 33.33, not 33.333; the same at every door."""
    percent = Decimal(value)
    return 0 < percent <= MAX_PERCENT and decimal_places(percent) <= PERCENT_PLACES


def decimal_places(value: Decimal) -> int:
    """The decimal places that a finite number needs: 1 for 33.50."""
    _, digits, exponent = value.as_tuple()
    written = "".join(map(str, digits))
    return max(0, -int(exponent) - (len(written) - len(written.rstrip("0"))))


def numbers_are_in_range(draft: Draft) -> Iterator[Finding]:
    """Every quantity and amount is below 10^14, every threshold at a percentage of two places (simulation gate)."""
    for subject, field, value, place in (*_of_pools(draft), *_of_units(draft), *_of_rails(draft)):
        if value is not None and Decimal(value).copy_abs() >= LIMIT:
            message = (
                f"{subject} has {value} in {label_text(field)}, and numbers of 10^14 and more cannot be simulated. "
                "Correct it."
            )
            yield Finding("number_out_of_range", Gate.SIMULATE, message, *place)
    for threshold in draft.rails.usage_thresholds:
        if threshold.percent is not None and not is_threshold_percent(threshold.percent):
            message = f"{THIS_CONFIG} has a threshold at {threshold.percent} percent. Set one {PERCENT_RANGE}."
            yield Finding("number_out_of_range", Gate.SIMULATE, message, *at_rails(draft, "usage_thresholds"))


def _of_pools(draft: Draft) -> Iterator[Case]:
    for pool in draft.pools:
        subject, rollover = this_pool(pool), "rollover.max_rollover_quantity"
        yield subject, "included_quantity", pool.included_quantity, at_pool(draft, pool, "included_quantity")
        yield subject, rollover, pool.max_rollover_quantity, at_pool(draft, pool, "rollover")


def _of_units(draft: Draft) -> Iterator[Case]:
    for unit in pooled_units(draft):
        for field in ("avg_cost_per_unit_usd", "target_price_per_unit_usd"):
            value = getattr(unit.unit_economics, field)
            yield this_unit(unit), field, value, at_unit(draft, unit, f"unit_economics.{field}")


def _of_rails(draft: Draft) -> Iterator[Case]:
    for field in ("monthly_spend_cap_usd", "margin_floor"):
        yield THIS_CONFIG, field, getattr(draft.rails, field), at_rails(draft, field)
