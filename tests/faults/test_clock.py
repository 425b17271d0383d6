"""The machine's clock is set back two hours and forward a day: the decision made last is the latest everywhere."""

from simulation.canonical import JsonObject
from tests.faults.lumina import CANDIDATE, approve, config, simulate
from tests.faults.publishing import until_published
from tests.faults.running import Server

PRIOR = "cfg_smb_learning_prod_v1"
HOUR = 3600
REASON = {"approver_name": "Theresa", "approver_role": "CEO", "rationale": "Margin matters more."}


def roll_back(server: Server, config_version_id: str) -> JsonObject:
    answer = server.post(f"/api/configs/{config_version_id}/rollback", REASON)
    assert answer.status_code == 201, answer.text
    decision: JsonObject = answer.json()
    return decision


def assert_latest(server: Server, decision: JsonObject) -> None:
    """Its patch is its config's, it leads the log as active, and apps read its document."""
    decided = decision["config_version_id"]
    assert server.get(f"/api/billing-patch/{decided}").json()["billing_patch_id"] == decision["billing_patch_id"]
    newest, before, *_ = server.get("/api/decision-records", workspace_id=decision["workspace_id"]).json()["items"]
    assert (newest["decision_id"], newest["outcome_pill"]) == (decision["decision_id"], "active")
    assert before["outcome_pill"] == "rolled_back"
    document = config(server).json()
    assert document["governance"]["approval_ref"] == decision["decision_id"]


def test_the_latest_decision_is_shown_whatever_the_clock_said(server: Server) -> None:
    server.start()
    approved = approve(server, simulate(server).json()["simulation_run_id"])
    assert approved.status_code == 201, approved.text
    assert_latest(server, roll_back(server, PRIOR))
    decisions, waited = 2, 0.0
    for hours in (-2, 24, 0):
        server.stop()
        server.clock_off = hours * HOUR
        waited = max(waited, server.start())
        for version in (CANDIDATE, PRIOR):
            assert_latest(server, roll_back(server, version))
            until_published(server, version)
            decisions += 1
    print(f"clock: {decisions} decisions acknowledged, each the latest where it is shown, started in {waited:.1f} s")
