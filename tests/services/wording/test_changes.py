"""Every change of a diff reads as one plain sentence, and as one row between what stood and what stands (spec 5)."""

from decimal import Decimal

import pytest
from hypothesis import given

from app.services.configs.diffs import Change, changes, same, sections
from app.services.wording.changes import counted_text, names_of, sentence, sentences
from app.services.wording.tables import ADDED, CHANGED, REMOVED, UNCHANGED, SectionTable, tables, undone
from app.services.wording.words import difference_text, value_text
from rules.amounts import price_text, quantity_text, share_text
from rules.labels import label_text
from simulation.canonical import Json, JsonObject
from tests.services.configs.test_diffs import configs

UNIT: JsonObject = {
    "value_unit_id": "vu_hd",
    "name": "Usable HD minute",
    "event_mapping": {
        "event_type": "video_render_completed",
        "filters": {"resolution": "HD"},
        "aggregation": {"type": "sum", "field": "output_minutes"},
    },
    "metrics_intent": [{"metric_id": "gross_margin", "expected_impact": "positive"}],
    "quality_signal_source": ["csat"],
    "unit_economics": {
        "avg_cost_per_unit_usd": Decimal("0.18"),
        "target_price_per_unit_usd": Decimal("0.6"),
        "target_margin": Decimal("0.7"),
        "economics_confidence": "medium",
    },
}
POOL: JsonObject = {
    "pool_id": "pool_core",
    "label": "Core",
    "value_unit_id": "vu_hd",
    "included_quantity": 0,
    "rollover": {"enabled": False},
    "overage_behavior": "allow_overage",
    "is_exploration_pool": False,
}
BEFORE: JsonObject = {
    "subject_resolution": {"workspace_id": "ws_1", "segment": "smb", "stage": "learning"},
    "north_star": {"goal_type": "pmf_learning", "primary_metrics": ["gross_margin"], "narrative": None},
    "value_units": [UNIT],
    "pools": [POOL],
    "exploration": {"enabled": False, "expires_after_days": None, "exploration_pool_id": None},
    "rails": {
        "usage_thresholds": [{"percent": 70, "action": "warn"}],
        "monthly_spend_cap_usd": Decimal(600),
        "margin_floor": Decimal("0.68"),
    },
    "rating_agility": {"price_book_ref": "usd_2026"},
    "metric_lenses": [],
}


def said(after: JsonObject, before: JsonObject = BEFORE) -> list[str]:
    return sentences(changes(before, after), names_of(before, after))


def with_pool(**fields: Json) -> JsonObject:
    return BEFORE | {"pools": [POOL | fields]}


def with_aggregation(**fields: Json) -> JsonObject:
    mapping = UNIT["event_mapping"]
    return BEFORE | {
        "value_units": [UNIT | {"event_mapping": mapping | {"aggregation": mapping["aggregation"] | fields}}]
    }


