"""What a customer is billed beside and for their overage: the price plan of a config, and contracts of customers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from avs_brain_client.numbers import SCALE
from avs_brain_client.overage_price import OveragePrice


@dataclass(frozen=True, slots=True)
class Prepaid:
    """Credits bought with every period, in USD, scaled; a lot lasts for `periods` after its own, None: always."""

    amount: int
    price: int
    periods: int | None
    expires_after_days: int | None


@dataclass(frozen=True, slots=True)
class CustomerTerms:
    """What one customer is billed by: USD per period, scaled. `unit_prices` by value_unit_id: a unit without one has
    its target price. `included` by pool_id, of pools of which the customer has another allowance than the config says.
    """

    platform_fee: int = 0
    minimum_commit: int = 0
    true_up: bool = True
    prepaid: Prepaid | None = None
    unit_prices: Mapping[str, OveragePrice] = field(default_factory=dict)
    included: Mapping[str, int] = field(default_factory=dict)

    @property
    def beside_overage(self) -> int:
        """The fee and the price of the credits, in USD times SCALE squared."""
        return (self.platform_fee + (self.prepaid.price if self.prepaid else 0)) * SCALE

    @property
    def at_least(self) -> int:
        """What is billed whatever was used: the commit where it is trued up, in USD times SCALE squared."""
        return self.minimum_commit * SCALE if self.true_up else 0


@dataclass(frozen=True, slots=True)
class PricePlan:
    """The terms for everybody, and the whole terms of each customer who has a contract, by customer_id."""

    usual: CustomerTerms
    overrides: Mapping[str, CustomerTerms] = field(default_factory=dict)

    def terms_of(self, customer_id: str | None) -> CustomerTerms:
        """What holds for this customer; None: for whoever has no contract."""
        return self.usual if customer_id is None else self.overrides.get(customer_id, self.usual)

    @property
    def contracts(self) -> Iterator[CustomerTerms]:
        """All terms: those of everybody, and those of each customer who has a contract."""
        yield self.usual
        yield from self.overrides.values()
