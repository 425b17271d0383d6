"""`avs usage`: the events that simulations replay, from a file, and counted."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from app import clock
from app.commands.command import OPERATOR, as_json, command, of_workspace, show, the_workspace_id
from app.extensions import usage_events
from app.models.base import db
from app.services.usage import imports
from app.services.usage.content import ENCODINGS, FILE_FORMATS
from app.services.usage.mapping import ColumnPlan
from app.services.usage.presets import PRESETS, Preset
from app.services.usage.stats import usage_stats
from app.services.usage.written_times import TimeReading

IMPORT_FIELDS = (
    "usage_import_id",
    "workspace_id",
    "source",
    "rows_read",
    "rows_accepted",
    "rows_duplicate",
    "rows_rejected",
)


def moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """A moment as naive UTC."""
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time such as 2026-01-05T00:00:00Z") from None
    return read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read


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
@click.option("--preset", metavar="NAME", help="Read it as a known format (`avs usage presets`), or `none`.")
@click.option("--format", "file_format", type=click.Choice(FILE_FORMATS), help="What the file is; told by its content.")
@click.option("--encoding", type=click.Choice(ENCODINGS), help="Of a text that is neither UTF-8 nor UTF-16.")
@click.option("--timezone", metavar="ZONE", help="Of times without one, such as Europe/Berlin; UTC when left out.")
@click.option("--day-first/--month-first", default=None, help="How 03/04/2026 is meant.")
@click.option("--times-from", callback=moment, metavar="MOMENT", help="From when times that are seconds count.")
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
    file: Path,
    workspace_id: str | None,
    extend_catalog: bool,
    rejects: Path | None,
    preset: str | None,
    timezone: str | None,
    day_first: bool | None,
    times_from: datetime | None,
    as_json: bool,
    **columns: Any,
) -> None:
    """Import a FILE of CSV, TSV, JSON, JSON Lines or Parquet, packed or not; a second time counts nothing twice."""
    own = ColumnPlan(times=TimeReading(timezone, day_first, times_from), **columns)
    plan, known_format = imports.plan_of(file, own, preset)
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
            plan,
            rejects_path=rejects or file.with_name(f"{file.name}.rejects.csv"),
            progress=progress,
            actor=OPERATOR,
            now=clock.now(),
            extend_catalog=extend_catalog,
        )
    document = {name: getattr(row, name) for name in IMPORT_FIELDS} | {
        "reasons": dict(report.reasons),
        "preset": plan.preset,
        "left_out": dict(report.left_out),
    }
    lines = [_looks_like(known_format, plan)] if known_format else []
    lines += [
        f"{file.name}: read {report.read:,}, accepted {report.accepted:,}, "
        f"duplicates {report.duplicates:,}, rejected {report.rejected:,}"
    ]
    lines += [f"  {count:,} × {reason}" for reason, count in report.reasons.items()]
    lines += [f"  rejected rows: {report.rejects_path}"] if report.rejects_path else []
    if report.left_out:
        lines += ["  left out: " + ", ".join(f"{name} ({count:,})" for name, count in report.left_out.items())]
    show(document, as_json, lines)


def _looks_like(preset: Preset, plan: ColumnPlan) -> str:
    if plan.preset:
        return f"This looks like {preset.title}: read with the preset {preset.name}."
    return f"This looks like {preset.title}: `--preset {preset.name}` would map all of it."


@command("presets")
@as_json
def list_presets(as_json: bool) -> None:
    """List the known formats of usage: what each is recognised by, and what it becomes."""
    document = [
        {
            "name": preset.name,
            "title": preset.title,
            "keys": list(preset.keys),
            "mapping": {
                field: [places] if isinstance(places, str) else list(places) for field, places in preset.mapping.items()
            },
            "constants": dict(preset.constants),
            "lacks": list(preset.lacks),
        }
        for preset in PRESETS
    ]
    lines = [
        f"{preset.name:16}  {preset.title}" + "".join(f"; needs --set {name}=…" for name in preset.lacks)
        for preset in PRESETS
    ]
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


usage = click.Group(
    "usage", commands=(usage_import, list_presets, stats), help="Usage events: what simulations replay."
)
