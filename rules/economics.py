"""Rules about unit_economics: what one unit costs, what it sells for, how sure the operator is (spec 1 and 3)."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from rules.amounts import percent_text, price_text, share_text
from rules.draft import Draft, UnitEconomics, ValueUnit, is_filled, pooled_units
from rules.finding import Finding, Gate
from rules.labels import label_text
from rules.lifecycle import confidence_bar
from rules.places import at_unit
from rules.wording import listed, this_unit, words

TARGET_MARGIN_TOLERANCE = Fraction(1, 100)


def missing_economics(unit: ValueUnit) -> tuple[str, ...]:
    """The absent ones of the four fields of unit_economics, in canonical order."""
    economics = unit.unit_economics
    numbers = {
        "avg_cost_per_unit_usd": economics.avg_cost_per_unit_usd,
        "target_price_per_unit_usd": economics.target_price_per_unit_usd,
        "target_margin": economics.target_margin,
    }
    missing = [name for name, value in numbers.items() if value is None]
    return tuple(missing if is_filled(economics.economics_confidence) else [*missing, "economics_confidence"])


def pooled_units_have_economics(draft: Draft) -> Iterator[Finding]:
    """Without all four fields no cost, revenue or margin can be computed or judged (simulation gate)."""
    for unit in pooled_units(draft):
        missing = missing_economics(unit)
        if missing:
            message = f"{this_unit(unit)} has no {listed(map(label_text, missing), 'or')}. Fill it in."
            place = at_unit(draft, unit, f"unit_economics.{missing[0]}")
            yield Finding("unit_economics_missing", Gate.SIMULATE, message, *place)


def production_economics_are_sure_enough(draft: Draft) -> Iterator[Finding]:
    """The stage sets how sure (production gate): scaling needs medium or high. One finding per unit below the bar."""
    bar = confidence_bar(draft.config.stage)
    for unit in pooled_units(draft):
        confidence = unit.unit_economics.economics_confidence
        if is_filled(confidence) and confidence not in bar:
            message = (
                f"{this_unit(unit)} has numbers of {words(confidence)} confidence, and production in stage "
                f"{draft.config.stage} needs {listed(bar, 'or')}. Check them, then raise the confidence."
            )
            place = at_unit(draft, unit, "unit_economics.economics_confidence")
            yield Finding("unit_economics_confidence_too_low", Gate.APPROVE, message, *place)


def units_sell_above_their_cost(draft: Draft) -> Iterator[Finding]:
    """Advisory. A price below the cost loses money on every unit; a price of 0 is pool_price_zero's."""
    for unit in pooled_units(draft):
        cost, price = unit.unit_economics.avg_cost_per_unit_usd, unit.unit_economics.target_price_per_unit_usd
        if cost is None or price is None or not 0 < price < cost:
            continue
        message = (
            f"{this_unit(unit)} sells for {price_text(price)} and costs {price_text(cost)}: every unit loses money. "
            "Correct whichever is wrong, or raise the price."
        )
        place = at_unit(draft, unit, "unit_economics.target_price_per_unit_usd")
        yield Finding("unit_price_below_cost", Gate.ADVISORY, message, *place)


def target_margin_follows_from_cost_and_price(draft: Draft) -> Iterator[Finding]:
    """Advisory. A price of 0 has no margin, so there is nothing to compare (pool_price_zero speaks of that)."""
    for unit in pooled_units(draft):
        implied = _implied_margin(unit.unit_economics)
        stated = unit.unit_economics.target_margin
        if implied is None or stated is None or abs(Fraction(stated) - implied) <= TARGET_MARGIN_TOLERANCE:
            continue
        message = (
            f"{this_unit(unit)} aims at a margin of {share_text(stated)}, but its cost and price give "
            f"{percent_text(_four_places(implied))}. Correct whichever is wrong."
        )
        place = at_unit(draft, unit, "unit_economics.target_margin")
        yield Finding("target_margin_inconsistent", Gate.ADVISORY, message, *place)


def _implied_margin(economics: UnitEconomics) -> Fraction | None:
    """1 − cost / price, exactly; None without a cost or a price above 0."""
    cost, price = economics.avg_cost_per_unit_usd, economics.target_price_per_unit_usd
    if cost is None or price is None or price <= 0:
        return None
    return 1 - Fraction(cost) / Fraction(price)


def _four_places(value: Fraction) -> Decimal:
    return Decimal(round(value * 10_000)) / 10_000
