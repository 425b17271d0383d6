"""What requests about config versions hold, and what answers add: pools, exploration, rails, completeness (spec 1)."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from api.schemas.common import (
    Answered,
    Body,
    Document,
    Embedded,
    ExactNumber,
    Flag,
    GivenId,
    Identifier,
    JsonObject,
    Moment,
    PageQuery,
    Shaped,
    choice,
    identifiers,
    items,
    keyed_items,
    text,
    whole,
)
from api.schemas.price_plans import PricePlanBody
from api.schemas.problems import FindingAnswer
from api.shapes.policy import ConfigDelivery
from app.ids import new_id
from app.time_zones import TIME_ZONE_RULE, is_time_zone
from rules.delivery import MAX_STALENESS_SECONDS, Fail, PeriodKind, Scope, anchor_problems
from rules.enums import Action, CompletenessStatus, ConfigStatus, OverageBehavior, Stage, TargetEnvironment
from rules.pools import MAX_POOLS
from rules.price_plan import PricePlan
from rules.ranges import MAX_DAYS, MAX_PERCENT, PERCENT_PLACES
from simulation.canonical import Json


class RolloverBody(Body):
    """Whether unused allowance is carried on, how much at most and for how many days."""

    enabled = Flag(load_default=False)
    max_rollover_quantity = ExactNumber(minimum=0, allow_none=True)
    expires_after_days = whole(1, MAX_DAYS, allow_none=True)


class PoolBody(Body):
    """A pool: how much of a value unit is included per customer and period, and what happens beyond."""

    pool_id = Identifier(load_default=lambda: new_id("pool_"))
    label = text(required=True)
    value_unit_id = Identifier(required=True)
    included_quantity = ExactNumber(minimum=0, load_default=0)
    rollover = Embedded(RolloverBody, load_default=lambda: {"enabled": False})
    overage_behavior = choice(OverageBehavior, required=True)
    is_exploration_pool = Flag(load_default=False)
    position = whole(0)


class Pool(Answered, PoolBody):
    """A pool as stored."""

    config_version_id = Identifier()


class ExplorationBody(Body):
    """Whether exploring is subsidised, by which pool, and how it ends."""

    enabled = Flag(load_default=False)
    exploration_pool_id = Identifier(allow_none=True, load_default=None)
    qualifying_events = identifiers(kind=GivenId)
    expires_after_days = whole(1, MAX_DAYS, allow_none=True, load_default=None)
    graduation_signal = text(allow_none=True, load_default=None)


class Exploration(Answered, ExplorationBody):
    """The exploration rule of a config."""


class UsageThresholdBody(Body):
    """At `percent` of the allowance the customer app takes `action`."""

    percent = ExactNumber(above=0, maximum=MAX_PERCENT, places=PERCENT_PLACES, required=True)
    action = choice(Action, required=True)


class UsageCapBody(Body):
    """The most of a unit that a customer gets in a period; without `action` it blocks."""

    value_unit_id = Identifier(required=True)
    max_quantity = ExactNumber(minimum=0, required=True)
    action = choice(Action)


class RailsBody(Body):
    """What prevents a blow-up: thresholds, a spend cap, a margin floor."""

    usage_thresholds = keyed_items(Embedded(UsageThresholdBody), "percent", 20, load_default=list)
    monthly_spend_cap_usd = ExactNumber(minimum=0, allow_none=True, load_default=None)
    at_cap_action = choice(Action, allow_none=True, load_default=None)
    margin_floor = ExactNumber(maximum=1, allow_none=True, load_default=None)
    absolute_usage_caps = items(Embedded(UsageCapBody), 50, allow_none=True, load_default=None)


class Rails(Answered, RailsBody):
    """The rails of a config; caps are as stored, where rows may be older than their shape."""

    absolute_usage_caps = fields.List(JsonObject(), allow_none=True)


class FailBody(Body):
    """What apps do while their copy is stale: decide on, or refuse."""

    stale = choice(Fail)


class OnExpiredBody(Body):
    """What each rail does once a copy is older than `max_staleness_seconds`."""

    monthly_spend_cap_usd = choice(Fail)
    usage_thresholds = choice(Fail)
    absolute_usage_caps = choice(Fail)


class OnCountersUnavailableBody(OnExpiredBody):
    """What each rail, and a pool that ends in a hard stop, does while an app cannot read its counters."""

    hard_stop = choice(Fail)


class TimeZone(fields.String):
    """The name of a time zone."""

    default_error_messages = {  # noqa: RUF012
        "time_zone": "There is no time zone {input!r}. Give " + TIME_ZONE_RULE + "."
    }

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any) -> str:
        name: str = super()._deserialize(value, attr, data, **kwargs)
        if not is_time_zone(name):
            raise self.make_error("time_zone", input=name[:200])
        return name


class PeriodAnchorBody(Body):
    """From when to when apps count: 30 days from `at` on, or months of a `time_zone`."""

    kind = choice(PeriodKind, required=True)
    at = Moment()
    time_zone = TimeZone()

    @validates_schema
    def _check_members(self, data: Document, **_: Any) -> None:
        """Refuse an anchor that lacks what its kind needs, or has what it does not take."""
        if problems := dict(anchor_problems(data)):
            raise ValidationError({member: [problem] for member, problem in problems.items()})


class ThresholdScopeBody(Body):
    """What the share of the usage threshold at `percent` is of, and for what its action holds then."""

    percent = ExactNumber(above=0, maximum=MAX_PERCENT, places=PERCENT_PLACES, required=True)
    scope = choice(Scope, required=True)


class DeliveryBody(Body):
    """What apps do without AVS Brain, and from when to when they count; what is left out is as usual (decision 18)."""

    max_staleness_seconds = whole(1, MAX_STALENESS_SECONDS)
    fail = Embedded(FailBody)
    on_expired = Embedded(OnExpiredBody)
    on_counters_unavailable = Embedded(OnCountersUnavailableBody)
    period_anchor = Embedded(PeriodAnchorBody, allow_none=True)
    threshold_scopes = keyed_items(Embedded(ThresholdScopeBody), "percent", 20)


class ConfigFields(Body):
    """The columns of a config that its author sets; the subject and the cycle are fixed when it is created."""

    workspace_id = Identifier(required=True)
    cycle_id = Identifier(required=True)
    segment = GivenId(required=True)
    stage = choice(Stage, required=True)
    target_environment = choice(TargetEnvironment, required=True)
    value_unit_snapshot_version = whole(1, allow_none=True)
    baseline_config_version_id = Identifier(allow_none=True)
    config_name = text(allow_none=True)
    price_book_ref = text(allow_none=True)
    metric_lenses = identifiers(maximum=50)


class ConfigEditable(ConfigFields):
    """What of a draft can be changed."""

    delivery = Embedded(DeliveryBody)


class ConfigBody(ConfigEditable):
    """A new draft. Left out: the newest snapshot, and the stage's exploration rule and thresholds (spec 2)."""

    config_version_id = Identifier()
    pools = keyed_items(Embedded(PoolBody), "pool_id", MAX_POOLS)
    exploration = Embedded(ExplorationBody(partial=True))
    rails = Embedded(RailsBody(partial=True))
    price_plan = Embedded(PricePlanBody, allow_none=True)


class ConfigCompleteness(Answered):
    """The pill, the first blocking finding, and all findings in the fixed order of the rules (spec 3)."""

    pill = choice(CompletenessStatus)
    next_missing_item = fields.Nested(FindingAnswer, allow_none=True)
    findings = fields.List(fields.Nested(FindingAnswer))


class Config(Answered, ConfigFields):
    """A config version with its pools, price plan (null without one), exploration and rails, and what holds it back."""

    config_version_id = Identifier()
    version = fields.Integer()
    status = choice(ConfigStatus)
    effective_at = Moment(allow_none=True)
    delivery = Shaped(ConfigDelivery)
    pools = fields.List(fields.Nested(Pool))
    exploration = fields.Nested(Exploration)
    rails = fields.Nested(Rails)
    price_plan = Shaped(PricePlan | None)
    content_hash = fields.String(validate=validate.Length(equal=64))
    created_at = Moment()
    updated_at = Moment()
    completeness = fields.Nested(ConfigCompleteness)


class ConfigQuery(PageQuery):
    workspace_id = Identifier()
    cycle_id = Identifier()
    segment = GivenId()
    stage = choice(Stage)
    target_environment = choice(TargetEnvironment)
    status = choice(ConfigStatus)
