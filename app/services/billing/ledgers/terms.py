"""The terms of a config, which every ledger has to know: a unit's meter, its allowance and its price (spec 4.2, 5)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Protocol

from app.errors import Conflict
from app.services.billing.ledgers.reading import Fields
from app.services.billing.ledgers.texts import plain
from rules.enums import AggregationType
from simulation.canonical import Json, JsonObject
from simulation.price_plan import CustomerTerms, PricePlan, UnitPrice
from simulation.price_plan import price_plan as plan_of
from simulation.window import PERIOD_DAYS

__all__ = ["PERIOD_DAYS", "Pool", "Terms", "Unit", "cannot_express", "read", "whole_included"]

KINDS = tuple(kind.value for kind in AggregationType)  # count comes first and is the one without a field
DIGITS = 64  # more than 200 pools of 26 digits can sum up to


@dataclass(frozen=True)
class Pool:
    """An allowance per customer and period; `counted` is false while it gives nothing (exploration is disabled)."""

    pool_id: str
    label: str
    included_quantity: Decimal
    overage_behavior: str
    rollover: Fields
    is_exploration_pool: bool
    counted: bool


@dataclass(frozen=True)
class Unit:
    """A priced value unit: the events that count, how they add up, and the price in USD beyond the allowance.

    `schedule` is there instead of `price` where a price plan has tiers or packages for it.
    """

    value_unit_id: str
    label: str
    meter_id: str
    product_id: str
    event_type: str
    aggregation: str
    field: str | None
    minus: str | None
    filters: Mapping[str, tuple[Json, ...]]
    price: Decimal
    pools: tuple[Pool, ...]
    schedule: UnitPrice | None = None

    @property
    def one_field(self) -> str | None:
        """The event property to aggregate in a ledger that knows one only: of a difference, the one to send it in."""
        return f"{self.field}_less_{self.minus}" if self.minus else self.field

    @property
    def included(self) -> Decimal:
        """The quantity that a customer may use per period before anything is billed: the sum over the unit's pools."""
        with localcontext(prec=DIGITS):
            return sum((pool.included_quantity for pool in self.pools if pool.counted), Decimal(0))


NO_CHARGES = CustomerTerms()
"""What is billed beside usage without a price plan: nothing."""


@dataclass(frozen=True)
class Terms:
    """A billing patch with the pools, exploration and rails of the config that it belongs to.

    With a price plan `charges` are what it sells beside usage, to everybody or, in the terms of one contract, to
    `customer_id` alone. `terms_start` says from when prices hold for a customer, where that is not at once.
    """

    billing_patch_id: str
    config_version_id: str
    price_book_ref: str | None
    effective_at: datetime
    subject: Mapping[str, str]
    units: tuple[Unit, ...]
    exploration: Fields
    rails: Fields
    terms_start: str | None = None
    plan: PricePlan | None = None
    customer_id: str | None = None
    charges: CustomerTerms = NO_CHARGES

    @property
    def contract_key(self) -> str:
        """The key of what one contract sells: the subject's, with the customer where one has terms of their own."""
        return self.subject_key if self.customer_id is None else f"{self.subject_key}/{self.customer_id}"

    @property
    def subject_key(self) -> str:
        """The key of the subject, by which its prices are known; ids hold no `/`, so no two subjects share one."""
        parts = ("workspace_id", "segment", "stage", "target_environment")
        return "/".join(["avs", *(self.subject[part] for part in parts)])

    @property
    def title(self) -> str:
        """The name of a plan for people."""
        title = f"{self.subject['segment']} {self.subject['stage']} ({self.subject['target_environment']})"
        return title if self.customer_id is None else f"{title}, {self.customer_id}"


def cannot_express(ledger: str, detail: str) -> Conflict:
    """The refusal (409) of terms that the ledger cannot state exactly: anything near them bills another amount."""
    return Conflict(f"{ledger} cannot express this exactly: {detail}", code="ledger_cannot_express")


def whole_included(ledger: str, unit: Unit, steps: str) -> int:
    """The unit's allowance as a whole number; Conflict when it is none, because the ledger's `steps` end at those."""
    if unit.included != unit.included.to_integral_value():
        detail = f"{unit.value_unit_id} includes {plain(unit.included)} units, and {steps} end at whole numbers."
        raise cannot_express(ledger, detail)
    return int(unit.included)


class Patch(Protocol):
    """The columns of a billing patch."""

    @property
    def billing_patch_id(self) -> str: ...
    @property
    def config_version_id(self) -> str: ...
    @property
    def price_book_ref(self) -> str | None: ...
    @property
    def effective_at(self) -> datetime: ...
    @property
    def payload(self) -> JsonObject: ...


