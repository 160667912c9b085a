"""Dialling by name (DIR-1): a name as the keys of a telephone, and whom those keys find.

A name is found by its last word, by its first, or by both in either order, from their beginning on. Letters with marks
count as the letter itself, and those that are two letters elsewhere (`ß`, `æ`) as both; what is on no key is left out.
Who is not `listed` is never found.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from dialplan.lines import Line

_KEYS = {
    letter: key
    for key, letters in {
        "2": "abc",
        "3": "def",
        "4": "ghi",
        "5": "jkl",
        "6": "mno",
        "7": "pqrs",
        "8": "tuv",
        "9": "wxyz",
    }.items()
    for letter in letters
}
_TWO = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "ð": "d"})


def keys(word: str) -> str:
    """The keys that spell a word."""
    plain = unicodedata.normalize("NFKD", word.casefold().translate(_TWO))
    return "".join(_KEYS[letter] for letter in plain if letter in _KEYS)


def found(lines: Mapping[str, Line], digits: str) -> list[Line]:
    """Whom these keys find, by their names in order."""
    if not digits:
        return []
    return sorted(
        (line for line in lines.values() if line.listed and line.name and _fits(line.name, digits)),
        key=lambda line: (line.name.casefold(), line.id),
    )


def _fits(name: str, digits: str) -> bool:
    words = [spelled for spelled in map(keys, name.split()) if spelled]
    if not words:
        return False
    first, last = words[0], words[-1]
    return any(each.startswith(digits) for each in (last + first, "".join(words), "".join(words[1:])))