def with_rails(**fields: Json) -> JsonObject:
    return BEFORE | {"rails": BEFORE["rails"] | fields}


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (with_pool(included_quantity=300), "Core pool: included 0 → 300 per customer and 30 days"),
        (with_pool(overage_behavior="hard_stop"), "Core pool: beyond the allowance allow overage → hard stop"),
        (with_pool(label="Studio pool"), "Studio pool: name Core → Studio pool"),
        (with_pool(rollover={"enabled": True}), "Core pool: rollover no → yes"),
        (
            with_pool(rollover={"enabled": False, "expires_after_days": 60}),
            "Core pool: rollover expires after set to 60 days",
        ),
        (with_rails(margin_floor=Decimal("0.705")), "Rails: margin floor 68 % → 70.5 %"),
        (with_aggregation(minus="idle_minutes"), "Usable HD minute: less the field set to idle_minutes"),
        (with_rails(margin_floor=None), "Rails: margin floor no longer set, was 68 %"),
        (
            with_rails(monthly_spend_cap_usd=Decimal(1200)),
            "Rails: monthly spend cap $600.00 → $1,200.00 per customer",
        ),
        (
            with_rails(usage_thresholds=[{"percent": 70, "action": "require_approval"}]),
            "Rails: at 70 % of the allowance warn → require approval",
        ),
        (with_rails(usage_thresholds=[]), "Rails: at 70 % of the allowance warn taken away"),
        (
            BEFORE | {"exploration": BEFORE["exploration"] | {"exploration_pool_id": "pool_core"}},
            "Exploration: paid from pool set to Core",
        ),
        (BEFORE | {"rating_agility": {"price_book_ref": "usd_2027"}}, "Pricing: price book usd_2026 → usd_2027"),
        (
            BEFORE | {"value_units": [UNIT | {"unit_economics": UNIT["unit_economics"] | {"target_margin": None}}]},
            "Usable HD minute: target margin no longer set, was 70 %",
        ),
        (
            BEFORE | {"value_units": [UNIT | {"quality_signal_source": ["csat", "manual_qa_pass"]}]},
            "Usable HD minute: quality signals csat → csat, manual_qa_pass",
        ),
        (
            BEFORE | {"north_star": BEFORE["north_star"] | {"goal_type": "market_share"}},
            "Governance: goal pmf learning → market share",
        ),
        (BEFORE | {"metric_lenses": ["exploration_depth"]}, "Governance: metric lenses none → exploration_depth"),
    ],
)
def test_a_changed_field_is_said_in_the_words_of_operators(after: JsonObject, sentence: str) -> None:
    assert said(after) == [sentence]


def test_a_pool_that_comes_or_goes_is_said_as_a_whole() -> None:
    pro = POOL | {"pool_id": "pool_pro", "label": "Pro", "included_quantity": 60, "overage_behavior": "throttle"}
    assert said(BEFORE | {"pools": [POOL, pro]}) == [
        "Pro pool added: 60 × Usable HD minute included per customer and 30 days, beyond that throttle"
    ]
    assert said(BEFORE | {"pools": []}) == [
        "Core pool removed: it had 0 × Usable HD minute included per customer and 30 days, beyond that allow overage"
    ]


def test_a_unit_that_comes_is_said_with_what_it_counts_and_what_it_earns() -> None:
    assert said(BEFORE, BEFORE | {"value_units": []}) == [
        "Usable HD minute added: price $0.60, cost $0.18 per unit, target margin 70 %, confidence medium",
        "Usable HD minute added: a value unit: sum of output_minutes over video_render_completed "
        "where resolution is HD",
    ]


def test_a_first_activation_says_everything_that_it_sets() -> None:
    lines = said(BEFORE, {})
    assert "Exploration: ends after left open" in lines
    assert "Rails: usage thresholds set to 70 % warn" in lines
    assert len(lines) == len(list(changes({}, BEFORE)))


def test_a_path_that_nobody_foresaw_still_reads_as_a_sentence() -> None:
    change: Change = {
        "section": "rails",
        "path": "/burst~1limit",
        "op": "replace",
        "before": {"per": 1},
        "after": [2, True],
    }
    assert sentence(change, {}) == "Rails: burst/limit per 1 → 2, yes"


@given(configs(), configs())
def test_every_change_has_one_sentence_on_one_line(before: JsonObject, after: JsonObject) -> None:
    rows = list(changes(before, after))
    lines = sentences(rows, names_of(before, after))
    assert len(lines) == len(rows)
    assert all(line and "\n" not in line for line in lines)


# The tables


@given(configs(), configs())
def test_the_sections_before_are_rebuilt_from_the_later_document_and_the_changes(
    before: JsonObject, after: JsonObject
) -> None:
    assert same(undone(sections(after), changes(before, after)), sections(before))


@given(configs(), configs())
def test_a_section_has_changed_rows_exactly_when_it_has_changes(before: JsonObject, after: JsonObject) -> None:
    rows = list(changes(before, after))
    for section in tables(after, rows, names_of(before, after)):
        assert section.changes == sum(row["section"] == section.name for row in rows)
        assert bool(section.changes) == any(group.state != UNCHANGED for group in section.groups)


