"""Flow 4B: what the page shows of a run, and what can be taken along."""

import csv
import json
import re
from decimal import Decimal
from io import StringIO
from typing import Any, Unpack

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import viewing
from app.models.base import db
from app.models.product_event import ProductEvent
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.services.authoring import config_parts
from app.services.authoring.inputs import RailsInput
from rules.enums import HistoricalWindow
from simulation.canonical import canonical_text, parse_exact
from tests import factories as f
from tests.answers import json_of
from tests.present import present
from tests.services import review_runs as r

PATH = "/configs/cfg_1/review"
LIMITS = ["70 % warn", "90 % throttle", "100 % block", "cap require approval"]


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    client = sqlite_app.test_client()
    r.prepared(client)
    db.session.remove()
    return client


def run(config_version_id: str = "cfg_1", **changes: Any) -> str:
    run_id = r.simulated(config_version_id, **changes).simulation_run_id
    db.session.remove()
    return run_id


def change_rails(**changes: Unpack[RailsInput]) -> None:
    with write(db.session):
        config_parts.put_rails(db.session, "cfg_1", r.RAILS | changes, actor=f.OPERATOR, now=f.NOW)
    db.session.remove()


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def figures_of(page: str) -> dict[str, Any]:
    """The figures that the page carries as data."""
    found = re.findall(r'<script type="application/json" id="[^"]+">(.*?)</script>', page, re.DOTALL)
    return {figure["name"]: figure for figure in map(json.loads, found)}


def test_the_page_leads_with_figures_and_findings_in_words(operator: FlaskClient) -> None:
    run()
    said = text_of(operator.get(PATH).text)
    assert "Revenue $10.80 before $6.00 +$4.80" in said
    assert "Gross margin 46.7 % before 4 % +42.7 pp" in said.replace("gross_margin", "Gross margin")
    assert "Margin is below the floor of 68 % in every period" in said
    assert "Core changes most: $4.80 more revenue and the same cost" in said
    assert "no revenue to 20 %" in said.replace("→ ", "")


def test_verdict_risks_and_what_stops_approval_stand_before_the_first_picture(operator: FlaskClient) -> None:
    run()
    page = text_of(operator.get(PATH).text)
    order = [
        "Revenue rises by $4.80 (80 %) to $10.80",
        "Headline",
        "Risks",
        "Blocking issues",
        "Economics by value unit",
    ]
    places = [page.index(words) for words in order]
    assert places[1] < places[0] < places[2] < places[3] < page.index("Margin is below the floor of 68 %") < places[4]


def test_every_picture_stands_over_its_table_and_its_download(operator: FlaskClient) -> None:
    run_id = run()
    page = operator.get(PATH).text
    assert list(figures_of(page)) == ["periods", "pools", "bill-change", "limits"]
    bills, limits = ("bill-change", "bill-distribution", "customers"), ("limits", "crossings", "first-crossings")
    for name in ("periods", "pools", *bills, *limits, "units", "breakdown"):
        assert f'href="{PATH}/{name}.csv?run={run_id}"' in page
        assert operator.get(f"{PATH}/{name}.csv?run={run_id}").mimetype == "text/csv"


def test_floor_and_cap_are_lines_with_their_value(operator: FlaskClient) -> None:
    run()
    figures = figures_of(operator.get(PATH).text)
    margin, cap = figures["periods"]["panels"][2], figures["limits"]["panels"][-1]
    assert (margin["shapes"][0]["y0"], margin["annotations"][-1]["text"]) == (68, "floor 68 %")
    assert (cap["shapes"][0]["x0"], cap["annotations"][-1]["text"]) == (8, "cap $8.00")


def test_the_histogram_has_a_bar_for_each_bin_and_lines_at_the_percentiles(operator: FlaskClient) -> None:
    run()
    (panel,) = figures_of(operator.get(PATH).text)["bill-change"]["panels"]
    (bars,) = panel["traces"]
    assert (bars["y"][0], bars["y"][-1], sum(bars["y"])) == (1, 1, 2)
    assert (bars["hovertext"][0], bars["hovertext"][-1]) == ("no change: 1 customer", "+$2.00 to +$5.00: 1 customer")
    assert (bars["marker"]["color"][0], set(bars["marker"]["color"][1:])) == ("--baseline", {"--accent"})
    named = {name: at for name, at in zip(panel["xaxis"]["ticktext"], panel["xaxis"]["tickvals"], strict=True) if name}
    assert named == {"$0": 0.5, "+$0.01": 2, "+$0.10": 5, "+$1": 8, "+$5": 10}
    assert [line["x0"] for line in panel["shapes"]] == [0.5, 0.5, pytest.approx(9 + 2.8 / 3)]
    assert [name["text"] for name in panel["annotations"]] == ["p5, median<br>$0.00", "p95<br>+$4.80"]


