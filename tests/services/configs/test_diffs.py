"""Diffs say what changed and nothing else, and their patches lead there and back (spec 5)."""

import copy
import json
from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.configs.diffs import PatchStep, changes, diff, json_patch, reversed_patch
from rules.enums import DiffType
from simulation.canonical import Json, JsonObject, canonical_text

# RFC 6902, the four operations that our patches use


def applied(patch: Iterable[PatchStep], document: Json) -> Json:
    """The document after the patch; AssertionError when a `test` fails or a path is not there."""
    root = {"": copy.deepcopy(document)}
    for step in patch:
        parent, key = located(root, step["path"])
        match step["op"]:
            case "test":
                assert canonical_text(parent[key]) == canonical_text(step["value"])
            case "remove":
                del parent[key]
            case "replace":
                assert key in parent if isinstance(parent, dict) else key < len(parent)
                parent[key] = copy.deepcopy(step["value"])
            case "add":
                parent[key] = copy.deepcopy(step["value"])
    return root[""]


def located(root: Json, path: str) -> tuple[Json, Json]:
    """The container that a JSON pointer's last token is in, and that token."""
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")]
    parent = root
    for token in tokens[:-1]:
        parent = parent[int(token) if isinstance(parent, list) else token]
    return parent, int(tokens[-1]) if isinstance(parent, list) else tokens[-1]


def same(a: Json, b: Json) -> bool:
    return canonical_text(a) == canonical_text(b)


# Documents: arbitrary JSON, and configs

names = st.sampled_from(["a", "b", "resolution", "x/y", "x~y", "", "~1"])
scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.decimals(-2, 2, places=3) | st.sampled_from(["", "a"])
documents = st.dictionaries(
    names, st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
)
amounts = st.none() | st.decimals(0, 1000, places=12, allow_nan=False)
pools = st.fixed_dictionaries(
    {
        "label": st.sampled_from(["Core", "Pro"]),
        "value_unit_id": st.sampled_from(["vu_1", "vu_2"]),
        "included_quantity": amounts,
        "rollover": st.fixed_dictionaries({"enabled": st.booleans()}, optional={"expires_after_days": st.integers(1)}),
    }
)
units = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Minute", "Export"]),
        "event_mapping": st.fixed_dictionaries({"filters": st.dictionaries(names, scalars, max_size=2)}),
        "unit_economics": st.none() | st.fixed_dictionaries({"target_price_per_unit_usd": amounts}),
    }
)
actions = st.sampled_from(["warn", "throttle", "block"])


def keyed(items: dict[str, JsonObject], key: str) -> list[JsonObject]:
    return [item | {key: identifier} for identifier, item in items.items()]


@st.composite
def configs(draw: st.DrawFn) -> JsonObject:
    ids = st.sampled_from(["one", "two", "a/b", "c~d"])
    thresholds = draw(st.dictionaries(st.sampled_from([70, 90, 100, Decimal("95.5")]), actions))
    return {
        "subject_resolution": {"workspace_id": "ws_1", "segment": draw(ids)},
        "north_star": {"goal_type": draw(st.none() | st.just("revenue")), "primary_metrics": draw(st.lists(ids))},
        "value_units": keyed(draw(st.dictionaries(ids, units)), "value_unit_id"),
        "pools": keyed(draw(st.dictionaries(ids, pools)), "pool_id"),
        "exploration": {"enabled": draw(st.booleans()), "qualifying_events": draw(st.lists(ids, max_size=2))},
        "rails": {
            "usage_thresholds": [{"percent": percent, "action": action} for percent, action in thresholds.items()],
            "margin_floor": draw(amounts),
        },
        "rating_agility": {"price_book_ref": draw(st.none() | ids)},
        "metric_lenses": draw(st.lists(ids, max_size=2)),
    }


@st.composite
def reordered(draw: st.DrawFn, document: JsonObject) -> JsonObject:
    """A config with its pools, units and thresholds in another order."""
    rails = document["rails"]
    return document | {
        "pools": draw(st.permutations(document["pools"])),
        "value_units": draw(st.permutations(document["value_units"])),
        "rails": rails | {"usage_thresholds": draw(st.permutations(rails["usage_thresholds"]))},
    }


# Properties


@given(documents, documents)
def test_the_patch_leads_from_before_to_after_and_back(before: JsonObject, after: JsonObject) -> None:
    patch = list(json_patch(before, after))
    assert same(applied(patch, before), after)
    assert same(applied(reversed_patch(patch), after), before)


@given(configs(), configs())
def test_the_patch_of_two_configs_leads_there_and_back(before: JsonObject, after: JsonObject) -> None:
    patch = list(json_patch(before, after))
    assert same(applied(patch, before), after)
    assert same(applied(reversed_patch(patch), after), before)


