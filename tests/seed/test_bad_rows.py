"""Every kind of bad row is refused with file, row and field, all at once, before anything is written."""

import json
from pathlib import Path

import pytest

from seed.loader import checked_files
from seed.problems import SeedError
from simulation.canonical import Json

DELETE = object()

BAD = [
    # a field that is not as its schema says
    ("configs.json", 3, "pools.0.included_quantity", -1, "pools[0].included_quantity: must be ≥ 0"),
    ("configs.json", 1, "pools.1.overage_behavior", "maybe", "pools[1].overage_behavior: 'maybe' is not one of: allow"),
    ("configs.json", 1, "pools.0.rollover.enabled", 1, "pools[0].rollover.enabled: must be true or false"),
    ("configs.json", 2, "pools.0.colour", "red", "pools[0].colour: is not a field here"),
    ("configs.json", 2, "rails.usage_thresholds.1.action", "shout", "rails.usage_thresholds[1].action: 'shout' is not"),
    ("configs.json", 2, "rails.margin_floor", "0.68", "rails.margin_floor: must be a number"),
    ("configs.json", 2, "rails.margin_floor", 2, "rails.margin_floor: must be ≤ 1"),
    ("configs.json", 2, "version", 1.5, "version: must be a whole number"),
    ("configs.json", 2, "version", True, "version: must be a number"),
    ("configs.json", 2, "exploration", None, "exploration: must not be null"),
    ("configs.json", 2, "stage", "growing", "stage: 'growing' is not one of: learning, scaling"),
    ("configs.json", 2, "config_version_id", "config_1", "config_version_id: must begin with 'cfg_' and go on"),
    ("workspaces.json", 1, "operator_role", "king", "operator_role: 'king' is not one of: founder, product_growth"),
    ("workspaces.json", 1, "created_at", "2026-01-01", "created_at: must be a UTC time such as 2026-01-15T00:00:00Z"),
    ("workspaces.json", 1, "created_at", "2026-02-30T00:00:00Z", "created_at: must be a UTC time"),
    ("workspaces.json", 1, "workspace_name", "  ", "workspace_name: must not be empty"),
    ("workspaces.json", 1, "workspace_name", "x" * 201, "workspace_name: must have at most 200 characters"),
    ("workspaces.json", 1, "workspace_name", 7, "workspace_name: must be a text"),
    ("workspaces.json", 1, "data_mode", DELETE, "data_mode: is required"),
    ("cycles.json", 1, "period_length_days", 120, "period_length_days: a production cycle lasts 90 days"),
    ("cycles.json", 1, "end_date", "2026-04-02T00:00:00Z", "end_date: must be period_length_days after start_date"),
    ("cycles.json", 1, "primary_metrics", ["gross_margin"] * 4, "primary_metrics: must have at most 3 items"),
    ("cycles.json", 1, "segments", [], "segments: must have at least 1 item"),
    ("cycles.json", 1, "segments", "ai_video_smb", "segments: must be a list"),
    ("value_units.json", 1, "unit_economics.avg_cost_per_unit_usd", -0.1, "avg_cost_per_unit_usd: must be ≥ 0"),
    ("value_units.json", 1, "unit_economics.target_price_per_unit_usd", 1e-13, "at most 12 decimal places"),
    ("value_units.json", 1, "event_mapping.aggregation", {"type": "sum"}, "aggregation.field: is required for sum"),
    ("value_units.json", 1, "event_mapping.filters", {"resolution": None}, "event_mapping.filters.resolution: must be"),
    ("value_unit_snapshots.json", 1, "value_units.0.name", DELETE, "value_units[0].name: is required"),
    ("usage_events.json", 2, "ts", "yesterday", "ts: must be a UTC time"),
    ("usage_events.json", 2, "event_id", "evt_1001", "event_id: 'evt_1001' stands in row 1 already"),
    ("simulation_runs.json", 1, "status", "done", "status: 'done' is not one of: queued, running, completed, failed"),
    ("simulation_runs.json", 1, "outputs", [], "outputs: must be an object"),
    ("simulation_runs.json", 1, "outputs", None, "outputs: is required for a completed run"),
    # a reference that leads nowhere, or to the wrong place
    ("customers.json", 1, "segment", "nobody", "segment: 'nobody' is not in segment_catalog.json"),
    ("cycles.json", 1, "workspace_id", "ws_0", "workspace_id: 'ws_0' is not in workspaces.json"),
    ("cycles.json", 1, "primary_metrics", ["joy"], "primary_metrics[0]: 'joy' is not in metric_catalog.json"),
    ("value_units.json", 1, "quality_signal_source", ["csat", "x"], "quality_signal_source[1]: 'x' is not in quality"),
    ("value_units.json", 2, "metrics_intent.0.metric_id", "joy", "metrics_intent[0].metric_id: 'joy' is not in metric"),
    ("value_units.json", 3, "event_mapping.event_type", "dream", "event_mapping.event_type: 'dream' is not in event"),
    ("value_units.json", 1, "event_mapping.filters.mood", "blue", "filters.mood: 'mood' is no dimension of video_rend"),
    ("value_units.json", 1, "event_mapping.aggregation.field", "joules", "'joules' is no dimension of video_render"),
    ("value_units.json", 3, "completeness_status", "green", "completeness_status: must be 'amber', as its content"),
    ("value_unit_snapshots.json", 1, "value_unit_ids", ["vu_x"], "value_unit_ids[0]: 'vu_x' is not in value_units"),
    ("value_unit_snapshots.json", 1, "workspace_id", "ws_2", "workspace_id: must be 'ws_1049', as its cycle says"),
    ("configs.json", 3, "pools.1.value_unit_id", "vu_x", "pools[1].value_unit_id: 'vu_x' is not in the snapshot"),
    ("configs.json", 3, "pools.1.pool_id", "pool_core", "pools[1].pool_id: 'pool_core' stands twice in this config"),
    ("configs.json", 3, "cycle_id", "cycle_x", "cycle_id: 'cycle_x' is not in cycles.json"),
    ("configs.json", 3, "value_unit_snapshot_version", 9, "cycle_2026_01_prod_90d has no snapshot 9"),
    ("configs.json", 3, "baseline_config_version_id", "cfg_x", "'cfg_x' is not in configs.json"),
    ("configs.json", 2, "baseline_config_version_id", "cfg_smb_learning_prod_v2_candidate", "leads back to itself"),
    ("configs.json", 3, "version", 1, "version: row 2 has the same workspace_id and segment and stage"),
    ("configs.json", 3, "status", "active", "status: row 2 has the same workspace_id and segment"),
    ("configs.json", 3, "metric_lenses", ["joy"], "metric_lenses[0]: 'joy' is not in metric_catalog.json"),
    ("configs.json", 1, "exploration.exploration_pool_id", "pool_core", "'pool_core' is no exploration pool of this"),
    (
        "configs.json",
        1,
        "exploration.qualifying_events",
        ["x"],
        "exploration.qualifying_events[0]: 'x' is not in event",
    ),
    ("simulation_runs.json", 1, "cycle_id", "cycle_x", "cycle_id: must be 'cycle_2026_01_prod_90d', as cfg_smb"),
    ("simulation_runs.json", 1, "candidate_config_version_id", "cfg_x", "'cfg_x' is not in configs.json"),
    ("billing_patches.json", 1, "config_version_id", "cfg_x", "config_version_id: 'cfg_x' is not in configs.json"),
    ("decision_records.json", 1, "simulation_run_id", "sim_prod_v1", "that run simulated cfg_smb_learning_prod_v1"),
    ("decision_records.json", 1, "billing_patch_id", "bp_x", "billing_patch_id: 'bp_x' is not in billing_patches.json"),
    ("decision_records.json", 1, "subject_resolution.stage", "scaling", "subject_resolution: must be {"),
    ("usage_events.json", 1, "customer_id", "cust_0", "customer_id: 'cust_0' is not in customers.json"),
    ("usage_events.json", 1, "event_type", "dream", "event_type: 'dream' is not in event_catalog.json"),
    ("usage_events.json", 1, "mood", "blue", "mood: is no dimension of video_render_completed"),
    ("usage_events.json", 1, "resolution", ["HD"], "resolution: must be a text, a number, true or false"),
]


