"""The levels and what is effective of them (PRO-3): account, site, group, and the user or line.

Of each key the nearest level that sets it counts. A level can lock keys; what levels below it say of them does not
count then. A lock holds from the level that locks on downwards, also for a value that comes from above it or is the
default. Each effective value is told with the level that set it, so that an operator can be shown the file and line.

What no level says of a caller ID comes from the DIDs (CID-1, SLN-1): who has one number of their own shows it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from config.schema_settings import Placed
from config.section import Section
from config.validate import Loaded
from dialplan.destinations import Destination, To

DEFAULT = "default"
DID = "did"
Path_ = tuple[str | int, ...]


class Setting(msgspec.Struct, frozen=True, gc=False):
    """One effective value: of which `level` and whose (`account`; `site` paris; …), and where it stands; the level
    `default` has no owner and no path, `did` is the one number of somebody's own."""

    value: Any
    level: str = DEFAULT
    owner: str = ""
    path: Path_ = ()


class Lock(msgspec.Struct, frozen=True, gc=False):
    """Who has locked a key, and where."""

    level: str
    owner: str
    path: Path_


class Ignored(msgspec.Struct, frozen=True, gc=False):
    """A value below a lock, which does not count."""

    key: str
    path: Path_
    lock: Lock


class Layer(msgspec.Struct, frozen=True):
    """What one level says: values by key, and what it locks. `paths`: of what does not stand at `path` + key."""

    level: str
    owner: str
    path: Path_
    written: dict[str, Any]
    locked: dict[str, Path_] = {}
    paths: dict[str, Path_] = {}


class Effective(msgspec.Struct, frozen=True):
    """All keys that some level sets, and the locks. What is not there has its default."""

    values: dict[str, Setting] = {}
    locks: dict[str, Lock] = {}
    ignored: tuple[Ignored, ...] = ()

    def get(self, key: str) -> Any:
        """The effective value."""
        found = self.values.get(key)
        return defaults()[key] if found is None else found.value

    def setting(self, key: str) -> Setting:
        """The same with where it comes from."""
        return self.values.get(key) or Setting(defaults()[key])


NOTHING = Effective()


@functools.cache
def defaults() -> Mapping[str, Any]:
    """Every key (`permission`, `forward.busy`) and its default, in the order of the schema."""
    found: dict[str, Any] = {}
    for name, field in Placed.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            for part, inner in kind.model_fields.items():
                found[f"{name}.{part}"] = inner.get_default(call_default_factory=True)
        else:
            found[name] = field.get_default(call_default_factory=True)
    return found


@functools.cache
def _sections() -> Mapping[str, tuple[str, ...]]:
    """The keys that have parts, and these."""
    found: dict[str, tuple[str, ...]] = {}
    for key in defaults():
        name, dot, _ = key.partition(".")
        if dot:
            found[name] = (*found.get(name, ()), key)
    return found


def written(settings: Section) -> dict[str, Any]:
    """What was written at one level, flat."""
    found: dict[str, Any] = {}
    for name in sorted(settings.model_fields_set):  # a set has no order, and what comes of it shall have one
        value = getattr(settings, name)
        if name in _sections():
            if isinstance(value, Section):
                found.update({f"{name}.{part}": getattr(value, part) for part in sorted(value.model_fields_set)})
        elif name in defaults():
            found[name] = value
    return found


def layer(level: str, owner: str, path: Path_, settings: Section, paths: Mapping[str, Path_] | None = None) -> Layer:
    """One level from what was read."""
    locked: dict[str, Path_] = {}
    for at, key in enumerate(getattr(settings, "locked", ())):
        for each in _sections().get(key, (key,)):
            if each in defaults():
                locked.setdefault(each, (*path, "locked", at))
    return Layer(level, owner, path, written(settings), locked, dict(paths or {}))


def below(above: Effective, each: Layer) -> Effective:
    """What is effective one level further down."""
    values, ignored = dict(above.values), list(above.ignored)
    for key, value in each.written.items():
        path = each.paths.get(key) or (*each.path, *key.split("."))
        lock = above.locks.get(key)
        if lock is None:
            values[key] = Setting(value, each.level, each.owner, path)
        else:
            ignored.append(Ignored(key, path, lock))
    locks = above.locks
    if each.locked:
        locks = {key: Lock(each.level, each.owner, path) for key, path in each.locked.items()} | locks
    return Effective(values, locks, tuple(ignored))


