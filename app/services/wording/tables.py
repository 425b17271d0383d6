"""A diff as tables with the values before and after side by side, section by section (spec 7, flow 5A). Pure.

They are made from the later config document and its changes, so a stored decision shows what it decided even after the
records around it have changed.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.services.configs.diffs import SECTIONS, Change, same, sections
from app.services.wording.changes import Names, item_and_field, item_name, sentence, tokens
from app.services.wording.plan_labels import field_label, field_order
from app.services.wording.words import DAYS, SUFFIXES, difference_text, value_text
from simulation.canonical import Json, JsonObject

ADDED, REMOVED, CHANGED, UNCHANGED = "added", "removed", "changed", "unchanged"
TITLES: Mapping[str, str] = {
    "pools": "Pools",
    "exploration": "Exploration",
    "rails": "Rails",
    "pricing": "Pricing",
    "value_units": "Value units",
    "governance": "Governance",
}
KEYS: Mapping[str, str] = {"pools": "pool_id", "value_units": "value_unit_id"}
"""Section → the field that names its records: the heading shows it, no row does."""


@dataclass(frozen=True)
class Row:
    """A field on both sides as text, None where it is missing; `difference` is that of two numbers, else empty."""

    field: str
    label: str
    before: str | None
    after: str | None
    state: str
    difference: str


@dataclass(frozen=True)
class Group:
    """A record of a section: a pool, a unit, or the section itself (`item` is empty then)."""

    item: str
    title: str
    state: str
    changed: tuple[Row, ...]
    unchanged: tuple[Row, ...]


@dataclass(frozen=True)
class SectionTable:
    """A section with its records and a sentence for each change in it."""

    name: str
    title: str
    groups: tuple[Group, ...]
    sentences: tuple[str, ...]

    @property
    def changes(self) -> int:
        return len(self.sentences)

    @property
    def unchanged(self) -> int:
        """The number of rows that a reader may fold away."""
        return sum(len(group.unchanged) for group in self.groups)


def tables(document: Mapping[str, Json], changes: Iterable[Change], names: Names) -> list[SectionTable]:
    """The tables of all six sections, in the order of spec 5, for the later document and the changes that led to it."""
    rows = list(changes)
    after = sections(document)
    before = undone(after, rows)
    return [_section(name, before[name], after[name], rows, names) for name in SECTIONS]


def undone(after: Mapping[str, JsonObject], changes: Iterable[Change]) -> dict[str, JsonObject]:
    """The sections as they were before the changes."""
    before = copy.deepcopy(dict(after))
    for change in changes:
        *way, last = (change["section"], *tokens(change["path"]))
        parent = before
        for token in way:
            parent = parent.setdefault(token, {})
        if change["op"] == "add":
            parent.pop(last, None)
        else:
            parent[last] = change["before"]
    return before


def _section(name: str, before: JsonObject, after: JsonObject, changes: Iterable[Change], names: Names) -> SectionTable:
    old, new = _records(name, before), _records(name, after)
    return SectionTable(
        name=name,
        title=TITLES[name],
        groups=tuple(_group(name, item, old, new, names) for item in (new | old)),
        sentences=tuple(sentence(change, names) for change in _in_order(name, changes, [*(new | old)])),
    )


def _in_order(name: str, changes: Iterable[Change], items: list[str]) -> list[Change]:
    """The section's changes as its tables stand: pools as they are drawn from, fields as they are shown."""
    place = {item: at for at, item in enumerate(items)}
    own = [change for change in changes if change["section"] == name]

    def order(change: Change) -> tuple[int, tuple[int, int, str]]:
        item, field = item_and_field(name, tokens(change["path"]))
        return place.get(item, 0), field_order(field)

    return sorted(own, key=order)


def _records(name: str, section: JsonObject) -> dict[str, JsonObject]:
    """item → its fields; fields that belong to no record have the item `""`, which comes first."""
    if name in ("pools", "value_units"):
        return dict(section)
    if name == "pricing":
        own = {field: value for field, value in section.items() if field != "unit_economics"}
        return {"": own, **section.get("unit_economics", {})}
    return {"": section}


def _group(
    section: str, item: str, old: Mapping[str, JsonObject], new: Mapping[str, JsonObject], names: Names
) -> Group:
    rows = [row for row in _rows(old.get(item), new.get(item), names) if row.field != KEYS.get(section)]
    state = CHANGED if any(row.state != UNCHANGED for row in rows) else UNCHANGED
    if item not in old or item not in new:
        state = REMOVED if item in old else ADDED
    return Group(
        item=item,
        title=item_name(section, item, names),
        state=state,
        changed=tuple(row for row in rows if row.state != UNCHANGED),
        unchanged=tuple(row for row in rows if row.state == UNCHANGED),
    )


def _rows(before: JsonObject | None, after: JsonObject | None, names: Names) -> Iterator[Row]:
    old, new = dict(flat(before or {})), dict(flat(after or {}))
    old, new = _without_empty(old, new), _without_empty(new, old)
    for field in sorted(new | old, key=field_order):
        yield _row(field, old, new, names)


def _without_empty(fields: JsonObject, others: JsonObject) -> JsonObject:
    """The fields without each empty object that holds fields on the other side: they are rows, it is none."""
    filled = {name[: at + 1] for name in others for at, letter in enumerate(name) if letter == "."}
    return {name: value for name, value in fields.items() if value != {} or f"{name}." not in filled}


def _row(field: str, old: Mapping[str, Json], new: Mapping[str, Json], names: Names) -> Row:
    before, after = old.get(field), new.get(field)
    suffix = SUFFIXES.get(field, "")
    state = CHANGED if field in old and field in new else ADDED if field in new else REMOVED
    return Row(
        field=field,
        label=field_label(field, names) + ("" if suffix == DAYS or not suffix else f",{suffix}"),
        before=_text(field, before, names) if field in old else None,
        after=_text(field, after, names) if field in new else None,
        state=UNCHANGED if state == CHANGED and same(before, after) else state,
        difference=difference_text(field, before, after),
    )


def _text(field: str, value: Json, names: Names) -> str:
    text = value_text(field, value)
    named = field in ("value_unit_id", "exploration_pool_id") and text in names
    if named:
        return names[text]
    return text + DAYS if SUFFIXES.get(field) == DAYS and value is not None else text


def flat(fields: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Nested fields by dotted names: `rollover.enabled`, `usage_thresholds.70`; an empty object is a field itself."""
    for name, value in fields.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
