"""A CSV file as carriers send it: found by its heading, read row by row, each field with its place.

What differs from carrier to carrier is taken as it comes: commas, semicolons, tabs or bars between the fields; a byte
order mark; lines above the heading; columns in any order and under many names, and columns that are of no use here.
What could be meant in two ways is refused, with the line and the column that the field begins at.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from config.problems import Mark, Problem

MAX_BYTES = 32 * 1024 * 1024
MAX_ROWS = 500_000
MOST_PROBLEMS = 20
"""Of one file: who has the columns wrong has every row wrong."""
HEADING_LINES = 40
"""The heading is looked for in so many lines."""
DELIMITERS = ";,\t|"

Names = Mapping[str, Sequence[str]]
"""By role, the names that a column of it may have, in small letters and digits alone; the first are preferred."""

_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_OTHERS = re.compile(r"[\W_]+")


class Sheet(msgspec.Struct):
    """One file. `name` as the operator wrote it, `path` as errors tell it; `columns` by role. `first` is the number of
    the first line below the heading, from 1."""

    name: str
    path: str
    lines: list[str]
    delimiter: str
    columns: dict[str, int]
    first: int
    problems: list[Problem]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line and fields of each row, empty ones left out. Ends early at what cannot be read, and at MOST_PROBLEMS."""
        reader = csv.reader(self.lines[self.first - 1 :], delimiter=self.delimiter, strict=True)
        before = 0
        while True:
            line = self.first + before
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:
                hint = "close the quote; a quote within a quoted text is written twice"
                self.problems.append(
                    Problem("bad-csv", Mark(self.path, line, 1), "this line cannot be taken apart", hint)
                )
                return
            before = reader.line_num
            if any(fields):
                yield line, fields
            if len(self.problems) >= MOST_PROBLEMS:
                message = "too many errors: the rest of this file was not read"
                self.problems.append(Problem("too-large", Mark(self.path, line + 1, 1), message))
                return

    def mark(self, line: int, role: str) -> Mark:
        """Where the field of that role begins in that line."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        starts = field_starts(text, self.delimiter)
        column = self.columns.get(role, 0)
        return Mark(self.path, line, starts[column] if column < len(starts) else len(text) + 1)

    def wrong(self, code: str, line: int, role: str, message: str, hint: str = "") -> None:
        """Report what is wrong with a field."""
        self.problems.append(Problem(code, self.mark(line, role), message, hint))


def read(folder: Path, name: str, names: Names, needed: Sequence[str], mark: Mark) -> Sheet | list[Problem]:
    """The file, once its heading is found; else what is wrong. `mark` is where the file is named."""
    path = folder / name
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        hint = "a path is relative to the folder of the configuration" if isinstance(error, FileNotFoundError) else ""
        why = error.strerror if isinstance(error, OSError) else "not the name of a file"
        return [Problem("unreadable-file", mark, f"the file {name} cannot be read: {why}", hint)]
    shown = str(path)
    if len(data) > MAX_BYTES:
        return [Problem("too-large", Mark(shown, 1, 1), f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        hint = "save the file as `CSV UTF-8`"
        return [Problem("unreadable-file", Mark(shown, line, column), "not UTF-8", hint)]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_ROWS:
        return [Problem("too-large", Mark(shown, MAX_ROWS, 1), f"more than {MAX_ROWS} lines")]
    return _with_heading(name, shown, lines, names, needed)


def _with_heading(name: str, path: str, lines: list[str], names: Names, needed: Sequence[str]) -> Sheet | list[Problem]:
    best: tuple[int, int, str, dict[str, int], list[str]] | None = None
    for number, line in enumerate(lines[:HEADING_LINES], 1):
        for delimiter in DELIMITERS:
            titles = _fields(line, delimiter)
            columns, doubled = _columns(titles, names)
            if all(role in columns for role in needed) and (best is None or len(columns) > best[0]):
                best = (len(columns), number, delimiter, columns, doubled)
        if best is not None:
            break
    if best is None:
        wanted = " and ".join(f"`{role}`" for role in needed)
        hint = f"a line above the others names the columns: {', '.join(names)}"
        return [Problem("bad-csv", Mark(path, 1, 1), f"no heading with a column {wanted}", hint)]
    _, number, delimiter, columns, doubled = best
    sheet = Sheet(name, path, lines, delimiter, columns, number + 1, [])
    for role in doubled:
        hint = "rename those that are not meant"
        sheet.problems.append(
            Problem("bad-csv", sheet.mark(number, role), f"several columns could be the `{role}`", hint)
        )
    return sheet


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _columns(titles: Sequence[str], names: Names) -> tuple[dict[str, int], list[str]]:
    """The column of each role, and the roles that two columns of the same name want."""
    plain = [_OTHERS.sub("", _ASIDE.sub("", title).lower()) for title in titles]
    found: dict[str, int] = {}
    doubled = []
    for role, known in names.items():
        for name in known:
            at = [n for n, title in enumerate(plain) if title == name and n not in found.values()]
            if at:
                found[role] = at[0]
                if len(at) > 1:
                    doubled.append(role)
                break
    return found, doubled


def field_starts(line: str, delimiter: str) -> list[int]:
    """The columns, from 1, at which the fields of a line begin."""
    starts, quoted = [1], False
    for at, character in enumerate(line, 1):
        if character == '"':
            quoted = not quoted
        elif character == delimiter and not quoted:
            starts.append(at + 1)
    return starts
