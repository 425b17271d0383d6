"""price plans: what a config version is billed beside and for its overage

A version without one keeps its bytes and its hash: the column is null. SQLite adds it in place, no copy of the table.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("config_versions", sa.Column("price_plan", sa.Text(), nullable=True))


def downgrade():
    op.drop_column("config_versions", "price_plan")
