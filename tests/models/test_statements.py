"""Statements past the unit of work: at once, and what the session knows stays true."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.models.statements import insert, update
from app.models.workspace import Workspace

NOW = datetime(2026, 1, 15, tzinfo=UTC)
IN_THE_DATABASE = sa.select(Workspace.__table__.c.workspace_name, Workspace.__table__.c.data_mode)


def workspace(**changes):
    columns = {"workspace_id": "ws_1", "workspace_name": "One", "operator_role": "founder", "created_at": NOW}
    return Workspace(**columns | {"data_mode": "mocked"} | changes)


def test_an_inserted_row_is_in_the_database_at_once_and_belongs_to_the_session(session):
    row = workspace()
    insert(session, row)
    assert session.connection().execute(IN_THE_DATABASE).all() == [("One", "mocked")]
    assert session.get(Workspace, "ws_1") is row
    assert not session.new
    assert not session.dirty


def test_an_inserted_row_can_be_edited_like_any_other(session):
    row = workspace()
    insert(session, row)
    row.workspace_name = "Two"
    session.commit()
    assert session.execute(IN_THE_DATABASE).one().workspace_name == "Two"


def test_an_update_reaches_the_database_and_the_row_in_memory(session):
    row = workspace()
    insert(session, row)
    insert(session, workspace(workspace_id="ws_2"))
    update(session, row, workspace_name="Two", data_mode="csv_upload")
    assert (row.workspace_name, row.data_mode) == ("Two", "csv_upload")
    assert sorted(session.connection().execute(IN_THE_DATABASE).tuples()) == [("One", "mocked"), ("Two", "csv_upload")]
    assert not session.dirty


def test_the_database_still_refuses_what_it_must(session):
    insert(session, workspace())
    with pytest.raises(IntegrityError):
        insert(session, workspace())
    session.rollback()
    with pytest.raises(IntegrityError):
        insert(session, workspace(data_mode="guessed"))


def test_a_rollback_takes_both_back(session):
    session.commit()
    row = workspace()
    insert(session, row)
    update(session, row, workspace_name="Two")
    session.rollback()
    assert session.execute(IN_THE_DATABASE).all() == []