def test_who_crosses_when_stands_beside_who_crosses_at_all(operator: FlaskClient) -> None:
    run()
    reached, by_period, _ = figures_of(operator.get(PATH).text)["limits"]["panels"]
    assert reached["yaxis"]["ticktext"] == by_period["yaxis"]["ticktext"] == LIMITS
    assert reached["traces"][1]["x"] == [2, 1, 1, 1]
    assert [trace["x"] for trace in by_period["traces"]] == [[1, 1, 1, 0], [1, 0, 0, 1]]
    assert by_period["traces"][1]["text"][3] == "1 in period 2"


def test_a_run_recorded_without_bins_and_crossings_shows_its_percentiles_and_totals(operator: FlaskClient) -> None:
    run_id = run()
    with write(db.session):
        recorded = db.session.get_one(SimulationRun, run_id)
        outputs = parse_exact(canonical_text(recorded.outputs))
        del outputs["customer_impact"]["distribution"]
        for limit in (*outputs["enforcement_forecast"]["thresholds"], outputs["enforcement_forecast"]["spend_cap"]):
            del limit["by_period"], limit["first_crossings"]
        recorded.outputs = outputs
    db.session.remove()
    page = operator.get(PATH).text
    figures = figures_of(page)
    assert [panel["title"] for panel in figures["bill-change"]["panels"]] == [
        "Change of a bill over the window, USD",
        "Customers",
    ]
    assert [panel["title"] for panel in figures["limits"]["panels"]] == [
        "Customers who reach it",
        "Largest bill in a period",
    ]
    assert "5 percentiles" not in page
    assert "crossings.csv" not in page
    assert operator.get(f"{PATH}/first-crossings.csv?run={run_id}").text == "limit,customer_id,period,days\r\n"


def test_figures_name_tokens_and_no_colours(operator: FlaskClient) -> None:
    run()
    data = json.dumps(figures_of(operator.get(PATH).text))
    assert set(re.findall(r'"color": "([^"]+)"', data)) <= {
        "--accent",
        "--accent-line",
        "--accent-soft",
        "--bad",
        "--baseline",
        "--ink",
        "--ink-soft",
    }


def test_where_one_number_serves_there_is_no_chart(operator: FlaskClient) -> None:
    run(window=HistoricalWindow.DAYS_30, baseline=None)
    page = operator.get(PATH).text
    assert list(figures_of(page)) == ["limits"]
    assert "how bills change is not measured" in page
    assert "Core brings 100 % of the revenue" in page


def test_a_name_cannot_break_out_of_the_data(operator: FlaskClient) -> None:
    with write(db.session):
        config_parts.update_pool(
            db.session, "cfg_1", "pool_core", {"label": "</script><b>x"}, actor=f.OPERATOR, now=f.NOW
        )
    db.session.remove()
    run()
    page = operator.get(PATH).text
    assert "</script><b>" not in page
    ticks = figures_of(page)["pools"]["panels"][0]["yaxis"]["ticktext"]
    assert ticks == ["</script><b>x"]


def test_a_csv_has_exact_numbers_and_keeps_formulas_from_running(operator: FlaskClient) -> None:
    with write(db.session):
        config_parts.update_pool(db.session, "cfg_1", "pool_core", {"label": "=1+1"}, actor=f.OPERATOR, now=f.NOW)
    db.session.remove()
    run_id = run()
    answer = operator.get(f"{PATH}/pools.csv?run={run_id}")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{run_id}.pools.csv"'
    (row,) = csv.DictReader(StringIO(answer.text))
    assert row["label"] == "'=1+1"
    assert (row["baseline_revenue_usd"], row["candidate_revenue_usd"]) == ("6", "10.8")
    assert row["candidate_margin"] == "0.466667"


@pytest.mark.parametrize(
    "path", ["/nothing.csv?run={run}", "/pools.csv?run=sim_none", "/pools.csv", "?run=sim_none", "?run="]
)
def test_what_is_not_there_is_not_found(operator: FlaskClient, path: str) -> None:
    run_id = run()
    assert operator.get(PATH + path.format(run=run_id)).status_code == 404


def test_usage_that_no_unit_counts_stands_with_its_values_and_what_would_count_it(operator: FlaskClient) -> None:
    r.used_in(operator, "8K", minutes=96)
    run()
    page = operator.get(PATH).text
    said = text_of(page)
    assert "1 of 4 events of video_render_completed (96 of 128 output_minutes) matches no unit." in said
    assert "production 8K 1 96" in said
    assert "?unit=vu_hd_minute#event_mapping.filters" in page
    assert "usage unmatched" in said


