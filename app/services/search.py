"""Search over the full-text indexes of migration 0002: words and beginnings of words, alike on both engines.

`cust_20 warn` finds rows that hold a word starting with `20` right after `cust`, and anywhere a word starting with
`warn`. Words are made of letters and digits, all other characters separate them, and case does not count. In a table of
`BEGINNINGS` each term is instead the beginning of one of its columns, exactly as written.
"""

import re
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from app.models.base import AnySession

WORD = re.compile(r"[^\W_]+")
MAX_SEARCH_LENGTH = 200
FEW_HITS = 2_000
LAST_CHARACTER = "\U0010ffff"
BEGINNINGS = {
    "product_events": ("entity_id", "event_name", "actor"),
    "billing_patches": ("billing_patch_id", "config_version_id"),
    "runtime_configs": ("decision_id", "config_version_id", "digest"),
}
"""Table → indexed columns: identifiers, too busy for an index of words, which would cost every write (decision 9)."""

_EXPRESSIONS: WeakKeyDictionary[sa.Engine, dict[str, str]] = WeakKeyDictionary()
"""Engine → table → the expression that PostgreSQL indexed."""


def phrases(search: str) -> list[list[str]]:
    """The words of each blank-separated term, in order; empty when nothing in it can be looked up."""
    terms = (WORD.findall(term.lower()) for term in search[:MAX_SEARCH_LENGTH].split())
    return [words for words in terms if words]


def matching(session: AnySession, table: sa.Table, search: str) -> sa.ColumnElement[bool]:
    """The condition that a row of the table is found by the search."""
    if table.name in BEGINNINGS:
        return _beginnings(session, table, search)
    terms = phrases(search)
    if not terms:
        return sa.false()
    if session.get_bind().dialect.name == "sqlite":
        return _sqlite(session, table.name, fts5_query(terms))
    words: sa.ColumnClause[str] = sa.literal_column(_indexed_expression(session, table.name))
    return words.op("@@", is_comparison=True)(sa.func.to_tsquery("simple", tsquery(terms)))


def fts5_query(terms: list[list[str]]) -> str:
    """The query of SQLite's FTS5: all terms, each a phrase whose last word may go on."""
    return " AND ".join('"' + " ".join(words) + '" *' for words in terms)


def tsquery(terms: list[list[str]]) -> str:
    """The text of PostgreSQL's `to_tsquery`: all terms, each a phrase whose last word may go on."""
    return " & ".join("(" + " <-> ".join(f"'{word}'" for word in words) + ":*)" for words in terms)


def _sqlite(session: AnySession, table: str, query: str) -> sa.ColumnElement[bool]:
    index = sa.table(f"search_{table}", sa.column("rowid", sa.Integer))
    hits = sa.select(index.c.rowid).where(sa.literal_column(index.name).op("MATCH")(query))
    return sa.literal_column(f"{_plus(session, hits)}{table}.rowid").in_(hits)


def _plus(session: AnySession, hits: sa.Select[tuple[int]]) -> str:
    """The sign before a column that tells SQLite's planner how to go on: nothing with few hits, a plus with many.

    Few hits are fetched and sorted. With many it is quicker to walk the rows in their order until a page is full, and a
    unary plus keeps the planner from fetching the hits first.
    """
    count: int = session.scalar(sa.select(sa.func.count()).select_from(hits.limit(FEW_HITS).subquery())) or 0
    return "" if count < FEW_HITS else "+"


def _beginnings(session: AnySession, table: sa.Table, search: str) -> sa.ColumnElement[bool]:
    terms = search.replace("\x00", "")[:MAX_SEARCH_LENGTH].split()  # PostgreSQL's text cannot hold a zero byte
    if not terms:
        return sa.false()
    condition = _begun(table, terms)
    if session.get_bind().dialect.name == "sqlite":
        return _begun(table, terms, _plus(session, sa.select(table.c[0]).where(condition)))
    return condition


def _begun(table: sa.Table, terms: list[str], plus: str = "") -> sa.ColumnElement[bool]:
    """The condition that every term is the beginning of one of the columns.

    It compares with both ends of a range, so that both engines find the rows in an index.
    """
    columns = [sa.literal_column(f"{plus}{table.name}.{name}", sa.String) for name in BEGINNINGS[table.name]]
    return sa.and_(
        *(sa.or_(*(sa.and_(column >= term, column < term + LAST_CHARACTER) for column in columns)) for term in terms)
    )


def rebuild(session: AnySession) -> int:
    """Fill SQLite's word indexes from the tables again, as after restoring a dump, which gives rows new numbers.

    Returns the number of indexes: 0 on PostgreSQL, which keeps its own up to date.
    """
    if session.get_bind().dialect.name != "sqlite":
        return 0
    views = sa.text("SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE 'words\\_%' ESCAPE '\\'")
    tables = [name.removeprefix("words_") for name in session.scalars(views)]
    for table in tables:
        index = f"search_{table}"
        session.execute(sa.text(f"INSERT INTO {index}({index}) VALUES ('delete-all')"))  # noqa: S608
        session.execute(sa.text(f"INSERT INTO {index}(rowid, words) SELECT id, words FROM words_{table}"))  # noqa: S608
    return len(tables)


def _indexed_expression(session: AnySession, table: str) -> str:
    """The expression that PostgreSQL indexed, read from its catalog once: an index serves no other spelling of it."""
    expressions = _EXPRESSIONS.setdefault(session.get_bind().engine, {})
    if table not in expressions:
        definition = sa.text(
            "SELECT pg_get_expr(indexprs, indrelid) FROM pg_index WHERE indexrelid = to_regclass(:name)"
        )
        expressions[table] = session.scalar(definition, {"name": f"ix_{table}_search"})
    return expressions[table]
