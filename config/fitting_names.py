"""Names that refer to something: users, lines, groups, hours, and what a destination names, before or after it.

Nothing is concluded from what was refused already, nor from a part of the configuration that could not be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.compile_called import SECTIONS, numbered
from config.inherit import Path_, written
from config.problems import Problem, did_you_mean
from config.validate import Loaded
from dialplan.destinations import Destination, To

MAX_COMPARISONS = 200_000
"""How many names are compared for hints in all: in thousands that are all misspelt, the first hints are enough."""

_BEHIND = {
    To.RING_GROUP: ("ring group", ("ring_groups", "extensions")),
    To.ATTENDANT: ("attendant", ("attendants",)),
    To.QUEUE: ("queue", ("queues",)),
    To.CONFERENCE: ("conference", ("conferences",)),
    To.PARK: ("park lot", ("park_lots",)),
}
_PEOPLE = ("users", "lines")
_OWN_TARGETS = ("closed", "otherwise", "overflow", "operator")


class Names:
    """All that can be named in one configuration."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._budget = MAX_COMPARISONS
        self._numbers: dict[str, Destination] | None = None

    def line(self, name: str, *path: str | int) -> Iterator[Problem]:
        """A user or a line."""
        if self._loaded.sound(*path) and self._absent(name, _PEOPLE):
            yield self._missing("user or line" if self._settings.users else "line", name, _PEOPLE, path)

    def lines(self, names: list[str], *path: str | int) -> Iterator[Problem]:
        """Several, none of them twice."""
        seen = set()
        for at, name in enumerate(names):
            if not self._loaded.sound(*path, at):
                continue
            if name in seen:
                what = "line" if name in self._settings.lines else "user"
                yield Problem("duplicate-name", self._loaded.mark(*path, at), f"{what} `{name}` is named twice")
            else:
                yield from self.line(name, *path, at)
            seen.add(name)

    def of(self, section: str, what: str, name: str | None, *path: str | int) -> Iterator[Problem]:
        """One of a section: hours, a site, a group."""
        if name and self._loaded.sound(*path) and self._absent(name, (section,)):
            yield self._missing(what, name, (section,), path)

    def destination(self, to: Any, *path: str | int) -> Iterator[Problem]:
        """What a destination names."""
        if not isinstance(to, Destination) or not self._loaded.sound(*path):
            return
        if to.kind is To.USER:
            yield from self.line(to.name, *path)
        elif to.kind is To.VOICEMAIL and to.name:
            if to.name not in self._settings.mailboxes and self._absent(to.name, (*_PEOPLE, "mailboxes")):
                yield self._missing("mailbox", to.name, (*_PEOPLE, "mailboxes"), path)
        elif to.kind in _BEHIND:
            what, sections = _BEHIND[to.kind]
            if self._absent(to.name, sections):
                yield self._missing(what, to.name, sections, path)

    def _absent(self, name: str, sections: tuple[str, ...]) -> bool:
        return all(self._loaded.absent(section, name) for section in sections)

    def _missing(self, what: str, name: str, sections: tuple[str, ...], path: Path_) -> Problem:
        return Problem(
            "unknown-name", self._loaded.mark(*path), f"there is no {what} `{name}`", self._hint(name, sections)
        )

    def _hint(self, name: str, sections: tuple[str, ...]) -> str:
        known = [each for section in sections for each in getattr(self._settings, section)]
        self._budget -= len(known)
        if self._budget < 0:
            return ""
        return self._elsewhere(name, sections) or did_you_mean(name, known)

    def _elsewhere(self, name: str, sections: tuple[str, ...]) -> str:
        """People know their telephones by number, so a number may stand where a name belongs. And a name may be that
        of something else."""
        if self._numbers is None:
            self._numbers = {n: Destination(SECTIONS[s], each) for s, each, n in numbered(self._settings)}
        owner = self._numbers.get(name)
        if owner is not None and owner.kind is To.USER:
            return f"{name} is `{owner.name}`" if sections[0] == "users" else f"{name} is `{owner}`"
        if owner is not None:
            return f"{name} is `{owner}`"
        for section, kind in SECTIONS.items():
            if section not in sections and name in getattr(self._settings, section):
                said = name if kind is To.USER else f"{kind.value}:{name}"
                return f"there is `{said}`, {section_name(section)}"
        for section, kind in SECTIONS.items():
            if name == kind.value and section not in sections:
                example = next(iter(getattr(self._settings, section)), "NAME")
                return f"write which: `{kind.value}:{example}`"
        return ""


