"""YAML text to a tree, strictly: a scalar stays the text that was typed.

`0206`, `9:00`, `NO` and `+49…` are all strings here; only the schema turns a text into a number, a duration or a truth
value, where it wants one. PyYAML's C parser does the reading, one event at a time: no tag is resolved and no Python
object is made by it, and depth and size are bounded before anything is built (its composer recurses without a bound).

Left out of YAML on purpose, each with an error that says so: anchors, aliases and merge keys (a few lines of them can
stand for gigabytes), tags, several documents in a file, keys that are not plain text, and the same key twice.

An error does not end the reading of the rest: a value that cannot be used leaves a hole, the first of two equal keys
stands, and a file that cannot be read at all leaves the document not `whole`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml

from config import syntax
from config.problems import ConfigError, Mark, Problem

MAX_BYTES = 8 * 1024 * 1024
MAX_NODES = 500_000
MAX_DEPTH = 24
MAX_FILES = 500
SUFFIXES = (".yaml", ".yml")

QUOTE = "put it in quotes if the text itself is meant"


class Scalar(msgspec.Struct, frozen=True):
    """A text. `plain`: it was written without quotes."""

    text: str
    plain: bool
    mark: Mark


class Hole(msgspec.Struct, frozen=True):
    """Where a value stood that was refused. It has been reported already."""

    mark: Mark


class Sequence(msgspec.Struct, frozen=True):
    """A list."""

    items: list[Node]
    mark: Mark


class Entry(msgspec.Struct, frozen=True):
    """One key of a mapping: where the key stands, and its value."""

    mark: Mark
    node: Node


class Mapping(msgspec.Struct, frozen=True):
    """Keys and values, in the order of the file."""

    entries: dict[str, Entry]
    mark: Mark


Node = Scalar | Sequence | Mapping | Hole


class Document(msgspec.Struct):
    """All that could be read, and all problems that were found on the way.

    Not `whole`: something was not read, so nobody knows which names it holds.
    """

    tree: Mapping
    problems: list[Problem]
    whole: bool = True


def load(path: Path) -> Document:
    """What stands in one file, or in all `*.yaml` and `*.yml` of a folder together."""
    made = Document(Mapping({}, Mark(str(path), 1, 1)), [])
    budget = _Budget()
    try:
        for file in _files(path):
            part = _read_file(file, budget)
            made.problems.extend(part.problems)
            made.whole = made.whole and part.whole
            _merge(made.tree, part.tree, made.problems)
    except ConfigError as error:
        made.problems.extend(error.problems)
        made.whole = False
    return made


def _read_file(file: Path, budget: _Budget) -> Document:
    """Raises ConfigError when the configuration is too large, so that no further file is read."""
    try:
        text = _text(file, budget)
    except _Unreadable as unreadable:
        return Document(Mapping({}, unreadable.problem.mark), [unreadable.problem], whole=False)
    return read(text, str(file), budget)


def read(text: str, name: str, budget: _Budget | None = None) -> Document:
    """What stands in a text; `name` stands for the file in errors. Raises ConfigError when the budget is spent."""
    builder = _Builder(name, budget or _Budget())
    made = Document(Mapping({}, Mark(name, 1, 1)), builder.problems)
    try:
        root = builder.build(text)
    except yaml.MarkedYAMLError as error:
        problem = syntax.explain(error, text, name)
    except yaml.reader.ReaderError as error:
        problem = Problem("not-yaml", _place_of(text, name, error.position), "a character that YAML does not allow")
    else:
        made.whole = builder.whole
        if isinstance(root, Mapping):
            made.tree = root
            for key, entry in builder.doubled:
                if is_empty(root.entries[key].node):
                    root.entries[key] = entry
                else:
                    _join(root.entries[key].node, entry.node, made.problems)
            return made
        if root is None or isinstance(root, Hole):
            made.whole = made.whole and root is None
            return made
        problem = Problem(
            "not-yaml", root.mark, "a configuration is a mapping", "begin with a section, such as `devices:`"
        )
    made.problems.append(problem)
    made.whole = False
    return made


def plain(node: Node) -> object:
    """The tree as dicts, lists and strings, without places."""
    match node:
        case Scalar():
            return node.text
        case Hole():
            return ""
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key: plain(entry.node) for key, entry in node.entries.items()}


class _Budget:
    """What is left of the size that all files together may have."""

    __slots__ = ("bytes", "nodes")

    def __init__(self) -> None:
        self.bytes = MAX_BYTES
        self.nodes = MAX_NODES


class _Unreadable(Exception):  # noqa: N818
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _files(path: Path) -> list[Path]:
    nowhere = Mark(str(path), 1, 1)
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))
    if not files:
        raise ConfigError(
            [Problem("unreadable-file", nowhere, "no configuration in this folder", "it holds no file ending in .yaml")]
        )
    if len(files) > MAX_FILES:
        raise ConfigError([Problem("too-large", nowhere, f"more than {MAX_FILES} files")])
    return files


def _text(file: Path, budget: _Budget) -> str:
    """Raises _Unreadable for this file, ConfigError when all files are too large together."""
    start = Mark(str(file), 1, 1)
    try:
        with file.open("rb") as opened:
            data = opened.read(budget.bytes + 1)
    except OSError as error:
        raise _Unreadable(Problem("unreadable-file", start, f"cannot be read: {error.strerror}")) from None
    budget.bytes -= len(data)
    if budget.bytes < 0:
        raise ConfigError(
            [Problem("too-large", start, f"the configuration is larger than {MAX_BYTES // 1024 // 1024} MiB")]
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise _Unreadable(
            Problem("unreadable-file", Mark(str(file), line, column), "not UTF-8", "save the file in UTF-8")
        ) from None


def is_empty(node: Node) -> bool:
    """Whether nothing is written there at all."""
    return isinstance(node, Scalar) and node.plain and not node.text


def _merge(merged: Mapping, tree: Mapping, problems: list[Problem]) -> None:
    """Sections of several files are joined: mappings by key, lists end to end. Anything else is said twice."""
    for key, entry in tree.entries.items():
        before = merged.entries.get(key)
        if before is None or is_empty(before.node):
            merged.entries[key] = entry
        elif not is_empty(entry.node) and not _join(before.node, entry.node, problems):
            problems.append(_twice(key, entry.mark, before.mark))


def _join(first: Node, second: Node, problems: list[Problem]) -> bool:
    """Add what a section holds to what it holds elsewhere. False: they are no two mappings or two lists."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key, entry in second.entries.items():
            before = first.entries.setdefault(key, entry)
            if before is not entry:
                problems.append(_twice(key, entry.mark, before.mark))
        return True
    if isinstance(first, Sequence) and isinstance(second, Sequence):
        first.items.extend(second.items)
        return True
    return False


