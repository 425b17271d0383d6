"""`avs export evidence`: what came back of a config, as a file for a spreadsheet or a notebook.

A plain function with its options; `app/cli.py` makes it a command of its `export` group.
"""

from typing import BinaryIO

import click

from app import clock
from app.models.base import db
from app.services.configs.lookup import get_config
from app.services.evidence import files


@click.argument("config_version_id")
@click.option("--format", "format_name", type=click.Choice(list(files.FORMATS)), default=files.CSV, show_default=True)
@click.option(
    "--rows",
    "what",
    type=click.Choice((files.COMPARISONS, files.EVENTS)),
    default=files.COMPARISONS,
    show_default=True,
    help="Forecast against observed by day, or the raw enforcement events.",
)
@click.option("--out", type=click.File("wb"), default="-", help="Where to write; the terminal when left out.")
def evidence(config_version_id: str, format_name: str, what: str, out: BinaryIO) -> None:
    """Forecast against observed by day, action and threshold, or the raw events."""
    config = get_config(db.session, config_version_id)
    files.write_rows(files.rows_of(db.session, config, what, now=clock.now()), format_name, out)
