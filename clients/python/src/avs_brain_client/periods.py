"""Periods of 30 days, `(start, end]`, counted from an anchor: the same cut as in AVS Brain's simulation (spec 4.1)."""

from dataclasses import dataclass
from datetime import datetime, timezone

from avs_brain_client.clock import DAY_US, microseconds
from avs_brain_client.document import PERIOD_DAYS

PERIOD_US = PERIOD_DAYS * DAY_US
ANCHOR = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""Where period 0 starts unless the client is told otherwise; every process must use the same."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """`anchor_us` is the start of period 0. `accrues_from`: the period from which every customer's allowance counts
    for rollover; None: from the customer's own first use.
    """

    anchor_us: int = microseconds(ANCHOR)
    accrues_from: int | None = None

    def period(self, at_us: int) -> int:
        """The index of the period with start < at ≤ end; negative before the anchor."""
        return (at_us - self.anchor_us - 1) // PERIOD_US

    def start_us(self, period: int) -> int:
        """The last moment before the period."""
        return self.anchor_us + period * PERIOD_US

    def end_us(self, period: int) -> int:
        """The period's last microsecond."""
        return self.start_us(period + 1)


def calendar(anchor: datetime, accrues_from: datetime | None = None) -> Calendar:
    """Periods from an anchor; every allowance accrues from the period that begins at or contains `accrues_from`."""
    found = Calendar(microseconds(anchor))
    if accrues_from is None:
        return found
    return Calendar(found.anchor_us, found.period(microseconds(accrues_from) + 1))