def _twice(key: str, mark: Mark, first: Mark) -> Problem:
    place = f"line {first.line}" if first.file == mark.file else f"{first.file}:{first.line}"
    return Problem("duplicate-key", mark, f"`{key}` stands here a second time", f"the first is at {place}")


def _place_of(text: str, name: str, position: int) -> Mark:
    before = text[:position]
    return Mark(name, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


class _Builder:
    """Builds the tree from the parser's events, with a stack of its own instead of recursion."""

    def __init__(self, name: str, budget: _Budget) -> None:
        self.problems: list[Problem] = []
        self.whole = True
        self.doubled: list[tuple[str, Entry]] = []  # sections that stand here a second time
        self._name = name
        self._budget = budget
        self._open: list[Mapping | Sequence] = []
        self._key: Scalar | Hole | None = None
        self._root: Node | None = None

    def build(self, text: str) -> Node | None:
        documents = 0
        for event in _events(text):
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents == 2:
                        self._problem(
                            "yaml-feature",
                            event,
                            "a second document in one file",
                            "remove the `---`, or make it a file",
                        )
                        self.whole = False
                        return self._root
                case yaml.AliasEvent():
                    self._problem("yaml-feature", event, "aliases (`*name`) are not used here", QUOTE)
                    self._add(Hole(self._mark(event)))
                case yaml.ScalarEvent():
                    mark = self._mark(event)
                    refused = self._refused(event)
                    self._add(Hole(mark) if refused else Scalar(event.value, not event.style, mark))
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._refused(event)
                    if not self._enter(event):
                        self.whole = False
                        return None
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._open.pop()
        return self._root

    def _mark(self, event: yaml.Event) -> Mark:
        at = event.start_mark
        assert at is not None
        return Mark(self._name, at.line + 1, at.column + 1)

    def _problem(self, code: str, event: yaml.Event, message: str, hint: str = "") -> None:
        self.problems.append(Problem(code, self._mark(event), message, hint))

    def _refused(self, event: yaml.NodeEvent) -> bool:
        before = len(self.problems)
        if event.anchor is not None:
            self._problem("yaml-feature", event, "anchors (`&name`) are not used here", QUOTE)
        if getattr(event, "tag", None) is not None:
            self._problem("yaml-feature", event, "tags (`!name`) are not used here", QUOTE)
        return len(self.problems) > before

    def _enter(self, event: yaml.NodeEvent) -> bool:
        if len(self._open) >= MAX_DEPTH:
            self._problem("too-large", event, f"nested more than {MAX_DEPTH} deep")
            return False
        mark = self._mark(event)
        if self._open and isinstance(self._open[-1], Mapping) and self._key is None:
            self._problem("yaml-feature", event, "a key must be a plain text", QUOTE)
            return False
        made: Mapping | Sequence
        made = Mapping({}, mark) if isinstance(event, yaml.MappingStartEvent) else Sequence([], mark)
        self._add(made)
        self._open.append(made)
        return True

    def _add(self, node: Node) -> None:
        self._budget.nodes -= 1
        if self._budget.nodes < 0:
            raise ConfigError([Problem("too-large", node.mark, f"more than {MAX_NODES} values")])
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        if self._key is None:
            assert isinstance(node, Scalar | Hole)
            self._key = node
            return
        key, self._key = self._key, None
        if isinstance(key, Hole):
            self.whole = False
            return
        if is_empty(node) and len(self._open) > 1:
            self.problems.append(
                Problem("empty-value", key.mark, "this key has no value", 'write "" for an empty text')
            )
            node = Hole(node.mark)
        first = parent.entries.get(key.text)
        if first is not None:
            self.problems.append(_twice(key.text, key.mark, first.mark))
            if len(self._open) == 1:
                self.doubled.append((key.text, Entry(key.mark, node)))
        else:
            parent.entries[key.text] = Entry(key.mark, node)


def _events(text: str) -> Iterator[yaml.Event]:
    loader = yaml.CSafeLoader(text)
    try:
        while (event := loader.get_event()) is not None:
            yield event
            if isinstance(event, yaml.StreamEndEvent):
                return
    finally:
        loader.dispose()