def read(patch: Patch, document: Fields) -> Terms:
    """The terms of a billing patch and of the config document that it was built from.

    Raises Conflict (409) with the code of the rule that is not met yet, when a draft lacks what a ledger must know.
    """
    payload, exploration = patch.payload, document["exploration"]
    lines = [line for card in payload["rate_card_updates"] for line in card["lines"]]
    known_ids = {unit["value_unit_id"] for unit in document["value_units"]}
    for pool in document["pools"]:
        if pool["value_unit_id"] not in known_ids:
            raise _lacks("pool_value_unit_unknown", f"pool {pool['pool_id']} names no unit of the snapshot")
    plan = _plan(document)
    charges = plan.usual if plan else NO_CHARGES
    rows = zip(document["value_units"], payload["meters"], payload["products"], lines, strict=True)
    return Terms(
        billing_patch_id=patch.billing_patch_id,
        config_version_id=patch.config_version_id,
        price_book_ref=patch.price_book_ref,
        effective_at=patch.effective_at,
        subject=payload["subject_resolution"],
        units=tuple(priced(_unit(*row, _pools(row[0], document["pools"], exploration)), charges) for row in rows),
        exploration=exploration,
        rails=document["rails"],
        terms_start=payload.get("terms_start"),
        plan=plan,
        charges=charges,
    )


def priced(unit: Unit, charges: CustomerTerms) -> Unit:
    """The unit with the allowance and the price of a contract; one price for every unit needs no schedule."""
    pools = tuple(
        replace(pool, included_quantity=charges.included.get(pool.pool_id, pool.included_quantity))
        for pool in unit.pools
    )
    price = charges.unit_prices.get(unit.value_unit_id)
    if price is None:
        return replace(unit, pools=pools)
    first, *others = price.tiers
    if price.package_size is None and not others and not first.flat_fee_usd:
        return replace(unit, pools=pools, price=first.unit_price_usd, schedule=None)
    model = "graduated" if price.model != "package" and not others else price.model
    return replace(unit, pools=pools, schedule=replace(price, model=model))


def _plan(document: Fields) -> PricePlan | None:
    """The price plan of the config, None where it has none."""
    try:
        return plan_of(document["rating_agility"].get("price_plan"))
    except (ValueError, KeyError, TypeError) as error:
        raise _lacks("price_plan_invalid", f"its price plan says {error}") from error


def _pools(unit: Fields, pools: Iterable[Fields], exploration: Fields) -> tuple[Pool, ...]:
    return tuple(
        Pool(
            pool_id=pool["pool_id"],
            label=pool["label"],
            included_quantity=Decimal(pool["included_quantity"]),
            overage_behavior=pool["overage_behavior"],
            rollover=pool["rollover"],
            is_exploration_pool=pool["is_exploration_pool"],
            counted=exploration["enabled"] or not pool["is_exploration_pool"],
        )
        for pool in pools
        if pool["value_unit_id"] == unit["value_unit_id"]
    )


def _unit(unit: Fields, meter: Fields, product: Fields, line: Fields, pools: tuple[Pool, ...]) -> Unit:
    unit_id, aggregation = unit["value_unit_id"], meter["aggregation"] or {}
    if not meter["event_type"] or not aggregation.get("type"):
        raise _lacks("unit_event_mapping_missing", f"value unit {unit_id} has no event_mapping to meter by")
    if aggregation["type"] not in KINDS or (aggregation["type"] != KINDS[0] and not aggregation.get("field")):
        raise _lacks("unit_event_mapping_invalid", f"value unit {unit_id} has no field to aggregate")
    if aggregation.get("minus") and aggregation["type"] != AggregationType.SUM.value:
        raise _lacks("unit_event_mapping_invalid", f"value unit {unit_id} takes a field off what is no sum")
    if line["price_per_unit_usd"] is None:
        raise _lacks("unit_economics_missing", f"value unit {unit_id} has no target_price_per_unit_usd")
    return Unit(
        value_unit_id=unit_id,
        label=product["label"] or unit_id,
        meter_id=meter["meter_id"],
        product_id=product["product_id"],
        event_type=meter["event_type"],
        aggregation=aggregation["type"],
        field=aggregation.get("field"),
        minus=aggregation.get("minus") or None,
        filters=_filters(unit_id, meter["filters"]),
        price=Decimal(line["price_per_unit_usd"]),
        pools=pools,
    )


def _filters(unit_id: str, stored: Fields) -> dict[str, tuple[Json, ...]]:
    """The filters by name, each with all the values that match."""
    filters = {name: tuple(value) if isinstance(value, list) else (value,) for name, value in stored.items()}
    for name, values in filters.items():
        if not values or not all(isinstance(value, str | int | Decimal) for value in values):
            raise _lacks("unit_event_mapping_invalid", f"the filter {name!r} of value unit {unit_id} matches nothing")
    return dict(sorted(filters.items()))


def _lacks(code: str, what: str) -> Conflict:
    return Conflict(f"A ledger cannot bill this config: {what}.", code=code)
