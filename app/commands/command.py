"""What every command shares: who acts, how refusals are said, how answers are printed.

Each command parses, calls one service, commits and prints, like a resource of the API.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
import sqlalchemy as sa
from flask.cli import with_appcontext
from sqlalchemy.exc import OperationalError, ProgrammingError

from app.actor import Actor
from app.errors import AvsError, Invalid
from app.models.base import AnySession, db
from app.models.workspace import Workspace
from app.outages import in_a_line
from app.unavailable import refusal_of_failure
from simulation.canonical import canonical_text

OPERATOR = Actor("command line")
MOMENT = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"])
as_json = click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON.")

of_workspace = click.option(
    "--workspace", "workspace_id", metavar="WORKSPACE_ID", help="Needed unless there is exactly one workspace."
)


def the_workspace_id(session: AnySession) -> str:
    """The only workspace; Invalid (422) when there is none, or when there are several: they are named."""
    ids = session.scalars(sa.select(Workspace.workspace_id).order_by(Workspace.workspace_id)).all()
    if len(ids) != 1:
        several = f"There are {len(ids)} workspaces: {', '.join(ids)}. Name one with --workspace."
        raise Invalid(several if ids else "There is no workspace yet. Create one first.", code="invalid_input")
    return str(ids[0])


def command(name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """A command inside the application, whose refusals are sentences with exit status 1 and no tracebacks."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        in_application = with_appcontext(function)

        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return in_application(*args, **kwargs)
            except click.ClickException:
                raise
            except AvsError as error:
                lines = [error.detail, *(f"  {item.pointer}: {item.detail}" for item in error.errors)]
                lines += [f"  {finding.code}: {finding.message}" for finding in error.findings]
                raise click.ClickException("\n".join(lines)) from error
            except Exception as error:
                if (refusal := refusal_of_failure(error)) is not None:
                    raise click.ClickException(f"{refusal.detail} ({in_a_line(error)})") from error
                if not isinstance(error, (OperationalError, ProgrammingError)) or _is_migrated():
                    raise
                raise click.ClickException(f"{db.engine.url!r} is empty: run `avs seed` first.") from error

        return click.command(name)(guarded)

    return decorate


def _is_migrated() -> bool:
    return bool(sa.inspect(db.engine).has_table("alembic_version"))


def show(document: Any, machine: bool, lines: list[str]) -> None:
    """The document as canonical JSON, or its lines for a person."""
    click.echo(canonical_text(document) if machine else "\n".join(lines))
