"""Many operators decide at once: one version is active at every instant, and every loser is told why (spec 2)."""

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Conflict
from app.factory import create_app
from app.models.base import AnySession, db
from app.models.catalog import EventCatalog
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.transactions import configure, lock_subject_of, write
from app.services.authoring import config_parts
from app.services.configs.lookup import get_config, newest_decision
from app.services.decisions import activation, rescheduling
from tests import factories as f
from tests.databases import settings
from tests.services.observe import current_documents, decision_statuses, statuses

pytestmark = pytest.mark.own_database

THREADS = 16
ACTIVE_AND_SERVED = sa.text(
    "SELECT c.config_version_id, r.config_version_id FROM config_versions c "
    "LEFT JOIN runtime_configs r ON r.current AND r.workspace_id = c.workspace_id AND r.segment = c.segment "
    "AND r.stage = c.stage AND r.target_environment = c.target_environment WHERE c.status = 'active'"
)


@pytest.fixture
def contested(app: Flask) -> Flask:
    """cfg_0 is active; cfg_1 and cfg_2 are candidates for its place."""
    with write(db.session):
        f.foundation(db.session)
        f.active(db.session, "cfg_0")
        for config_version_id in ("cfg_1", "cfg_2"):
            f.simulated(db.session, config_version_id)
    return app


Act = Callable[[AnySession], object]
Look = tuple[tuple[str, str], ...]
"""Every (active version, served version) at one moment."""


@contextmanager
def watched(app: Flask) -> Iterator[set[Look]]:
    """Look without pause, from a connection of its own; collects what it saw."""
    engine = sa.create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    configure(engine)
    seen: set[Look] = set()
    done = threading.Event()

    def watch() -> int:
        looks = 0
        while not done.is_set():
            with engine.connect() as connection:
                seen.add(tuple((active, served) for active, served in connection.execute(ACTIVE_AND_SERVED)))
            looks += 1
        return looks

    with ThreadPoolExecutor(1) as pool:
        watcher = pool.submit(watch)
        try:
            yield seen
        finally:
            done.set()
            assert watcher.result() > 0
            engine.dispose()


def at_once(app: Flask, acts: list[Act]) -> list[str]:
    """Run every act in a thread and transaction of its own, all at once; `done` or the code of its 409."""
    gate = threading.Barrier(len(acts))

    def run(act: Act) -> str:
        with app.app_context():
            gate.wait()
            try:
                with write(db.session):
                    act(db.session)
            except Conflict as refusal:
                return refusal.code
            return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def approval(config_version_id: str, baseline: str | None = None) -> Act:
    def act(session: AnySession) -> None:
        activation.approve(
            session,
            config_version_id,
            f"sim_{config_version_id}",
            f.APPROVAL,
            actor=f.OPERATOR,
            now=f.NOW,
            baseline_config_version_id=baseline,
        )

    return act


def is_always_one(seen: set[Look]) -> bool:
    """At every look one version was active, and it was the one that was served."""
    return all(len(rows) == 1 and rows[0][0] == rows[0][1] for rows in seen)


