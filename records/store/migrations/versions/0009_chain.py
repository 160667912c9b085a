"""The chain of hashes; what is stored already is linked now, the oldest first."""

import os
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from records.chain import SALT_BYTES, START, content, digest, link, plain

revision = "0009"
down_revision = "0008"
_MANY = 500


def upgrade() -> None:
    """New tables; and a link for each row of what is chained from now on."""
    op.create_table(
        "chain",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("chain_ref", "chain", ["ref"])
    op.create_table(
        "tombstones",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("links", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "recording_accesses",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("at", "file"),
    )
    op.create_index("recording_accesses_call", "recording_accesses", ["call"])
    links = _Links(op.get_bind())
    links.calls()
    links.files()


def _parts(legs: list[Any]) -> dict[str, list[Any]] | None:
    return {"call_legs": legs} if legs else None


class _Links:
    """The links, one after the other. Rows are read as they are, whatever their columns are by now."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._seq, self._hash = 0, START
        found = sa.inspect(connection)
        self._columns = {table: found.get_columns(table) for table in ("calls", "call_legs", "recording_files")}
        self._nullable = {table: [column["nullable"] for column in columns] for table, columns in self._columns.items()}

    def _plain(self, table: str, row: Any) -> Sequence[Any]:
        flags = [isinstance(column["type"], sa.Boolean) for column in self._columns[table]]  # SQLite has numbers only
        values = (row[column["name"]] for column in self._columns[table])
        whole = [bool(value) if flag else value for value, flag in zip(values, flags, strict=True)]
        return plain(whole, self._nullable[table])

    def calls(self) -> None:
        """All finished calls with their legs."""
        for rows in self._pages("calls", "started_at", "call"):
            legs: dict[str, list[Any]] = {row["call"]: [] for row in rows}
            query = sa.text("SELECT * FROM call_legs WHERE call IN :calls ORDER BY call, leg")
            wanted = query.bindparams(sa.bindparam("calls", list(legs), expanding=True))
            for leg in self._connection.execute(wanted).mappings():
                legs[leg["call"]].append(self._plain("call_legs", leg))
            self._add(
                "calls",
                [(row["call"], content(self._plain("calls", row), _parts(legs[row["call"]]))) for row in rows],
            )

    def files(self) -> None:
        """All files of recordings."""
        for rows in self._pages("recording_files", "rendered_at", "file"):
            self._add("recording_files", [(row["file"], content(self._plain("recording_files", row))) for row in rows])

    def _pages(self, table: str, at: str, key: str) -> Any:
        last: tuple[int, str] = (-(1 << 62), "")
        query = sa.text(
            f'SELECT * FROM {table} WHERE ({at}, "{key}") > (:at, :key) ORDER BY {at}, "{key}" LIMIT {_MANY}'  # noqa: S608
        )
        while rows := self._connection.execute(query, {"at": last[0], "key": last[1]}).mappings().all():
            yield rows
            last = rows[-1][at], rows[-1][key]

    def _add(self, kind: str, found: list[tuple[str, bytes]]) -> None:
        made = []
        for ref, said in found:
            salt = os.urandom(SALT_BYTES)
            of = digest(salt, said)
            self._seq += 1
            self._hash = link(self._hash, self._seq, kind, ref, of)
            made.append(
                {
                    "seq": self._seq,
                    "kind": kind,
                    "ref": ref,
                    "salt": salt,
                    "digest": of,
                    "hash": self._hash,
                    "gone": None,
                }
            )
        octets = ("salt", "digest", "hash")
        columns = [sa.column(name, sa.LargeBinary() if name in octets else None) for name in made[0]]
        self._connection.execute(sa.insert(sa.table("chain", *columns)), made)


def downgrade() -> None:
    """Without it."""
    for table in ("recording_accesses", "tombstones", "chain"):
        op.drop_table(table)
