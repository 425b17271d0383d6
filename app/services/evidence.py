"""Evidence: what customer apps reported about a config, beside what its simulation forecast (spec 7, flow 6B).

The forecast counts customers over a window of N days, so the comparison counts the distinct customers of the first N
days in force. While fewer have passed, a small number says nothing yet, but a large one already does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import sqlalchemy as sa

from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.enforcement import EnforcementEvent
from app.models.simulation_run import SimulationRun
from app.services.snapshots import latest_completed_run
from rules.enums import Action, ConfigStatus, EnforcementEventType

AGREES_WITHIN = Decimal(2)  # half as many to twice as many customers
NEGLIGIBLE = 2  # customers: below this, chance explains any ratio
RATIO_PLACES = Decimal("0.01")
REPORTED_AS: Mapping[str, EnforcementEventType] = {
    Action.WARN: EnforcementEventType.RAIL_WARNING_SHOWN,
    Action.THROTTLE: EnforcementEventType.RAIL_THROTTLE_APPLIED,
    Action.DEGRADE_QUALITY: EnforcementEventType.RAIL_THROTTLE_APPLIED,
    Action.BLOCK: EnforcementEventType.HARD_CAP_BLOCKED,
    Action.REQUIRE_APPROVAL: EnforcementEventType.OVERRIDE_APPROVED,
}
"""The enforcement event by which an app reports an action of the rails."""


@dataclass(frozen=True)
class Comparison:
    """One event type: events and customers over all time, customers in the forecast's window, and what that means.

    `ratio` is observed ÷ forecast with two places, null without a forecast or when it is 0. `verdict` is one of
    no_forecast, too_early, as_forecast, more_than_forecast, less_than_forecast; `text` says it in words.
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
class Evidence:
    """`by_day` has a row `{day, counts: {event_type: n}}` for each day with events; `in_force_since` may be null."""

    config_version_id: str
    simulation_run_id: str | None
    in_force_since: datetime | None
    observed_days: int
    forecast_days: int | None
    events: int
    by_event_type: tuple[Comparison, ...]
    by_day: tuple[dict[str, Any], ...]
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON with the same names."""
        return asdict(self)


def evidence(session: Any, config: ConfigVersion, *, now: datetime) -> Evidence:
    """Everything reported about a config version up to now, compared with the run that it was decided on."""
    since, run = _decided(session, config)
    outputs = (run.outputs if run else None) or {}
    days = (outputs.get("window") or {}).get("days")
    until = now if config.status == ConfigStatus.ACTIVE else max(config.updated_at, since or config.updated_at)
    observed_days = max(0, (until - since) // timedelta(days=1)) if since else 0
    counts = _counts(session, config, since, days)
    forecast = forecast_customers(outputs)
    types = [item.value for item in EnforcementEventType]
    rows = tuple(_compare(name, counts.get(name, (0, 0, 0)), forecast, observed_days, days) for name in types)
    return Evidence(
        config_version_id=config.config_version_id,
        simulation_run_id=run and run.simulation_run_id,
        in_force_since=since,
        observed_days=observed_days,
        forecast_days=days,
        events=sum(row.events for row in rows),
        by_event_type=rows,
        by_day=tuple(_by_day(session, config)),
        verdict=_overall(rows),
    )


def forecast_customers(outputs: Mapping[str, Any]) -> dict[str, int]:
    """event_type → how many customers the run expected to see it; only types that the run forecasts.

    Of several thresholds with one action the one that most customers reach counts: who reaches 90 has reached 70. The
    run's graduations are no such forecast: they count everybody who ever graduated, before the window included.
    """
    found: dict[str, int] = {}
    for action, customers in _forecast_actions(outputs.get("enforcement_forecast") or {}):
        event_type = REPORTED_AS.get(action)
        if event_type is not None and customers is not None:
            found[event_type.value] = max(customers, found.get(event_type.value, 0))
    return found


def _forecast_actions(forecast: Mapping[str, Any]) -> Iterator[tuple[str, int | None]]:
    for threshold in forecast.get("thresholds") or ():
        yield threshold["action"], threshold.get("customers")
    cap = forecast.get("spend_cap") or {}
    if cap.get("at_cap_action"):
        yield cap["at_cap_action"], forecast.get("customers_over_spend_cap")


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


def _counts(
    session: Any, config: ConfigVersion, since: datetime | None, days: int | None
) -> dict[str, tuple[int, int, int]]:
    """event_type → events, customers, customers in the first `days` in force (all, when there is no such window)."""
    customer, occurred_at = EnforcementEvent.customer_id, EnforcementEvent.occurred_at
    window_ends = since + timedelta(days=days) if since and days else None
    inside = sa.true() if window_ends is None else occurred_at < window_ends
    statement = (
        sa.select(
            EnforcementEvent.event_type,
            sa.func.count(),
            sa.func.count(customer.distinct()),
            sa.func.count(sa.case((inside, customer)).distinct()),
        )
        .filter_by(config_version_id=config.config_version_id)
        .group_by(EnforcementEvent.event_type)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in session.execute(statement)}


def _by_day(session: Any, config: ConfigVersion) -> Iterator[dict[str, Any]]:
    """Days in UTC, in order."""
    occurred_at: sa.ColumnElement[Any] = EnforcementEvent.occurred_at
    if session.get_bind().dialect.name == "postgresql":
        occurred_at = sa.func.timezone("UTC", occurred_at)  # else the day of the session's time zone
    day = sa.cast(sa.func.date(occurred_at), sa.Text)
    statement = (
        sa.select(day, EnforcementEvent.event_type, sa.func.count())
        .filter_by(config_version_id=config.config_version_id)
        .group_by(day, EnforcementEvent.event_type)
        .order_by(day, EnforcementEvent.event_type)
    )
    days: dict[str, dict[str, int]] = {}
    for moment, event_type, count in session.execute(statement):
        days.setdefault(moment, {})[event_type] = count
    return ({"day": moment, "counts": counts} for moment, counts in days.items())


def _compare(
    event_type: str,
    counts: tuple[int, int, int],
    forecast: Mapping[str, int],
    observed_days: int,
    forecast_days: int | None,
) -> Comparison:
    events, customers, seen = counts
    expected = forecast.get(event_type)
    verdict = _verdict(seen, expected, forecast_days is not None and observed_days < forecast_days)
    return Comparison(
        event_type=event_type,
        events=events,
        customers=customers,
        customers_in_window=seen,
        forecast_customers=expected,
        ratio=(Decimal(seen) / expected).quantize(RATIO_PLACES, ROUND_HALF_EVEN) if expected else None,
        verdict=verdict,
        text=_text(event_type, seen, expected, verdict),
    )


def _verdict(seen: int, expected: int | None, is_early: bool) -> str:
    if expected is None:
        return "no_forecast"
    if abs(seen - expected) > NEGLIGIBLE and seen > expected * AGREES_WITHIN:
        return "more_than_forecast"
    if abs(seen - expected) > NEGLIGIBLE and seen * AGREES_WITHIN < expected:
        return "too_early" if is_early else "less_than_forecast"
    return "as_forecast"


_SAYS = {
    "no_forecast": "nothing was forecast",
    "too_early": "too early to say",
    "as_forecast": "as forecast",
    "more_than_forecast": "more than forecast: look at what the app counts before trusting the next simulation",
    "less_than_forecast": "less than forecast: look whether the app reports everything",
}


def _text(event_type: str, seen: int, expected: int | None, verdict: str) -> str:
    """`rail_warning_shown: 12 customers, forecast 10: as forecast.`"""
    forecast = "" if expected is None else f", forecast {expected}"
    return f"{event_type}: {seen} customer{'' if seen == 1 else 's'}{forecast}: {_SAYS[verdict]}."


def _overall(rows: Iterable[Comparison]) -> str:
    """The texts of what differs, or one sentence when nothing does."""
    rows = tuple(rows)
    differing = [row.text for row in rows if row.verdict in ("more_than_forecast", "less_than_forecast")]
    if differing:
        return " ".join(differing)
    if not any(row.events for row in rows):
        return "No enforcement events were reported."
    if any(row.verdict == "too_early" for row in rows):
        return "Too early to compare everything with the forecast; nothing contradicts it so far."
    return "What the apps reported agrees with the forecast."
