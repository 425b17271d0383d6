"""A decision as it was just written has the columns of its table, and names its subject as the stored one does."""

from datetime import UTC, datetime
from typing import get_args, get_type_hints

from app.models.decision_record import DecisionRecord, DecisionRow

NOW = datetime(2026, 1, 15, tzinfo=UTC)
SUBJECT = {"workspace_id": "ws_1", "segment": "smb", "stage": "learning", "target_environment": "production"}
DECISION = DecisionRow(
    decision_id="dec_1",
    cycle_id="cycle_1",
    config_version_id="cfg_1",
    baseline_config_version_id=None,
    simulation_run_id="sim_1",
    billing_patch_id="bp_1",
    status="active",
    approver_name="Ada",
    approver_role="founder",
    rationale="The margin holds.",
    diff={},
    value_unit_snapshot_version=1,
    effective_at=NOW,
    created_at=NOW,
    terms_start="at_once",
    activate_over_newer=False,
    withdrawn_at=None,
    history=[],
    workspace_id="ws_1",
    segment="smb",
    stage="learning",
    target_environment="production",
)


def test_the_row_of_a_decision_has_the_columns_of_its_table_but_the_place_that_the_database_gives() -> None:
    assert list(DecisionRow._fields) == [name for name in DecisionRecord.__table__.columns.keys() if name != "place"]  # noqa: SIM118


def test_the_row_of_a_decision_may_lack_what_its_table_may_lack() -> None:
    optional = {name for name, kind in get_type_hints(DecisionRow).items() if type(None) in get_args(kind)}
    assert optional == {column.name for column in DecisionRecord.__table__.columns if column.nullable}


def test_the_row_of_a_decision_names_its_subject() -> None:
    assert DECISION.subject_resolution == SUBJECT


def test_the_row_and_the_stored_decision_name_one_subject() -> None:
    stored = DecisionRecord(**DECISION._asdict())
    assert stored.subject_resolution == DECISION.subject_resolution
