"""What the rules say of units before a config pools them, and what holds a unit."""

from typing import Any

import pytest
from flask import Flask

from app.models.base import AnySession, db
from app.models.cycle import Cycle
from app.services.authoring import unit_snapshots, value_units
from app.services.authoring.unit_review import Hold, holds, review_units, snapshots_with, units_of
from simulation.canonical import Json
from tests import factories

BARE = {"value_unit_id": "vu_bare", "name": "Bare", "unit_type": "usage"}


@pytest.fixture
def session(sqlite_app: Flask) -> AnySession:
    factories.foundation(db.session)
    return db.session


def add(session: AnySession, **unit: Any) -> None:
    data: Json = BARE | {"cycle_id": factories.CYCLE} | unit
    value_units.create_value_unit(session, data, actor=factories.OPERATOR, now=factories.NOW)


def test_every_finding_about_a_unit_is_there_without_any_config(session: AnySession) -> None:
    add(session)
    cycle = session.get_one(Cycle, factories.CYCLE)
    reviews = review_units(session, cycle, units_of(session, factories.CYCLE))
    assert reviews["vu_hd_minute"].findings == ()
    assert reviews["vu_hd_minute"].completeness.status == "green"
    bare = reviews["vu_bare"]
    assert bare.completeness.missing == (
        "event_mapping",
        "outcome_statement",
        "metrics_intent",
        "unit_economics",
        "quality_signal_source",
    )
    assert [finding.code for finding in bare.findings] == [
        "unit_event_mapping_missing",
        "unit_economics_missing",
        "unit_outcome_statement_missing",
        "unit_metrics_intent_missing",
        "unit_quality_signal_missing",
        "metrics_intent_partial",
    ]
    assert {finding.deep_link.partition("#")[0] for finding in bare.findings} == {
        "/cycles/cycle_1/value-units?unit=vu_bare"
    }


def test_the_pools_that_count_a_unit_hold_it(session: AnySession) -> None:
    factories.config(session)
    assert holds(session, "vu_hd_minute") == [Hold("cfg_1", "pool_core", "Core")]
    add(session)
    assert holds(session, "vu_bare") == []


def test_snapshots_are_named_that_keep_a_copy(session: AnySession) -> None:
    add(session)
    assert snapshots_with(session, factories.CYCLE, "vu_bare") == []
    unit_snapshots.submit_snapshot(session, factories.CYCLE, actor=factories.OPERATOR, now=factories.NOW)
    assert snapshots_with(session, factories.CYCLE, "vu_bare") == [2]
    assert snapshots_with(session, factories.CYCLE, "vu_hd_minute") == [1, 2]
