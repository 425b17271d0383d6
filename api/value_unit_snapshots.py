"""/api/value-unit-snapshots: value units frozen for good; submitted and read, never changed (spec 6)."""

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import filtered, page
from api.resource import Answer, created, once, tagged
from api.schemas import snapshots as schemas
from api.schemas.common import Document, Parsed, page_of
from app.identity import acting
from app.models.base import AnySession, db
from app.models.value_unit import ValueUnitSnapshot
from app.services.authoring import unit_snapshots
from app.services.lookup import get

TAG = "Value unit snapshots"
FILTERS = {
    "workspace_id": ValueUnitSnapshot.workspace_id,
    "cycle_id": ValueUnitSnapshot.cycle_id,
    "snapshot_version": ValueUnitSnapshot.snapshot_version,
}


def document(row: ValueUnitSnapshot) -> Document:
    """The snapshot as every answer shows it."""
    return schemas.ValueUnitSnapshot().document(row)


@operation(
    "GET",
    "/value-unit-snapshots",
    tag=TAG,
    summary="List snapshots",
    query=schemas.ValueUnitSnapshotQuery(),
    answers={200: page_of(schemas.ValueUnitSnapshot)},
)
def list_value_unit_snapshots(query: Parsed) -> Answer:
    """Newest first."""
    rows = filtered(sa.select(ValueUnitSnapshot), query, FILTERS)
    return page(
        rows,
        (ValueUnitSnapshot.created_at, ValueUnitSnapshot.value_unit_snapshot_id),
        query,
        document,
        newest_first=True,
    )


@operation(
    "POST",
    "/value-unit-snapshots",
    tag=TAG,
    summary="Submit a cycle's value units",
    body=schemas.ValueUnitSnapshotBody(),
    answers={201: schemas.ValueUnitSnapshot},
    idempotent=True,
)
def submit_value_unit_snapshot(body: Parsed) -> Answer:
    """Freezes all value units of the cycle as its next snapshot version, and logs what changed since the last one."""

    def build(session: AnySession) -> Answer:
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
    answers={200: schemas.ValueUnitSnapshot},
    conditional=True,
)
def get_value_unit_snapshot(value_unit_snapshot_id: str) -> Answer:
    return tagged(document(get(db.session, ValueUnitSnapshot, value_unit_snapshot_id, "value unit snapshot")))


OPERATIONS = (list_value_unit_snapshots, submit_value_unit_snapshot, get_value_unit_snapshot)
