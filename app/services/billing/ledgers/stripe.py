"""Stripe: billing meters, products and metered prices (POST /v1/billing/meters, /v1/products, /v1/prices).

The allowance is a first graduated tier at 0. Prices are cents of at most 12 decimal places, tier bounds whole numbers.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from app.errors import invalid_field
from app.services.billing.ledgers.gaps import Gap, event_is_renamed, sums_one_property
from app.services.billing.ledgers.price_plan import (
    LABELS,
    TRUED_UP_BY_HAND,
    Words,
    all_tiers,
    contracts,
    item_key,
    plan_gaps,
    require_no_allowance,
    require_use_before_fees,
    sold_each_period,
    sold_items,
    whole,
    whole_cents,
)
from app.services.billing.ledgers.reading import Fields, is_active, member, number, objects, unless_zero
from app.services.billing.ledgers.rendering import KeyOf, Ledger, Record, Resource, Scope, key_at, ref, view_of
from app.services.billing.ledgers.terms import PERIOD_DAYS, Terms, Unit, cannot_express, whole_included
from app.services.billing.ledgers.texts import cents, fitted, places, plain
from rules.enums import AggregationType
from simulation.canonical import Json, JsonObject
from simulation.price_plan import Tier, UnitPrice

TITLE = "Stripe"
EVENT_NAME_LIMIT, NAME_LIMIT, TEXT_LIMIT = 100, 200, 250
CENT_PLACES = 12
WORDS = Words(
    credits="{who} gets {amount} USD of billing credits with each period, for the {price} USD that its licensed price "
    "bills: POST /v1/billing/credit_grants with amount[monetary][value]={amount_cents}, "
    "applicability_config[scope][price_type]=metered, category=paid, as the period begins, usable {lasts}, that is "
    "until the invoice of the last period in it is final.",
    commit=TRUED_UP_BY_HAND,
)


def mark(terms: Terms) -> str:
    """The value in a price's metadata that names its subject."""
    return fitted(terms.subject_key, NAME_LIMIT, r"A-Za-z0-9_./:@+~-")


def records(terms: Terms) -> Iterator[Record]:
    """The requests that create meters and products and then the prices, which refer to them."""
    for unit in terms.units:
        yield Record("meters", event_name(unit), "/v1/billing/meters", _meter(unit))
        yield Record("products", product_id(unit), "/v1/products", _product(unit))
    for item in sold_items(terms):
        yield Record("products", sold_product(terms, item), "/v1/products", _sold(terms, item))
    for contract in contracts(terms):
        for unit in contract.units:
            yield Record("prices", lookup_key(contract, unit), "/v1/prices", _price(contract, unit))
        for item, usd in sold_each_period(contract).items():
            yield Record("prices", sold_lookup_key(contract, item), "/v1/prices", _sold_price(contract, item, usd))


def event_name(unit: Unit) -> str:
    """The event name of a unit's meter, unique in an account: meters can carry no id of ours."""
    return fitted(unit.meter_id, EVENT_NAME_LIMIT)


def product_id(unit: Unit) -> str:
    """The id of a unit's product, which we choose."""
    return fitted(unit.product_id, NAME_LIMIT, r"A-Za-z0-9_-")


def lookup_key(terms: Terms, unit: Unit) -> str:
    """The key by which a subject's price of a unit is found, whatever its id."""
    return fitted(f"{terms.contract_key}/{unit.meter_id}", NAME_LIMIT, r"A-Za-z0-9_./:@+~-")


def sold_product(terms: Terms, item: str) -> str:
    """The id of the product that is sold with every period, which we choose."""
    return fitted(item_key(terms, item), NAME_LIMIT, r"A-Za-z0-9_-")


def sold_lookup_key(terms: Terms, item: str) -> str:
    """The key by which a contract's price of what is sold with every period is found."""
    return fitted(f"{terms.contract_key}/{item}", NAME_LIMIT, r"A-Za-z0-9_./:@+~-")


def _meter(unit: Unit) -> JsonObject:
    summed = unit.aggregation == AggregationType.SUM.value
    return {
        "display_name": unit.label[:TEXT_LIMIT],
        "event_name": event_name(unit),
        "default_aggregation": {"formula": "sum" if summed else "count"},
        "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
        "value_settings": {"event_payload_key": unit.one_field if summed else "value"},
    }


