"""Prefixes and the rows that belong to each: the compact form in which 50,000 lines of a carrier live in the model.

A row is a few integers in `rows`, packed one behind the other, those of one prefix side by side. So the model has one
text and one number for each prefix and none for each row: it is small, and MessagePack reads it in milliseconds.
`lines` holds the lines of the file that the rows stand on, apart from what is decided, so that a model can be compared
without its places.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Iterator, Mapping, Sequence

import msgspec

MOST_ROWS = 255
"""Rows of one prefix."""
WIDTH = 8
_WORD = "q"


class Prefixes(msgspec.Struct, frozen=True, gc=False):
    """`starts` maps a prefix to the number of its first row and how many rows it has, in one number (`first << 8 |
    count`). `lengths` are those that occur, the longest first. `rows` are 64-bit integers, little-endian, `width` of
    them a row; `lines` one of them a row."""

    starts: dict[str, int] = {}
    lengths: tuple[int, ...] = ()
    width: int = 1
    rows: bytes = b""
    lines: bytes = b""

    def __len__(self) -> int:
        return len(self.starts)

    def matches(self, number: str) -> Iterator[tuple[str, range]]:
        """Every prefix of `number` that there is, the longest first, and the numbers of its rows."""
        starts = self.starts
        for length in self.lengths:
            found = starts.get(number[:length])
            # A text shorter than `length` is cut to itself, which is another length's affair.
            if found is not None and len(number) >= length:
                first = found >> 8
                yield number[:length], range(first, first + (found & MOST_ROWS))

    def row(self, number: int) -> tuple[int, ...]:
        """The integers of one row."""
        size = self.width * WIDTH
        return _unpacked(self.rows[number * size : (number + 1) * size])

    def all(self) -> Iterator[tuple[int, ...]]:
        """Every row."""
        words = _unpacked(self.rows)
        return (words[at : at + self.width] for at in range(0, len(words), self.width))

    def line(self, number: int) -> int:
        """The line that it stands on; 0 when none is known."""
        at = number * WIDTH
        return _unpacked(self.lines[at : at + WIDTH])[0] if at < len(self.lines) else 0

    def placeless(self) -> Prefixes:
        """The same without lines."""
        return msgspec.structs.replace(self, lines=b"")


NO_PREFIXES = Prefixes()


def pack(found: Mapping[str, Sequence[tuple[int, ...]]], width: int) -> Prefixes:
    """The prefixes with their rows. The last integer of every row given is its line, besides the `width` others.

    Raises ValueError for a prefix with more than MOST_ROWS rows."""
    starts = {}
    words, lines = array.array(_WORD), array.array(_WORD)
    first = 0
    for prefix, rows in found.items():
        count = len(rows)
        if count > MOST_ROWS:
            raise ValueError(f"more than {MOST_ROWS} rows for one prefix")
        starts[prefix] = first << 8 | count
        first += count
        for row in rows:
            words.extend(row[:width])
            lines.append(row[width])
    lengths = tuple(sorted({len(prefix) for prefix in starts}, reverse=True))
    return Prefixes(starts, lengths, width, _packed(words), _packed(lines))


def _packed(words: array.array[int]) -> bytes:
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def _unpacked(data: bytes) -> tuple[int, ...]:
    words = array.array(_WORD, data)
    if sys.byteorder == "big":
        words.byteswap()
    return tuple(words)
