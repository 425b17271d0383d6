"""Orb: items, SQL metrics and a plan whose prices are per unit or tiered (POST /v1/items, /v1/metrics, /v1/plans).

Amounts are decimal text in dollars; the allowance is a first tier at 0; a custom cadence lasts 30 days.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from app.services.billing.ledgers.gaps import Gap
from app.services.billing.ledgers.reading import (
    Fields,
    is_active,
    is_not_archived,
    mapping,
    member,
    number,
    numbers,
    objects,
    unless_zero,
)
from app.services.billing.ledgers.rendering import (
    KeyOf,
    Ledger,
    Record,
    Resource,
    in_our_plan,
    key_at,
    plan_metadata,
    ref,
    view_of,
)
from app.services.billing.ledgers.terms import PERIOD_DAYS, Terms, Unit, cannot_express
from app.services.billing.ledgers.texts import fits_double, fitted, plain
from rules.enums import AggregationType
from simulation.canonical import Json, JsonObject, number_text

TITLE = "Orb"
NAME_LIMIT = 200
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
AGGREGATES = {
    AggregationType.COUNT.value: "COUNT(*)",
    AggregationType.SUM.value: "SUM({field})",
    AggregationType.DISTINCT_COUNT.value: "COUNT(DISTINCT {field})",
}


def plan_id(terms: Terms) -> str:
    """The external_plan_id of the subject's plan, which addresses contain too."""
    return fitted(terms.subject_key, NAME_LIMIT, "A-Za-z0-9_-")


def records(terms: Terms) -> Iterator[Record]:
    """The requests that create items and metrics and then the plan, which refers to them."""
    for unit in terms.units:
        yield Record("items", unit.product_id, "/v1/items", _item(unit))
        yield Record("metrics", unit.meter_id, "/v1/metrics", _metric(unit))
    yield Record("plans", plan_id(terms), "/v1/plans", _plan(terms))


def _item(unit: Unit) -> JsonObject:
    return {"name": unit.label, "metadata": {"avs_product_id": unit.product_id}}


def _metric(unit: Unit) -> JsonObject:
    return {
        "name": unit.meter_id,
        "description": unit.label,
        "item_id": ref("items", unit.product_id),
        "sql": sql(unit),
        "metadata": {"avs_meter_id": unit.meter_id},
    }


def sql(unit: Unit) -> str:
    """The metric over Orb's `events`: event_name and the event's properties are its columns."""
    aggregate = AGGREGATES[unit.aggregation].format(field=_summed(unit))
    conditions = [f"event_name = {_literal(unit.event_type)}"]
    conditions += [_condition(name, values) for name, values in unit.filters.items()]
    return " ".join(["SELECT", aggregate, "FROM events WHERE", " AND ".join(conditions)])


def _summed(unit: Unit) -> str:
    """The column, or the difference of two, of which a missing one is 0."""
    if not unit.minus:
        return _column(unit.field or "")
    return " - ".join(f"COALESCE({_column(name)}, 0)" for name in (unit.field or "", unit.minus))


def _condition(name: str, values: tuple[Json, ...]) -> str:
    literals = [*map(_literal, values)]
    return f"{_column(name)} = {literals[0]}" if len(literals) == 1 else f"{_column(name)} IN ({', '.join(literals)})"


def _column(name: str) -> str:
    return name if IDENTIFIER.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _literal(value: Json) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else number_text(Decimal(value))


def _plan(terms: Terms) -> JsonObject:
    return {
        "name": terms.title,
        "currency": "USD",
        "external_plan_id": plan_id(terms),
        "status": "active",
        "metadata": plan_metadata(terms),
        "prices": [{"price": _price(terms, unit)} for unit in terms.units],
    }


def _price(terms: Terms, unit: Unit) -> JsonObject:
    return {
        "name": unit.label,
        "external_price_id": fitted(f"{terms.subject_key}/{unit.meter_id}", NAME_LIMIT, "A-Za-z0-9_-"),
        "item_id": ref("items", unit.product_id),
        "billable_metric_id": ref("metrics", unit.meter_id),
        "currency": "USD",
        "cadence": "custom",
        "billing_cycle_configuration": {"duration": PERIOD_DAYS, "duration_unit": "day"},
        **_amounts(unit),
    }


def _amounts(unit: Unit) -> JsonObject:
    if not unit.included:
        return {"model_type": "unit", "unit_config": {"unit_amount": plain(unit.price)}}
    if not fits_double(unit.included):
        detail = f"{unit.value_unit_id} includes {plain(unit.included)} units, more than 15 digits."
        raise cannot_express(TITLE, detail)
    free = {"first_unit": 0, "last_unit": unit.included, "unit_amount": "0"}
    beyond = {"first_unit": unit.included, "last_unit": None, "unit_amount": plain(unit.price)}
    return {"model_type": "tiered", "tiered_config": {"tiers": [free, beyond]}}


def gaps(terms: Terms) -> Iterator[Gap]:
    """No gaps beyond the common ones: filters, periods and prices below a cent can all be expressed."""
    yield from ()


def unfold(resource: str, record: Fields) -> Iterator[tuple[str, Fields]]:
    """A plan and each of its prices with the plan that it belongs to; a request wraps each price once more."""
    yield resource, record
    if resource == "plans":
        for entry in objects(record.get("prices")):
            yield "prices", {**(mapping(entry.get("price")) or entry), "plan": record.get("external_plan_id")}


def _metric_view(record: Fields, key_of: KeyOf) -> JsonObject:
    text = record.get("sql")
    return {
        "sql": " ".join(text.split()) if isinstance(text, str) else text,
        "item": key_of("items", record.get("item_id") or record.get("item")),
    }


def _price_view(record: Fields, key_of: KeyOf) -> JsonObject:
    view = {
        "name": record.get("name"),
        "item": key_of("items", record.get("item_id") or record.get("item")),
        "billable_metric": key_of("metrics", record.get("billable_metric_id") or record.get("billable_metric")),
        "currency": record.get("currency"),
        "billing_cycle_configuration.duration": number(member(record, "billing_cycle_configuration", "duration")),
        "billing_cycle_configuration.duration_unit": member(record, "billing_cycle_configuration", "duration_unit"),
        "model_type": record.get("model_type"),
        "unit_config.unit_amount": number(member(record, "unit_config", "unit_amount")),
        "minimum_amount": unless_zero(number(record.get("minimum_amount"))),
        "maximum_amount": number(record.get("maximum_amount")),
        "discount": member(record, "discount", "discount_type"),
    }
    tiers = objects(member(record, "tiered_config", "tiers"))
    return view | numbers("tiered_config.tiers", tiers, "first_unit", "last_unit", "unit_amount")


LEDGER = Ledger(
    name="orb",
    title=TITLE,
    api="Orb API v1",
    idempotency_header="Idempotency-Key",
    records=records,
    gaps=gaps,
    mark=plan_id,
    listed=("items", "metrics", "plans"),
    unfold=unfold,
    resources=(
        Resource(
            "items",
            key_at("metadata", "avs_product_id"),
            view_of("name"),
            is_not_archived,
        ),
        Resource(
            "metrics",
            key_at("metadata", "avs_meter_id"),
            _metric_view,
            is_active,
        ),
        Resource(
            "plans",
            key_at("external_plan_id"),
            view_of("currency"),
            is_active,
        ),
        Resource("prices", key_at("external_price_id"), _price_view, ours=in_our_plan),
    ),
)
