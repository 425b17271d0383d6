"""The places of the lines in the step chart of a unit's price: what each unit beyond the allowance costs. Pure.

Lengths are in units of the picture, whose plot is `WIDTH` long and `HEIGHT` high.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from simulation.canonical import Json

WIDTH, HEIGHT = 560, 96
MAX_DRAWN = 12
"""Tiers beyond these are said, not drawn."""


@dataclass(frozen=True)
class Step:
    """One tier from `x` on, `width` long, whose line is at `y`; `up_to` is None of the open one."""

    x: int
    width: int
    y: int
    lower: Decimal
    up_to: Decimal | None
    unit_price_usd: Decimal
    flat_fee_usd: Decimal


def steps(tiers: Sequence[Mapping[str, Json]]) -> tuple[Step, ...]:
    """The steps of tiers whose ends ascend; none where they do not, for then there is nothing to draw yet."""
    drawn = tiers[:MAX_DRAWN]
    ends = [tier["up_to"] for tier in drawn]
    if not drawn or None in ends[:-1] or any(high <= low for low, high in zip([0, *ends], ends, strict=False) if high):
        return ()
    highest = max(Decimal(tier["unit_price_usd"]) for tier in drawn)
    lowers, placed = [Decimal(0), *(Decimal(end) for end in ends[:-1])], []
    xs = [_at(at, len(drawn)) for at in range(len(drawn) + 1)]
    for at, (tier, lower) in enumerate(zip(drawn, lowers, strict=True)):
        price = Decimal(tier["unit_price_usd"])
        y = HEIGHT if not highest else int(HEIGHT - price / highest * HEIGHT)
        fee = Decimal(tier.get("flat_fee_usd") or 0)
        placed.append(Step(xs[at], xs[at + 1] - xs[at], y, lower, tier["up_to"], price, fee))
    return tuple(placed)


def _at(index: int, count: int) -> int:
    """Tiers are drawn equally wide: their ends may lie a thousandfold apart."""
    return WIDTH * index // count
