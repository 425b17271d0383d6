"""Lago: billable metrics and a plan of standard or graduated charges (POST /api/v1/billable_metrics, /api/v1/plans).

Amounts are decimal text in dollars, ranges whole numbers; filters stand on the charge, its default price is 0.
"""

from collections.abc import Iterator
from typing import Any

from app.services.billing.ledgers.gaps import Gap, event_is_renamed, no_30_days, numbers_compare_as_text
from app.services.billing.ledgers.reading import mapping, member, number, objects, texts, unless_zero
from app.services.billing.ledgers.rendering import Json, Ledger, Names, Record, Resource, Scope, ref
from app.services.billing.ledgers.terms import Terms, Unit, cannot_express
from app.services.billing.ledgers.texts import filter_text, fitted, plain
from rules.enums import AggregationType
from simulation.canonical import canonical_text

TITLE = "Lago"
CODE_LIMIT = 200
AGGREGATIONS = {
    AggregationType.COUNT.value: "count_agg",
    AggregationType.SUM.value: "sum_agg",
    AggregationType.DISTINCT_COUNT.value: "unique_count_agg",
}


def plan_code(terms: Terms) -> str:
    return fitted(terms.subject_key, CODE_LIMIT, "A-Za-z0-9_-")


def metric_code(unit: Unit) -> str:
    return fitted(unit.meter_id, CODE_LIMIT, "A-Za-z0-9_-")


def records(terms: Terms) -> Iterator[Record]:
    for unit in terms.units:
        yield Record(
            "billable_metrics", metric_code(unit), "/api/v1/billable_metrics", {"billable_metric": _metric(unit)}
        )
    yield Record("plans", plan_code(terms), "/api/v1/plans", {"plan": _plan(terms)})


def _metric(unit: Unit) -> dict[str, Any]:
    counted = unit.aggregation == AggregationType.COUNT.value
    return {
        "name": unit.label,
        "code": metric_code(unit),
        "aggregation_type": AGGREGATIONS[unit.aggregation],
        "field_name": None if counted else unit.field,
        "recurring": False,
        "filters": [{"key": name, "values": [*map(filter_text, wanted)]} for name, wanted in unit.filters.items()],
    }


def _plan(terms: Terms) -> dict[str, Any]:
    return {
        "name": terms.title,
        "code": plan_code(terms),
        "interval": "monthly",
        "amount_cents": 0,
        "amount_currency": "USD",
        "pay_in_advance": False,
        "metadata": {"avs_billing_patch_id": terms.billing_patch_id, "avs_price_book_ref": terms.price_book_ref or ""},
        "charges": [*map(_charge, terms.units)],
    }


def _charge(unit: Unit) -> dict[str, Any]:
    """With filters, what matches none of them falls under the charge's own properties: usage of no interest, at 0."""
    charge: dict[str, Any] = {
        "billable_metric_id": ref("billable_metrics", metric_code(unit)),
        "invoice_display_name": unit.label,
        "charge_model": "graduated" if unit.included else "standard",
        "pay_in_advance": False,
        "invoiceable": True,
        "min_amount_cents": 0,
    }
    if not unit.filters:
        return charge | {"properties": _amounts(unit), "filters": []}
    values = {name: [*map(filter_text, wanted)] for name, wanted in unit.filters.items()}
    return charge | {"properties": _nothing(unit), "filters": [{"values": values, "properties": _amounts(unit)}]}


def _amounts(unit: Unit) -> dict[str, Any]:
    price = plain(unit.price)
    if not unit.included:
        return {"amount": price}
    if unit.included != unit.included.to_integral_value():
        detail = f"{unit.value_unit_id} includes {plain(unit.included)} units, and ranges end at whole numbers."
        raise cannot_express(TITLE, detail)
    last = int(unit.included)
    return {"graduated_ranges": [_range(0, last, "0"), _range(last + 1, None, price)]}


def _nothing(unit: Unit) -> dict[str, Any]:
    return {"graduated_ranges": [_range(0, None, "0")]} if unit.included else {"amount": "0"}


