"""The facts of ws_2049, Lumina Growth Demo: units, configs and what was decided, when and why (spec 8).

The story: a sandbox line, a first production config for each segment, an enterprise update, and a prepaid pack for
studios whose hard cap stopped four times as many customers as forecast (the app counted previews too), so it was
rolled back. A candidate waits with something to learn from.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Unpack

from app.models.config_version import Rollover
from app.services.authoring.inputs import (
    ConfigInput,
    CycleInput,
    ExplorationInput,
    PoolInput,
    RailsInput,
    ValueUnitInput,
    WorkspaceInput,
)
from rules.enums import HistoricalWindow, PricingMode
from rules.lifecycle import THRESHOLD_PERCENTS
from seed.growth_customers import ENTERPRISE, SMB
from simulation.canonical import JsonObject

WORKSPACE = "ws_2049"
SANDBOX_CYCLE = "cycle_2026_growth_sandbox_120d"
PRODUCTION_CYCLE = "cycle_2026_growth_prod_90d"
PRICE_BOOK = "usd_2026_growth"
HD, FOUR_K, DRAFT, STORYBOARD = (
    "vu_growth_hd_minute",
    "vu_growth_4k_minute",
    "vu_growth_draft_export",
    "vu_growth_storyboard",
)
SANDBOX_HD = "vu_growth_sandbox_hd_minute"

SANDBOX_V1 = "cfg_growth_smb_learning_sandbox_v1"
SMB_V1 = "cfg_growth_smb_learning_prod_v1"
SMB_V2 = "cfg_growth_smb_learning_prod_v2"
SMB_V3 = "cfg_growth_smb_learning_prod_v3_candidate"
ENTERPRISE_V1 = "cfg_growth_enterprise_scaling_prod_v1"
ENTERPRISE_V2 = "cfg_growth_enterprise_scaling_prod_v2"
NAMES = {
    SANDBOX_V1: "Thirty free minutes, sandbox",
    SMB_V1: "Launch plan, metered",
    SMB_V2: "Studio pack, prepaid",
    SMB_V3: "Storyboards and more minutes",
    ENTERPRISE_V1: "Newsroom plan",
    ENTERPRISE_V2: "Newsroom plan, cheaper 4K",
}
"""What the growth demo's operators call each version."""


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


FOUNDED = at(1, 1, 8)
UNITS_FROZEN = at(1, 30, 15)
UNITS_REVISED = at(3, 22, 15)

WORKSPACE_ROW: WorkspaceInput = {
    "workspace_id": WORKSPACE,
    "workspace_name": "Lumina Growth Demo",
    "operator_role": "product_growth",
    "data_mode": "csv_upload",
}

CYCLES: tuple[CycleInput, ...] = (
    {
        "cycle_id": SANDBOX_CYCLE,
        "workspace_id": WORKSPACE,
        "cycle_name": "Early 2026, sandbox",
        "cycle_type": "sandbox",
        "period_length_days": 120,
        "start_date": at(1, 1),
        "end_date": at(5, 1),
        "status": "active",
        "goal_type": "pmf_learning",
        "primary_metrics": ["paid_engagement_retention_90d"],
        "segments": [SMB],
        "narrative": "Try packaging with friendly studios before anyone pays for it.",
    },
    {
        "cycle_id": PRODUCTION_CYCLE,
        "workspace_id": WORKSPACE,
        "cycle_name": "February to April 2026, production",
        "cycle_type": "production",
        "period_length_days": 90,
        "start_date": at(1, 31),
        "end_date": at(5, 1),
        "status": "active",
        "goal_type": "revenue",
        "primary_metrics": ["gross_margin", "paid_engagement_retention_90d", "monthly_churn_rate"],
        "segments": [SMB, ENTERPRISE],
        "narrative": "Grow revenue in both segments while every rendered minute keeps paying for itself.",
    },
)


def _economics(cost: str, price: str, margin: str, confidence: str) -> JsonObject:
    return {
        "avg_cost_per_unit_usd": Decimal(cost),
        "target_price_per_unit_usd": Decimal(price),
        "target_margin": Decimal(margin),
        "economics_confidence": confidence,
    }


def _renders(resolution: str) -> JsonObject:
    return {
        "event_type": "video_render_completed",
        "filters": {"resolution": resolution, "render_mode": "production"},
        "aggregation": {"type": "sum", "field": "output_minutes"},
    }


def _intent(**impacts: str) -> list[dict[str, str]]:
    return [{"metric_id": metric, "expected_impact": impact} for metric, impact in impacts.items()]


