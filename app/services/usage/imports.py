"""Imports of usage files: the store keeps the events, the control database the catalog and a record of the import.

The events are committed first. A crash before the second step leaves events whose catalog entries are missing; when the
file is imported again they are duplicates, and the entries are added.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Invalid
from app.models.base import AnySession
from app.models.catalog import Customer, EventCatalog, SegmentCatalog
from app.models.transactions import write
from app.models.usage import UsageImport
from app.models.workspace import Workspace
from app.services.configs.reading import load_catalogs
from app.services.lookup import get
from app.services.product_events import log_event
from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.mapping import OWN_NAMES, ColumnPlan
from app.services.usage.store import EventStore
from simulation.canonical import Json

if TYPE_CHECKING:
    from app.services.usage.importer import ImportReport, Progress


def policy_for(session: AnySession, workspace_id: str | None, *, extend_catalog: bool = False) -> Policy:
    """The policy for events, from the catalogs as they are now; `workspace_id` None when each event names its own."""
    return Policy(
        workspace_id=workspace_id,
        catalog={name: frozenset(dimensions) for name, dimensions in load_catalogs(session).events.items()},
        segments=dict(session.execute(sa.select(Customer.customer_id, Customer.segment)).tuples().all()),
        workspaces=frozenset(session.scalars(sa.select(Workspace.workspace_id))),
        extend_catalog=extend_catalog,
    )


def import_usage(
    session: AnySession,
    store: EventStore,
    workspace_id: str,
    path: Path,
    plan: ColumnPlan = OWN_NAMES,
    *,
    actor: Actor,
    now: datetime,
    extend_catalog: bool = False,
    rejects_path: Path | None = None,
    progress: "Progress | None" = None,
) -> "tuple[UsageImport, ImportReport]":
    """Import one file, extend the catalogs if `extend_catalog`, and record it.

    Raises NotFound without such a workspace, Invalid when the plan contradicts itself or the file as a whole is unfit.
    Opens and commits a write transaction of its own, after the events are stored.
    """
    from app.services.usage.importer import import_file  # late: Arrow and DuckDB come with the first file

    get(session, Workspace, workspace_id, "workspace")
    policy = policy_for(session, workspace_id, extend_catalog=extend_catalog)
    session.rollback()
    try:
        report = import_file(store, path, policy, plan, rejects_path=rejects_path, progress=progress)
    except UnreadableInput as error:
        raise Invalid(str(error), code=error.code) from error
    with write(session):
        if extend_catalog:
            extend(session, report.new_event_types)
            _add_customer(session, plan.constants)
        row = _record(session, workspace_id, path.name, plan, report, actor, now)
    return row, report


def _record(
    session: AnySession,
    workspace_id: str,
    source: str,
    plan: ColumnPlan,
    report: "ImportReport",
    actor: Actor,
    now: datetime,
) -> UsageImport:
    """Record the import for the list of imports and in the product event log."""
    row = UsageImport(
        workspace_id=workspace_id,
        source=source,
        rows_read=report.read,
        rows_accepted=report.accepted,
        rows_duplicate=report.duplicates,
        rows_rejected=report.rejected,
        report={
            "reasons": dict(report.reasons),
            "mapping": dict(plan.mapping),
            "constants": dict(plan.constants),
            "ignore": sorted(plan.ignore),
        },
        created_at=now,
    )
    session.add(row)
    session.flush()
    log_event(
        session,
        "usage_imported",
        actor=actor,
        now=now,
        workspace_id=workspace_id,
        entity_id=row.usage_import_id,
        accepted=report.accepted,
    )
    return row


def extend(session: AnySession, new_event_types: Mapping[str, frozenset[str]]) -> None:
    """Add event types to the catalog, and dimensions to those that it has."""
    for event_type, dimensions in sorted(new_event_types.items()):
        entry = session.get(EventCatalog, event_type)
        if entry is None:
            session.add(EventCatalog(event_type=event_type, description="", dimensions=sorted(dimensions)))
        else:
            entry.dimensions = [*entry.dimensions, *sorted(dimensions - set(entry.dimensions))]


def _add_customer(session: AnySession, constants: Mapping[str, Json]) -> None:
    """Add the customer and the segment that are named for the whole file to the catalogs."""
    customer_id, segment = constants.get("customer_id"), constants.get("segment")
    if segment is not None and session.get(SegmentCatalog, segment) is None:
        session.add(SegmentCatalog(segment_id=segment, label=segment))
        session.flush()
    if customer_id is not None and segment is not None and session.get(Customer, customer_id) is None:
        session.add(Customer(customer_id=customer_id, name=customer_id, segment=segment))
