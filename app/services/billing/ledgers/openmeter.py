"""OpenMeter: meters, features and a plan of usage-based rate cards (POST /api/v1/meters, /features, /plans).

Amounts and quantities are decimal text; the allowance is a usage discount; a plan is published after it was created.
"""

from collections.abc import Iterator
from decimal import Decimal

from app.services.billing.ledgers.gaps import Gap, no_30_days, numbers_compare_as_text, sums_one_property
from app.services.billing.ledgers.price_plan import (
    CREDITS,
    LABELS,
    TRUED_UP_BY_HAND,
    Words,
    all_tiers,
    contracts,
    plan_gaps,
    require_use_before_fees,
    sold_each_period,
    whole_cents,
)
from app.services.billing.ledgers.reading import Fields, is_active, mapping, member, number, objects, texts, unless_zero
from app.services.billing.ledgers.rendering import (
    KeyOf,
    Ledger,
    Record,
    Resource,
    in_our_plan,
    key_at,
    of_our_subject,
    plan_metadata,
    view_of,
)
from app.services.billing.ledgers.terms import Terms, Unit
from app.services.billing.ledgers.texts import filter_texts, plain, snake
from rules.enums import AggregationType
from simulation.canonical import Json, JsonObject, canonical_text
from simulation.price_plan import Tier

TITLE = "OpenMeter"
KEY_LIMIT = 64
CADENCE = "P1M"
PHASE = "default"
WORDS = Words(
    credits="{who} gets {amount} USD of credits with each period, for the {price} USD that its flat fee bills. "
    "{ledger} draws no credits in money before it charges: take what they pay for, oldest first and usable {lasts}, "
    "off the usage of the invoice before it is issued.",
    commit=TRUED_UP_BY_HAND,
)
AGGREGATIONS = {
    AggregationType.COUNT.value: "COUNT",
    AggregationType.SUM.value: "SUM",
    AggregationType.DISTINCT_COUNT.value: "UNIQUE_COUNT",
}


def mark(terms: Terms) -> str:
    """What names the subject: the key of the plan for everybody."""
    return snake(terms.subject_key, KEY_LIMIT)


def plan_key(terms: Terms) -> str:
    """The key of a contract's plan."""
    return snake(terms.contract_key, KEY_LIMIT)


def records(terms: Terms) -> Iterator[Record]:
    """The requests that create meters and features and then the plan, which refers to them."""
    for unit in terms.units:
        yield Record("meters", slug(unit), "/api/v1/meters", _meter(unit))
        yield Record("features", feature_key(unit), "/api/v1/features", _feature(unit))
    for contract in contracts(terms):
        yield Record("plans", plan_key(contract), "/api/v1/plans", _plan(contract), then="/api/v1/plans/{id}/publish")


def slug(unit: Unit) -> str:
    """The slug of a unit's meter."""
    return snake(unit.meter_id, KEY_LIMIT)


def feature_key(unit: Unit) -> str:
    """The key of a unit's feature, and of its rate card in the plan."""
    return snake(unit.product_id, KEY_LIMIT)


def _meter(unit: Unit) -> JsonObject:
    body: JsonObject = {
        "slug": slug(unit),
        "name": unit.label,
        "eventType": unit.event_type,
        "aggregation": AGGREGATIONS[unit.aggregation],
    }
    if unit.aggregation != AggregationType.COUNT.value:
        body["valueProperty"] = _path(unit.one_field or "")
    if unit.filters:
        body["groupBy"] = {_group(name): _path(name) for name in unit.filters}
    return body


def _group(dimension: str) -> str:
    return snake(dimension, KEY_LIMIT)


def _path(property_name: str) -> str:
    """The JSONPath to a property of the event's data; its bracket form takes any name."""
    if property_name.isidentifier():
        return f"$.{property_name}"
    return "$['" + property_name.replace("\\", "\\\\").replace("'", "\\'") + "']"


def _feature(unit: Unit) -> JsonObject:
    body: JsonObject = {"key": feature_key(unit), "name": unit.label, "meterSlug": slug(unit)}
    if unit.filters:
        body["advancedMeterGroupByFilters"] = {
            _group(name): {"$in": filter_texts(values)} for name, values in unit.filters.items()
        }
    return body


def _plan(terms: Terms) -> JsonObject:
    cards = [*map(_rate_card, terms.units)]
    cards += [_sold_card(item, usd) for item, usd in sold_each_period(terms).items()]
    phase = {"key": PHASE, "name": terms.title, "duration": None, "rateCards": cards}
    return {
        "key": plan_key(terms),
        "name": terms.title,
        "currency": "USD",
        "billingCadence": CADENCE,
        "metadata": plan_metadata(terms, mark(terms)),
        "phases": [phase],
    }


def _rate_card(unit: Unit) -> JsonObject:
    graduated = unit.schedule is not None and unit.schedule.model == "graduated"
    card: JsonObject = {
        "type": "usage_based",
        "key": feature_key(unit),
        "featureKey": feature_key(unit),
        "name": unit.label,
        "billingCadence": CADENCE,
        "price": _price(unit),
    }
    if graduated or not unit.included:  # the first tier of a graduated price is the allowance
        return card
    return card | {"discounts": {"usage": {"quantity": plain(unit.included)}}}


