"""Two operators on one cycle's units: what is frozen is what was checked, and versions count without gaps (flow 2B)."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import AvsError, PreconditionFailed
from app.models.base import db
from app.models.transactions import write
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.authoring import unit_snapshots, value_units
from app.services.authoring.inputs import ValueUnitInput
from tests import factories as f
from tests.admin_views.screens.authoring.unit_pages import HD, UNITS, changed, typed_in
from tests.admin_views.screens.draft_pages import AUTOSAVE

pytestmark = pytest.mark.own_database

WRITERS, ROUNDS = 6, 4
SUBMIT = f"{UNITS}/submit"


@pytest.fixture
def cycle(app: Flask) -> Flask:
    """A cycle with two units and snapshot 1 of them."""
    with write(db.session):
        f.foundation(db.session)
    return app


def at_once(app: Flask, acts: list[Callable[[], Any]]) -> list[Any]:
    """Run every act in a thread of its own, all at once."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        with app.app_context():
            gate.wait()
            return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def snapshots() -> dict[int, list[dict[str, Any]]]:
    db.session.rollback()
    rows = db.session.scalars(sa.select(ValueUnitSnapshot).order_by(ValueUnitSnapshot.snapshot_version))
    return {row.snapshot_version: row.value_units for row in rows}


def submit() -> int:
    with write(db.session):
        return int(unit_snapshots.submit_snapshot(db.session, f.CYCLE, **f.WHO).snapshot_version)


def test_submits_at_once_get_consecutive_versions(cycle: Flask) -> None:
    versions = at_once(cycle, [submit] * WRITERS)
    assert sorted(versions) == list(range(2, 2 + WRITERS))


def test_of_many_who_submit_what_they_saw_each_freezes_exactly_that(cycle: Flask) -> None:
    """One edits both units in one transaction again and again; a snapshot never holds one half of an edit."""

    def edit() -> None:
        for number in range(WRITERS * ROUNDS):
            with write(db.session):
                for value_unit_id in ("vu_hd_minute", "vu_draft_export"):
                    note: ValueUnitInput = {"quality_note": str(number)}
                    value_units.update_value_unit(db.session, value_unit_id, note, **f.WHO)

    def submit_often() -> None:
        for _ in range(ROUNDS):
            submit()

    at_once(cycle, [edit, *[submit_often] * WRITERS])
    frozen = snapshots()
    assert list(frozen) == list(range(1, 2 + WRITERS * ROUNDS))
    assert all(len({unit["quality_note"] for unit in units}) == 1 for units in list(frozen.values())[1:])


def seen_by(page: str) -> dict[str, str]:
    token, seen = (page.split(f'name="{name}"')[1].split('value="')[1].split('"')[0] for name in ("csrf_token", "seen"))
    return {"csrf_token": token, "seen": seen}


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_an_edit_beside_a_submit_is_frozen_if_it_was_seen_and_refuses_the_submit_otherwise(
    cycle: Flask, turn: int
) -> None:
    editor, submitter = cycle.test_client(), cycle.test_client()
    with write(db.session):
        value_units.update_value_unit(db.session, "vu_draft_export", {"name": "Draft"}, **f.WHO)
    edit = changed(typed_in(editor.get(HD).text), do="", name=f"Edit {turn}")
    seen = seen_by(submitter.get(SUBMIT).text)
    saved, submitted = at_once(
        cycle,
        [
            lambda: editor.post(HD, data=edit, headers=AUTOSAVE).status_code,
            lambda: submitter.post(SUBMIT, data=seen).status_code,
        ],
    )
    assert saved == 200
    frozen = snapshots()
    assert (submitted, list(frozen)) in ((303, [1, 2]), (412, [1]))
    assert all(unit["name"] != f"Edit {turn}" for units in frozen.values() for unit in units)


def test_the_check_and_the_freezing_are_one_step(cycle: Flask) -> None:
    """Whoever holds the units to check them keeps an edit out until the snapshot is there."""
    started = threading.Event()

    def edit() -> None:
        with cycle.app_context():
            started.set()
            with write(db.session):
                value_units.update_value_unit(db.session, "vu_hd_minute", {"name": "Late"}, **f.WHO)

    with ThreadPoolExecutor(1) as pool:
        with write(db.session):
            value_units.lock_units(db.session, f.CYCLE)
            late = pool.submit(edit)
            started.wait()
            with pytest.raises(TimeoutError):
                late.result(timeout=0.3)
            unit_snapshots.submit_snapshot(db.session, f.CYCLE, **f.WHO)
        late.result(timeout=30)
    assert [unit["name"] for unit in snapshots()[2]] == ["Draft export", "Usable HD minute"]
    db.session.rollback()
    assert db.session.get_one(ValueUnitDefinition, "vu_hd_minute").name == "Late"


def test_one_form_of_a_new_unit_sent_many_times_at_once_makes_one_unit(cycle: Flask) -> None:
    new = f"{UNITS}?unit=new"
    client = cycle.test_client()
    page = client.get(new)
    cookie = client.get_cookie("session")
    assert cookie is not None
    sent = changed(typed_in(page.text), do="", name="Storyboard")

    def send() -> int:
        twin = cycle.test_client()
        twin.set_cookie("session", cookie.value)
        return twin.post(new, data=sent, headers=AUTOSAVE).status_code

    assert at_once(cycle, [send] * WRITERS) == [200] * WRITERS
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(ValueUnitDefinition)) == 3


def test_two_who_edit_one_unit_at_once_are_told_apart(cycle: Flask) -> None:
    """One of them is saved, the other is shown both versions: nothing is overwritten unseen."""
    clients = [cycle.test_client() for _ in range(WRITERS)]
    forms = [changed(typed_in(client.get(HD).text), do="", name=f"Mine {at}") for at, client in enumerate(clients)]

    def save(at: int) -> Callable[[], int]:
        return lambda: clients[at].post(HD, data=forms[at], headers=AUTOSAVE).status_code

    statuses = at_once(cycle, [save(at) for at in range(WRITERS)])
    assert sorted(statuses) == [200] + [PreconditionFailed.status] * (WRITERS - 1)
    db.session.rollback()
    assert db.session.get_one(ValueUnitDefinition, "vu_hd_minute").name == f"Mine {statuses.index(200)}"


def test_units_of_a_cycle_that_is_not_there_are_not_locked(cycle: Flask) -> None:
    with pytest.raises(AvsError, match="There is no cycle 'cycle_nobody'"):
        value_units.lock_units(db.session, "cycle_nobody")
