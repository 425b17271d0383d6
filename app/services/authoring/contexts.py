"""Create, change and delete the contexts that cycles are drafted from (spec 1, flow 1A)."""

from datetime import datetime

from app.actor import Actor
from app.errors import invalid_field
from app.models.base import AnySession
from app.models.cycle import Cycle, CycleDraftContext
from app.services.authoring.inputs import ContextInput
from app.services.authoring.rows import assign, insert, remove, require_workspace
from app.services.lookup import get
from app.services.product_events import log_event
from simulation.canonical import Json

KIND = "cycle draft context"


def create_context(session: AnySession, data: ContextInput, *, actor: Actor, now: datetime) -> CycleDraftContext:
    """A new context; one that was skipped is an event of its own name."""
    require_workspace(session, data["workspace_id"])
    _check_context(session, data["workspace_id"], data)
    row = insert(session, CycleDraftContext(**data, created_at=now), "cycle_draft_context_id")
    _log_context(session, _event_of(row), row, actor, now)
    return row


def update_context(
    session: AnySession, context_id: str, data: ContextInput, *, actor: Actor, now: datetime
) -> CycleDraftContext:
    """Change a context, which stays in its workspace, as must the cycle that it names."""
    row = get(session, CycleDraftContext, context_id, KIND)
    _check_context(session, row.workspace_id, data)
    assign(row, data)
    _log_context(session, _event_of(row), row, actor, now, changed=sorted(data))
    return row


def delete_context(session: AnySession, context_id: str, *, actor: Actor, now: datetime) -> None:
    row = get(session, CycleDraftContext, context_id, KIND)
    remove(session, row, KIND, context_id)
    _log_context(session, "context_deleted", row, actor, now)


def _check_context(session: AnySession, workspace_id: str, data: ContextInput) -> None:
    if data.get("workspace_id", workspace_id) != workspace_id:
        raise invalid_field("/workspace_id", f"The context stays in workspace {workspace_id}.")
    cycle_id = data.get("cycle_id")
    if cycle_id is not None:
        cycle = session.get(Cycle, cycle_id)
        if cycle is None or cycle.workspace_id != workspace_id:
            raise invalid_field("/cycle_id", f"Workspace {workspace_id} has no cycle {cycle_id!r}.")


def _event_of(context: CycleDraftContext) -> str:
    return "context_skipped" if context.skipped else "context_uploaded"


def _log_context(
    session: AnySession, name: str, context: CycleDraftContext, actor: Actor, now: datetime, **detail: Json
) -> None:
    log_event(
        session,
        name,
        actor=actor,
        now=now,
        workspace_id=context.workspace_id,
        entity_id=context.cycle_draft_context_id,
        **detail,
    )
