"""Two decisions side by side: what differs in their configs and in their simulations (spec 6)."""

from decimal import Decimal

import pytest

from app.errors import AvsError
from app.models.base import AnySession
from app.models.transactions import write
from app.services.decisions import compare as decision_compare
from tests import factories as f
from tests.services.decided import decide


def test_comparison_marks_what_differs_and_shows_both_values(empty: AnySession) -> None:
    with write(empty):
        decide(empty, "cfg_1", later=0)
        pools = [f.CORE | {"included_quantity": Decimal(400)}]
        decide(empty, "cfg_2", later=10, pools=pools, exploration={"enabled": False})
    a, b = decision_compare.compared(empty, "dec_1", "dec_2")
    tables = decision_compare.diff_tables(empty, a, b)
    changed = {(name, row["item"], row["field"]) for name, rows in tables.items() for row in rows if row["changed"]}
    assert ("pools", "pool_core", "included_quantity") in changed
    assert ("pools", "pool_core", "label") not in changed
    assert ("exploration", "exploration", "enabled") in changed
    quantities = next(row for row in tables["pools"] if row["field"] == "included_quantity")
    assert (quantities["a"], quantities["b"]) == (300, 400)
    gone = next(row for row in tables["pools"] if (row["item"], row["field"]) == ("pool_exploration", "label"))
    assert (gone["a"], gone["b"]) == ("Exploration", None)
    rails = {row["field"] for row in tables["rails"]}
    assert {"usage_thresholds.70", "usage_thresholds.100", "margin_floor"} <= rails
    assert not any(row["changed"] for row in tables["rails"])
    assert {row["item"] for row in tables["unit_economics"]} == {"vu_draft_export", "vu_hd_minute"}


def test_comparison_of_simulations_subtracts_where_both_have_a_value(log: AnySession) -> None:
    a, b = decision_compare.compared(log, "dec_1", "dec_2")
    rows = {row["metric_id"]: row for row in decision_compare.simulation_comparison(a, b)}
    assert rows["margin"]["difference"] == Decimal("-0.2")
    assert rows["revenue_usd"] == {"metric_id": "revenue_usd", "a": 1, "b": 1, "difference": 0}


def test_runs_that_were_asked_differently_say_in_what(log: AnySession) -> None:
    a, b = decision_compare.compared(log, "dec_1", "dec_2")
    assert decision_compare.simulation_basis(a, b)["differs"] == []
    commitment = {"pricing_mode": "revenue_proxy_commit", "filters": {"segment": None}}
    b.simulation_run.inputs = b.simulation_run.inputs | commitment
    economics = {"pricing_mode": "use_unit_economics", "filters": {"segment": "smb"}}
    a.simulation_run.inputs = a.simulation_run.inputs | economics
    basis = decision_compare.simulation_basis(a, b)
    assert basis["differs"] == ["pricing_mode", "segment"]
    assert (basis["a"]["segment"], basis["b"]["segment"]) == ("smb", None)


def test_decisions_of_two_workspaces_are_not_compared(empty: AnySession) -> None:
    with write(empty):
        decide(empty, "cfg_1", later=0)
        f.workspace(empty, "ws_2")
        f.cycle(empty, "cycle_2", workspace_id="ws_2")
        unit = f.HD_MINUTE | {"value_unit_id": "vu_other"}
        f.snapshot(empty, "cycle_2", unit)
        pools = [f.CORE | {"value_unit_id": "vu_other"}]
        decide(
            empty,
            "cfg_2",
            later=1,
            workspace_id="ws_2",
            cycle_id="cycle_2",
            pools=pools,
            exploration={"enabled": False},
        )
    with pytest.raises(AvsError) as refusal:
        decision_compare.compared(empty, "dec_1", "dec_2")
    assert refusal.value.errors[0].pointer == "decision_id_b"
