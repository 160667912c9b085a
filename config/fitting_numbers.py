"""Numbers: each internal number is one thing only, park slots are free, and outside numbers are ours (EXT-2).

It is said where a number stands for the second time, by file and line.
"""

from __future__ import annotations

from collections.abc import Iterator

from config.compile_called import numbered
from config.entries import KEY
from config.fitting_names import section_name
from config.inherit import written
from config.problems import Mark, Problem
from config.schema import Configuration
from config.validate import Loaded


def number_problems(loaded: Loaded) -> Iterator[Problem]:
    """All of them."""
    uses: dict[str, list[tuple[Mark, str]]] = {}
    for number, mark, what in _uses(loaded):
        uses.setdefault(number, []).append((mark, what))
    for number, found in uses.items():
        first, *others = sorted(found, key=lambda use: (use[0].file, use[0].line, use[0].column))
        for mark, what in others:
            both_lines = what.startswith("the extension") and first[1].startswith("the extension")
            hint = "for several lines under one number use `extensions:`" if both_lines else at_line(mark, first[0])
            yield Problem("duplicate-number", mark, f"{number} is already {first[1]}", hint)
    yield from _claimed(loaded)


def _uses(loaded: Loaded) -> Iterator[tuple[str, Mark, str]]:
    settings = loaded.settings
    for section, what in (("services", "a service"), ("extensions", "a ring list")):
        for number in getattr(settings, section):
            if loaded.sound(section, KEY, number):
                yield number, loaded.key_mark(section, number), what
    for section, name, number in numbered(settings):
        if loaded.sound(section, name, "extension"):
            person = section in ("users", "lines")
            what = f"the extension of `{name}`" if person else f"that of {section_name(section)}, `{name}`"
            yield number, loaded.mark(section, name, "extension"), what
    for name, lot in settings.park_lots.items():
        if loaded.sound("park_lots", name, "slots"):
            mark = loaded.mark("park_lots", name, "slots")
            for number in slots(*lot.slots):
                yield number, mark, f"a park slot of `{name}`"


def slots(first: str, last: str) -> Iterator[str]:
    """Every number of a range."""
    if first:
        for number in range(int(first), int(last) + 1):
            yield f"{number:0{len(first)}}"


def at_line(mark: Mark, first: Mark) -> str:
    """Where something stands first, as seen from where it stands a second time."""
    return f"at line {first.line}" if first.file == mark.file else f"at {first.file}:{first.line}"


def _claimed(loaded: Loaded) -> Iterator[Problem]:
    """EXT-2: whom we show as calling is a number that the account has claimed."""
    settings = loaded.settings
    if not loaded.whole or not loaded.sound("dids"):
        return
    levels = [("account",), *((section, name) for section in _LEVELS for name in getattr(settings, section))]
    for path in levels:
        each = settings.account if len(path) == 1 else getattr(settings, path[0])[path[1]]
        number = written(each).get("caller_id")
        if number and number not in settings.dids and loaded.sound(*path, "caller_id"):
            hint = f'claim it: write `"{number}": []` under `dids`'
            yield Problem(
                "foreign-caller-id",
                loaded.mark(*path, "caller_id"),
                f"`caller_id`: {number} is no number of ours",
                hint,
            )


_LEVELS = ("sites", "groups", "users", "lines")


def range_warnings(loaded: Loaded) -> Iterator[Problem]:
    """Numbers outside of the range of their site."""
    settings = loaded.settings
    for section, name, number in numbered(settings):
        site = settings.sites.get(_site(settings, section, name))
        if site is None or site.extensions is None or within(number, site.extensions):
            continue
        first, last = site.extensions
        where = _site(settings, section, name)
        message = f"{number} is outside of the range of site `{where}`, {first}-{last}"
        hint = f"`ringplan extension propose --site {where}` names a free one"
        yield Problem("outside-range", loaded.mark(section, name, "extension"), message, hint)


def _site(settings: Configuration, section: str, name: str) -> str:
    each = getattr(settings, section)[name]
    group = settings.groups.get(getattr(each, "group", None) or "")
    return getattr(each, "site", None) or (group.site if group is not None else None) or ""


def within(number: str, bounds: tuple[str, str]) -> bool:
    """Whether a number is in a range of equally long ones."""
    return len(number) == len(bounds[0]) and bounds[0] <= number <= bounds[1]
