"""`ringplan records verify`: walks the chain, what it is of, and the files of recordings, and says what is wrong.

It walks in pages, so that it takes any number of records, and beside an exchange that runs: what is stored after it
began is not looked at, and what is forgotten meanwhile is no finding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, tuple_

from records.chain import Covered, Head, content, digest, link
from records.store.chaining import KINDS, Kind, found_by, key_of, plain_row
from records.store.statements import PORTION
from records.store.store import Store
from records.store.tables import chain, tombstones

_CHUNK = 1 << 20
_FILES = "recording_files"
_WHAT = {
    "calls": "record",
    _FILES: "recording",
    "recording_accesses": "access to a recording",
    "leg_charges": "charge",
    "billable": "billable entry",
    "tombstones": "tombstone",
}


class Wrong(msgspec.Struct, frozen=True):
    """One finding: `what` is changed, removed, added, broken (the chain itself), cut, file_removed, file_edited,
    file_unreadable or tombstone. `kind` and `ref` say of what, `link` is its number in the chain, and `told` is a
    sentence."""

    what: str
    told: str
    kind: str = ""
    ref: str = ""
    link: int = 0


class Seen(msgspec.Struct):
    """What was looked at."""

    head: str = ""
    links: int = 0
    records: int = 0
    recordings: int = 0
    octets: int = 0
    others: int = 0
    tombstones: int = 0
    forgotten: int = 0


class _Page(msgspec.Struct):
    links: Sequence[Any]
    rows: dict[tuple[str, str], dict[str, Any]]
    said: dict[tuple[str, str], bytes]
    last: dict[tuple[str, str], int]


class Verifying:
    """One walk. `heads` are ends of the chain that were kept elsewhere, by where; `folders` are where recordings lie,
    none for leaving their files alone. Errors of the database are SQLAlchemy's."""

    def __init__(self, store: Store, heads: Iterable[tuple[str, Head]] = (), folders: Sequence[Path] = ()) -> None:
        self.seen = Seen()
        self._store = store
        self._heads = tuple(heads)
        self._folders = folders
        self._covered: dict[int, Covered] = {}

    def __iter__(self) -> Iterator[Wrong]:
        """What is wrong, in the order in which it is found."""
        end = self._store.head()
        self.seen.head = str(end)
        before = Head()
        while before.seq < end.seq:
            after = before.seq
            page = self._store.read(lambda connection: _page(connection, after, end.seq))  # noqa: B023  (at once)
            if not page.links:
                break
            for row in page.links:
                yield from self._link(row, before, page, end)
                before = Head(row["seq"], bytes(row["hash"]))
        for seq, covered in self._covered.items():
            told = f"{covered.count} links say that tombstone {seq} has what they were of, and there is none"
            yield Wrong("tombstone", told, link=seq)
        for kind in KINDS.values():
            yield from self._added(kind)
        for where, head in self._heads:
            yield from self._cut(where, head, end)

    def _link(self, row: Any, before: Head, page: _Page, end: Head) -> Iterator[Wrong]:
        seq, kind, ref = row["seq"], row["kind"], row["ref"]
        self.seen.links += 1
        if seq != before.seq + 1:
            gap = f"link {before.seq + 1} is" if seq == before.seq + 2 else f"links {before.seq + 1} to {seq - 1} are"
            yield Wrong("broken", f"{gap} missing", link=seq)
        elif bytes(row["hash"]) != link(before.hash, seq, kind, ref, bytes(row["digest"])):
            yield Wrong("broken", f"link {seq} does not follow from link {before.seq}", kind, ref, seq)
        if kind not in KINDS:
            return
        if row["gone"] is not None:
            if row["gone"] <= end.seq:
                self.seen.forgotten += 1
                self._covered.setdefault(row["gone"], Covered()).add(seq)
        elif page.last[kind, ref] == seq:
            yield from self._content(row, page)

    def _content(self, row: Any, page: _Page) -> Iterator[Wrong]:
        seq, kind, ref = row["seq"], row["kind"], row["ref"]
        what = f"{_WHAT.get(kind, kind)} {ref}"
        said = page.said.get((kind, ref))
        if said is None:
            if not self._gone_by_now(seq):
                yield Wrong("removed", f"{what} was removed, and no tombstone says by whom", kind, ref, seq)
            return
        if digest(bytes(row["salt"] or b""), said) != bytes(row["digest"]) and not self._gone_by_now(seq):
            yield Wrong("changed", f"{what} was changed", kind, ref, seq)
        found = page.rows[kind, ref]
        if kind == tombstones.name:
            self.seen.tombstones += 1
            covered = self._covered.pop(seq, Covered())
            if (covered.count, covered.hash) != (found["count"], found["links"]):
                told = f"tombstone {ref} took {found['count']} links, and {covered.count} others name it"
                yield Wrong("tombstone", told, kind, ref, seq)
        elif kind == _FILES:
            self.seen.recordings += 1
            if found["sha256"] and self._folders:
                yield from self._file(found, seq)
        elif kind == "calls":
            self.seen.records += 1
        else:
            self.seen.others += 1

    def _file(self, row: Any, seq: int) -> Iterator[Wrong]:
        name, hashed = row["file"], hashlib.sha256()
        path = next((at for folder in self._folders if (at := folder / name).exists()), None)
        if path is None:
            if not self._gone_by_now(seq):
                told = f"the file of recording {name} was removed, and no tombstone says by whom"
                yield Wrong("file_removed", told, _FILES, name, seq)
            return
        try:
            with path.open("rb") as file:
                while data := file.read(_CHUNK):
                    hashed.update(data)
                    self.seen.octets += len(data)
        except OSError as error:
            told = f"the file of recording {name} cannot be read: {error.strerror or error}"
            yield Wrong("file_unreadable", told, _FILES, name, seq)
            return
        if hashed.hexdigest() != row["sha256"]:
            yield Wrong("file_edited", f"the file of recording {name} was edited", _FILES, name, seq)

    def _gone_by_now(self, seq: int) -> bool:
        """Whether it was forgotten since its link was read."""
        query = select(chain.c.seq).where(chain.c.seq == seq, chain.c.gone.is_not(None))
        return self._store.read(lambda connection: connection.execute(query).first()) is not None

    def _added(self, kind: Kind) -> Iterator[Wrong]:
        """Rows that nothing in the chain is of: nobody of us stored them."""
        last: tuple[Any, ...] | None = None
        while True:
            after = last
            page = self._store.read(lambda connection: _unlinked(connection, kind, after))  # noqa: B023  (at once)
            if page is None:
                return
            last, found = page
            for ref in found:
                told = f"{_WHAT.get(kind.name, kind.name)} {ref} has no link in the chain"
                yield Wrong("added", told, kind.name, ref)

    def _cut(self, where: str, head: Head, end: Head) -> Iterator[Wrong]:
        if head.seq > end.seq:
            told = f"the end was cut off: {where} knows link {head.seq}, and the last one is {end.seq}"
            yield Wrong("cut", told, link=head.seq)
        elif not self._store.has(head):
            told = f"the chain was made anew: link {head.seq} has another hash than {where} knows"
            yield Wrong("cut", told, link=head.seq)


