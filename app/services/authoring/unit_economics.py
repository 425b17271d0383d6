"""Cost, price and margin of a unit: any two give the third, and three may disagree (spec 1, flow 2A). Pure.

margin = (price − cost) / price, exactly as the rules judge it. A computed number is rounded half-even: a margin to
four places of its share, a price or cost to six significant digits, never beyond the places that money is kept in.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from rules.economics import TARGET_MARGIN_TOLERANCE
from simulation.numbers import PLACES

COST, PRICE, MARGIN = "avg_cost_per_unit_usd", "target_price_per_unit_usd", "target_margin"
SIGNIFICANT = 6
MARGIN_PLACE = Decimal("0.0001")
DIGITS = 60
TOO_LARGE = Decimal(10) ** (38 - PLACES)
"""The first number that no column has room for."""

Number = Decimal | None


@dataclass(frozen=True)
class Economics:
    """The three fields of a unit by their names, as stated and as computed.

    `implied` has each field as it follows from the two others, None where it does not. `disagrees` is true when all
    three are stated and the margin is off by more than the rules tolerate.
    """

    stated: dict[str, Number]
    implied: dict[str, Number]
    disagrees: bool

    @property
    def missing(self) -> str | None:
        """The one field that is not stated, if it follows from the others."""
        absent = [name for name, value in self.stated.items() if value is None]
        return absent[0] if len(absent) == 1 and self.implied[absent[0]] is not None else None

    @property
    def is_complete(self) -> bool:
        return all(value is not None for value in self.stated.values())

    @property
    def is_free(self) -> bool:
        """Whether the unit is given away, so that nothing follows from its margin."""
        return self.stated[PRICE] == 0

    @property
    def filled(self) -> dict[str, Number]:
        """The stated fields, with the one that is missing where it follows from the others."""
        return self.stated if self.missing is None else self.stated | {self.missing: self.implied[self.missing]}


def economics(cost: Number, price: Number, margin: Number) -> Economics:
    """Cost and price in USD per unit, margin as a share (0.7 is 70 %)."""
    implied = {
        COST: _cost(price, margin),
        PRICE: _price(cost, margin),
        MARGIN: _margin(cost, price),
    }
    storable = {
        name: None if value is None or value.copy_abs() >= TOO_LARGE else value for name, value in implied.items()
    }
    return Economics({COST: cost, PRICE: price, MARGIN: margin}, storable, _disagree(cost, price, margin))


def _margin(cost: Number, price: Number) -> Number:
    """A price of 0 earns nothing, so its margin is stated as 0 (spec 8, draft export)."""
    if cost is None or price is None:
        return None
    if price <= 0:
        return Decimal(0)
    with localcontext(prec=DIGITS):
        return ((price - cost) / price).quantize(MARGIN_PLACE, rounding=ROUND_HALF_EVEN).normalize()


def _price(cost: Number, margin: Number) -> Number:
    """None at a margin of 100 %: no price is high enough, unless the unit costs nothing."""
    if cost is None or margin is None or margin >= 1:
        return None
    with localcontext(prec=DIGITS):
        return _rounded(cost / (1 - margin))


def _cost(price: Number, margin: Number) -> Number:
    if price is None or margin is None or margin > 1:
        return None
    with localcontext(prec=DIGITS):
        return _rounded(price * (1 - margin))


def _rounded(value: Decimal) -> Decimal:
    """The value with six significant digits, but with all digits before the point and never more places than money."""
    if not value:
        return Decimal(0)
    places = min(PLACES, max(0, SIGNIFICANT - 1 - value.adjusted()))
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN).normalize()


def _disagree(cost: Number, price: Number, margin: Number) -> bool:
    if cost is None or price is None or margin is None or price <= 0:
        return False
    return abs(1 - Fraction(cost) / Fraction(price) - Fraction(margin)) > TARGET_MARGIN_TOLERANCE
