"""The proof that nothing was changed: what is hashed, and how the links hang together (decision 30).

    content   the rows of one thing as the database gives them back, as JSON: see `plain` and `content`
    digest    SHA-256 of a salt (random, kept beside it until the content is forgotten) and the content
    hash      SHA-256 of the hash before, the digest, and number, kind and name of the link

Pure: the store's side is `records/store/chaining.py`. None of this may ever come out otherwise for what is stored
already. So the columns of a chained table keep their order and whether they may be null, new ones come behind the
others and are empty in old rows, and what is empty at the end of a row does not count.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

SALT_BYTES = 16
START = bytes(32)
"""The hash before the first link."""
TOMBSTONE = "tombstones"
"""The kind of link (its table) that says who deleted what other links name, when and why."""
_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
_encode = msgspec.json.Encoder().encode


class Head(NamedTuple):
    """The last link: its number (the first has 1; 0: there is none) and its hash."""

    seq: int = 0
    hash: bytes = START

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head as it is written. Raises ValueError."""
        match = _HEAD.fullmatch(text.strip().lower())
        if match is None:
            raise ValueError("a head is the number of a link, a colon and 64 hexadecimal digits")
        return cls(int(match[1]), bytes.fromhex(match[2]))


def plain(row: Sequence[Any], nullable: Sequence[bool]) -> Sequence[Any]:
    """A row in the order of its table's columns, without what is empty at its end: nothing where a column may be null;
    else "", 0 or false, which is what a column that came later has in rows that were there."""
    end = len(row)
    while end and (row[end - 1] is None or not (row[end - 1] or nullable[end - 1])):
        end -= 1
    return row[:end]


def content(row: Sequence[Any], parts: Mapping[str, Sequence[Sequence[Any]]] | None = None) -> bytes:
    """What is digested: a plain row, and by their table those that belong to it, in their order."""
    return _encode((row, parts) if parts else (row,))


def digest(salt: bytes, said: bytes) -> bytes:
    """What a link says of its content."""
    return hashlib.sha256(salt + said).digest()


def link(before: bytes, seq: int, kind: str, ref: str, of: bytes) -> bytes:
    """The hash of a link. `of` is its digest; `kind` and `ref` hold no NUL, as nothing in a database does."""
    return hashlib.sha256(before + of + f"{seq}\0{kind}\0{ref}".encode()).digest()


class Covered:
    """Which links a tombstone took: their number, and a hash over their numbers in ascending order."""

    __slots__ = ("_hash", "count")

    def __init__(self, links: Iterable[int] = ()) -> None:
        self._hash = hashlib.sha256()
        self.count = 0
        for seq in links:
            self.add(seq)

    def add(self, seq: int) -> None:
        """One more; they come in ascending order."""
        self._hash.update(b"%d," % seq)
        self.count += 1

    @property
    def hash(self) -> str:
        """In hexadecimal digits."""
        return self._hash.hexdigest()
