"""Rules about price: which book holds it, and what is given away (spec 3)."""

from collections.abc import Iterator

from rules.draft import Draft, Pool, is_filled, pooled_units
from rules.finding import Finding, Gate
from rules.places import at_config, at_pool
from rules.price_plan_findings import is_free, plan_prices
from rules.wording import THIS_CONFIG, quoted, this_pool


def production_config_names_a_price_book(draft: Draft) -> Iterator[Finding]:
    """The ledger must know which rate cards to update (production gate)."""
    if not is_filled(draft.config.price_book_ref):
        message = f"{THIS_CONFIG} has no price book. Name the one to bill from."
        place = at_config(draft, "price_book_ref", "pools")
        yield Finding("price_book_ref_missing", Gate.APPROVE, message, *place)


def pools_are_not_free(draft: Draft) -> Iterator[Finding]:
    """Advisory: outside exploration, a price of 0 earns nothing at any usage. A plan's price stands before a unit's."""
    prices = {unit.value_unit_id: unit.unit_economics.target_price_per_unit_usd for unit in pooled_units(draft)}
    planned = plan_prices(draft)
    for pool in draft.pools:
        unit_id = pool.value_unit_id or ""
        is_unpaid = is_free(planned[unit_id]) if unit_id in planned else prices.get(unit_id) == 0
        if not pool.is_exploration_pool and is_unpaid:
            message = (
                f"{this_pool(pool)} earns nothing: {_unit_of(draft, pool)} sells for $0.00. "
                "Price the unit, or make this an exploration pool."
            )
            yield Finding("pool_price_zero", Gate.ADVISORY, message, *at_pool(draft, pool, "value_unit_id"))


def _unit_of(draft: Draft, pool: Pool) -> str:
    name = next((unit.name for unit in pooled_units(draft) if unit.value_unit_id == pool.value_unit_id), None)
    return quoted(name) if name else "its value unit"
