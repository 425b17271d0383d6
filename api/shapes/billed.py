"""The payload of a billing patch (spec 5)."""

from decimal import Decimal
from typing import Annotated, Any, NotRequired, TypedDict

from api.schemas.authoring import AggregationBody
from api.shapes.decided import SubjectResolution
from rules.enums import TargetEnvironment, TermsStart
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


class RateCardLine(TypedDict):
    """The price of a meter."""

    meter_id: str
    price_per_unit_usd: Decimal | None


class RateCardUpdate(TypedDict):
    """A rate card with its lines."""

    rate_card_id: str | None
    lines: list[RateCardLine]


class BillingPayload(TypedDict):
    """Meters, products and prices; `terms_start` only where it is not at_once."""

    terms_start: NotRequired[TermsStart]
    target_environment: TargetEnvironment
    subject_resolution: SubjectResolution
    meters: list[BillingMeter]
    products: list[BillingProduct]
    rate_card_updates: list[RateCardUpdate]
    contract_overrides: list[dict[str, Any]]
    notes: str
