"""Tree and schema together, entry by entry: what is sound becomes a value, what is not a problem with its place.

An error costs only what it touches: a wrong value costs its key, an unknown key itself. All the rest goes on to what
`fitting.py` checks, so that one run names every error there is. So that no error brings others in its wake:

- an entry whose value or key is wrong stays under its name, so that who refers to it is not told that it is missing;
- a key that is nearly another one counts as that one after it was reported;
- `lost` tells from which values nothing can be concluded, as they are stand-ins or defaults for what was wrong.

Inputs are never shown, only keys: an input may be a secret.
"""

from __future__ import annotations

import copy
import functools
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from pydantic import BaseModel

from config.loader import Entry, Hole, Mapping, Node, Scalar, is_empty, plain
from config.loader import Sequence as Items
from config.problems import Mark, Problem, Wrong, did_you_mean, nearest
from config.schema import Configuration
from config.types import OneOrMore, Secret, Typed

Path_ = tuple[str | int, ...]
KEY = "[key]"  # in a path before a key: the key itself is meant, and not its value

# What a key is given that must not be left out but is missing or wrong. Nothing is concluded from it.
STAND_INS: dict[str, Any] = {
    "country": "",
    "secret": Secret("?"),
    "lines": [],
    "host": "",
    "from": "",
    "certificate": "",
    "key": "",
    "week": {},
    "file": "",
    "currency": "",
    "extension": "",
    "user": "",
    "members": [],
    "slots": ("", ""),
    "name": "",
    "dial": "",
}

# What other exchanges call these keys.
SYNONYMS = {
    **dict.fromkeys(("password", "passwd", "pass", "pwd"), "secret"),
    **dict.fromkeys(("user", "login", "account"), "username"),
    **dict.fromkeys(("server", "proxy", "ip"), "host"),
    **dict.fromkeys(("number", "exten"), "extension"),
    **dict.fromkeys(("bind", "bindaddr"), "address"),
    **dict.fromkeys(("external_ip", "externip", "public_ip", "external_address"), "advertise"),
    **dict.fromkeys(("localnet", "local_net"), "local_networks"),
    **dict.fromkeys(("cert", "tls_cert"), "certificate"),
    **dict.fromkeys(("max_calls", "max_channels"), "channels"),
    **dict.fromkeys(("vip_list", "vips"), "contacts"),
    **dict.fromkeys(("license", "licenses", "licences"), "licence"),
    **dict.fromkeys(("timezone", "tz", "zone"), "time_zone"),
    **dict.fromkeys(("whitelist", "ignoreip"), "allow"),
    **dict.fromkeys(("to", "called", "digits"), "dial"),
    **dict.fromkeys(("when", "time"), "at"),
}

PIN = "a mailbox's PIN is set while the exchange runs: `ringplan mailbox pin NAME`"
_LOST = object()


class Kind(msgspec.Struct, frozen=True):
    """What may stand somewhere: a model, a `dict`, a `list`, or a text that `check` makes a value of."""

    bare: Any
    check: Typed | None
    one_or_more: bool
    not_empty: bool


class Field(msgspec.Struct, frozen=True):
    """One key of a model: the attribute that it becomes, and its kind."""

    name: str
    kind: Kind
    required: bool


def kind_of(hint: Any, marks: Iterable[Any] = ()) -> Kind:
    """Of an annotation, with further marks of its field."""
    marks = list(marks)
    while True:
        origin = typing.get_origin(hint)
        if origin is typing.Annotated:
            marks += hint.__metadata__
            hint = hint.__origin__
        elif origin in (typing.Union, types.UnionType):
            hint = next(each for each in typing.get_args(hint) if each is not type(None))
        else:
            break
    return Kind(
        bare=hint,
        check=next((each for each in marks if isinstance(each, Typed)), None),
        one_or_more=any(isinstance(each, OneOrMore) for each in marks),
        not_empty=any(getattr(each, "min_length", 0) for each in marks),
    )


@functools.cache
def fields(model: type[BaseModel]) -> dict[str, Field]:
    """The keys that a model allows, its own before those that it shares with others."""
    own = model.__annotations__
    return {
        field.alias or name: Field(name, kind_of(field.annotation, field.metadata), field.is_required())
        for name, field in sorted(model.model_fields.items(), key=lambda each: each[0] not in own)
    }