def test_each_of_two_candidates_is_approved_once_and_one_of_them_is_active(contested: Flask) -> None:
    """Without a named baseline both decisions are good: the later one archives the earlier one."""
    acts = [approval(f"cfg_{1 + index % 2}") for index in range(THREADS)]
    with watched(contested) as seen:
        outcomes = at_once(contested, acts)
    for config_version_id in (0, 1):
        assert Counter(outcomes[config_version_id::2]) == {"done": 1, "config_immutable": THREADS // 2 - 1}
    assert is_always_one(seen)
    assert sorted(statuses(db.session).values()) == ["active", "archived", "archived"]
    assert Counter(status for _, status in decision_statuses(db.session)) == {"active": 1, "archived": 2}
    assert [(*current_documents(db.session), "active")] == [
        item for item in decision_statuses(db.session) if item[1] == "active"
    ]


def test_of_two_candidates_for_one_baseline_the_slower_is_told_that_the_baseline_went(contested: Flask) -> None:
    """Both operators reviewed against cfg_0; once one of them has replaced it, the other must look again."""
    acts = [approval(f"cfg_{1 + index % 2}", baseline="cfg_0") for index in range(THREADS)]
    with watched(contested) as seen:
        outcomes = at_once(contested, acts)
    winner = outcomes.index("done") % 2
    assert Counter(outcomes[winner::2]) == {"done": 1, "config_immutable": THREADS // 2 - 1}
    assert Counter(outcomes[1 - winner :: 2]) == {"baseline_not_active": THREADS // 2}
    assert is_always_one(seen)
    assert statuses(db.session) == {
        "cfg_0": "archived",
        f"cfg_{winner + 1}": "active",
        f"cfg_{2 - winner}": "simulated",
    }


def test_a_due_version_is_promoted_once_however_many_look(contested: Flask) -> None:
    with write(db.session):
        f.approve(db.session, "cfg_1", effective_at=f.NOW + timedelta(days=1))
    promoted: list[str] = []

    def look(session: AnySession) -> None:
        promoted.extend(activation.activate_due(session, now=f.NOW + timedelta(days=2)))

    with watched(contested) as seen:
        assert set(at_once(contested, [look] * THREADS)) == {"done"}
    assert promoted == ["cfg_1"]
    assert is_always_one(seen)


def test_of_a_move_a_withdrawal_and_those_who_look_one_comes_first_and_nothing_contradicts_it(contested: Flask) -> None:
    """Whoever looks promotes it, unless it was moved or withdrawn before: never both."""
    with write(db.session):
        f.approve(db.session, "cfg_1", effective_at=f.NOW + timedelta(days=1))
    later, now = f.NOW + timedelta(days=9), f.NOW + timedelta(days=1)
    by = activation.Approval("Mara", "CFO", "Wait.", later)

    def look(session: AnySession) -> None:
        activation.activate_due(session, now=now)

    def move(session: AnySession) -> None:
        rescheduling.reschedule(session, "cfg_1", by, actor=f.OPERATOR, now=now - timedelta(seconds=1))

    def withdraw(session: AnySession) -> None:
        rescheduling.withdraw(session, "cfg_1", by, actor=f.OPERATOR, now=now - timedelta(seconds=1))

    with watched(contested) as seen:
        outcomes = at_once(contested, [look, move, withdraw] * 4)
    assert is_always_one(seen)
    moves, withdrawals = outcomes[1::3].count("done"), outcomes[2::3].count("done")
    status, decision = statuses(db.session)["cfg_1"], newest_decision(db.session, "cfg_1")
    assert set(outcomes) <= {"done", "not_scheduled"}
    assert status == ("simulated" if withdrawals else "active")
    assert withdrawals <= 1
    assert [entry["type"] for entry in decision.history] == ["moved"] * moves + ["withdrawn"] * withdrawals


def test_an_edit_and_an_approval_of_the_same_config_take_turns(contested: Flask) -> None:
    """Either the edit comes first and the run is stale, or the approval does and the config is immutable."""

    def edit(session: AnySession) -> None:
        config_parts.put_rails(session, "cfg_1", {"margin_floor": Decimal("0.5")}, actor=f.OPERATOR, now=f.NOW)

    outcomes = at_once(contested, [edit, approval("cfg_1")])
    assert outcomes in (["done", "simulation_stale"], ["config_immutable", "done"])


def wait_until_somebody_waits() -> None:
    """On PostgreSQL: until a transaction stands before a subject's lock. On SQLite nobody gets as far as reading."""
    while db.engine.dialect.name == "postgresql":
        with db.engine.connect() as connection:
            if connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")):
                return


LATER = f.NOW + timedelta(seconds=1)
MEANWHILE: dict[str, tuple[Act, str]] = {
    "an edit": (
        lambda s: config_parts.put_rails(s, "cfg_1", {"margin_floor": Decimal("0.5")}, actor=f.OPERATOR, now=f.NOW),
        "simulation_stale",
    ),
    "a newer run": (
        lambda s: f.run(s, get_config(s, "cfg_1"), "sim_newer", created_at=LATER),
        "simulation_not_latest",
    ),
    "the same decision": (approval("cfg_1"), "config_immutable"),
    "another decision": (approval("cfg_2"), "baseline_not_active"),
    "a cycle": (
        lambda s: s.execute(sa.update(Cycle).values(cycle_type="sandbox", updated_at=LATER)),
        "cycle_type_not_production",
    ),
    "a catalog": (
        lambda s: s.execute(sa.delete(EventCatalog).filter_by(event_type="video_render_completed")),
        "unit_event_mapping_invalid",
    ),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_what_changes_while_an_approval_waits_for_its_subject_is_seen(contested: Flask, what: str) -> None:
    change, code = MEANWHILE[what]
    with ThreadPoolExecutor(1) as pool:
        with write(db.session):
            lock_subject_of(db.session, "cfg_1")
            waiting = pool.submit(at_once, contested, [approval("cfg_1", baseline="cfg_0")])
            wait_until_somebody_waits()
            change(db.session)
        assert waiting.result() == [code]


def test_drafts_of_one_subject_that_are_made_at_once_get_different_numbers(contested: Flask) -> None:
    def drafting(number: int) -> Act:
        return lambda session: f.config(session, f"cfg_draft_{number}")

    acts = [drafting(number) for number in range(8)]
    assert at_once(contested, acts) == ["done"] * 8
    versions = db.session.scalars(sa.select(ConfigVersion.version).order_by(ConfigVersion.version))
    assert list(versions) == list(range(1, 12))


def one_of_many(uri: str, data_dir: str, config_version_ids: list[str]) -> None:
    """A process of its own that approves its candidates one after the other."""
    app = create_app(settings(uri, Path(data_dir)))
    with app.app_context():
        for config_version_id in config_version_ids:
            with write(db.session):
                f.approve(db.session, config_version_id)


def test_processes_take_turns_like_threads_do(contested: Flask) -> None:
    """Four workers approve twenty candidates of one subject: nobody meets a locked database, all twenty are decided."""
    candidates = [f"cfg_many_{number}" for number in range(20)]
    with write(db.session):
        for config_version_id in candidates:
            f.simulated(db.session, config_version_id)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    where = (contested.config["SQLALCHEMY_DATABASE_URI"], str(contested.config["DATA_DIR"]))
    workers = [context.Process(target=one_of_many, args=(*where, candidates[number::4])) for number in range(4)]
    with watched(contested) as seen:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert is_always_one(seen)
    db.session.rollback()
    assert Counter(statuses(db.session)[name] for name in candidates) == {"active": 1, "archived": 19}
