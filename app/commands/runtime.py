"""`avs runtime` and `avs keys`: what customer apps enforce, and what it is signed with."""

from datetime import timedelta

import click

from app import clock
from app.commands.command import as_json, command, show
from app.commands.publish import keys_changed
from app.extensions import signing_keys
from app.models.base import db
from app.services.delivery import current
from app.services.delivery.staleness import longest_staleness
from rules.enums import Stage, TargetEnvironment

at_once = click.option(
    "--now", "at_once", is_flag=True, help="Do not wait for as long as apps may go on with what they have."
)


@command("show")
@click.argument("workspace_id")
@click.argument("segment")
@click.argument("stage", type=click.Choice([item.value for item in Stage]))
@click.argument("target_environment", type=click.Choice([item.value for item in TargetEnvironment]))
def runtime_show(**subject: str) -> None:
    """Print the active config of a subject, byte for byte as apps receive it."""
    document = current.read(db.session, subject, now=clock.now()).document
    if document is None:
        raise click.ClickException(f"Nothing is active for {', '.join(subject.values())}.")
    click.echo(document.decode())


runtime = click.Group("runtime", commands=(runtime_show,), help="What customer apps enforce.")


@command("list")
@as_json
def keys_list(as_json: bool) -> None:
    """List the published public keys; the first one signs."""
    ring = signing_keys().ring()
    coming = {key.kid for key in ring.coming}
    words = {ring.keys[0].kid: "  signs"} | dict.fromkeys(coming, "  published, signs nothing yet")
    show(ring.jwks(), as_json, [f"{key.kid}{words.get(key.kid, '  signs no longer')}" for key in ring.published])


@command("add")
def keys_add() -> None:
    """Publish a new key that signs nothing yet, so that apps that pin a key set can get it first."""
    key = signing_keys().add(clock.now())
    click.echo(f"{key.kid} is published and signs nothing yet.")
    keys_changed()
    ready_at = clock.now() + longest_staleness(db.session)
    click.echo(
        "Give apps that pin a key set the new one (`avs keys list --json`); "
        f"from {ready_at:%Y-%m-%d %H:%M UTC} on, `avs keys use`."
    )


@command("use")
@at_once
def keys_use(at_once: bool) -> None:
    """Let the key that was added sign from now on; the one before it stays published until it is retired."""
    store, before = signing_keys(), signing_keys().ring().keys[0].kid
    used = store.use(clock.now(), published_for=_waits(at_once))
    click.echo(f"{used.kid} signs from now on; {before} stays published until `avs keys retire {before}`.")
    keys_changed()


@command("rotate")
def keys_rotate() -> None:
    """Make a new key that signs at once; where apps pin a key set, `add` and `use` it instead."""
    click.echo(f"{signing_keys().rotate(clock.now()).kid} signs from now on.")
    click.echo("Apps that pin a key set refuse documents until they have it (`avs keys list --json`).")
    keys_changed()


@command("retire")
@click.argument("kid")
@at_once
def keys_retire(kid: str, at_once: bool) -> None:
    """Take a key out of the published set: one that signs no longer, or one that was added and never used."""
    signing_keys().retire(kid, clock.now(), unused_for=_waits(at_once))
    click.echo(f"{kid} is no longer published.")
    keys_changed()


def _waits(at_once: bool) -> timedelta:
    return timedelta(0) if at_once else longest_staleness(db.session)


keys = click.Group(
    "keys",
    commands=(keys_list, keys_add, keys_use, keys_retire, keys_rotate),
    help="What runtime configs are signed with.",
)
