"""The log has one line when an outage begins and one when it is over, however many requests it refuses."""

import logging
import sqlite3
import time

import pytest

from app.outages import Outages
from app.unavailable import AWAY, BUSY, FULL, Store, unavailable


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "app.outages"]


def test_an_outage_is_told_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    well: set[str] = set()
    outages = Outages(lambda store: store in well, look_seconds=0.02)
    refusal = unavailable(Store.DATABASE, FULL)
    with caplog.at_level(logging.INFO):
        for _ in range(935):
            outages.met(refusal, sqlite3.OperationalError("database or disk is full\nand more"))
        time.sleep(0.1)
        (begun,) = lines(caplog)
        assert begun.startswith("Outage of database (storage_full) begins: The control database has no room left")
        assert begun.endswith("[OperationalError: database or disk is full]")
        well.add("database")
        while outages.is_under_way("database"):
            time.sleep(0.01)
    assert lines(caplog)[1:] == ["Outage of database (storage_full) is over: it lasted 0 s and refused 935."]
    assert [record.exc_info for record in caplog.records] == [None, None]


def test_each_trouble_of_each_store_is_an_outage_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    outages = Outages(lambda _store: True, look_seconds=0.02)
    with caplog.at_level(logging.INFO):
        for trouble in (AWAY, BUSY, AWAY):
            outages.met(unavailable(Store.DATABASE, trouble))
        outages.met(unavailable(Store.USAGE, BUSY))
        while outages.is_under_way("database") or outages.is_under_way("usage"):
            time.sleep(0.01)
        outages.met(unavailable(Store.USAGE, BUSY))
        while outages.is_under_way("usage"):
            time.sleep(0.01)
    assert sum("begins" in line for line in lines(caplog)) == sum("over" in line for line in lines(caplog)) == 4
