"""An AVS config as frozen values: the shapes that the rest of this library enforces.

Field names are those of the avs_config; quantities and amounts are scaled integers (`avs_brain_client.numbers`).
`avs_brain_client.reading` makes these from the bytes that AVS Brain delivers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from avs_brain_client.price_plan import PricePlan

PERIOD_DAYS = 30
RAILS = {"monthly_spend_cap_usd": "closed", "usage_thresholds": "open", "absolute_usage_caps": "closed"}
"""The rails, and how each fails once the config has expired, unless the document says otherwise."""
UNCOUNTED = {**RAILS, "hard_stop": "closed"}
"""How each rail, and each pool that stops, fails while counters cannot be read, unless the document says otherwise."""
DEFAULT_STALENESS_SECONDS = 86_400
FIXED, CALENDAR_MONTH, CUSTOMER_DAY = "fixed", "calendar_month", "customer_day"
POOL_SCOPE, UNIT_SCOPE, CUSTOMER_SCOPE, SPEND_SCOPE = "pool", "unit", "customer", "spend"
NEXT_PERIOD, PRORATED = "next_period", "prorated"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose config: the four parts of subject_resolution."""

    workspace_id: str
    segment: str
    stage: str
    target_environment: str

    def query(self) -> dict[str, str]:
        """As query parameters."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Meter:
    """How events become a quantity; `filters` are (dimension, wanted values), texts or exact numbers, any will do.

    A sum adds up `field` less `minus`, which is empty where nothing is taken off.
    """

    event_type: str
    filters: tuple[tuple[str, tuple[str | Decimal, ...]], ...]
    aggregation: str
    field: str
    minus: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A value unit; `price` is USD per unit, scaled."""

    value_unit_id: str
    meter: Meter
    price: int


@dataclass(frozen=True, slots=True)
class Rollover:
    """What may be carried: at most `most` (scaled), for `periods` periods after its own; None: no limit."""

    most: int | None
    periods: int | None


@dataclass(frozen=True, slots=True)
class Pool:
    """`included` is per customer and period, scaled; `rollover` None: nothing is carried."""

    pool_id: str
    label: str
    value_unit_id: str
    included: int
    rollover: Rollover | None
    overage_behavior: str
    is_exploration: bool

    def giving(self, included: int, overage_behavior: str | None = None) -> "Pool":
        """The pool with another allowance, and another behaviour beyond it where one is named."""
        return replace(self, included=included, overage_behavior=overage_behavior or self.overage_behavior)


@dataclass(frozen=True, slots=True)
class Exploration:
    """`expires_us` after the customer's first qualifying event; None: never."""

    enabled: bool = False
    qualifying_events: frozenset[str] = frozenset()
    expires_us: int | None = None
    graduation_signal: str | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """`hundredths` of a percent of the available allowance or the spend cap, and what to do from there on. `scope`: of
    some pool of the unit, of the unit's whole allowance, of any unit's, and then for every unit of the customer, or of
    the spend cap, by the whole bill, and then for every unit that has a price.
    """

    percent: Decimal
    hundredths: int
    action: str
    scope: str = POOL_SCOPE


@dataclass(frozen=True, slots=True)
class AbsoluteCap:
    """The most of one unit per customer and period, scaled, whatever the pools hold."""

    value_unit_id: str
    most: int
    action: str


@dataclass(frozen=True, slots=True)
class Rails:
    """What prevents a blow-up; `spend_cap` is USD per customer and period, scaled."""

    thresholds: tuple[Threshold, ...] = ()
    spend_cap: int | None = None
    at_cap_action: str | None = None
    absolute_caps: tuple[AbsoluteCap, ...] = ()


@dataclass(frozen=True, slots=True)
class PeriodAnchor:
    """How customers' periods are cut: 30 days from `at_us`, or months of a time zone (IANA name)."""

    kind: str
    at_us: int = 0
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How long a copy may be used, and what happens after: `stale` and each rail of `on_expired` is open or closed, and
    so is each of `on_counters_unavailable` for the time in which nobody knows what a customer has used.

    `period_anchor` None: by the client's own setting.
    """

    max_staleness_seconds: int = DEFAULT_STALENESS_SECONDS
    sequence: int = 0
    stale: str = "open"
    on_expired: Mapping[str, str] = field(default_factory=lambda: dict(RAILS))
    on_counters_unavailable: Mapping[str, str] = field(default_factory=lambda: dict(UNCOUNTED))
    period_anchor: PeriodAnchor | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One config version; `upcoming` is the version that replaces it at `upcoming_at_us`, if one is approved.

    `before` are the terms before `since_us`, where the decision for this version does not let it hold at once for whole
    periods: they hold until the end of the period in which `since_us` lies, or share it out, as `terms_start` says.
    """

    config_version_id: str
    subject: Subject
    units: tuple[Unit, ...]
    pools: tuple[Pool, ...]
    exploration: Exploration
    rails: Rails
    delivery: Delivery
    upcoming_at_us: int | None = None
    upcoming: "Document | None" = None
    since_us: int | None = None
    before: "Document | None" = None
    terms_start: str = NEXT_PERIOD
    price_plan: PricePlan | None = None
