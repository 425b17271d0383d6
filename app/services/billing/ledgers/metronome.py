"""Metronome: billable metrics, usage products, a rate card and its rates, and packages of a price plan.

Prices are cents as JSON numbers, the allowance is a first tier at 0, rates start on whole hours.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from app.services.billing.ledgers.gaps import Gap, no_30_days, numbers_compare_as_text, sums_one_property
from app.services.billing.ledgers.metronome_packages import (
    of_our_card,
    package_name,
    package_view,
    packages,
    product_key,
)
from app.services.billing.ledgers.price_plan import (
    CREDITS,
    LABELS,
    PLATFORM_FEE,
    TRUED_UP_BY_HAND,
    Words,
    all_tiers,
    contracts,
    item_key,
    plan_gaps,
    require_no_fees,
    sold_items,
    whole,
    whole_cents,
)
from app.services.billing.ledgers.reading import (
    Fields,
    is_not_archived,
    mapping,
    member,
    number,
    numbers,
    objects,
    texts,
)
from app.services.billing.ledgers.rendering import KeyOf, Ledger, Record, Resource, Scope, key_at, ref
from app.services.billing.ledgers.terms import Terms, Unit, cannot_express
from app.services.billing.ledgers.texts import cents, filter_texts, fits_double, fitted, plain
from rules.enums import AggregationType
from simulation.canonical import JsonObject, timestamp_text
from simulation.price_plan import Tier, UnitPrice

TITLE = "Metronome"
NAME_LIMIT = 200
WORDS = Words(
    credits="{who} buys {amount} USD of credits for {price} USD with each period, usable {lasts}, and recurring "
    "commits end: add a commit to the contract with each period, invoiced at the price.",
    commit=TRUED_UP_BY_HAND,
    grants_credits_that_end=True,
)
CARDS = "/v1/contract-pricing/rate-cards"
PRODUCTS = "/v1/contract-pricing/products/create"
AGGREGATIONS = {
    AggregationType.COUNT.value: "COUNT",
    AggregationType.SUM.value: "SUM",
    AggregationType.DISTINCT_COUNT.value: "UNIQUE",
}


def card_name(terms: Terms) -> str:
    """The name of the subject's rate card; the price book that it belongs to is the card's description."""
    return fitted(terms.subject_key, NAME_LIMIT, r"A-Za-z0-9_./:@+~-")


def records(terms: Terms) -> Iterator[Record]:
    """The requests that create metrics, products and the rate card, and then the rates, which refer to them."""
    for unit in terms.units:
        yield Record("billable_metrics", unit.meter_id, "/v1/billable-metrics/create", _metric(unit))
        yield Record("products", product_key(unit), PRODUCTS, _product(unit))
    if terms_have_a_fee(terms):
        yield Record("products", fee_key(terms), PRODUCTS, _sold(terms, PLATFORM_FEE, "SUBSCRIPTION"))
    if any(contract.charges.prepaid for contract in contracts(terms)):
        yield Record("products", item_key(terms, CREDITS), PRODUCTS, _sold(terms, CREDITS, "FIXED"))
    yield Record("rate_cards", card_name(terms), f"{CARDS}/create", _card(terms))
    for product, rate in _rates(terms, terms).items():
        yield Record("rates", product, f"{CARDS}/addRate", _rate(terms, product, rate))
    yield from packages(terms, card_name(terms), lambda contract: _rates(terms, contract))


def fee_key(terms: Terms) -> str:
    """The key of the product that a contract subscribes to for the platform fee."""
    return item_key(terms, PLATFORM_FEE)


def terms_have_a_fee(terms: Terms) -> bool:
    """Whether some contract has a platform fee."""
    return PLATFORM_FEE in sold_items(terms)


def _metric(unit: Unit) -> JsonObject:
    filters: list[JsonObject] = [
        {"name": name, "exists": True, "in_values": filter_texts(values)} for name, values in unit.filters.items()
    ]
    counted = unit.aggregation == AggregationType.COUNT.value
    if not counted and unit.one_field not in unit.filters:  # an aggregation key must be among the filters
        filters.append({"name": unit.one_field, "exists": True})
    body: JsonObject = {
        "name": unit.meter_id,
        "aggregation_type": AGGREGATIONS[unit.aggregation],
        "event_type_filter": {"in_values": [unit.event_type]},
        "property_filters": filters,
    }
    return body if counted else body | {"aggregation_key": unit.one_field}


def _product(unit: Unit) -> JsonObject:
    product: JsonObject = {
        "name": unit.label,
        "type": "USAGE",
        "billable_metric_id": ref("billable_metrics", unit.meter_id),
        "tags": [_tag(product_key(unit))],
    }
    size = unit.schedule.package_size if unit.schedule else None
    if size is None:
        return product
    conversion = {"conversion_factor": whole(TITLE, unit, size, "packages"), "operation": "DIVIDE"}
    rounding = {"rounding_method": "CEILING", "decimal_places": 0}
    return product | {"quantity_conversion": conversion, "quantity_rounding": rounding}


def _sold(terms: Terms, item: str, kind: str) -> JsonObject:
    return {"name": f"{LABELS[item]}, {terms.title}", "type": kind, "tags": [_tag(item_key(terms, item))]}


def _tag(product_id: str) -> str:
    return f"avs:{product_id}"


def _card(terms: Terms) -> JsonObject:
    name = card_name(terms)
    return {"name": name, "description": terms.price_book_ref or "", "aliases": [{"name": name}]}


def _rate(terms: Terms, product: str, rate: JsonObject) -> JsonObject:
    return {
        "rate_card_id": ref("rate_cards", card_name(terms)),
        "product_id": ref("products", product),
        "entitled": True,
        "starting_at": timestamp_text(next_hour(terms.effective_at)),
        **rate,
    }


def _fee(terms: Terms) -> JsonObject:
    """The rate of the platform fee of a contract, 0 where it has none."""
    price = whole_cents(TITLE, PLATFORM_FEE, terms.charges.platform_fee_usd)
    return {"rate_type": "FLAT", "price": Decimal(price), "billing_frequency": "MONTHLY"}


def next_hour(moment: datetime) -> datetime:
    """The moment itself on a whole hour, else the next whole hour, so that no price applies before its time."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour if hour == moment else hour + timedelta(hours=1)


