"""Opening events, and the small questions beside a simulation."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from simulation import engine
from simulation.documents import meter
from simulation.events import Event, event
from simulation.numbers import fits
from simulation.plan import Plan
from simulation.reference import simulate_reference
from simulation.result import ENGINE_VERSION, Dataset, Outputs, digest_of
from simulation.tally import BIN_EDGES
from simulation.window import Window
from tests.present import present
from tests.simulation.test_scenarios import SCENARIOS, load
from tests.simulation.worlds import arrow, columnar

DIGEST = "540ece25bfa44f482af8fddbc57cbd2821d0c486778d0762886d8bd7ebda6015"
LUMINA = next(path for path in SCENARIOS if path.stem == "lumina_prod_v2_against_v1")


def files(folder: Path, *groups: list[Event]) -> list[Path]:
    """One Parquet file per group, with the dimensions that the group has."""
    paths = [folder / f"{number}.parquet" for number in range(len(groups))]
    for path, group in zip(paths, groups, strict=True):
        pq.write_table(arrow(group), path)
    return paths


@pytest.fixture
def lumina() -> tuple[Plan, list[Event]]:
    plan, events, _ = load(LUMINA)
    return plan, events


def test_files_with_different_dimensions_are_read_together(lumina: tuple[Plan, list[Event]], tmp_path: Path) -> None:
    plan, events = lumina
    with engine.open_parquet(files(tmp_path, events[:2], events[2:4], events[4:]), threads=1) as table:
        assert engine.simulate(plan, table).canonical == simulate_reference(plan, events).canonical


def test_no_files_are_no_events(lumina: tuple[Plan, list[Event]]) -> None:
    plan, _ = lumina
    with engine.open_parquet([], threads=1, memory_limit="100MB") as table:
        assert engine.newest_ts(table) is None
        assert engine.simulate(plan, table).canonical == simulate_reference(plan, []).canonical


def test_files_that_repeat_events_are_deduplicated_on_request(lumina: tuple[Plan, list[Event]], tmp_path: Path) -> None:
    plan, events = lumina
    with engine.open_parquet(files(tmp_path, events, events), deduplicate=True) as table:
        assert engine.simulate(plan, table).canonical == simulate_reference(plan, events).canonical


def test_one_open_table_answers_many_questions_and_keeps_nothing(lumina: tuple[Plan, list[Event]]) -> None:
    plan, events = lumina
    with engine.open_arrow(arrow(events), threads=1) as table:
        answers = {engine.simulate(plan, table).content_hash for _ in range(3)}
        assert len(answers) == 1
        assert table.get_backend().con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == []


def test_the_answer_is_a_stable_document(lumina: tuple[Plan, list[Event]]) -> None:
    """Change the engine's version together with this digest: stored runs are compared by it."""
    plan, events = lumina
    found = columnar(plan, events)
    assert (ENGINE_VERSION, found.content_hash) == ("1.2.0", DIGEST)


def test_newest_ts_is_of_the_segment(lumina: tuple[Plan, list[Event]]) -> None:
    _, events = lumina
    later = replace(
        events[0], event_id="evt_x", segment="ai_video_enterprise", ts=datetime(2026, 2, 1, 0, 0, 0, 1, UTC)
    )
    with engine.open_arrow(arrow([*events, later]), threads=1) as table:
        assert engine.newest_ts(table) == later.ts
        assert engine.newest_ts(table, "ai_video_smb") == datetime(2026, 1, 5, 8, tzinfo=UTC)
        assert engine.newest_ts(table, "nobody") is None
        assert engine.newest_ts(table, until=later.ts) == later.ts
        assert engine.newest_ts(table, until=later.ts - timedelta(microseconds=1)) == datetime(
            2026, 1, 5, 8, tzinfo=UTC
        )
        assert engine.newest_ts(table, until=datetime(2025, 1, 1, tzinfo=UTC)) is None


def test_a_preview_counts_sums_and_shows_the_newest_events() -> None:
    start = datetime(2026, 4, 20, tzinfo=UTC)
    base = {"event_type": "render", "workspace_id": "ws_1", "customer_id": "cust_1", "segment": "smb"}
    rows = [
        event({**base, "event_id": f"evt_{n}", "ts": start + timedelta(hours=n), "minutes": Decimal(n) / 4})
        for n in range(5)
    ]
    mapping = {
        "event_type": "render",
        "aggregation": {"type": "sum", "field": "minutes"},
        "filters": {"segment": "smb"},
    }
    window = Window(datetime(2026, 5, 1, tzinfo=UTC), 30)
    with engine.open_arrow(arrow(rows), threads=1) as table:
        found = engine.meter_preview(meter(mapping), table, window, workspace_id="ws_1")
        nothing = engine.meter_preview(meter(mapping), table, window, workspace_id="ws_1", segment="other")
    assert (found.events, found.units) == (5, Decimal("2.5"))
    assert [sample["event_id"] for sample in found.samples] == ["evt_4", "evt_3", "evt_2"]
    assert found.samples[0]["ts"] == start + timedelta(hours=4)
    assert found.samples[0]["dimensions"] == {"minutes": "1"}
    assert (nothing.events, nothing.units, len(nothing.samples)) == (0, Decimal(0), 0)


