"""The differences between two config documents, for people (`changes`) and for programs (`json_patch`) (spec 5)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NotRequired, TypedDict

from rules.enums import DiffType
from simulation.canonical import Json, JsonObject

SECTIONS = ("pools", "exploration", "rails", "pricing", "value_units", "governance")


class Change(TypedDict):
    """A difference in a section; `op` is add, remove or replace, `path` a JSON pointer within the section."""

    section: str
    path: str
    op: str
    before: Json
    after: Json


class PatchStep(TypedDict):
    """An operation of a JSON Patch (RFC 6902): test, add, remove or replace; a removal has no value."""

    op: str
    path: str
    value: NotRequired[Json]


def diff(
    kind: DiffType, baseline_id: str | None, before: Mapping[str, Json] | None, after: Mapping[str, Json]
) -> JsonObject:
    """The DecisionRecord's diff from the baseline's config document (None: there was none) to the candidate's."""
    return {
        "type": kind.value,
        "baseline_config_version_id": baseline_id,
        "changes": list(changes(before or {}, after)),
        "json_patch": list(json_patch(before or {}, after)),
    }


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Change]:
    """The differences, section by section; lists compare by their items' keys, so another order is no change."""
    old, new = sections(before), sections(after)
    if "price_plan" in {**old["pricing"], **new["pricing"]}:  # a plan that comes or goes is told member by member
        plans = [side["pricing"].setdefault("price_plan", {}) for side in (old, new)]
        for name in ("unit_prices", "overrides"):
            if any(name in plan for plan in plans):
                for plan in plans:
                    plan.setdefault(name, {})
    for section in SECTIONS:
        yield from _changes(section, "", old[section], new[section])


def sections(document: Mapping[str, Json]) -> dict[str, JsonObject]:
    """A config document by the sections that operators know, lists turned to objects by their items' identifiers."""
    units = document.get("value_units", ())
    rails = dict(document.get("rails", {}))
    if "usage_thresholds" in rails:
        rails["usage_thresholds"] = {str(item["percent"]): item["action"] for item in rails["usage_thresholds"]}
    governance = {key: document[key] for key in ("north_star", "metric_lenses") if key in document}
    governance["delivery"] = dict(document.get("delivery", {}))
    if scopes := governance["delivery"].get("threshold_scopes"):
        governance["delivery"]["threshold_scopes"] = {str(item["percent"]): item["scope"] for item in scopes}
    return {
        "pools": {pool["pool_id"]: pool for pool in document.get("pools", ())},
        "exploration": dict(document.get("exploration", {})),
        "rails": rails,
        "pricing": _by_members(document.get("rating_agility", {}))
        | {"unit_economics": {unit["value_unit_id"]: unit["unit_economics"] for unit in units}},
        "value_units": {
            unit["value_unit_id"]: {key: value for key, value in unit.items() if key != "unit_economics"}
            for unit in units
        },
        "governance": governance | {"subject_resolution": document.get("subject_resolution", {})},
    }


def _by_members(agility: Mapping[str, Json]) -> JsonObject:
    """The price book, and the price plan where there is one, its prices by unit and its contracts by customer."""
    plan = agility.get("price_plan")
    return dict(agility) if plan is None else {**agility, "price_plan": _contract(plan)}


def _contract(contract: Mapping[str, Json]) -> JsonObject:
    keyed = dict(contract)
    for name, key in (("unit_prices", "value_unit_id"), ("overrides", "customer_id")):
        if name in keyed:
            items = [_contract(item) if name == "overrides" else item for item in keyed[name]]
            keyed[name] = {item[key]: {member: item[member] for member in item if member != key} for item in items}
    return keyed


def _changes(section: str, path: str, before: Json, after: Json) -> Iterator[Change]:
    if same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            here = f"{path}/{_escape(key)}"
            if key not in before:
                yield _change(section, here, "add", None, after[key])
            elif key not in after:
                yield _change(section, here, "remove", before[key], None)
            else:
                yield from _changes(section, here, before[key], after[key])
    else:
        yield _change(section, path, "replace", before, after)


def _change(section: str, path: str, op: str, before: Json, after: Json) -> Change:
    return {"section": section, "path": path, "op": op, "before": before, "after": after}


def json_patch(before: Json, after: Json, path: str = "") -> Iterator[PatchStep]:
    """The JSON Patch from `before` to `after`; a `test` of the old value precedes each removal and replacement.

    The tests make the patch refuse a wrong baseline and let `reversed_patch` undo it.
    """
    if same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            here = f"{path}/{_escape(key)}"
            if key not in after:
                yield {"op": "test", "path": here, "value": before[key]}
                yield {"op": "remove", "path": here}
            elif key not in before:
                yield {"op": "add", "path": here, "value": after[key]}
            else:
                yield from json_patch(before[key], after[key], here)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from json_patch(old, new, f"{path}/{index}")
    else:
        yield {"op": "test", "path": path, "value": before}
        yield {"op": "replace", "path": path, "value": after}


def reversed_patch(patch: Iterable[PatchStep]) -> list[PatchStep]:
    """The patch that leads back: applied to the candidate it gives the baseline."""
    undo: list[PatchStep] = []
    old: Json = None
    for step in patch:
        path = step["path"]
        match step["op"]:
            case "test":
                old = step["value"]
            case "add":
                undo[:0] = [{"op": "test", "path": path, "value": step["value"]}, {"op": "remove", "path": path}]
            case "remove":
                undo[:0] = [{"op": "add", "path": path, "value": old}]
            case "replace":
                undo[:0] = [
                    {"op": "test", "path": path, "value": step["value"]},
                    {"op": "replace", "path": path, "value": old},
                ]
    return undo


def same(before: Json, after: Json) -> bool:
    """Whether two values are the same JSON: Python's `==`, except that true is not 1 (a filter may hold either)."""
    return bool(before == after) and _same_truths(before, after)


def _same_truths(before: Json, after: Json) -> bool:
    """Whether two values that are equal to Python have true and false at the same places."""
    if isinstance(before, dict):
        return all(map(_same_truths, before.values(), [after[key] for key in before]))
    if isinstance(before, list):
        return all(map(_same_truths, before, after))
    return isinstance(before, bool) is isinstance(after, bool)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
