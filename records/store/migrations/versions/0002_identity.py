"""Whether the caller hid, the forwards that a call had behind it, and what the far end of a leg gave as the cause."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ADDED = {"calls": ("hidden", "forwards"), "call_legs": ("cause",)}


def upgrade() -> None:
    """Columns with defaults, so that the rows that are there stay as they are."""
    op.add_column("calls", sa.Column("hidden", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("calls", sa.Column("forwards", sa.Text(), nullable=False, server_default=""))
    op.add_column("call_legs", sa.Column("cause", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Without them."""
    for table, columns in _ADDED.items():
        for column in columns:
            op.drop_column(table, column)
