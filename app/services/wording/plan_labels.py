"""The fields of a diff as people read them, those of a price plan with the names of units and customers. Pure."""

import re
from collections.abc import Mapping

from rules.labels import label_text, shown_order

PLAN = "price_plan."
MEMBERS: Mapping[str, str] = {
    "platform_fee_usd": "platform fee",
    "minimum_commit_usd": "minimum commit",
    "true_up": "bill what is missing to the commit",
    "prepaid": "prepaid credits",
    "prepaid.amount_usd": "prepaid credits",
    "prepaid.price_usd": "credits bought for",
    "prepaid.expires_after_days": "credits last",
    "unit_prices": "prices beyond the allowance",
    "included_quantity": "included",
    "overrides": "contracts",
    "change_policy": "a later version's terms",
}
"""Member of a plan or a contract → its name, in the order that tables show."""
PRICE_MEMBERS: Mapping[str, str] = {"model": "priced by", "package_size": "package of", "tiers": "price"}
_OVERRIDE = re.compile(
    r"overrides\.(?P<customer>.+?)(?:\.(?P<rest>(?:" + "|".join(MEMBERS) + r")(?:\..+)?))?", re.DOTALL
)
_PRICE = re.compile(r"unit_prices\.(?P<unit>.+?)(?:\.(?P<member>model|package_size|tiers))?", re.DOTALL)


def field_label(field: str, names: Mapping[str, str]) -> str:
    """The name of a field: `margin floor`, `plan: Review, price`, `contract of cust_1, platform fee`."""
    if not field.startswith(PLAN):
        return "price plan" if field == PLAN[:-1] else label_text(field)
    rest = field.removeprefix(PLAN)
    contract = _OVERRIDE.fullmatch(rest)
    if contract is None:
        return f"plan: {_member(rest, names)}"
    own = contract["rest"]
    return f"contract of {contract['customer']}" + (f", {_member(own, names)}" if own else "")


def _member(field: str, names: Mapping[str, str]) -> str:
    price = _PRICE.fullmatch(field)
    if price is not None:
        unit = names.get(price["unit"], price["unit"])
        return f"{unit}, {PRICE_MEMBERS[price['member']]}" if price["member"] else unit
    if field.startswith("included_quantity."):
        pool_id = field.removeprefix("included_quantity.")
        return f"included in {names.get(pool_id, pool_id)}"
    return MEMBERS.get(field, field.replace("_", " "))


def field_order(field: str) -> tuple[int, int, str]:
    """The sort key of a field: those of a price plan come last, as its screen has them."""
    if not field.startswith(PLAN):
        return 0, *shown_order(field)
    rest = field.removeprefix(PLAN)
    place = next((at for at, name in enumerate(MEMBERS) if rest == name or rest.startswith(f"{name}.")), len(MEMBERS))
    return 1, place, rest
