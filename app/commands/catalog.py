"""`avs catalog`: a workspace's own words from a file, and what it reads."""

from pathlib import Path

import click
import sqlalchemy as sa

from app import clock
from app.commands.command import OPERATOR, as_json, command, of_workspace, show, the_workspace_id
from app.errors import Invalid
from app.extensions import usage_events
from app.models.base import db
from app.models.transactions import write
from app.services.catalogs.kinds import KINDS, Kind, kind_named
from app.services.catalogs.reading import key_column, reader, standing
from app.services.uploads.catalog_files import rows_of
from app.services.uploads.catalogs import EntriesReport, import_entries
from simulation.canonical import Json

SHOWN_REJECTS = 20

of_kind = click.option("--kind", "slug", type=click.Choice([*KINDS]), required=True, help="Which catalog.")


@command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@of_kind
@of_workspace
@as_json
def catalog_import(file: Path, slug: str, workspace_id: str | None, as_json: bool) -> None:
    """Add and change a workspace's own entries from a CSV FILE; rows that do not fit are named, nothing is removed."""
    kind, workspace_id = kind_named(slug), workspace_id or the_workspace_id(db.session)
    rows = rows_of(kind, file)
    stored = usage_events().store.snapshot(workspace_id).dimensions
    with write(db.session):
        report = import_entries(
            db.session,
            kind,
            workspace_id,
            rows,
            stored_dimensions=stored,
            entity_id=workspace_id,
            actor=OPERATOR,
            now=clock.now(),
        )
    show(_document(kind, workspace_id, report), as_json, _lines(file, kind, report))
    if rows and not report.accepted:
        raise Invalid(f"No row of {file.name} fits.", code="invalid_input")


def _document(kind: Kind, workspace_id: str, report: EntriesReport) -> dict[str, Json]:
    return {
        "kind": kind.slug,
        "workspace_id": workspace_id,
        "accepted": report.accepted,
        "rejected": len(report.rejects),
        "added": report.kept.added,
        "changed": report.kept.changed,
        "rejects": [{"row": reject.row, "field": reject.field, "reason": reject.reason} for reject in report.rejects],
    }


def _lines(file: Path, kind: Kind, report: EntriesReport) -> list[str]:
    """The outcome for a person, with the first rejects."""
    lines = [
        f"{file.name}: accepted {report.accepted:,}, rejected {len(report.rejects):,}; "
        f"{kind.slug} added {len(report.kept.added):,}, changed {len(report.kept.changed):,}"
    ]
    lines += [f"  row {reject.row:,}: {reject.field}: {reject.reason}" for reject in report.rejects[:SHOWN_REJECTS]]
    more = len(report.rejects) - SHOWN_REJECTS
    return [*lines, f"  and {more:,} more rejected rows; --json names all"] if more > 0 else lines


@command("list")
@of_kind
@of_workspace
@as_json
def catalog_list(slug: str, workspace_id: str | None, as_json: bool) -> None:
    """List what a workspace reads of a catalog: its own entries and the shared ones."""
    kind, workspace_id = kind_named(slug), workspace_id or the_workspace_id(db.session)
    key = key_column(kind.model)
    rows = db.session.scalars(sa.select(kind.model).where(standing(kind.model, workspace_id)).order_by(key))
    entries = list(map(reader(db.session, kind, workspace_id), rows))
    lines = [
        f"{entry[kind.key]}  {'own' if entry['workspace_id'] else 'shared'}  "
        + "  ".join(_text(entry[name]) for name in kind.fields[1:])
        for entry in entries
    ]
    show(entries, as_json, lines or [f"Workspace {workspace_id} reads no {kind.slug}."])


def _text(value: Json) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "")


catalog = click.Group("catalog", commands=(catalog_import, catalog_list), help="Catalogs: the words of a workspace.")
