"""What a review says of a run: figures, sentences, tables, and how to get the run again."""

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from app.cli import avs
from app.errors import NotFound
from app.extensions import usage_events
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.services.authoring import config_parts, configs, unit_snapshots, value_units
from app.services.simulations import review_tables, review_titles
from app.services.simulations.review import Review, review, runs_of
from app.services.simulations.review_tables import TABLES
from rules.enums import HistoricalWindow, PricingMode
from simulation.canonical import JsonObject, canonical_text, parse_exact
from tests import factories as f
from tests.present import present
from tests.services import review_runs as r

D = Decimal


@pytest.fixture
def app_with_usage(sqlite_app: Flask) -> Flask:
    r.prepared(sqlite_app.test_client())
    return sqlite_app


@pytest.fixture
def candidate(app_with_usage: Flask) -> ConfigVersion:
    return db.session.get_one(ConfigVersion, "cfg_1")


def reviewed(config: ConfigVersion, simulation_run_id: str | None = None) -> Review:
    """The review of a config that has a completed run."""
    return present(review(db.session, config, usage_events().store, simulation_run_id, now=r.AS_OF))


def outputs_of(run: SimulationRun) -> JsonObject:
    """The outputs of a completed run."""
    return present(run.outputs)


def test_the_headline_shows_before_after_and_the_difference(candidate: ConfigVersion) -> None:
    r.simulated()
    found = reviewed(candidate)
    figures = {figure.name: (figure.before, figure.after, figure.change) for figure in found.headline}
    assert figures["revenue_usd"] == (6, D("10.8"), D("4.8"))
    assert figures["cost_usd"] == (D("5.76"), D("5.76"), 0)
    assert figures["gross_margin"] == (D("0.04"), D("0.466667"), D("0.426667"))
    assert figures["paid_engagement_retention_90d"] == (1, 1, 0)
    assert [figure.name for figure in found.lenses] == ["exploration_depth"]


def test_a_proxy_carries_its_method_and_a_measured_figure_none(candidate: ConfigVersion) -> None:
    r.simulated()
    methods = {figure.name: figure.method for figure in reviewed(candidate).headline}
    assert methods["gross_margin"] is None
    assert present(methods["paid_engagement_retention_90d"]).startswith("Proxy: of the customers")


def test_without_a_baseline_before_and_change_are_not_measured(candidate: ConfigVersion) -> None:
    r.simulated(baseline=None)
    for figure in reviewed(candidate).headline:
        assert (figure.before, figure.change) == (None, None)
        assert figure.after is not None


def test_a_margin_of_no_revenue_is_no_number(candidate: ConfigVersion) -> None:
    outputs = outputs_of(r.simulated())
    december = review_tables.periods(outputs).rows[0]
    columns = [column.name for column in review_tables.periods(outputs).columns]
    shown = dict(zip(columns, december, strict=True))
    assert (shown["baseline_margin"], shown["candidate_margin"], shown["margin_change"]) == (
        "no revenue",
        D("0.2"),
        "no revenue",
    )
    assert shown["revenue_change_usd"] == D("1.8")


def test_each_picture_says_its_finding(candidate: ConfigVersion) -> None:
    outputs = outputs_of(r.simulated())
    floor = reviewed(candidate).margin_floor
    assert floor == D("0.68")
    assert review_titles.periods(outputs, floor) == "Margin is below the floor of 68 % in every period"
    assert review_titles.pools(outputs) == "Core changes most: $4.80 more revenue and the same cost"
    assert review_titles.bill_changes(outputs) == (
        "The median bill stays the same; of 2 customers 0 pay less and 1 more"
    )
    assert review_titles.thresholds(outputs) == (
        "1 of 2 customers reaches 100 % of an allowance, the first in period 1; 1 above the cap of $8.00"
    )


def test_the_sentences_change_with_what_they_are_about(candidate: ConfigVersion) -> None:
    alone = outputs_of(r.simulated(baseline=None))
    assert review_titles.pools(alone) == "Core brings 100 % of the revenue"
    assert "not measured" in review_titles.bill_changes(alone)
    same = outputs_of(r.simulated("cfg_0", baseline="cfg_0"))
    assert review_titles.pools(same) == "No pool changes revenue or cost"
    assert review_titles.bill_changes(same) == "No bill changes: all 2 customers pay the same"
    demo = outputs_of(r.simulated(window=HistoricalWindow.MOCKED, as_of=None, segment=None))
    assert review_titles.bill_changes(demo) == "The only customer's bill rises by $3.00"
    january = outputs_of(r.simulated(window=HistoricalWindow.DAYS_30))
    assert review_titles.periods(january, D("0.68")) == "Margin falls below the floor of 68 % in period 1"
    with write(db.session):
        config_parts.put_rails(db.session, "cfg_1", r.RAILS | {"margin_floor": D("0.1")}, actor=f.OPERATOR, now=f.NOW)
    kept = outputs_of(r.simulated())
    assert review_titles.periods(kept, D("0.1")) == "Margin keeps the floor of 10 %: the lowest is 20 %, in period 1"
    assert review_titles.periods(kept, None) == "Margin lies between 20 % and 52 %; no floor is set"


