"""OpenMeter: meters, features and a plan of usage-based rate cards (POST /api/v1/meters, /features, /plans).

Amounts and quantities are decimal text; the allowance is a usage discount; a plan is published after it was created.
"""

from collections.abc import Iterator

from app.services.billing.ledgers.gaps import Gap, no_30_days, numbers_compare_as_text, sums_one_property
from app.services.billing.ledgers.reading import Fields, is_active, mapping, member, number, objects, texts, unless_zero
from app.services.billing.ledgers.rendering import (
    KeyOf,
    Ledger,
    Record,
    Resource,
    in_our_plan,
    key_at,
    plan_metadata,
    view_of,
)
from app.services.billing.ledgers.terms import Terms, Unit
from app.services.billing.ledgers.texts import filter_texts, plain, snake
from rules.enums import AggregationType
from simulation.canonical import Json, JsonObject, canonical_text

TITLE = "OpenMeter"
KEY_LIMIT = 64
CADENCE = "P1M"
PHASE = "default"
AGGREGATIONS = {
    AggregationType.COUNT.value: "COUNT",
    AggregationType.SUM.value: "SUM",
    AggregationType.DISTINCT_COUNT.value: "UNIQUE_COUNT",
}


def plan_key(terms: Terms) -> str:
    """The key of the subject's plan."""
    return snake(terms.subject_key, KEY_LIMIT)


def records(terms: Terms) -> Iterator[Record]:
    """The requests that create meters and features and then the plan, which refers to them."""
    for unit in terms.units:
        yield Record("meters", slug(unit), "/api/v1/meters", _meter(unit))
        yield Record("features", feature_key(unit), "/api/v1/features", _feature(unit))
    yield Record("plans", plan_key(terms), "/api/v1/plans", _plan(terms), then="/api/v1/plans/{id}/publish")


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
    phase = {"key": PHASE, "name": terms.title, "duration": None, "rateCards": [*map(_rate_card, terms.units)]}
    return {
        "key": plan_key(terms),
        "name": terms.title,
        "currency": "USD",
        "billingCadence": CADENCE,
        "metadata": plan_metadata(terms),
        "phases": [phase],
    }


def _rate_card(unit: Unit) -> JsonObject:
    card: JsonObject = {
        "type": "usage_based",
        "key": feature_key(unit),
        "featureKey": feature_key(unit),
        "name": unit.label,
        "billingCadence": CADENCE,
        "price": {"type": "unit", "amount": plain(unit.price)},
    }
    return card | {"discounts": {"usage": {"quantity": plain(unit.included)}}} if unit.included else card


def gaps(terms: Terms) -> Iterator[Gap]:
    """The gaps beyond the common ones: the billing period, differences, filters by number."""
    yield no_30_days(TITLE, "every calendar month, the nearest cadence that a plan may have")
    for unit in terms.units:
        yield from sums_one_property(TITLE, unit)
        yield from numbers_compare_as_text(TITLE, unit)


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
    return {
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
    }


def _not_deleted(record: Fields) -> bool:
    return record.get("deletedAt") is None and record.get("archivedAt") is None


LEDGER = Ledger(
    name="openmeter",
    title=TITLE,
    api="OpenMeter API v1",
    idempotency_header=None,
    records=records,
    gaps=gaps,
    mark=plan_key,
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
        ),
        Resource("rate_cards", _card_key, _card_view, ours=in_our_plan),
    ),
)