def section_name(section: str) -> str:
    """One of a section, for people: `a ring group`."""
    name = "mailbox" if section == "mailboxes" else section.removesuffix("s").replace("_", " ")
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def name_problems(loaded: Loaded) -> Iterator[Problem]:
    """Everything that names something else; trunks, routes and hours themselves are looked after elsewhere."""
    names = Names(loaded)
    settings = loaded.settings
    for name, device in settings.devices.items():
        yield from names.lines(device.lines, "devices", name, "lines")
        yield from names.of("sites", "site", device.site, "devices", name, "site")
    for number, ring_list in settings.extensions.items():
        yield from names.lines(ring_list.lines, "extensions", number, "lines")
    yield from _settings(names, settings.account, "account")
    for section in ("sites", "groups", "users", "lines"):
        for name, each in getattr(settings, section).items():
            yield from _settings(names, each, section, name)
    for name, user in settings.users.items():
        yield from names.of("groups", "group", user.group, "users", name, "group")
        yield from _delegates(loaded, names, name)
    for section in ("ring_groups", "attendants", "queues"):
        for name, each in getattr(settings, section).items():
            yield from names.of("sites", "site", each.site, section, name, "site")
            yield from names.of("hours", "hours", each.hours, section, name, "hours")
            for key in _OWN_TARGETS:
                yield from names.destination(getattr(each, key, None), section, name, key)
    for name, group in settings.ring_groups.items():
        yield from names.lines([each.user for each in group.members], "ring_groups", name, "members")
    for name, queue in settings.queues.items():
        yield from names.lines(queue.members, "queues", name, "members")
    for name, attendant in settings.attendants.items():
        for key, to in attendant.choices.items():
            yield from names.destination(to, "attendants", name, "choices", key)
    for name, lot in settings.park_lots.items():
        yield from names.destination(lot.fallback, "park_lots", name, "fallback")
        for at, each in enumerate(lot.retrieve):
            yield from names.of("groups", "group", each, "park_lots", name, "retrieve", at)
    yield from _dids(loaded, names)
    yield from _shared_names(loaded)


def _settings(names: Names, each: Any, *path: str) -> Iterator[Problem]:
    """What one level says."""
    for key, value in written(each).items():
        if isinstance(value, Destination):
            yield from names.destination(value, *path, *key.split("."))
    yield from names.of("hours", "hours", each.hours, *path, "hours")
    yield from names.of("sites", "site", getattr(each, "site", None), *path, "site")
    yield from names.destination(getattr(each, "operator", None), *path, "operator")


def _delegates(loaded: Loaded, names: Names, name: str) -> Iterator[Problem]:
    user = loaded.settings.users[name]
    yield from names.lines([each.user for each in user.delegates], "users", name, "delegates")
    for at, each in enumerate(user.delegates):
        path = ("users", name, "delegates", at)
        if each.user == name:
            yield Problem("own-delegate", loaded.mark(*path), f"`{name}` cannot be their own delegate")
        yield from names.of("hours", "hours", each.hours, *path, "hours")
    for at, contact in enumerate(user.vip.contacts if user.vip is not None else ()):
        if not contact.startswith("+"):
            yield from names.line(contact, "users", name, "vip", "contacts", at)


def _dids(loaded: Loaded, names: Names) -> Iterator[Problem]:
    for number, targets in loaded.settings.dids.items():
        seen = set()
        for at, to in enumerate(targets):
            path = ("dids", number, at)
            if not isinstance(to, Destination) or not loaded.sound(*path):
                continue
            if to in seen:
                yield Problem("duplicate-name", loaded.mark(*path), f"{to.kind.value} `{to.name}` is named twice")
            elif len(targets) > 1 and to.kind is not To.USER:
                hint = "several may be users and lines only; for more make a ring group"
                yield Problem("bad-destination", loaded.mark(*path), f"`{to}` cannot be one of several", hint)
            elif to.kind is To.NOWHERE:
                yield Problem(
                    "bad-destination",
                    loaded.mark(*path),
                    "a number leads somewhere",
                    "write [] for one that is not used yet",
                )
            else:
                yield from names.destination(to, *path)
            seen.add(to)


def _shared_names(loaded: Loaded) -> Iterator[Problem]:
    """Users and lines share their names with each other and with mailboxes; ring groups with the numbers of those that
    have none."""
    settings = loaded.settings
    for section, others in (("lines", ("users",)), ("mailboxes", ("users", "lines")), ("ring_groups", ("extensions",))):
        for name in getattr(settings, section):
            for other in others:
                if name in getattr(settings, other):
                    first, second = sorted(
                        ((loaded.key_mark(each, name), each) for each in (section, other)),
                        key=lambda found: (found[0].file, found[0].line, found[0].column),
                    )
                    where = f"at line {first[0].line}" if first[0].file == second[0].file else f"at {first[0].file}"
                    what = section_name(first[1]) if first[1] != "extensions" else "a number under `extensions`"
                    yield Problem(
                        "name-taken", second[0], f"`{name}` is {what} already, {where}", "names of their own, please"
                    )