_HD_UNIT: ValueUnitInput = {
    "name": "Usable HD minute",
    "unit_type": "outcome",
    "event_mapping": _renders("HD"),
    "outcome_statement": "A minute of HD video that the customer publishes as it is.",
    "metrics_intent": _intent(
        gross_margin="positive", paid_engagement_retention_90d="positive", monthly_churn_rate="negative"
    ),
    "quality_signal_source": ["csat", "edit_reopen_rate"],
    "unit_economics": _economics("0.16", "0.55", "0.71", "high"),
}
UNITS: tuple[ValueUnitInput, ...] = (
    {"value_unit_id": SANDBOX_HD, "cycle_id": SANDBOX_CYCLE, **_HD_UNIT},
    {"value_unit_id": HD, "cycle_id": PRODUCTION_CYCLE, **_HD_UNIT},
    {
        "value_unit_id": FOUR_K,
        "cycle_id": PRODUCTION_CYCLE,
        "name": "Usable 4K minute",
        "unit_type": "outcome",
        "event_mapping": _renders("4K"),
        "outcome_statement": "A minute of 4K video that passes the customer's own quality review.",
        "metrics_intent": _intent(
            gross_margin="positive", paid_engagement_retention_90d="positive", monthly_churn_rate="unknown"
        ),
        "quality_signal_source": ["manual_qa_pass", "csat"],
        "unit_economics": _economics("0.52", "1.75", "0.7", "medium"),
    },
    {
        "value_unit_id": DRAFT,
        "cycle_id": PRODUCTION_CYCLE,
        "name": "Draft export",
        "unit_type": "usage",
        "event_mapping": {
            "event_type": "draft_export_created",
            "filters": {},
            "aggregation": {"type": "count"},
        },
        "outcome_statement": "A draft that lets a studio try an idea before it pays.",
        "metrics_intent": _intent(
            gross_margin="negative", paid_engagement_retention_90d="positive", monthly_churn_rate="negative"
        ),
        "quality_signal_source": ["csat"],
        "unit_economics": _economics("0.015", "0", "0", "medium"),
    },
)
REVISED_4K: ValueUnitInput = {"unit_economics": _economics("0.47", "1.75", "0.73", "high")}
STORYBOARD_UNIT: ValueUnitInput = {
    "value_unit_id": STORYBOARD,
    "cycle_id": PRODUCTION_CYCLE,
    "name": "Storyboard turned into video",
    "unit_type": "usage",
    "event_mapping": {
        "event_type": "labs_feature_used",
        "filters": {"feature_name": "storyboard_to_video"},
        "aggregation": {"type": "count"},
    },
    "outcome_statement": "A storyboard that became a first cut.",
    "metrics_intent": _intent(gross_margin="unknown"),
    "quality_signal_source": [],
    "unit_economics": _economics("0.09", "0.15", "0.6", "rough"),
}


def _pool(name: str, label: str, unit: str, included: int, overage: str, /, **more: Unpack[PoolInput]) -> PoolInput:
    return {
        "pool_id": f"pool_{name}",
        "label": label,
        "value_unit_id": unit,
        "included_quantity": Decimal(included),
        "overage_behavior": overage,
        "rollover": {"enabled": False},
        "is_exploration_pool": False,
        **more,
    }


def _rails(actions: tuple[str, str, str], cap: int, floor: str) -> RailsInput:
    return {
        "usage_thresholds": [
            {"percent": percent, "action": action} for percent, action in zip(THRESHOLD_PERCENTS, actions, strict=True)
        ],
        "monthly_spend_cap_usd": Decimal(cap),
        "at_cap_action": "require_approval",
        "margin_floor": Decimal(floor),
    }


def _config(
    config_id: str, segment: str, stage: str, pools: list[PoolInput], /, **more: Unpack[ConfigInput]
) -> ConfigInput:
    return {
        "config_version_id": config_id,
        "workspace_id": WORKSPACE,
        "cycle_id": PRODUCTION_CYCLE,
        "segment": segment,
        "stage": stage,
        "target_environment": "production",
        "config_name": NAMES[config_id],
        "price_book_ref": PRICE_BOOK,
        "metric_lenses": ["exploration_depth", "margin_floor_violations"],
        "pools": pools,
        **more,
    }


_LEARNING = ("warn", "warn", "throttle")
_SCALING = ("warn", "throttle", "block")
_NO_EXPLORATION: ExplorationInput = {"enabled": False, "expires_after_days": None}
_EXPLORATION_POOL = _pool("exploration", "Exploration", DRAFT, 10, "throttle", is_exploration_pool=True)
_EXPLORATION: ExplorationInput = {
    "enabled": True,
    "exploration_pool_id": "pool_exploration",
    "qualifying_events": ["draft_export_created", "labs_feature_used"],
    "expires_after_days": 30,
    "graduation_signal": "first_production_render",
}
_ROLLOVER: Rollover = {"enabled": True, "max_rollover_quantity": Decimal(40), "expires_after_days": 30}


