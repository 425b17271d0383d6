"""The price plan of an avs_config, read strictly, every number exact; ValueError names what does not fit."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from avs_brain_client.document import PERIOD_DAYS
from avs_brain_client.members import Json, days_of, flag, list_of, needed_list, object_of, one_of, text_of
from avs_brain_client.numbers import SCALE, at_least_zero
from avs_brain_client.overage_price import GRADUATED, PACKAGE, PRICE_MODELS, VOLUME, OveragePrice, Tier
from avs_brain_client.price_plan import CustomerTerms, Prepaid, PricePlan

CHANGE_POLICIES = ("at_next_period", "prorate")
"""What a version that follows does in mid-period: its decision has followed it, or not, before apps see it."""
MOST_TIERS = 100
NAME = "price_plan"
T = TypeVar("T")


class Named(NamedTuple):
    """What a plan may name: value units and pools of its config."""

    units: frozenset[str]
    pools: frozenset[str]


def price_plan(given: Json, named: Named) -> PricePlan | None:
    """`rating_agility.price_plan` of a document; None where it has none."""
    agility = object_of(given, "rating_agility")
    if agility.get(NAME) is None:
        return None
    plan = object_of(agility, NAME)
    if plan.get("change_policy") is not None:
        one_of(CHANGE_POLICIES, plan["change_policy"], f"{NAME}.change_policy")
    usual = _contract(plan, CustomerTerms(), named, NAME)
    overrides = [_override(item, usual, named) for item in list_of(plan, "overrides")]
    return PricePlan(usual, _once(overrides, f"{NAME}.overrides"))


def _override(given: Json, usual: CustomerTerms, named: Named) -> tuple[str, CustomerTerms]:
    customer_id = text_of(given, "customer_id")
    return customer_id, _contract(given, usual, named, f"{NAME}.overrides.{customer_id}", own=True)


def _contract(given: Json, usual: CustomerTerms, named: Named, name: str, *, own: bool = False) -> CustomerTerms:
    """The terms that a contract states, and those of `usual` for the rest; only a customer's own has allowances."""
    prices = [_unit_price(item, named.units, name) for item in list_of(given, "unit_prices")]
    return CustomerTerms(
        platform_fee=_amount(given, "platform_fee_usd", usual.platform_fee, name),
        minimum_commit=_amount(given, "minimum_commit_usd", usual.minimum_commit, name),
        true_up=usual.true_up if given.get("true_up") is None else flag(given, "true_up"),
        prepaid=_prepaid(given, name) if "prepaid" in given else usual.prepaid,
        unit_prices={**usual.unit_prices, **_once(prices, f"{name}.unit_prices")},
        included=_included(given, named.pools, name) if own else {},
    )


def _amount(given: Json, member: str, usual: int, name: str) -> int:
    value = given.get(member)
    return usual if value is None else at_least_zero(value, f"{name}.{member}")


def _included(given: Json, pools: frozenset[str], name: str) -> Mapping[str, int]:
    quantities = object_of(given, "included_quantity")
    for pool_id in quantities.keys() - pools:
        raise ValueError(f"{name}.included_quantity.{pool_id}: the config has no such pool")
    return {
        pool_id: at_least_zero(value, f"{name}.included_quantity.{pool_id}") for pool_id, value in quantities.items()
    }


def _prepaid(given: Json, name: str) -> Prepaid | None:
    if given["prepaid"] is None:
        return None
    prepaid, name = object_of(given, "prepaid"), f"{name}.prepaid"
    days = days_of(prepaid, f"{name}.expires_after_days")
    return Prepaid(
        amount=at_least_zero(prepaid["amount_usd"], f"{name}.amount_usd"),
        price=at_least_zero(prepaid["price_usd"], f"{name}.price_usd"),
        periods=None if days is None else days // PERIOD_DAYS,
        expires_after_days=days,
    )


def _unit_price(given: Json, units: frozenset[str], of: str) -> tuple[str, OveragePrice]:
    unit_id = text_of(given, "value_unit_id")
    name = f"{of}.unit_prices.{unit_id}"
    if unit_id not in units:
        raise ValueError(f"{name}: the config has no such value unit")
    model = one_of(PRICE_MODELS, given["model"], f"{name}.model")
    listed = needed_list(given, "tiers")
    tiers = tuple(_tier(tier, f"{name}.tiers.{at}") for at, tier in enumerate(listed, 1))
    _refuse_tiers(model, tiers, f"{name}.tiers")
    return unit_id, OveragePrice(model, tiers, _package_size(given, model, f"{name}.package_size"))


def _tier(given: Json, name: str) -> Tier:
    up_to, flat_fee = given.get("up_to"), given.get("flat_fee_usd")
    return Tier(
        up_to=None if up_to is None else at_least_zero(up_to, f"{name}.up_to"),
        unit_price=at_least_zero(given["unit_price_usd"], f"{name}.unit_price_usd"),
        flat_fee=0 if flat_fee is None else at_least_zero(flat_fee, f"{name}.flat_fee_usd"),
    )


def _refuse_tiers(model: str, tiers: tuple[Tier, ...], name: str) -> None:
    """Tiers ascend without a gap, and only the last has no end; one price and packages have one tier without fee."""
    if not 1 <= len(tiers) <= MOST_TIERS:
        raise ValueError(f"{name}: there must be 1 to {MOST_TIERS}, not {len(tiers)}")
    if model not in (GRADUATED, VOLUME) and (len(tiers) > 1 or tiers[0].flat_fee):
        raise ValueError(f"{name}: {model} has one open tier and no flat fee")
    ends = [0, *(tier.up_to for tier in tiers)]
    if ends.pop() is not None:
        raise ValueError(f"{name}: the last has no end")
    if any(end is None or end <= (start or 0) for start, end in pairwise(ends)):
        raise ValueError(f"{name}: they ascend from 0, and only the last has no end")


def _package_size(given: Json, model: str, name: str) -> int | None:
    value = given.get("package_size")
    if (value is not None) != (model == PACKAGE):
        raise ValueError(f"{name}: packages have one, and nothing else has")
    size = None if value is None else at_least_zero(value, name)
    if size is not None and (size == 0 or size % SCALE):
        raise ValueError(f"{name} is {value}: it must be a whole number above 0")
    return size


def _once(listed: Sequence[tuple[str, T]], name: str) -> Mapping[str, T]:
    by_id = dict(listed)
    if len(by_id) < len(listed):
        raise ValueError(f"{name}: an id stands there twice")
    return by_id
