"""What limits do to customers: values that rating use anew takes and gives, without any engine (spec 3)."""

from dataclasses import dataclass
from decimal import Decimal

REFUSING = ("block", "require_approval")
SLOWING = ("throttle", "degrade_quality")


@dataclass(frozen=True)
class AbsoluteCap:
    """The most of a unit that a customer gets in a period, and what the app does there."""

    value_unit_id: str
    max_quantity: Decimal
    action: str


@dataclass(frozen=True)
class Rerated:
    """Customers by what new terms make of use that they have made already, and not today's.

    `refused` go no further, `over_cap` of them because of the spend cap; `slowed` are throttled. `billed_more` owe more
    for it; `bill_usd` is what all customers together would owe for the period, `bill_today_usd` what they owe today.
    """

    refused: int = 0
    over_cap: int = 0
    slowed: int = 0
    billed_more: int = 0
    bill_today_usd: Decimal = Decimal(0)
    bill_usd: Decimal = Decimal(0)
