"""`python -m app.serving`: the server alone, on a database that is ready; `avs serve` makes it ready first."""

import sys

import click

from app.serving.running import serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5000, show_default=True)
@click.option("--workers", default=2, show_default=True)
def main(host: str, port: int, workers: int) -> None:
    """Serve until told to stop."""
    sys.exit(serve(host, port, workers))


main()
