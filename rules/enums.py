"""The closed lists of spec section 1, names and values exactly as written there.

Members are declared in the spec's order, which is also the order of every menu and error message.
"""

from enum import StrEnum


class OperatorRole(StrEnum):
    FOUNDER = "founder"
    PRODUCT_GROWTH = "product_growth"
    ENGINEER = "engineer"


class DataMode(StrEnum):
    MOCKED = "mocked"
    CSV_UPLOAD = "csv_upload"
    CONNECTORS_STUB = "connectors_stub"


class CycleType(StrEnum):
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class TargetEnvironment(StrEnum):
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class CycleStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    CLOSED = "closed"


class GoalType(StrEnum):
    PMF_LEARNING = "pmf_learning"
    REVENUE = "revenue"
    MARGIN = "margin"
    MARKET_SHARE = "market_share"
    DATA_FLYWHEEL = "data_flywheel"


class Stage(StrEnum):
    LEARNING = "learning"
    SCALING = "scaling"


class UnitType(StrEnum):
    USAGE = "usage"
    OUTCOME = "outcome"
    QUALITY_ADJUSTED_OUTCOME = "quality_adjusted_outcome"


class ExpectedImpact(StrEnum):
    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNKNOWN = "unknown"


class EconomicsConfidence(StrEnum):
    ROUGH = "rough"
    MEDIUM = "medium"
    HIGH = "high"


class CompletenessStatus(StrEnum):
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class ConfigStatus(StrEnum):
    DRAFT = "draft"
    SIMULATED = "simulated"
    APPROVED = "approved"
    ACTIVE = "active"
    ARCHIVED = "archived"


class OverageBehavior(StrEnum):
    ALLOW_OVERAGE = "allow_overage"
    THROTTLE = "throttle"
    HARD_STOP = "hard_stop"


class Action(StrEnum):
    WARN = "warn"
    THROTTLE = "throttle"
    BLOCK = "block"
    REQUIRE_APPROVAL = "require_approval"
    DEGRADE_QUALITY = "degrade_quality"


class TermsStart(StrEnum):
    """When a decided version begins to hold for a customer: at once, or with the period after the running one.

    `prorated` holds at once, too, with the amounts of the running period shared out by its days.
    """

    AT_ONCE = "at_once"
    NEXT_PERIOD = "next_period"
    PRORATED = "prorated"


class PriceModel(StrEnum):
    """How a price plan prices overage of a unit: one price, each tier its own, all at the tier reached, packages."""

    PER_UNIT = "per_unit"
    GRADUATED = "graduated"
    VOLUME = "volume"
    PACKAGE = "package"


class ChangePolicy(StrEnum):
    """What a version that follows a price plan does to a period that is under way when it comes."""

    AT_NEXT_PERIOD = "at_next_period"
    PRORATE = "prorate"


class SimulationStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class PricingMode(StrEnum):
    """The first one is the default."""

    USE_UNIT_ECONOMICS = "use_unit_economics"
    REVENUE_PROXY_TOTAL = "revenue_proxy_total"
    REVENUE_PROXY_COMMIT = "revenue_proxy_commit"


class DecisionStatus(StrEnum):
    ACTIVE = "active"
    ARCHIVED = "archived"


class EnforcementEventType(StrEnum):
    RAIL_WARNING_SHOWN = "rail_warning_shown"
    RAIL_THROTTLE_APPLIED = "rail_throttle_applied"
    HARD_CAP_BLOCKED = "hard_cap_blocked"
    OVERRIDE_APPROVED = "override_approved"
    EXPLORATION_GRADUATED = "exploration_graduated"
    QUALITY_PROXY_FAILED = "quality_proxy_failed"


class MetricType(StrEnum):
    NORTH_STAR = "north_star"
    LENS = "lens"


class AggregationType(StrEnum):
    COUNT = "count"
    SUM = "sum"
    DISTINCT_COUNT = "distinct_count"


class DiffType(StrEnum):
    INITIAL_ACTIVATION = "initial_activation"
    UPDATE = "update"
    ROLLBACK = "rollback"


class HistoricalWindow(StrEnum):
    """`historical_window_days` as text; in JSON the day counts are numbers: 30, 60, 90, 120 or "mocked"."""

    DAYS_30 = "30"
    DAYS_60 = "60"
    DAYS_90 = "90"
    DAYS_120 = "120"
    MOCKED = "mocked"

    @property
    def days(self) -> int:
        """Length of the window in days; the mocked window has 30 (spec 4.1)."""
        return 30 if self is HistoricalWindow.MOCKED else int(self.value)

    @property
    def json_value(self) -> int | str:
        """The value as it stands in requests, stored inputs and answers."""
        return self.value if self is HistoricalWindow.MOCKED else self.days
