"""The price plan of a config: its shape, and the one way in which it is written (spec 4.2).

A plan is optional; a config without one is billed for overage alone, at the prices of its value units. Every amount is
per customer and period, in USD, exact. `overrides` are contracts of single customers: each states only what differs.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from rules.enums import ChangePolicy

Number = int | Decimal


class Tier(TypedDict):
    """Overage up to and including `up_to` (null: without end); `flat_fee_usd` is charged once where it is reached."""

    up_to: Number | None
    unit_price_usd: Number
    flat_fee_usd: NotRequired[Number]


class UnitPrice(TypedDict):
    """How overage of a value unit is priced; of a `package`, `unit_price_usd` is the price of one whole package."""

    value_unit_id: str
    model: str
    tiers: list[Tier]
    package_size: NotRequired[Number]


class Prepaid(TypedDict):
    """Credits that are bought with every period: their amount, what they cost, and for how many days they last."""

    amount_usd: Number
    price_usd: Number
    expires_after_days: NotRequired[int]


class Contract(TypedDict, total=False):
    """What a plan says for everybody, and what an override may say for one customer."""

    platform_fee_usd: Number
    minimum_commit_usd: Number
    true_up: bool
    prepaid: Prepaid | None
    unit_prices: list[UnitPrice]


class Override(Contract):
    """One customer's contract: what it does not state is as the plan says; `included_quantity` is by pool_id.

    `prepaid: null` sells the customer no credits, `minimum_commit_usd: 0` asks for none.
    """

    customer_id: str
    included_quantity: NotRequired[dict[str, Number]]


class PricePlan(Contract):
    """A whole plan as configs keep it: what says nothing has no member, lists are in the order of their ids."""

    overrides: NotRequired[list[Override]]
    change_policy: str


PLAN_MEMBERS = (
    "platform_fee_usd",
    "minimum_commit_usd",
    "true_up",
    "prepaid",
    "unit_prices",
    "overrides",
    "change_policy",
)
OVERRIDE_MEMBERS = (
    "customer_id",
    "platform_fee_usd",
    "minimum_commit_usd",
    "true_up",
    "prepaid",
    "unit_prices",
    "included_quantity",
)
StoredPlan = Mapping[str, Any]
"""The members of a plan as somebody wrote it; any of them may be absent."""


def normalised(plan: StoredPlan | None) -> PricePlan | None:
    """The plan as configs keep it, whatever way it was written; None for one that says nothing but its change policy.

    Two plans that bill alike are written alike, so that neither hash nor diff tells them apart.
    """
    if not plan:
        return None
    kept: dict[str, Any] = {name: value for name, value in _contract(plan).items() if value or name == "true_up"}
    overrides = [_override(item) for item in plan.get("overrides") or ()]
    if overrides:
        kept["overrides"] = sorted(overrides, key=lambda item: str(item["customer_id"]))
    if not kept.keys() - {"true_up"}:
        return None
    kept["change_policy"] = plan.get("change_policy") or ChangePolicy.AT_NEXT_PERIOD.value
    return kept  # type: ignore[return-value]  # every member of the shape, by construction


def _contract(plan: StoredPlan) -> dict[str, Any]:
    """The members of a contract that are stated, each in its one way; true is what `true_up` means unstated."""
    members: dict[str, Any] = {
        name: plan[name] for name in ("platform_fee_usd", "minimum_commit_usd") if plan.get(name) is not None
    }
    if plan.get("true_up") is False:
        members["true_up"] = False
    if "prepaid" in plan:
        members["prepaid"] = _stated(plan["prepaid"])
    if plan.get("unit_prices"):
        members["unit_prices"] = sorted(map(_unit_price, plan["unit_prices"]), key=lambda item: item["value_unit_id"])
    return members


def _override(item: StoredPlan) -> dict[str, Any]:
    """An override as it is kept: 0, false and null say something here, for the plan may say something else."""
    members = {"customer_id": item["customer_id"], **_contract(item)}
    if item.get("true_up") is True:
        members["true_up"] = True
    if item.get("included_quantity"):
        members["included_quantity"] = dict(sorted(item["included_quantity"].items()))
    return members


def _unit_price(price: StoredPlan) -> dict[str, Any]:
    members = {"value_unit_id": price["value_unit_id"], "model": price["model"]}
    if price.get("package_size") is not None:
        members["package_size"] = price["package_size"]
    return {**members, "tiers": [_tier(tier) for tier in price["tiers"]]}


def _tier(tier: StoredPlan) -> dict[str, Any]:
    kept = {"up_to": tier.get("up_to"), "unit_price_usd": tier["unit_price_usd"]}
    return {**kept, "flat_fee_usd": tier["flat_fee_usd"]} if tier.get("flat_fee_usd") else kept


def _stated(members: StoredPlan | None) -> dict[str, Any] | None:
    return {name: value for name, value in members.items() if value is not None} if members else None
