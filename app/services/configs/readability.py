"""Whether an enforcing client reads a document: its published JSON Schema, and what no JSON Schema says (spec 5).

A client that cannot read a document refuses it whole, and a new process then enforces nothing. So the approve gate asks
here, of what a config would serve and of the very bytes that are to be served.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from jsonschema_rs import Draft202012Validator, ValidationError

from app.document_schema import AVS_CONFIG_SCHEMA
from app.services.configs.readable_prices import Path, Problems, places_problem, price_plan_problems
from app.time_zones import TIME_ZONE_RULE, is_time_zone
from rules.draft import Unreadable
from rules.ranges import PERCENT_PLACES, PLACES
from simulation.canonical import Json, JsonObject, parse_exact

MAX_QUOTED = 200
"""Characters of a problem: a schema's message quotes what it is about."""

_SCHEMA = Draft202012Validator(json.loads(AVS_CONFIG_SCHEMA))


def unreadable(document: Mapping[str, Json]) -> tuple[Unreadable, ...]:
    """All for which a client would refuse the document, in the order of its members; empty where it reads it."""
    errors = tuple(_SCHEMA.iter_errors(document))
    found = [(tuple(error.instance_path), _sentence(error)) for error in errors] or list(_beyond_schema(document))
    return tuple(Unreadable(path, problem) for path, problem in sorted(found, key=lambda item: list(map(str, item[0]))))


def unreadable_bytes(content: bytes) -> tuple[Unreadable, ...]:
    """`unreadable` of the bytes of a document, read as a client reads them: every number exact."""
    return unreadable(parse_exact(content))


def _sentence(error: ValidationError) -> str:
    """What a schema found, as the end of a sentence."""
    problem = "it fits none of the shapes it may have" if error.kind.name == "anyOf" else error.message
    return problem if len(problem) <= MAX_QUOTED else f"{problem[:MAX_QUOTED]}…"


def _beyond_schema(document: Mapping[str, Json], at: Path = ()) -> Problems:
    """The problems that no JSON Schema says, of this document, the one it announces and the terms before it."""
    yield from _of_terms(document, at)
    governance = document.get("governance") or {}
    delivery, here = governance.get("delivery") or {}, (*at, "governance", "delivery")
    yield from _of_delivery(delivery, here)
    if following := delivery.get("next"):
        yield from _moment(following["effective_at"], (*here, "next", "effective_at"))
        yield from _beyond_schema(following["document"], (*here, "next", "document"))
    yield from _of_terms_before(governance.get("terms"), (*at, "governance", "terms"))


def _of_terms_before(terms: JsonObject | None, at: Path) -> Problems:
    while terms:
        yield from _moment(terms["since"], (*at, "since"))
        yield from _of_terms(terms["before"], (*at, "before"))
        terms, at = terms["before"].get("terms"), (*at, "before", "terms")


def _of_terms(terms: Mapping[str, Json], at: Path) -> Problems:
    """The problems of what decides about a customer's use: units, pools, rails and the price plan."""
    for index, unit in enumerate(terms["value_units"]):
        price, here = unit["unit_economics"]["target_price_per_unit_usd"], (*at, "value_units", index)
        yield from places_problem(price, PLACES, (*here, "unit_economics", "target_price_per_unit_usd"))
    known_ids = {unit["value_unit_id"] for unit in terms["value_units"]}
    for index, pool in enumerate(terms["pools"]):
        yield from _of_pool(pool, known_ids, (*at, "pools", index))
    yield from _of_rails(terms.get("rails") or {}, (*at, "rails"))
    yield from price_plan_problems(terms, at)


def _of_pool(pool: JsonObject, known_ids: set[str], at: Path) -> Problems:
    most = (pool.get("rollover") or {}).get("max_rollover_quantity")
    yield from places_problem(pool["included_quantity"], PLACES, (*at, "included_quantity"))
    yield from places_problem(most, PLACES, (*at, "rollover", "max_rollover_quantity"))
    if pool["value_unit_id"] not in known_ids:
        yield (*at, "value_unit_id"), f"{pool['value_unit_id']} is no value unit of this document"


def _of_rails(rails: JsonObject, at: Path) -> Problems:
    yield from places_problem(rails.get("monthly_spend_cap_usd"), PLACES, (*at, "monthly_spend_cap_usd"))
    for index, threshold in enumerate(rails.get("usage_thresholds") or ()):
        yield from places_problem(threshold.get("percent"), PERCENT_PLACES, (*at, "usage_thresholds", index, "percent"))
    for index, cap in enumerate(rails.get("absolute_usage_caps") or ()):
        name = next(name for name in ("max_quantity", "quantity", "cap", "limit") if name in cap)
        yield from places_problem(cap[name], PLACES, (*at, "absolute_usage_caps", index, name))


def _of_delivery(delivery: JsonObject, at: Path) -> Problems:
    for index, item in enumerate(delivery.get("threshold_scopes") or ()):
        yield from places_problem(item["percent"], PERCENT_PLACES, (*at, "threshold_scopes", index, "percent"))
    anchor = delivery.get("period_anchor")
    if anchor and anchor["kind"] == "fixed":
        yield from _moment(anchor["at"], (*at, "period_anchor", "at"))
    elif anchor and not is_time_zone(anchor["time_zone"]):
        yield (*at, "period_anchor", "time_zone"), f"{anchor['time_zone']!r} is not {TIME_ZONE_RULE}"


def _moment(text: str, at: Path) -> Problems:
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        yield at, f"{text!r} is a moment that there is not"