def _amounts(unit: Unit) -> JsonObject:
    if unit.schedule:
        return _scheduled(unit, unit.schedule)
    price = _exact(unit, "price in cents", cents(unit.price))
    if not unit.included:
        return {"rate_type": "FLAT", "price": price}
    size = _exact(unit, "included quantity", unit.included)
    return {"rate_type": "TIERED", "tiers": [{"size": size, "price": Decimal(0)}, {"price": price}]}


def _scheduled(unit: Unit, schedule: UnitPrice) -> JsonObject:
    """The rate of a graduated price, or of packages, whose tiers count packages."""
    require_no_fees(TITLE, unit, schedule)
    if schedule.model == "volume":
        detail = f"{unit.value_unit_id} bills all units at the tier reached, and rates bill each tier at its own price."
        raise cannot_express(TITLE, detail)
    if schedule.package_size is not None:
        price = _exact(unit, "price in cents", cents(schedule.tiers[0].unit_price_usd))
        free = unit.included / schedule.package_size
        if not free:
            return {"rate_type": "FLAT", "price": price}
        size = Decimal(whole(TITLE, unit, free, "packages that are included"))
        return {"rate_type": "TIERED", "tiers": [{"size": size, "price": Decimal(0)}, {"price": price}]}
    return {"rate_type": "TIERED", "tiers": _tiers(unit, all_tiers(unit, schedule))}


def _tiers(unit: Unit, tiers: tuple[Tier, ...]) -> list[JsonObject]:
    """Tiers by their sizes, of which the last has none."""
    shown, start = [], Decimal(0)
    for tier in tiers:
        price = _exact(unit, "price in cents", cents(tier.unit_price_usd))
        size = {} if tier.up_to is None else {"size": _exact(unit, "size of a tier", tier.up_to - start)}
        shown.append({**size, "price": price})
        start = tier.up_to or start
    return shown


def _exact(unit: Unit, what: str, value: Decimal) -> Decimal:
    if not fits_double(value):
        raise cannot_express(TITLE, f"the {what} of {unit.value_unit_id}, {plain(value)}, has more than 15 digits.")
    return value


