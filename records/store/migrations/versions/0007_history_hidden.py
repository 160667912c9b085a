"""Which calls a user does not want to see in the own history any more."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """A table of its own."""
    op.create_table(
        "history_hidden",
        sa.Column("viewer", sa.Text(), primary_key=True),
        sa.Column("call", sa.Text(), primary_key=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("history_hidden_call", "history_hidden", ["call"])


def downgrade() -> None:
    """Without it."""
    op.drop_table("history_hidden")