def test_a_window_without_usage_is_said_to_be_empty(candidate: ConfigVersion) -> None:
    empty = outputs_of(r.simulated(segment=None, as_of=r.AS_OF.replace(year=2020)))
    assert review_titles.periods(empty, None) == "No revenue in any period, so there is no margin"
    assert review_titles.bill_changes(empty) == review_titles.NO_USAGE
    assert review_titles.thresholds(empty) == "No customer reaches 70 % of an allowance"


def test_the_tables_name_every_bin_and_who_crosses_which_limit_when(candidate: ConfigVersion) -> None:
    outputs = outputs_of(r.simulated())
    bins = review_tables.distribution(outputs).rows
    assert (bins[0], bins[-1], sum(int(str(row[2])) for row in bins)) == ((0, 0, 1), (2, 5, 1), 2)
    columns = [column.label for column in review_tables.crossings(outputs).columns]
    assert columns == ["Limit", "1: 2025-11-16 to 2025-12-16", "2: 2025-12-16 to 2026-01-15"]
    limits = ["70 % of a pool's allowance", "90 % of a pool's allowance", "100 % of a pool's allowance"]
    limits.append("above $8.00 in a period")
    counts = [(1, 1), (1, 0), (1, 0), (0, 1)]
    assert review_tables.crossings(outputs).rows == [(limits[at], *row) for at, row in enumerate(counts)]
    first = [row[:3] for row in review_tables.first_crossings(outputs).rows]
    assert first == [
        (limits[0], "cust_1", 1),
        (limits[0], "cust_2", 2),
        (limits[1], "cust_1", 1),
        (limits[2], "cust_1", 1),
        (limits[3], "cust_1", 2),
    ]


def test_how_many_are_the_first_to_cross_is_said_when_they_are_more_than_one(candidate: ConfigVersion) -> None:
    row = {"percent": 90, "customers": 5, "first_period": {"index": 1}, "by_period": [0, 3, 2]}
    forecast = {"thresholds": [row], "spend_cap": None, "customers_over_spend_cap": None}
    outputs = {"enforcement_forecast": forecast, "customer_impact": {"customers": 8}}
    said = review_titles.thresholds(outputs)
    assert said == "5 of 8 customers reach 90 % of an allowance, the first 3 in period 2"
    del row["by_period"]
    assert review_titles.thresholds(outputs).endswith("of an allowance, the first in period 2")


def test_every_table_has_a_cell_for_every_column(candidate: ConfigVersion) -> None:
    for run in (r.simulated(), r.simulated(baseline=None)):
        for make in TABLES:
            table = make(outputs_of(run))
            assert {len(row) for row in table.rows} <= {len(table.columns)}, table.name


def test_pools_of_one_side_only_are_absent_on_the_other(candidate: ConfigVersion) -> None:
    with write(db.session):
        config_parts.add_pool(
            db.session, "cfg_1", f.EXPLORATION_POOL | {"is_exploration_pool": False}, actor=f.OPERATOR, now=f.NOW
        )
    table = review_tables.pools(outputs_of(r.simulated()))
    new = dict(zip((column.name for column in table.columns), table.rows[1], strict=True))
    assert (new["label"], new["baseline_revenue_usd"], new["revenue_change_usd"]) == ("Exploration", "none", "")


def test_a_risk_leads_to_what_moves_its_figure(candidate: ConfigVersion) -> None:
    r.simulated()
    links = {risk.code: risk.deep_link for risk in reviewed(candidate).risks}
    assert links["margin_floor_violated"] == "/configs/cfg_1/pools"
    assert links["spend_cap_exceeded"] == "/configs/cfg_1/rails#monthly_spend_cap_usd"


def test_usage_that_no_unit_counts_is_said_with_what_would_count_it(
    candidate: ConfigVersion, sqlite_app: Flask
) -> None:
    r.used_in(sqlite_app.test_client(), "8K", minutes=96)
    r.simulated()
    found = reviewed(candidate)
    (uncounted,) = found.uncounted
    assert uncounted.says == ("1 of 4 events of video_render_completed (96 of 128 output_minutes) matches no unit.")
    assert [(way.label, way.deep_link) for way in uncounted.ways] == [
        (
            "Widen a filter of Usable HD minute",
            "/cycles/cycle_1/value-units?unit=vu_hd_minute#event_mapping.filters",
        ),
        (
            "Map it by a new unit",
            "/cycles/cycle_1/value-units?unit=new&event_type=video_render_completed#event_mapping",
        ),
    ]
    links = {risk.code: risk.deep_link for risk in found.risks}
    assert links["usage_unmatched"] == "/cycles/cycle_1/value-units?unit=vu_hd_minute#event_mapping.filters"


