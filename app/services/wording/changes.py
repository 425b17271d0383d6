"""A plain sentence for each change of a diff, which operators read before they approve (spec 5 and 7, flow 5A).

Pure.
"""

from collections.abc import Callable, Iterable, Mapping

from app.services.configs.diffs import Change
from app.services.wording.plan_labels import field_label
from app.services.wording.words import SUFFIXES, value_text
from rules.amounts import price_text, quantity_text
from rules.enums import AggregationType
from rules.wording import words
from simulation.canonical import Json

Names = Mapping[str, str]
"""pool_id or value_unit_id → the name that operators gave it."""
Describe = Callable[[Mapping[str, Json], Names], str]
"""A record of a section → its description."""

SECTION_NAMES: Mapping[str, str] = {
    "exploration": "Exploration",
    "rails": "Rails",
    "pricing": "Pricing",
    "governance": "Governance",
}
"""The sections that hold no list of records, as sentences name them."""


def names_of(*documents: Mapping[str, Json]) -> dict[str, str]:
    """The names that config documents give to their pools and units; of two documents the later one wins."""
    names: dict[str, str] = {}
    for document in documents:
        names |= {unit["value_unit_id"]: unit["name"] for unit in document.get("value_units", ())}
        names |= {pool["pool_id"]: pool["label"] for pool in document.get("pools", ())}
    return names


def sentences(changes: Iterable[Change], names: Names) -> list[str]:
    """One sentence for each change, in their order: `Core pool: included 0 → 300 per customer and 30 days`."""
    return [sentence(change, names) for change in changes]


def sentence(change: Change, names: Names) -> str:
    """The sentence for a change: `Core pool: included 0 → 300 per customer and 30 days`."""
    item, field = item_and_field(change["section"], tokens(change["path"]))
    subject = item_name(change["section"], item, names)
    if not field:
        return _whole(change, subject, names)
    before, after = _value(field, change["before"], names), _value(field, change["after"], names)
    what, suffix = field_label(field, names), SUFFIXES.get(field, "")
    match change["op"], change["before"], change["after"]:
        case "add", _, None:
            return f"{subject}: {what} left open"
        case "add", _, _:
            return f"{subject}: {what} set to {after}{suffix}"
        case "remove", _, _:
            return f"{subject}: {what} {before} taken away"
        case _, None, _:
            return f"{subject}: {what} set to {after}{suffix}"
        case _, _, None:
            return f"{subject}: {what} no longer set, was {before}{suffix}"
    return f"{subject}: {what} {before} → {after}{suffix}"


def tokens(path: str) -> list[str]:
    """The keys of a JSON pointer."""
    return [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:]]


def item_name(section: str, item: str, names: Names) -> str:
    """The name of a section's item for people: `Core pool`, `Usable HD minute`; without an item `Rails`."""
    if section == "pools":
        label = names.get(item, item)
        return label if label.lower().endswith("pool") else f"{label} pool"
    return names.get(item, item) if item else SECTION_NAMES.get(section, section)


def item_and_field(section: str, path: list[str]) -> tuple[str, str]:
    """The id of the item that a path leads to, and the dotted field in it; no field means the whole item."""
    if section in ("pools", "value_units"):
        return path[0] if path else "", ".".join(path[1:])
    if section == "pricing" and path[:1] == ["unit_economics"] and len(path) > 1:
        return path[1], ".".join(path[2:])
    return "", ".".join(path) or section


def _value(field: str, value: Json, names: Names) -> str:
    if field.endswith("workspace_id") and value is not None:
        return "this one"  # a subject never leaves its workspace, and the page says which that is
    named = field in ("value_unit_id", "exploration_pool_id") and isinstance(value, str)
    return names.get(value, value) if named else value_text(field, value)


def _whole(change: Change, subject: str, names: Names) -> str:
    """The sentence for a record that is added, removed or replaced as a whole."""
    describe = _DESCRIPTIONS.get(change["section"], _fields)
    before, after = _described(describe, change["before"], names), _described(describe, change["after"], names)
    match change["op"]:
        case "add":
            return f"{subject} added: {after}"
        case "remove":
            return f"{subject} removed: it had {before}"
    return f"{subject}: {before} → {after}"


def _described(describe: Describe, record: Json, names: Names) -> str:
    if isinstance(record, Mapping) and record:
        return describe(record, names)
    return value_text("", record)


def _pool(pool: Mapping[str, Json], names: Names) -> str:
    quantity, unit = pool.get("included_quantity"), pool.get("value_unit_id")
    amount = "an open amount of" if quantity is None else f"{quantity_text(quantity)} ×"
    beyond = value_text("overage_behavior", pool.get("overage_behavior"))
    kind = ", for exploration" if pool.get("is_exploration_pool") else ""
    return f"{amount} {names.get(unit or '', unit)} included per customer and 30 days{kind}, beyond that {beyond}"


def _economics(economics: Mapping[str, Json], _: Names) -> str:
    price, cost = economics.get("target_price_per_unit_usd"), economics.get("avg_cost_per_unit_usd")
    margin = value_text("target_margin", economics.get("target_margin"))
    earned, spent = (value_text("", None) if item is None else price_text(item) for item in (price, cost))
    confidence = value_text("economics_confidence", economics.get("economics_confidence"))
    return f"price {earned}, cost {spent} per unit, target margin {margin}, confidence {confidence}"


def _unit(unit: Mapping[str, Json], _: Names) -> str:
    return f"a value unit: {counted_text(unit.get('event_mapping') or {})}"


def counted_text(mapping: Mapping[str, Json]) -> str:
    """An event mapping, or a meter: `sum of output_minutes over video_render_completed where resolution is HD`.

    A plain count is `each draft_export_created`; a sum that takes another field off says so: `sum of input_tokens less
    cached_tokens over llm_call`.
    """
    aggregation, filters = mapping.get("aggregation") or {}, mapping.get("filters") or {}
    how = " of ".join(filter(None, (words(aggregation.get("type") or ""), aggregation.get("field"))))
    how += f" less {aggregation['minus']}" if aggregation.get("minus") else ""
    where = " and ".join(f"{name} is {value_text(name, value)}" for name, value in filters.items())
    counted = "each " if how == AggregationType.COUNT else f"{how or 'nothing'} over "
    return f"{counted}{mapping.get('event_type') or 'no event'}{' where ' if where else ''}{where}"


def _fields(record: Mapping[str, Json], _: Names) -> str:
    return value_text("", record)


_DESCRIPTIONS: Mapping[str, Describe] = {"pools": _pool, "pricing": _economics, "value_units": _unit}
"""Section → the description of one of its records."""