def _page(connection: Connection, after: int, end: int) -> _Page:
    query = select(chain).where(chain.c.seq > after, chain.c.seq <= end).order_by(chain.c.seq).limit(PORTION)
    page = _Page(connection.execute(query).mappings().all(), {}, {}, {})
    for name, kind in KINDS.items():
        refs = [row["ref"] for row in page.links if row["kind"] == name and row["gone"] is None]
        if refs:
            latest = select(chain.c.ref, func.max(chain.c.seq)).where(chain.c.ref.in_(refs), chain.c.kind == name)
            page.last.update({(name, row[0]): row[1] for row in connection.execute(latest.group_by(chain.c.ref))})
            _rows(connection, kind, refs, page)
    return page


def _rows(connection: Connection, kind: Kind, refs: Sequence[str], page: _Page) -> None:
    name, table = kind.name, kind.table
    found = connection.execute(select(table).where(found_by(table, refs))).mappings()
    rows: dict[str, dict[str, Any]] = {key_of(table, row): dict(row) for row in found}
    parts: dict[str, dict[str, list[Any]]] = {ref: {} for ref in rows}
    for part in kind.parts:
        first = next(iter(part.primary_key)).name
        chosen = select(part).where(part.c[first].in_(refs)).order_by(*part.primary_key)
        for each in connection.execute(chosen).mappings():
            if each[first] in parts:
                parts[each[first]].setdefault(part.name, []).append(plain_row(part, each))
    for ref, row in rows.items():
        page.rows[name, ref] = row
        page.said[name, ref] = content(plain_row(table, row), parts[ref])


def _unlinked(
    connection: Connection, kind: Kind, after: tuple[Any, ...] | None
) -> tuple[tuple[Any, ...], list[str]] | None:
    """The next rows of a table, by their keys: the last key, and the names of those without a link; None at the end."""
    table, keys = kind.table, list(kind.table.primary_key)
    query = select(*keys).order_by(*keys).limit(PORTION)
    if after is not None:
        query = query.where(tuple_(*keys) > tuple_(*after) if len(keys) > 1 else keys[0] > after[0])
    rows = connection.execute(query).mappings().all()
    if not rows:
        return None
    refs = [key_of(table, row) for row in rows]
    linked = select(chain.c.ref).where(chain.c.ref.in_(refs), chain.c.kind == kind.name, chain.c.gone.is_(None))
    known = set(connection.execute(linked).scalars())
    return tuple(rows[-1][key.name] for key in keys), [ref for ref in refs if ref not in known]
