"""terms_start: whether a decided version holds at once or with each customer's next period

The column is added in place, its check with it: recreating the table on SQLite would lose its search triggers.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    op.execute(
        "ALTER TABLE decision_records ADD COLUMN terms_start VARCHAR(40) DEFAULT 'at_once' NOT NULL "
        "CONSTRAINT ck_decision_records_terms_start CHECK (terms_start IN ('at_once', 'next_period'))"
    )


def downgrade():
    op.execute("ALTER TABLE decision_records DROP COLUMN terms_start")
