"""/api/cycles: what outcome, measured how, over which period (spec 6)."""

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import filtered, page
from api.resource import Answer, created, deleted, locked, once, require_match, tagged, writing
from api.schemas import authoring as schemas
from api.schemas.common import Document, Parsed, page_of
from app.identity import acting
from app.models.base import AnySession, db
from app.models.cycle import Cycle
from app.services.authoring import cycles
from app.services.authoring.inputs import CycleInput
from app.services.lookup import get

TAG = "Cycles"
KIND = "cycle"
FILTERS = {"workspace_id": Cycle.workspace_id, "status": Cycle.status, "cycle_type": Cycle.cycle_type}


def document(row: Cycle) -> Document:
    """The cycle as every answer shows it."""
    return schemas.Cycle().document(row)


@operation(
    "GET", "/cycles", tag=TAG, summary="List cycles", query=schemas.CycleQuery(), answers={200: page_of(schemas.Cycle)}
)
def list_cycles(query: Parsed) -> Answer:
    """Newest first."""
    rows = filtered(sa.select(Cycle), query, FILTERS)
    return page(rows, (Cycle.created_at, Cycle.cycle_id), query, document, newest_first=True)


@operation(
    "POST",
    "/cycles",
    tag=TAG,
    summary="Create a cycle",
    body=schemas.CycleBody(),
    answers={201: schemas.Cycle},
    idempotent=True,
)
def create_cycle(body: CycleInput) -> Answer:
    def build(session: AnySession) -> Answer:
        row = cycles.create_cycle(session, body, **acting())
        return created("get_cycle", document(row), cycle_id=row.cycle_id)

    return once(build)


@operation("GET", "/cycles/<cycle_id>", tag=TAG, summary="Read a cycle", answers={200: schemas.Cycle}, conditional=True)
def get_cycle(cycle_id: str) -> Answer:
    return tagged(document(get(db.session, Cycle, cycle_id, KIND)))


@operation(
    "PATCH",
    "/cycles/<cycle_id>",
    tag=TAG,
    summary="Change a cycle",
    body=schemas.CycleBody(partial=True, exclude=("cycle_id",)),
    answers={200: schemas.Cycle},
    conditional=True,
)
def update_cycle(cycle_id: str, body: CycleInput) -> Answer:
    """What a decided config enforces cannot change any more: 409 cycle_immutable."""
    with writing() as session:
        require_match(document(locked(session, Cycle, cycle_id, KIND)))
        return tagged(document(cycles.update_cycle(session, cycle_id, body, **acting())))


@operation(
    "DELETE",
    "/cycles/<cycle_id>",
    tag=TAG,
    summary="Delete a cycle that nothing refers to",
    answers={204: None},
    conditional=True,
)
def delete_cycle(cycle_id: str) -> Answer:
    with writing() as session:
        require_match(document(locked(session, Cycle, cycle_id, KIND)))
        cycles.delete_cycle(session, cycle_id, **acting())
        return deleted()


OPERATIONS = (list_cycles, create_cycle, get_cycle, update_cycle, delete_cycle)