@given(st.none() | configs(), configs())
def test_a_patch_survives_being_stored_as_json(before: JsonObject | None, after: JsonObject) -> None:
    document = diff(DiffType.UPDATE, "cfg_1", before, after)
    stored = json.loads(canonical_text(document), parse_float=Decimal)
    assert same(applied(stored["json_patch"], before or {}), after)


@given(documents)
def test_nothing_changed_means_an_empty_patch(document: JsonObject) -> None:
    assert list(json_patch(document, copy.deepcopy(document))) == []


@given(st.data(), configs())
def test_a_reordering_is_no_change(data: st.DataObject, document: JsonObject) -> None:
    assert list(changes(document, data.draw(reordered(document)))) == []


@given(st.data(), configs(), configs())
def test_the_order_of_lists_makes_no_difference_to_the_changes(
    data: st.DataObject, before: JsonObject, after: JsonObject
) -> None:
    assert same(list(changes(before, after)), list(changes(data.draw(reordered(before)), data.draw(reordered(after)))))


@given(configs(), configs())
def test_turning_the_comparison_around_turns_each_change_around(before: JsonObject, after: JsonObject) -> None:
    opposite = {"add": "remove", "remove": "add", "replace": "replace"}
    turned = [
        row | {"op": opposite[row["op"]], "before": row["after"], "after": row["before"]}
        for row in changes(after, before)
    ]
    assert same(list(changes(before, after)), turned)


@given(configs(), configs())
def test_no_changes_are_reported_exactly_when_all_that_is_enforced_is_equal(
    before: JsonObject, after: JsonObject
) -> None:
    def sorted_lists(document: JsonObject) -> JsonObject:
        rails = document["rails"]
        return document | {
            "pools": sorted(document["pools"], key=lambda pool: pool["pool_id"]),
            "value_units": sorted(document["value_units"], key=lambda unit: unit["value_unit_id"]),
            "rails": rails | {"usage_thresholds": sorted(rails["usage_thresholds"], key=lambda item: item["percent"])},
        }

    assert (list(changes(before, after)) == []) == same(sorted_lists(before), sorted_lists(after))


# Examples


CONFIG: JsonObject = {
    "subject_resolution": {"segment": "smb"},
    "value_units": [
        {"value_unit_id": "vu_1", "name": "Minute", "unit_economics": {"target_price_per_unit_usd": Decimal("0.6")}}
    ],
    "pools": [{"pool_id": "pool_core", "included_quantity": Decimal(5)}],
    "exploration": {"enabled": False},
    "rails": {"usage_thresholds": [{"percent": 70, "action": "warn"}]},
    "rating_agility": {"price_book_ref": "book"},
    "metric_lenses": [],
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"pools": [{"pool_id": "pool_core", "included_quantity": 6}]}, ("pools", "/pool_core/included_quantity")),
        ({"exploration": {"enabled": True}}, ("exploration", "/enabled")),
        ({"rails": {"usage_thresholds": [{"percent": 70, "action": "block"}]}}, ("rails", "/usage_thresholds/70")),
        ({"rating_agility": {"price_book_ref": "other"}}, ("pricing", "/price_book_ref")),
        ({"metric_lenses": ["depth"]}, ("governance", "/metric_lenses")),
        ({"subject_resolution": {"segment": "big"}}, ("governance", "/subject_resolution/segment")),
    ],
)
def test_each_change_stands_in_its_section(change: JsonObject, expected: tuple[str, str]) -> None:
    (row,) = changes(CONFIG, CONFIG | change)
    assert (row["section"], row["path"], row["op"]) == (*expected, "replace")


def test_a_new_price_is_pricing_and_a_new_name_is_value_units() -> None:
    unit = CONFIG["value_units"][0]
    renamed = unit | {"name": "HD minute", "unit_economics": {"target_price_per_unit_usd": Decimal("0.7")}}
    rows = list(changes(CONFIG, CONFIG | {"value_units": [renamed]}))
    assert [(row["section"], row["path"]) for row in rows] == [
        ("pricing", "/unit_economics/vu_1/target_price_per_unit_usd"),
        ("value_units", "/vu_1/name"),
    ]


def test_true_and_one_are_different_values() -> None:
    """They are equal to Python, but not to the customer app that reads the JSON."""
    assert [step["op"] for step in json_patch({"x": True}, {"x": 1})] == ["test", "replace"]


def test_the_same_amount_written_differently_is_no_change() -> None:
    assert (
        list(changes({"rails": {"margin_floor": Decimal("0.680")}}, {"rails": {"margin_floor": Decimal("0.68")}})) == []
    )


def test_a_patch_refuses_a_baseline_it_was_not_made_for() -> None:
    patch = list(json_patch({"a": 1}, {"a": 2}))
    with pytest.raises(AssertionError):
        applied(patch, {"a": 3})
