"""docs/events.md, from the events themselves: the one vocabulary of the journal, with every tag, field and type.

    python -P -m records.reference > docs/events.md

A test compares. What an event means stands in its docstring (`records/events/`), and nowhere else.
"""

from __future__ import annotations

import datetime
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from records import events as e

_HEAD = """# What happens: the events of the journal

<!-- Made by `python -P -m records.reference > docs/events.md`; a test compares. -->

Every fact that a call or a registration leaves behind is one of these. The journal has them before anything follows
from them; a call's state, its record, histories, reports and live views are folds over them
([decisions/0026](decisions/0026-records-are-projections.md)). Encoded, an event is a MessagePack array: the tag, then
the fields in this order. Fields are never taken away nor moved; a new one comes at the end and has a default, a tag is
never used for something else, and whoever does not know a tag leaves the event out. No event holds a password or a
media key, and a PIN only as a salted hash.

Times (`instant`) are MessagePack timestamps by the wall clock; the frame around the events of one input has the
monotonic time, and the segment around it the kernel's boot id (`records/segments.py`). Fields in *italics* may be left
out, and are as given then.
"""
_NAMES = {
    str: "text",
    bytes: "octets",
    int: "integer",
    float: "number",
    bool: "true/false",
    datetime.datetime: "instant",
    type(None): "nothing",
}


def events() -> list[type[msgspec.Struct]]:
    """Every event, by its tag."""
    found = typing.get_args(e.AnyEvent)
    return sorted(found, key=lambda each: each.__struct_config__.tag)


def written() -> str:
    """The document."""
    of_calls = [each for each in events() if issubclass(each, e.Event)]
    others = [each for each in events() if not issubclass(each, e.Event)]
    parts = [
        _HEAD,
        "## Of calls\n\nEach begins with `call` (text, the call's id), `n` (integer: it counts the events of one call\n"
        "from 0, so that one that is told twice counts once) and `at` (instant).\n",
        *(_event(each, common=3) for each in of_calls),
        "## Of everything else\n",
        *(_event(each, common=0) for each in others),
        "## Values in them\n",
        *(_value(each) for each in _values(events())),
    ]
    return "\n".join(parts)


def _event(kind: type[msgspec.Struct], common: int) -> str:
    return f"### {kind.__struct_config__.tag} · {kind.__name__}\n\n{_text(kind)}\n\n{_table(kind, common)}"


def _value(kind: type[msgspec.Struct]) -> str:
    return f"### {kind.__name__}\n\n{_text(kind)}\n\n{_table(kind, 0)}"


def _text(kind: type) -> str:
    """What it says of itself."""
    return inspect.cleandoc(kind.__doc__ or "")


def _table(kind: type[msgspec.Struct], common: int) -> str:
    hints = typing.get_type_hints(kind)
    notes = _notes(kind)
    rows = []
    for field in msgspec.structs.fields(kind)[common:]:
        needed = field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
        name = f"`{field.name}`" if needed else f"*`{field.name}`*"
        default = "" if needed else f" = {_default(field)}"
        note = f": {notes[field.name]}" if field.name in notes else ""
        rows.append(f"- {name} {_type(hints[field.name])}{default}{note}")
    return "\n".join(rows) + "\n" if rows else "No more fields.\n"


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    match value:
        case None | "" | b"" | ():
            return "nothing"
        case bool():
            return "true" if value else "false"
        case _:
            return f"`{value}`"


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _NAMES:
        return _NAMES[hint]
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type(each) for each in arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return f"list of {_type(arguments[0])}"
    if origin is tuple:
        return f"({', '.join(_type(each) for each in arguments)})"
    if origin is not None:
        return f"{origin.__name__} of {', '.join(_type(each) for each in arguments)}"
    if issubclass(hint, msgspec.Struct) and hint.__struct_config__.tag is None:
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return str(hint.__name__)


def _notes(kind: type) -> dict[str, str]:
    """What stands below a field in the code."""
    source = inspect.getsource(kind)
    found = re.findall(r'^    (\w+): [^\n]+\n    """(.*?)"""', source, re.DOTALL | re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _values(kinds: list[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """The structures that are no events, but stand in them, by name."""
    found: dict[str, type[msgspec.Struct]] = {}
    todo: list[Any] = list(kinds)
    while todo:
        for hint in _parts(todo.pop()):
            is_value = isinstance(hint, type) and issubclass(hint, msgspec.Struct) and hint not in kinds
            if is_value and hint.__name__ not in found:
                found[hint.__name__] = hint
                todo.append(hint)
    return [found[name] for name in sorted(found)]


def _parts(kind: Any) -> Iterator[Any]:
    for hint in typing.get_type_hints(kind).values():
        yield from _leaves(hint)


def _leaves(hint: Any) -> Iterator[Any]:
    arguments = typing.get_args(hint)
    if not arguments:
        yield hint
    for each in arguments:
        yield from _leaves(each)


if __name__ == "__main__":
    sys.stdout.write(written())
