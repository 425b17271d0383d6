"""`avs usage`: the events that simulations replay, from a file, and counted."""

import sys
from pathlib import Path
from typing import Any

import click

from app import clock
from app.commands.command import OPERATOR, as_json, command, of_workspace, show, the_workspace_id
from app.extensions import usage_events
from app.models.base import db
from app.services.usage import imports
from app.services.usage.mapping import ColumnPlan
from app.services.usage.stats import usage_stats

IMPORT_FIELDS = (
    "usage_import_id",
    "workspace_id",
    "source",
    "rows_read",
    "rows_accepted",
    "rows_duplicate",
    "rows_rejected",
)


def pairs(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """`--map ts=TIMESTAMP --map …` as a mapping."""
    if wrong := [value for value in values if "=" not in value]:
        raise click.BadParameter(f"{wrong[0]!r} is not of the form field=value")
    return dict(value.split("=", 1) for value in values)


@command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@of_workspace
@click.option(
    "--map", "mapping", multiple=True, callback=pairs, metavar="FIELD=COLUMN", help="Take a field from a column."
)
@click.option(
    "--set", "constants", multiple=True, callback=pairs, metavar="FIELD=VALUE", help="Set a field on every row."
)
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Leave a column out.")
@click.option(
    "--extend-catalog",
    is_flag=True,
    help="Add unknown event types, dimensions and segments to the workspace's catalogs instead of rejecting.",
)
@click.option(
    "--rejects", type=click.Path(path_type=Path), help="Where rejected rows go; FILE.rejects.csv when left out."
)
@as_json
def usage_import(
    file: Path, workspace_id: str | None, extend_catalog: bool, rejects: Path | None, as_json: bool, **columns: Any
) -> None:
    """Import a CSV, JSON Lines or Parquet FILE; a second time counts nothing twice."""
    with click.progressbar(
        length=0, label=f"Reading {file.name}", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.length = total or 0
            bar.update(done - bar.pos)

        row, report = imports.import_usage(
            db.session,
            usage_events().store,
            workspace_id or the_workspace_id(db.session),
            file,
            ColumnPlan(**columns),
            rejects_path=rejects or file.with_name(f"{file.name}.rejects.csv"),
            progress=progress,
            actor=OPERATOR,
            now=clock.now(),
            extend_catalog=extend_catalog,
        )
    document = {name: getattr(row, name) for name in IMPORT_FIELDS} | {"reasons": dict(report.reasons)}
    lines = [
        f"{file.name}: read {report.read:,}, accepted {report.accepted:,}, "
        f"duplicates {report.duplicates:,}, rejected {report.rejected:,}"
    ]
    lines += [f"  {count:,} × {reason}" for reason, count in report.reasons.items()]
    lines += [f"  rejected rows: {report.rejects_path}"] if report.rejects_path else []
    show(document, as_json, lines)


@command("stats")
@of_workspace
@as_json
def stats(workspace_id: str | None, as_json: bool) -> None:
    """Count the events of a workspace by event type and customer, with the sum of every numeric dimension."""
    workspace_id = workspace_id or the_workspace_id(db.session)
    rows = usage_stats(usage_events().store, workspace_id)
    lines = [
        f"{row.event_type}  {row.customer_id}  {row.events:,} events"
        + "".join(f"  {name} {total:,}" for name, total in row.sums.items())
        for row in rows
    ]
    document = [
        {
            "event_type": row.event_type,
            "customer_id": row.customer_id,
            "events": row.events,
            "first_ts": row.first_ts,
            "last_ts": row.last_ts,
            "sums": row.sums,
        }
        for row in rows
    ]
    show(document, as_json, lines or [f"Workspace {workspace_id} has no usage events."])


usage = click.Group("usage", commands=(usage_import, stats), help="Usage events: what simulations replay.")
