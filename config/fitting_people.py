"""What must fit together in users, groups, sites and the account: delegates, VIPs, licences, mailboxes, places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.inherit import DEFAULT, Levels, Setting, written
from config.problems import Problem, did_you_mean
from config.schema import Configuration
from config.validate import Loaded
from dialplan.areas import area_of, why_not
from dialplan.countries import has_area_codes
from dialplan.destinations import Destination, To

_WITHOUT_DELEGATES = ("me_only", "voicemail")
_LEVELS = ("sites", "groups", "users", "lines")


def people_problems(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    """All errors."""
    yield from _licences(loaded)
    yield from _delegation(loaded)
    yield from _vips(loaded)
    yield from _mailboxes(loaded, levels)
    yield from _members(loaded)
    yield from _areas(loaded, levels)
    yield from _menus(loaded)


def people_warnings(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    """What is allowed and surely not meant: values that a lock keeps from counting, and people who are not finished."""
    yield from _locked(loaded, levels)
    yield from _unfinished(loaded, levels)
    yield from _zones(loaded, levels)


def _menus(loaded: Loaded) -> Iterator[Problem]:
    """Attendants that say two things, or have two meanings for a key."""
    for name, menu in loaded.settings.attendants.items():
        if menu.say and menu.greeting:
            message = "a menu has a `greeting` file or words to `say`, not both"
            yield Problem(
                "conflicting-keys", loaded.mark("attendants", name, "say"), message, "leave either of them out"
            )
        if menu.directory and menu.directory in menu.choices:
            message = f"key {menu.directory} is a choice, and the `directory`"
            yield Problem("conflicting-keys", loaded.mark("attendants", name, "directory"), message, "take another key")


def _licences(loaded: Loaded) -> Iterator[Problem]:
    """EXT-2: there are so many of a kind, and no more."""
    settings = loaded.settings
    used: dict[str, int] = {}
    for name, user in settings.users.items():
        path = ("users", name, "licence")
        if user.licence is None or not loaded.sound(*path):
            continue
        if loaded.absent("licences", user.licence):
            hint = did_you_mean(user.licence, settings.licences) or "write how many there are under `licences`"
            yield Problem("unknown-name", loaded.mark(*path), f"there is no licence `{user.licence}`", hint)
            continue
        if not loaded.sound("licences", user.licence) or user.licence not in settings.licences:
            continue
        used[user.licence] = used.get(user.licence, 0) + 1
        most = settings.licences[user.licence]
        if used[user.licence] > most:
            message = f"all {most} licences `{user.licence}` are used up"
            yield Problem(
                "licences-used-up",
                loaded.mark(*path),
                message,
                "take one from somebody else, or write more under `licences`",
            )


def _delegation(loaded: Loaded) -> Iterator[Problem]:
    """DEL-2 and DEL-3."""
    settings = loaded.settings
    most, most_served = settings.account.most_delegates, settings.account.most_delegators
    served: dict[str, int] = {}
    for name, user in settings.users.items():
        for at, each in enumerate(user.delegates):
            path = ("users", name, "delegates", at)
            if at == most:
                message = f"`{name}` has more than {most} delegates"
                yield Problem(
                    "too-many-delegates", loaded.mark(*path), message, "`account: most_delegates` is the limit"
                )
            if not loaded.sound(*path) or not each.user:
                continue
            served[each.user] = served.get(each.user, 0) + 1
            if served[each.user] == most_served + 1:
                message = f"`{each.user}` is a delegate of more than {most_served} people"
                yield Problem(
                    "too-many-delegators", loaded.mark(*path), message, "`account: most_delegators` is the limit"
                )


def _vips(loaded: Loaded) -> Iterator[Problem]:
    """VIP-11."""
    for name, user in loaded.settings.users.items():
        path = ("users", name, "vip")
        if user.vip is None or not loaded.sound(*path, "others") or not loaded.sound("users", name, "delegates"):
            continue
        if any("answer" in each.privileges for each in user.delegates) or user.vip.others in _WITHOUT_DELEGATES:
            continue
        said = f"`others: {user.vip.others}`" if "others" in user.vip.model_fields_set else "`others` left out"
        message = f"{said} wants a delegate who may answer, and `{name}` has none"
        mark = loaded.mark(*path, "others") if "others" in user.vip.model_fields_set else loaded.key_mark(*path)
        yield Problem(
            "no-delegate", mark, message, "write `others: me_only` or `others: voicemail`, or name a delegate"
        )


def _mailboxes(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    """FWD-12: what leads to a mailbox wants one that is there."""
    settings = loaded.settings
    told = set()
    for section in ("users", "lines"):
        for name in getattr(settings, section):
            found = levels.of(name)
            if found.get("voicemail"):
                continue
            for key, setting in found.values.items():
                if setting.value == _OWN and setting.path not in told and loaded.sound(*setting.path):
                    told.add(setting.path)
                    whose = "" if setting.level in ("user", "line") else f" of `{name}`"
                    message = f"`{key}`: voicemail{whose} is not enabled"
                    hint = _mailbox_hint(key, setting, found.setting("voicemail"))
                    yield Problem("no-mailbox", loaded.mark(*setting.path), message, hint)
    for to, path in targets(settings):
        if to.kind is not To.VOICEMAIL or not loaded.sound(*path):
            continue
        if not to.name and (path[0] not in ("account", *_LEVELS) or path[-1] == "operator"):
            yield Problem("no-mailbox", loaded.mark(*path), "whose voicemail is not said", "write `voicemail:NAME`")
        elif (to.name in settings.users or to.name in settings.lines) and not levels.of(to.name).get("voicemail"):
            message = f"voicemail of `{to.name}` is not enabled"
            yield Problem("no-mailbox", loaded.mark(*path), message, f"write `voicemail: true` at `{to.name}`")


def _members(loaded: Loaded) -> Iterator[Problem]:
    """Who fetches the messages of a mailbox that is nobody's own."""
    people = [*loaded.settings.users, *loaded.settings.lines]
    for name, each in loaded.settings.mailboxes.items():
        seen = set()
        for at, member in enumerate(each.members):
            path = ("mailboxes", name, "members", at)
            if not loaded.sound(*path):
                continue
            if loaded.absent("users", member) and loaded.absent("lines", member):
                hint = did_you_mean(member, people)
                yield Problem("unknown-name", loaded.mark(*path), f"there is no user and no line `{member}`", hint)
            elif member in seen:
                yield Problem("duplicate-name", loaded.mark(*path), f"`{member}` is named twice")
            seen.add(member)


