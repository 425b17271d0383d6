"""Orb: items, SQL metrics and a plan whose prices are per unit or tiered (POST /v1/items, /v1/metrics, /v1/plans).

Amounts are decimal text in dollars; the allowance is a first tier at 0; a custom cadence lasts 30 days.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from app.services.billing.ledgers.gaps import Gap
from app.services.billing.ledgers.price_plan import (
    LABELS,
    Words,
    all_tiers,
    commit_of,
    contracts,
    item_key,
    plan_gaps,
    require_no_allowance,
    require_no_fees,
    sold_each_period,
    sold_items,
    whole,
    whole_cents,
)
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
    of_our_subject,
    plan_metadata,
    ref,
    view_of,
)
from app.services.billing.ledgers.terms import PERIOD_DAYS, Terms, Unit, cannot_express
from app.services.billing.ledgers.texts import fits_double, fitted, plain
from rules.enums import AggregationType
from simulation.canonical import Json, JsonObject, number_text
from simulation.price_plan import UnitPrice

TITLE = "Orb"
NAME_LIMIT = 200
COMMIT, COMMIT_LABEL = "minimum_commit", "Minimum commit"
WORDS = Words(
    credits="{who} gets {amount} USD of credits with each period, for the {price} USD that its fixed fee bills: POST "
    "/v1/customers/external_customer_id/…/credits/ledger_entry with entry_type increment, amount {amount}, "
    "currency USD, per_unit_cost_basis 0, as the period begins, usable {lasts}, restricted to the usage prices.",
)
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
AGGREGATES = {
    AggregationType.COUNT.value: "COUNT(*)",
    AggregationType.SUM.value: "SUM({field})",
    AggregationType.DISTINCT_COUNT.value: "COUNT(DISTINCT {field})",
}


def mark(terms: Terms) -> str:
    """What names the subject: the id of the plan for everybody."""
    return fitted(terms.subject_key, NAME_LIMIT, "A-Za-z0-9_-")


def plan_id(terms: Terms) -> str:
    """The external_plan_id of a contract's plan, which addresses contain too."""
    return fitted(terms.contract_key, NAME_LIMIT, "A-Za-z0-9_-")


def records(terms: Terms) -> Iterator[Record]:
    """The requests that create items and metrics and then the plan, which refers to them."""
    for unit in terms.units:
        yield Record("items", unit.product_id, "/v1/items", _item(unit))
        yield Record("metrics", unit.meter_id, "/v1/metrics", _metric(unit))
    for item in _items(terms):
        yield Record("items", item_key(terms, item), "/v1/items", _sold(terms, item))
    for contract in contracts(terms):
        yield Record("plans", plan_id(contract), "/v1/plans", _plan(contract))


def _items(terms: Terms) -> tuple[str, ...]:
    """What some contract sells with every period, and the commit, whose true-up needs an item to be revenue of."""
    commits = any(commit_of(contract) for contract in contracts(terms))
    return (*sold_items(terms), *((COMMIT,) if commits else ()))


def _sold(terms: Terms, item: str) -> JsonObject:
    name = f"{LABELS.get(item, COMMIT_LABEL)}, {terms.title}"
    return {"name": name, "metadata": {"avs_product_id": item_key(terms, item)}}


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
    prices = [_price(terms, unit) for unit in terms.units]
    prices += [_sold_price(terms, item, usd) for item, usd in sold_each_period(terms).items()]
    plan: JsonObject = {
        "name": terms.title,
        "currency": "USD",
        "external_plan_id": plan_id(terms),
        "status": "active",
        "metadata": plan_metadata(terms, mark(terms)),
        "prices": [{"price": price} for price in prices],
    }
    commit = commit_of(terms)
    return plan | {"adjustments": [{"adjustment": _minimum(terms, commit)}]} if commit else plan


def _minimum(terms: Terms, commit: Decimal) -> JsonObject:
    return {
        "adjustment_type": "minimum",
        "minimum_amount": plain(commit),
        "item_id": ref("items", item_key(terms, COMMIT)),
        "applies_to_all": True,
        "is_invoice_level": False,
    }


def _price(terms: Terms, unit: Unit) -> JsonObject:
    metered = {
        "item_id": ref("items", unit.product_id),
        "billable_metric_id": ref("metrics", unit.meter_id),
    }
    return _of_period(terms, unit.label, unit.meter_id, metered) | _amounts(unit)


def _sold_price(terms: Terms, item: str, usd: Decimal) -> JsonObject:
    """A fixed fee: one of the item with every period, whatever is used."""
    whole_cents(TITLE, item, usd)
    fixed = {"item_id": ref("items", item_key(terms, item)), "fixed_price_quantity": 1}
    body = _of_period(terms, LABELS[item], item, fixed)
    return body | {"model_type": "unit", "unit_config": {"unit_amount": plain(usd)}}


