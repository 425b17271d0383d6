"""The price plan of a config as a simulation reads it: what a customer-period is billed beside and for its overage.

Everything is exact and per customer and period, in USD. `terms_of` answers what holds for a customer: the plan's terms,
or those of the customer's own contract, which states only what differs. The caller's decimal context must be exact
(`simulation.numbers.EXACT`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from simulation.canonical import Json
from simulation.numbers import at_least_zero
from simulation.window import PERIOD_DAYS

PRICE_MODELS = ("per_unit", "graduated", "volume", "package")
Document = Mapping[str, Json]


@dataclass(frozen=True)
class Tier:
    """Overage up to and including `up_to` units; the last tier is open (None)."""

    up_to: Decimal | None
    unit_price_usd: Decimal
    flat_fee_usd: Decimal = Decimal(0)


@dataclass(frozen=True)
class UnitPrice:
    """How overage of one value unit is priced; `package_size` is None but for packages, which have one open tier."""

    value_unit_id: str
    model: str
    tiers: tuple[Tier, ...]
    package_size: Decimal | None = None

    def charge(self, overage: Decimal) -> Decimal:
        """USD of so many units beyond the allowance in one period; nothing for none."""
        if overage <= 0:
            return Decimal(0)
        if self.package_size is not None:
            packages = (overage / self.package_size).to_integral_value(ROUND_CEILING)
            return packages * self.tiers[0].unit_price_usd
        if self.model == "volume":
            parts = [(self.tiers[self.reached(overage)], overage)]
        else:
            parts = [(tier, units) for tier, units in zip(self.tiers, self.split(overage), strict=True) if units]
        return sum((tier.flat_fee_usd + units * tier.unit_price_usd for tier, units in parts), Decimal(0))

    def reached(self, overage: Decimal) -> int:
        """The tier in which the last of these units lies; a tier ends with its `up_to`, which belongs to it."""
        return next(at for at, tier in enumerate(self.tiers) if tier.up_to is None or overage <= tier.up_to)

    def split(self, overage: Decimal) -> tuple[Decimal, ...]:
        """The units that lie in each tier."""
        return tuple(
            max((overage if tier.up_to is None else min(overage, tier.up_to)) - lower, Decimal(0))
            for tier, lower in zip(self.tiers, self.lower_bounds, strict=True)
        )

    def in_tiers(self, overage: Decimal) -> Iterator[tuple[int, Decimal]]:
        """(tier, units) of each tier at whose price some of these units are charged; tiers count from 0."""
        if overage <= 0:
            return
        if self.model == "graduated":
            yield from ((at, units) for at, units in enumerate(self.split(overage)) if units)
        else:
            yield self.reached(overage), overage

    @property
    def lower_bounds(self) -> tuple[Decimal, ...]:
        """The units after which each tier begins."""
        return (Decimal(0), *(tier.up_to for tier in self.tiers[:-1] if tier.up_to is not None))


@dataclass(frozen=True)
class Prepaid:
    """Credits of `amount_usd` bought for `price_usd` with every period; None days: they never lapse."""

    amount_usd: Decimal
    price_usd: Decimal
    expires_after_days: int | None

    @property
    def periods(self) -> int | None:
        """The periods after its own in which a lot can be drawn, as of a rollover's lot; None is no end."""
        return None if self.expires_after_days is None else self.expires_after_days // PERIOD_DAYS


@dataclass(frozen=True)
class CustomerTerms:
    """What one customer is billed by. `unit_prices` is by value_unit_id: a unit without one has its target price.

    `included` is by pool_id, of pools of which the customer has another allowance than the config says.
    """

    platform_fee_usd: Decimal = Decimal(0)
    minimum_commit_usd: Decimal = Decimal(0)
    true_up: bool = True
    prepaid: Prepaid | None = None
    unit_prices: Mapping[str, UnitPrice] = field(default_factory=dict, hash=False)
    included: Mapping[str, Decimal] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class PricePlan:
    """The terms for everybody, and the whole terms of each customer who has a contract, by customer_id."""

    usual: CustomerTerms
    overrides: Mapping[str, CustomerTerms] = field(default_factory=dict, hash=False)

    def terms_of(self, customer_id: str) -> CustomerTerms:
        """What holds for this customer."""
        return self.overrides.get(customer_id, self.usual)

    @property
    def contracts(self) -> Iterator[tuple[str | None, CustomerTerms]]:
        """All terms: those of everybody (None), then of each customer who has a contract."""
        yield None, self.usual
        yield from self.overrides.items()


def price_plan(document: Document | None) -> PricePlan | None:
    """The plan of `rating_agility.price_plan`; ValueError names the field that the gate would refuse."""
    if not document:
        return None
    usual = _terms(document, CustomerTerms(), "price_plan")
    return PricePlan(
        usual,
        {
            item["customer_id"]: _terms(item, usual, f"price_plan.overrides.{item['customer_id']}")
            for item in document.get("overrides") or ()
        },
    )


def _terms(document: Document, usual: CustomerTerms, name: str) -> CustomerTerms:
    """The terms that a contract states, and those of `usual` for the rest."""
    prices = {item["value_unit_id"]: _unit_price(item, name) for item in document.get("unit_prices") or ()}
    included: Document = document.get("included_quantity") or {}
    return CustomerTerms(
        platform_fee_usd=_amount(document, "platform_fee_usd", usual.platform_fee_usd, name),
        minimum_commit_usd=_amount(document, "minimum_commit_usd", usual.minimum_commit_usd, name),
        true_up=document.get("true_up", usual.true_up),
        prepaid=_prepaid(document["prepaid"], name) if "prepaid" in document else usual.prepaid,
        unit_prices={**usual.unit_prices, **prices},
        included={pool_id: at_least_zero(value, f"{name}.{pool_id}") for pool_id, value in included.items()},
    )


def _amount(document: Document, member: str, usual: Decimal, name: str) -> Decimal:
    value = document.get(member)
    return usual if value is None else at_least_zero(value, f"{name}.{member}")


def _prepaid(document: Document | None, name: str) -> Prepaid | None:
    if document is None:
        return None
    days = document.get("expires_after_days")
    return Prepaid(
        amount_usd=at_least_zero(document["amount_usd"], f"{name}.prepaid.amount_usd"),
        price_usd=at_least_zero(document["price_usd"], f"{name}.prepaid.price_usd"),
        expires_after_days=None if days is None else int(days),
    )


def _unit_price(document: Document, name: str) -> UnitPrice:
    unit_id, size = document["value_unit_id"], document.get("package_size")
    if document["model"] not in PRICE_MODELS:
        raise ValueError(f"{name}.{unit_id}.model is {document['model']!r}: allowed are {', '.join(PRICE_MODELS)}")
    return UnitPrice(
        value_unit_id=unit_id,
        model=document["model"],
        tiers=tuple(_tier(tier, f"{name}.{unit_id}") for tier in document["tiers"]),
        package_size=None if size is None else at_least_zero(size, f"{name}.{unit_id}.package_size"),
    )


def _tier(document: Document, name: str) -> Tier:
    up_to = document.get("up_to")
    return Tier(
        up_to=None if up_to is None else at_least_zero(up_to, f"{name}.up_to"),
        unit_price_usd=at_least_zero(document["unit_price_usd"], f"{name}.unit_price_usd"),
        flat_fee_usd=at_least_zero(document.get("flat_fee_usd") or 0, f"{name}.flat_fee_usd"),
    )
