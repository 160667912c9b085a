"""What can be changed in a configuration, one change at a time, found from its tree and the schema side by side.

A key is deleted, a truth value flipped, a word replaced by each other word that may stand there, a time, number or name
by another one, an item of a list dropped or put behind the next one. What is no decision by its type in the schema
(texts for people, passwords, files of sound) is left alone.
"""

from __future__ import annotations

import copy
import re
import typing
from collections.abc import Iterator, Sequence

import msgspec

from config.entries import Kind, fields, is_model, kind_of
from config.loader import Entry, Mapping, Node, Scalar
from config.loader import Sequence as Items
from config.problems import Mark
from config.schema import Configuration
from config.types import DURATION_PATTERN, Boolean, File, SecretText, Text, Typed

Path_ = tuple[str | int, ...]
NO_DECISIONS = frozenset(id(kind_of(each).check) for each in (Text, SecretText, File))
"""Types of values that decide nothing."""
TESTS = "tests"
MOST_WORDS = 5
"""Where more words may stand, only one other is tried."""
_TIME = re.compile(r"\b(\d\d):(\d\d)\b", re.ASCII)
_DAY = re.compile(r"\b(\d\d)-(\d\d)\b", re.ASCII)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_NUMBER = re.compile(r"\+?\d+", re.ASCII)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Mutation(msgspec.Struct, frozen=True):
    """One change. `options` are ways to make it, of which the first that gives a sound configuration counts: each is
    the new value of the node at `path`, or a (key, node) for its key. `what` says it."""

    path: Path_
    mark: Mark
    what: str
    change: str
    options: tuple[str, ...] = ()


def mutations(tree: Mapping) -> Iterator[Mutation]:
    """All of a configuration, in the order of the files."""
    yield from _of_model(Configuration, tree, (), tree)


def applied(tree: Mapping, mutation: Mutation, option: str = "") -> tuple[Mapping, str]:
    """A copy with the change made, and how it was made."""
    made = copy.deepcopy(tree)
    *way, last = mutation.path
    node: Node = made
    for part in way:
        node = node.entries[part].node if isinstance(node, Mapping) else node.items[part]  # type: ignore[union-attr, index]
    match node, mutation.change:
        case Mapping(), "delete":
            del node.entries[str(last)]
        case Mapping(), "rename":
            kept = [(option if key == last else key, entry) for key, entry in node.entries.items()]
            node.entries.clear()
            node.entries.update(kept)
        case Mapping(), "replace":
            entry = node.entries[str(last)]
            node.entries[str(last)] = Entry(entry.mark, Scalar(option, False, entry.node.mark))
        case Items(), "delete":
            del node.items[int(last)]
        case Items(), "swap":
            at = int(last)
            node.items[at], node.items[at + 1] = node.items[at + 1], node.items[at]
        case Items(), "replace":
            node.items[int(last)] = Scalar(option, False, node.items[int(last)].mark)
    return made, f"{mutation.what} {option}".rstrip()


def _of_model(model: type, node: Mapping, path: Path_, tree: Mapping) -> Iterator[Mutation]:
    known = fields(model)
    for key, entry in node.entries.items():
        field = known.get(key)
        if field is None or (not path and key == TESTS) or id(field.kind.check) in NO_DECISIONS:
            continue
        if path:
            yield Mutation((*path, key), entry.mark, "deleted", "delete")
        yield from _of_value(field.kind, entry.node, (*path, key), tree)


