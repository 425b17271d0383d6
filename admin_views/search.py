"""Search over the full-text indexes of migration 0002: words and beginnings of words, the same on both engines.

`cust_20 warn` finds rows that hold a word starting with `20` right after `cust`, and anywhere a word starting with
`warn`. Letters and digits make words, everything else separates them; case does not count.
"""

import re
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import Session, scoped_session

WORD = re.compile(r"[^\W_]+")
LONGEST_QUERY = 200
FEW = 2_000
INDEXED_EXPRESSION = sa.text(
    "SELECT pg_get_expr(indexprs, indrelid) FROM pg_index WHERE indexrelid = to_regclass(:name)"
)

AnySession = Session | scoped_session[Session]


def phrases(search: str) -> list[list[str]]:
    """The words of each blank-separated term, in order; empty when nothing in it can be looked up."""
    terms = (WORD.findall(term.lower()) for term in search[:LONGEST_QUERY].split())
    return [words for words in terms if words]


def matching(session: AnySession, table: sa.Table, search: str) -> sa.ColumnElement[bool]:
    """The condition that a row of the table is found by the search."""
    wanted = phrases(search)
    if not wanted:
        return sa.false()
    if session.get_bind().dialect.name == "sqlite":
        return _sqlite(session, table.name, fts5_query(wanted))
    words = sa.literal_column(_indexed_expression(session, table.name))
    return words.op("@@", is_comparison=True)(sa.func.to_tsquery("simple", tsquery(wanted)))


def fts5_query(wanted: list[list[str]]) -> str:
    return " AND ".join('"' + " ".join(words) + '" *' for words in wanted)


def tsquery(wanted: list[list[str]]) -> str:
    return " & ".join("(" + " <-> ".join(f"'{word}'" for word in words) + ":*)" for words in wanted)


def _sqlite(session: AnySession, table: str, query: str) -> sa.ColumnElement[bool]:
    """Few hits are fetched and sorted; with many it is quicker to walk the rows in their order until a page is full.

    The unary plus keeps the planner from fetching the hits first.
    """
    index = f"search_{table}"
    probe = f"SELECT count(*) FROM (SELECT 1 FROM {index} WHERE {index} MATCH :query LIMIT :few)"  # noqa: S608
    hits: int = session.scalar(sa.text(probe), {"query": query, "few": FEW}) or 0
    rowid = f"{table}.rowid" if hits < FEW else f"+{table}.rowid"
    found = sa.text(f"{rowid} IN (SELECT rowid FROM {index} WHERE {index} MATCH :query)")  # noqa: S608
    condition: Any = found.bindparams(query=query)
    return condition


def _indexed_expression(session: AnySession, table: str) -> str:
    """The expression that PostgreSQL indexed: only the very same one uses the index, so it is read from there once."""
    known: dict[str, str] = current_app.extensions.setdefault("avs_search", {})
    if table not in known:
        definition = sa.text(
            "SELECT pg_get_expr(indexprs, indrelid) FROM pg_index WHERE indexrelid = to_regclass(:name)"
        )
        known[table] = session.scalar(definition, {"name": f"ix_{table}_search"})
    return known[table]
