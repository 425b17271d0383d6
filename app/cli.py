"""The command line, `avs …` or `flask avs …`: what the API does, for scripts; `--json` prints what it would answer.

A command's module is imported when the command is called for, and the application is made when it runs, without the
doors that no command needs. `avs --help` is answered from `COMMANDS` alone.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import click

from app.loading import undisturbed

if TYPE_CHECKING:
    from flask import Flask


PRIVATE = 0o077
"""The umask of the product's processes: what they write is for their user alone."""


class Entry(NamedTuple):
    """A command or a group of commands: its name, its module under app/commands, and what `avs --help` says of it."""

    name: str
    module: str
    help: str

    def command(self) -> click.Command:
        """The command itself."""
        with undisturbed():
            module = import_module(f"app.commands.{self.module}")
        command: click.Command = getattr(module, self.name.replace("-", "_"))
        return command


COMMANDS = (
    Entry("serve", "serve", "Check, migrate, load the demo on a first start, and serve."),
    Entry("seed", "serve", "Load the demo data, or what is missing of it."),
    Entry("check", "configs", "Evaluate every rule for a config."),
    Entry("simulate", "configs", "Replay usage through a candidate config and keep the run."),
    Entry("approve", "configs", "Approve a candidate: it becomes active."),
    Entry("reschedule", "configs", "Move a decision that is scheduled or held back to another moment."),
    Entry("withdraw", "configs", "Take back a decision that is scheduled or held back."),
    Entry("activate-due", "configs", "Promote approved configs whose effective_at has come."),
    Entry("runtime", "runtime", "What customer apps enforce."),
    Entry("publish", "publish", "Publish every active config, or check what is published."),
    Entry("export", "export", "Documents for other systems."),
    Entry("usage", "usage", "Usage events: what simulations replay."),
    Entry("catalog", "catalog", "Catalogs: the words of a workspace."),
    Entry("keys", "runtime", "What runtime configs are signed with."),
    Entry("doctor", "doctor", "Check settings, keys and stores as a start does."),
    Entry("search", "search", "The search of the tables."),
)


class Commands(click.Group):
    """The commands of `COMMANDS`, each imported when it is called for, and shown in the order of that table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = next((entry for entry in COMMANDS if entry.name == cmd_name), None)
        return None if entry is None else entry.command()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in COMMANDS])


@click.group(cls=Commands)
@click.pass_context
def avs(context: click.Context) -> None:
    """Decide, simulate, approve and deliver AVS configs."""
    if context.obj is None:  # `flask avs` comes with an application
        from flask.cli import ScriptInfo  # late, as the application is: help needs neither

        context.obj = ScriptInfo(create_app=_application)


def _application() -> "Flask":
    """The application, after the checks that the called command needs (app/checks/start.py)."""
    os.umask(PRIVATE)
    with undisturbed():
        from app.checks.start import require
        from app.checks.surroundings import Surroundings
        from app.core import create_core
        from app.errors import BadSetting

        called = click.get_current_context()
        is_serving, group = called.info_name == "serve", called.parent and called.parent.info_name
        address = {name: called.params[name] for name in ("host", "port") if is_serving}
        passed_over = {"keys": ("kept keys",)}.get(group or "", ())
        if called.info_name != "doctor":  # it has looked, and says what to do
            require(Surroundings(is_serving=is_serving, **address), but=passed_over)
        try:
            return create_core()
        except BadSetting as error:
            raise click.ClickException(error.detail) from error
