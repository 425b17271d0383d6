"""`avs serve` and `avs seed`: from an empty directory to a server with the demo data."""

import os
import sys
from datetime import timedelta

import click
import sqlalchemy as sa
from flask import current_app

from app import clock
from app.checks.folders import make_private
from app.commands.command import as_json, command, show
from app.extensions import signing_keys, uploads, usage_events
from app.installation import begin, demo_is_settled
from app.migrations import upgrade
from app.models.base import db
from app.models.installation import Installation
from app.models.runtime_config import RuntimeConfig
from app.models.workspace import Workspace
from app.serving import running as serving
from seed.loader import ensure_seeded, load_seed

DEMO, EMPTY = "demo", "empty"
DEMO_WORKSPACE = "ws_1049"
SWEEP_GRACE = timedelta(hours=1)  # longer than any simulation reads its files


@command()
@click.option("--host", default="127.0.0.1", show_default=True, envvar="HOST")
@click.option("--port", default="5000", show_default=True, envvar="PORT", metavar="PORT")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="Server processes.")
@click.option("--demo", "start", flag_value=DEMO, help="Load the demo, or what is missing of it.")
@click.option("--empty", "start", flag_value=EMPTY, help="Begin without the demo.")
def serve(host: str, port: str, workers: int, start: str | None) -> None:
    """Check, migrate, load the demo on a first start, and serve.

    A first start, where neither the database nor the data directory holds anything, loads the demo unless told --empty.
    """
    os.environ["HOST"] = host  # the workers' settings take it for a name of this server
    _keep_private()
    upgrade()
    store = usage_events().store
    swept = store.sweep(clock.now(), SWEEP_GRACE)
    uploads().sweep(clock.now())
    seeded = _seeded(start)
    if store.reindexed is not None:
        click.echo(store.reindexed.sentence)
    if swept.sentence:
        click.echo(swept.sentence)
    if seeded:
        click.echo("Seeded the Lumina demo.")
    if seeded or store.reindexed is not None:
        _begin_again()
    has_demo = db.session.scalar(sa.select(Workspace.workspace_id).filter_by(workspace_id=DEMO_WORKSPACE)) is not None
    db.session.remove()
    db.engine.dispose()
    store.close()
    banner = _banner(f"http://{_in_address(host)}:{port}", has_demo)
    sys.exit(serving.serve(host, int(port), workers, ready=lambda: click.echo(banner)))


def _keep_private() -> None:
    """Take from others what they could read of the data directory, and say so: copies that they made stay theirs."""
    changed = make_private(current_app.config["DATA_DIR"])
    if changed:
        click.echo(f"{changed} files and folders of {current_app.config['DATA_DIR']} are now their owner's alone.")


def _seeded(start: str | None) -> bool:
    """Load the demo where it was asked for, or where nothing was there at all; whether that changed anything."""
    store, now = usage_events().store, clock.now()
    installation = _begun(with_demo=start != EMPTY)
    report = None
    if start == DEMO:
        report = load_seed(db.session, store, now=now)
    elif start != EMPTY and installation.awaits_demo:
        report = ensure_seeded(db.session, store, now=now)
    if installation.awaits_demo:
        demo_is_settled(db.session)
    return report is not None and report.changed


def _begun(*, with_demo: bool) -> Installation:
    """The installation with its signing keys, which are made now if ever: later they would have been lost.

    Where apps may have documents already, in an installation from before it was named, the keys come first: a start
    that is killed in between leaves no named installation without keys.
    """
    if db.session.scalar(sa.select(RuntimeConfig.decision_id).limit(1)) is not None:
        signing_keys().ring()
    installation = begin(db.session, current_app.config["DATA_DIR"], with_demo=with_demo, now=clock.now())
    signing_keys().ring()
    return installation


def _banner(address: str, has_demo: bool) -> str:
    lines = [
        f"AVS Brain on {address}",
        f"  {address}/           the screens, from an empty workspace to an active config",
        f"  {address}/admin/     every table",
        f"  {address}/api/docs   the API, to read and try",
    ]
    if has_demo:
        subject = f"workspace_id={DEMO_WORKSPACE}&segment=ai_video_smb&stage=learning&target_environment=production"
        lines += [
            f"  {address}/api/runtime/config?{subject}",
            "  avs simulate cfg_smb_learning_prod_v2_candidate --window mocked",
        ]
    return "\n".join(lines)


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _begin_again() -> None:
    """Start this command anew, in a process without the threads of DuckDB and Arrow, which do not cross a fork."""
    sys.stdout.flush()
    called = [argument for argument in sys.orig_argv[1:] if argument != "--demo"]  # it is there now
    os.execv(sys.executable, [sys.executable, *called])  # noqa: S606  the command as it was called


@command()
@as_json
def seed(as_json: bool) -> None:
    """Load the demo data, or what is missing of it; what operators changed stays."""
    upgrade()
    _begun(with_demo=False)
    report = load_seed(db.session, usage_events().store, now=clock.now())
    document = {"changed": report.changed, "added": report.added, "usage_events_added": report.usage_events_added}
    lines = ["Seeded the Lumina demo." if report.changed else "The demo data is there already."]
    show(document, as_json, lines)
