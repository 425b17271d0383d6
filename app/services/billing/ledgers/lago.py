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
from app.services.billing.ledgers.price_plan import (
    PLATFORM_FEE,
    Words,
    all_tiers,
    commit_of,
    contracts,
    plan_gaps,
    require_no_allowance,
    whole,
    whole_cents,
)
from app.services.billing.ledgers.reading import Fields, mapping, member, number, numbers, objects, texts, unless_zero
from app.services.billing.ledgers.rendering import (
    KeyOf,
    Ledger,
    Record,
    Resource,
    in_our_plan,
    key_at,
    of_our_subject,
    plan_metadata,
    ref,
)
from app.services.billing.ledgers.terms import Terms, Unit, whole_included
from app.services.billing.ledgers.texts import filter_texts, fitted, plain
from rules.enums import AggregationType
from simulation.canonical import Json, JsonObject, canonical_text
from simulation.price_plan import Tier, UnitPrice

TITLE = "Lago"
CODE_LIMIT = 200
WORDS = Words(
    credits="{who} buys {amount} USD of credits for {price} USD with each period, which the plan does not bill: POST "
    "/api/v1/wallets for their customer with rate_amount 1 and applies_to fee_types [charge], and with every period a "
    "top-up of its own that is paid with {price} USD and grants {amount} credits, usable {lasts}.",
)
AGGREGATIONS = {
    AggregationType.COUNT.value: "count_agg",
    AggregationType.SUM.value: "sum_agg",
    AggregationType.DISTINCT_COUNT.value: "unique_count_agg",
}


def mark(terms: Terms) -> str:
    """What names the subject: the code of the plan for everybody."""
    return fitted(terms.subject_key, CODE_LIMIT, "A-Za-z0-9_-")


def plan_code(terms: Terms) -> str:
    """The code of a contract's plan."""
    return fitted(terms.contract_key, CODE_LIMIT, "A-Za-z0-9_-")


def metric_code(unit: Unit) -> str:
    """The code of a unit's billable metric, which is also the code of the events that it counts."""
    return fitted(unit.meter_id, CODE_LIMIT, "A-Za-z0-9_-")


def records(terms: Terms) -> Iterator[Record]:
    """The requests that create the billable metrics and then the plan, which refers to them."""
    for unit in terms.units:
        yield Record(
            "billable_metrics", metric_code(unit), "/api/v1/billable_metrics", {"billable_metric": _metric(unit)}
        )
    for contract in contracts(terms):
        yield Record("plans", plan_code(contract), "/api/v1/plans", {"plan": _plan(contract)})


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
    plan: JsonObject = {
        "name": terms.title,
        "code": plan_code(terms),
        "interval": "monthly",
        "amount_cents": whole_cents(TITLE, PLATFORM_FEE, terms.charges.platform_fee_usd),
        "amount_currency": "USD",
        "pay_in_advance": False,
        "metadata": plan_metadata(terms, mark(terms)),
        "charges": [*map(_charge, terms.units)],
    }
    commit = whole_cents(TITLE, "The minimum commit", commit_of(terms))
    return plan | {"minimum_commitment": {"amount_cents": commit}} if commit else plan


def _charge(unit: Unit) -> JsonObject:
    """The charge for a unit; usage that matches none of its filters is priced by the charge's own properties, at 0."""
    charge: JsonObject = {
        "billable_metric_id": ref("billable_metrics", metric_code(unit)),
        "invoice_display_name": unit.label,
        "charge_model": _model(unit),
        "pay_in_advance": False,
        "invoiceable": True,
        "min_amount_cents": 0,
    }
    if not unit.filters:
        return charge | {"properties": _amounts(unit), "filters": []}
    matching = {name: filter_texts(values) for name, values in unit.filters.items()}
    return charge | {"properties": _nothing(unit), "filters": [{"values": matching, "properties": _amounts(unit)}]}


def _model(unit: Unit) -> str:
    if unit.schedule:
        return unit.schedule.model
    return "graduated" if unit.included else "standard"


