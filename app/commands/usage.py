"""`avs usage`: the events that simulations replay, from a file, and counted."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from app import clock
from app.commands.command import OPERATOR, as_json, command, of_workspace, show, the_workspace_id
from app.commands.usage_files import check_files, reindex, take_file_out
from app.extensions import usage_events
from app.models.base import db
from app.models.usage import UsageImport
from app.services.usage import imports, undoing
from app.services.usage.content import ENCODINGS, FILE_FORMATS
from app.services.usage.fields import sourced_id
from app.services.usage.importer import ImportReport
from app.services.usage.mapping import ColumnPlan
from app.services.usage.notation import DecimalSign
from app.services.usage.presets import PRESETS, Preset
from app.services.usage.stats import usage_stats
from app.services.usage.written_times import TimeReading
from simulation.canonical import JsonObject

IMPORT_FIELDS = (
    "usage_import_id",
    "workspace_id",
    "source",
    "rows_read",
    "rows_accepted",
    "rows_duplicate",
    "rows_rejected",
)

INCOMING_FIELDS = (
    "usage_import_id",
    "workspace_id",
    "source",
    "received_at",
    "rows_accepted",
    "rows_duplicate",
    "rows_conflicting",
    "rows_rejected",
    "rows_stored",
    "state",
    "undone_at",
)


HINTS = {
    "customer_id: customer_id is missing": "give the customer with --set customer_id=… or --map customer_id=COLUMN",
    "segment: segment is missing": "give the segment with --set segment=…, or add the customers to the catalog",
}
"""What to do about problems that many rows of a file have alike."""


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
    "--decimal",
    type=click.Choice([sign.value for sign in DecimalSign]),
    callback=lambda _context, _option, sign: sign and DecimalSign(sign),
    help="The decimal sign of the file's numbers: with ',' 1.234,5 is read as 1234.5, with '.' 1,234.5 is.",
)
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
    show(_import_document(row, report, plan), as_json, list(_import_lines(file, row, report, plan, known_format)))


def _import_document(row: UsageImport, report: ImportReport, plan: ColumnPlan) -> JsonObject:
    return {name: getattr(row, name) for name in IMPORT_FIELDS} | {
        "reasons": dict(report.reasons),
        "conflicts": report.conflicts,
        "conflicting": [conflict.as_dict() for conflict in report.conflicting],
        "rows_without_id": report.rows_without_id,
        "notes": list(report.notes),
        "preset": plan.preset,
        "left_out": dict(report.left_out),
        "warnings": [warning.as_dict(_undone_by(row, report)) for warning in report.warnings],
    }


def _import_lines(
    file: Path, row: UsageImport, report: ImportReport, plan: ColumnPlan, known_format: Preset | None
) -> Iterator[str]:
    """What became of the file's rows, a sentence or a count on each line."""
    if known_format:
        yield _looks_like(known_format, plan)
    yield (
        f"{file.name}: read {report.read:,}, accepted {report.accepted:,}, duplicates {report.duplicates:,}, "
        f"conflicts {report.conflicts:,}, rejected {report.rejected:,}"
    )
    yield from (f"  {count:,} × {reason}" for reason, count in report.reasons.items())
    yield from (f"  {hint}" for problem, hint in HINTS.items() if problem in report.reasons)
    if report.rejects_path:
        yield f"  rejected rows: {report.rejects_path}"
    if report.left_out:
        yield "  left out: " + ", ".join(f"{name} ({count:,})" for name, count in report.left_out.items())
    yield from (f"  warning: {warning.told(_undone_by(row, report))}" for warning in report.warnings)
    yield from (f"  {sentence}" for sentence in report.notes)
    if report.accepted:
        yield f"  take it out again with: avs usage undo {row.usage_import_id}"


def _undone_by(row: UsageImport, report: ImportReport) -> str | None:
    """The id that takes out again what the file brought; None where it brought nothing."""
    return row.usage_import_id if report.accepted else None


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


@command("imports")
@of_workspace
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many of the newest.")
@as_json
def list_imports(workspace_id: str | None, limit: int, as_json: bool) -> None:
    """List the files and HTTP batches that brought usage events, newest first, with what each can be undone by."""
    workspace_id = workspace_id or the_workspace_id(db.session)
    store = usage_events().store
    rows = undoing.incoming(db.session, store, workspace_id, limit)
    lines = [
        f"{row.usage_import_id}  {row.received_at:%Y-%m-%d %H:%M:%S}Z  {_rows_of(row)}  "
        f"{row.state.replace('_', ' ')}  {row.source}"
        for row in rows
    ]
    without = undoing.events_without_origin(store, workspace_id)
    lines += [f"{without:,} events came with no import that is known: withdraw them by their ids."] if without else []
    show(
        [{name: getattr(row, name) for name in INCOMING_FIELDS} for row in rows],
        as_json,
        lines or [f"Workspace {workspace_id} has no imports."],
    )


