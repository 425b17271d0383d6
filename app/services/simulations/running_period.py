"""What a version would do to use that customers have made already in the period they are in (spec 3).

A version holds for the whole running period of each customer from the moment that it takes effect, unless its decision
says otherwise. So a price that rises is owed for what was used before it rose, and whoever is beyond a limit by then
is refused at that instant.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from app.models.base import AnySession
from app.models.decision_record import DecisionRecord
from app.services.configs.lookup import newest_decision
from app.services.configs.reading import ConfigReading, read_config
from app.services.configs.terms_start import usual_terms_start
from app.services.simulations.stricter import stricter
from app.services.usage.store import Dataset, EventStore
from rules.draft import RunningPeriod
from rules.enums import ConfigStatus, TermsStart
from rules.gate import blocks_simulation, evaluate
from simulation.canonical import Json, JsonObject
from simulation.documents import config_plan
from simulation.limits import AbsoluteCap, Rerated
from simulation.plan import ConfigPlan, Plan
from simulation.proration import Share, prorated, share_of
from simulation.window import PERIOD_DAYS, Period, Window, running_period

Caps = tuple[tuple[AbsoluteCap, ...], ...]
DECIDED = (ConfigStatus.APPROVED, ConfigStatus.ACTIVE)
ROLLING_PERIODS = 4
"""How far back what was carried into the running period is followed: the longest window of a simulation."""


@dataclass(frozen=True)
class Terms:
    """What customers are held to: a config's plan, and its absolute caps, which simulations do not look at."""

    plan: ConfigPlan
    caps: tuple[AbsoluteCap, ...]

    def over(self, before: "Terms", share: Share) -> "Terms":
        """These terms in a period in which they took the place of others, its amounts shared out by days."""
        return replace(self, plan=prorated(before.plan, self.plan, share.elapsed_days, share.period_days))


def _terms(config_version_id: str, document: Mapping[str, Json]) -> Terms:
    plan = config_plan({"config_version_id": config_version_id, **document})
    return Terms(plan, tuple(map(_cap, document["rails"].get("absolute_usage_caps") or ())))


def _in_force(document: JsonObject, period: Period, days: int | None = None) -> Terms:
    """The terms of a served document, or of those before it, as they hold in a period in which amounts were shared.

    With `days`, in so many of its days, after which another version took effect.
    """
    own, terms = _terms(document["config_version_id"], document), document.get("terms")
    since = datetime.fromisoformat(terms["since"]) if terms else period.start
    if not terms or terms["start"] != TermsStart.PRORATED or since <= period.start:
        return own
    share = share_of(period.start, since, period.end)
    share = replace(share, period_days=days or share.period_days)
    return own.over(_in_force(terms["before"], period, share.elapsed_days or None), share)


def running_period_of(
    session: AnySession, store: EventStore, reading: ConfigReading, *, now: datetime
) -> RunningPeriod | None:
    """What the version does to the period in which customers are now, against the terms that hold without it.

    None where it does nothing: it cannot be simulated yet, it is archived, it is in force since an earlier period, or
    customers finish theirs, because its decision or a change policy says so. Where its amounts are shared out by days
    they are rated so. Reads the event store.
    """
    if reading.config.status == ConfigStatus.ARCHIVED or blocks_simulation(evaluate(reading.draft())):
        return None
    period, decision = running_period(now), _decision(session, reading)
    start = decision.terms_start if decision else usual_terms_start(reading, None).start
    if start == TermsStart.NEXT_PERIOD:
        return None
    new, since = _terms(reading.config.config_version_id, reading.document), now
    if decision and reading.config.status == ConfigStatus.ACTIVE:
        since = _moment(decision)
        before = _before(session, reading, decision, period)
        if before is None:
            return None
    else:
        before = _document(reading.served.avs_config) if reading.served else None
    today = _in_force(before, period) if before else None
    shared = start == TermsStart.PRORATED and before is not None
    if before is not None and shared:
        share = share_of(period.start, since, period.end)
        new = new.over(_in_force(before, period, share.elapsed_days or None), share)
    found = _judged(store, reading, new, today, period)
    return found and replace(found, prorated=shared, without_plan=_has_plan(new) or _has_plan(today))


def _has_plan(terms: Terms | None) -> bool:
    return terms is not None and terms.plan.price_plan is not None


def _decision(session: AnySession, reading: ConfigReading) -> DecisionRecord | None:
    """The decision on the version, None for a draft."""
    decided = reading.config.status in DECIDED
    return newest_decision(session, reading.config.config_version_id) if decided else None


def _moment(decision: DecisionRecord) -> datetime:
    return max(decision.effective_at, decision.created_at)


def _document(avs_config: JsonObject) -> JsonObject:
    """A served document with the terms before it where those before a document have them, too."""
    return {**avs_config, "terms": avs_config["governance"].get("terms")}


def _before(session: AnySession, reading: ConfigReading, decision: DecisionRecord, period: Period) -> JsonObject | None:
    """The terms in place of which an active version took effect in this very period; None when it did not."""
    if _moment(decision) <= period.start or decision.baseline_config_version_id is None:
        return None
    kept = reading.served.avs_config["governance"].get("terms") if reading.served else None
    if kept:
        return dict(kept["before"])
    before = read_config(session, decision.baseline_config_version_id)
    return {"config_version_id": before.config.config_version_id, **before.document}


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
