"""What the planner was asked when it was asked again for the same call."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """A column with a default, so that the rows that are there stay as they are."""
    op.add_column("calls", sa.Column("again", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Without it."""
    op.drop_column("calls", "again")