def _of_period(terms: Terms, name: str, key: str, sold: JsonObject) -> JsonObject:
    return {
        "name": name,
        "external_price_id": fitted(f"{terms.contract_key}/{key}", NAME_LIMIT, "A-Za-z0-9_-"),
        **sold,
        "currency": "USD",
        "cadence": "custom",
        "billing_cycle_configuration": {"duration": PERIOD_DAYS, "duration_unit": "day"},
    }


def _scheduled(unit: Unit, schedule: UnitPrice) -> JsonObject:
    """The amounts of a price with tiers (all units at the tier reached: `bulk`) or packages."""
    require_no_fees(TITLE, unit, schedule)
    if schedule.model == "graduated":
        tiers = all_tiers(unit, schedule)
        starts = (Decimal(0), *(tier.up_to for tier in tiers[:-1] if tier.up_to is not None))
        shown = [
            {"first_unit": _in_json(unit, start), "last_unit": tier.up_to, "unit_amount": plain(tier.unit_price_usd)}
            for start, tier in zip(starts, tiers, strict=True)
        ]
        return {"model_type": "tiered", "tiered_config": {"tiers": shown}}
    require_no_allowance(TITLE, unit, schedule)
    if schedule.package_size is not None:
        size = whole(TITLE, unit, schedule.package_size, "packages")
        package = {"package_amount": plain(schedule.tiers[0].unit_price_usd), "package_size": size}
        return {"model_type": "package", "package_config": package}
    bulk = [
        {
            "maximum_units": None if tier.up_to is None else _in_json(unit, tier.up_to),
            "unit_amount": plain(tier.unit_price_usd),
        }
        for tier in schedule.tiers
    ]
    return {"model_type": "bulk", "bulk_config": {"tiers": bulk}}


def _in_json(unit: Unit, bound: Decimal) -> Decimal:
    if not fits_double(bound):
        raise cannot_express(TITLE, f"a tier of {unit.value_unit_id} ends at {plain(bound)}, more than 15 digits.")
    return bound


def _amounts(unit: Unit) -> JsonObject:
    if unit.schedule:
        return _scheduled(unit, unit.schedule)
    if not unit.included:
        return {"model_type": "unit", "unit_config": {"unit_amount": plain(unit.price)}}
    if not fits_double(unit.included):
        detail = f"{unit.value_unit_id} includes {plain(unit.included)} units, more than 15 digits."
        raise cannot_express(TITLE, detail)
    free = {"first_unit": 0, "last_unit": unit.included, "unit_amount": "0"}
    beyond = {"first_unit": unit.included, "last_unit": None, "unit_amount": plain(unit.price)}
    return {"model_type": "tiered", "tiered_config": {"tiers": [free, beyond]}}


def gaps(terms: Terms) -> Iterator[Gap]:
    """What a price plan leaves to do: filters, periods and prices below a cent can all be expressed."""
    yield from plan_gaps(TITLE, terms, WORDS, _own_plan)


def _own_plan(contract: Terms) -> str:
    return f"subscribe them to the plan {plan_id(contract)} of their own."


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


def _plan_view(record: Fields, _key_of: KeyOf) -> JsonObject:
    adjustments = [mapping(entry.get("adjustment")) or entry for entry in objects(record.get("adjustments"))]
    return {
        "currency": record.get("currency"),
        **{
            f"adjustments/{item.get('adjustment_type')}": number(
                item.get("minimum_amount") or item.get("maximum_amount") or item.get("percentage_discount")
            )
            for item in adjustments
        },
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
        "fixed_price_quantity": number(record.get("fixed_price_quantity")),
        "package_config.package_amount": number(member(record, "package_config", "package_amount")),
        "package_config.package_size": number(member(record, "package_config", "package_size")),
        "minimum_amount": unless_zero(number(record.get("minimum_amount"))),
        "maximum_amount": number(record.get("maximum_amount")),
        "discount": member(record, "discount", "discount_type"),
    }
    tiers = objects(member(record, "tiered_config", "tiers"))
    bulk = objects(member(record, "bulk_config", "tiers"))
    view |= numbers("bulk_config.tiers", bulk, "maximum_units", "unit_amount")
    return view | numbers("tiered_config.tiers", tiers, "first_unit", "last_unit", "unit_amount")


LEDGER = Ledger(
    name="orb",
    title=TITLE,
    api="Orb API v1",
    idempotency_header="Idempotency-Key",
    records=records,
    gaps=gaps,
    mark=mark,
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
            _plan_view,
            is_active,
            of_our_subject,
        ),
        Resource("prices", key_at("external_price_id"), _price_view, ours=in_our_plan),
    ),
)
