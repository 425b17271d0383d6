"""Rules about the price plan: it can be billed, on units, pools and customers that there are, above cost (spec 3)."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from rules.amounts import price_text, quantity_text
from rules.draft import Draft, Path, pooled_units
from rules.finding import Finding, Gate
from rules.places import at_price_plan
from rules.price_plan import StoredPlan
from rules.wording import THIS_CONFIG, listed, quoted

Place = tuple[str, Path]
"""An id that a plan names, and where it does."""


def price_plan_can_be_billed(draft: Draft) -> Iterator[Finding]:
    """No simulation, app or ledger reads another plan (simulation gate). One finding, at the first problem."""
    if draft.unbillable:
        first, *others = draft.unbillable
        place = at_price_plan(draft, first.path)
        more = " More of it is wrong." if others else ""
        name = place.field.removeprefix("price_plan.")
        message = f"{THIS_CONFIG} has a price plan that cannot be billed, in {name}: {first.text}{more}"
        yield Finding("price_plan_invalid", Gate.SIMULATE, message, *place)


def price_plan_prices_pooled_units(draft: Draft) -> Iterator[Finding]:
    """Overage is what lies beyond a pool, so a unit without one is never billed (simulation gate)."""
    pooled_ids = {pool.value_unit_id for pool in draft.pools}
    unknown = [
        (str(price["value_unit_id"]), (*at, "unit_prices", index))
        for at, contract in _contracts(draft)
        for index, price in enumerate(contract.get("unit_prices") or ())
        if price["value_unit_id"] not in pooled_ids
    ]
    names = _unit_names(draft)
    message = "prices {}, which no pool counts. Add a pool of it, or take the price out."
    yield from _unknown(draft, "price_plan_unit_unknown", unknown, "value_unit_id", message, names)


def price_plan_contracts_are_with_customers(draft: Draft) -> Iterator[Finding]:
    """A contract with nobody is a mistyped id, and its customer would be billed by the plan (simulation gate)."""
    known_ids = draft.customer_ids
    if known_ids is None:
        return
    unknown = [
        (str(contract["customer_id"]), at)
        for at, contract in _contracts(draft)
        if at and contract["customer_id"] not in known_ids
    ]
    message = "has a contract with {}, not in the customer catalog. Correct the id, or add the customer."
    yield from _unknown(draft, "price_plan_customer_unknown", unknown, "customer_id", message)


def price_plan_allowances_are_of_pools(draft: Draft) -> Iterator[Finding]:
    """An allowance of no pool includes nothing (simulation gate)."""
    pool_ids = {pool.pool_id for pool in draft.pools}
    unknown: list[Place] = [
        (pool_id, (*at, "included_quantity", pool_id))
        for at, contract in _contracts(draft)
        for pool_id in contract.get("included_quantity") or {}
        if pool_id not in pool_ids
    ]
    message = "includes more of pool {} in a contract, which it does not have. Add the pool, or take the allowance out."
    yield from _unknown(draft, "price_plan_pool_unknown", unknown, "", message)


def spend_cap_leaves_room_for_the_plan(draft: Draft) -> Iterator[Finding]:
    """Advisory: who owes more than the cap before using anything is held from the first unit of overage on."""
    cap = draft.rails.monthly_spend_cap_usd
    if cap is None or draft.price_plan is None:
        return
    above = [
        (at, amount)
        for at, contract in _contracts(draft)
        if (amount := _billed_at_least({**draft.price_plan, **contract})) > cap
    ]
    if above:
        at, amount = above[0]
        whose = "every customer" if not at else "a customer with a contract"
        more = f", and {len(above) - 1:,} contracts do too" if len(above) > 1 else ""
        message = (
            f"{THIS_CONFIG} bills {whose} {price_text(amount)} a period before any overage, above the monthly spend "
            f"cap of {price_text(cap)}{more}. Raise the cap, or lower the fee, the credits or the commit."
        )
        yield Finding("spend_cap_below_plan", Gate.ADVISORY, message, *at_price_plan(draft, _dearest(draft, at)))


def plan_prices_are_above_cost(draft: Draft) -> Iterator[Finding]:
    """Advisory, from the numbers alone: a tier below cost loses money on every unit in it.

    A price of 0 at every tier gives the unit away on purpose, and `pool_price_zero` speaks of that.
    """
    costs = {unit.value_unit_id: unit.unit_economics.avg_cost_per_unit_usd for unit in pooled_units(draft)}
    for at, contract in _contracts(draft):
        for index, price in enumerate(contract.get("unit_prices") or ()):
            cost = costs.get(price["value_unit_id"])
            if cost is not None and not is_free(price):
                yield from _below_cost(draft, price, Decimal(cost), (*at, "unit_prices", index))


def is_free(price: StoredPlan) -> bool:
    """Whether a unit price charges nothing at any tier."""
    return not any(tier["unit_price_usd"] or tier.get("flat_fee_usd") for tier in price["tiers"])


def plan_prices(draft: Draft) -> Mapping[str, StoredPlan]:
    """The plan's own price of each unit that it prices; none of a plan that cannot be billed."""
    plan = next((contract for at, contract in _contracts(draft) if not at), {})
    return {price["value_unit_id"]: price for price in plan.get("unit_prices") or ()}


