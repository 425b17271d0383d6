"""The price plan of a config in plain words, one sentence for each of its lines (spec 4.2). Pure.

A month in these sentences is a customer's period of 30 days.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rules.amounts import price_text, quantity_text
from rules.enums import ChangePolicy, OverageBehavior
from simulation.canonical import Json, JsonObject

Document = Mapping[str, Json]


@dataclass(frozen=True)
class Sold:
    """What a plan is about: units by value_unit_id as the snapshot froze them, the pools in order, customers' names."""

    units: Mapping[str, JsonObject]
    pools: Sequence[Document]
    customers: Mapping[str, str]

    def pools_of(self, value_unit_id: str) -> list[Document]:
        """The unit's pools in the order in which they are drawn: exploration first."""
        own = [pool for pool in self.pools if pool["value_unit_id"] == value_unit_id]
        return sorted(own, key=lambda pool: not pool["is_exploration_pool"])

    def unit_name(self, value_unit_id: str) -> str:
        return str(self.units.get(value_unit_id, {}).get("name") or value_unit_id)

    def pool_label(self, pool_id: str) -> str:
        return next((str(pool["label"]) for pool in self.pools if pool["pool_id"] == pool_id), pool_id)


def plan_sentences(plan: Document, sold: Sold) -> tuple[str, ...]:
    """Every line of the plan as a sentence, in the order of the screen; a unit that it does not price has one too."""
    prices = {price["value_unit_id"]: price for price in plan.get("unit_prices") or ()}
    return (
        *_amounts(plan),
        *(_unit_sentence(price, sold) for price in prices.values()),
        *_target_prices(prices, sold),
        *(_contract(override, plan, sold) for override in plan.get("overrides") or ()),
        _policy(plan),
    )


def _amounts(plan: Document) -> Iterator[str]:
    fee, commit = plan.get("platform_fee_usd"), plan.get("minimum_commit_usd")
    if fee:
        yield f"Each customer pays {price_text(fee)} a month, used or not."
    else:
        yield "There is no platform fee: who uses nothing beyond the allowance pays no fee."
    if commit and plan.get("true_up") is False:
        yield f"Each customer commits to {price_text(commit)} a month; what is missing to it is shown, not billed."
    elif commit:
        yield f"Each month is billed at {price_text(commit)} at least; what is missing to it is billed on top."
    if plan.get("prepaid"):
        yield f"Each month starts with {credits_text(plan['prepaid'])}"


def credits_text(prepaid: Document) -> str:
    """The credits: `$50.00 of credits, bought for $40.00. Overage draws them before money, the oldest first…`."""
    days = prepaid.get("expires_after_days")
    end = "they never lapse" if days is None else f"what is left lapses {days} days later"
    return (
        f"{price_text(prepaid['amount_usd'])} of credits, bought for {price_text(prepaid['price_usd'])}. Overage draws "
        f"them before money, the oldest first; {end}."
    )


def _unit_sentence(price: Document, sold: Sold) -> str:
    unit_id = price["value_unit_id"]
    pools = sold.pools_of(unit_id)
    included = sum(
        (pool["included_quantity"] or Decimal(0) for pool in pools if not pool["is_exploration_pool"]), Decimal(0)
    )
    name = sold.unit_name(unit_id)
    begins = f"{quantity_text(included)} × {name} are included; beyond them" if included else f"No {name} is included:"
    if pools and pools[-1]["overage_behavior"] == OverageBehavior.HARD_STOP:
        return f"{begins} use is stopped; what gets through: {price_words(price)}."
    return f"{begins} {price_words(price)}."


def price_words(price: Document) -> str:
    """How overage is priced: `the first 100 cost $0.50 each, then $0.40`."""
    tiers = price["tiers"]
    first = price_text(tiers[0]["unit_price_usd"])
    if price["model"] == "package":
        return f"they are sold in whole packages of {quantity_text(price.get('package_size') or 0)} for {first} each"
    if price["model"] == "volume":
        return f"all of them cost {', '.join(_volume(tiers))}"
    if price["model"] == "per_unit" or len(tiers) == 1:
        return f"each costs {first}{_fee(tiers[0])}"
    return f"the first {', '.join(_graduated(tiers))}"


def _graduated(tiers: Sequence[Document]) -> Iterator[str]:
    lower = Decimal(0)
    for at, tier in enumerate(tiers):
        each = price_text(tier["unit_price_usd"])
        if tier["up_to"] is None:
            yield f"then {each}{_fee(tier)}"
        elif at == 0:
            yield f"{quantity_text(tier['up_to'])} cost {each} each{_fee(tier)}"
        else:
            yield f"the next {quantity_text(max(tier['up_to'] - lower, Decimal(0)))} {each}{_fee(tier)}"
        lower = Decimal(tier["up_to"] or 0)


def _volume(tiers: Sequence[Document]) -> Iterator[str]:
    for tier in tiers:
        reach = "beyond that" if tier["up_to"] is None else f"for up to {quantity_text(tier['up_to'])}"
        yield f"{price_text(tier['unit_price_usd'])} each {reach}{_fee(tier)}"


def _fee(tier: Document) -> str:
    fee = tier.get("flat_fee_usd")
    return f" plus {price_text(fee)} once" if fee else ""


def _target_prices(prices: Mapping[str, Document], sold: Sold) -> Iterator[str]:
    """The pooled units that the plan does not price."""
    for unit_id in dict.fromkeys(pool["value_unit_id"] for pool in sold.pools):
        pools = sold.pools_of(unit_id)
        if unit_id in prices or pools[-1]["overage_behavior"] == OverageBehavior.HARD_STOP:
            continue
        target = (sold.units.get(unit_id, {}).get("unit_economics") or {}).get("target_price_per_unit_usd")
        cost = "a price not stated yet" if target is None else f"{price_text(target)} each"
        yield f"{sold.unit_name(unit_id)} beyond the allowance keeps its target price: {cost}."


def _contract(override: Document, plan: Document, sold: Sold) -> str:
    customer_id = override["customer_id"]
    parts = [*_contract_amounts(override, plan)]
    for pool_id, quantity in (override.get("included_quantity") or {}).items():
        parts.append(f"{sold.pool_label(pool_id)} includes {quantity_text(quantity)}")
    for price in override.get("unit_prices") or ():
        parts.append(f"of {sold.unit_name(price['value_unit_id'])} beyond the allowance {price_words(price)}")
    differs = "; ".join(parts) or "nothing differs yet"
    return f"Contract of {sold.customers.get(customer_id, customer_id)}: {differs}."


def _contract_amounts(override: Document, plan: Document) -> Iterator[str]:
    fee, commit, true_up = (override.get(name) for name in ("platform_fee_usd", "minimum_commit_usd", "true_up"))
    if fee is not None:
        yield f"{price_text(fee)} a month" if fee else "no platform fee"
    if commit is not None:
        yield f"at least {price_text(commit)} a month" if commit else "no minimum commit"
    if true_up is not None:
        yield "what is missing to the commit is billed" if true_up else "what is missing to the commit is not billed"
    if "prepaid" in override:
        credits = override["prepaid"]
        yield "no credits" if not credits else credits_text(credits).rstrip(".").replace(". Overage", "; overage")


def _policy(plan: Document) -> str:
    if plan.get("change_policy") == ChangePolicy.PRORATE:
        return (
            "A later version changes these terms at once; fees, commit, credits and allowances of the running month "
            "are shared by days."
        )
    return "A later version changes these terms from each customer's next month on."
