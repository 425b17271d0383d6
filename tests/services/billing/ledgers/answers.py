"""What each ledger lists after it took a rendering: its own ids, its own shapes, its own spelling of numbers."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import count

from app.services.billing.ledgers.rendering import Ledger, Record
from app.services.billing.ledgers.terms import Terms
from simulation.canonical import Json, JsonObject


def export_of(ledger: Ledger, terms: Terms) -> JsonObject:
    """The export of an account that holds the rendering of these terms and nothing else."""
    records = list(ledger.records(terms))
    numbers = count(1)
    ids = {f"{record.resource}/{record.key}": f"{ledger.name}_{next(numbers)}" for record in records}
    listed: dict[str, list[JsonObject]] = {name: [] for name in (*ledger.listed, *ledger.listed_with_plans)}
    for record in records:
        answer = ANSWERS[ledger.name](record, resolved(record.body, ids), ids[f"{record.resource}/{record.key}"])
        listed[record.resource].append(answer)
    return {name: PAGES[ledger.name](name, items) for name, items in listed.items()}


def resolved(value: Json, ids: Mapping[str, str]) -> Json:
    """A body with the ledger's ids where ours referred to another record."""
    if isinstance(value, dict):
        return ids[value["$ref"]] if set(value) == {"$ref"} else {k: resolved(v, ids) for k, v in value.items()}
    return [resolved(item, ids) for item in value] if isinstance(value, list) else value


def reworded(text: str) -> str:
    """A number with more zeros at its end, as ledgers that keep fixed decimals write it."""
    return f"{Decimal(text):f}" + ("0" if "." in text else ".0")


def stripe(record: Record, body: JsonObject, identifier: str) -> JsonObject:
    body.pop("transfer_lookup_key", None)
    if record.resource == "meters":
        return {"object": "billing.meter", "id": identifier, "status": "active", **body}
    if record.resource == "products":
        return {"object": "product", "active": True, "default_price": None, **body}
    for tier in body.get("tiers", ()):
        fee = tier.get("flat_amount_decimal")
        tier |= {"flat_amount": None, "flat_amount_decimal": fee and reworded(fee), "unit_amount": None}
        tier["up_to"] = None if tier["up_to"] == "inf" else tier["up_to"]
        tier["unit_amount_decimal"] = reworded(tier["unit_amount_decimal"])
    if "unit_amount_decimal" in body:
        body |= {"unit_amount": None, "unit_amount_decimal": reworded(body["unit_amount_decimal"])}
    defaults = {"tiers_mode": None, "transform_quantity": None, "unit_amount_decimal": None, "type": "recurring"}
    return {"object": "price", "id": identifier, "active": True} | defaults | body


def metronome(record: Record, body: JsonObject, identifier: str) -> JsonObject:
    if record.resource == "products":
        state = {"created_at": "2026-01-15T00:00:00Z", "created_by": "avs", **body}
        return {"id": identifier, "type": state.pop("type"), "initial": state, "current": state, "updates": []}
    if record.resource != "rates":
        return {"id": identifier, "archived_at": None, **body}
    outer = ("product_id", "starting_at", "entitled", "billing_frequency")
    rate = {name: value for name, value in body.items() if name not in (*outer, "rate_card_id")}
    return {name: body.get(name) for name in outer} | {"product_name": "?", "product_tags": [], "rate": rate}


def orb(record: Record, body: JsonObject, identifier: str) -> JsonObject:
    if record.resource == "metrics":
        return {"id": identifier, "status": "active", **body, "item": {"id": body.pop("item_id")}}
    if record.resource == "plans":
        body["prices"] = [orb_price(entry["price"], f"{identifier}_{n}") for n, entry in enumerate(body["prices"])]
        body["adjustments"] = [{"id": "?", **entry["adjustment"]} for entry in body.get("adjustments", ())]
    return {"id": identifier, "created_at": "2026-01-15T00:00:00Z", **body}


def orb_price(price: JsonObject, identifier: str) -> JsonObject:
    item, metric_id = {"id": price.pop("item_id"), "name": "?"}, price.pop("billable_metric_id", None)
    metric = metric_id and {"id": metric_id}
    nothing = {"unit_config": None, "tiered_config": None, "minimum_amount": None, "maximum_amount": None}
    return nothing | {"id": identifier, "item": item, "billable_metric": metric, "discount": None} | price


def openmeter(record: Record, body: JsonObject, identifier: str) -> JsonObject:
    if record.resource == "plans":
        body |= {"status": "active", "version": 1, "validationErrors": []}
        for card in body["phases"][0]["rateCards"]:
            for price in (card["price"], *(tier["unitPrice"] for tier in card["price"].get("tiers", ()))):
                price |= {"amount": reworded(price["amount"])} if "amount" in price else {}
    return {"id": identifier, "createdAt": "2026-01-15T00:00:00Z", **body}


def lago(record: Record, body: JsonObject, identifier: str) -> JsonObject:
    (inner,) = body.values()
    if record.resource == "plans":
        inner["charges"] = [
            {"lago_id": f"{identifier}_{n}", "lago_billable_metric_id": charge.pop("billable_metric_id"), **charge}
            for n, charge in enumerate(inner["charges"])
        ]
    return {"lago_id": identifier, "created_at": "2026-01-15T00:00:00Z", **inner}


ANSWERS: dict[str, Callable[[Record, JsonObject, str], JsonObject]] = {
    "stripe": stripe,
    "metronome": metronome,
    "orb": orb,
    "openmeter": openmeter,
    "lago": lago,
}
PAGES: dict[str, Callable[[str, list[JsonObject]], Json]] = {
    "stripe": lambda name, items: {"object": "list", "url": f"/v1/{name}", "has_more": False, "data": items},
    "metronome": lambda name, items: {"data": items, "next_page": None},
    "orb": lambda name, items: {"data": items, "pagination_metadata": {"has_more": False, "next_cursor": None}},
    "openmeter": lambda name, items: (
        items if name == "meters" else {"items": items, "page": 1, "pageSize": 100, "totalCount": len(items)}
    ),
    "lago": lambda name, items: {name: items, "meta": {"current_page": 1, "next_page": None, "total_pages": 1}},
}