def gaps(terms: Terms) -> Iterator[Gap]:
    """The gaps beyond the common ones: the period, rates that start on whole hours, differences, filters by number."""
    yield no_30_days(TITLE, "as the contract's usage statements do, in calendar months unless it says otherwise")
    if (start := next_hour(terms.effective_at)) != terms.effective_at:
        yield Gap("effective_at", f"{TITLE} changes rates on whole hours: these start at {timestamp_text(start)}.")
    for unit in terms.units:
        yield from sums_one_property(TITLE, unit)
        yield from numbers_compare_as_text(TITLE, unit)
    yield from plan_gaps(TITLE, terms, WORDS, _own_contract)


def _own_contract(contract: Terms) -> str:
    return f"create their contract with the package {package_name(contract)} of their own."


def _rates(terms: Terms, contract: Terms) -> dict[str, JsonObject]:
    """The rates of a contract by product; refused where it counts other packages than the card of everybody."""
    own = {product_key(unit): _amounts(unit) for unit in contract.units}
    if own.keys() != {product_key(unit) for unit in terms.units}:
        raise cannot_express(TITLE, f"customer {contract.customer_id} buys other packages of a unit than everybody.")
    if terms_have_a_fee(terms) and (contract.charges.platform_fee_usd or contract is terms):
        own[fee_key(terms)] = _fee(contract)
    return own


def _metric_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    view = {
        "aggregation_type": record.get("aggregation_type"),
        "aggregation_key": record.get("aggregation_key"),
        "event_type_filter.in_values": texts(member(record, "event_type_filter", "in_values")),
        "event_type_filter.not_in_values": texts(member(record, "event_type_filter", "not_in_values")),
        "sql": record.get("sql"),
    }
    for item in objects(record.get("property_filters")):
        for name in ("in_values", "not_in_values"):
            view[f"property_filters/{item.get('name')}/{name}"] = texts(item.get(name))
        view[f"property_filters/{item.get('name')}/exists"] = item.get("exists")
    return view


def _product_state(record: Fields) -> Fields:
    """The fields of a product, which a listed one holds under `current`."""
    return {**record, **mapping(record.get("current"))}


def _product_key(record: Fields, _key_of: KeyOf) -> str | None:
    tags = _product_state(record).get("tags")
    ours = [tag for tag in tags if str(tag).startswith("avs:")] if isinstance(tags, list) else []
    return str(ours[0]).removeprefix("avs:") if ours else None


def _product_view(record: Fields, key_of: KeyOf) -> JsonObject:
    state = _product_state(record)
    return {
        "name": state.get("name"),
        "type": state.get("type"),
        "billable_metric_id": key_of("billable_metrics", state.get("billable_metric_id")),
        "quantity_conversion": number(member(state, "quantity_conversion", "conversion_factor")),
        "quantity_rounding": member(state, "quantity_rounding", "rounding_method"),
        "quantity_conversion.operation": member(state, "quantity_conversion", "operation"),
    }


def _rate_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    rate = mapping(record.get("rate")) or record
    view = {
        "entitled": record.get("entitled"),
        "rate_type": rate.get("rate_type"),
        "price": number(rate.get("price")) if rate.get("rate_type") == "FLAT" else None,
        "billing_frequency": record.get("billing_frequency"),
        "commit_rate": member(record, "commit_rate", "rate_type"),
    }
    return view | numbers("tiers", objects(rate.get("tiers")), "size", "price")


def _of_the_card(_record: Fields, _key_of: KeyOf, _scope: Scope) -> bool:
    """Whether a rate is the subject's: always, because rates are listed per rate card and each subject has its own."""
    return True


LEDGER = Ledger(
    name="metronome",
    title=TITLE,
    api="Metronome API v1",
    idempotency_header=None,
    records=records,
    gaps=gaps,
    mark=card_name,
    listed=("billable_metrics", "products", "rate_cards", "rates"),
    listed_with_plans=("packages",),
    resources=(
        Resource("billable_metrics", key_at("name"), _metric_view, is_not_archived),
        Resource("products", _product_key, _product_view, is_not_archived),
        Resource(
            "rate_cards",
            key_at("name"),
            lambda record, _key_of: {"description": record.get("description") or None},
            is_not_archived,
        ),
        Resource("packages", key_at("name"), package_view, is_not_archived, of_our_card),
        Resource(
            "rates",
            lambda record, key_of: key_of("products", record.get("product_id")),
            _rate_view,
            ours=_of_the_card,
            id_field="product_id",
        ),
    ),
)
