"""The shapes that a config document embeds (spec 1): names, kinds and what may be null."""

from decimal import Decimal
from typing import NotRequired, TypedDict

from app.models.config_version import Rollover
from rules.price_plan import PricePlan
from simulation.canonical import Json, JsonObject


class NorthStar(TypedDict):
    """The goal of a cycle."""

    goal_type: str | None
    primary_metrics: list[str]
    narrative: str | None


class PoolShape(TypedDict):
    """A pool: how much of a value unit is included per customer and period, and what happens beyond."""

    pool_id: str
    label: str
    value_unit_id: str
    included_quantity: Decimal
    rollover: Rollover
    overage_behavior: str
    is_exploration_pool: bool


class ExplorationShape(TypedDict):
    """The exploration rule: whether exploring is subsidised, by which pool, and how it ends."""

    enabled: bool
    exploration_pool_id: str | None
    qualifying_events: list[str]
    expires_after_days: int | None
    graduation_signal: str | None


class UsageThreshold(TypedDict):
    """The action that is taken at `percent` of the allowance."""

    percent: int | Decimal
    action: str


class RailsShape(TypedDict):
    """The rails; a config without absolute caps has no member for them."""

    usage_thresholds: list[UsageThreshold]
    monthly_spend_cap_usd: Decimal | None
    at_cap_action: str | None
    margin_floor: Decimal | None
    absolute_usage_caps: NotRequired[list[Json]]


class RatingAgility(TypedDict):
    """The price book that is billed from; a config without a price plan has no member for one."""

    price_book_ref: str | None
    price_plan: NotRequired[PricePlan]


class ConfigDocument(TypedDict):
    """The content of a config that the customer app enforces; `value_units` are frozen units that its pools name."""

    subject_resolution: dict[str, str]
    north_star: NorthStar
    value_units: list[JsonObject]
    pools: list[PoolShape]
    exploration: ExplorationShape
    rails: RailsShape
    rating_agility: RatingAgility
    metric_lenses: list[str]
