"""/api/value-unit-snapshots: value units frozen for good; submitted and read, never changed (spec 6)."""

from typing import Any

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import filtered, page
from api.resource import Answer, created, once, tagged
from api.schemas.authoring import ValueUnitSnapshot, ValueUnitSnapshotBody, ValueUnitSnapshotQuery
from api.schemas.common import page_of
from app.identity import acting
from app.models.base import db
from app.models.value_unit import ValueUnitSnapshot as Row
from app.services.authoring import unit_snapshots
from app.services.lookup import get

TAG = "Value unit snapshots"
FILTERS = {"workspace_id": Row.workspace_id, "cycle_id": Row.cycle_id, "snapshot_version": Row.snapshot_version}


def document(row: Row) -> dict[str, Any]:
    """The snapshot as every answer shows it."""
    return ValueUnitSnapshot().dump(row)


@operation(
    "GET",
    "/value-unit-snapshots",
    tag=TAG,
    summary="List snapshots",
    query=ValueUnitSnapshotQuery(),
    answers={200: page_of(ValueUnitSnapshot)},
)
def list_value_unit_snapshots(query: dict[str, Any]) -> Answer:
    """Newest first."""
    rows = filtered(sa.select(Row), query, FILTERS)
    return page(rows, (Row.created_at, Row.value_unit_snapshot_id), query, document, newest_first=True)


@operation(
    "POST",
    "/value-unit-snapshots",
    tag=TAG,
    summary="Submit a cycle's value units",
    body=ValueUnitSnapshotBody(),
    answers={201: ValueUnitSnapshot},
    idempotent=True,
)
def submit_value_unit_snapshot(body: dict[str, Any]) -> Answer:
    """Freezes all value units of the cycle as its next snapshot version, and logs what changed since the last one."""

    def build(session: Any) -> Answer:
        identifier = body.get("value_unit_snapshot_id")
        row = unit_snapshots.submit_snapshot(session, body["cycle_id"], snapshot_id=identifier, **acting())
        part = {"value_unit_snapshot_id": row.value_unit_snapshot_id}
        return created("get_value_unit_snapshot", document(row), **part)

    return once(build)


@operation(
    "GET",
    "/value-unit-snapshots/<value_unit_snapshot_id>",
    tag=TAG,
    summary="Read a snapshot",
    answers={200: ValueUnitSnapshot},
    conditional=True,
)
def get_value_unit_snapshot(value_unit_snapshot_id: str) -> Answer:
    return tagged(document(get(db.session, Row, value_unit_snapshot_id, "value unit snapshot")))


OPERATIONS = (list_value_unit_snapshots, submit_value_unit_snapshot, get_value_unit_snapshot)
