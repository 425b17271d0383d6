"""Evidence: what customer apps reported about a config, beside what its simulation forecast (spec 7, flow 6B).

The forecast counts customers over a window of N days, so the comparison counts the distinct customers of the first N
days in force. While fewer have passed, a small number says nothing yet, but a large one already does. When a count has
drifted from its forecast is said in `rules.drift`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.enforcement import SPEND_CAP, limit_key
from app.models.simulation_run import SimulationRun
from app.services.configs.lookup import latest_completed_run
from app.services.evidence.counts import NO_EVENTS, Counts, Key, by_limit, by_type, days_of, events_by_day, window_end
from app.services.evidence.sequence_gaps import NOBODY, Reporters, reporters
from rules import drift
from rules.enforcement import REPORTED_AS
from rules.enums import ConfigStatus, EnforcementEventType

TYPES = tuple(item.value for item in EnforcementEventType)


@dataclass(frozen=True)
class Comparison:
    """One event type: events and customers over all time, customers in the forecast's window, and what that means.

    `ratio` is observed ÷ forecast with two places, null without a forecast or when it is 0. `verdict` is one of
    `rules.drift.VERDICTS`; `text` says it in words.
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
    """One limit that the run forecast: a threshold's `percent`, null for the spend cap, and how apps report it."""

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
    """The same of one threshold, or of the spend cap (`percent` null)."""

    percent: int | Decimal | None
    action: str


@dataclass(frozen=True)
class Evidence:
    """`by_day` has a row `{day, counts: {event_type: n}}` for each day with events; `in_force_since` may be null."""

    config_version_id: str
    simulation_run_id: str | None
    in_force_since: datetime | None
    observed_days: int
    forecast_days: int | None
    events: int
    by_event_type: tuple[Comparison, ...]
    by_day: tuple[Mapping[str, Any], ...]
    verdict: str
    by_threshold: tuple[LimitComparison, ...] = ()
    reporters: Reporters = NOBODY

    def as_dict(self) -> dict[str, Any]:
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
    outputs: Mapping[str, Any]

    @property
    def forecast_days(self) -> int | None:
        return (self.outputs.get("window") or {}).get("days")

    @property
    def window_ends(self) -> datetime | None:
        return window_end(self.since, self.forecast_days)

    @property
    def observed_days(self) -> int:
        return max(0, (self.until - self.since) // timedelta(days=1)) if self.since else 0

    @property
    def is_early(self) -> bool:
        return self.forecast_days is not None and self.observed_days < self.forecast_days


def evidence(session: Any, config: ConfigVersion, *, now: datetime) -> Evidence:
    """Everything reported about a config version up to now, compared with the run that it was decided on."""
    return evidence_of(session, in_force(session, config, now=now))


def evidence_of(session: Any, version: InForce) -> Evidence:
    """As `evidence`, of a version in force that was read before; use it when the daily comparison is needed too."""
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


def in_force(session: Any, config: ConfigVersion, *, now: datetime) -> InForce:
    """The config version with its time in force up to now: what every comparison of it starts from."""
    since, run = _decided(session, config)
    until = now if config.status == ConfigStatus.ACTIVE else max(config.updated_at, since or config.updated_at)
    outputs = (run.outputs if run else None) or {}
    return InForce(config.workspace_id, config.config_version_id, run and run.simulation_run_id, since, until, outputs)


def type_comparisons(session: Any, version: InForce) -> tuple[Comparison, ...]:
    """A row for every event type, in one statement."""
    found = by_type(session, version.config_version_id, version.window_ends)
    forecast = forecast_customers(version.outputs)
    return tuple(_compare(name, found.get(name, NO_EVENTS), forecast.get(name), version.is_early) for name in TYPES)


def forecast_customers(outputs: Mapping[str, Any]) -> dict[str, int]:
    """event_type → how many customers the run expected to see it; only types that the run forecasts.

    Of several thresholds with one action the one that most customers reach counts: who reaches 90 has reached 70. The
    run's graduations are no such forecast: they count everybody who ever graduated, before the window included.
    """
    found: dict[str, int] = {}
    for limit in forecast_limits(outputs):
        if limit.customers is not None:
            found[limit.event_type] = max(limit.customers, found.get(limit.event_type, 0))
    return found


def forecast_limits(outputs: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Every threshold and the spend cap, in the order of the run."""
    return tuple(_limits(outputs.get("enforcement_forecast") or {}))


def _limits(forecast: Mapping[str, Any]) -> Iterator[Limit]:
    for row in forecast.get("thresholds") or ():
        if row["action"] in REPORTED_AS:
            kind, percent = REPORTED_AS[row["action"]].value, row["percent"]
            yield Limit(kind, limit_key(percent), percent, row["action"], row.get("customers"))
    action = (forecast.get("spend_cap") or {}).get("at_cap_action")
    if action in REPORTED_AS:
        yield Limit(REPORTED_AS[action].value, SPEND_CAP, None, action, forecast.get("customers_over_spend_cap"))


def _decided(session: Any, config: ConfigVersion) -> tuple[datetime | None, SimulationRun | None]:
    """Since when the config is in force, and the run it was decided on; the latest run of one never decided."""
    first = (
        sa.select(DecisionRecord)
        .filter_by(config_version_id=config.config_version_id)
        .order_by(DecisionRecord.effective_at, DecisionRecord.decision_id)
        .limit(1)
    )
    decision: DecisionRecord | None = session.scalar(first)
    if decision is None:
        return None, latest_completed_run(session, config.config_version_id)
    return decision.effective_at, decision.simulation_run


def _compare(event_type: str, found: Counts, expected: int | None, is_early: bool) -> Comparison:
    verdict = drift.verdict_of(found.in_window, expected, is_early)
    return Comparison(event_type, *_figures(event_type, found, expected, verdict))


def _figures(name: str, found: Counts, expected: int | None, verdict: str) -> tuple[Any, ...]:
    """The fields of a comparison after its event type."""
    seen = found.in_window
    ratio, text = drift.ratio_of(seen, expected), drift.text_of(name, seen, expected, verdict)
    return found.events, found.customers, seen, expected, ratio, verdict, text


def _limit_comparisons(session: Any, version: InForce) -> tuple[LimitComparison, ...]:
    """A row for every limit that the run forecast."""
    limits = forecast_limits(version.outputs)
    found = by_limit(session, version.config_version_id, version.window_ends) if limits else {}
    return tuple(_compare_limit(limit, limits, found, version.is_early) for limit in limits)


def _compare_limit(
    limit: Limit, limits: tuple[Limit, ...], found: Mapping[Key, Counts], is_early: bool
) -> LimitComparison:
    key = observed_key(limit, limits, found)
    seen = found.get(key, NO_EVENTS)
    verdict = drift.verdict_of(seen.in_window, limit.customers, is_early)
    if key not in found and (limit.event_type, None) in found and not _says_limits(limit.event_type, found):
        verdict = drift.NOT_TOLD_APART
    figures = _figures(limit.name, seen, limit.customers, verdict)
    return LimitComparison(limit.event_type, *figures, limit.percent, limit.action)


def observed_key(limit: Limit, limits: tuple[Limit, ...], found: Mapping[Key, Any]) -> Key:
    """Which reports are about the limit: those that name it; all of its type when no other limit could be meant."""
    alone = [other.event_type for other in limits].count(limit.event_type) == 1
    if alone and not _says_limits(limit.event_type, found):
        return limit.event_type, None
    return limit.event_type, limit.limit_key


def _says_limits(event_type: str, found: Mapping[Key, Any]) -> bool:
    return any(kind == event_type and named is not None for kind, named in found)
