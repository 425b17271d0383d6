"""The process dies at every step inside activation: all of it is there afterwards, or none of it (spec 2)."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.factory import create_app
from app.models.base import AnySession, db
from app.models.runtime_config import RuntimeConfig
from app.models.transactions import write
from app.services.configs.lookup import get_config
from app.services.decisions import activation, rescheduling
from app.services.decisions.runtime_config import announced
from simulation.canonical import parse_exact
from tests import factories as f
from tests.databases import settings
from tests.services.observe import current_documents, decision_statuses, everything, statuses

pytestmark = pytest.mark.own_database

BEFORE_COMMIT, AFTER_COMMIT = "before commit", "after commit"
MAX_WRITES = 40


def approve(session: AnySession) -> None:
    f.approve(session, "cfg_2", later=60)


def promote(session: AnySession) -> None:
    activation.activate_due(session, now=f.NOW + timedelta(days=2))


def roll_back(session: AnySession) -> None:
    activation.rollback(session, "cfg_0", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=60))


def move_to_now(session: AnySession) -> None:
    rescheduling.reschedule(session, "cfg_due", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=60))


def withdraw(session: AnySession) -> None:
    rescheduling.withdraw(session, "cfg_due", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=60))


def move(session: AnySession) -> None:
    by = replace(f.APPROVAL, effective_at=f.NOW + timedelta(days=9))
    rescheduling.reschedule(session, "cfg_due", by, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=60))


ACTS: dict[str, Callable[[Any], None]] = {
    "approve": approve,
    "promote": promote,
    "roll_back": roll_back,
    "move_to_now": move_to_now,
    "withdraw": withdraw,
    "move": move,
}
BECOMES_ACTIVE = {"approve": "cfg_2", "promote": "cfg_due", "roll_back": "cfg_0", "move_to_now": "cfg_due"}
DUE_BECOMES = {"withdraw": ("simulated", None), "move": ("approved", f.NOW + timedelta(days=9))}


@pytest.fixture
def decided(app: Flask) -> Flask:
    """cfg_1 is active after cfg_0; cfg_2 may be approved, cfg_due waits for tomorrow."""
    with write(db.session):
        f.foundation(db.session)
        f.active(db.session, "cfg_0")
        f.active(db.session, "cfg_1", later=10)
        f.simulated(db.session, "cfg_2")
        f.simulated(db.session, "cfg_due")
        f.approve(db.session, "cfg_due", later=20, effective_at=f.NOW + timedelta(days=1))
    return app


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def child(uri: str, data_dir: str, act: str, moment: int | str) -> None:
    """Do the act in a process of its own, and die before its `moment`-th write statement, or around the commit."""
    app = create_app(settings(uri, Path(data_dir)))
    with app.app_context():
        arm(db.engine, moment)
        with write(db.session):
            ACTS[act](db.session)
        if moment == AFTER_COMMIT:
            die()


def arm(engine: sa.Engine, moment: int | str) -> None:
    written = 0

    @sa.event.listens_for(engine, "before_cursor_execute")
    def count_writes(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal written
        if statement.startswith(("INSERT", "UPDATE", "DELETE", "WITH")):
            written += 1
            if written == moment:
                die()

    @sa.event.listens_for(engine, "commit")
    def on_commit(_connection: object) -> None:
        if moment == BEFORE_COMMIT:
            die()


def survives(app: Flask, act: str, moment: int | str) -> bool:
    """Whether the child reached its end; the processes are forked from a clean one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    arguments = (app.config["SQLALCHEMY_DATABASE_URI"], str(app.config["DATA_DIR"]), act, moment)
    process = context.Process(target=child, args=arguments)
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), f"the child failed: {process.exitcode}"
    return process.exitcode == 0


def current_rows(session: AnySession) -> list[RuntimeConfig]:
    return list(session.scalars(sa.select(RuntimeConfig).filter_by(current=True)))


def is_complete(act: str) -> bool:
    """Everything that the activation should leave is there, and nothing contradicts it."""
    db.session.remove()  # another process wrote: a record that this session still holds would be the one of before
    if act in DUE_BECOMES:
        due, (document,) = get_config(db.session, "cfg_due"), current_rows(db.session)
        following = announced(dict(parse_exact(document.document)))
        return (due.status, due.effective_at) == DUE_BECOMES[act] and (following is None) == (act == "withdraw")
    winner = BECOMES_ACTIVE[act]
    return (
        statuses(db.session)[winner] == "active"
        and statuses(db.session)["cfg_1"] == "archived"
        and current_documents(db.session) == [winner]
        and ("cfg_1", "archived") in decision_statuses(db.session)
        and (winner, "active") in decision_statuses(db.session)
    )


@pytest.mark.parametrize("act", ACTS)
def test_a_process_killed_before_any_of_its_writes_leaves_nothing(decided: Flask, act: str) -> None:
    before = everything(db.session)
    for moment in range(1, MAX_WRITES):
        if survives(decided, act, moment):
            break
        assert everything(db.session) == before, f"killed before write {moment}"
    assert moment > 2  # else the hook did not see the writes: what retires the version before, and all the others
    assert is_complete(act)


@pytest.mark.parametrize("act", ACTS)
def test_a_process_killed_just_before_its_commit_leaves_nothing(decided: Flask, act: str) -> None:
    before = everything(db.session)
    assert not survives(decided, act, BEFORE_COMMIT)
    assert everything(db.session) == before


@pytest.mark.parametrize("act", ACTS)
def test_a_process_killed_just_after_its_commit_leaves_everything(decided: Flask, act: str) -> None:
    assert not survives(decided, act, AFTER_COMMIT)
    assert is_complete(act)
