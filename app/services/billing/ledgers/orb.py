"""Orb: items, SQL metrics and a plan whose prices are per unit or tiered (POST /v1/items, /v1/metrics, /v1/plans).

Amounts are decimal text in dollars; the allowance is a first tier at 0; a custom cadence lasts 30 days.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.services.billing.ledgers.gaps import Gap
from app.services.billing.ledgers.reading import mapping, member, number, objects, unless_zero
from app.services.billing.ledgers.rendering import Json, Ledger, Names, Record, Resource, Scope, ref
from app.services.billing.ledgers.terms import PERIOD_DAYS, Terms, Unit, cannot_express
from app.services.billing.ledgers.texts import fits_double, fitted, plain
from rules.enums import AggregationType
from simulation.canonical import number_text

TITLE = "Orb"
NAME_LIMIT = 200
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
AGGREGATES = {
    AggregationType.COUNT.value: "COUNT(*)",
    AggregationType.SUM.value: "SUM({field})",
    AggregationType.DISTINCT_COUNT.value: "COUNT(DISTINCT {field})",
}


def plan_id(terms: Terms) -> str:
    """The plan's external_plan_id, which also stands in addresses."""
    return fitted(terms.subject_key, NAME_LIMIT, "A-Za-z0-9_-")


def records(terms: Terms) -> Iterator[Record]:
    for unit in terms.units:
        yield Record("items", unit.product_id, "/v1/items", _item(unit))
        yield Record("metrics", unit.meter_id, "/v1/metrics", _metric(unit))
    yield Record("plans", plan_id(terms), "/v1/plans", _plan(terms))


def _item(unit: Unit) -> dict[str, Any]:
    return {"name": unit.label, "metadata": {"avs_product_id": unit.product_id}}


def _metric(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.meter_id,
        "description": unit.label,
        "item_id": ref("items", unit.product_id),
        "sql": sql(unit),
        "metadata": {"avs_meter_id": unit.meter_id},
    }


def sql(unit: Unit) -> str:
    """The metric over Orb's `events`: event_name and the event's properties are its columns."""
    aggregate = AGGREGATES[unit.aggregation].format(field=_column(unit.field or ""))
    conditions = [f"event_name = {_literal(unit.event_type)}"]
    conditions += [_condition(name, wanted) for name, wanted in unit.filters.items()]
    return " ".join(["SELECT", aggregate, "FROM events WHERE", " AND ".join(conditions)])


def _condition(name: str, wanted: tuple[Any, ...]) -> str:
    values = [*map(_literal, wanted)]
    return f"{_column(name)} = {values[0]}" if len(values) == 1 else f"{_column(name)} IN ({', '.join(values)})"


def _column(name: str) -> str:
    return name if IDENTIFIER.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else number_text(Decimal(value))


def _plan(terms: Terms) -> dict[str, Any]:
    return {
        "name": terms.title,
        "currency": "USD",
        "external_plan_id": plan_id(terms),
        "status": "active",
        "metadata": {"avs_billing_patch_id": terms.billing_patch_id, "avs_price_book_ref": terms.price_book_ref or ""},
        "prices": [{"price": _price(terms, unit)} for unit in terms.units],
    }


def _price(terms: Terms, unit: Unit) -> dict[str, Any]:
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


def _amounts(unit: Unit) -> dict[str, Any]:
    if not unit.included:
        return {"model_type": "unit", "unit_config": {"unit_amount": plain(unit.price)}}
    if not fits_double(unit.included):
        detail = f"{unit.value_unit_id} includes {plain(unit.included)} units, more than 15 digits."
        raise cannot_express(TITLE, detail)
    free = {"first_unit": 0, "last_unit": unit.included, "unit_amount": "0"}
    beyond = {"first_unit": unit.included, "last_unit": None, "unit_amount": plain(unit.price)}
    return {"model_type": "tiered", "tiered_config": {"tiers": [free, beyond]}}


def gaps(terms: Terms) -> Iterator[Gap]:
    """None beyond the common ones: filters, periods and sub-cent prices all have a form."""
    yield from ()


def unfold(resource: str, record: Json) -> Iterator[tuple[str, Json]]:
    """A plan and each of its prices with the plan that it belongs to; a request wraps each price once more."""
    yield resource, record
    if resource == "plans":
        for entry in objects(record.get("prices")):
            yield "prices", {**(mapping(entry.get("price")) or entry), "plan": record.get("external_plan_id")}


def _metric_view(record: Json, names: Names) -> dict[str, Any]:
    text = record.get("sql")
    return {
        "sql": " ".join(text.split()) if isinstance(text, str) else text,
        "item": names("items", record.get("item_id") or record.get("item")),
    }


def _price_view(record: Json, names: Names) -> dict[str, Any]:
    view = {
        "name": record.get("name"),
        "item": names("items", record.get("item_id") or record.get("item")),
        "billable_metric": names("metrics", record.get("billable_metric_id") or record.get("billable_metric")),
        "currency": record.get("currency"),
        "billing_cycle_configuration.duration": number(member(record, "billing_cycle_configuration", "duration")),
        "billing_cycle_configuration.duration_unit": member(record, "billing_cycle_configuration", "duration_unit"),
        "model_type": record.get("model_type"),
        "unit_config.unit_amount": number(member(record, "unit_config", "unit_amount")),
        "minimum_amount": unless_zero(number(record.get("minimum_amount"))),
        "maximum_amount": number(record.get("maximum_amount")),
        "discount": member(record, "discount", "discount_type"),
    }
    for index, tier in enumerate(objects(member(record, "tiered_config", "tiers"))):
        for name in ("first_unit", "last_unit", "unit_amount"):
            view[f"tiered_config.tiers/{index}/{name}"] = number(tier.get(name))
    return view


def _in_our_plan(record: Json, _names: Names, scope: Scope) -> bool:
    return record.get("plan") == scope.mark


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
            lambda record, _: member(record, "metadata", "avs_product_id"),
            lambda record, _: {"name": record.get("name")},
            lambda record: record.get("archived_at") is None,
        ),
        Resource(
            "metrics",
            lambda record, _: member(record, "metadata", "avs_meter_id"),
            _metric_view,
            lambda record: record.get("status", "active") == "active",
        ),
        Resource(
            "plans",
            lambda record, _: record.get("external_plan_id"),
            lambda record, _: {"currency": record.get("currency")},
            lambda record: record.get("status", "active") == "active",
        ),
        Resource("prices", lambda record, _: record.get("external_price_id"), _price_view, ours=_in_our_plan),
    ),
)
