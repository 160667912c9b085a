"""Who spoke and what was called, the way of a call, its talks, holds and parkings; and whose calls they are."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
_TEXTS = ("user_line", "site", "device", "for_line", "payer", "number", "came_from", "gone_to")


def upgrade() -> None:
    """Columns with a default, or NULL where it is not known how it was; and a table, filled with what is known."""
    for name in ("user_line", "site", "entity", "direction"):
        op.add_column("calls", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "calls", sa.Column("outside", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.false())
    )
    for name in ("held_ms", "parked_ms"):
        op.add_column("calls", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("calls", sa.Column("path", sa.Text()))
    op.add_column("calls", sa.Column("talks", sa.Text()))
    op.add_column("calls", sa.Column("parkings", sa.Text(), nullable=False, server_default=""))
    for name in _TEXTS:
        op.add_column("call_legs", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("call_legs", sa.Column("talk_ms", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("call_legs", sa.Column("holds", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "call_users",
        sa.Column("user_line", sa.Text(), primary_key=True),
        sa.Column("started_at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("call", sa.Text(), sa.ForeignKey("calls.call", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("call_users_call", "call_users", ["call"])
    for statement in _KNOWN:
        op.execute(statement)


# Of the calls that are there, the lines stand for whose they are: the caller, who answered, who was rung.
_KNOWN = (
    "INSERT INTO call_users (user_line, started_at, call, role)"
    " SELECT line, started_at, call, 'caller' FROM calls WHERE line IS NOT NULL",
    "INSERT INTO call_users (user_line, started_at, call, role)"
    " SELECT substr(l.target, 6), c.started_at, c.call,"
    " CASE WHEN max(l.answered_at) IS NULL THEN 'rung' ELSE 'answered' END"
    " FROM call_legs l JOIN calls c ON c.call = l.call"
    " WHERE l.leg > 0 AND l.target LIKE 'line:%' AND (c.line IS NULL OR c.line <> substr(l.target, 6))"
    " GROUP BY substr(l.target, 6), c.started_at, c.call",
)


def downgrade() -> None:
    """Without them."""
    op.drop_table("call_users")
    for name in ("holds", "talk_ms", *reversed(_TEXTS)):
        op.drop_column("call_legs", name)
    for name in ("parkings", "talks", "path", "parked_ms", "held_ms", "outside"):
        op.drop_column("calls", name)
    for name in ("direction", "entity", "site", "user_line"):
        op.drop_column("calls", name)