@pytest.mark.parametrize("simulate", [simulate_reference, columnar])
def test_sums_beyond_the_exact_range_are_an_error_and_no_wrong_number(
    simulate: Callable[[Plan, Sequence[Event]], Outputs],
) -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "tokens"))
    unit = replace(plan.candidate.units[0], target_price_per_unit_usd=Decimal("99999999999999.999999999999"))
    dear = replace(plan, candidate=replace(plan.candidate, units=(unit,)))
    with pytest.raises(OverflowError, match=r"cfg_tokens: .* USD are too much"):
        simulate(dear, events)


def test_the_largest_quantities_and_finest_prices_stay_exact() -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "tokens"))
    unit = replace(plan.candidate.units[0], target_price_per_unit_usd=Decimal("0.000000000001"))
    large = replace(events[0], dimensions={"tokens": "99999999999999.999999999999"})
    fine = replace(plan, candidate=replace(plan.candidate, units=(unit,)))
    many = [replace(large, event_id=f"evt_{n}") for n in range(9_999)]
    assert columnar(fine, many).canonical == simulate_reference(fine, many).canonical
    assert present(columnar(fine, many).document["economics"]["candidate"])["revenue_usd"] == Decimal("999900")


def test_the_dearest_unit_is_billed_to_its_last_digit() -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "tokens"))
    pool = replace(plan.candidate.pools[0], included_quantity=Decimal(0))
    unit = replace(plan.candidate.units[0], target_price_per_unit_usd=Decimal("999999.999999999999"))
    dear = replace(plan, candidate=replace(plan.candidate, units=(unit,), pools=(pool,)))
    crumb = [replace(events[0], dimensions={"tokens": "0.000000000007"})]
    assert columnar(dear, crumb).canonical == simulate_reference(dear, crumb).canonical


def test_a_dataset_is_identified_by_what_its_files_hold_not_by_their_order() -> None:
    assert digest_of({"a": "1", "b": "2"}) == digest_of({"b": "2", "a": "1"}) != digest_of({"a": "2", "b": "1"})
    document = Dataset("usage_events", 0, None, digest_of({})).document()
    assert document["newest_ts"] is None
    assert document["engine_version"] == ENGINE_VERSION


def test_the_worst_twenty_are_ordered_by_increase_and_then_by_customer() -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "customer_impact"))
    calls = [
        replace(events[0], event_id=f"evt_{name}_{n}", customer_id=f"cust_{name:02}")
        for name in range(30)
        for n in range(1 + name // 10)
    ]
    found = columnar(plan, calls[::-1])
    assert found.canonical == simulate_reference(plan, calls).canonical
    assert [row["customer_id"] for row in found.document["customer_impact"]["worst_20"]] == [
        f"cust_{name}" for name in (*range(20, 30), *range(10, 20))
    ]


def test_the_first_twenty_at_a_threshold_are_ordered_by_period_and_then_by_customer() -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "thresholds"))
    days = [datetime(2026, 4, 10, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)]
    minutes = [
        replace(events[0], event_id=f"evt_{name}_{day}", customer_id=f"cust_{name:02}", ts=day)
        for name in range(30)
        for day in days[: 1 + name % 2]
    ]
    found = columnar(plan, minutes)
    assert found.canonical == simulate_reference(plan, minutes[::-1]).canonical
    threshold = found.document["enforcement_forecast"]["thresholds"][0]
    assert (threshold["customers"], threshold["by_period"]) == (30, [15, 15])
    assert [(row["period_index"], row["customer_id"]) for row in threshold["first_crossings"]] == [
        *((0, f"cust_{name:02}") for name in range(1, 30, 2)),
        *((1, f"cust_{name:02}") for name in range(0, 10, 2)),
    ]


def test_only_the_most_frequent_uncounted_values_are_listed_and_the_others_are_summed() -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "unmatched_usage"))
    renders = [
        replace(events[3], event_id=f"evt_{size}_{at}", dimensions={"resolution": f"{size:02}K", "minutes": "2"})
        for size in range(14)
        for at in range(1 + size % 3)
    ]
    types = [replace(events[0], event_id=f"evt_type_{at}", event_type=f"type_{at:02}") for at in range(23)]
    found = columnar(plan, [*renders, *types])
    assert found.canonical == simulate_reference(plan, [*types, *renders]).canonical
    row = found.document["unmatched_usage"]["mapped_event_types"][1]
    assert [value["events"] for value in row["values"]] == [3] * 4 + [2] * 5 + [1]
    assert row["values"][9]["values"] == {"mode": None, "resolution": "00K"}
    assert row["rest"] == {"combinations": 4, "events": 4, "quantities": [8]}
    assert len(found.document["unmatched_usage"]["other_event_types"]) == 20
    assert found.document["unmatched_usage"]["other_rest"] == {"event_types": 3, "events": 3}


