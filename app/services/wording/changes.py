"""A plain sentence for each change of a diff: what an operator reads before approving (spec 5 and 7, flow 5A).

Pure, over the rows `{section, path, op, before, after}` of `app.services.configs.diffs`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from app.services.wording.words import SUFFIXES, label_text, money_text, quantity_text, value_text

Json = Any
Names = Mapping[str, str]
"""pool_id or value_unit_id → the name that operators gave it."""

SUBJECTS: Mapping[str, str] = {
    "exploration": "Exploration",
    "rails": "Rails",
    "pricing": "Pricing",
    "governance": "Governance",
}
"""What a change is about where the section holds no list of records."""


def names_of(*documents: Mapping[str, Json]) -> dict[str, str]:
    """The names that config documents give to their pools and units; of two documents the later one wins."""
    found: dict[str, str] = {}
    for document in documents:
        found |= {unit["value_unit_id"]: unit["name"] for unit in document.get("value_units", ())}
        found |= {pool["pool_id"]: pool["label"] for pool in document.get("pools", ())}
    return found


def sentences(changes: Iterable[Mapping[str, Json]], names: Names) -> list[str]:
    """One sentence for each change, in their order: `Core pool: included 0 → 300 per customer and 30 days`."""
    return [sentence(change, names) for change in changes]


def sentence(change: Mapping[str, Json], names: Names) -> str:
    subject, field = _split(change["section"], tokens(change["path"]), names)
    if not field:
        return _whole(change, subject, names)
    before, after = (_value(field, change[side], names) for side in ("before", "after"))
    what, suffix = label_text(field), SUFFIXES.get(field, "")
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


def subject_name(section: str, item: str, names: Names) -> str:
    """`Core pool`, `Usable HD minute`, `Rails`: whom a section's item is to an operator."""
    if section == "pools":
        label = names.get(item, item)
        return label if label.lower().endswith("pool") else f"{label} pool"
    return names.get(item, item) if item else SUBJECTS.get(section, section)


def _split(section: str, path: list[str], names: Names) -> tuple[str, str]:
    """Whom a change is about, and the dotted field within; the field is empty when all of the record came or went."""
    if section in ("pools", "value_units"):
        return subject_name(section, path[0] if path else "", names), ".".join(path[1:])
    if section == "pricing" and path[:1] == ["unit_economics"] and len(path) > 1:
        return subject_name(section, path[1], names), ".".join(path[2:])
    return subject_name(section, "", names), ".".join(path) or section


def _value(field: str, value: Json, names: Names) -> str:
    named = field in ("value_unit_id", "exploration_pool_id") and isinstance(value, str)
    return names.get(value, value) if named else value_text(field, value)


def _whole(change: Mapping[str, Json], subject: str, names: Names) -> str:
    """A record that came, went or was replaced as a whole."""
    about = {"pools": _pool, "pricing": _economics, "value_units": _unit}.get(change["section"], _fields)
    before, after = (_about(about, change[side], names) for side in ("before", "after"))
    match change["op"]:
        case "add":
            return f"{subject} added: {after}"
        case "remove":
            return f"{subject} removed: it had {before}"
    return f"{subject}: {before} → {after}"


def _about(describe: Any, record: Json, names: Names) -> str:
    if isinstance(record, Mapping) and record:
        return str(describe(record, names))
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
    price_text, cost_text = (value_text("", None) if item is None else money_text(item) for item in (price, cost))
    confidence = value_text("economics_confidence", economics.get("economics_confidence"))
    return f"price {price_text}, cost {cost_text} per unit, target margin {margin}, confidence {confidence}"


def _unit(unit: Mapping[str, Json], _: Names) -> str:
    return f"a value unit that counts {counted_text(unit.get('event_mapping') or {})}"


def counted_text(mapping: Mapping[str, Json]) -> str:
    """An event mapping, or a meter: `sum of output_minutes over video_render_completed where resolution is HD`."""
    aggregation, filters = mapping.get("aggregation") or {}, mapping.get("filters") or {}
    how = " of ".join(str(aggregation[name]) for name in ("type", "field") if aggregation.get(name))
    where = " and ".join(f"{name} is {value_text(name, value)}" for name, value in filters.items())
    return f"{how or 'nothing'} over {mapping.get('event_type') or 'no event'}{' where ' if where else ''}{where}"


def _fields(record: Mapping[str, Json], _: Names) -> str:
    return value_text("", record)
