"""Metronome: billable metrics, usage products, a rate card and its rates.

Prices are cents as JSON numbers, the allowance is a first tier at 0, rates start on whole hours.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.services.billing.ledgers.gaps import Gap, no_30_days, numbers_compare_as_text
from app.services.billing.ledgers.reading import mapping, member, number, objects, texts
from app.services.billing.ledgers.rendering import Json, Ledger, Names, Record, Resource, Scope, ref
from app.services.billing.ledgers.terms import Terms, Unit, cannot_express
from app.services.billing.ledgers.texts import cents, filter_text, fits_double, fitted, plain
from rules.enums import AggregationType
from simulation.canonical import timestamp_text

TITLE = "Metronome"
NAME_LIMIT = 200
CARDS = "/v1/contract-pricing/rate-cards"
AGGREGATIONS = {
    AggregationType.COUNT.value: "COUNT",
    AggregationType.SUM.value: "SUM",
    AggregationType.DISTINCT_COUNT.value: "UNIQUE",
}


def card_name(terms: Terms) -> str:
    """One rate card per subject; the price book that it belongs to is its description."""
    return fitted(terms.subject_key, NAME_LIMIT, r"A-Za-z0-9_./:@+~-")


def records(terms: Terms) -> Iterator[Record]:
    for unit in terms.units:
        yield Record("billable_metrics", unit.meter_id, "/v1/billable-metrics/create", _metric(unit))
        yield Record("products", unit.product_id, "/v1/contract-pricing/products/create", _product(unit))
    yield Record("rate_cards", card_name(terms), f"{CARDS}/create", _card(terms))
    for unit in terms.units:
        yield Record("rates", unit.product_id, f"{CARDS}/addRate", _rate(terms, unit))


def _metric(unit: Unit) -> dict[str, Any]:
    filters = [{"name": n, "exists": True, "in_values": [*map(filter_text, v)]} for n, v in unit.filters.items()]
    counted = unit.aggregation == AggregationType.COUNT.value
    if not counted and unit.field not in unit.filters:  # an aggregation key must be among the filters
        filters.append({"name": unit.field, "exists": True})
    body = {
        "name": unit.meter_id,
        "aggregation_type": AGGREGATIONS[unit.aggregation],
        "event_type_filter": {"in_values": [unit.event_type]},
        "property_filters": filters,
    }
    return body if counted else body | {"aggregation_key": unit.field}


def _product(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.label,
        "type": "USAGE",
        "billable_metric_id": ref("billable_metrics", unit.meter_id),
        "tags": [_tag(unit.product_id)],
    }


def _tag(product_id: str) -> str:
    return f"avs:{product_id}"


def _card(terms: Terms) -> dict[str, Any]:
    name = card_name(terms)
    return {"name": name, "description": terms.price_book_ref or "", "aliases": [{"name": name}]}


def _rate(terms: Terms, unit: Unit) -> dict[str, Any]:
    return {
        "rate_card_id": ref("rate_cards", card_name(terms)),
        "product_id": ref("products", unit.product_id),
        "entitled": True,
        "starting_at": timestamp_text(next_hour(terms.effective_at)),
        **_amounts(unit),
    }


def next_hour(moment: datetime) -> datetime:
    """The moment itself on an hour, else the hour after it: nobody pays a price before it holds."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour if hour == moment else hour + timedelta(hours=1)


def _amounts(unit: Unit) -> dict[str, Any]:
    price = _exact(unit, "price in cents", cents(unit.price))
    if not unit.included:
        return {"rate_type": "FLAT", "price": price}
    size = _exact(unit, "included quantity", unit.included)
    return {"rate_type": "TIERED", "tiers": [{"size": size, "price": Decimal(0)}, {"price": price}]}


def _exact(unit: Unit, what: str, value: Decimal) -> Decimal:
    if not fits_double(value):
        raise cannot_express(TITLE, f"the {what} of {unit.value_unit_id}, {plain(value)}, has more than 15 digits.")
    return value


def gaps(terms: Terms) -> Iterator[Gap]:
    yield no_30_days(TITLE, "as the contract's usage statements do, in calendar months unless it says otherwise")
    if (start := next_hour(terms.effective_at)) != terms.effective_at:
        yield Gap("effective_at", f"{TITLE} changes rates on whole hours: these start at {timestamp_text(start)}.")
    for unit in terms.units:
        yield from numbers_compare_as_text(TITLE, unit)


def _metric_view(record: Json, _names: Names) -> dict[str, Any]:
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


def _product_state(record: Json) -> Json:
    """A listed product holds its fields under `current`."""
    return {**record, **mapping(record.get("current"))}


def _product_key(record: Json, _names: Names) -> str | None:
    tags = _product_state(record).get("tags")
    ours = [tag for tag in tags if str(tag).startswith("avs:")] if isinstance(tags, list) else []
    return str(ours[0]).removeprefix("avs:") if ours else None


def _product_view(record: Json, names: Names) -> dict[str, Any]:
    state = _product_state(record)
    return {
        "name": state.get("name"),
        "type": state.get("type"),
        "billable_metric_id": names("billable_metrics", state.get("billable_metric_id")),
        "quantity_conversion": member(state, "quantity_conversion", "conversion_factor"),
        "quantity_rounding": member(state, "quantity_rounding", "rounding_method"),
    }


def _rate_view(record: Json, _names: Names) -> dict[str, Any]:
    rate = mapping(record.get("rate")) or record
    view = {
        "entitled": record.get("entitled"),
        "rate_type": rate.get("rate_type"),
        "price": number(rate.get("price")) if rate.get("rate_type") == "FLAT" else None,
        "commit_rate": member(record, "commit_rate", "rate_type"),
    }
    for index, tier in enumerate(objects(rate.get("tiers"))):
        view[f"tiers/{index}/size"] = number(tier.get("size"))
        view[f"tiers/{index}/price"] = number(tier.get("price"))
    return view


def _of_the_card(_record: Json, _names: Names, _scope: Scope) -> bool:
    """Rates are listed per rate card, and the subject has one of its own."""
    return True


def _not_archived(record: Json) -> bool:
    return record.get("archived_at") is None


LEDGER = Ledger(
    name="metronome",
    title=TITLE,
    api="Metronome API v1",
    idempotency_header=None,
    records=records,
    gaps=gaps,
    mark=card_name,
    listed=("billable_metrics", "products", "rate_cards", "rates"),
    resources=(
        Resource("billable_metrics", lambda record, _: record.get("name"), _metric_view, _not_archived),
        Resource("products", _product_key, _product_view, _not_archived),
        Resource(
            "rate_cards",
            lambda record, _: record.get("name"),
            lambda record, _: {"description": record.get("description") or None},
            _not_archived,
        ),
        Resource(
            "rates",
            lambda record, names: names("products", record.get("product_id")),
            _rate_view,
            ours=_of_the_card,
            id_field="product_id",
        ),
    ),
)
