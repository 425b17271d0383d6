"""What the usage events say of a config version, for the rules that advise on it (spec 3).

The event store is read only where the advice is shown: on review, on approval, and where the API reads one config. An
approval itself does not read it, for advice holds nothing back and the subject's lock is not to wait for files.
"""

from datetime import datetime

from app.models.base import AnySession
from app.services.configs.reading import ConfigReading, Usage
from app.services.configs.terms_start import terms_choice
from app.services.simulations.dataset import change_since
from app.services.simulations.running_period import running_period_of
from app.services.usage.soundness import DamagedUsage
from app.services.usage.store import EventStore
from rules.draft import RunningPeriod
from rules.finding import Finding
from rules.gate import evaluate


def usage_facts(session: AnySession, store: EventStore, reading: ConfigReading, *, now: datetime) -> Usage:
    """What became of the run's dataset since, what the version would do to the running period, and its decision."""
    run_id = reading.run.simulation_run_id if reading.run else None
    return Usage(
        dataset_change=None if run_id is None else change_since(session, store, run_id),
        running_period=_running_period(session, store, reading, now),
        terms_choice=terms_choice(session, reading),
    )


def _running_period(
    session: AnySession, store: EventStore, reading: ConfigReading, now: datetime
) -> RunningPeriod | None:
    """None too where files of the store are damaged: what becomes of the run's dataset says so."""
    try:
        return running_period_of(session, store, reading, now=now)
    except DamagedUsage:
        return None


def findings_with_usage(
    session: AnySession, store: EventStore, reading: ConfigReading, *, now: datetime
) -> tuple[Finding, ...]:
    """All findings of the rules, those that rest on usage among them."""
    return evaluate(reading.draft(usage_facts(session, store, reading, now=now)))
