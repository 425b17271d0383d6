"""The statuses that a config may go through, and what the stage suggests (spec 2). Values only: services write them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rules.draft import Exploration, UsageThreshold
from rules.enums import Action, ConfigStatus, EconomicsConfidence, OverageBehavior, Stage

TRANSITIONS: Mapping[ConfigStatus, tuple[ConfigStatus, ...]] = MappingProxyType(
    {
        ConfigStatus.DRAFT: (ConfigStatus.SIMULATED,),
        ConfigStatus.SIMULATED: (ConfigStatus.DRAFT, ConfigStatus.APPROVED),
        ConfigStatus.APPROVED: (ConfigStatus.ACTIVE, ConfigStatus.SIMULATED, ConfigStatus.DRAFT),  # or withdrawn
        ConfigStatus.ACTIVE: (ConfigStatus.ARCHIVED,),
        ConfigStatus.ARCHIVED: (ConfigStatus.ACTIVE,),  # rollback, with a decision of its own
    }
)
THRESHOLD_PERCENTS = (70, 90, 100)
EDITABLE = frozenset({ConfigStatus.DRAFT, ConfigStatus.SIMULATED})


def can_become(before: str, after: str) -> bool:
    """Whether a config may go from one status to the other; staying the same is no transition."""
    return any(before == status and after in allowed for status, allowed in TRANSITIONS.items())


def is_editable(status: str | None) -> bool:
    """Whether content may change. A config not yet saved is editable; all others are immutable: fork them."""
    return status is None or status in EDITABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedPool:
    """A row for the pools table; the operator adds the value unit and the quantity."""

    pool_id: str
    label: str
    overage_behavior: OverageBehavior
    is_exploration_pool: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDefaults:
    """The start of a new config of the stage, and what the stage demands in production."""

    pools: tuple[SuggestedPool, ...]
    exploration: Exploration
    usage_thresholds: tuple[UsageThreshold, ...]
    production_confidence: tuple[EconomicsConfidence, ...]
    graduation_signal_required: bool


def _thresholds(*actions: Action) -> tuple[UsageThreshold, ...]:
    return tuple(
        UsageThreshold(percent=percent, action=action.value)
        for percent, action in zip(THRESHOLD_PERCENTS, actions, strict=True)
    )


_CORE = SuggestedPool(
    pool_id="pool_core", label="Core", overage_behavior=OverageBehavior.ALLOW_OVERAGE, is_exploration_pool=False
)
_PRO = SuggestedPool(
    pool_id="pool_pro", label="Pro", overage_behavior=OverageBehavior.THROTTLE, is_exploration_pool=False
)
_EXPLORATION = SuggestedPool(
    pool_id="pool_exploration",
    label="Exploration",
    overage_behavior=OverageBehavior.THROTTLE,
    is_exploration_pool=True,
)

STAGE_DEFAULTS: Mapping[Stage, StageDefaults] = MappingProxyType(
    {
        Stage.LEARNING: StageDefaults(
            pools=(_CORE, _EXPLORATION),
            exploration=Exploration(enabled=True, exploration_pool_id=_EXPLORATION.pool_id, expires_after_days=30),
            usage_thresholds=_thresholds(Action.WARN, Action.WARN, Action.THROTTLE),
            production_confidence=tuple(EconomicsConfidence),
            graduation_signal_required=False,
        ),
        Stage.SCALING: StageDefaults(
            pools=(_CORE, _PRO),
            exploration=Exploration(enabled=False),
            usage_thresholds=_thresholds(Action.WARN, Action.THROTTLE, Action.BLOCK),
            production_confidence=(EconomicsConfidence.MEDIUM, EconomicsConfidence.HIGH),
            graduation_signal_required=True,
        ),
    }
)


def stage_defaults(stage: str | None) -> StageDefaults:
    """The defaults of the stage; of learning, which demands less, while none is chosen."""
    return STAGE_DEFAULTS[Stage(stage) if stage in tuple(Stage) else Stage.LEARNING]


def confidence_bar(stage: str | None) -> tuple[EconomicsConfidence, ...]:
    """The values of economics_confidence that the stage accepts in production."""
    return stage_defaults(stage).production_confidence


def graduation_signal_is_required(stage: str | None) -> bool:
    """Whether an enabled exploration must say how it ends."""
    return stage_defaults(stage).graduation_signal_required