def test_when_all_usage_counts_the_page_says_that_too(operator: FlaskClient) -> None:
    run()
    assert "Every event of the types that this version's units map is counted." in text_of(operator.get(PATH).text)


def test_the_button_leads_to_approval_or_names_what_stops_it(operator: FlaskClient) -> None:
    run()
    page = operator.get(PATH).text
    assert '<a class="button primary" href="/configs/cfg_1/approve">Continue to approval</a>' in page
    change_rails(at_cap_action=None)
    run()
    page = operator.get(PATH).text
    assert re.search(r'<button type="submit" class="button primary"[^>]*disabled[^>]*>Continue to approval', page)
    assert '<span class="why" id="why"><a href="/configs/cfg_1/rails#at_cap_action">' in page
    assert "2 items stop approval" in page


def test_a_change_since_the_run_is_a_warning(operator: FlaskClient) -> None:
    run_id = run()
    assert 'id="stale"' not in operator.get(PATH).text
    change_rails(monthly_spend_cap_usd=Decimal(9))
    page = operator.get(PATH).text
    assert "has changed since this run" in page
    assert f"/configs/cfg_1/simulate?like={run_id}" in page


def test_earlier_runs_can_be_chosen(operator: FlaskClient) -> None:
    first, second = sorted((run(), run(baseline=None)))
    page = operator.get(PATH).text
    assert f'href="{PATH}?run={first}"' in page
    assert 'id="earlier"' not in page
    earlier = operator.get(f"{PATH}?run={first}").text
    assert "This is an earlier run" in earlier
    assert f'href="{PATH}?run={second}"' in earlier


def test_what_makes_the_run_reproducible_can_be_copied(operator: FlaskClient) -> None:
    run_id = run()
    page = operator.get(PATH).text
    command = "avs simulate cfg_1 --window 60 --baseline cfg_0 --pricing-mode use_unit_economics"
    assert f'data-copy="{command} --as-of 2026-01-15T00:00:00Z"' in page
    state = json_of(operator.get(f"/api/simulations/{run_id}"))
    for value in (state["dataset"]["digest"], state["candidate_content_hash"]):
        assert f'data-copy="{value}"' in page


def test_looking_is_logged_with_the_run(operator: FlaskClient) -> None:
    run_id = run()
    operator.get(PATH)
    viewing().write()
    db.session.rollback()
    (event,) = db.session.scalars(sa.select(ProductEvent).filter_by(event_name="review_viewed"))
    assert (event.entity_id, event.detail["simulation_run_id"]) == ("cfg_1", run_id)


def test_without_a_run_the_page_says_what_will_be_here(operator: FlaskClient) -> None:
    page = operator.get(PATH).text
    assert "has completed" in page
    assert '<a class="button primary" href="/configs/cfg_1/simulate">Continue to simulation</a>' in page


def test_a_decided_version_is_looked_at_and_forked(operator: FlaskClient) -> None:
    run_id = run("cfg_0")
    page = operator.get(f"/configs/cfg_0/review?run={run_id}").text
    assert 'action="/configs/cfg_0/pools/fork"' in page
    assert "Blocking issues" not in page


def test_the_chart_library_comes_from_this_server_and_is_kept(operator: FlaskClient) -> None:
    run()
    address = present(re.search(r'<script defer src="(/admin/assets/plotly[^"]+)"', operator.get(PATH).text))[1]
    assert re.fullmatch(r"/admin/assets/plotly-basic-\d+\.\d+\.\d+\.min\.js", address)
    with operator.get(address) as answer:
        assert answer.mimetype == "text/javascript"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    with operator.get(address, headers={"If-None-Match": answer.headers["ETag"]}) as unchanged:
        assert unchanged.status_code == 304


def test_the_policy_of_the_page_is_that_of_every_other(operator: FlaskClient) -> None:
    run()
    policy = operator.get(PATH).headers["Content-Security-Policy"]
    assert policy == operator.get("/configs").headers["Content-Security-Policy"]
    assert "unsafe" not in policy


def test_the_page_says_whether_the_dataset_has_changed_since(operator: FlaskClient) -> None:
    run()
    assert "The events that it covers are still the same." in text_of(operator.get(PATH).text)
    event = {
        "event_id": "late",
        "ts": "2026-01-05T00:00:00Z",
        "event_type": "video_render_completed",
        "workspace_id": f.WORKSPACE,
        "customer_id": "cust_1",
        "segment": f.SEGMENT,
    }
    assert operator.post("/api/usage-events", json=[event]).status_code == 202
    said = text_of(operator.get(PATH).text)
    assert "has changed since: +1 event in its window. Simulate again." in said
    assert "It has changed since: +1 event in its window." in said
    assert "Nothing stops approval." in said