def section(name: str, after: JsonObject, before: JsonObject = BEFORE) -> SectionTable:
    found = tables(after, changes(before, after), names_of(before, after))
    return next(table for table in found if table.name == name)


def test_a_changed_row_shows_both_sides_and_the_difference_and_folds_the_rest() -> None:
    (pool,) = section("pools", with_pool(included_quantity=300)).groups
    (row,) = pool.changed
    assert (row.label, row.before, row.after, row.state, row.difference) == (
        "included, per customer and 30 days",
        "0",
        "300",
        CHANGED,
        "+300",
    )
    assert "Usable HD minute" in [row.after for row in pool.unchanged]
    assert pool.state == CHANGED


def test_records_that_came_and_went_are_marked_as_such() -> None:
    other = POOL | {"pool_id": "pool_pro", "label": "Pro"}
    came, gone = section("pools", BEFORE | {"pools": [other]}).groups
    assert (came.title, came.state, {row.state for row in came.changed}) == ("Pro pool", ADDED, {ADDED})
    assert (gone.title, gone.state, {row.state for row in gone.changed}) == ("Core pool", REMOVED, {REMOVED})
    assert {row.before for row in came.changed} == {None}


def test_prices_stand_under_their_unit_after_the_price_book() -> None:
    cheaper = UNIT | {"unit_economics": UNIT["unit_economics"] | {"avg_cost_per_unit_usd": Decimal("0.1600000025")}}
    book, unit = section("pricing", BEFORE | {"value_units": [cheaper]}).groups
    assert (book.title, book.state) == ("Pricing", UNCHANGED)
    (row,) = unit.changed
    assert (unit.title, row.after, row.difference) == ("Usable HD minute", "$0.1600000025", "−$0.0199999975")


# The words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (price_text(Decimal("1234.5")), "$1,234.50"),
        (price_text(Decimal("0.0000025")), "$0.0000025"),
        (price_text(Decimal(-3)), "−$3.00"),
        (price_text(Decimal("-98765432109876543210.123456789012")), "−$98,765,432,109,876,543,210.123456789012"),
        (share_text(Decimal("0.6850")), "68.5 %"),
        (quantity_text(Decimal("-12000.50")), "−12,000.5"),
        (value_text("margin_floor", None), "not set"),
        (value_text("price_book_ref", "usd_2026_01"), "usd_2026_01"),
        (value_text("metrics_intent", []), "none"),
        (label_text("usage_thresholds.90"), "at 90 % of the allowance"),
        (label_text("event_mapping.filters.render_mode"), "only where render_mode is"),
        (difference_text("margin_floor", Decimal("0.7"), Decimal("0.679")), "−2.1 pp"),
        (difference_text("enabled", False, True), ""),
        (difference_text("included_quantity", None, 3), ""),
    ],
)
def test_figures_keep_every_place_and_their_unit(text: str, said: str) -> None:
    assert text == said


def test_a_sum_less_another_field_says_so() -> None:
    mapping = {"event_type": "call", "aggregation": {"type": "sum", "field": "input", "minus": "cached"}}
    assert counted_text(mapping) == "sum of input less cached over call"


def test_sentences_stand_in_the_order_in_which_pools_are_drawn_from() -> None:
    zeta, alpha = POOL | {"pool_id": "pool_z", "label": "Zeta"}, POOL | {"pool_id": "pool_a", "label": "Alpha"}
    gone = POOL | {"pool_id": "pool_0", "label": "Gone"}
    before = BEFORE | {"pools": [zeta, gone, POOL]}
    changed = [zeta | {"included_quantity": 9, "label": "Zeta 2"}, alpha, POOL | {"included_quantity": 5}]
    after = BEFORE | {"pools": changed}
    rows = list(changes(before, after))
    pools = tables(after, rows, names_of(before, after))[0]
    assert [text.partition(" pool")[0] for text in pools.sentences] == ["Zeta 2", "Zeta 2", "Alpha", "Core", "Gone"]
    assert [group.title for group in pools.groups] == ["Zeta 2 pool", "Alpha pool", "Core pool", "Gone pool"]
    assert set(pools.sentences) == set(sentences(rows, names_of(before, after)))
