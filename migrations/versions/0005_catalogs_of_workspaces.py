"""catalogs of workspaces: each catalog holds shared entries, which have no workspace, and entries of single workspaces

Every row that is there stays as a shared one. A key is no longer unique in its table, so rows get a number of their own as
primary key, and the segment of a customer is a name that no foreign key holds. `workspaces.catalog_revision` counts the
changes of a workspace's own entries, so that a process knows when what it read is out of date.

SQLite copies each table. The numbers are the old rowids, by which the search tables know the rows already: their content
stays, only the views and triggers around it are made anew.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

import app.models.base

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LONGEST = 8000
METRIC_TYPE = sa.String(40)

# Table → its key and its other columns, in their order; customers first, which name segments.
TABLES = {
    "customers": (
        "customer_id",
        (("name", sa.String(200), False), ("segment", sa.String(200), False)),
    ),
    "event_catalog": (
        "event_type",
        (("description", sa.Text(), False), ("dimensions", app.models.base.CanonicalJSON(), False)),
    ),
    "metric_catalog": ("metric_id", (("label", sa.String(200), False), ("type", METRIC_TYPE, False))),
    "quality_signal_catalog": ("signal_id", (("label", sa.String(200), False), ("source", sa.String(200), False))),
    "segment_catalog": ("segment_id", (("label", sa.String(200), False), ("description", sa.Text(), True))),
}
SHARED = sa.text("workspace_id IS NULL")

# What a search reads, as in migration 0002.
SEARCHED = {
    "customers": ("customer_id", "name", "segment"),
    "event_catalog": ("event_type", "description", "dimensions"),
    "metric_catalog": ("metric_id", "label"),
    "quality_signal_catalog": ("signal_id", "label", "source"),
    "segment_catalog": ("segment_id", "label", "description"),
}


def upgrade():
    op.add_column("workspaces", sa.Column("catalog_revision", sa.Integer(), nullable=False, server_default="0"))
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, (key, columns) in TABLES.items():
        if on_sqlite:
            _copy(table, key, columns, sa.PrimaryKeyConstraint("entry_id", name=f"pk_{table}"), own=True)
        else:
            _number(table, key)
        op.create_index(f"uq_shared_{key}", table, [key], unique=True, sqlite_where=SHARED, postgresql_where=SHARED)
    op.create_index("ix_customers_customer_id", "customers", ["customer_id"])  # lists of very many go by it


def downgrade():
    """Entries of workspaces go, because the older tables have no place for them."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    op.drop_index("ix_customers_customer_id", "customers")
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE workspace_id IS NOT NULL")
    for table, (key, columns) in reversed(TABLES.items()):
        if on_sqlite:
            _copy(table, key, columns, sa.PrimaryKeyConstraint(key, name=f"pk_{table}"), own=False)
        else:
            op.drop_index(f"uq_shared_{key}", table)
            op.drop_constraint(f"pk_{table}", table, type_="primary")
            op.drop_column(table, "entry_id")
            op.drop_column(table, "workspace_id")
            op.create_primary_key(f"pk_{table}", table, [key])
    if not on_sqlite:
        op.create_foreign_key(
            "fk_customers_segment_segment_catalog", "customers", "segment_catalog", ["segment"], ["segment_id"]
        )
    op.drop_column("workspaces", "catalog_revision")


def _number(table, key):
    """Give PostgreSQL's table its number and its workspace, in place."""
    if table == "customers":
        op.drop_constraint("fk_customers_segment_segment_catalog", table, type_="foreignkey")
    op.drop_constraint(f"pk_{table}", table, type_="primary")
    op.execute(f"ALTER TABLE {table} ADD COLUMN entry_id SERIAL")
    op.create_primary_key(f"pk_{table}", table, ["entry_id"])
    op.add_column(table, sa.Column("workspace_id", sa.String(200), nullable=True))
    op.create_foreign_key(f"fk_{table}_workspace_id_workspaces", table, "workspaces", ["workspace_id"], ["workspace_id"])
    op.create_unique_constraint(f"uq_{table}_workspace_id_{key}", table, ["workspace_id", key])


def _copy(table, key, columns, primary_key, *, own):
    """Replace SQLite's table by one with other keys, which keeps its rows and their numbers, and so its search."""
    for moment in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER search_{table}_{moment}")
    op.execute(f"DROP VIEW words_{table}")
    names = ", ".join((key, *(name for name, _type, _nullable in columns)))
    plain = [sa.Column(name, kind, nullable=nullable) for name, kind, nullable in ((key, sa.String(200), False), *columns)]
    op.create_table(f"new_{table}", *(_own(table, key) if own else _old(table)), *plain, primary_key, *_checks(table))
    op.execute(f"INSERT INTO new_{table} (rowid, {names}) SELECT rowid, {names} FROM {table}")
    op.drop_table(table)
    op.rename_table(f"new_{table}", table)
    if table == "customers":
        op.create_index("ix_customers_segment", table, ["segment"])
    _follow(table)


def _own(table, key):
    """What the table has beside its old columns."""
    return (
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.workspace_id"], name=f"fk_{table}_workspace_id_workspaces"
        ),
        sa.UniqueConstraint("workspace_id", key, name=f"uq_{table}_workspace_id_{key}"),
    )


def _checks(table):
    """The check of the metrics' type under the name that the models give it, which a copy would else take from its own."""
    if table != "metric_catalog":
        return ()
    return (sa.CheckConstraint("type IN ('north_star', 'lens')", name=op.f("ck_metric_catalog_metric_type")),)


def _old(table):
    """What the table had beside its columns."""
    if table != "customers":
        return ()
    name = "fk_customers_segment_segment_catalog"
    return (sa.ForeignKeyConstraint(["segment"], ["segment_catalog.segment_id"], name=name),)


def _follow(table):
    """The view and the triggers by which SQLite's search follows the table, as migration 0002 made them."""

    def words(row):
        document = " || ' ' || ".join(f"coalesce({row}{column}, '')" for column in SEARCHED[table])
        return f"substr({document}, 1, {LONGEST})"

    index = f"search_{table}"
    add = f"INSERT INTO {index}(rowid, words) VALUES (new.rowid, {words('new.')});"
    drop = f"INSERT INTO {index}({index}, rowid, words) VALUES ('delete', old.rowid, {words('old.')});"
    run = op.get_bind().exec_driver_sql
    run(f"CREATE VIEW words_{table} AS SELECT rowid AS id, {words('')} AS words FROM {table}")
    run(f"CREATE TRIGGER {index}_insert AFTER INSERT ON {table} BEGIN {add} END")
    run(f"CREATE TRIGGER {index}_delete AFTER DELETE ON {table} BEGIN {drop} END")
    run(f"CREATE TRIGGER {index}_update AFTER UPDATE OF {', '.join(SEARCHED[table])} ON {table} BEGIN {drop} {add} END")
