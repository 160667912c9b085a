"""The chain in the database: links are made in the transaction that stores what they are of (`records/chain.py`).

Links are made by one writer at a time: `records.store.Store` takes the lock of the database first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, insert, select, tuple_, update

from records.chain import SALT_BYTES, TOMBSTONE, Covered, Head, content, digest, link, plain
from records.store.statements import portions
from records.store.tables import (
    billable,
    call_legs,
    calls,
    chain,
    leg_charges,
    recording_accesses,
    recording_files,
    tombstones,
)


class Kind(msgspec.Struct, frozen=True):
    """What is chained: the rows of `table`, each with those of `parts` that have its key, in their order."""

    table: Table
    parts: tuple[Table, ...] = ()

    @property
    def name(self) -> str:
        """As links name it."""
        return str(self.table.name)


KINDS: Mapping[str, Kind] = {
    each.name: each
    for each in (
        Kind(calls, (call_legs,)),
        Kind(recording_files),
        Kind(recording_accesses),
        Kind(leg_charges),
        Kind(billable),
        Kind(tombstones),
    )
}
_NULLABLE: Mapping[str, Sequence[bool]] = {
    table.name: [bool(column.nullable) for column in table.columns]
    for kind in KINDS.values()
    for table in (kind.table, *kind.parts)
}
_LEGS = str(call_legs.name)
_OF_CALLS, _OF_LEGS = _NULLABLE[calls.name], _NULLABLE[call_legs.name]
_CALL, _LEG_CALL, _LEG = (
    table.columns.keys().index(name) for table, name in ((calls, "call"), (call_legs, "call"), (call_legs, "leg"))
)


def plain_row(table: Table, row: Any) -> Sequence[Any]:
    """A row of a chained table (a mapping) as it is hashed."""
    return plain([row[column.name] for column in table.columns], _NULLABLE[table.name])


def key_of(table: Table, row: Any) -> str:
    """The name of a row in the chain: its key, or as JSON the parts of its key."""
    names = [column.name for column in table.primary_key]
    return str(row[names[0]]) if len(names) == 1 else msgspec.json.encode([row[name] for name in names]).decode()


def found_by(table: Table, refs: Sequence[str]) -> ColumnElement[bool]:
    """The condition for the rows with these names. Names that cannot be of this table are left out."""
    columns = list(table.primary_key)
    if len(columns) == 1:
        whole = columns[0].type.python_type is int
        return columns[0].in_([int(ref) for ref in refs if ref.isdecimal()] if whole else refs)
    keys = [key for ref in refs if len(key := _parts(ref)) == len(columns)]
    return tuple_(*columns).in_(keys)


def _parts(ref: str) -> tuple[Any, ...]:
    try:
        return tuple(msgspec.json.decode(ref, type=list[Any]))
    except msgspec.DecodeError:
        return ()


def head_of(connection: Connection) -> Head:
    """The last link."""
    row = connection.execute(select(chain.c.seq, chain.c.hash).order_by(chain.c.seq.desc()).limit(1)).first()
    return Head(row[0], bytes(row[1])) if row else Head()


class Links:
    """The links that one transaction makes. `flush` writes them."""

    def __init__(self, connection: Connection, insert: str) -> None:
        """`insert` is the driver's text that adds a whole row of `chain`."""
        self._connection = connection
        self._insert = insert
        self._head: Head | None = None
        self._made: list[tuple[Any, ...]] = []

    @property
    def head(self) -> Head:
        """The last link, those of this transaction included."""
        if self._head is None:
            self._head = head_of(self._connection)
        return self._head

    def known(self, kind: str, refs: Sequence[str]) -> set[str]:
        """Which of these have a link, be they there or forgotten."""
        found: set[str] = set()
        for some in portions(refs):
            chosen = select(chain.c.ref).where(chain.c.ref.in_(some), chain.c.kind == kind)
            found.update(self._connection.execute(chosen).scalars())
        return found

    def forgotten(self, call: str) -> bool:
        """Whether that call was there and is no more."""
        query = select(chain.c.seq).where(chain.c.ref == call, chain.c.kind == calls.name, chain.c.gone.is_not(None))
        return self._connection.execute(query).first() is not None

    def calls(self, rows: Sequence[Sequence[Any]], legs: Iterable[Sequence[Any]]) -> None:
        """Finished calls that are stored now, with their legs; rows in the order of the tables' columns."""
        of: dict[str, dict[int, Sequence[Any]]] = {}
        for leg in legs:
            of.setdefault(leg[_LEG_CALL], {}).setdefault(leg[_LEG], plain(leg, _OF_LEGS))
        # As `add` does, once for all: this is what a call pays.
        (seq, before), kind, made = self.head, str(calls.name), self._made
        salts = os.urandom(SALT_BYTES * len(rows))
        for number, row in enumerate(rows):
            call = row[_CALL]
            found = of.get(call)
            said = content(plain(row, _OF_CALLS), {_LEGS: [found[leg] for leg in sorted(found)]} if found else None)
            salt = salts[SALT_BYTES * number : SALT_BYTES * (number + 1)]
            what = digest(salt, said)
            seq += 1
            before = link(before, seq, kind, call, what)
            made.append((seq, kind, call, salt, what, before, None))
        self._head = Head(seq, before)

    def row(self, table: Table, key: Mapping[str, Any]) -> None:
        """A row that was just written, by its primary key. One that is as its last link says gets none."""
        self.flush()
        query = select(table).where(*(table.c[name] == value for name, value in key.items()))
        for row in self._connection.execute(query).mappings().all():
            said, ref = content(plain_row(table, row)), key_of(table, row)
            last = select(chain.c.salt, chain.c.digest).where(chain.c.ref == ref, chain.c.kind == table.name)
            found = self._connection.execute(last.order_by(chain.c.seq.desc()).limit(1)).first()
            if found is None or found[0] is None or digest(bytes(found[0]), said) != bytes(found[1]):
                self.add(table.name, ref, said)

    def tombstone(self, links: Sequence[int], by: str, why: str, at: int) -> None:
        """What these links (ascending) are of is no more."""
        covered, seq = Covered(links), self.head.seq + 1
        self.flush()
        for some in portions(links):
            self._connection.execute(update(chain).where(chain.c.seq.in_(some)).values(gone=seq, salt=None))
        row = {"seq": seq, "at": at, "by": by, "why": why, "count": covered.count, "links": covered.hash}
        self._connection.execute(insert(tombstones), row)
        self.add(TOMBSTONE, str(seq), content(plain_row(tombstones, row)))

    def add(self, kind: str, ref: str, said: bytes) -> None:
        """One more link."""
        seq, before = self.head
        salt = os.urandom(SALT_BYTES)
        of = digest(salt, said)
        self._head = Head(seq + 1, link(before, seq + 1, kind, ref, of))
        self._made.append((seq + 1, kind, ref, salt, of, self._head.hash, None))

    def flush(self) -> None:
        """Write what was made."""
        if self._made:
            self._connection.exec_driver_sql(self._insert, self._made)
            self._made = []