@pytest.mark.parametrize(("unmatched", "is_risk"), [(1, False), (2, True)])
def test_more_than_a_twentieth_of_an_event_types_events_matching_no_unit_is_a_risk(
    unmatched: int, is_risk: bool
) -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "unmatched_usage"))
    hd, eight_k = events[0], replace(events[3], dimensions={"resolution": "8K"})
    rows = [replace(hd, event_id=f"evt_hd_{at}") for at in range(20 - unmatched)]
    rows += [replace(eight_k, event_id=f"evt_8k_{at}") for at in range(unmatched)]
    codes = [risk["code"] for risk in columnar(plan, rows).document["risks"]]
    assert ("usage_unmatched" in codes) is is_risk


def with_pools(count: int) -> tuple[Plan, list[Event]]:
    """The rollover scenario with so many pools on its unit, every other one for exploration."""
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "rollover_with_expiry_and_cap"))
    first = plan.candidate.pools[0]
    pools = tuple(
        replace(first, pool_id=f"pool_{at}", included_quantity=Decimal(at) / 4, is_exploration_pool=at % 2 == 0)
        for at in range(count)
    )
    exploration = replace(plan.candidate.exploration, enabled=True)
    return replace(plan, candidate=replace(plan.candidate, pools=pools, exploration=exploration)), events


@pytest.mark.parametrize("count", [8, 9, 16, 17, 50])
def test_any_number_of_pools_on_a_unit_gives_the_same_bytes(count: int) -> None:
    plan, events = with_pools(count)
    assert columnar(plan, events).canonical == simulate_reference(plan, events).canonical


def test_fifty_rollover_pools_on_a_unit_take_about_five_times_as_long_as_ten_and_not_twenty_five() -> None:
    def seconds(count: int) -> float:
        plan, events = with_pools(count)
        started = time.process_time()
        columnar(plan, events)
        return time.process_time() - started

    assert min(seconds(50) for _ in range(2)) < 12 * min(seconds(10) for _ in range(2))


CRUMB = Decimal("0.000000000001")
SIZES = [edge + crumb for edge in BIN_EDGES for crumb in (-CRUMB, 0, CRUMB)] + [CRUMB]


@pytest.mark.parametrize("price", [Decimal(1), Decimal("0.001")])
def test_a_bin_of_increases_begins_with_its_edge_nearer_to_zero_and_one_of_decreases_mirrors_it(price: Decimal) -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "spend_cap"))
    free, paid = (
        replace(plan.candidate, units=(replace(plan.candidate.units[0], target_price_per_unit_usd=usd),))
        for usd in (Decimal(0), price)
    )
    sizes = [size for size in SIZES if fits(size / price)]
    used = [
        replace(events[0], event_id=f"evt_{at}", customer_id=f"cust_{at}", dimensions={"minutes": f"{size / price:f}"})
        for at, size in enumerate(sizes)
    ]
    rising, falling = replace(plan, candidate=paid, baseline=free), replace(plan, candidate=free, baseline=paid)
    bins, mirrored = (columnar(asked, used).document["customer_impact"]["distribution"] for asked in (rising, falling))
    assert dict(bins[0]) == {"from_usd": 0, "to_usd": 0, "customers": 0}
    assert [row["customers"] for row in bins[1:]] == [
        sum(present(row["from_usd"]) <= size and (row["to_usd"] is None or size < row["to_usd"]) for size in sizes)
        for row in bins[1:]
    ]
    assert [(row["to_usd"], row["from_usd"], row["customers"]) for row in reversed(mirrored)] == [
        (_negative(row["from_usd"]), _negative(row["to_usd"]), row["customers"]) for row in bins
    ]
    for asked in (rising, falling):
        assert columnar(asked, used).canonical == simulate_reference(asked, used).canonical


def _negative(edge: Decimal | None) -> Decimal | None:
    return None if edge is None else -edge


def test_who_pays_the_same_to_the_last_digit_is_in_a_bin_of_their_own() -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "spend_cap"))
    document = columnar(replace(plan, baseline=plan.candidate), events).document
    assert list(map(dict, document["customer_impact"]["distribution"])) == [
        {"from_usd": 0, "to_usd": 0, "customers": 3}
    ]
    assert columnar(plan, events).document["customer_impact"]["distribution"] == []
    nobody = columnar(replace(plan, baseline=plan.candidate), [])
    assert nobody.document["customer_impact"]["distribution"] == []
