"""The list of what is checked before the product works, in order, and who needs what.

A start says the first thing that stops it, before the port listens and before anything is written; `avs doctor` says
all of them. A check takes the ones before it in `after` for granted.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from app.checks.address import address_is_free
from app.checks.belonging import database_and_data_belong_together, keys_are_kept
from app.checks.folders import (
    data_directory_can_be_written,
    exchange_of_keys_is_done,
    secret_key_is_whole,
    signing_keys_can_sign,
)
from app.checks.settings import settings_can_be_meant
from app.checks.stores import (
    database_is_this_versions,
    database_is_whole,
    publishing_target_can_be_used,
    usage_index_is_whole,
)
from app.checks.surroundings import Examine, Remark, Surroundings


@dataclass(frozen=True)
class Check:
    """A check by its name. `for_all`: every command needs it, not only a server; it takes no longer than they may."""

    name: str
    examine: Examine
    for_all: bool = False
    after: tuple[str, ...] = ()


CHECKS = (
    Check("settings", settings_can_be_meant, for_all=True),
    Check("data directory", data_directory_can_be_written, for_all=True),
    Check("secret key", secret_key_is_whole, for_all=True, after=("data directory",)),
    Check("signing keys", signing_keys_can_sign, for_all=True, after=("data directory",)),
    Check("database", database_is_this_versions, for_all=True, after=("settings", "data directory")),
    Check("damage", database_is_whole, after=("settings", "database")),
    Check("installation", database_and_data_belong_together, for_all=True, after=("settings", "database", "damage")),
    Check("kept keys", keys_are_kept, for_all=True, after=("settings", "database", "damage", "installation")),
    Check("exchange of keys", exchange_of_keys_is_done, after=("data directory", "signing keys")),
    Check("usage index", usage_index_is_whole, after=("data directory",)),
    Check("publishing", publishing_target_can_be_used),
    Check("address", address_is_free),
)


def examined(here: Surroundings, checks: Sequence[Check] = CHECKS) -> list[tuple[Check, list[Remark] | None]]:
    """Each check with its remarks; None for one that was left out, since one before it stops."""
    results: list[tuple[Check, list[Remark] | None]] = []
    stopped: set[str] = set()
    for check in checks:
        remarks = None if stopped.intersection(check.after) else list(check.examine(here))
        if remarks is None or any(remark.stops for remark in remarks):
            stopped.add(check.name)
        results.append((check, remarks))
    return results


def require(here: Surroundings, *, but: Sequence[str] = ()) -> None:
    """Refuse to go on, exit status 1, with the first remark that stops; a server says the others on standard error."""
    for check in CHECKS:
        if (check.for_all or here.is_serving) and check.name not in but:
            for remark in check.examine(here):
                if remark.stops:
                    raise click.ClickException(remark.sentence)
                if here.is_serving:
                    click.echo(f"Note: {remark.sentence}", file=sys.stderr)
