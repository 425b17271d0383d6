"""The payload of a billing patch (spec 5)."""

from decimal import Decimal
from typing import Annotated, NotRequired, TypedDict

from api.schemas.authoring import AggregationBody
from api.shapes.decided import SubjectResolution
from rules.enums import PriceModel, TargetEnvironment, TermsStart
from rules.price_plan import Prepaid, Tier
from simulation.canonical import JsonObject

FilterScalar = str | Decimal | bool
FilterValue = FilterScalar | list[FilterScalar]


class BillingMeter(TypedDict):
    """Which events a ledger meters for a unit."""

    meter_id: str
    event_type: str | None
    aggregation: Annotated[JsonObject, AggregationBody] | None
    filters: dict[str, FilterValue]


class BillingProduct(TypedDict):
    """What a ledger sells of a unit."""

    product_id: str
    label: str


class PricedUsage(TypedDict):
    """How overage of a meter is priced where a price plan says so, instead of `price_per_unit_usd`."""

    model: NotRequired[PriceModel]
    package_size: NotRequired[Decimal]
    tiers: NotRequired[list[Tier]]


class RateCardLine(PricedUsage):
    """The price of a meter."""

    meter_id: str
    price_per_unit_usd: Decimal | None


class BilledPerPeriod(TypedDict):
    """What a price plan bills beside usage, per customer and period."""

    platform_fee_usd: NotRequired[Decimal]
    minimum_commit_usd: NotRequired[Decimal]
    true_up: NotRequired[bool]
    prepaid: NotRequired[Prepaid | None]


class RateCardUpdate(BilledPerPeriod):
    """A rate card with its lines, and what a price plan bills beside them."""

    rate_card_id: str | None
    lines: list[RateCardLine]


class OverrideLine(PricedUsage):
    """The price of a meter for one customer."""

    meter_id: str


class ContractOverride(BilledPerPeriod):
    """What a customer with a contract is billed instead; only what differs. `included_quantity` is by pool_id."""

    customer_id: str
    included_quantity: NotRequired[dict[str, Decimal]]
    lines: NotRequired[list[OverrideLine]]


class BillingPayload(TypedDict):
    """Meters, products and prices; `terms_start` only where it is not at_once."""

    terms_start: NotRequired[TermsStart]
    target_environment: TargetEnvironment
    subject_resolution: SubjectResolution
    meters: list[BillingMeter]
    products: list[BillingProduct]
    rate_card_updates: list[RateCardUpdate]
    contract_overrides: list[ContractOverride]
    notes: str
