"""What was written after what: a place for decisions, runs and contexts, since a clock may be set back.

Rows that are there get theirs by time, which is all that is known of them. Columns are added in place: recreating the
table on SQLite would lose its search triggers.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEYS = {
    "decision_records": "decision_id",
    "simulation_runs": "simulation_run_id",
    "cycle_draft_contexts": "cycle_draft_context_id",
}
NEWEST = {
    "decision_records": ("ix_decision_records_newest", ("workspace_id", "{order}", "decision_id")),
    "simulation_runs": ("ix_simulation_runs_latest", ("candidate_config_version_id", "{order}", "simulation_run_id")),
}


def upgrade():
    for table, key in KEYS.items():
        op.add_column(table, sa.Column("place", sa.BigInteger(), nullable=False, server_default="0"))
        op.execute(
            f"UPDATE {table} SET place = numbered.place FROM "
            f"(SELECT {key} AS id, row_number() OVER (ORDER BY created_at, {key}) AS place FROM {table}) AS numbered "
            f"WHERE numbered.id = {table}.{key}"
        )
        op.create_index(f"ix_{table}_place", table, ["place"])
    _index_by("place")


def downgrade():
    _index_by("created_at")
    for table in reversed(KEYS):
        op.drop_index(f"ix_{table}_place", table)
        op.drop_column(table, "place")


def _index_by(order):
    for table, (name, columns) in NEWEST.items():
        op.drop_index(name, table)
        op.create_index(name, table, [column.format(order=order) for column in columns])
