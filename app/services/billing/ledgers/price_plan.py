"""The price plan of a config as ledgers bill it: each contract's prices, and what is left to an operator (spec 4.2).

A ledger bills all that a customer used, so tiers, which count from the allowance on, are moved by it. Where that bills
another amount (all units at the tier reached, whole packages) the ledger refuses instead.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from app.services.billing.ledgers.gaps import Gap
from app.services.billing.ledgers.terms import DIGITS, Terms, Unit, cannot_express, priced
from app.services.billing.ledgers.texts import cents, plain
from simulation.price_plan import Prepaid, Tier, UnitPrice
from simulation.window import PERIOD_DAYS

PLATFORM_FEE, CREDITS = "platform_fee", "prepaid_credits"
LABELS = {PLATFORM_FEE: "Platform fee", CREDITS: "Prepaid credits"}
"""What is sold with every period, by its key, and its name on invoices."""


@dataclass(frozen=True)
class Words:
    """What a ledger's operator has to do for a plan: `credits` grants those of a period, `commit` trues one up.

    Both are filled in with `who`, `amount`, `price`, `lasts`; an empty `commit` says that the ledger does it itself
    where no credits are sold. `grants_credits_that_end` says that it sells credits itself unless they last for ever.
    """

    credits: str
    commit: str = ""
    grants_credits_that_end: bool = False


def contracts(terms: Terms) -> Iterator[Terms]:
    """The terms of everybody, then those of each customer who has a contract, under a key of their own."""
    yield terms
    for customer_id, charges in (terms.plan.overrides if terms.plan else {}).items():
        units = tuple(priced(unit, charges) for unit in terms.units)
        yield replace(terms, customer_id=customer_id, charges=charges, units=units)


def sold_each_period(terms: Terms) -> dict[str, Decimal]:
    """What a contract sells with every period, whatever is used: its key and its price in USD, nothing for 0."""
    prepaid = terms.charges.prepaid
    items = {PLATFORM_FEE: terms.charges.platform_fee_usd, CREDITS: prepaid.price_usd if prepaid else Decimal(0)}
    return {key: usd for key, usd in items.items() if usd}


def item_key(terms: Terms, item: str) -> str:
    """The key of what is sold with every period, one for all contracts of the subject."""
    return f"{terms.subject_key}/{item}"


def sold_items(terms: Terms) -> tuple[str, ...]:
    """All that some contract sells with every period."""
    sold = {item for contract in contracts(terms) for item in sold_each_period(contract)}
    return tuple(item for item in LABELS if item in sold)


def whole_cents(ledger: str, item: str, usd: Decimal) -> int:
    """An amount in cents; Conflict when it is not a whole number, for which no invoice has a coin."""
    amount = cents(usd)
    if amount != amount.to_integral_value():
        raise cannot_express(ledger, f"{LABELS.get(item, item)} costs {plain(usd)} USD, which is no whole cent.")
    return int(amount)


def commit_of(terms: Terms) -> Decimal:
    """The commit that a ledger can true up itself: one whose bills no credits pay; 0 where there is none."""
    charges = terms.charges
    return charges.minimum_commit_usd if charges.true_up and charges.prepaid is None else Decimal(0)


# The prices of a unit with tiers or packages


def all_tiers(unit: Unit, schedule: UnitPrice) -> tuple[Tier, ...]:
    """The tiers of a graduated price over all that is used: the allowance first, at 0, and the others after it."""
    with localcontext(prec=DIGITS):
        moved = tuple(
            replace(tier, up_to=None if tier.up_to is None else tier.up_to + unit.included) for tier in schedule.tiers
        )
    return (Tier(unit.included, Decimal(0)), *moved) if unit.included else moved


def require_no_allowance(ledger: str, unit: Unit, schedule: UnitPrice) -> None:
    """Refuse an allowance where a ledger's price counts from the first unit that is used."""
    if unit.included:
        counted = "all units at the tier reached" if schedule.model == "volume" else "whole packages"
        detail = f"{unit.value_unit_id} bills {counted} beyond {plain(unit.included)} included units."
        raise cannot_express(ledger, f"{detail} Include nothing, or price it graduated.")


