"""The tables of the record store, in words that SQLite and PostgreSQL share.

Instants are Unix microseconds (UTC) in big integers: exact, ordered, the same in both, and cheap to write. Times in the
columns ending in `_ms` are milliseconds. A change here needs a migration beside it (`migrations/versions`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
)

VERSION_TABLE = "records_version"
"""Where Alembic keeps the migration that the tables have."""
metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("call", Text, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("complete", Boolean(create_constraint=False), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("rang_at", BigInteger),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("ring_ms", BigInteger, nullable=False),
    Column("talk_ms", BigInteger, nullable=False),
    Column("device", Text),
    Column("line", Text),
    Column("trunk", Text),
    Column("caller_number", Text, nullable=False),
    Column("caller_name", Text, nullable=False),
    Column("dialled", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("emergency", Boolean(create_constraint=False), nullable=False),
    Column("answered_target", Text, nullable=False),
    Column("answered_contact", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sip_status", Integer, nullable=False),
    Column("recovered", Boolean(create_constraint=False), nullable=False),
    Column("sip_call_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("hidden", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("forwards", Text, nullable=False, server_default=""),
    Column("passed", Text, nullable=False, server_default=""),
    Column("account", Text, nullable=False, server_default=""),
    Column("facts", Text, nullable=False, server_default=""),
    Column("asked", Text, nullable=False, server_default=""),
    Column("again", Text, nullable=False, server_default=""),
    Column("transfers", Text, nullable=False, server_default=""),
    Column("recordings", Text, nullable=False, server_default=""),
    Column("charges", Text, nullable=False, server_default=""),
    Column("accounts", Text, nullable=False, server_default=""),
    Column("marks", Text, nullable=False, server_default=""),
    Column("cost", BigInteger),
    Column("currency", Text, nullable=False, server_default=""),
    Column("units", Integer, nullable=False, server_default="0"),
    Column("user_line", Text, nullable=False, server_default=""),
    Column("site", Text, nullable=False, server_default=""),
    Column("entity", Text, nullable=False, server_default=""),
    Column("direction", Text, nullable=False, server_default=""),
    Column("outside", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("held_ms", BigInteger, nullable=False, server_default="0"),
    Column("parked_ms", BigInteger, nullable=False, server_default="0"),
    Column("path", Text),
    Column("talks", Text),
    Column("parkings", Text, nullable=False, server_default=""),
    Column("queued", Text, nullable=False, server_default=""),
    Index("calls_started_at", "started_at"),
    Index("calls_line", "line", "started_at"),
    Index("calls_device", "device", "started_at"),
    Index("calls_caller_number", "caller_number", "started_at"),
    Index("calls_number", "number", "started_at"),
)

call_legs = Table(
    "call_legs",
    metadata,
    Column("call", Text, ForeignKey("calls.call", ondelete="CASCADE"), primary_key=True),
    Column("leg", Integer, primary_key=True, autoincrement=False),
    Column("target", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("rang_at", BigInteger),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger, nullable=False),
    Column("held_ms", BigInteger, nullable=False),
    Column("result", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sip_status", Integer, nullable=False),
    Column("cause", Text, nullable=False, server_default=""),
    Column("user_line", Text, nullable=False, server_default=""),
    Column("site", Text, nullable=False, server_default=""),
    Column("device", Text, nullable=False, server_default=""),
    Column("for_line", Text, nullable=False, server_default=""),
    Column("payer", Text, nullable=False, server_default=""),
    Column("number", Text, nullable=False, server_default=""),
    Column("came_from", Text, nullable=False, server_default=""),
    Column("gone_to", Text, nullable=False, server_default=""),
    Column("talk_ms", BigInteger, nullable=False, server_default="0"),
    Column("holds", Text, nullable=False, server_default=""),
    Index("call_legs_target", "target", "started_at"),
    sqlite_with_rowid=False,
)

call_users = Table(
    "call_users",
    metadata,
    Column("user_line", Text, primary_key=True),
    Column("started_at", BigInteger, primary_key=True, autoincrement=False),
    Column("call", Text, ForeignKey("calls.call", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, nullable=False),
    Index("call_users_call", "call"),
    sqlite_with_rowid=False,
)
"""Whom of the house a call concerns, and as what (`CallRecord.users`): in this order, a user's calls of a day are one
piece. (`user` is a word of PostgreSQL's own.)"""

queue_members = Table(
    "queue_members",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("member", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("of_call", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""When members of queues were offered calls, and when not, and why (`records.events.MemberSet`). It is nothing of a
call's, so `of_call` does not go with it."""

recording_files = Table(
    "recording_files",
    metadata,
    Column("file", Text, primary_key=True),
    Column("call", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("octets", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("rate", Integer, nullable=False),
    Column("sides", Integer, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("packets", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("rendered_at", BigInteger, nullable=False),
    Column("wrong", Text, nullable=False),
    Index("recording_files_call", "call"),
)
"""The files of `calls.recordings` that are there. They come later than the calls, or not at all."""

history_hidden = Table(
    "history_hidden",
    metadata,
    Column("viewer", Text, primary_key=True),
    Column("call", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("history_hidden_call", "call"),
    sqlite_with_rowid=False,
)
"""Which calls a user does not want to see in the own history any more (DCH-2)."""

leg_charges = Table(
    "leg_charges",
    metadata,
    Column("call", Text, primary_key=True),
    Column("leg", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("cost", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("units", Integer, nullable=False),
    Column("by", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What carriers told of a leg's cost, mostly after the call's end; the last word counts in place of the estimate."""

billable = Table(
    "billable",
    metadata,
    Column("id", Text, primary_key=True),
    Column("call", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("seconds_ms", BigInteger),
    Column("code", Text),
    Column("note", Text),
    Column("contact", Text),
    Index("billable_call", "call"),
    Index("billable_user", "user", "at"),
)
"""Notes and edits of people, one row each, never changed (`records.billable`)."""

recording_accesses = Table(
    "recording_accesses",
    metadata,
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("file", Text, primary_key=True),
    Column("call", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Index("recording_accesses_call", "call"),
)
"""Which operator was given which recording, and why."""

chain = Table(
    "chain",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("salt", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("gone", BigInteger),
    Index("chain_ref", "ref"),
)
"""See `records.chain`. `kind` is a table and `ref` the primary key of its row; `gone` is the number of the tombstone
that says where that went. Of several links of one row the last counts."""

tombstones = Table(
    "tombstones",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("links", Text, nullable=False),
)
"""Who deleted what `count` links were of, when and why. `links` is that of `records.chain.Covered`."""

consumers = Table(
    "consumers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("segment", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
)
"""Up to where in the journal each consumer has taken in what is there: moved in the transaction that stores it."""