def test_usage_of_a_unit_without_a_pool_is_said_and_is_no_risk(candidate: ConfigVersion, sqlite_app: Flask) -> None:
    with write(db.session):
        eight_k = f.HD_MINUTE | {"value_unit_id": "vu_8k_minute", "name": "8K minute", "cycle_id": f.CYCLE}
        eight_k["event_mapping"] = present(f.HD_MINUTE["event_mapping"]) | {"filters": {"resolution": "8K"}}
        value_units.create_value_unit(db.session, eight_k, actor=f.OPERATOR, now=f.NOW)
        version = unit_snapshots.submit_snapshot(db.session, f.CYCLE, actor=f.OPERATOR, now=f.NOW).snapshot_version
        configs.update_config(db.session, "cfg_1", {"value_unit_snapshot_version": version}, **f.WHO)
    r.used_in(sqlite_app.test_client(), "8K", minutes=96)
    r.simulated()
    found = reviewed(candidate)
    (uncounted,) = found.uncounted
    assert uncounted.says.endswith("matches only units that no pool counts.")
    assert [(way.label, way.deep_link) for way in uncounted.ways] == [("Give 8K minute a pool", "/configs/cfg_1/pools")]
    assert "usage_unmatched" not in {risk.code for risk in found.risks}


def test_blocking_issues_of_the_run_that_were_mended_since_are_told_apart(candidate: ConfigVersion) -> None:
    with write(db.session):
        config_parts.put_rails(db.session, "cfg_1", r.RAILS | {"at_cap_action": None}, actor=f.OPERATOR, now=f.NOW)
    r.simulated()
    before = reviewed(candidate)
    assert [finding.code for finding in before.blocking] == [
        "rails_at_cap_action_missing",
        "simulation_blocking_issues",
    ]
    assert before.mended == []
    with write(db.session):
        config_parts.put_rails(db.session, "cfg_1", r.RAILS, actor=f.OPERATOR, now=f.NOW)
    after = reviewed(candidate)
    assert [issue["code"] for issue in after.mended] == ["rails_at_cap_action_missing"]
    assert "rails_at_cap_action_missing" not in [finding.code for finding in after.blocking]


def test_a_run_is_stale_once_the_config_has_changed_and_keeps_only_the_floor_it_violated(
    candidate: ConfigVersion,
) -> None:
    r.simulated()
    assert not reviewed(candidate).is_stale
    with write(db.session):
        config_parts.put_rails(db.session, "cfg_1", r.RAILS | {"margin_floor": D("0.1")}, actor=f.OPERATOR, now=f.NOW)
    found = reviewed(candidate)
    assert (found.is_stale, found.margin_floor) == (True, D("0.68"))
    r.simulated()
    with write(db.session):
        config_parts.put_rails(db.session, "cfg_1", r.RAILS, actor=f.OPERATOR, now=f.NOW)
    assert reviewed(candidate).margin_floor is None


def test_an_earlier_run_can_be_reviewed_and_says_that_it_is_not_the_latest(candidate: ConfigVersion) -> None:
    runs = sorted((r.simulated(), r.simulated(baseline=None)), key=lambda run: run.simulation_run_id)
    assert reviewed(candidate).run is runs[1]
    earlier = reviewed(candidate, runs[0].simulation_run_id)
    assert (earlier.run is runs[0], earlier.is_latest) == (True, False)
    assert [run.simulation_run_id for run in runs_of(db.session, candidate)] == [
        run.simulation_run_id for run in reversed(runs)
    ]


def test_another_configs_run_is_not_reviewed_here(candidate: ConfigVersion) -> None:
    with pytest.raises(NotFound, match="simulation run of cfg_1"):
        review(db.session, candidate, usage_events().store, "sim_cfg_0", now=r.AS_OF)


def test_without_a_completed_run_there_is_no_review(candidate: ConfigVersion) -> None:
    assert review(db.session, candidate, usage_events().store, now=r.AS_OF) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"baseline": None, "segment": None},
        {"window": HistoricalWindow.MOCKED, "as_of": None},
        {"pricing_mode": PricingMode.REVENUE_PROXY_COMMIT, "include_exploration_in_results": False},
    ],
)
def test_the_command_it_shows_gives_the_same_bytes(app_with_usage: Flask, changes: dict[str, Any]) -> None:
    run = r.simulated(**changes)
    found = reviewed(db.session.get_one(ConfigVersion, "cfg_1"))
    program, *arguments = found.command.split()
    assert program == "avs"
    result = app_with_usage.test_cli_runner().invoke(avs, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    again = parse_exact(result.output)
    assert canonical_text(again["outputs"]) == canonical_text(run.outputs)
    assert canonical_text(again["inputs"]) == canonical_text(run.inputs)
