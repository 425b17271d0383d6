"""Every table's class derives from one base, whose rows name themselves in messages and failures."""

import app.models  # noqa: F401  (registers every table)
from app.models.base import AnySession, Model, db
from app.models.workspace import Workspace
from tests.models.test_constraints import NOW


def test_the_database_handle_knows_every_table() -> None:
    assert db.metadata is Model.metadata
    assert {mapper.local_table for mapper in Model.registry.mappers} == set(db.metadata.tables.values())


def test_a_row_names_its_class_and_its_key(session: AnySession) -> None:
    row = Workspace(workspace_id="ws_1", workspace_name="One", operator_role="founder", created_at=NOW)
    assert repr(row) == "<Workspace unsaved>"
    session.add(row)
    session.flush()
    assert repr(row) == "<Workspace ws_1>"