@pytest.mark.parametrize(("file", "row", "path", "value", "message"), BAD)
def test_a_bad_row_is_named(directory: Path, file: str, row: int, path: str, value: Json, message: str) -> None:
    rows = json.loads((directory / file).read_text())
    put(rows[row - 1], path.split("."), value)
    (directory / file).write_text(json.dumps(rows))
    said = refusal(directory)
    assert [line for line in said if line.startswith(f"{file} row {row} ") and message in line], said


def test_an_active_config_without_an_active_decision_is_named(directory: Path) -> None:
    rows = json.loads((directory / "decision_records.json").read_text())
    rows[0]["status"] = "archived"
    (directory / "decision_records.json").write_text(json.dumps(rows))
    said = "status: an active config stands on one active decision, cfg_smb_learning_sandbox_v1 has 0"
    assert refusal(directory) == [f"configs.json row 1 {said}"]


def test_an_active_decision_for_an_archived_config_is_named(directory: Path) -> None:
    rows = json.loads((directory / "configs.json").read_text())
    rows[0]["status"] = "archived"
    (directory / "configs.json").write_text(json.dumps(rows))
    said = "status: an active decision needs an active or approved config, it is archived"
    assert refusal(directory) == [f"decision_records.json row 1 {said}"]


def test_the_untouched_seed_is_good(directory: Path) -> None:
    assert sum(map(len, checked_files(directory).rows.values())) == 37


