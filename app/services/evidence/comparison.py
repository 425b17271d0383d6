"""Evidence: what customer apps reported about a config, beside what its simulation forecast (spec 7, flow 6B).

The forecast counts customers over a window of N days, so the comparison counts the distinct customers of the first N
days in force. While fewer have passed, a small number proves nothing yet, but a large one already does. `rules.drift`
decides when a count has drifted from its forecast.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.enforcement import SPEND_CAP, limit_key
from app.services.evidence.activations import first_activation
from app.services.evidence.counts import (
    NO_EVENTS,
    Counts,
    DayCounts,
    Key,
    by_limit,
    by_type,
    days_of,
    events_by_day,
    window_end,
)
from app.services.evidence.sequence_gaps import NOBODY, Reporters, reporters
from rules import drift
from rules.enforcement import REPORTED_AS
from rules.enums import ConfigStatus, EnforcementEventType
from simulation.canonical import Json, JsonObject

TYPES = tuple(item.value for item in EnforcementEventType)


@dataclass(frozen=True)
class Comparison:
    """One event type: events and customers over all time, customers in the forecast's window, and the verdict on them.

    `ratio` is observed ÷ forecast with two places, None without a forecast or when it is 0. `verdict` is one of
    `rules.drift.VERDICTS`; `text` is the verdict in words.
    """

    event_type: str
    events: int
    customers: int
    customers_in_window: int
    forecast_customers: int | None
    ratio: Decimal | None
    verdict: str
    text: str


@dataclass(frozen=True)
class Limit:
    """One limit that the run forecast: a threshold's `percent`, None for the spend cap, and how apps report it."""

    event_type: str
    limit_key: str
    percent: int | Decimal | None
    action: str
    customers: int | None

    @property
    def name(self) -> str:
        """`100 % block`, `spend cap require approval`."""
        limit = "spend cap" if self.percent is None else f"{self.limit_key} %"
        return f"{limit} {self.action.replace('_', ' ')}"


@dataclass(frozen=True)
class LimitComparison(Comparison):
    """The comparison for one threshold, or for the spend cap (`percent` None)."""

    percent: int | Decimal | None
    action: str


@dataclass(frozen=True)
class Evidence:
    """All that was reported about a config version, beside the forecast of the run that it was decided on.

    `in_force_since` is None for one that never was; `by_day` has a row for each day with events.
    """

    config_version_id: str
    simulation_run_id: str | None
    in_force_since: datetime | None
    observed_days: int
    forecast_days: int | None
    events: int
    by_event_type: tuple[Comparison, ...]
    by_day: tuple[DayCounts, ...]
    verdict: str
    by_threshold: tuple[LimitComparison, ...] = ()
    reporters: Reporters = NOBODY

    def as_dict(self) -> JsonObject:
        """Plain JSON with the same names."""
        return asdict(self)


