"""Lago: billable metrics and a plan of standard or graduated charges (POST /api/v1/billable_metrics, /api/v1/plans).

Amounts are decimal text in dollars, ranges whole numbers; filters belong to the charge, whose default price is 0.
"""

from collections.abc import Iterator

from app.services.billing.ledgers.gaps import (
    Gap,
    event_is_renamed,
    no_30_days,
    numbers_compare_as_text,
    sums_one_property,
)
from app.services.billing.ledgers.reading import Fields, mapping, member, number, numbers, objects, texts, unless_zero
from app.services.billing.ledgers.rendering import (
    KeyOf,
    Ledger,
    Record,
    Resource,
    in_our_plan,
    key_at,
    plan_metadata,
    ref,
)
from app.services.billing.ledgers.terms import Terms, Unit, whole_included
from app.services.billing.ledgers.texts import filter_texts, fitted, plain
from rules.enums import AggregationType
from simulation.canonical import Json, JsonObject, canonical_text

TITLE = "Lago"
CODE_LIMIT = 200
AGGREGATIONS = {
    AggregationType.COUNT.value: "count_agg",
    AggregationType.SUM.value: "sum_agg",
    AggregationType.DISTINCT_COUNT.value: "unique_count_agg",
}


def plan_code(terms: Terms) -> str:
    """The code of the subject's plan."""
    return fitted(terms.subject_key, CODE_LIMIT, "A-Za-z0-9_-")


def metric_code(unit: Unit) -> str:
    """The code of a unit's billable metric, which is also the code of the events that it counts."""
    return fitted(unit.meter_id, CODE_LIMIT, "A-Za-z0-9_-")


def records(terms: Terms) -> Iterator[Record]:
    """The requests that create the billable metrics and then the plan, which refers to them."""
    for unit in terms.units:
        yield Record(
            "billable_metrics", metric_code(unit), "/api/v1/billable_metrics", {"billable_metric": _metric(unit)}
        )
    yield Record("plans", plan_code(terms), "/api/v1/plans", {"plan": _plan(terms)})


def _metric(unit: Unit) -> JsonObject:
    counted = unit.aggregation == AggregationType.COUNT.value
    return {
        "name": unit.label,
        "code": metric_code(unit),
        "aggregation_type": AGGREGATIONS[unit.aggregation],
        "field_name": None if counted else unit.one_field,
        "recurring": False,
        "filters": [{"key": name, "values": filter_texts(values)} for name, values in unit.filters.items()],
    }


def _plan(terms: Terms) -> JsonObject:
    return {
        "name": terms.title,
        "code": plan_code(terms),
        "interval": "monthly",
        "amount_cents": 0,
        "amount_currency": "USD",
        "pay_in_advance": False,
        "metadata": plan_metadata(terms),
        "charges": [*map(_charge, terms.units)],
    }


def _charge(unit: Unit) -> JsonObject:
    """The charge for a unit; usage that matches none of its filters is priced by the charge's own properties, at 0."""
    charge: JsonObject = {
        "billable_metric_id": ref("billable_metrics", metric_code(unit)),
        "invoice_display_name": unit.label,
        "charge_model": "graduated" if unit.included else "standard",
        "pay_in_advance": False,
        "invoiceable": True,
        "min_amount_cents": 0,
    }
    if not unit.filters:
        return charge | {"properties": _amounts(unit), "filters": []}
    matching = {name: filter_texts(values) for name, values in unit.filters.items()}
    return charge | {"properties": _nothing(unit), "filters": [{"values": matching, "properties": _amounts(unit)}]}


def _amounts(unit: Unit) -> JsonObject:
    price = plain(unit.price)
    if not unit.included:
        return {"amount": price}
    last = whole_included(TITLE, unit, "ranges")
    return {"graduated_ranges": [_range(0, last, "0"), _range(last + 1, None, price)]}


def _nothing(unit: Unit) -> JsonObject:
    return {"graduated_ranges": [_range(0, None, "0")]} if unit.included else {"amount": "0"}


def _range(first: int, last: int | None, price: str) -> JsonObject:
    return {"from_value": first, "to_value": last, "per_unit_amount": price, "flat_amount": "0"}


def gaps(terms: Terms) -> Iterator[Gap]:
    """The gaps beyond the common ones: the billing period, event names, differences, filters by number."""
    yield no_30_days(TITLE, "every month, the nearest interval that a plan may have")
    for unit in terms.units:
        yield event_is_renamed(TITLE, unit, metric_code(unit), with_filters=False)
        yield from sums_one_property(TITLE, unit)
        yield from numbers_compare_as_text(TITLE, unit)


def unfold(resource: str, record: Fields) -> Iterator[tuple[str, Fields]]:
    """The record without the member that a request wraps it in, and a plan's charges, each with the plan's code."""
    record = mapping(record.get(resource.removesuffix("s"))) or record
    yield resource, record
    if resource == "plans":
        for charge in objects(record.get("charges")):
            yield "charges", {**charge, "plan": record.get("code")}


def _metric_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    view = {name: record.get(name) for name in ("name", "aggregation_type", "field_name")}
    view |= {"expression": record.get("expression") or None, "rounding_function": record.get("rounding_function")}
    view["recurring"] = record.get("recurring") or False
    for item in objects(record.get("filters")):
        view[f"filters/{item.get('key')}"] = texts(item.get("values"))
    return view


def _plan_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    return {
        "interval": record.get("interval"),
        "amount_cents": number(record.get("amount_cents")),
        "amount_currency": record.get("amount_currency"),
        "minimum_commitment.amount_cents": number(member(record, "minimum_commitment", "amount_cents")),
    }


def _charge_key(record: Fields, key_of: KeyOf) -> str:
    """A charge is named by its plan and its metric, whose code Lago lists beside its id."""
    metric = record.get("billable_metric_code") or key_of("billable_metrics", _metric_id(record))
    return f"{record.get('plan')}/{metric}"


def _metric_id(record: Fields) -> Json:
    return record.get("billable_metric_id") or record.get("lago_billable_metric_id")


def _charge_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    view = {
        "charge_model": record.get("charge_model"),
        "invoice_display_name": record.get("invoice_display_name"),
        "pay_in_advance": record.get("pay_in_advance") or False,
        "invoiceable": record.get("invoiceable"),
        "min_amount_cents": unless_zero(number(record.get("min_amount_cents"))),
        **_amounts_view("properties", record.get("properties")),
    }
    for item in objects(record.get("filters")):
        values = {name: texts(value) for name, value in mapping(item.get("values")).items()}
        view |= _amounts_view(f"filters/{canonical_text(values)}", item.get("properties"))
    return view


def _amounts_view(where: str, properties: Json) -> JsonObject:
    ranges = objects(member(properties, "graduated_ranges"))
    view = {f"{where}/amount": number(member(properties, "amount"))}
    view |= numbers(f"{where}/graduated_ranges", ranges, "from_value", "to_value", "per_unit_amount")
    for index, item in enumerate(ranges):
        view[f"{where}/graduated_ranges/{index}/flat_amount"] = unless_zero(number(item.get("flat_amount")))
    return view


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
        Resource("billable_metrics", key_at("code"), _metric_view, id_field="lago_id"),
        Resource("plans", key_at("code"), _plan_view, id_field="lago_id"),
        Resource("charges", _charge_key, _charge_view, ours=in_our_plan, id_field="lago_id"),
    ),
)
