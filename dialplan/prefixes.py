"""Prefixes and the rows that belong to each: the compact form in which 50,000 lines of a carrier live in the model.

There is no object for a prefix or a row. All are 64-bit integers, packed into a few byte strings: a model with them is
read from MessagePack in a moment (a reload must not hold up calls), and the garbage collector has nothing to visit.

    keys     the prefixes as numbers, sorted: `+44` is 144, the service number 411 is 2411, any number is 0. So those of
             one length stand together (`groups`), and a search by halves finds one in a microsecond
    firsts   for each of them the number of its first row; that of the next one is where they end
    rows     `width` integers a row, those of one prefix side by side
    lines    the line of the file that each row stands on: apart, so that a model can be compared without its places
"""

from __future__ import annotations

import array
import sys
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

import msgspec

MOST_ROWS = 255
"""Rows of one prefix."""
WORD = 8
_ANY, _WORLD, _SERVICE = 0, 1, 2
_first = itemgetter(0)


class Prefixes(msgspec.Struct, frozen=True, gc=False):
    """See above. A group is (kind, digits, first key, key behind the last), the longest prefixes first."""

    keys: bytes = b""
    firsts: bytes = b""
    groups: tuple[tuple[int, int, int, int], ...] = ()
    width: int = 1
    rows: bytes = b""
    lines: bytes = b""

    def __len__(self) -> int:
        return len(self.keys) // WORD

    def matches(self, number: str) -> Iterator[tuple[str, range]]:
        """Every prefix of `number` that there is, the longest first, and the numbers of its rows."""
        world = number[:1] == "+"
        digits = number[1:] if world else number
        if not (digits.isdecimal() and digits.isascii()):
            digits = ""
        keys = _words(self.keys)
        for kind, length, low, high in self.groups:
            if kind == _ANY:
                key = 0
            elif length > len(digits) or (kind == _WORLD) is not world:
                continue
            else:
                key = int(f"{kind}{digits[:length]}")
            at = bisect_left(keys, key, low, high)
            if at < high and keys[at] == key:
                firsts = _words(self.firsts)
                yield number[: length + world] if kind else "", range(firsts[at], firsts[at + 1])

    def all(self) -> Iterator[tuple[str, range]]:
        """Every prefix and the numbers of its rows."""
        firsts = _words(self.firsts)
        for at, key in enumerate(_words(self.keys)):
            text = str(key)
            prefix = f"+{text[1:]}" if text[0] == "1" else text[1:]
            yield prefix, range(firsts[at], firsts[at + 1])

    def row(self, number: int) -> tuple[int, ...]:
        """The integers of one row."""
        return tuple(_words(self.rows)[number * self.width : (number + 1) * self.width])

    def line(self, number: int) -> int:
        """The line that it stands on; 0 when none is known."""
        return _words(self.lines)[number] if self.lines else 0

    def placeless(self) -> Prefixes:
        """The same without lines."""
        return msgspec.structs.replace(self, lines=b"")


NO_PREFIXES = Prefixes()


def pack(found: Mapping[str, Sequence[tuple[int, ...]]], width: int) -> Prefixes:
    """The prefixes (`+` and digits, digits, or nothing) with their rows, each `width` integers and its line.

    Raises ValueError for a prefix with more than MOST_ROWS rows, and for one that is none."""
    ordered = sorted(zip(map(_key, found), found.values(), strict=True), key=_first)
    firsts, count = array.array("q"), 0
    for _, rows in ordered:
        if len(rows) > MOST_ROWS:
            raise ValueError(f"more than {MOST_ROWS} rows for one prefix")
        firsts.append(count)
        count += len(rows)
    firsts.append(count)
    groups: dict[tuple[int, int], tuple[int, int]] = {}
    for at, (key, _) in enumerate(ordered):
        text = str(key)
        group = (int(text[0]), len(text) - 1)
        groups[group] = (groups[group][0] if group in groups else at, at + 1)
    return Prefixes(
        keys=_packed(array.array("q", (key for key, _ in ordered))),
        firsts=_packed(firsts),
        groups=tuple((*group, *bounds) for group, bounds in sorted(groups.items(), key=lambda each: -each[0][1])),
        width=width,
        rows=_packed(array.array("q", [value for _, rows in ordered for row in rows for value in row[:width]])),
        lines=_packed(array.array("q", [row[width] for _, rows in ordered for row in rows])),
    )


def _key(prefix: str) -> int:
    digits = prefix.removeprefix("+")
    if (digits and not (digits.isdecimal() and digits.isascii())) or len(digits) > 17:
        raise ValueError(f"no prefix: {prefix}")
    if not prefix:
        return 0
    return int(f"{_WORLD if prefix[0] == '+' else _SERVICE}{digits}")


def _packed(words: array.array[int]) -> bytes:
    if sys.byteorder == "big":
        words = words[:]
        words.byteswap()
    return words.tobytes()


def _words(data: bytes) -> memoryview[int] | array.array[int]:
    """The integers in there, which are little-endian, without a copy where the machine is so, too."""
    if sys.byteorder == "little":
        return memoryview(data).cast("q")
    words = array.array("q", data)
    words.byteswap()
    return words
