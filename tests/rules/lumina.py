"""Lumina's production candidate (spec section 8), complete: the draft in which no rule has anything to say."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from rules.documents import value_unit_from_document
from rules.draft import (
    Catalogs,
    Config,
    Cycle,
    Draft,
    Exploration,
    Pool,
    Rails,
    Risk,
    SimulationRun,
    UsageThreshold,
    ValueUnit,
)

METRICS = ("paid_engagement_retention_90d", "gross_margin")
HASH = "5f" * 32


def _render_minutes(resolution: str) -> dict[str, Any]:
    return {
        "event_type": "video_render_completed",
        "filters": {"resolution": resolution, "render_mode": "production"},
        "aggregation": {"type": "sum", "field": "output_minutes"},
    }


def _unit(
    unit_id: str, name: str, mapping: dict[str, Any], economics: tuple[str, str, str, str], signals: list[str]
) -> ValueUnit:
    cost, price, margin, confidence = economics
    return value_unit_from_document(
        {
            "value_unit_id": unit_id,
            "name": name,
            "unit_type": "outcome",
            "event_mapping": mapping,
            "outcome_statement": "The customer publishes a video without rework.",
            "metrics_intent": [{"metric_id": metric, "expected_impact": "positive"} for metric in METRICS],
            "quality_signal_source": signals,
            "unit_economics": {
                "avg_cost_per_unit_usd": Decimal(cost),
                "target_price_per_unit_usd": Decimal(price),
                "target_margin": Decimal(margin),
                "economics_confidence": confidence,
            },
        }
    )


HD = _unit(
    "vu_usable_hd_minute",
    "Usable HD minute",
    _render_minutes("HD"),
    ("0.18", "0.6", "0.7", "medium"),
    ["edit_reopen_rate", "csat"],
)
FOUR_K = _unit(
    "vu_usable_4k_minute",
    "Usable 4K minute",
    _render_minutes("4K"),
    ("0.55", "1.8", "0.7", "rough"),
    ["manual_qa_pass"],
)
DRAFT_EXPORT = _unit(
    "vu_draft_export",
    "Draft export",
    {"event_type": "draft_export_created", "filters": {}, "aggregation": {"type": "count"}},
    ("0.02", "0", "0", "medium"),
    [],
)

CANDIDATE = Draft(
    cycle=Cycle(
        cycle_id="cycle_2026_01_prod_90d",
        cycle_type="production",
        period_length_days=90,
        goal_type="pmf_learning",
        primary_metrics=METRICS,
    ),
    config=Config(
        config_version_id="cfg_smb_learning_prod_v2_candidate",
        workspace_id="ws_1049",
        segment="ai_video_smb",
        stage="learning",
        target_environment="production",
        status="simulated",
        value_unit_snapshot_version=1,
        price_book_ref="usd_2026_01_default",
        metric_lenses=("exploration_depth",),
        content_hash=HASH,
    ),
    pools=(
        Pool(pool_id="pool_core", label="Core", value_unit_id="vu_usable_hd_minute"),
        Pool(pool_id="pool_4k_pro", label="4K Pro", value_unit_id="vu_usable_4k_minute"),
    ),
    exploration=Exploration(),
    rails=Rails(
        usage_thresholds=(
            UsageThreshold(percent=70, action="warn"),
            UsageThreshold(percent=90, action="throttle"),
            UsageThreshold(percent=100, action="block"),
        ),
        monthly_spend_cap_usd=650,
        at_cap_action="require_approval",
        margin_floor=Decimal("0.6"),
    ),
    units=(HD, FOUR_K, DRAFT_EXPORT),
    catalogs=Catalogs(
        events={
            "video_render_completed": ("resolution", "render_mode", "output_minutes"),
            "draft_export_created": ("resolution",),
            "labs_feature_used": ("feature_name",),
            "quality_proxy_recorded": ("proxy_type", "proxy_value"),
        },
        metric_ids=(*METRICS, "monthly_churn_rate", "exploration_depth", "margin_floor_violations"),
        signal_ids=("csat", "edit_reopen_rate", "manual_qa_pass"),
        labels={
            "paid_engagement_retention_90d": "Paid engagement retention, 90 days",
            "gross_margin": "Gross margin",
            "exploration_depth": "Exploration depth",
            "csat": "Customer satisfaction",
        },
    ),
    simulation=SimulationRun(
        simulation_run_id="sim_v2",
        status="completed",
        is_latest_completed=True,
        candidate_content_hash=HASH,
        baseline_config_version_id="cfg_smb_learning_prod_v1",
        primary_metric_ids=METRICS,
        lens_metric_ids=("exploration_depth",),
    ),
    active_config_version_id="cfg_smb_learning_prod_v1",
)


def with_cycle(**changes: Any) -> Draft:
    return replace(CANDIDATE, cycle=replace(CANDIDATE.cycle, **changes))


def with_config(**changes: Any) -> Draft:
    return replace(CANDIDATE, config=replace(CANDIDATE.config, **changes))


def with_rails(**changes: Any) -> Draft:
    return replace(CANDIDATE, rails=replace(CANDIDATE.rails, **changes))


def with_run(**changes: Any) -> Draft:
    assert CANDIDATE.simulation
    return replace(CANDIDATE, simulation=replace(CANDIDATE.simulation, **changes))


def with_risk(code: str, detail: str | None = None, periods: tuple[int, ...] = ()) -> Draft:
    return with_run(risks=(Risk(code=code, detail=detail, periods=periods),))


def with_unit(**changes: Any) -> Draft:
    """The HD minute, which pool_core gives out, changed."""
    return replace(CANDIDATE, units=(replace(HD, **changes), FOUR_K, DRAFT_EXPORT))


def with_mapping(**changes: Any) -> Draft:
    return with_unit(event_mapping=replace(HD.event_mapping, **changes))


def with_economics(**changes: Any) -> Draft:
    return with_unit(unit_economics=replace(HD.unit_economics, **changes))


def with_pool(value_unit_id: str | None, is_exploration_pool: bool = False) -> Draft:
    """One more pool, `pool_new`."""
    pool = Pool(pool_id="pool_new", label="New", value_unit_id=value_unit_id, is_exploration_pool=is_exploration_pool)
    return replace(CANDIDATE, pools=(*CANDIDATE.pools, pool))


def exploring(stage: str = "learning", **changes: Any) -> Draft:
    """A complete exploration on `pool_new`, beside pool_core, changed."""
    rule = Exploration(
        enabled=True,
        exploration_pool_id="pool_new",
        qualifying_events=("labs_feature_used",),
        expires_after_days=30,
    )
    paying = Pool(pool_id="pool_new", label="New", value_unit_id=HD.value_unit_id, is_exploration_pool=True)
    pools = (CANDIDATE.pools[0], paying)
    return replace(with_config(stage=stage), pools=pools, exploration=replace(rule, **changes))


def with_free_unit(is_exploration_pool: bool) -> Draft:
    """One more pool, `pool_new`, that gives out a complete unit whose price is 0."""
    price = replace(HD.unit_economics, target_price_per_unit_usd=0, target_margin=0)
    free = replace(HD, value_unit_id="vu_free", name="Free minute", unit_economics=price)
    return replace(with_pool("vu_free", is_exploration_pool), units=(HD, FOUR_K, free))
