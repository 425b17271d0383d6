"""terms_start: a decided version may share the running period out by its days

The check is replaced. SQLite has no way to change one in place, and recreating the table would lose its search
triggers: columns of the same names take the values over, with those that stood after it, so that their order stays.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLE, COLUMN, CHECK = "decision_records", "terms_start", "ck_decision_records_terms_start"
AFTER_IT = {
    "activate_over_newer": "BOOLEAN DEFAULT 0 NOT NULL",
    "withdrawn_at": "DATETIME",
    "history": "TEXT DEFAULT '[]' NOT NULL",
    "place": "BIGINT DEFAULT '0' NOT NULL",
}
INDEXES = {
    "ix_decision_records_place": ("place",),
    "ix_decision_records_newest": ("workspace_id", "place", "decision_id"),
}


def upgrade():
    _allow("at_once", "next_period", "prorated")


def downgrade():
    """What was shared out by days starts with the next period: older versions know nothing nearer."""
    op.execute(f"UPDATE {TABLE} SET {COLUMN} = 'next_period' WHERE {COLUMN} = 'prorated'")
    _allow("at_once", "next_period")


def _allow(*values):
    listed = ", ".join(f"'{value}'" for value in values)
    if op.get_bind().dialect.name == "sqlite":
        _in_new_columns(listed)
    else:
        op.drop_constraint(op.f(CHECK), TABLE, type_="check")
        op.create_check_constraint(op.f(CHECK), TABLE, f"{COLUMN} IN ({listed})")


def _in_new_columns(listed):
    check = f"CONSTRAINT {CHECK} CHECK (new_{COLUMN} IN ({listed}))"
    for name in INDEXES:
        op.drop_index(name, TABLE)
    for name, kind in {COLUMN: f"VARCHAR(40) DEFAULT 'at_once' NOT NULL {check}", **AFTER_IT}.items():
        op.execute(f"ALTER TABLE {TABLE} ADD COLUMN new_{name} {kind}")
        op.execute(f"UPDATE {TABLE} SET new_{name} = {name}")
        op.execute(f"ALTER TABLE {TABLE} DROP COLUMN {name}")
        op.execute(f"ALTER TABLE {TABLE} RENAME COLUMN new_{name} TO {name}")
    for name, columns in INDEXES.items():
        op.create_index(name, TABLE, columns)