def _product(unit: Unit) -> JsonObject:
    metadata = {"avs_value_unit_id": unit.value_unit_id}
    return {"id": product_id(unit), "name": unit.label[:TEXT_LIMIT], "metadata": metadata}


def _sold(terms: Terms, item: str) -> JsonObject:
    name = f"{LABELS[item]}, {terms.title}"
    return {"id": sold_product(terms, item), "name": name[:TEXT_LIMIT], "metadata": {"avs_subject": mark(terms)}}


def _price(terms: Terms, unit: Unit) -> JsonObject:
    """The price of a unit; it takes the lookup key over from the one before, because prices cannot be edited."""
    metered = {"usage_type": "metered", "meter": ref("meters", event_name(unit))}
    return _recurring(terms, product_id(unit), lookup_key(terms, unit), metered) | _amounts(unit)


def _sold_price(terms: Terms, item: str, usd: Decimal) -> JsonObject:
    """The price of what is sold with every period, whatever is used."""
    amount = plain(Decimal(whole_cents(TITLE, item, usd)))
    body = _recurring(terms, sold_product(terms, item), sold_lookup_key(terms, item), {"usage_type": "licensed"})
    return body | {"billing_scheme": "per_unit", "unit_amount_decimal": amount}


def _recurring(terms: Terms, product: str, key: str, usage: JsonObject) -> JsonObject:
    return {
        "currency": "usd",
        "product": product,
        "lookup_key": key,
        "transfer_lookup_key": True,
        "recurring": {"interval": "day", "interval_count": PERIOD_DAYS, **usage},
        "metadata": {"avs_subject": mark(terms), "avs_billing_patch_id": terms.billing_patch_id},
    }


def _amounts(unit: Unit) -> JsonObject:
    if unit.schedule:
        return _scheduled(unit, unit.schedule)
    price = _in_cents(unit, unit.price)
    if not unit.included:
        return {"billing_scheme": "per_unit", "unit_amount_decimal": price}
    free = {"up_to": whole_included(TITLE, unit, "tiers"), "unit_amount_decimal": "0"}
    beyond = {"up_to": "inf", "unit_amount_decimal": price}
    return {"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": [free, beyond]}


def _scheduled(unit: Unit, schedule: UnitPrice) -> JsonObject:
    """The amounts of a price with tiers or packages; tiers over all units where they are graduated."""
    if schedule.package_size is not None:
        require_no_allowance(TITLE, unit, schedule)
        packages = {"divide_by": whole(TITLE, unit, schedule.package_size, "packages"), "round": "up"}
        price = _in_cents(unit, schedule.tiers[0].unit_price_usd)
        return {"billing_scheme": "per_unit", "unit_amount_decimal": price, "transform_quantity": packages}
    tiers = schedule.tiers
    if schedule.model == "volume":
        require_no_allowance(TITLE, unit, schedule)
    else:
        whole_included(TITLE, unit, "tiers")
        tiers = all_tiers(unit, schedule)
    require_use_before_fees(TITLE, unit, tiers)
    shown = [_tier(unit, tier) for tier in tiers]
    return {"billing_scheme": "tiered", "tiers_mode": schedule.model, "tiers": shown}


def _tier(unit: Unit, tier: Tier) -> JsonObject:
    shown: JsonObject = {
        "up_to": "inf" if tier.up_to is None else whole(TITLE, unit, tier.up_to, "tiers"),
        "unit_amount_decimal": _in_cents(unit, tier.unit_price_usd),
    }
    return shown | {"flat_amount_decimal": _in_cents(unit, tier.flat_fee_usd)} if tier.flat_fee_usd else shown


def _in_cents(unit: Unit, usd: Decimal) -> str:
    price = cents(usd)
    if places(price) > CENT_PLACES:
        detail = f"{unit.value_unit_id} costs {plain(usd)} USD, and a cent has {CENT_PLACES} decimal places."
        raise cannot_express(TITLE, detail)
    return plain(price)