def _rows_of(row: undoing.Incoming) -> str:
    """How many of the accepted rows still count."""
    if row.rows_stored is None or row.rows_stored == row.rows_accepted:
        return f"{row.rows_accepted:,} rows"
    return f"{row.rows_stored:,} of {row.rows_accepted:,} rows"


@command("undo")
@click.argument("usage_import_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def undo(usage_import_id: str, yes: bool, as_json: bool) -> None:
    """Take out all events that an import or HTTP batch brought; they may come again."""
    store = usage_events().store
    rows = undoing.incoming_of(db.session, store, usage_import_id)
    if refusal := _refusal(rows):
        show([{name: getattr(row, name) for name in INCOMING_FIELDS} for row in rows], as_json, [refusal])
        return
    going = " and ".join(f"{row.rows_stored:,} events of workspace {row.workspace_id}" for row in rows)
    if not yes:
        click.confirm(
            f"{rows[0].source}, received {rows[0].received_at:%Y-%m-%d %H:%M:%S}Z: take out {going}?",
            abort=True,
            err=True,
        )
    undone = undoing.undo(db.session, store, usage_import_id, actor=OPERATOR, now=clock.now())
    document = [{name: getattr(row, name) for name in INCOMING_FIELDS} for row in undone]
    show(document, as_json, [f"Took out {going}. Runs that used them keep their outputs: simulate again."])


def _refusal(rows: Sequence[undoing.Incoming]) -> str | None:
    """Why there is nothing to undo; None when there is."""
    if any(row.can_be_undone for row in rows):
        return None
    return {
        undoing.UNDONE: "It was undone already.",
        undoing.WITHDRAWN: "All of its events were withdrawn already.",
        undoing.NOTHING_STORED: "It stored nothing, so there is nothing to undo.",
        undoing.WITHOUT_ORIGIN: "It came before events knew their import: name the events to `avs usage withdraw`.",
    }[rows[0].state]


@command("withdraw")
@click.argument("event_ids", nargs=-1, required=True)
@of_workspace
@click.option("--source", help="The source of CloudEvents with these ids.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def withdraw(
    event_ids: tuple[str, ...], workspace_id: str | None, source: str | None, yes: bool, as_json: bool
) -> None:
    """Take events out by their ids; they may come again. `-` reads ids from the standard input, one a line."""
    workspace_id = workspace_id or the_workspace_id(db.session)
    if event_ids == ("-",):
        event_ids = tuple(line.rstrip("\n") for line in sys.stdin if line.strip())
    ids = [sourced_id(source, event_id) if source else event_id for event_id in event_ids]
    if not yes:
        click.confirm(f"Take {len(ids):,} events out of workspace {workspace_id}?", abort=True, err=True)
    gone = undoing.withdraw(db.session, usage_events().store, workspace_id, ids, actor=OPERATOR, now=clock.now())
    lines = [f"Took out {len(gone.event_ids):,} events."]
    lines += [f"  no stored event has the id {event_id}" for event_id in gone.not_stored]
    show({"withdrawn": len(gone.event_ids), "not_stored": list(gone.not_stored)}, as_json, lines)


@command("stats")
@of_workspace
@as_json
def stats(workspace_id: str | None, as_json: bool) -> None:
    """Count the events of a workspace by event type and customer, with the sum of every numeric dimension."""
    workspace_id = workspace_id or the_workspace_id(db.session)
    rows = usage_stats(usage_events().store, workspace_id, clock.now())
    lines = [
        f"{row.event_type}  {row.customer_id}  {row.events:,} events"
        + "".join(f"  {name} {total:,}" for name, total in row.sums.items())
        for row in rows
    ]
    future = sum(row.future_events for row in rows)
    lines += [f"{future:,} events lie in the future: no default window reaches them."] if future else []
    document = [
        {
            "event_type": row.event_type,
            "customer_id": row.customer_id,
            "events": row.events,
            "first_ts": row.first_ts,
            "last_ts": row.last_ts,
            "sums": row.sums,
            "future_events": row.future_events,
        }
        for row in rows
    ]
    show(document, as_json, lines or [f"Workspace {workspace_id} has no usage events."])


usage = click.Group(
    "usage",
    commands=(usage_import, list_presets, list_imports, undo, withdraw, stats, check_files, reindex, take_file_out),
    help="Usage events: what simulations replay.",
)