_OWN = Destination(To.VOICEMAIL)
_RANK = {DEFAULT: -1, "account": 0, "site": 1, "group": 2, "user": 3, "line": 3}


def _mailbox_hint(key: str, setting: Setting, voicemail: Setting) -> str:
    """What to write. Where a level below the one with the destination says `voicemail: false`, that is the one to
    change: above it `true` may stand already."""
    if _RANK[voicemail.level] <= _RANK[setting.level]:
        return f"write `voicemail: true` at {_level(setting.level, setting.owner)}, or another destination"
    section, dot, part = key.partition(".")
    own = f"{section}: {{{part}: none}}" if dot else f"{section}: none"
    return f"write `{own}` at {_level(voicemail.level, voicemail.owner)}, or another destination"


def _level(level: str, owner: str) -> str:
    return f"`{owner}`" if owner else "`account`"


def targets(settings: Configuration) -> Iterator[tuple[Destination, tuple[str | int, ...]]]:
    """Every destination and where it stands."""

    def settings_of(each: Any, *path: str) -> Iterator[tuple[Destination, tuple[str | int, ...]]]:
        for key, value in written(each).items():
            if isinstance(value, Destination):
                yield value, (*path, *key.split("."))

    yield from settings_of(settings.account, "account")
    for section in _LEVELS:
        for name, each in getattr(settings, section).items():
            yield from settings_of(each, section, name)
    for section, keys in _KEYS.items():
        for name, each in getattr(settings, section).items():
            for key in keys:
                value = getattr(each, key)
                if isinstance(value, Destination):
                    yield value, (section, name, key)
    for name, attendant in settings.attendants.items():
        for choice, to in attendant.choices.items():
            if isinstance(to, Destination):
                yield to, ("attendants", name, "choices", choice)
    for number, found in settings.dids.items():
        for at, to in enumerate(found):
            if isinstance(to, Destination):
                yield to, ("dids", number, at)


