"""The invariants of spec section 1 hold in the database itself, whoever writes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.models.base import AnySession, Model
from app.models.config_version import ConfigVersion, Pool, RailRule
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.models.workspace import Workspace

NOW = datetime(2026, 1, 15, tzinfo=UTC)
TINY = Decimal("0.000000150001")


@pytest.fixture
def cycle(session: AnySession) -> Cycle:
    session.add(Workspace(workspace_id="ws_1", workspace_name="One", operator_role="founder", created_at=NOW))
    session.flush()
    row = Cycle(
        cycle_id="cycle_1",
        workspace_id="ws_1",
        cycle_name="First",
        cycle_type="production",
        period_length_days=90,
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(row)
    session.flush()
    return row


def config(**changes: Any) -> ConfigVersion:
    columns = {
        "config_version_id": "cfg_1",
        "workspace_id": "ws_1",
        "cycle_id": "cycle_1",
        "segment": "smb",
        "stage": "learning",
        "target_environment": "production",
        "version": 1,
        "status": "draft",
        "content_hash": "0" * 64,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return ConfigVersion(**columns | changes)


def refuses(session: AnySession, *rows: Model) -> None:
    session.add_all(rows)
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


def test_only_one_version_of_a_subject_is_active(session: AnySession, cycle: Cycle) -> None:
    session.add(config(status="active"))
    session.flush()
    refuses(session, config(config_version_id="cfg_2", version=2, status="active"))


def test_any_number_of_versions_of_a_subject_are_archived(session: AnySession, cycle: Cycle) -> None:
    session.add_all(
        config(config_version_id=f"cfg_{version}", version=version, status="archived") for version in (1, 2, 3)
    )
    session.flush()


def test_a_version_number_is_given_once_per_subject(session: AnySession, cycle: Cycle) -> None:
    session.add(config())
    session.flush()
    refuses(session, config(config_version_id="cfg_2"))


def test_a_status_outside_the_closed_list_is_refused(session: AnySession, cycle: Cycle) -> None:
    session.add(config())
    session.flush()
    with pytest.raises(IntegrityError):
        session.execute(sa.text("UPDATE config_versions SET status = 'almost'"))


def test_a_production_cycle_of_120_days_is_refused(session: AnySession, cycle: Cycle) -> None:
    with pytest.raises(IntegrityError):
        session.execute(sa.text("UPDATE cycles SET period_length_days = 120"))


def test_a_config_of_an_unknown_cycle_is_refused(session: AnySession, cycle: Cycle) -> None:
    refuses(session, config(cycle_id="cycle_unknown"))


def test_a_config_on_a_snapshot_that_was_never_submitted_is_refused(session: AnySession, cycle: Cycle) -> None:
    refuses(session, config(value_unit_snapshot_version=7))


def test_a_snapshot_version_is_given_once_per_cycle(session: AnySession, cycle: Cycle) -> None:
    def snapshot(identifier: str) -> ValueUnitSnapshot:
        return ValueUnitSnapshot(
            value_unit_snapshot_id=identifier,
            workspace_id="ws_1",
            cycle_id="cycle_1",
            snapshot_version=1,
            value_unit_ids=[],
            value_units=[],
            created_at=NOW,
        )

    session.add(snapshot("vus_1"))
    session.flush()
    refuses(session, snapshot("vus_2"))


def test_a_pool_id_is_given_once_per_config(session: AnySession, cycle: Cycle) -> None:
    session.add(config())
    session.flush()
    insert = sa.text(
        "INSERT INTO pools (config_version_id, pool_id, label, value_unit_id, included_quantity, rollover_enabled,"
        " overage_behavior, is_exploration_pool, position)"
        " VALUES ('cfg_1', 'pool_core', 'Core', 'vu_1', '0', false, 'throttle', false, 0)"
    )
    session.execute(insert)
    with pytest.raises(IntegrityError):
        session.execute(insert)


def test_a_negative_cost_is_refused(session: AnySession, cycle: Cycle) -> None:
    refuses(
        session,
        ValueUnitDefinition(
            value_unit_id="vu_1",
            cycle_id="cycle_1",
            name="Minute",
            unit_type="usage",
            avg_cost_per_unit_usd=Decimal("-0.01"),
            created_at=NOW,
            updated_at=NOW,
        ),
    )


def test_a_negative_included_quantity_is_refused(session: AnySession, cycle: Cycle) -> None:
    pool = Pool(pool_id="p", label="P", value_unit_id="vu", included_quantity=Decimal(-1), overage_behavior="throttle")
    refuses(session, config(pools=[pool]))


def test_a_price_of_a_fraction_of_a_millionth_comes_back_exactly(session: AnySession, cycle: Cycle) -> None:
    session.add(config(rails=RailRule(monthly_spend_cap_usd=TINY)))
    session.flush()
    session.expire_all()
    assert session.get_one(RailRule, "cfg_1").monthly_spend_cap_usd == TINY


def test_moments_come_back_aware_and_in_utc(session: AnySession, cycle: Cycle) -> None:
    session.expire_all()
    assert session.get_one(Cycle, "cycle_1").created_at == NOW
    assert session.get_one(Cycle, "cycle_1").created_at.tzinfo == UTC
