"""A configuration as far as it is sound, and every problem of it with its place.

`entries.py` finds them; here is how `fitting.py` asks what it may conclude from, and where a value stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from config import loader
from config.entries import Path_, Reading
from config.loader import Document, Mapping, Node
from config.loader import Sequence as Items
from config.problems import ConfigError, Mark, Problem
from config.schema import Configuration


class Loaded(msgspec.Struct, frozen=True):
    """What is sound of a configuration, all problems that were found so far, and the tree that it came from.

    `folder` is what `file:` references are relative to; `lost` and `strays` are those of `entries.Reading`.
    """

    settings: Configuration
    tree: Mapping
    folder: Path
    problems: tuple[Problem, ...]
    lost: frozenset[Path_]
    strays: frozenset[str]
    whole: bool

    def good(self) -> Configuration:
        """The settings, when there is no problem. Raises ConfigError with all of them."""
        if self.problems:
            raise ConfigError(self.problems)
        return self.settings

    def sound(self, *path: str | int) -> bool:
        """Whether the value at that path is the operator's, not one that stands in for something wrong."""
        return not any(path[:end] in self.lost for end in range(1, len(path) + 1))

    def absent(self, section: str, name: str) -> bool:
        """Whether a section surely has no such entry: not even one in a part that could not be read."""
        known = getattr(self.settings, section)
        return name not in known and name not in self.strays and self.whole and (section,) not in self.lost

    def mark(self, *path: str | int) -> Mark:
        """Where the value of that path stands; of its nearest ancestor when it was left out."""
        return place(self.tree, path, key=False)

    def key_mark(self, *path: str | int) -> Mark:
        """Where the key at the end of that path stands."""
        return place(self.tree, path, key=True)


def load(path: Path) -> Loaded:
    """Read and validate a file or a folder."""
    return validate(loader.load(path), path if path.is_dir() else path.parent)


def validate(document: Document, folder: Path) -> Loaded:
    """Validate what was read."""
    reading = Reading(document.tree, document.whole)
    return Loaded(
        settings=reading.settings,
        tree=document.tree,
        folder=folder,
        problems=(*document.problems, *reading.problems),
        lost=frozenset(reading.lost),
        strays=frozenset(reading.strays),
        whole=document.whole,
    )


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
        elif part != 0:
            break
    return mark
