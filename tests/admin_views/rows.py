"""A small workspace with one row of every table: a decided config, a draft, and what led to and followed from them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.models.base import AnySession
from app.models.billing_patch import BillingPatch
from app.models.catalog import Customer, EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog
from app.models.config_version import ConfigVersion, ExplorationRule, Pool, RailRule
from app.models.cycle import Cycle, CycleDraftContext, LearningLogEntry
from app.models.decision_record import DecisionRecord
from app.models.enforcement import EnforcementEvent, EnforcementRepeat
from app.models.product_event import ProductEvent
from app.models.runtime_config import RuntimeConfig
from app.models.simulation_run import SimulationRun
from app.models.usage import UsageImport
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.models.workspace import Workspace

NOW = datetime(2026, 1, 15, tzinfo=UTC)
SUBJECT = {"workspace_id": "ws_1", "segment": "smb", "stage": "learning", "target_environment": "production"}
MAPPING = {
    "event_type": "video_render_completed",
    "filters": {"resolution": "HD"},
    "aggregation": {"type": "sum", "field": "output_minutes"},
}
ACTIVE, DRAFT = "cfg_active", "cfg_draft"


def config(config_version_id: str, version: int, status: str) -> ConfigVersion:
    return ConfigVersion(
        config_version_id=config_version_id,
        **SUBJECT,
        cycle_id="cycle_1",
        version=version,
        status=status,
        value_unit_snapshot_version=1,
        price_book_ref="usd_2026",
        metric_lenses=["gross_margin"],
        content_hash="0" * 64,
        created_at=NOW,
        updated_at=NOW,
        pools=[
            Pool(
                pool_id="pool_core",
                label="Core",
                value_unit_id="vu_hd",
                included_quantity=Decimal("1234.5"),
                overage_behavior="allow_overage",
            )
        ],
        exploration=ExplorationRule(enabled=True, expires_after_days=30, qualifying_events=["labs_feature_used"]),
        rails=RailRule(
            usage_thresholds=[{"percent": 70, "action": "warn"}],
            monthly_spend_cap_usd=Decimal("650"),
            at_cap_action="require_approval",
            margin_floor=Decimal("0.68"),
        ),
    )


def enforcement_event(number: int, **values: Any) -> EnforcementEvent:
    return EnforcementEvent(
        **{
            "enforcement_event_id": f"enf_{number:06d}",
            "workspace_id": "ws_1",
            "customer_id": "cust_2001",
            "config_version_id": ACTIVE,
            "occurred_at": NOW,
            "event_type": "rail_warning_shown",
            "context": {"pool_id": "pool_core", "percent": 70},
            "received_at": NOW,
        }
        | values
    )


def workspace_rows() -> tuple[Any, ...]:
    unit = ValueUnitDefinition(
        value_unit_id="vu_hd",
        cycle_id="cycle_1",
        name="Usable HD minute",
        unit_type="quality_adjusted_outcome",
        event_mapping=MAPPING,
        outcome_statement="A minute that the customer keeps",
        metrics_intent=[{"metric_id": "gross_margin", "expected_impact": "positive"}],
        quality_signal_source=["csat"],
        avg_cost_per_unit_usd=Decimal("0.0000025"),
        target_price_per_unit_usd=Decimal("0.6"),
        target_margin=Decimal("0.7"),
        economics_confidence="medium",
        completeness_status="green",
        created_at=NOW,
        updated_at=NOW,
    )
    return (
        Workspace(workspace_id="ws_1", workspace_name="Lumina <Demo>", operator_role="founder", created_at=NOW),
        EventCatalog(event_type="video_render_completed", description="A render", dimensions=["resolution"]),
        EventCatalog(event_type="labs_feature_used", description="A lab", dimensions=["feature_name"]),
        MetricCatalog(metric_id="gross_margin", label="Gross margin", type="north_star"),
        MetricCatalog(metric_id="exploration_depth", label="Exploration depth", type="lens"),
        QualitySignalCatalog(signal_id="csat", label="CSAT", source="in_app_prompt"),
        SegmentCatalog(segment_id="smb", label="Small business"),
        Customer(customer_id="cust_2001", name="Pioneer Studio", segment="smb"),
        Cycle(
            cycle_id="cycle_1",
            workspace_id="ws_1",
            cycle_name="January",
            cycle_type="production",
            period_length_days=90,
            goal_type="pmf_learning",
            primary_metrics=["gross_margin"],
            segments=["smb"],
            start_date=NOW,
            created_at=NOW,
            updated_at=NOW,
        ),
        CycleDraftContext(
            cycle_draft_context_id="ctx_1", workspace_id="ws_1", pasted_text="Grow retention", created_at=NOW
        ),
        unit,
        LearningLogEntry(
            learning_log_entry_id="learn_1",
            workspace_id="ws_1",
            cycle_id="cycle_1",
            kind="value_unit_snapshot_submitted",
            detail={"snapshot_version": 1},
            created_at=NOW,
        ),
        ValueUnitSnapshot(
            value_unit_snapshot_id="vus_1",
            workspace_id="ws_1",
            cycle_id="cycle_1",
            snapshot_version=1,
            value_unit_ids=["vu_hd"],
            value_units=[],
            created_at=NOW,
        ),
        UsageImport(
            usage_import_id="imp_1",
            workspace_id="ws_1",
            source="usage.csv",
            rows_read=3,
            rows_accepted=2,
            rows_duplicate=0,
            rows_rejected=1,
            report={"rejects": []},
            created_at=NOW,
        ),
        ProductEvent(
            product_event_id="pe_1",
            workspace_id="ws_1",
            event_name="config_activated",
            actor="Theresa",
            entity_id=ACTIVE,
            detail={},
            occurred_at=NOW,
        ),
    )


def decided_rows() -> tuple[Any, ...]:
    """What refers to the configs; added after them, because nothing orders these inserts but foreign keys."""
    return (
        SimulationRun(
            simulation_run_id="sim_1",
            workspace_id="ws_1",
            cycle_id="cycle_1",
            candidate_config_version_id=ACTIVE,
            status="completed",
            inputs={},
            outputs={"economics": {"revenue_usd": Decimal("7.80")}},
            completeness_result={},
            candidate_content_hash="0" * 64,
            dataset={},
            created_at=NOW,
        ),
        BillingPatch(
            billing_patch_id="bp_1",
            workspace_id="ws_1",
            cycle_id="cycle_1",
            config_version_id=ACTIVE,
            effective_at=NOW,
            payload={"notes": "none"},
            created_at=NOW,
        ),
        DecisionRecord(
            decision_id="dec_1",
            **SUBJECT,
            cycle_id="cycle_1",
            config_version_id=ACTIVE,
            simulation_run_id="sim_1",
            billing_patch_id="bp_1",
            status="active",
            approver_name="Theresa",
            approver_role="CEO",
            rationale="=Margin holds",
            diff={"type": "initial_activation"},
            value_unit_snapshot_version=1,
            effective_at=NOW,
            created_at=NOW,
        ),
        RuntimeConfig(
            decision_id="dec_1",
            sequence=1,
            **SUBJECT,
            config_version_id=ACTIVE,
            current=True,
            document=b'{"avs_version":"v2.0"}',
            digest="0" * 64,
            created_at=NOW,
        ),
        enforcement_event(1),
        EnforcementRepeat(
            workspace_id="ws_1",
            client_id="cli_1",
            sequence=7,
            enforcement_event_id="enf_000001",
            received_at=NOW,
        ),
    )


def add_workspace(session: AnySession) -> None:
    """Commit the whole workspace, parents first."""
    for row in workspace_rows():
        session.add(row)
        session.flush()
    session.add_all([config(ACTIVE, 1, "active"), config(DRAFT, 2, "draft")])
    session.flush()
    for row in decided_rows():
        session.add(row)
        session.flush()
    session.commit()
