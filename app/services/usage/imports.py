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
from app.ids import new_id
from app.models.base import AnySession
from app.models.catalog import Customer, SegmentCatalog
from app.models.transactions import write
from app.models.usage import UsageImport
from app.models.workspace import Workspace
from app.services.catalogs.entries import Values
from app.services.catalogs.keeping import keep
from app.services.catalogs.kinds import CUSTOMERS, EVENTS, SEGMENTS
from app.services.catalogs.reading import event_types_of, keys_of, standing
from app.services.lookup import get
from app.services.product_events import log_event
from app.services.usage import presets
from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.heads import read_head
from app.services.usage.mapping import OWN_NAMES, ColumnPlan
from app.services.usage.origins import Arrival
from app.services.usage.store import EventStore
from app.services.usage.summed_fields import summed_fields
from simulation.canonical import Json

if TYPE_CHECKING:
    from app.services.usage.importer import ImportReport, Progress
    from app.services.usage.presets import Preset


SHOWN_CONFLICTS = 25
"""How many conflicts the record of an import names."""


def policy_for(session: AnySession, workspace_id: str | None, *, extend_catalog: bool = False) -> Policy:
    """The policy for events of a workspace, from the catalogs that it reads as they are now.

    Without one, each event names its own workspace and is judged by the shared entries alone, as seed files are.
    """
    exist = frozenset(session.scalars(sa.select(Workspace.workspace_id))) if workspace_id is None else None
    customers = sa.select(Customer.customer_id, Customer.segment).where(standing(Customer, workspace_id))
    event_types = event_types_of(session, workspace_id)
    return Policy(
        workspace_id=workspace_id,
        catalog={name: frozenset(dimensions) for name, dimensions in event_types.items()},
        segments=dict(session.execute(customers).tuples().all()),
        workspaces=exist,
        extend_catalog=extend_catalog,
        known_segments=frozenset(keys_of(session, SegmentCatalog, workspace_id)),
    )


def plan_of(path: Path, own: ColumnPlan, preset_name: str | None = None) -> tuple[ColumnPlan, "Preset | None"]:
    """The plan for a file, and the known format that it is of, if any.

    A preset that is named fills what `own` leaves unsaid. Without a name it does so when it fits the file and `own`
    maps nothing; then `presets.NONE` turns it off. Raises Invalid for an unknown name and an unreadable file.
    """
    try:
        own.require_consistent()
        preset = presets.named(preset_name) if preset_name not in (None, presets.NONE) else None
    except UnreadableInput as error:
        raise Invalid(f"{error}.", code=error.code) from error
    try:
        columns = read_head(path, own.file_format, own.encoding)[0].columns
    except UnreadableInput as error:
        if preset is None:
            return own, None  # the import says itself what is wrong with the file, if anything is
        raise Invalid(f"{path.name} {error}.", code=error.code) from error
    preset = preset or (None if preset_name == presets.NONE else presets.recognised(columns))
    if preset is None or (own.mapping and not preset_name):
        return own, preset
    return presets.merged(preset, columns, own), preset


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
    """Import one file, extend the workspace's own catalogs if `extend_catalog`, and record it.

    Raises NotFound without such a workspace, Invalid when the plan contradicts itself or the file as a whole is unfit.
    Opens and commits a write transaction of its own, after the events are stored.
    """
    from app.services.usage.importer import import_file  # late: Arrow and DuckDB come with the first file

    get(session, Workspace, workspace_id, "workspace")
    policy = policy_for(session, workspace_id, extend_catalog=extend_catalog)
    summed = summed_fields(session, workspace_id)
    session.rollback()
    arrival = Arrival(new_id("imp_"), path.name, now)
    try:
        report = import_file(
            store,
            path,
            policy,
            plan,
            rejects_path=rejects_path,
            progress=progress,
            arrival=arrival,
            now=now,
            summed=summed,
        )
    except UnreadableInput as error:
        raise Invalid(str(error), code=error.code) from error
    with write(session):
        if extend_catalog:
            extend(session, workspace_id, report.new_event_types, report.new_segments)
            _add_customer(session, workspace_id, plan.constants)
        row = _record(session, workspace_id, arrival, plan, report, actor)
    return row, report


def _record(
    session: AnySession,
    workspace_id: str,
    arrival: Arrival,
    plan: ColumnPlan,
    report: "ImportReport",
    actor: Actor,
) -> UsageImport:
    """Record the import for the list of imports and in the product event log."""
    row = UsageImport(
        usage_import_id=arrival.usage_import_id,
        workspace_id=workspace_id,
        source=arrival.source,
        rows_read=report.read,
        rows_accepted=report.accepted,
        rows_duplicate=report.duplicates,
        rows_rejected=report.rejected,
        report={
            "reasons": dict(report.reasons),
            "mapping": dict(plan.mapping),
            "constants": dict(plan.constants),
            "ignore": sorted(plan.ignore),
            "preset": plan.preset,
            "left_out": dict(report.left_out),
            "conflicts": report.conflicts,
            "conflicting": [conflict.as_dict() for conflict in report.conflicting[:SHOWN_CONFLICTS]],
            "rows_without_id": report.rows_without_id,
            "notes": list(report.notes),
            "decimal": plan.decimal,
            "warnings": [warning.as_dict(None) for warning in report.warnings],
        },
        created_at=arrival.received_at,
    )
    session.add(row)
    session.flush()
    log_event(
        session,
        "usage_imported",
        actor=actor,
        now=arrival.received_at,
        workspace_id=workspace_id,
        entity_id=row.usage_import_id,
        accepted=report.accepted,
    )
    return row


def extend(
    session: AnySession,
    workspace_id: str,
    new_event_types: Mapping[str, frozenset[str]],
    new_segments: frozenset[str] = frozenset(),
) -> None:
    """Add event types, dimensions and segments to the workspace's own catalogs."""
    events: dict[str, Values] = {
        name: {"event_type": name, "dimensions": sorted(names)} for name, names in sorted(new_event_types.items())
    }
    keep(session, EVENTS, workspace_id, events)
    keep(session, SEGMENTS, workspace_id, {name: {"segment_id": name} for name in sorted(new_segments)})


def _add_customer(session: AnySession, workspace_id: str, constants: Mapping[str, Json]) -> None:
    """Add the customer that is named for the whole file to the workspace's catalog, unless it reads one already."""
    customer_id, segment = constants.get("customer_id"), constants.get("segment")
    if customer_id is None or segment is None:
        return
    of_key = sa.select(Customer.entry_id).where(standing(Customer, workspace_id), Customer.customer_id == customer_id)
    if session.scalar(of_key) is None:
        keep(session, CUSTOMERS, workspace_id, {customer_id: {"customer_id": customer_id, "segment": segment}})
