"""docs/events.md is the vocabulary that there is (issue 6: one vocabulary of frozen events, documented)."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import msgspec

from records import events as e
from records import reference

ROOT = Path(__file__).parents[3]


def test_the_document_is_made_from_the_events() -> None:
    wanted = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert reference.written() == wanted, "make it anew: python -P -m records.reference > docs/events.md"


def test_every_event_says_what_it_is_and_has_a_tag_of_its_own() -> None:
    kinds = reference.events()
    assert len(kinds) > 50
    tags = [each.__struct_config__.tag for each in kinds]
    assert len(set(tags)) == len(tags) and all(isinstance(tag, int) for tag in tags)
    for kind in kinds:
        assert kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}("), kind
        assert kind.__struct_config__.frozen and kind.__struct_config__.array_like, kind


def test_a_field_that_came_later_has_a_default() -> None:
    """So that what an older version wrote is read: once one field may be left out, all after it may."""
    for kind in reference.events():
        given = [field.default is not msgspec.NODEFAULT for field in msgspec.structs.fields(kind)]
        assert given == sorted(given), kind


def test_every_event_class_is_in_the_union() -> None:
    rooms = [importlib.import_module(f"{e.__name__}.{each.name}") for each in pkgutil.iter_modules(e.__path__)]
    named = {each for room in rooms for each in vars(room).values() if isinstance(each, type)}
    classes = [each for each in named if issubclass(each, msgspec.Struct)]
    assert len(rooms) > 5 and {each.__name__ for each in classes} <= set(e.__all__)
    tagged = {each for each in classes if each.__struct_config__.tag is not None}
    assert tagged == set(reference.events())


def test_nothing_that_is_kept_is_pickled() -> None:
    """Issue 6: no pickle. Whoever can write a file of ours must not run code by it."""
    loads = re.compile(r"^\s*(?:import|from) (?:pickle|marshal|shelve|dill|joblib)\b", re.MULTILINE)
    rooms = ("dialplan", "media", "records", "config", "switch", "console")
    found = [path for room in rooms for path in (ROOT / room).rglob("*.py") if loads.search(path.read_text())]
    assert not found