def gaps(terms: Terms) -> Iterator[Gap]:
    """The gaps beyond the common ones: event names, differences, and distinct counts, which Stripe does not know."""
    for unit in terms.units:
        yield event_is_renamed(TITLE, unit, event_name(unit), with_filters=True)
        yield from sums_one_property(TITLE, unit)
        if unit.aggregation == AggregationType.DISTINCT_COUNT.value:
            reason = f"{TITLE} counts no distinct values: send one event per new {unit.field} of a customer and period."
            yield Gap("aggregation.distinct_count", reason, value_unit_id=unit.value_unit_id)
    yield from plan_gaps(TITLE, terms, WORDS, _own_prices)


def _own_prices(contract: Terms) -> str:
    keys = [lookup_key(contract, unit) for unit in contract.units]
    keys += [sold_lookup_key(contract, item) for item in sold_each_period(contract)]
    return f"let their subscription hold the prices with the lookup keys {', '.join(keys)}."


def _meter_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    return {
        "display_name": record.get("display_name"),
        "default_aggregation.formula": member(record, "default_aggregation", "formula"),
        "customer_mapping.event_payload_key": member(record, "customer_mapping", "event_payload_key"),
        "value_settings.event_payload_key": member(record, "value_settings", "event_payload_key"),
    }


def _price_view(record: Fields, key_of: KeyOf) -> JsonObject:
    view = {
        "currency": record.get("currency"),
        "product": key_of("products", record.get("product")),
        "recurring.interval": member(record, "recurring", "interval"),
        "recurring.interval_count": number(member(record, "recurring", "interval_count")),
        "recurring.usage_type": member(record, "recurring", "usage_type"),
        "recurring.meter": key_of("meters", member(record, "recurring", "meter")),
        "metadata.avs_subject": member(record, "metadata", "avs_subject"),
        "billing_scheme": record.get("billing_scheme"),
        "tiers_mode": record.get("tiers_mode"),
        "unit_amount_decimal": _amount(record, "unit_amount"),
        "transform_quantity.divide_by": number(member(record, "transform_quantity", "divide_by")),
        "transform_quantity.round": member(record, "transform_quantity", "round"),
    }
    for index, tier in enumerate(_tiers(record)):
        bound = tier.get("up_to")
        view[f"tiers/{index}/up_to"] = None if bound == "inf" else number(bound)
        view[f"tiers/{index}/unit_amount_decimal"] = _amount(tier, "unit_amount") or Decimal(0)
        view[f"tiers/{index}/flat_amount_decimal"] = unless_zero(_amount(tier, "flat_amount"))
    return view


def _amount(record: Fields, name: str) -> Json:
    """An amount in cents; Stripe gives it twice, and as a whole number null where it has a fraction."""
    exact = record.get(f"{name}_decimal")
    return number(record.get(name) if exact is None else exact)


def _tiers(record: Fields) -> Sequence[Fields]:
    tiers = record.get("tiers")
    if tiers is None and record.get("billing_scheme") == "tiered":
        raise invalid_field("/prices", "Stripe leaves tiers out: list prices with expand[]=data.tiers.")
    return objects(tiers)


def _bills_ours(record: Fields, key_of: KeyOf, scope: Scope) -> bool:
    """Whether a price is the subject's, or has no owner and is on a product or meter that the subject uses."""
    owner = member(record, "metadata", "avs_subject")
    if owner is not None:
        return bool(owner == scope.mark)
    product, meter = key_of("products", record.get("product")), key_of("meters", member(record, "recurring", "meter"))
    return product in scope.keys["products"] or meter in scope.keys["meters"]


def _is_offered(record: Fields) -> bool:
    return record.get("active", True) is True


LEDGER = Ledger(
    name="stripe",
    title=TITLE,
    api="Stripe API 2026-10-28.endive",
    idempotency_header="Idempotency-Key",
    records=records,
    gaps=gaps,
    mark=mark,
    listed=("meters", "products", "prices"),
    resources=(
        Resource(
            "meters",
            key=key_at("event_name"),
            view=_meter_view,
            live=is_active,
        ),
        Resource(
            "products",
            key=key_at("id"),
            view=view_of("name"),
            live=_is_offered,
        ),
        Resource(
            "prices",
            key=key_at("lookup_key"),
            view=_price_view,
            live=_is_offered,
            ours=_bills_ours,
        ),
    ),
)