def _range(first: int, last: int | None, price: str) -> dict[str, Any]:
    return {"from_value": first, "to_value": last, "per_unit_amount": price, "flat_amount": "0"}


def gaps(terms: Terms) -> Iterator[Gap]:
    yield no_30_days(TITLE, "every month, the nearest interval that a plan may have")
    for unit in terms.units:
        yield event_is_renamed(TITLE, unit, metric_code(unit), with_filters=False)
        yield from numbers_compare_as_text(TITLE, unit)


def unfold(resource: str, record: Json) -> Iterator[tuple[str, Json]]:
    """What a request wraps, and a plan's charges, each with the plan that it belongs to."""
    record = mapping(record.get(resource.removesuffix("s"))) or record
    yield resource, record
    if resource == "plans":
        for charge in objects(record.get("charges")):
            yield "charges", {**charge, "plan": record.get("code")}


def _metric_view(record: Json, _names: Names) -> dict[str, Any]:
    view = {name: record.get(name) for name in ("name", "aggregation_type", "field_name")}
    view |= {"expression": record.get("expression") or None, "rounding_function": record.get("rounding_function")}
    view["recurring"] = record.get("recurring") or False
    for item in objects(record.get("filters")):
        view[f"filters/{item.get('key')}"] = texts(item.get("values"))
    return view


def _plan_view(record: Json, _names: Names) -> dict[str, Any]:
    return {
        "interval": record.get("interval"),
        "amount_cents": number(record.get("amount_cents")),
        "amount_currency": record.get("amount_currency"),
        "minimum_commitment.amount_cents": number(member(record, "minimum_commitment", "amount_cents")),
    }


def _charge_key(record: Json, names: Names) -> str:
    """A charge is named by its plan and its metric, whose code Lago lists beside its id."""
    metric = record.get("billable_metric_code") or names("billable_metrics", _metric_id(record))
    return f"{record.get('plan')}/{metric}"


def _metric_id(record: Json) -> Any:
    return record.get("billable_metric_id") or record.get("lago_billable_metric_id")


def _charge_view(record: Json, _names: Names) -> dict[str, Any]:
    view = {
        "charge_model": record.get("charge_model"),
        "invoice_display_name": record.get("invoice_display_name"),
        "pay_in_advance": record.get("pay_in_advance") or False,
        "invoiceable": record.get("invoiceable"),
        "min_amount_cents": unless_zero(number(record.get("min_amount_cents"))),
        **_amounts_view("properties", record.get("properties")),
    }
    for item in objects(record.get("filters")):
        values = {name: texts(wanted) for name, wanted in mapping(item.get("values")).items()}
        view |= _amounts_view(f"filters/{canonical_text(values)}", item.get("properties"))
    return view


def _amounts_view(where: str, properties: Any) -> dict[str, Any]:
    view = {f"{where}/amount": number(member(properties, "amount"))}
    for index, item in enumerate(objects(member(properties, "graduated_ranges"))):
        for name in ("from_value", "to_value", "per_unit_amount"):
            view[f"{where}/graduated_ranges/{index}/{name}"] = number(item.get(name))
        view[f"{where}/graduated_ranges/{index}/flat_amount"] = unless_zero(number(item.get("flat_amount")))
    return view


def _in_our_plan(record: Json, _names: Names, scope: Scope) -> bool:
    return record.get("plan") == scope.mark


LEDGER = Ledger(
    name="lago",
    title=TITLE,
    api="Lago API v1",
    idempotency_header=None,
    records=records,
    gaps=gaps,
    mark=plan_code,
    listed=("billable_metrics", "plans"),
    unfold=unfold,
    resources=(
        Resource("billable_metrics", lambda record, _: record.get("code"), _metric_view, id_field="lago_id"),
        Resource("plans", lambda record, _: record.get("code"), _plan_view, id_field="lago_id"),
        Resource("charges", _charge_key, _charge_view, ours=_in_our_plan, id_field="lago_id"),
    ),
)
