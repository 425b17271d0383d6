"""The command line, `avs …` or `flask avs …`: what the API does, for scripts; `--json` prints what it would answer."""

import click

from app.commands.configs import activate_due, approve, check, simulate
from app.commands.export import export
from app.commands.publish import publish
from app.commands.runtime import keys, runtime
from app.commands.search import search
from app.commands.serve import seed, serve
from app.commands.usage import usage

COMMANDS = (serve, seed, check, simulate, approve, activate_due, publish, usage, search, export, runtime, keys)

avs = click.Group("avs", commands=COMMANDS, help="Decide, simulate, approve and deliver AVS configs.")
