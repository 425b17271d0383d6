"""What a start must know: which installation the database is of, and which workspaces are the demo's.

The demo's workspaces are known by their ids where the demo was loaded. Columns are added in place: recreating the table
on SQLite would lose its search triggers, and rows that refer to it.
"""

import sqlalchemy as sa
from alembic import op

from app.models.base import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "installations",
        sa.Column("installation_id", sa.String(length=200), nullable=False),
        sa.Column("awaits_demo", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", name="pk_installations"),
    )
    op.add_column("workspaces", sa.Column("is_demo", sa.Boolean(), nullable=False, server_default=sa.false()))
    workspaces = sa.table("workspaces", sa.column("workspace_id", sa.String), sa.column("is_demo", sa.Boolean))
    events = sa.table("product_events", sa.column("event_name", sa.String))
    demo_was_loaded = sa.exists().where(events.c.event_name == "seed_loaded")
    op.execute(
        sa.update(workspaces)
        .where(workspaces.c.workspace_id.in_(("ws_1049", "ws_2049")), demo_was_loaded)
        .values(is_demo=sa.true())
    )


def downgrade():
    op.drop_column("workspaces", "is_demo")
    op.drop_table("installations")
