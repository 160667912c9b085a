"""Stays in queues, and what their members were."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """A column with a default, so that the rows that are there stay as they are; and a table."""
    op.add_column("calls", sa.Column("queued", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "queue_members",
        sa.Column("queue", sa.Text(), primary_key=True),
        sa.Column("member", sa.Text(), primary_key=True),
        sa.Column("at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("of_call", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Without them."""
    op.drop_table("queue_members")
    op.drop_column("calls", "queued")
