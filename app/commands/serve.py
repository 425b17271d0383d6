"""`avs serve` and `avs seed`: from an empty directory to a server with the demo data."""

import os
import socket
import sys
from datetime import timedelta

import click

from app import clock
from app.commands.command import as_json, command, show
from app.extensions import publisher, uploads, usage_events
from app.hosts import LOCAL
from app.migrations import upgrade
from app.models.base import db
from app.serving import running as serving
from seed.loader import ensure_seeded, load_seed

SWEEP_GRACE = timedelta(hours=1)  # longer than any simulation reads its files


@command()
@click.option("--host", default="127.0.0.1", show_default=True, envvar="HOST")
@click.option("--port", default=5000, show_default=True, envvar="PORT")
@click.option("--workers", default=2, show_default=True, help="Server processes.")
def serve(host: str, port: int, workers: int) -> None:
    """Migrate, seed on first start, and serve."""
    if host not in LOCAL and not os.environ.get("AVS_API_TOKEN"):
        raise click.ClickException(f"Set AVS_API_TOKEN before serving on {host}: without it every route is open.")
    os.environ["HOST"] = host  # the workers' settings take it for a name of this server
    if (found := publisher()) is not None:
        found.store.require()
    _require_free(host, port)
    upgrade()
    store = usage_events().store
    swept = store.sweep(clock.now(), SWEEP_GRACE)
    uploads().sweep(clock.now())
    report = ensure_seeded(db.session, store, now=clock.now())
    db.session.remove()
    if store.reindexed is not None:
        click.echo(store.reindexed.sentence)
    if swept.sentence:
        click.echo(swept.sentence)
    if report is not None:
        click.echo("Seeded the Lumina demo.")
    if report is not None or store.reindexed is not None:
        _begin_again()
    db.engine.dispose()
    store.close()
    address = f"http://{host}:{port}"
    click.echo(
        f"AVS Brain on {address}\n"
        f"  {address}/           the screens, from an empty workspace to an active config\n"
        f"  {address}/admin/     every table\n"
        f"  {address}/api/docs   the API, to read and try\n"
        f"  {address}/api/runtime/config?workspace_id=ws_1049&segment=ai_video_smb"
        "&stage=learning&target_environment=production\n"
        "  avs simulate cfg_smb_learning_prod_v2_candidate --window mocked",
    )
    sys.stdout.flush()
    sys.exit(serving.serve(host, port, workers))


def _begin_again() -> None:
    """Start this command anew, in a process without the threads of DuckDB and Arrow, which do not cross a fork."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  the command as it was called


def _require_free(host: str, port: int) -> None:
    """Refuse a port that is taken before minutes go into seeding."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise click.ClickException(
            f"Port {port} on {host}: {error.strerror}. Choose another: PORT=5001 make run"
        ) from error


@command()
@as_json
def seed(as_json: bool) -> None:
    """Load the demo data, or what is missing of it; what operators changed stays."""
    upgrade()
    report = load_seed(db.session, usage_events().store, now=clock.now())
    document = {"changed": report.changed, "added": report.added, "usage_events_added": report.usage_events_added}
    lines = ["Seeded the Lumina demo." if report.changed else "The demo data is there already."]
    show(document, as_json, lines)
