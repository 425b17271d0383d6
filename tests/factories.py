"""Fixed values for tests: a small video company whose production config passes every gate.

Everything is written through the services that operators use; only catalogs and simulation runs are inserted as rows.
What nearly every test begins with is written so once per process (`tests.remembered`).
Functions take the session, return the row, flush and never commit.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypedDict

import sqlalchemy as sa

from app.actor import Actor
from app.models.base import AnySession
from app.models.catalog import Customer, EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.decision_record import DecisionRow
from app.models.simulation_run import SimulationRun
from app.models.value_unit import ValueUnitSnapshot
from app.models.workspace import Workspace
from app.services.authoring import configs as config_drafts
from app.services.authoring import cycles, unit_snapshots, value_units, workspaces
from app.services.authoring.inputs import ExplorationInput, PoolInput, RailsInput, ValueUnitInput, WorkspaceInput
from app.services.catalogs.kinds import Kind
from app.services.configs import editing
from app.services.configs.lookup import get_config
from app.services.decisions import activation
from seed.loader import SEED_DIR
from simulation.canonical import Json, JsonObject, parse_exact
from tests.remembered import remembered


class Who(TypedDict):
    """Who acts and when, as the services take it."""

    actor: Actor
    now: datetime


NOW = datetime(2026, 1, 15, tzinfo=UTC)
OPERATOR = Actor("Theresa", "founder")
WHO: Who = {"actor": OPERATOR, "now": NOW}
WORKSPACE, CYCLE, SEGMENT = "ws_1", "cycle_1", "smb"
SUBJECT = {"workspace_id": WORKSPACE, "segment": SEGMENT, "stage": "learning", "target_environment": "production"}
METRICS = ("gross_margin", "paid_engagement_retention_90d")

HD_MINUTE: ValueUnitInput = {
    "value_unit_id": "vu_hd_minute",
    "name": "Usable HD minute",
    "unit_type": "outcome",
    "event_mapping": {
        "event_type": "video_render_completed",
        "filters": {"resolution": "HD", "render_mode": ["production", "preview"]},
        "aggregation": {"type": "sum", "field": "output_minutes"},
    },
    "outcome_statement": "A minute of video that the customer published.",
    "metrics_intent": [{"metric_id": metric, "expected_impact": "positive"} for metric in METRICS],
    "quality_signal_source": ["csat"],
    "unit_economics": {
        "avg_cost_per_unit_usd": Decimal("0.18"),
        "target_price_per_unit_usd": Decimal("0.6"),
        "target_margin": Decimal("0.7"),
        "economics_confidence": "medium",
    },
}
DRAFT_EXPORT: ValueUnitInput = HD_MINUTE | {
    "value_unit_id": "vu_draft_export",
    "name": "Draft export",
    "unit_type": "usage",
    "event_mapping": {"event_type": "draft_export_created", "filters": {}, "aggregation": {"type": "count"}},
    "outcome_statement": "A draft that a customer looked at.",
    "unit_economics": {
        "avg_cost_per_unit_usd": Decimal("0.02"),
        "target_price_per_unit_usd": Decimal("0.05"),
        "target_margin": Decimal("0.6"),
        "economics_confidence": "medium",
    },
}
CORE: PoolInput = {
    "pool_id": "pool_core",
    "label": "Core",
    "value_unit_id": "vu_hd_minute",
    "included_quantity": Decimal(300),
    "rollover": {"enabled": True, "max_rollover_quantity": Decimal(100), "expires_after_days": 60},
    "overage_behavior": "allow_overage",
}
EXPLORATION_POOL: PoolInput = {
    "pool_id": "pool_exploration",
    "label": "Exploration",
    "value_unit_id": "vu_draft_export",
    "included_quantity": Decimal(10),
    "overage_behavior": "throttle",
    "is_exploration_pool": True,
}
EXPLORATION: ExplorationInput = {
    "enabled": True,
    "exploration_pool_id": "pool_exploration",
    "qualifying_events": ["draft_export_created"],
    "expires_after_days": 30,
    "graduation_signal": "repeat_usage_threshold",
}
RAILS: RailsInput = {
    "usage_thresholds": [
        {"percent": 70, "action": "warn"},
        {"percent": 90, "action": "throttle"},
        {"percent": 100, "action": "block"},
    ],
    "monthly_spend_cap_usd": Decimal(650),
    "at_cap_action": "require_approval",
    "margin_floor": Decimal("0.68"),
}
APPROVAL = activation.Approval("Theresa", "CEO", "The margin holds and customers stay.")


def entry(session: AnySession, kind: Kind, key: str, workspace_id: str | None = None) -> Any:
    """The entry of a catalog under a key: its own, or the shared one; None without it."""
    own = {kind.key: key, "workspace_id": workspace_id}
    return session.scalars(sa.select(kind.model).filter_by(**own)).one_or_none()


def catalogs(session: AnySession) -> None:
    """The vocabulary that the fixed units, cycles and configs speak."""
    session.add_all(
        [
            EventCatalog(
                event_type="video_render_completed", dimensions=["resolution", "render_mode", "output_minutes"]
            ),
            EventCatalog(event_type="draft_export_created", dimensions=["resolution"]),
            *(MetricCatalog(metric_id=metric, label=metric, type="north_star") for metric in METRICS),
            MetricCatalog(metric_id="exploration_depth", label="Exploration depth", type="lens"),
            QualitySignalCatalog(signal_id="csat", label="CSAT", source="in_app_prompt"),
            *(SegmentCatalog(segment_id=segment, label=segment) for segment in (SEGMENT, "enterprise")),
        ]
    )
    session.flush()
    session.add(Customer(customer_id="cust_1", name="Pioneer Studio", segment=SEGMENT))
    session.flush()


def workspace(session: AnySession, workspace_id: str = WORKSPACE) -> Workspace:
    data: WorkspaceInput = {"workspace_id": workspace_id, "workspace_name": "Lumina", "operator_role": "founder"}
    return workspaces.create_workspace(session, data, actor=OPERATOR, now=NOW)


def cycle(session: AnySession, cycle_id: str = CYCLE, **changes: Any) -> Cycle:
    """A production cycle of 90 days with a goal and two metrics."""
    data: Json = {
        "cycle_id": cycle_id,
        "workspace_id": WORKSPACE,
        "cycle_name": "First quarter",
        "cycle_type": "production",
        "period_length_days": 90,
        "goal_type": "pmf_learning",
        "primary_metrics": list(METRICS),
        "segments": [SEGMENT],
        "narrative": "Learn what customers pay for.",
    }
    return cycles.create_cycle(session, data | changes, actor=OPERATOR, now=NOW)


def snapshot(session: AnySession, cycle_id: str = CYCLE, *units: ValueUnitInput) -> ValueUnitSnapshot:
    """Define the units in the cycle (by default the two fixed ones) and freeze all of it."""
    for unit in units or (HD_MINUTE, DRAFT_EXPORT):
        value_units.create_value_unit(session, unit | {"cycle_id": cycle_id}, actor=OPERATOR, now=NOW)
    return unit_snapshots.submit_snapshot(session, cycle_id, actor=OPERATOR, now=NOW)


def foundation(session: AnySession) -> None:
    """Catalogs, a workspace, a production cycle and its submitted snapshot."""

    def build() -> None:
        catalogs(session)
        workspace(session)
        cycle(session)
        snapshot(session)

    remembered(session, "foundation", build)


def config(session: AnySession, config_version_id: str = "cfg_1", **changes: Any) -> ConfigVersion:
    """A complete production draft; wants `foundation` first."""
    data: Json = {
        "config_version_id": config_version_id,
        **SUBJECT,
        "cycle_id": CYCLE,
        "price_book_ref": "usd_2026_01_default",
        "metric_lenses": ["exploration_depth"],
        "pools": [CORE, EXPLORATION_POOL],
        "exploration": EXPLORATION,
        "rails": RAILS,
    }
    return config_drafts.create_config(session, data | changes, actor=OPERATOR, now=NOW)


def outputs(**changes: Any) -> JsonObject:
    """What a run reports, consistent with itself: margin 0.7 against 0.68, one customer in a hundred fewer."""
    return {
        "primary_metric_deltas": {
            "gross_margin": Decimal("0.02"),
            "paid_engagement_retention_90d": Decimal("-0.01"),
        },
        "lens_metrics": {"exploration_depth": 12},
        "metrics": {
            "gross_margin": compared("0.7", "0.68", "0.02"),
            "paid_engagement_retention_90d": compared("0.89", "0.9", "-0.01"),
            "exploration_depth": compared("12", "9", "3"),
        },
        "economics": {
            "candidate": {"revenue_usd": Decimal(600), "cost_usd": Decimal(180), "margin": Decimal("0.7")},
            "baseline": {"revenue_usd": Decimal(500), "cost_usd": Decimal(160), "margin": Decimal("0.68")},
            "delta": {"revenue_usd": Decimal(100), "cost_usd": Decimal(20), "margin": Decimal("0.02")},
        },
        "risks": [],
        "blocking_issues": [],
    } | changes


def complete_runs(session: AnySession) -> None:
    """Give every run all that the product writes; what it leaves out is that of the demo's run."""
    demo = parse_exact((SEED_DIR / "simulation_runs.json").read_bytes())[0]
    del demo["outputs"]["enforcement_forecast"]  # which runs of earlier versions lack
    for row in session.scalars(sa.select(SimulationRun).where(SimulationRun.outputs.is_not(None))):
        row.inputs = demo["inputs"] | row.inputs
        assert row.outputs is not None
        economics = demo["outputs"]["economics"] | row.outputs["economics"]
        for side in ("candidate", "baseline"):
            economics[side] = {"no_revenue": False, **economics[side]}
        row.outputs = demo["outputs"] | row.outputs | {"economics": economics}
        row.dataset = demo["dataset"]
    session.flush()