@functools.cache
def _defaults(model: type[BaseModel]) -> dict[str, Callable[[], Any]]:
    """What makes the default of each attribute that has one. (Pydantic looks into every factory anew, each time.)"""
    made: dict[str, Callable[[], Any]] = {}
    for name, field in model.model_fields.items():
        if field.default_factory is not None:
            made[name] = field.default_factory  # type: ignore[assignment]  # none of ours takes an argument
        elif not field.is_required():
            made[name] = functools.partial(copy.copy, field.default)
    return made


def _some_keys(model: type[BaseModel]) -> str:
    """The first three of a model, for a hint."""
    return ", ".join(f"`{key}`" for key in list(fields(model))[:3])


def is_model(kind: Kind) -> bool:
    """Whether a section with keys of its own stands there."""
    return isinstance(kind.bare, type) and issubclass(kind.bare, BaseModel)


def _list_hint(kind: Kind) -> str:
    inner = kind_of(typing.get_args(kind.bare)[0])
    keys = f" and has keys such as {_some_keys(inner.bare)}" if is_model(inner) else ""
    return f"each item begins with `- `{keys}"


def _dict_hint(kind: Kind) -> str:
    inner = kind_of(typing.get_args(kind.bare)[1])
    if is_model(inner):
        return f"a name, a colon, and below it keys such as {_some_keys(inner.bare)}"
    return "a name, a colon, and its value, one a line"


