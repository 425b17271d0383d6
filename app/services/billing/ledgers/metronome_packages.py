"""Metronome's packages: what the contract of a customer has beside the rates of the card (POST /v1/packages/create).

A package holds for everybody, and one more for each customer with terms of their own: the subscription to the platform
fee, the credits bought with every period, and what is priced otherwise than on the card.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from app.services.billing.ledgers.price_plan import CREDITS, LABELS, PLATFORM_FEE, contracts, item_key, whole_cents
from app.services.billing.ledgers.reading import Fields, mapping, member, number, numbers, objects
from app.services.billing.ledgers.rendering import KeyOf, Record, Scope, ref
from app.services.billing.ledgers.terms import Terms, Unit
from app.services.billing.ledgers.texts import cents, fitted, plain
from simulation.canonical import Json, JsonObject
from simulation.price_plan import Prepaid

NAME_LIMIT = 200
US_CENTS = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
"""The id that Metronome gives the credit type of USD, in cents, in every account."""
Rates = Mapping[str, JsonObject]
"""Rates by the key of their product."""


def product_key(unit: Unit) -> str:
    """The key of a unit's product; one that counts packages is a product of its own."""
    size = unit.schedule.package_size if unit.schedule else None
    return unit.product_id if size is None else f"{unit.product_id}.per_{plain(size)}"


def package_name(terms: Terms) -> str:
    """The name and alias of a contract's package."""
    return fitted(terms.contract_key, NAME_LIMIT, r"A-Za-z0-9_./:@+~-")


def packages(terms: Terms, card: str, rates: Callable[[Terms], Rates]) -> Iterator[Record]:
    """The packages of a price plan, none without one; `rates` gives a contract's, those of `terms` are on the card."""
    if terms.plan is None:
        return
    listed = rates(terms)
    for contract in contracts(terms):
        body = _package(contract, card, listed, rates(contract))
        yield Record("packages", package_name(contract), "/v1/packages/create", body)


def _package(contract: Terms, card: str, listed: Rates, own: Rates) -> JsonObject:
    name, prepaid = package_name(contract), contract.charges.prepaid
    sold = {
        "subscriptions": [_fee(contract)] if contract.charges.platform_fee_usd else [],
        "recurring_commits": [_credits(contract, prepaid)] if prepaid and prepaid.periods is not None else [],
        "overrides": [_override(product, rate) for product, rate in own.items() if rate != listed[product]],
    }
    body: JsonObject = {"name": name, "aliases": [{"name": name}], "rate_card_id": ref("rate_cards", card)}
    return body | {part: entries for part, entries in sold.items() if entries}


def _fee(contract: Terms) -> JsonObject:
    product = ref("products", item_key(contract, PLATFORM_FEE))
    return {
        "collection_schedule": "ARREARS",
        "proration": {"is_prorated": False},
        "subscription_rate": {"billing_frequency": "MONTHLY", "product_id": product},
        "initial_quantity": 1,
        "quantity_management_mode": "QUANTITY_ONLY",
    }


def _credits(contract: Terms, prepaid: Prepaid) -> JsonObject:
    """Credits that are bought with every period and last for so many, drawn by use alone."""
    commit: JsonObject = {
        "name": LABELS[CREDITS],
        "product_id": ref("products", item_key(contract, CREDITS)),
        "access_amount": {"credit_type_id": US_CENTS, "unit_price": cents(prepaid.amount_usd), "quantity": 1},
        "commit_duration": {"value": (prepaid.periods or 0) + 1, "unit": "PERIODS"},
        "recurrence_frequency": "MONTHLY",
        "proration": "NONE",
        "priority": 1,
        "starting_at_offset": {"unit": "DAYS", "value": 0},
        "applicable_product_ids": [ref("products", product_key(unit)) for unit in contract.units],
    }
    price = whole_cents("Metronome", CREDITS, prepaid.price_usd)
    paid = {"invoice_amount": {"credit_type_id": US_CENTS, "unit_price": Decimal(price), "quantity": 1}}
    return commit | (paid if price else {})


def _override(product: str, rate: JsonObject) -> JsonObject:
    billed = {name: value for name, value in rate.items() if name == "billing_frequency"}
    return {
        "type": "OVERWRITE",
        "override_specifiers": [{"product_id": ref("products", product), **billed}],
        "starting_at_offset": {"unit": "DAYS", "value": 0},
        "overwrite_rate": {name: value for name, value in rate.items() if name not in billed},
    }


def package_view(record: Fields, key_of: KeyOf) -> JsonObject:
    """What of a package is compared, each part by the product that it is about."""
    view: JsonObject = {"rate_card": key_of("rate_cards", record.get("rate_card_id"))}
    for item in objects(record.get("subscriptions")):
        view[f"subscriptions/{_product(member(item, 'subscription_rate'), key_of)}"] = number(
            item.get("initial_quantity")
        )
    for item in objects(record.get("recurring_commits")):
        where = f"recurring_commits/{_product(item, key_of)}"
        for part in ("access_amount", "invoice_amount"):
            view[f"{where}/{part}"] = number(member(item, part, "unit_price"))
        view[f"{where}/commit_duration"] = number(member(item, "commit_duration", "value"))
    for item in objects(record.get("overrides")):
        for specifier in objects(item.get("override_specifiers")):
            where, rate = f"overrides/{_product(specifier, key_of)}", mapping(item.get("overwrite_rate"))
            view |= {f"{where}/type": item.get("type"), f"{where}/rate_type": rate.get("rate_type")}
            view[f"{where}/price"] = number(rate.get("price"))
            view |= numbers(f"{where}/tiers", objects(rate.get("tiers")), "size", "price")
    return view


def _product(record: Json, key_of: KeyOf) -> Json:
    return key_of("products", member(record, "product_id") or member(record, "product"))


def of_our_card(record: Fields, _key_of: KeyOf, scope: Scope) -> bool:
    """Whether a package is the subject's: its name is the card's, or begins with it."""
    name = record.get("name")
    return isinstance(name, str) and f"{name}/".startswith(f"{scope.mark}/")