_KEYS = {
    "sites": ("operator",),
    "ring_groups": ("closed", "otherwise"),
    "attendants": ("closed",),
    "queues": ("closed", "overflow"),
    "park_lots": ("fallback",),
}


def _areas(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    """K.3: an area code is possible in its country, wherever it stands."""
    settings = loaded.settings
    if loaded.sound("country"):
        yield from _area(loaded, settings.area_code, settings.country, "area_code")
    for section in _LEVELS:
        for name, each in getattr(settings, section).items():
            area = each.area_code
            if area is None or not loaded.sound(section, name, "country"):
                continue
            if section == "sites":
                country = levels.shared(name).get("country")
            elif section == "groups":
                country = levels.shared(each.site or "", name).get("country")
            else:
                country = levels.of(name).get("country")
            if country:
                yield from _area(loaded, area, country, section, name, "area_code")


def _area(loaded: Loaded, area: str | None, country: str, *path: str) -> Iterator[Problem]:
    if area is None or not loaded.sound(*path):
        return
    if not has_area_codes(country):
        yield Problem("bad-area-code", loaded.mark(*path), f"`area_code`: {country} has no area codes", "leave it out")
        return
    hint = why_not(area_of(area, country), country)
    if hint:
        yield Problem("bad-area-code", loaded.mark(*path), f"`area_code`: not possible in {country}", hint)


def _locked(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    settings = loaded.settings
    told = set()
    shared = [levels.shared(name) for name in settings.sites]
    shared += [levels.shared(each.site or "", name) for name, each in settings.groups.items()]
    for found in (*shared, *(levels.of(name) for section in ("users", "lines") for name in getattr(settings, section))):
        for each in found.ignored:
            if each.path in told:
                continue
            told.add(each.path)
            where = loaded.mark(*each.lock.path)
            owner = f"{each.lock.level} `{each.lock.owner}`" if each.lock.owner else "the account"
            message = f"`{each.key}` does not count here: {owner} has locked it"
            yield Problem(
                "locked-value",
                loaded.key_mark(*each.path),
                message,
                f"at {where.file}:{where.line}; take one of both away",
            )


def _unfinished(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    """EXT-3: a user has an extension (else it is an error), a device (`lint` says so) and a number. Without a number
    those outside see none."""
    settings = loaded.settings
    reached = {to.name for found in settings.dids.values() for to in found if isinstance(to, Destination)}
    trunk = settings.trunks.get(settings.default_trunk or "")
    for name in settings.users:
        found = levels.of(name)
        if settings.trunks and name not in reached and not found.get("caller_id") and not (trunk and trunk.caller_id):
            hint = "let one of `dids` lead there, or give a `caller_id`"
            yield Problem("no-number", loaded.key_mark("users", name), f"user `{name}` has no phone number", hint)


def _zones(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    """TZ-1: hours are read in the zone of who uses them. Where nobody has given one that is UTC, which few mean."""
    settings = loaded.settings
    told = set()

    def without(hours: str, zone: str | None) -> Iterator[Problem]:
        there = settings.hours.get(hours)
        if there is not None and not there.time_zone and not zone and hours not in told:
            told.add(hours)
            hint = "write `time_zone` at the top, at a site, or in these hours"
            yield Problem("no-zone", loaded.key_mark("hours", hours), f"`{hours}` is read in UTC", hint)

    for section in ("users", "lines"):
        for name in getattr(settings, section):
            found = levels.of(name)
            yield from without(found.get("hours"), found.get("time_zone"))
    for section in ("ring_groups", "attendants", "queues"):
        for each in getattr(settings, section).values():
            yield from without(each.hours, each.time_zone or levels.shared(each.site or "").get("time_zone"))
