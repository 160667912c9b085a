"""What calls cost, what carriers tell of that, what of them is billable, and what people note of that."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Columns with a default, so that the rows that are there stay as they are; and two tables."""
    op.add_column("calls", sa.Column("charges", sa.Text(), nullable=False, server_default=""))
    op.add_column("calls", sa.Column("accounts", sa.Text(), nullable=False, server_default=""))
    op.add_column("calls", sa.Column("marks", sa.Text(), nullable=False, server_default=""))
    op.add_column("calls", sa.Column("cost", sa.BigInteger()))
    op.add_column("calls", sa.Column("currency", sa.Text(), nullable=False, server_default=""))
    op.add_column("calls", sa.Column("units", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "leg_charges",
        sa.Column("call", sa.Text(), primary_key=True),
        sa.Column("leg", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "billable",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seconds_ms", sa.BigInteger()),
        sa.Column("code", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("contact", sa.Text()),
    )
    op.create_index("billable_call", "billable", ["call"])
    op.create_index("billable_user", "billable", ["user", "at"])


def downgrade() -> None:
    """Without them."""
    op.drop_table("billable")
    op.drop_table("leg_charges")
    for name in ("units", "currency", "cost", "marks", "accounts", "charges"):
        op.drop_column("calls", name)
