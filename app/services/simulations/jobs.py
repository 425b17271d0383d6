"""Jobs: simulations that an operator watches. A thread computes them, the run's row is their state.

    queued → running → completed | failed

Every server process reads the same row. The process that computes holds a lock file of the run's name, which ends with
it: where the lock is free and the run unfinished, the process has died, and the first `watch` fails the run. One whose
lock is on another machine is failed after `GIVE_UP_AFTER`.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actor import SYSTEM, Actor
from app.errors import AvsError
from app.file_lock import exclusive
from app.models.base import AnySession
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.patience import insist
from app.services.lookup import get
from app.services.simulations.runs import Request, begin, complete, compute, fail, prepare
from app.services.usage.store import UsageEvents
from app.unavailable import refusal_of_failure
from rules.enums import SimulationStatus

Clock = Callable[[], datetime]
Bind = sa.Engine | sa.Connection

WORKERS = 2
"""Per process: the columnar engine uses every core already, more threads would only take memory."""
AT_ONCE_SECONDS = 0.4
"""A run that ends sooner needs no progress page."""
GIVE_UP_AFTER = timedelta(minutes=10)
"""Generous: a hundred million events take seconds."""
INTERRUPTED = "The server process that computed it ended before it was done. Nothing else was lost: simulate again."
UNFINISHED = (SimulationStatus.QUEUED.value, SimulationStatus.RUNNING.value)
ABANDONED = (
    f"It did not end within {GIVE_UP_AFTER.seconds // 60} minutes: the server that computed it was probably stopped. "
    "Simulate again."
)

_log = logging.getLogger(__name__)
_threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="simulation")


def start(
    session: AnySession, events: UsageEvents, request: Request, folder: Path, *, actor: Actor, clock: Clock
) -> SimulationRun:
    """Write the run and compute it in a thread; returns when it has ended or after `AT_ONCE_SECONDS`.

    `folder` has the locks of the runs under way. Opens and commits its own write transaction. Raises Conflict with all
    findings when the simulation gate refuses, and Invalid for a baseline that is not there; then nothing was written.
    """
    prepared = prepare(session, request)
    with write(session):
        run_id = begin(session, prepared, actor=actor, now=clock()).simulation_run_id
    computing = ExitStack()
    computing.enter_context(_computing(folder, run_id))
    job = _threads.submit(_compute, session.get_bind(), events, request, run_id, actor, clock)
    job.add_done_callback(lambda _: computing.close())
    wait((job,), timeout=AT_ONCE_SECONDS)
    session.rollback()
    return run_of_id(session, run_id)


def watch(session: AnySession, simulation_run_id: str, folder: Path, *, now: datetime) -> SimulationRun:
    """The run as it is now; one that nobody computes any more is failed first, in a write transaction of its own."""
    run = run_of_id(session, simulation_run_id)
    if run.status not in UNFINISHED:
        return run
    if _is_interrupted(folder, simulation_run_id):
        return _given_up(session, simulation_run_id, INTERRUPTED, now)
    return _given_up(session, simulation_run_id, ABANDONED, now) if now - run.created_at > GIVE_UP_AFTER else run


def _given_up(session: AnySession, simulation_run_id: str, reason: str, now: datetime) -> SimulationRun:
    """The run, failed unless it has ended since."""
    with write(session):
        run = run_of_id(session, simulation_run_id)
        if run.status in UNFINISHED:
            fail(session, run, reason, actor=SYSTEM, now=now)
    return run


def _lock_of(folder: Path, simulation_run_id: str) -> Path:
    return folder / f"{simulation_run_id}.lock"


@contextmanager
def _computing(folder: Path, simulation_run_id: str) -> Iterator[None]:
    """Hold the run's lock; a process that dies lets it go and leaves its file."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = _lock_of(folder, simulation_run_id)
    with exclusive(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _is_interrupted(folder: Path, simulation_run_id: str) -> bool:
    """Whether the process that computed the run has died: its file is there, and nobody holds it."""
    path = _lock_of(folder, simulation_run_id)
    if not path.exists():
        return False
    with exclusive(path, wait=False) as is_free:
        if is_free:
            path.unlink(missing_ok=True)
        return is_free


def run_of_id(session: AnySession, simulation_run_id: str) -> SimulationRun:
    """The run, read again from the database. Raises NotFound when there is none."""
    run: SimulationRun = get(session, SimulationRun, simulation_run_id, "simulation run", populate_existing=True)
    return run


def _compute(bind: Bind, events: UsageEvents, request: Request, run_id: str, actor: Actor, clock: Clock) -> None:
    """The work of a thread: whatever happens, the run ends; one that met a database in trouble, once it is well."""
    with Session(bind, expire_on_commit=False) as session:
        try:
            _answer(session, events, request, run_id, actor, clock)
        except Exception as error:
            refusal = refusal_of_failure(error)
            if refusal is None:
                _log.exception("Simulation %s failed", run_id)
            else:
                _log.warning("Simulation %s failed: %s", run_id, refusal)
            reason = _reason(refusal or error)
            insist(lambda: _end(session, run_id, reason, actor, clock), seconds=GIVE_UP_AFTER.total_seconds())


def _end(session: Session, run_id: str, reason: str, actor: Actor, clock: Clock) -> None:
    with write(session):
        fail(session, run_of_id(session, run_id), reason, actor=actor, now=clock())


def _answer(session: Session, events: UsageEvents, request: Request, run_id: str, actor: Actor, clock: Clock) -> None:
    """Prepare the question again, because it may have waited, and compute and store the answer to what it is now."""
    with write(session):
        run_of_id(session, run_id).status = SimulationStatus.RUNNING.value
        prepared = prepare(session, request)
    answer = compute(prepared, events, clock())
    with write(session):
        run = run_of_id(session, run_id)
        if run.status == SimulationStatus.RUNNING:
            complete(session, run, prepared, answer, actor=actor, now=clock())


def _reason(error: Exception) -> str:
    """The failure as a sentence for operators; the log has the traceback."""
    if isinstance(error, AvsError):
        return error.detail
    return f"The computation stopped with {type(error).__name__}; the server's log says more. Simulate again."
