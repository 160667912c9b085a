"""Tree and schema together: the validated configuration, or every error of it with its place.

pydantic says what is wrong along a path of keys; here the path is walked through the tree, to the line and column of
the key or value that the operator typed. Inputs are never shown, only keys: an input may be a secret.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config import loader
from config.loader import Mapping, Node, Scalar
from config.loader import Sequence as Items
from config.problems import ConfigError, Mark, Problem, Wrong, did_you_mean
from config.schema import Configuration
from dialplan.numbers import clean

Path_ = tuple[str | int, ...]


class Loaded(msgspec.Struct, frozen=True):
    """A validated configuration and the tree that it came from. `folder` is what `file:` references are relative to."""

    settings: Configuration
    tree: Mapping
    folder: Path

    def mark(self, *path: str | int) -> Mark:
        """Where the value of that path stands; of its nearest ancestor when it was left out."""
        return place(self.tree, path, key=False)

    def key_mark(self, *path: str | int) -> Mark:
        """Where the key at the end of that path stands."""
        return place(self.tree, path, key=True)


def load(path: Path) -> Loaded:
    """Read and validate a file or a folder. Raises ConfigError with all problems."""
    tree = loader.load(path)
    return validate(tree, path if path.is_dir() else path.parent)


def validate(tree: Mapping, folder: Path) -> Loaded:
    """Validate a tree. Raises ConfigError with all problems."""
    content = loader.plain(tree)
    assert isinstance(content, dict)
    # A section whose entries are all commented out is the same as none.
    content = {key: value for key, value in content.items() if value != "" or not _is_empty(tree.entries[key].node)}
    problems = list(_same_numbers(tree))
    try:
        settings = Configuration.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems += [_problem(tree, each) for each in details]
        raise ConfigError(problems) from None
    if problems:
        raise ConfigError(problems)
    return Loaded(settings, tree, folder)


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and not node.text


def _first(tree: Mapping) -> Mark:
    """Where the configuration begins: in its first file, also when it is a folder."""
    return next((entry.mark for entry in tree.entries.values()), tree.mark)


def place(tree: Node, path: Sequence[str | int], *, key: bool) -> Mark:
    """The mark of the value at the end of the path (`key`: of its key), or of the last part of the path that exists."""
    node = tree
    mark = node.mark
    for part in path:
        if isinstance(node, Mapping) and str(part) in node.entries:
            entry = node.entries[str(part)]
            mark, node = (entry.mark if key else entry.node.mark), entry.node
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            mark = node.mark
        elif part not in (0, "[key]"):
            break
    return mark


def _problem(tree: Mapping, error: ErrorDetails) -> Problem:
    path = error["loc"]
    name = f"`{path[-1]}`" if path else "the configuration"
    kind = error["type"]
    if kind == "missing":
        parent = path[:-1]
        if not parent:
            hint = "write `country: US`, or where you are, by ISO 3166" if path == ("country",) else ""
            return Problem(_first(tree), f"{name} is missing", hint)
        return Problem(place(tree, parent, key=True), f"{name} is missing in `{parent[-1]}`")
    if kind == "extra_forbidden":
        known = _known_keys(path[:-1])
        return Problem(place(tree, path, key=True), f"unknown key {name}", did_you_mean(str(path[-1]), known))
    at_key = path[-1:] == ("[key]",)
    mark = place(tree, path, key=at_key)
    if kind == "value_error":
        raised = error["ctx"]["error"]
        if isinstance(raised, Wrong):
            return Problem(mark, _subject(path, at_key) + raised.message, raised.hint)
    if kind in _SHAPES:
        return Problem(mark, _subject(path, at_key) + _SHAPES[kind])
    if kind in ("too_short", "string_too_short"):
        return Problem(mark, _subject(path, at_key) + "must not be empty")
    return Problem(mark, _subject(path, at_key) + "cannot be used")


_SHAPES = {
    "model_type": "a mapping is wanted here",
    "dict_type": "a mapping is wanted here",
    "list_type": "a list is wanted here",
    "string_type": "a single value is wanted here",
}


def _subject(path: Path_, at_key: bool) -> str:
    """`ring`: … and `dids` entry: …; a list's item is named after the list."""
    if at_key:
        return f"key `{path[-2]}`: "
    names = [part for part in path if isinstance(part, str)]
    return f"`{names[-1]}`: " if names else ""


def _known_keys(path: Path_) -> list[str]:
    """The keys that the schema allows in the mapping at that path."""
    kind: Any = Configuration
    for part in path:
        kind = _bare(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = kind.model_fields
            field = fields.get(str(part)) or next((f for f in fields.values() if f.alias == part), None)
            kind = field.annotation if field is not None else None
        else:
            arguments = typing.get_args(kind)
            kind = arguments[-1] if arguments else None
    kind = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [field.alias or name for name, field in kind.model_fields.items()]
    return []


def _bare(kind: Any) -> Any:
    """The type without Annotated and without `| None`."""
    while True:
        origin = typing.get_origin(kind)
        if origin is typing.Annotated:
            kind = typing.get_args(kind)[0]
        elif origin in (typing.Union, types.UnionType):
            kind = next(each for each in typing.get_args(kind) if each is not type(None))
        else:
            return kind


def _same_numbers(tree: Mapping) -> Iterable[Problem]:
    """Two keys of `dids` that are one number, written differently."""
    entry = tree.entries.get("dids")
    if entry is None or not isinstance(entry.node, Mapping):
        return
    seen: dict[str, str] = {}
    for key, each in entry.node.entries.items():
        first = seen.setdefault(clean(key) or key, key)
        if first is not key:
            yield Problem(each.mark, f"`{key}` stands here a second time", f"the first is written `{first}`")
