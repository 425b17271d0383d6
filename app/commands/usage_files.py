"""`avs usage check`, `reindex` and `take-out`: the stored files, held against what was written."""

from pathlib import Path

import click

from app import clock
from app.commands.command import OPERATOR, as_json, command, show
from app.extensions import usage_events
from app.models.base import db
from app.services.usage.condition import condition_of, take_out
from app.services.usage.set_aside import Aside


@command("check")
@as_json
def check_files(as_json: bool) -> None:
    """Read every stored file and name those that are not what was written. Exit status 1 when there are any."""
    store = usage_events().store
    condition = condition_of(store, anew=True)
    document = {
        "files": condition.files,
        "damaged": [
            {"workspace_id": workspace_id, **damage.as_dict()}
            for workspace_id, damages in condition.damages.items()
            for damage in damages
        ],
        "set_aside": [_document(aside) for aside in condition.unknown],
        "kept": [_document(aside) for aside in condition.kept],
    }
    lines = [
        f"{workspace_id}: {damage.sentence}"
        for workspace_id, damages in condition.damages.items()
        for damage in damages
    ]
    lines += [f"set aside, unknown to the index: usage/{aside.path}" for aside in condition.unknown]
    lines += [f"kept, asks for nothing ({aside.reason}): usage/{aside.path}" for aside in condition.kept]
    lines += [f"{condition.files:,} files are what was written."] if condition.is_well else condition.sentences[-2:]
    show(document, as_json, lines)
    if not condition.is_well:
        raise SystemExit(1)


def _document(aside: Aside) -> dict[str, object]:
    return {"path": aside.path, "reason": aside.reason, "size": aside.size}


@command("reindex")
@click.option("--take-in", is_flag=True, help="Store the events of files that were set aside as unknown instead.")
@as_json
def reindex(take_in: bool, as_json: bool) -> None:
    """Make the index of the usage events anew from the files. Whoever sends usage meanwhile waits."""
    store = usage_events().store
    if take_in:
        taken_in = store.take_in(clock.now())
        lines = [
            f"usage/{one.path}: {one.events:,} events taken in, {one.stored_already:,} stored already, "
            f"{one.undone:,} of undone imports"
            for one in taken_in
        ]
        document = [
            {
                "path": one.path,
                "workspace_id": one.workspace_id,
                "events": one.events,
                "stored_already": one.stored_already,
                "undone": one.undone,
            }
            for one in taken_in
        ]
        show(document, as_json, lines or ["Nothing that was set aside can be taken in."])
        return
    done = store.reindexed or store.reindex()
    show({"files": done.files, "events": done.events, "damaged": done.damaged}, as_json, [done.sentence])


@command("take-out")
@click.argument("file", metavar="FILE")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def take_file_out(file: str, yes: bool, as_json: bool) -> None:
    """Let the events of a damaged or lost FILE no longer count, as `avs usage check` names it; they may come again."""
    path = file.removeprefix("usage/")
    if not yes:
        click.confirm(f"Take {Path(path).name} out of the usage events?", abort=True, err=True)
    gone = take_out(db.session, usage_events().store, path, actor=OPERATOR, now=clock.now())
    lines = [f"{gone.rows:,} events of {gone.month} no longer count. Simulate again what rests on them."]
    show({"path": gone.path, "events": gone.rows}, as_json, lines)