class Reading:
    """One walk through a tree. The tree is put right on the way: keys as they are meant, numbers in one form."""

    def __init__(self, tree: Mapping, whole: bool) -> None:
        self.problems: list[Problem] = []
        self.lost: set[Path_] = set()
        self.strays: set[str] = set()  # names in sections that nobody knows: perhaps they were meant to be found
        self._whole = whole
        # All begins in the first file, also when it is a folder.
        first = next((entry.mark for entry in tree.entries.values()), tree.mark)
        self.settings: Configuration = self._model(Configuration, tree, (), first)

    def _wrong(self, code: str, mark: Mark, message: str, hint: str = "") -> None:
        self.problems.append(Problem(code, mark, message, hint))

    def _lose(self, path: Path_, code: str = "", mark: Mark | None = None, message: str = "", hint: str = "") -> Any:
        self.lost.add(path)
        if mark is not None:
            names = [part for part in path if isinstance(part, str)]
            self._wrong(code, mark, f"`{names[-1]}`: {message}" if names else message, hint)
        return _LOST

    def _value(self, kind: Kind, node: Node, path: Path_, where: Mark) -> Any:
        """The value at that path, or _LOST. `where` is its key, or the item itself in a list."""
        if isinstance(kind.bare, type) and issubclass(kind.bare, BaseModel):
            return self._model(kind.bare, node, path, where)
        if isinstance(node, Hole):
            return self._lose(path)
        if typing.get_origin(kind.bare) is dict:
            return self._dict(kind, node, path)
        if typing.get_origin(kind.bare) is list:
            return self._list(kind, node, path)
        return self._leaf(kind, node, path)

    def _leaf(self, kind: Kind, node: Node, path: Path_) -> Any:
        assert kind.check is not None
        try:
            value = kind.check.check(plain(node))
        except Wrong as wrong:
            return self._lose(path, wrong.code, node.mark, wrong.message, wrong.hint)
        if kind.not_empty and not value:
            return self._lose(path, "empty-value", node.mark, "must not be empty")
        return value

    def _list(self, kind: Kind, node: Node, path: Path_) -> Any:
        if isinstance(node, Items):
            nodes = node.items
        elif kind.one_or_more and isinstance(node, Scalar):
            nodes = [node]
        else:
            return self._lose(path, "wrong-kind", node.mark, "a list is wanted here", _list_hint(kind))
        if kind.not_empty and not nodes:
            return self._lose(path, "empty-value", node.mark, "must not be empty")
        inner = kind_of(typing.get_args(kind.bare)[0])
        values = (self._value(inner, each, (*path, at), each.mark) for at, each in enumerate(nodes))
        # A lost item leaves an empty text, so that the others keep their places.
        return ["" if value is _LOST else value for value in values]

    def _dict(self, kind: Kind, node: Node, path: Path_) -> Any:
        if not isinstance(node, Mapping):
            return self._lose(path, "wrong-kind", node.mark, "a mapping is wanted here", _dict_hint(kind))
        key_kind, inner = map(kind_of, typing.get_args(kind.bare))
        assert key_kind.check is not None
        values: dict[str, Any] = {}
        kept: dict[str, Entry] = {}
        written: dict[str, str] = {}
        for key, entry in node.entries.items():
            name = key
            try:
                name = key_kind.check.check(key)
            except Wrong as wrong:
                self.lost.add((*path, KEY, key))
                self._wrong("bad-key", entry.mark, f"key `{key}`: {wrong.message}", wrong.hint)
            if written.setdefault(name, key) != key:
                hint = f"the first is written `{written[name]}`"
                self._wrong("duplicate-key", entry.mark, f"`{key}` stands here a second time", hint)
                continue
            kept[name] = entry
            value = self._value(inner, entry.node, (*path, name), entry.mark)
            if value is _LOST:
                value = origin() if (origin := typing.get_origin(inner.bare)) in (list, dict) else ""
            values[name] = value
        node.entries.clear()
        node.entries.update(kept)
        return values

    def _model(self, model: type[BaseModel], node: Node, path: Path_, where: Mark) -> Any:
        known = fields(model)
        values: dict[str, Any] = {}
        guessed: set[str] = set()
        short = getattr(model, "shorthand", "")
        if short and isinstance(node, Scalar):
            node = Mapping({short: Entry(node.mark, node)}, node.mark)
        if isinstance(node, Mapping):
            guessed = self._spell(node, known, top=not path)
            entries = node.entries
        else:
            mark = None if isinstance(node, Hole) else node.mark
            self._lose(path, "wrong-kind", mark, "a mapping is wanted here", f"with keys such as {_some_keys(model)}")
            entries = {}
        for key, field in known.items():
            entry = entries.get(key)
            value = _LOST
            # A section whose entries are all commented out is the same as none.
            if entry is not None and (path or not is_empty(entry.node)):
                before = len(self.problems)
                value = self._value(field.kind, entry.node, (*path, key), entry.mark)
                if key in guessed and not isinstance(entry.node, Mapping):
                    del self.problems[before:]  # Perhaps it was meant otherwise after all.
            elif field.required and path not in self.lost:
                self._missing(key, path, where)
            if value is _LOST and field.required:
                value = STAND_INS[key]
            if value is not _LOST:
                values[field.name] = value
        left_out = {name: make() for name, make in _defaults(model).items() if name not in values}
        return model.model_construct(set(values), **values, **left_out)

    def _missing(self, key: str, path: Path_, where: Mark) -> None:
        self.lost.add((*path, key))
        if path:
            inside = next(part for part in reversed(path) if isinstance(part, str))
            self._wrong("missing-key", where, f"`{key}` is missing in `{inside}`")
        elif self._whole:
            hint = "write `country: US`, or where you are, by ISO 3166" if key == "country" else ""
            self._wrong("missing-key", where, f"`{key}` is missing", hint)

    def _spell(self, node: Mapping, known: Iterable[str], *, top: bool) -> set[str]:
        """Report unknown keys. One that is nearly a known key which is not there is taken for it (these are returned);
        others go."""
        guessed = set()
        entries = dict(node.entries)
        node.entries.clear()
        for key, entry in entries.items():
            if key in known:
                node.entries[key] = entry
                continue
            other = SYNONYMS.get(key.lower(), "")
            meant = other if other in known else nearest(key, known)
            hint = PIN if key.lower() in ("pin", "voicemail_pin") and not meant else did_you_mean(meant or key, known)
            self._wrong("unknown-key", entry.mark, f"unknown key `{key}`", hint)
            if meant and meant not in entries and meant not in node.entries:
                node.entries[meant] = entry
                guessed.add(meant)
            elif top and isinstance(entry.node, Mapping):
                self.strays.update(entry.node.entries)
        return guessed
