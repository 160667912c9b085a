"""Which recordings were made of the call, and their files."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """A column with a default, so that the rows that are there stay as they are; and a table."""
    op.add_column("calls", sa.Column("recordings", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "recording_files",
        sa.Column("file", sa.Text(), primary_key=True),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("sides", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("packets", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("rendered_at", sa.BigInteger(), nullable=False),
        sa.Column("wrong", sa.Text(), nullable=False),
    )
    op.create_index("recording_files_call", "recording_files", ["call"])


def downgrade() -> None:
    """Without them."""
    op.drop_index("recording_files_call", "recording_files")
    op.drop_table("recording_files")
    op.drop_column("calls", "recordings")
