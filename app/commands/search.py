"""`avs search`: the search of the tables."""

import click

from app.commands.command import as_json, command, show
from app.models.base import db
from app.models.transactions import write
from app.services.search import rebuild as rebuild_indexes


@command()
@as_json
def rebuild(as_json: bool) -> None:
    """Fill the search indexes again: a restored dump of a SQLite database needs it."""
    with write(db.session):
        count = rebuild_indexes(db.session)
    lines = [f"Rebuilt {count} search indexes." if count else "Nothing to do: PostgreSQL keeps its own search indexes."]
    show({"rebuilt": count}, as_json, lines)


search = click.Group("search", commands=(rebuild,), help="The search of the tables.")
