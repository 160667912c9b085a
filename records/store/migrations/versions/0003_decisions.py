"""What a call was decided with, our own forwards of it, and the account code that it was charged to."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ADDED = ("passed", "account", "facts", "asked")


def upgrade() -> None:
    """Columns with defaults, so that the rows that are there stay as they are."""
    for column in _ADDED:
        op.add_column("calls", sa.Column(column, sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Without them."""
    for column in _ADDED:
        op.drop_column("calls", column)
