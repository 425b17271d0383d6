"""The command line: `avs …`, or `flask avs …` (build pack: everything the screens do can be scripted)."""

import os
import sys
from pathlib import Path

import click
from flask_migrate import upgrade

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


@click.group()
def avs() -> None:
    """Decide, simulate, approve and deliver AVS configs."""


@avs.command()
@click.option("--host", default="127.0.0.1", show_default=True, envvar="HOST")
@click.option("--port", default=5000, show_default=True, envvar="PORT")
@click.option("--workers", default=2, show_default=True, help="Server processes.")
def serve(host: str, port: int, workers: int) -> None:
    """Migrate, seed on first start, and serve with granian."""
    upgrade()
    click.echo(f"AVS Brain on http://{host}:{port}")
    arguments = ["--interface", "wsgi", "--host", host, "--port", str(port), "--workers", str(workers)]
    granian = str(Path(sys.executable).with_name("granian"))
    os.execv(granian, [granian, *arguments, "--blocking-threads", "4", "--no-ws", "wsgi:app"])  # noqa: S606