def effective(layers: Iterable[Layer]) -> Effective:
    """What comes of several levels, from the top down."""
    made = NOTHING
    for each in layers:
        made = below(made, each)
    return made


def _direct(dids: Mapping[str, Iterable[Any]]) -> dict[str, str]:
    """Of each user and line that exactly one number leads to alone, that number; of one with several, nothing: nobody
    can say which of them is meant."""
    found: dict[str, str] = {}
    for number, leads in dids.items():
        match list(leads):
            case [Destination(kind=To.USER, name=name)]:
                found[name] = "" if name in found else number
    return found


_TOP = ("country", "area_code", "time_zone")


class Levels:
    """The effective settings of everything in one configuration; what several share is worked out once."""

    def __init__(self, loaded: Loaded) -> None:
        self.settings = loaded.settings
        top = {key: (key,) for key in _TOP}
        account = layer("account", "", ("account",), self.settings.account, top)
        for key in _TOP:
            if key in self.settings.model_fields_set:
                account.written[key] = getattr(self.settings, key)
        self.account = below(NOTHING, account)
        self._own: dict[str, Effective] = {}
        self._direct = _direct(self.settings.dids)
        self._shared: dict[tuple[str, str], Effective] = {("", ""): self.account}

    def shared(self, site: str = "", group: str = "") -> Effective:
        """What holds at a site and in a group of it. Names that do not exist say nothing."""
        found = self._shared.get((site, group))
        if found is None:
            above = self.shared(site) if group else self.account
            section, name = ("groups", group) if group else ("sites", site)
            settings = getattr(self.settings, section).get(name)
            found = below(above, layer(section[:-1], name, (section, name), settings)) if settings else above
            self._shared[site, group] = found
        return found

    def site_of(self, name: str) -> str:
        """The site of a user (the own one, or that of the group) or of a line; empty for none."""
        user = self.settings.users.get(name)
        if user is None:
            line = self.settings.lines.get(name)
            return (line.site if line is not None else None) or ""
        group = self.settings.groups.get(user.group or "")
        return user.site or (group.site if group is not None else None) or ""

    def of(self, name: str) -> Effective:
        """What holds for a user or a line."""
        found = self._own.get(name)
        if found is None:
            found = self._own[name] = self._with_number(name, self._of(name))
        return found

    def _with_number(self, name: str, found: Effective) -> Effective:
        """CID-1: the one number of their own is what those outside see. A level that says something else, or has locked
        the trunk's number, counts first."""
        number = self._direct.get(name)
        if not number or "caller_id" in found.values or "caller_id" in found.locks:
            return found
        setting = Setting(number, DID, number, ("dids", number))
        return Effective(found.values | {"caller_id": setting}, found.locks, found.ignored)

    def _of(self, name: str) -> Effective:
        user = self.settings.users.get(name)
        if user is not None:
            above = self.shared(self.site_of(name), user.group or "")
            return below(above, layer("user", name, ("users", name), user))
        line = self.settings.lines.get(name)
        if line is None:
            return self.account
        return below(self.shared(self.site_of(name)), layer("line", name, ("lines", name), line))

    def place_of(self, name: str) -> tuple[str, str]:
        """Country and area code of a user or a line."""
        user = self.settings.users.get(name)
        return self.place(self.of(name), self.site_of(name), (user.group or "") if user is not None else "")

    def place(self, found: Effective, site: str = "", group: str = "") -> tuple[str, str]:
        """Country and area code of somebody at that site and in that group. An area code holds within the country that
        it was given for: another country's is nobody's default."""
        country = found.get("country") or ""
        area = found.setting("area_code")
        match area.level:
            case "account":
                given_for = self.account.get("country")
            case "site":
                given_for = self.shared(site).get("country")
            case "group":
                given_for = self.shared(site, group).get("country")
            case _:
                given_for = country
        return country, (area.value or "") if given_for == country else ""
