"""What becomes of a decision before it takes effect: its history, its withdrawal, and whether it goes over newer ones.

Columns are added in place: recreating the table on SQLite would lose its search triggers.
"""

import sqlalchemy as sa
from alembic import op

from app.models.base import CanonicalJSON, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = (
    sa.Column("activate_over_newer", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
    sa.Column("history", CanonicalJSON(), nullable=False, server_default="[]"),
)


def upgrade():
    for column in COLUMNS:
        op.add_column("decision_records", column)


def downgrade():
    for column in reversed(COLUMNS):
        op.drop_column("decision_records", column.name)