def _contracts(draft: Draft) -> Iterator[tuple[Path, StoredPlan]]:
    """The plan and then its overrides, each with where it is; nothing of a plan that cannot be billed."""
    plan = draft.price_plan
    if plan is None or draft.unbillable:
        return
    yield (), plan
    for index, override in enumerate(plan.get("overrides") or ()):
        yield ("overrides", index), override


def _unknown(
    draft: Draft, code: str, unknown: list[Place], member: str, message: str, names: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """One finding that lists what the plan names and nobody has, at the first of them."""
    if unknown:
        ids = dict.fromkeys(name for name, _ in unknown)
        path = (*unknown[0][1], member) if member else unknown[0][1]
        items = listed(quoted((names or {}).get(name, name)) for name in ids)
        yield Finding(code, Gate.SIMULATE, f"{THIS_CONFIG} {message.format(items)}", *at_price_plan(draft, path))


def _billed_at_least(contract: StoredPlan) -> Decimal:
    """What a customer owes in a period without any overage, in USD."""
    fixed = Decimal(contract.get("platform_fee_usd") or 0)
    fixed += Decimal((contract.get("prepaid") or {}).get("price_usd") or 0)
    is_trued_up = contract.get("true_up") is not False
    return max(fixed, Decimal(contract.get("minimum_commit_usd") or 0)) if is_trued_up else fixed


def _dearest(draft: Draft, at: Path) -> Path:
    """Where the amount is set that alone, or with the others, is above the cap."""
    plan = draft.price_plan or {}
    stated = plan["overrides"][at[1]] if at else plan
    members = ("minimum_commit_usd", "platform_fee_usd", "prepaid")
    amounts = {name: _billed_at_least({name: stated.get(name)}) for name in members}
    name = max(members, key=lambda member: amounts[member])
    return (*at, name, "price_usd") if name == "prepaid" else (*at, name)


def _below_cost(draft: Draft, price: StoredPlan, cost: Decimal, at: Path) -> Iterator[Finding]:
    size = price.get("package_size") if price["model"] == "package" else None
    cost_of_price = cost * Decimal(size or 1)
    below = [index for index, tier in enumerate(price["tiers"]) if tier["unit_price_usd"] < cost_of_price]
    if not below:
        return
    unit_id, first = price["value_unit_id"], price["tiers"][below[0]]
    name, what = quoted(_unit_names(draft).get(unit_id, unit_id)), "a unit" if size is None else "a package"
    noun = "tier" if len(below) == 1 else "tiers"
    tiers = f" in {noun} {listed(index + 1 for index in below)}" if len(price["tiers"]) > 1 else ""
    contents = "" if size is None else f" of {quantity_text(size)}"
    message = (
        f"{THIS_CONFIG} sells {name}{tiers} for {price_text(first['unit_price_usd'])} {what}{contents}, which costs "
        f"{price_text(cost_of_price)}: it loses money on every one. Correct whichever is wrong, or raise the price."
    )
    place = at_price_plan(draft, (*at, "tiers", below[0], "unit_price_usd"))
    yield Finding("price_plan_below_cost", Gate.ADVISORY, message, *place)


def _unit_names(draft: Draft) -> Mapping[str, str]:
    return {unit.value_unit_id: unit.name for unit in draft.units or () if unit.value_unit_id and unit.name}
