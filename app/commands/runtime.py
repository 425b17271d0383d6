"""`avs runtime` and `avs keys`: what customer apps enforce, and what it is signed with."""

import click

from app import clock
from app.commands.command import as_json, command, show
from app.commands.publish import keys_changed
from app.extensions import signing_keys
from app.models.base import db
from app.services.delivery import current
from rules.enums import Stage, TargetEnvironment


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
    jwks = signing_keys().ring().jwks()
    show(jwks, as_json, [f"{key['kid']}{'' if index else '  signs'}" for index, key in enumerate(jwks["keys"])])


@command("rotate")
def keys_rotate() -> None:
    """Make a new key that signs from now on; the old ones stay published until they are retired."""
    click.echo(f"{signing_keys().rotate(clock.now()).kid} signs from now on.")
    keys_changed()


@command("retire")
@click.argument("kid")
def keys_retire(kid: str) -> None:
    """Take an old key out of the published set, once every client has read a newer signature."""
    signing_keys().retire(kid)
    click.echo(f"{kid} is no longer published.")
    keys_changed()


keys = click.Group("keys", commands=(keys_list, keys_rotate, keys_retire), help="What runtime configs are signed with.")