def _price(unit: Unit) -> JsonObject:
    schedule = unit.schedule
    if schedule is None:
        return {"type": "unit", "amount": plain(unit.price)}
    first = schedule.tiers[0]
    if schedule.package_size is not None:
        size = plain(schedule.package_size)
        return {"type": "package", "amount": plain(first.unit_price_usd), "quantityPerPackage": size}
    tiers = all_tiers(unit, schedule) if schedule.model == "graduated" else schedule.tiers
    require_use_before_fees(TITLE, unit, tiers)
    return {"type": "tiered", "mode": schedule.model, "tiers": [*map(_tier, tiers)]}


def _tier(tier: Tier) -> JsonObject:
    fee = {"type": "flat", "amount": plain(tier.flat_fee_usd)} if tier.flat_fee_usd else None
    return {
        "upToAmount": None if tier.up_to is None else plain(tier.up_to),
        "unitPrice": {"type": "unit", "amount": plain(tier.unit_price_usd)},
        "flatPrice": fee,
    }


def _sold_card(item: str, usd: Decimal) -> JsonObject:
    """A flat fee with every period, whatever is used."""
    whole_cents(TITLE, item, usd)
    price = {"type": "flat", "amount": plain(usd), "paymentTerm": "in_advance" if item == CREDITS else "in_arrears"}
    return {"type": "flat_fee", "key": item, "name": LABELS[item], "billingCadence": CADENCE, "price": price}


def gaps(terms: Terms) -> Iterator[Gap]:
    """The gaps beyond the common ones: the billing period, differences, filters by number."""
    yield no_30_days(TITLE, "every calendar month, the nearest cadence that a plan may have")
    for unit in terms.units:
        yield from sums_one_property(TITLE, unit)
        yield from numbers_compare_as_text(TITLE, unit)
    yield from plan_gaps(TITLE, terms, WORDS, _own_plan)


def _own_plan(contract: Terms) -> str:
    return f"subscribe them to the plan {plan_key(contract)} of their own."


def unfold(resource: str, record: Fields) -> Iterator[tuple[str, Fields]]:
    """A plan and the rate cards of its phases, each with the plan that it belongs to."""
    yield resource, record
    if resource == "plans":
        for phase in objects(record.get("phases")):
            for card in objects(phase.get("rateCards")):
                yield "rate_cards", {**card, "plan": record.get("key"), "phase": phase.get("key")}


def _meter_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    groups = mapping(record.get("groupBy"))
    return {
        "eventType": record.get("eventType"),
        "aggregation": record.get("aggregation"),
        "valueProperty": record.get("valueProperty"),
        **{f"groupBy/{name}": path for name, path in groups.items()},
    }


def _feature_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    plain_filters = mapping(record.get("meterGroupByFilters"))
    filters: JsonObject = {name: {"$eq": value} for name, value in plain_filters.items()}
    filters |= mapping(record.get("advancedMeterGroupByFilters"))
    return {
        "name": record.get("name"),
        "meterSlug": record.get("meterSlug"),
        **{f"filters/{name}": _filter_view(condition) for name, condition in filters.items()},
    }


def _filter_view(condition: Json) -> str | None:
    """The values of a filter: `$eq` is an `$in` of one; any other condition stays as it is, so that it differs."""
    operators = {name: value for name, value in mapping(condition).items() if value is not None}
    if set(operators) == {"$eq"}:
        return texts([operators["$eq"]])
    return texts(operators["$in"]) if set(operators) == {"$in"} else canonical_text(condition)


def _card_key(record: Fields, _key_of: KeyOf) -> str:
    return f"{record.get('plan')}/{record.get('key')}"


def _card_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    view = {
        "featureKey": record.get("featureKey"),
        "phase": record.get("phase"),
        "name": record.get("name"),
        "billingCadence": record.get("billingCadence"),
        "price.type": member(record, "price", "type"),
        "price.amount": number(member(record, "price", "amount")),
        "price.minimumAmount": unless_zero(number(member(record, "price", "minimumAmount"))),
        "price.maximumAmount": number(member(record, "price", "maximumAmount")),
        "discounts.usage.quantity": unless_zero(number(member(record, "discounts", "usage", "quantity"))),
        "discounts.percentage": unless_zero(number(member(record, "discounts", "percentage", "percentage"))),
        "price.mode": member(record, "price", "mode"),
        "price.quantityPerPackage": number(member(record, "price", "quantityPerPackage")),
    }
    for index, tier in enumerate(objects(member(record, "price", "tiers"))):
        view[f"price.tiers/{index}/upToAmount"] = number(tier.get("upToAmount"))
        for part in ("unitPrice", "flatPrice"):
            view[f"price.tiers/{index}/{part}"] = unless_zero(number(member(tier, part, "amount")))
    return view


def _not_deleted(record: Fields) -> bool:
    return record.get("deletedAt") is None and record.get("archivedAt") is None


LEDGER = Ledger(
    name="openmeter",
    title=TITLE,
    api="OpenMeter API v1",
    idempotency_header=None,
    records=records,
    gaps=gaps,
    mark=mark,
    listed=("meters", "features", "plans"),
    unfold=unfold,
    resources=(
        Resource("meters", key_at("slug"), _meter_view, _not_deleted),
        Resource("features", key_at("key"), _feature_view, _not_deleted),
        Resource(
            "plans",
            key_at("key"),
            view_of("currency", "billingCadence"),
            lambda record: _not_deleted(record) and is_active(record),
            of_our_subject,
        ),
        Resource("rate_cards", _card_key, _card_view, ours=in_our_plan),
    ),
)
