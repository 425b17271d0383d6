"""Readiness tells which of the things that the product needs is not there, quickly, however it is not there."""

import threading
import time
from pathlib import Path

import pytest
from flask import Flask

from app import readiness
from app.extensions import signing_keys
from app.models.base import db
from app.readiness import Readiness
from app.unavailable import BUSY, FULL, Store, unavailable
from tests.present import present


def test_a_server_with_all_that_it_needs_is_ready(app: Flask) -> None:
    signing_keys().ring()
    answer = app.test_client().get("/readyz")
    report = present(answer.json)
    assert (answer.status_code, report["status"]) == (200, "ready")
    ready = {"state": "ready"}
    assert report["checks"] == {
        "control_database": ready,
        "usage_store": ready,
        "signing_keys": ready,
        "usage_files": ready,
    }


def test_what_is_missing_is_named(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "ROOM", 2**60)
    answer = app.test_client().get("/readyz")
    report = present(answer.json)
    assert (answer.status_code, report["status"]) == (503, "not_ready")
    checks = report["checks"]
    assert checks["control_database"] == {"state": "ready"}
    assert checks["usage_store"]["state"] == "storage_full"
    assert checks["signing_keys"]["state"] == "missing"
    assert not list(Path(app.config["DATA_DIR"]).glob("signing_keys/*"))


@pytest.mark.own_database
def test_a_database_of_another_version_is_not_migrated(app: Flask) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert present(app.test_client().get("/readyz").json)["checks"]["control_database"]["state"] == "not_migrated"


def test_a_check_that_hangs_is_not_waited_for_and_not_begun_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "ANSWERED_SECONDS", 0.1)
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    begun, goes_on = list[int](), threading.Event()

    def hangs() -> None:
        begun.append(1)
        goes_on.wait(10)

    checks = Readiness({"control_database": hangs, "usage_store": lambda: None})
    for _ in range(3):
        began = time.monotonic()
        status, document = checks.report()
        assert time.monotonic() - began < 1
        assert (status, document["checks"]["control_database"]["state"]) == (503, "not_answering")
        assert document["checks"]["usage_store"] == {"state": "ready"}
    assert begun == [1]
    goes_on.set()
    while checks.report()[0] != 200:
        time.sleep(0.01)


def test_the_stores_are_looked_at_once_in_a_second_however_many_ask() -> None:
    looks: list[int] = []
    checks = Readiness({"usage_store": lambda: looks.append(1)})
    askers = [threading.Thread(target=checks.report) for _ in range(20)]
    for thread in askers:
        thread.start()
    for thread in askers:
        thread.join()
    assert looks == [1]


@pytest.mark.parametrize(("check", "status"), [("publishing", "degraded"), ("usage_store", "not_ready")])
def test_what_apps_do_not_need_leaves_the_server_degraded(check: str, status: str) -> None:
    def full() -> None:
        raise unavailable(Store.USAGE, FULL)

    code, document = Readiness({check: full}).report()
    assert (code, document["status"]) == (200 if status == "degraded" else 503, status)
    assert document["checks"][check]["state"] == "storage_full"


def test_a_store_is_well_by_its_check() -> None:
    def busy() -> None:
        raise unavailable(Store.DATABASE, BUSY)

    checks = Readiness({"control_database": busy, "usage_store": lambda: None})
    assert (checks.is_well("database"), checks.is_well("usage"), checks.is_well("files")) == (False, True, True)
