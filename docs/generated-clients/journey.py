"""Author, simulate, approve and enforce, with the client that openapi-python-client generates from this API.

Run: python journey.py http://127.0.0.1:5000 [the API token, where the server has one]
"""

import sys
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from avs_api import AuthenticatedClient, Client
from avs_api.api.configs import create_config
from avs_api.api.decisions import approve, get_decision
from avs_api.api.enforcement_events import send_enforcement_events
from avs_api.api.runtime import get_runtime_config
from avs_api.api.simulations import simulate
from avs_api.models import (
    Action,
    ApproveBody,
    AvsConfig,
    ConfigBody,
    Decided,
    DecisionDetail,
    EnforcementReceipt,
    MockedWindow,
    OverageBehavior,
    PoolBody,
    Problem,
    RailsBodyPatch,
    RailWarningShownEvent,
    Simulation,
    SimulationBody,
    Stage,
    TargetEnvironment,
    ThresholdContext,
    UsageThresholdBody,
)
from avs_api.models.config import Config

Server = AuthenticatedClient | Client
WORKSPACE, CYCLE, SEGMENT = "ws_1049", "cycle_2026_01_prod_90d", "ai_video_smb"
UNIT = "vu_usable_hd_minute"


def author(client: Server) -> Config:
    """A draft: ten HD minutes a period, a warning at 80 percent."""
    body = ConfigBody(
        workspace_id=WORKSPACE,
        cycle_id=CYCLE,
        segment=SEGMENT,
        stage=Stage.SCALING,
        target_environment=TargetEnvironment.SANDBOX,
        config_name="Ten minutes",
        price_book_ref="usd_2026_01_default",
        metric_lenses=["exploration_depth"],
        pools=[
            PoolBody(
                label="Core", value_unit_id=UNIT, included_quantity=10, overage_behavior=OverageBehavior.ALLOW_OVERAGE
            )
        ],
        rails=RailsBodyPatch(
            usage_thresholds=[UsageThresholdBody(percent=80, action=Action.WARN)],
            monthly_spend_cap_usd=500,
            at_cap_action=Action.REQUIRE_APPROVAL,
            margin_floor=0,
        ),
    )
    config = create_config.sync(client=client, body=body, idempotency_key="ten-minutes")
    if not isinstance(config, Config):
        raise SystemExit(refused(config))
    return config


def simulated(client: Server, config: Config) -> Simulation:
    """What the draft would have done to the usage of the demo."""
    body = SimulationBody(
        candidate_config_version_id=config.config_version_id, historical_window_days=MockedWindow.MOCKED
    )
    run = simulate.sync(client=client, body=body)
    if not isinstance(run, Simulation) or run.outputs is None:
        raise SystemExit(refused(run))
    amounts = run.outputs.economics.candidate
    print("revenue", None if amounts is None else amounts.revenue_usd, "USD")
    return run


def approved(client: Server, config: Config, run: Simulation) -> Decided:
    """The decision to let it take effect now."""
    body = ApproveBody(
        config_version_id=config.config_version_id,
        simulation_run_id=run.simulation_run_id,
        effective_at=run.created_at,  # in the past: at once
        approver_name="Ada",
        approver_role="Founder",
        rationale="Ten minutes are enough to see what they are worth.",
    )
    answer = approve.sync_detailed(client=client, body=body)
    if not isinstance(answer.parsed, Decided):
        raise SystemExit(refused(answer.parsed))
    print("decided at", answer.headers["Location"], "in request", answer.headers["X-Request-Id"])
    return answer.parsed


def enforced(client: Server, config: Config) -> AvsConfig:
    """The document that the customer app holds customers to; asked again, it has not changed."""
    ask = partial(
        get_runtime_config.sync_detailed,
        client=client,
        workspace_id=WORKSPACE,
        segment=SEGMENT,
        stage=Stage.SCALING,
        target_environment=TargetEnvironment.SANDBOX,
    )
    first = ask()
    if not isinstance(first.parsed, AvsConfig):
        raise SystemExit(refused(first.parsed))
    again = ask(if_none_match=first.headers["ETag"])
    if again.status_code != HTTPStatus.NOT_MODIFIED or first.parsed.config_version_id != config.config_version_id:
        raise SystemExit(f"Expected the config just decided and 304, not {again.status_code}")
    return first.parsed


def reported(client: Server, document: AvsConfig) -> EnforcementReceipt:
    """What the app tells back: a customer reached the first threshold."""
    threshold, pool = document.rails.usage_thresholds[0], document.pools[0]
    event = RailWarningShownEvent(
        enforcement_event_id="evt_first_warning",
        workspace_id=WORKSPACE,
        customer_id="cust_1",
        config_version_id=document.config_version_id,
        occurred_at=datetime.now(UTC),
        event_type="rail_warning_shown",
        context=ThresholdContext(
            percent=threshold.percent,
            action=threshold.action,
            value_unit_id=pool.value_unit_id,
            used_quantity=pool.included_quantity * threshold.percent / 100,
        ),
    )
    receipt = send_enforcement_events.sync(client=client, body=[event])
    if not isinstance(receipt, EnforcementReceipt):
        raise SystemExit(refused(receipt))
    return receipt


def refused(answer: object) -> str:
    """Why the server did not do what it was asked for."""
    if not isinstance(answer, Problem):
        return f"No answer that is known: {answer!r}"
    findings = [] if not answer.findings else [finding.message for finding in answer.findings]
    return "\n".join([f"{answer.code}: {answer.detail}", *findings])


def main() -> None:
    url, *token = sys.argv[1:]
    client: Server = AuthenticatedClient(url, token[0]) if token else Client(url)
    config = author(client)
    decision = approved(client, config, simulated(client, config))
    receipt = reported(client, enforced(client, config))
    detail = get_decision.sync(client=client, decision_id=decision.decision_id)
    if not isinstance(detail, DecisionDetail):
        raise SystemExit(refused(detail))
    print("accepted", receipt.accepted, "event; of the decision", detail.evidence.events)


if __name__ == "__main__":
    main()