@dataclass(frozen=True)
class Decision:
    """A config that is drafted, simulated and, when there is a rationale, approved; or rolled back to."""

    config: ConfigInput
    drafted: datetime
    decided: datetime
    name: str
    rationale: str | None
    window: HistoricalWindow = HistoricalWindow.DAYS_30
    pricing_mode: PricingMode = PricingMode.USE_UNIT_ECONOMICS

    @property
    def config_version_id(self) -> str:
        return str(self.config["config_version_id"])


@dataclass(frozen=True)
class Rollback:
    """The return to an archived version."""

    config_version_id: str
    decided: datetime
    name: str
    rationale: str


STORY: tuple[Decision | Rollback, ...] = (
    Decision(
        _config(
            SANDBOX_V1,
            SMB,
            "learning",
            [_pool("core", "Core", SANDBOX_HD, 30, "allow_overage")],
            cycle_id=SANDBOX_CYCLE,
            target_environment="sandbox",
            exploration=_NO_EXPLORATION,
            rails=_rails(_LEARNING, 500, "0.5"),
        ),
        drafted=at(1, 15, 10),
        decided=at(2, 2, 16),
        name="growth_sandbox_v1",
        rationale="Thirty free minutes are enough for friendly studios to finish a first video; nothing is billed.",
    ),
    Decision(
        _config(
            SMB_V1,
            SMB,
            "learning",
            [_pool("core", "Core", HD, 20, "allow_overage"), _EXPLORATION_POOL],
            exploration=_EXPLORATION,
            rails=_rails(_LEARNING, 400, "0.6"),
        ),
        drafted=at(2, 20, 10),
        decided=at(2, 27, 16),
        name="growth_smb_v1",
        rationale="Twenty minutes let a studio publish its first video; beyond that each minute pays for itself. "
        "Ten draft exports keep trying cheap.",
    ),
    Decision(
        _config(
            ENTERPRISE_V1,
            ENTERPRISE,
            "scaling",
            [_pool("core", "Core", HD, 100, "allow_overage"), _pool("4k_pro", "4K Pro", FOUR_K, 70, "throttle")],
            exploration=_NO_EXPLORATION,
            rails=_rails(_SCALING, 900, "0.4"),
        ),
        drafted=at(2, 24, 10),
        decided=at(3, 2, 16),
        name="growth_enterprise_v1",
        rationale="Both pools follow what a newsroom uses in a quiet month. The spend cap asks before it surprises.",
    ),
    Decision(
        _config(
            SMB_V2,
            SMB,
            "learning",
            [_pool("core", "Studio pack", HD, 200, "hard_stop"), _EXPLORATION_POOL],
            exploration=_EXPLORATION,
            rails=_rails(_SCALING, 400, "0.6"),
            baseline_config_version_id=SMB_V1,
        ),
        drafted=at(3, 23, 10),
        decided=at(3, 29, 16),
        name="growth_smb_v2",
        rationale="Studios ask for one price a month. A prepaid pack of 200 minutes covers nearly all of them, and by "
        "the simulation only a handful would be stopped.",
        pricing_mode=PricingMode.REVENUE_PROXY_COMMIT,
    ),
    Decision(
        _config(
            ENTERPRISE_V2,
            ENTERPRISE,
            "scaling",
            [
                _pool("core", "Core", HD, 100, "allow_overage"),
                _pool("4k_pro", "4K Pro", FOUR_K, 60, "allow_overage", rollover=_ROLLOVER),
            ],
            exploration=_NO_EXPLORATION,
            rails=_rails(_SCALING, 1200, "0.5"),
            baseline_config_version_id=ENTERPRISE_V1,
        ),
        drafted=at(3, 24, 10),
        decided=at(4, 1, 16),
        name="growth_enterprise_v2",
        rationale="4K became cheaper to serve, so it may run over instead of being throttled; unused 4K minutes carry "
        "over for a month. The cap follows the larger bills.",
    ),
    Rollback(
        SMB_V1,
        decided=at(4, 28, 16),
        name="growth_smb_rollback",
        rationale="The pack's hard cap stopped four times as many studios as forecast: the app counts previews as "
        "production renders. Back to metered overage until that is mended.",
    ),
    Decision(
        _config(
            SMB_V3,
            SMB,
            "learning",
            [
                _pool("core", "Core", HD, 60, "allow_overage"),
                _pool("storyboard", "Storyboards", STORYBOARD, 5, "throttle"),
                _EXPLORATION_POOL,
            ],
            exploration=_EXPLORATION | {"expires_after_days": 75},
            rails=_rails(_LEARNING, 450, "0.6"),
            baseline_config_version_id=SMB_V1,
        ),
        drafted=at(4, 29, 10),
        decided=at(4, 30, 16),
        name="growth_smb_v3",
        rationale=None,
        window=HistoricalWindow.DAYS_90,
    ),
)
