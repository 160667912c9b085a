"""What is wrong with text that is no YAML, in words for whoever typed it.

The parser's own sentences name what it expected next, which helps nobody who counts spaces. Its place is nearly always
right, so the line there decides what was probably meant. No word of the operator's text is repeated: it may be a
secret.
"""

from __future__ import annotations

import re

import yaml

from config.problems import Mark, Problem

_QUOTES = "put the text in quotes"
_NEIGHBOURS = "is the line indented as its neighbours are, and does the line above end as it should?"
_WORDS = {
    "did not find expected key": ("this does not fit the lines above it", _NEIGHBOURS),
    "did not find expected '-' indicator": ("this does not fit the list above it", "begin the line with `- `"),
    "block sequence entries are not allowed in this context": ("a list cannot begin here", "begin it on a new line"),
    "could not find expected ':'": ("a key without its colon", "write `key: value`"),
    "did not find expected <document start>": ("this does not fit the lines above it", _NEIGHBOURS),
    "found unknown escape character": ("an escape that YAML does not know", "write \\\\ for a backslash, or use '…'"),
    "did not find expected node content": ("a value is missing here", ""),
}
_UNCLOSED = {
    "while scanning a quoted scalar": ("a quote that is never closed", ""),
    "while parsing a flow sequence": ("a `[` that is never closed", "close it with `]`; between the items are commas"),
    "while parsing a flow mapping": ("a `{` that is never closed", "close it with `}`; between the entries are commas"),
}


def explain(error: yaml.MarkedYAMLError, text: str, name: str) -> Problem:
    """The problem that the parser found in `text`; `name` stands for the file."""
    at = error.problem_mark or error.context_mark
    begun = error.context_mark
    said = error.problem or error.context or "unreadable"
    place = Mark(name, at.line + 1, at.column + 1) if at is not None else Mark(name, 1, 1)
    lines = text.splitlines()
    line = lines[at.line] if at is not None and at.line < len(lines) else ""
    before = line[: at.column] if at is not None else ""
    if "tab" in said or (line[len(before) : len(before) + 1] == "\t"):
        return Problem("not-yaml", place, "a tab where only spaces may stand", "use spaces")
    if re.match(r":\s", line[len(before) :]) and error.context == "while parsing a flow mapping":
        return Problem("not-yaml", place, "a second `: ` in one entry", _QUOTES)
    if error.context in _UNCLOSED and begun is not None and said not in _WORDS:
        message, hint = _UNCLOSED[error.context]
        return Problem("not-yaml", Mark(name, begun.line + 1, begun.column + 1), message, hint)
    if said == "mapping values are not allowed in this context":
        if re.search(r":\s", before):
            return Problem("not-yaml", place, "a second `: ` in one line", _QUOTES)
        return Problem("not-yaml", place, "this does not fit the lines above it", _NEIGHBOURS)
    if said == "did not find expected key" and before.rstrip().endswith(("'", '"')):
        return Problem("not-yaml", place, "text after the closing quote", "put all of it in quotes")
    if said == "found character that cannot start any token":
        return Problem("not-yaml", place, "a value cannot begin with this character", _QUOTES)
    message, hint = _WORDS.get(said, (f"this is not YAML: {said}", ""))
    return Problem("not-yaml", place, message, hint)