def require_use_before_fees(ledger: str, unit: Unit, tiers: tuple[Tier, ...]) -> None:
    """Refuse a fee on the first tier where a ledger charges it in a period in which nothing was used."""
    if tiers[0].flat_fee_usd:
        detail = f"the first tier of {unit.value_unit_id} has a flat fee, which would be charged without any use."
        raise cannot_express(ledger, detail)


def require_no_fees(ledger: str, unit: Unit, schedule: UnitPrice) -> None:
    """Refuse flat fees of tiers in a ledger whose tiers have a price per unit alone."""
    if any(tier.flat_fee_usd for tier in schedule.tiers):
        raise cannot_express(ledger, f"a tier of {unit.value_unit_id} has a flat fee, and its tiers have none.")


def whole(ledger: str, unit: Unit, bound: Decimal, steps: str) -> int:
    """A tier's end as a whole number; Conflict where it is none."""
    if bound != bound.to_integral_value():
        detail = f"a tier of {unit.value_unit_id} ends at {plain(bound)} units, and {steps} end at whole numbers."
        raise cannot_express(ledger, detail)
    return int(bound)


# What is left to do


def plan_gaps(ledger: str, terms: Terms, words: Words, contract_of: Callable[[Terms], str]) -> Iterator[Gap]:
    """What of the plan the ledger leaves to its operator, contract by contract.

    `contract_of` says of the terms of one customer how they get a contract of their own.
    """
    for contract in contracts(terms):
        who = f"Customer {contract.customer_id}" if contract.customer_id else "Each customer"
        if contract.customer_id:
            reason = f"Customer {contract.customer_id} has terms of their own: {contract_of(contract)}"
            yield Gap("price_plan.overrides", reason)
        yield from _gaps_of(ledger, contract, words, who)


def _gaps_of(ledger: str, contract: Terms, words: Words, who: str) -> Iterator[Gap]:
    charges = contract.charges
    if charges.platform_fee_usd:
        reason = f"{who} owes the fee from the period of their first event on, whether or not anything is used: "
        yield Gap("price_plan.platform_fee", f"{reason}start the subscription in {ledger} with that period.")
    if charges.minimum_commit_usd:
        commit = plain(charges.minimum_commit_usd)
        if not charges.true_up:
            reason = f"The commit of {commit} USD is stated, and what is missing to it is not billed"
            yield Gap("price_plan.minimum_commit", f"{reason}: {ledger} is told nothing of it.")
        elif words.commit or charges.prepaid:
            commit_words = words.commit or _AFTER_CREDITS
            yield Gap("price_plan.minimum_commit", commit_words.format(ledger=ledger, who=who, amount=commit))
    if charges.prepaid and not (words.grants_credits_that_end and charges.prepaid.periods is not None):
        yield Gap("price_plan.prepaid", _credits(ledger, charges.prepaid, words, who))


_AFTER_CREDITS = (
    "{ledger} compares a minimum with charges before credits pay for them. {who} owes at least {amount} USD a period: "
    "when it ends, bill what fee, price of credits and charges beyond credits lack to it."
)
TRUED_UP_BY_HAND = (
    "{ledger} has no minimum for all that is billed together. {who} owes at least {amount} USD a period: when it ends, "
    "bill what fee, price of credits and charges beyond credits lack to it."
)


def _credits(ledger: str, prepaid: Prepaid, words: Words, who: str) -> str:
    later = prepaid.periods
    lasts = "without end" if later is None else f"until {(later + 1) * PERIOD_DAYS} days after the period began"
    return words.credits.format(
        ledger=ledger, who=who, amount=plain(prepaid.amount_usd), price=plain(prepaid.price_usd), lasts=lasts,
        amount_cents=plain(cents(prepaid.amount_usd)), price_cents=plain(cents(prepaid.price_usd)),
    )  # fmt: skip
