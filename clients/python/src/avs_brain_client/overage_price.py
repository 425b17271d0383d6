"""What overage of a unit costs in a period: at one price, by tiers, all at the tier reached, or by whole packages.

Quantities and prices are scaled integers, so what they come to is USD times SCALE squared: no sum is ever rounded.
"""

from dataclasses import dataclass

from avs_brain_client.numbers import SCALE, ceiling

PER_UNIT, GRADUATED, VOLUME, PACKAGE = "per_unit", "graduated", "volume", "package"
PRICE_MODELS = (PER_UNIT, GRADUATED, VOLUME, PACKAGE)


@dataclass(frozen=True, slots=True)
class Tier:
    """Overage up to and including `up_to` (None: without end); the flat fee is charged once where it is reached."""

    up_to: int | None
    unit_price: int
    flat_fee: int = 0

    def all_at(self, overage: int) -> int:
        """What so many units cost when every one of them is at this tier's price."""
        return self.flat_fee * SCALE + overage * self.unit_price

    def has(self, overage: int) -> bool:
        """Whether the last of so many units lies in this tier or one before it."""
        return self.up_to is None or overage <= self.up_to


@dataclass(frozen=True, slots=True)
class OveragePrice:
    """The price of one unit's overage; the last tier is open, `package_size` is None but for packages, whose one tier
    has the price of a whole one.
    """

    model: str
    tiers: tuple[Tier, ...]
    package_size: int | None = None

    @property
    def is_free(self) -> bool:
        return not any(tier.unit_price or tier.flat_fee for tier in self.tiers)

    def charge(self, overage: int) -> int:
        """What so many units beyond the allowance cost in one period; nothing for none."""
        if overage <= 0:
            return 0
        if self.package_size is not None:
            return ceiling(overage, self.package_size) * self.tiers[0].unit_price * SCALE
        if self.model == VOLUME:
            return next(tier for tier in self.tiers if tier.has(overage)).all_at(overage)
        return self._by_tiers(overage)

    def peak(self, overage: int) -> int:
        """The most that was charged on the way to so many units: only volume prices fall when more is used."""
        if self.model != VOLUME or overage <= 0:
            return self.charge(overage)
        most = 0
        for tier in self.tiers:
            most = max(most, tier.all_at(overage if tier.up_to is None else min(overage, tier.up_to)))
            if tier.has(overage):
                break
        return most

    def room(self, amount: int) -> int | None:
        """The most units up to which no charge exceeds the amount, which is not negative; None: none ever does."""
        if self.package_size is not None:
            price = self.tiers[0].unit_price
            return amount // (price * SCALE) * self.package_size if price else None
        return self._room_at_reached(amount) if self.model == VOLUME else self._room_by_tiers(amount)

    def _by_tiers(self, overage: int) -> int:
        charged, start = 0, 0
        for tier in self.tiers:
            end = overage if tier.up_to is None else min(overage, tier.up_to)
            charged += tier.flat_fee * SCALE + (end - start) * tier.unit_price
            if tier.has(overage):
                break
            start = end
        return charged

    def _room_by_tiers(self, amount: int) -> int | None:
        left, start = amount, 0
        for tier in self.tiers:
            left -= tier.flat_fee * SCALE
            if left < 0:
                return start
            end = start + left // tier.unit_price if tier.unit_price else None
            if end is not None and (tier.up_to is None or end < tier.up_to):
                return end
            if tier.up_to is not None:
                left -= (tier.up_to - start) * tier.unit_price
                start = tier.up_to
        return None

    def _room_at_reached(self, amount: int) -> int | None:
        """Up to the first crossing: a later tier may be cheaper, and yet the bill went over the amount before it."""
        start = 0
        for tier in self.tiers:
            left = amount - tier.flat_fee * SCALE
            if left < 0:
                return start
            end = left // tier.unit_price if tier.unit_price else None
            if end is not None and (tier.up_to is None or end < tier.up_to):
                return max(end, start)
            start = tier.up_to or start
        return None


def at_one_price(unit_price: int) -> OveragePrice:
    """Every unit at the same price."""
    return OveragePrice(PER_UNIT, (Tier(None, unit_price),))
