"""`avs export`: billing patches for ledgers, what ledgers differ in, and the evidence of a config."""

import json
from typing import Any, BinaryIO

import click

from app import clock
from app.commands.command import as_json, command, show
from app.errors import Invalid
from app.models.base import db
from app.services.billing import ledger_patches
from app.services.billing import patches as billing_patches
from app.services.billing.ledgers.registry import NAMES
from app.services.configs.lookup import get_config
from app.services.evidence import files
from simulation.canonical import canonical_text
from simulation.repeated_keys import parse_strict

FIELDS = ("billing_patch_id", "price_book_ref", "effective_at", "payload")


@command("billing-patch")
@click.argument("config_version_id")
@click.option("--format", "ledger", type=click.Choice(NAMES), help="The ledger whose API the patch is written for.")
def billing_patch(config_version_id: str, ledger: str | None) -> None:
    """Print the billing patch of a config as canonical JSON."""
    patch = billing_patches.patch_of(db.session, config_version_id, now=clock.now())
    canonical = {name: getattr(patch, name) for name in FIELDS}
    click.echo(canonical_text(canonical if ledger is None else ledger_patches.rendered(db.session, patch, ledger)))


@command()
@click.argument("file", type=click.File("rb"))
@click.option("--ledger", required=True, type=click.Choice(NAMES), help="The ledger that FILE was exported from.")
@click.option(
    "--config",
    "config_version_id",
    help="The config to compare with; the only active production config when left out.",
)
@as_json
def drift(file: BinaryIO, ledger: str, config_version_id: str | None, as_json: bool) -> None:
    """Compare a ledger's exported JSON with a config's billing patch; exit status 1 when they differ."""
    config = config_version_id or ledger_patches.only_active_config_id(db.session)
    found = ledger_patches.drift_of(db.session, config, ledger, read_export(file), now=clock.now())
    show(found, as_json, lines(found))
    if found["differences"]:
        raise SystemExit(1)


def read_export(file: BinaryIO) -> Any:
    """The file's JSON with exact numbers; Invalid (422) names the place where it is none."""
    try:
        return parse_strict(file.read())
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise Invalid(f"{file.name} is not JSON: {where}.", code="malformed_json") from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Invalid(f"{file.name} is not JSON: {error}.", code="malformed_json") from error


def lines(found: dict[str, Any]) -> list[str]:
    """One line per difference, for people."""
    differences = found["differences"]
    count = "is in step" if not differences else f"differs in {len(differences)}"
    head = f"{found['ledger']} {count} with {found['billing_patch_id']} of {found['config_version_id']}."
    return [head, *map(_line, differences)]


def _line(difference: dict[str, Any]) -> str:
    record = f"  {difference['kind']} {difference['resource']} {difference['key'] or difference['id']}"
    if difference["id"] and difference["key"]:
        record += f" ({difference['id']})"
    if difference["field"] is None:
        return record
    return f"{record}: {difference['field']} is {difference['found']}, not {difference['expected']}"


@command()
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
    """Write forecast against observed by day, action and threshold, or the raw events."""
    config = get_config(db.session, config_version_id)
    files.write_rows(files.table_of(db.session, config, what, now=clock.now()), format_name, out)


export = click.Group("export", commands=(billing_patch, drift, evidence), help="Documents for other systems.")
