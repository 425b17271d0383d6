"""What a version would do to use that customers have made already in the period they are in (spec 3).

A version holds for the whole running period of each customer from the moment that it takes effect, unless its decision
says otherwise. So a price that rises is owed for what was used before it rose, and whoever is beyond a limit by then
is refused at that instant.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from app.models.base import AnySession
from app.services.configs.lookup import newest_decision
from app.services.configs.reading import ConfigReading, read_config
from app.services.simulations.stricter import stricter
from app.services.usage.store import Dataset, EventStore
from rules.draft import RunningPeriod
from rules.enums import ConfigStatus, TermsStart
from rules.gate import blocks_simulation, evaluate
from simulation.canonical import Json
from simulation.documents import config_plan
from simulation.limits import AbsoluteCap, Rerated
from simulation.plan import ConfigPlan, Plan
from simulation.window import PERIOD_DAYS, Period, Window, running_period

Caps = tuple[tuple[AbsoluteCap, ...], ...]
DECIDED = (ConfigStatus.APPROVED, ConfigStatus.ACTIVE)
ROLLING_PERIODS = 4
"""How far back what was carried into the running period is followed: the longest window of a simulation."""


class Terms:
    """What customers are held to: a config's plan, and its absolute caps, which simulations do not look at."""

    def __init__(self, config_version_id: str, document: Mapping[str, Json]) -> None:
        self.plan: ConfigPlan = config_plan({"config_version_id": config_version_id, **document})
        self.caps = tuple(map(_cap, document["rails"].get("absolute_usage_caps") or ()))


def running_period_of(
    session: AnySession, store: EventStore, reading: ConfigReading, *, now: datetime
) -> RunningPeriod | None:
    """What the version does to the period in which customers are now, against the terms that hold without it.

    None where it does nothing: it cannot be simulated yet, it is archived, it is in force since an earlier period, or
    its decision lets customers finish theirs. Reads the event store.
    """
    if reading.config.status == ConfigStatus.ARCHIVED or blocks_simulation(evaluate(reading.draft())):
        return None
    if reading.config.status in DECIDED and _spares_the_period(session, reading):
        return None
    period = running_period(now)
    if reading.config.status != ConfigStatus.ACTIVE:
        served = reading.served
        today = None if served is None else Terms(served.config_version_id, served.content)
    elif (before := _before(session, reading, period)) is not None:
        today = before
    else:
        return None
    return _judged(store, reading, Terms(reading.config.config_version_id, reading.document), today, period)


def _spares_the_period(session: AnySession, reading: ConfigReading) -> bool:
    decision = newest_decision(session, reading.config.config_version_id)
    return decision.terms_start == TermsStart.NEXT_PERIOD


def _before(session: AnySession, reading: ConfigReading, period: Period) -> Terms | None:
    """The terms in place of which an active version took effect in this very period; None when it did not."""
    decision = newest_decision(session, reading.config.config_version_id)
    moment = max(decision.effective_at, decision.created_at)
    if moment <= period.start or decision.baseline_config_version_id is None:
        return None
    before = read_config(session, decision.baseline_config_version_id)
    return Terms(before.config.config_version_id, before.document)


def _judged(
    store: EventStore, reading: ConfigReading, new: Terms, today: Terms | None, period: Period
) -> RunningPeriod | None:
    config = reading.config
    dataset = store.snapshot(config.workspace_id)
    rated = Rerated()
    if dataset.newest_ts is not None and dataset.newest_ts.replace(tzinfo=UTC) > period.start:
        rated = _rated(
            store.root, dataset, _plan(config.workspace_id, config.segment, new, today, period), _caps(new, today)
        )
    clauses = () if today is None else stricter(new.plan, today.plan, new.caps, today.caps)
    if not (clauses or rated.refused or rated.slowed):
        return None
    return RunningPeriod(
        start=f"{period.start:%Y-%m-%d}",
        end=f"{period.end:%Y-%m-%d}",
        stricter=clauses,
        refused=rated.refused,
        over_cap=rated.over_cap,
        slowed=rated.slowed,
        billed_more=rated.billed_more if today else 0,
        bill_today_usd=rated.bill_today_usd,
        bill_usd=rated.bill_usd,
    )


def _caps(new: Terms, today: Terms | None) -> Caps:
    return (new.caps,) if today is None else (new.caps, today.caps)


def _plan(workspace_id: str, segment: str, new: Terms, today: Terms | None, period: Period) -> Plan:
    """The question: both terms over the running period; over those before it too where allowance is carried on."""
    terms = [new.plan] if today is None else [new.plan, today.plan]
    carries = any(pool.rollover.enabled for config in terms for pool in config.pools)
    periods = ROLLING_PERIODS if carries else 1
    window = Window(period.end, PERIOD_DAYS * periods)
    return Plan(new.plan, today.plan if today else None, window, workspace_id, segment)


@lru_cache(maxsize=64)
def _rated(root: Path, dataset: Dataset, plan: Plan, caps: Caps) -> Rerated:
    """The rating, computed once for each state of the events (whose files are below `root`) and each question."""
    from simulation import engine  # late: Ibis and DuckDB come with the first usage in a running period

    with engine.open_parquet(dataset.paths) as table:
        return engine.rerate(plan, caps, table)


def _cap(document: Mapping[str, Json]) -> AbsoluteCap:
    quantity: int | Decimal = document["max_quantity"]
    return AbsoluteCap(document["value_unit_id"], Decimal(quantity), document.get("action") or "block")
