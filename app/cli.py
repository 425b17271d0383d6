"""The command line: `avs …` and `flask avs …`."""

from pathlib import Path

import click

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


@click.group()
def avs() -> None:
    """Decide, simulate, approve and deliver AVS configs."""


def main() -> None:
    """Console script: the same commands without Flask's own."""
    avs()
