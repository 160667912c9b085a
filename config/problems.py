"""What is wrong with a configuration, and where: always all of it at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A place in a file. Line and column count from 1, as editors do; column counts characters."""

    file: str
    line: int
    column: int


class Problem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One error or warning. `code` is one of `config.codes`, and stays the same whatever the words become. `hint` says
    what to write instead. Nothing of it ever contains the value of a secret."""

    code: str
    mark: Mark
    message: str
    hint: str = ""

    def told(self, kind: str) -> str:
        """As `check` lays it out: place, `error` or `warning`, message, code; the hint in a line of its own."""
        where = f"{self.mark.file}:{self.mark.line}:{self.mark.column}"
        return f"{where}: {kind}: {self.message} [{self.code}]" + (f"\n    {self.hint}" if self.hint else "")

    def __str__(self) -> str:
        where = f"{self.mark.file}:{self.mark.line}:{self.mark.column}"
        return f"{where}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(Exception):
    """The configuration cannot be used. `problems` are in the order of files, lines and columns."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(
            sorted(set(problems), key=lambda p: (p.mark.file, p.mark.line, p.mark.column, p.code, p.message))
        )
        super().__init__("\n".join(map(str, self.problems)))


class Wrong(ValueError):  # noqa: N818
    """A value that cannot stand where it does: for validators, which do not know the place. `code` as in Problem."""

    def __init__(self, message: str, hint: str = "", code: str = "bad-value") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like this one; empty when none is."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return near[0] if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or lists them all when they are few; else empty."""
    names = sorted(known)
    near = nearest(word, names)
    if near:
        return f"did you mean `{near}`?"
    if 0 < len(names) <= 12:
        return "possible: " + ", ".join(f"`{name}`" for name in names)
    return ""