@dataclass(frozen=True)
class InForce:
    """A config version in force from `since` (None: never) to `until`, and the outputs of the run it was decided on."""

    workspace_id: str
    config_version_id: str
    simulation_run_id: str | None
    since: datetime | None
    until: datetime
    outputs: Mapping[str, Json]

    @property
    def forecast_days(self) -> int | None:
        """The length of the run's window."""
        days: int | None = (self.outputs.get("window") or {}).get("days")
        return days

    @property
    def window_ends(self) -> datetime | None:
        """When as many days as were forecast will have passed in force."""
        return window_end(self.since, self.forecast_days)

    @property
    def observed_days(self) -> int:
        """Whole days in force so far."""
        return max(0, (self.until - self.since) // timedelta(days=1)) if self.since else 0

    @property
    def is_early(self) -> bool:
        """Whether fewer days have passed than were forecast."""
        return self.forecast_days is not None and self.observed_days < self.forecast_days


def evidence(session: AnySession, config: ConfigVersion, *, now: datetime) -> Evidence:
    """Everything reported about a config version up to now, compared with the run that it was decided on."""
    return evidence_of(session, in_force(session, config, now=now))


def evidence_of(session: AnySession, version: InForce) -> Evidence:
    """`evidence` of a version in force that was read before; use it when the daily comparison is needed too."""
    rows = type_comparisons(session, version)
    return Evidence(
        config_version_id=version.config_version_id,
        simulation_run_id=version.simulation_run_id,
        in_force_since=version.since,
        observed_days=version.observed_days,
        forecast_days=version.forecast_days,
        events=sum(row.events for row in rows),
        by_event_type=rows,
        by_day=days_of(events_by_day(session, version.config_version_id)),
        verdict=drift.overall(
            ((row.events, row.verdict, row.text) for row in rows), version.observed_days, version.forecast_days
        ),
        by_threshold=_limit_comparisons(session, version),
        reporters=reporters(session, version.workspace_id, version.config_version_id),
    )


def in_force(session: AnySession, config: ConfigVersion, *, now: datetime) -> InForce:
    """The config version with its time in force up to now: what every comparison of it starts from."""
    activation = first_activation(session, config)
    since, run = activation.since, activation.run
    until = now if config.status == ConfigStatus.ACTIVE else max(config.updated_at, since or config.updated_at)
    outputs = (run.outputs if run else None) or {}
    return InForce(
        workspace_id=config.workspace_id,
        config_version_id=config.config_version_id,
        simulation_run_id=run.simulation_run_id if run else None,
        since=since,
        until=until,
        outputs=outputs,
    )


def type_comparisons(session: AnySession, version: InForce) -> tuple[Comparison, ...]:
    """A row for every event type, in one statement."""
    counts = by_type(session, version.config_version_id, version.window_ends)
    forecast = forecast_customers(version.outputs)
    return tuple(
        _compare(name, name, counts.get(name, NO_EVENTS), forecast.get(name), version.is_early) for name in TYPES
    )


def forecast_customers(outputs: Mapping[str, Json]) -> dict[str, int]:
    """event_type → how many customers the run expected to see it; only types that the run forecasts.

    Of several thresholds with one action the one that most customers reach counts: whoever reaches 90 % has reached
    70 %. The run's graduations are no such forecast: they also count customers who graduated before the window.
    """
    customers: dict[str, int] = {}
    for limit in forecast_limits(outputs):
        if limit.customers is not None:
            customers[limit.event_type] = max(limit.customers, customers.get(limit.event_type, 0))
    return customers


def forecast_limits(outputs: Mapping[str, Json]) -> tuple[Limit, ...]:
    """Every threshold and the spend cap, in the order of the run."""
    return tuple(_limits(outputs.get("enforcement_forecast") or {}))


def _limits(forecast: Mapping[str, Json]) -> Iterator[Limit]:
    for row in forecast.get("thresholds") or ():
        if row["action"] in REPORTED_AS:
            kind, percent = REPORTED_AS[row["action"]].value, row["percent"]
            yield Limit(kind, limit_key(percent), percent, row["action"], row.get("customers"))
    spend_cap: Mapping[str, Json] = forecast.get("spend_cap") or {}
    action: Json = spend_cap.get("at_cap_action")
    if action in REPORTED_AS:
        yield Limit(REPORTED_AS[action].value, SPEND_CAP, None, action, forecast.get("customers_over_spend_cap"))


def _compare(event_type: str, name: str, counts: Counts, forecast: int | None, is_early: bool) -> Comparison:
    """`name` is what the text calls it: the event type, or one limit of it."""
    verdict = drift.verdict_of(counts.in_window, forecast, is_early)
    return Comparison(
        event_type=event_type,
        events=counts.events,
        customers=counts.customers,
        customers_in_window=counts.in_window,
        forecast_customers=forecast,
        ratio=drift.ratio_of(counts.in_window, forecast),
        verdict=verdict,
        text=drift.text_of(name, counts.in_window, forecast, verdict),
    )


def _limit_comparisons(session: AnySession, version: InForce) -> tuple[LimitComparison, ...]:
    """A row for every limit that the run forecast."""
    limits = forecast_limits(version.outputs)
    counts = by_limit(session, version.config_version_id, version.window_ends) if limits else {}
    return tuple(_compare_limit(limit, limits, counts, version.is_early) for limit in limits)


def _compare_limit(
    limit: Limit, limits: tuple[Limit, ...], counts: Mapping[Key, Counts], is_early: bool
) -> LimitComparison:
    key = observed_key(limit, limits, counts)
    row = _compare(limit.event_type, limit.name, counts.get(key, NO_EVENTS), limit.customers, is_early)
    if key not in counts and (limit.event_type, None) in counts and not _name_limits(limit.event_type, counts):
        row = _not_told_apart(row, limit)
    return LimitComparison(**vars(row), percent=limit.percent, action=limit.action)


def _not_told_apart(row: Comparison, limit: Limit) -> Comparison:
    """The comparison of a limit whose event type was reported, but by reports that name no limit."""
    text = drift.text_of(limit.name, row.customers_in_window, limit.customers, drift.NOT_TOLD_APART)
    return replace(row, verdict=drift.NOT_TOLD_APART, text=text)


def observed_key(limit: Limit, limits: tuple[Limit, ...], reported: Collection[Key]) -> Key:
    """Which reports are about the limit: those that name it; all of its type when no other limit could be meant."""
    is_alone = [other.event_type for other in limits].count(limit.event_type) == 1
    if is_alone and not _name_limits(limit.event_type, reported):
        return limit.event_type, None
    return limit.event_type, limit.limit_key


def _name_limits(event_type: str, reported: Iterable[Key]) -> bool:
    """Whether some report of this type names the limit that was reached."""
    return any(kind == event_type and limit is not None for kind, limit in reported)
