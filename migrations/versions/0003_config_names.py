"""config names: what people call a config version, which lists show and the search finds

Apps and content hashes never see a name, so a version that is decided keeps its bytes. SQLite adds the column in place: no
copy of the table, whose triggers and children stay as they are. Its words are fed from a view and by three triggers, which
are made anew with the column among them; PostgreSQL's index is.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LONGEST = 8000
TABLE = "config_versions"
BEFORE = ("config_version_id", "cycle_id", "segment", "price_book_ref")
AFTER = (*BEFORE, "config_name")


def upgrade():
    op.add_column(TABLE, sa.Column("config_name", sa.String(200), nullable=True))
    _search_in(AFTER)


def downgrade():
    _search_in(BEFORE)
    op.drop_column(TABLE, "config_name")


def _search_in(columns):
    """Index these columns of the table; the tables of 0002 say how."""
    if op.get_bind().dialect.name == "sqlite":
        _feed_anew(columns)
    else:
        op.execute(f"DROP INDEX ix_{TABLE}_search")
        op.execute(f"CREATE INDEX ix_{TABLE}_search ON {TABLE} USING gin (search_words({_document(columns)}))")


def _feed_anew(columns):
    def words(row):
        return f"substr({_document(columns, row)}, 1, {LONGEST})"

    index, run = f"search_{TABLE}", op.get_bind().exec_driver_sql
    add = f"INSERT INTO {index}(rowid, words) VALUES (new.rowid, {words('new.')});"
    drop = f"INSERT INTO {index}({index}, rowid, words) VALUES ('delete', old.rowid, {words('old.')});"
    for moment in ("insert", "delete", "update"):
        run(f"DROP TRIGGER {index}_{moment}")
    run(f"DROP VIEW words_{TABLE}")
    run(f"INSERT INTO {index}({index}) VALUES ('delete-all')")
    run(f"CREATE VIEW words_{TABLE} AS SELECT rowid AS id, {words('')} AS words FROM {TABLE}")
    run(f"INSERT INTO {index}(rowid, words) SELECT id, words FROM words_{TABLE}")
    run(f"CREATE TRIGGER {index}_insert AFTER INSERT ON {TABLE} BEGIN {add} END")
    run(f"CREATE TRIGGER {index}_delete AFTER DELETE ON {TABLE} BEGIN {drop} END")
    run(f"CREATE TRIGGER {index}_update AFTER UPDATE OF {', '.join(columns)} ON {TABLE} BEGIN {drop} {add} END")


def _document(columns, row=""):
    return " || ' ' || ".join(f"coalesce({row}{column}, '')" for column in columns)