def _scheduled(unit: Unit, schedule: UnitPrice) -> JsonObject:
    """The properties of a charge with tiers or packages, of which the allowance is free."""
    if schedule.package_size is not None:
        return {
            "amount": plain(schedule.tiers[0].unit_price_usd),
            "free_units": whole_included(TITLE, unit, "free units"),
            "package_size": whole(TITLE, unit, schedule.package_size, "packages"),
        }
    if schedule.model == "volume":
        require_no_allowance(TITLE, unit, schedule)
        return {"volume_ranges": _ranges(unit, schedule.tiers)}
    whole_included(TITLE, unit, "ranges")
    return {"graduated_ranges": _ranges(unit, all_tiers(unit, schedule))}


def _ranges(unit: Unit, tiers: tuple[Tier, ...]) -> list[JsonObject]:
    """Ranges of whole units, each beginning one after the one before has ended."""
    ends = [None if tier.up_to is None else whole(TITLE, unit, tier.up_to, "ranges") for tier in tiers]
    starts = [0, *(end + 1 for end in ends[:-1] if end is not None)]
    return [
        _range(start, end, plain(tier.unit_price_usd), plain(tier.flat_fee_usd))
        for start, end, tier in zip(starts, ends, tiers, strict=True)
    ]


def _amounts(unit: Unit) -> JsonObject:
    if unit.schedule:
        return _scheduled(unit, unit.schedule)
    price = plain(unit.price)
    if not unit.included:
        return {"amount": price}
    last = whole_included(TITLE, unit, "ranges")
    return {"graduated_ranges": [_range(0, last, "0"), _range(last + 1, None, price)]}


def _nothing(unit: Unit) -> JsonObject:
    """The properties that charge nothing, in the shape of the unit's charge model."""
    if unit.schedule and unit.schedule.package_size is not None:
        return _scheduled(unit, unit.schedule) | {"amount": "0"}
    model = _model(unit)
    return {"amount": "0"} if model == "standard" else {f"{model}_ranges": [_range(0, None, "0")]}


def _range(first: int, last: int | None, price: str, fee: str = "0") -> JsonObject:
    return {"from_value": first, "to_value": last, "per_unit_amount": price, "flat_amount": fee}


def gaps(terms: Terms) -> Iterator[Gap]:
    """The gaps beyond the common ones: the billing period, event names, differences, filters by number."""
    yield no_30_days(TITLE, "every month, the nearest interval that a plan may have")
    for unit in terms.units:
        yield event_is_renamed(TITLE, unit, metric_code(unit), with_filters=False)
        yield from sums_one_property(TITLE, unit)
        yield from numbers_compare_as_text(TITLE, unit)
    yield from plan_gaps(TITLE, terms, WORDS, _own_plan)


def _own_plan(contract: Terms) -> str:
    return f"subscribe them to the plan {plan_code(contract)} of their own."


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
    view = {
        f"{where}/amount": number(member(properties, "amount")),
        f"{where}/package_size": number(member(properties, "package_size")),
        f"{where}/free_units": unless_zero(number(member(properties, "free_units"))),
    }
    for kind in ("graduated_ranges", "volume_ranges"):
        ranges = objects(member(properties, kind))
        view |= numbers(f"{where}/{kind}", ranges, "from_value", "to_value", "per_unit_amount")
        for index, item in enumerate(ranges):
            view[f"{where}/{kind}/{index}/flat_amount"] = unless_zero(number(item.get("flat_amount")))
    return view


LEDGER = Ledger(
    name="lago",
    title=TITLE,
    api="Lago API v1",
    idempotency_header=None,
    records=records,
    gaps=gaps,
    mark=mark,
    listed=("billable_metrics", "plans"),
    unfold=unfold,
    resources=(
        Resource("billable_metrics", key_at("code"), _metric_view, id_field="lago_id"),
        Resource("plans", key_at("code"), _plan_view, ours=of_our_subject, id_field="lago_id"),
        Resource("charges", _charge_key, _charge_view, ours=in_our_plan, id_field="lago_id"),
    ),
)
