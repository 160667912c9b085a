"""What has a name and is of no use, as nothing names it and nobody can dial it: often left behind by a change."""

from __future__ import annotations

from collections.abc import Iterator

from config.compile_called import SECTIONS
from config.fitting_names import section_name
from config.fitting_people import targets
from config.inherit import Levels
from config.problems import Problem
from config.schema import Configuration
from config.validate import Loaded
from config.ways import inside, own
from dialplan.destinations import Destination, To
from dialplan.routes import RouteTable

_CALLED = ("ring_groups", "attendants", "queues", "mailboxes", "conferences")
_LEVELS = ("sites", "groups", "users", "lines")


def warnings(loaded: Loaded, levels: Levels, routes: RouteTable) -> Iterator[Problem]:
    """All of them. `routes` is what the configuration was compiled to: CSV files name hours, too."""
    settings = loaded.settings
    named = {inside(settings, own(to, "")) for to, _ in targets(settings)}
    for section in _CALLED:
        for name, each in getattr(settings, section).items():
            if not each.extension and Destination(SECTIONS[section], name) not in named:
                hint = f"give it an `extension`, or let something lead to `{_word(section, name)}`"
                message = f"nothing leads to {section_name(section)[2:].strip()} `{name}`"
                yield Problem("unused", loaded.key_mark(section, name), message, hint)
    used = _hours(settings) | {rule.hours for rule in routes.rules}
    for name in settings.hours:
        if name not in used:
            yield Problem("unused", loaded.key_mark("hours", name), f"nothing uses the hours `{name}`")
    people = [*settings.users, *settings.lines]
    sites = {levels.site_of(name) for name in people} | {each.site for each in settings.devices.values()}
    sites |= {each.site for each in settings.groups.values()}
    sites |= {each.site for section in _CALLED[:3] for each in getattr(settings, section).values()}
    for name in settings.sites:
        if name not in sites:
            yield Problem("unused", loaded.key_mark("sites", name), f"nobody is at site `{name}`")
    groups = {user.group for user in settings.users.values()}
    for name in settings.groups:
        if name not in groups:
            yield Problem("unused", loaded.key_mark("groups", name), f"nobody is in group `{name}`")


def _word(section: str, name: str) -> str:
    kind = SECTIONS[section]
    return f"{kind.value}:{name}" if kind is not To.USER else name


def _hours(settings: Configuration) -> set[str]:
    """Those that something names."""
    used = {settings.account.hours}
    for section in (*_LEVELS, "ring_groups", "attendants", "queues"):
        used |= {each.hours for each in getattr(settings, section).values()}
    used |= {each.hours or "" for each in settings.routes.values()}
    used |= {each.hours or "" for each in settings.route_files}
    return used | {each.hours for user in settings.users.values() for each in user.delegates}