def _of_value(kind: Kind, node: Node, path: Path_, tree: Mapping) -> Iterator[Mutation]:
    if is_model(kind):
        short = getattr(kind.bare, "shorthand", "")
        if isinstance(node, Mapping):
            yield from _of_model(kind.bare, node, path, tree)
        elif short and isinstance(node, Scalar):
            yield from _of_leaf(fields(kind.bare)[short].kind, node, path, tree)
    elif typing.get_origin(kind.bare) is dict and isinstance(node, Mapping):
        keys, inner = map(kind_of, typing.get_args(kind.bare))
        for key, entry in node.entries.items():
            yield Mutation((*path, key), entry.mark, "deleted", "delete")
            options = tuple(each for each in _others(keys, key, tree) if each not in node.entries)
            if options:
                yield Mutation((*path, key), entry.mark, "now", "rename", options)
            yield from _of_value(inner, entry.node, (*path, key), tree)
    elif typing.get_origin(kind.bare) is list and isinstance(node, Items):
        inner = kind_of(typing.get_args(kind.bare)[0])
        if id(inner.check) in NO_DECISIONS:
            return
        for at, item in enumerate(node.items):
            yield Mutation((*path, at), item.mark, "dropped", "delete")
            if at + 1 < len(node.items):
                yield Mutation((*path, at), item.mark, "behind the next", "swap")
            yield from _of_value(inner, item, (*path, at), tree)
    elif typing.get_origin(kind.bare) is list and isinstance(node, Scalar):
        yield from _of_leaf(kind_of(typing.get_args(kind.bare)[0]), node, path, tree)
    else:
        yield from _of_leaf(kind, node, path, tree)


def _of_leaf(kind: Kind, node: Node, path: Path_, tree: Mapping) -> Iterator[Mutation]:
    if not isinstance(node, Scalar) or id(kind.check) in NO_DECISIONS:
        return
    for options in _sorts(kind, node.text, tree):
        if options:
            yield Mutation(path, node.mark, f"`{node.text}` is now", "replace", tuple(options))


def _sorts(kind: Kind, text: str, tree: Mapping) -> list[list[str]]:
    """The mutations of a value: each a list of options."""
    words = _words(kind.check)
    if words:
        others = [[word] for word in words if word != text]
        return others if len(others) <= MOST_WORDS else others[:1]
    times = list(_TIME.finditer(text))
    if times:
        return [[text[: match.start()] + _later(match) + text[match.end() :]] for match in times]
    return [_others(kind, text, tree)]


def _words(check: Typed | None) -> Sequence[str]:
    if check is None:
        return ()
    if check is kind_of(Boolean).check:
        return ("true", "false")
    return tuple(str(getattr(word, "value", word)) for word in check.schema.get("enum", ()))


def _later(match: re.Match[str]) -> str:
    """Half an hour later; what would be tomorrow, earlier."""
    minutes = int(match[1]) * 60 + int(match[2])
    minutes += 30 if minutes < 1380 else -30
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _others(kind: Kind, text: str, tree: Mapping) -> list[str]:
    """Other values of the same sort, the likeliest to be sound first."""
    found: list[str] = []
    prefix, colon, name = text.rpartition(":")
    found += [f"{prefix}{colon}{other}" for other in _names(name, tree, prefix)]
    duration = _DURATION.fullmatch(text)
    if duration:
        number, unit = float(duration[1]), duration[2]
        return [f"{each:g}{unit}" for each in (number + 1, number - 1, number * 2, number / 2)]
    if kind.check is not None and kind.check.schema.get("pattern") == DURATION_PATTERN:
        return ["15s"]
    for weekday in _WEEKDAYS:
        if re.search(rf"\b{weekday}\b", text):
            return [text.replace(weekday, other) for other in _WEEKDAYS if other not in text]
    day = _DAY.search(text)
    if day:
        other = f"{day[1]}-{int(day[2]) % 28 + 1:02}"
        return [text[: day.start()] + other + text[day.end() :]]
    if re.fullmatch("[A-Z]{2}", text):
        return [each for each in ("GB", "DE", "CA") if each != text]
    if "/" in text:
        return [each for each in ("Asia/Tokyo", "Europe/London") if each != text]
    last = re.search(r"\d(?!.*\d)", text)
    if last:
        whole = _NUMBER.fullmatch(text)
        found += [str(int(text) + 1)] if whole and text[0] != "+" else []
        found += [text[: last.start()] + str((int(last[0]) + n) % 10) + text[last.end() :] for n in (1, 2, 5, 7)]
    if text != "none" and not found:
        found.append("none")
    return list(dict.fromkeys(each for each in found if each != text))


def _names(name: str, tree: Mapping, section: str) -> list[str]:
    """Other names of the sections in which there is this one."""
    found = []
    for key, entry in tree.entries.items():
        node = entry.node
        if isinstance(node, Mapping) and name in node.entries and (not section or key.startswith(section)):
            found += [other for other in node.entries if other != name]
    return found
