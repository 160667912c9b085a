"""Who has transferred the call, to whom, and how that came out."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """A column with a default, so that the rows that are there stay as they are."""
    op.add_column("calls", sa.Column("transfers", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Without it."""
    op.drop_column("calls", "transfers")
