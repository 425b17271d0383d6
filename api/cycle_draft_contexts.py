"""/api/cycle-draft-contexts: what a cycle is drafted from (spec 6)."""

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import filtered, page
from api.resource import Answer, created, deleted, locked, once, require_match, tagged, writing
from api.schemas import authoring as schemas
from api.schemas.common import Document, Parsed, page_of
from app.identity import acting
from app.models.base import AnySession, db
from app.models.cycle import CycleDraftContext
from app.services.authoring import context_texts, contexts
from app.services.authoring.inputs import ContextInput
from app.services.lookup import get

TAG = "Cycle draft contexts"
KIND = "cycle draft context"
FILTERS = {"workspace_id": CycleDraftContext.workspace_id, "cycle_id": CycleDraftContext.cycle_id}
ONE = "/cycle-draft-contexts/<cycle_draft_context_id>"


def document(row: CycleDraftContext) -> Document:
    """The context as every answer shows it."""
    return schemas.CycleDraftContext().document(row)


@operation(
    "GET",
    "/cycle-draft-contexts",
    tag=TAG,
    summary="List contexts",
    query=schemas.CycleDraftContextQuery(),
    answers={200: page_of(schemas.CycleDraftContext)},
)
def list_cycle_draft_contexts(query: Parsed) -> Answer:
    """Newest first."""
    rows = filtered(sa.select(CycleDraftContext), query, FILTERS)
    return page(
        rows,
        (CycleDraftContext.place, CycleDraftContext.cycle_draft_context_id),
        query,
        document,
        newest_first=True,
    )


@operation(
    "POST",
    "/cycle-draft-contexts",
    tag=TAG,
    summary="Create a context",
    body=schemas.CycleDraftContextBody(),
    answers={201: schemas.CycleDraftContext},
    idempotent=True,
)
def create_cycle_draft_context(body: ContextInput) -> Answer:
    def build(session: AnySession) -> Answer:
        row = contexts.create_context(session, body, **acting())
        identifier = row.cycle_draft_context_id
        return created("get_cycle_draft_context", document(row), cycle_draft_context_id=identifier)

    return once(build)


@operation("GET", ONE, tag=TAG, summary="Read a context", answers={200: schemas.CycleDraftContext}, conditional=True)
def get_cycle_draft_context(cycle_draft_context_id: str) -> Answer:
    return tagged(document(get(db.session, CycleDraftContext, cycle_draft_context_id, KIND)))


@operation(
    "PATCH",
    ONE,
    tag=TAG,
    summary="Change a context",
    body=schemas.CycleDraftContextBody(partial=True, exclude=("cycle_draft_context_id",)),
    answers={200: schemas.CycleDraftContext},
    conditional=True,
)
def update_cycle_draft_context(cycle_draft_context_id: str, body: ContextInput) -> Answer:
    with writing() as session:
        require_match(document(locked(session, CycleDraftContext, cycle_draft_context_id, KIND)))
        return tagged(document(contexts.update_context(session, cycle_draft_context_id, body, **acting())))


@operation("DELETE", ONE, tag=TAG, summary="Delete a context", answers={204: None}, conditional=True)
def delete_cycle_draft_context(cycle_draft_context_id: str) -> Answer:
    with writing() as session:
        require_match(document(locked(session, CycleDraftContext, cycle_draft_context_id, KIND)))
        contexts.delete_context(session, cycle_draft_context_id, **acting())
        return deleted()


@operation(
    "POST",
    f"{ONE}/take-out",
    tag=TAG,
    summary="Take a text out of a context",
    body=schemas.TakenOut(),
    answers={200: schemas.CycleDraftContext},
)
def take_out_of_cycle_draft_context(cycle_draft_context_id: str, body: Parsed) -> Answer:
    """A document by its name, or what was pasted (`pasted text`), with the cards that no other text gives. What a
    cycle has taken over from them stays there."""
    with writing() as session:
        locked(session, CycleDraftContext, cycle_draft_context_id, KIND)
        return tagged(document(context_texts.remove_text(session, cycle_draft_context_id, body["name"], **acting())))


OPERATIONS = (
    list_cycle_draft_contexts,
    create_cycle_draft_context,
    get_cycle_draft_context,
    update_cycle_draft_context,
    delete_cycle_draft_context,
    take_out_of_cycle_draft_context,
)