def compared(*values: str) -> dict[str, Decimal]:
    """Candidate, baseline and delta, as `outputs.metrics` has them."""
    return dict(zip(("candidate", "baseline", "delta"), map(Decimal, values), strict=True))


def run(
    session: AnySession, config: ConfigVersion, simulation_run_id: str | None = None, **changes: Any
) -> SimulationRun:
    """A completed run that saw the config as it is now; the config becomes `simulated`."""
    columns: JsonObject = {
        "simulation_run_id": simulation_run_id or f"sim_{config.config_version_id}",
        "workspace_id": config.workspace_id,
        "cycle_id": config.cycle_id,
        "candidate_config_version_id": config.config_version_id,
        "baseline_config_version_id": None,
        "status": "completed",
        "inputs": {"historical_window_days": 30},
        "outputs": outputs(),
        "completeness_result": {"pill": "green", "next_missing_item": None, "findings": []},
        "candidate_content_hash": config.content_hash,
        "dataset": {"source": "tests", "rows": 0},
        "created_at": NOW,
        "completed_at": NOW,
    }
    row = SimulationRun(**columns | changes)
    session.add(row)
    session.flush()
    if config.status == "draft":
        editing.refresh(session, config, NOW)
    session.flush()
    return row


def simulated(session: AnySession, config_version_id: str = "cfg_1", **changes: Any) -> ConfigVersion:
    """A complete production config with a run that supports it: ready to be approved."""
    row = config(session, config_version_id, **changes)
    run(session, row)
    return row


def approve(session: AnySession, config_version_id: str = "cfg_1", *, later: int = 0, **approval: Any) -> DecisionRow:
    """Approve a simulated config `later` seconds after NOW."""
    given = {"approver_name": "Theresa", "approver_role": "CEO", "rationale": APPROVAL.rationale} | approval
    return activation.approve(
        session,
        config_version_id,
        f"sim_{config_version_id}",
        activation.Approval(**given),
        actor=OPERATOR,
        now=NOW + timedelta(seconds=later),
    )


def active(session: AnySession, config_version_id: str = "cfg_1", *, later: int = 0, **changes: Any) -> ConfigVersion:
    """A config that was simulated, approved and is active, `later` seconds after NOW."""
    simulated(session, config_version_id, **changes)
    approve(session, config_version_id, later=later)
    return get_config(session, config_version_id)


def decided_on(session: AnySession, **said: Any) -> ConfigVersion:
    """cfg_1 over its own foundation, active since NOW and decided on a run whose outputs say this."""
    foundation(session)
    row = config(session)
    run(session, row, outputs=outputs(**said))
    approve(session)
    return row
