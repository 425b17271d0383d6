"""`avs doctor`: what a start would check, without starting."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app import clock
from app.checks.start import Check, examined
from app.checks.surroundings import Remark, Surroundings
from app.commands.command import as_json, show
from app.installation import adopt as adopted
from app.migrations import upgrade
from app.models.base import db

OWN = "installation"
"""The check that `--adopt` answers."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, envvar="HOST", help="Where it would listen.")
@click.option("--port", default="5000", show_default=True, envvar="PORT", metavar="PORT")
@click.option("--adopt", is_flag=True, help="Let this database and this data directory go together from now on.")
@as_json
def doctor(host: str, port: str, adopt: bool, as_json: bool) -> None:
    """Check settings, keys and stores as a start does; exit status 1 when one of them would stop it."""
    results = examined(Surroundings(host=host, port=port))
    stopping = {check.name for check, remarks in results if any(remark.stops for remark in remarks or ())}
    if adopt and stopping <= {OWN}:
        _adopt()
        results = examined(Surroundings(host=host, port=port))
        stopping = {check.name for check, remarks in results if any(remark.stops for remark in remarks or ())}
    document = {"checks": [_document(check, remarks) for check, remarks in results]}
    show(document, as_json, [line for check, remarks in results for line in _lines(check, remarks)])
    if stopping:
        raise SystemExit(1)


@with_appcontext
def _adopt() -> None:
    upgrade()
    installation_id = adopted(db.session, current_app.config["DATA_DIR"], now=clock.now())
    click.echo(
        f"The database and {current_app.config['DATA_DIR']} are the installation {installation_id} now.", err=True
    )


def _document(check: Check, remarks: list[Remark] | None) -> dict[str, object]:
    return {
        "check": check.name,
        "outcome": _outcome(remarks),
        "remarks": [remark.sentence for remark in remarks or ()],
    }


def _lines(check: Check, remarks: list[Remark] | None) -> list[str]:
    """A line for each remark; one for a check that has none, or was left out."""
    if remarks is None:
        return [f"{check.name}: not checked, since one before it stops"]
    return [f"{check.name}: {remark.sentence}" for remark in remarks] or [f"{check.name}: ok"]


def _outcome(remarks: list[Remark] | None) -> str:
    if remarks is None:
        return "not_checked"
    return "stops" if any(remark.stops for remark in remarks) else "noted" if remarks else "ok"