def test_all_problems_of_all_files_are_told_at_once_in_order(directory: Path) -> None:
    for file, field in (("usage_events.json", "ts"), ("customers.json", "name"), ("workspaces.json", "data_mode")):
        rows = json.loads((directory / file).read_text())
        rows[0][field] = 5
        (directory / file).write_text(json.dumps(rows))
    assert refusal(directory) == [
        "workspaces.json row 1 data_mode: 5 is not one of: mocked, csv_upload, connectors_stub",
        "customers.json row 1 name: must be a text",
        "usage_events.json row 1 ts: must be a UTC time such as 2026-01-15T00:00:00Z",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cycles.json: the file is missing"),
        ("[{", "cycles.json line 1 column 3: is not JSON"),
        ('{"cycle_id": "cycle_x"}', "cycles.json: must hold a list of rows"),
        ('[{"cycle_id": NaN}]', "cycles.json: NaN is not a JSON number"),
        ("[7]", "cycles.json row 1: must be an object"),
    ],
)
def test_an_unreadable_file_is_the_only_thing_named(directory: Path, text: str | None, said: str) -> None:
    (directory / "cycles.json").unlink()
    if text is not None:
        (directory / "cycles.json").write_text(text)
    assert [line for line in refusal(directory) if not line.startswith(said)] == []


def test_numbers_are_read_exactly(directory: Path) -> None:
    text = (directory / "value_units.json").read_text()
    (directory / "value_units.json").write_text(text.replace("0.18", "0.000000150000"))
    unit = checked_files(directory).find("value_units.json", "vu_usable_hd_minute")
    assert unit is not None
    assert str(unit["unit_economics"]["avg_cost_per_unit_usd"]) == "1.50000E-7"


def put(target: Json, path: list[str], value: Json) -> None:
    """Set, or delete, what a dotted path leads to; digits are places in a list."""
    *way, last = path
    for step in way:
        target = target[int(step)] if isinstance(target, list) else target[step]
    if value is DELETE:
        del target[last]
    else:
        target[last] = value


def refusal(directory: Path) -> list[str]:
    with pytest.raises(SeedError) as refused:
        checked_files(directory)
    return str(refused.value).splitlines()
