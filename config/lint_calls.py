"""Calls that would not go as somebody surely meant: forwards that never happen or end in a circle, groups and stages in
which nobody rings, closed hours that lead nowhere, delegates who may do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from config.compile_hours import hours_model
from config.fitting_loops import opens
from config.inherit import Levels, Path_
from config.problems import Problem
from config.schema_called import RingGroup
from config.schema_people import User
from config.validate import Loaded
from config.ways import CLOSED, CONDITIONS, Way, Ways, among, circles, place, round_trip, told, turned, ways
from dialplan import codes
from dialplan.destinations import NOWHERE, Destination, To
from dialplan.hours import ALWAYS
from dialplan.plan import MOST_FORWARDS

_RANK = {"account": 0, "site": 1, "group": 2, "user": 3, "line": 3}
_NEVER_RUNG = ("delegates_only", "voicemail")
_STAGES = ("all", "delegates_first", "me_first", "delegates_only")


def warnings(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    """All of them. The configuration has no errors."""
    opening = _Opening(loaded)
    found = _happening(levels, ways(loaded, levels), opening)
    yield from _circles(loaded, levels, found)
    yield from _chains(loaded, found)
    yield from _behind_always(loaded, levels)
    yield from _closed_people(loaded, levels, opening)
    yield from _closed_called(loaded, opening)
    yield from _groups(loaded, levels)
    yield from _stages(loaded, opening)
    yield from _delegates(loaded)
    yield from _choices(loaded, opening)
    yield from _conferences(loaded)
    yield from _accounts(loaded, levels)
    yield from _features(loaded)


class _Opening:
    """Which hours never open, and which never close."""

    def __init__(self, loaded: Loaded) -> None:
        model = hours_model(loaded.settings) if loaded.settings.hours else {}
        days = {name: {*each.week, *(holiday.intervals for holiday in each.holidays)} for name, each in model.items()}
        self.never = {name for name, found in days.items() if not any(found)}
        self._always = {name for name, found in days.items() if found == {ALWAYS}}

    def closes(self, name: str) -> bool:
        """Whether there are such hours, and they close at times."""
        return bool(name) and name not in self._always


# Forwards


def _happening(levels: Levels, found: Ways, opening: _Opening) -> Ways:
    """The same without closed hours that never come."""
    settings = levels.settings
    return {
        source: tuple(way for way in each if way.when != CLOSED or opening.closes(opens(settings, levels, source)[0]))
        for source, each in found.items()
    }


def _rings_before(way: Way) -> bool:
    return way.when not in ("always", CLOSED)


def _circles(loaded: Loaded, levels: Levels, found: Ways) -> Iterator[Problem]:
    """Circles of those who ring before: a call that nobody takes comes back and ends, in the mailbox of whoever was
    called at first where there is one (FWD-9). Those by `always` and `closed` alone are judged as loops."""
    for part in circles(found):
        inside = among(found, part)
        homeless = [node for node in part if node.kind is not To.USER or not levels.of(node.name).get("voicemail")]
        trips = [turned(loaded, trip) for node in homeless if (trip := round_trip(inside, node, _rings_before))]
        if trips:
            trip = min(trips, key=lambda trip: [place(loaded, way) for way in trip])
            message = f"a call that nobody takes comes back and ends: {told(trip)}"
            yield Problem("forward-circle", loaded.mark(*trip[0].path), message, "let one of them lead elsewhere")


def _chains(loaded: Loaded, found: Ways) -> Iterator[Problem]:
    """K.10: a sixth forward in a row. Circles are told of already."""
    round_ = {node: part for part in circles(found) for node in part}
    onwards = {
        node: tuple(way for way in each if node not in round_ or round_[node] is not round_.get(way.to))
        for node, each in found.items()
    }
    length: dict[Destination, int] = {}
    for _ in range(MOST_FORWARDS + 1):
        length = {node: max((1 + length.get(way.to, 0) for way in each), default=0) for node, each in onwards.items()}
    told_of: set[Path_] = set()
    for start in onwards:
        if length[start] <= MOST_FORWARDS:
            continue
        chain: list[Way] = []
        node = start
        while len(chain) <= MOST_FORWARDS:
            chain.append(max(onwards[node], key=lambda way: length.get(way.to, 0)))
            node = chain[-1].to
        last = chain[-1]
        if last.path not in told_of:
            told_of.add(last.path)
            message = f"this would be one more than {MOST_FORWARDS} forwards: {told(chain)}"
            yield Problem("forward-chain", loaded.mark(*last.path), message, "a call that comes so far ends here")


def _behind_always(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    """Rules of a level at which every call is sent on, or of a level below it."""
    told_of: set[Path_] = set()
    for section in ("users", "lines"):
        for name, each in getattr(loaded.settings, section).items():
            found = levels.of(name)
            always = found.values.get("forward.always")
            if always is None or not isinstance(always.value, Destination) or always.value == NOWHERE:
                continue
            if isinstance(each, User) and each.vip is not None and each.vip.others in _NEVER_RUNG:
                continue
            for when in CONDITIONS[1:]:
                setting = found.values.get(f"forward.{when}")
                if setting is None or setting.path in told_of or not isinstance(setting.value, Destination):
                    continue
                if setting.value != NOWHERE and _RANK[setting.level] >= _RANK[always.level]:
                    told_of.add(setting.path)
                    message = f"`{when}` never happens: `always` sends every call of `{name}` on before"
                    mark = loaded.mark(*always.path)
                    yield Problem("unreachable-forward", loaded.mark(*setting.path), message, f"at line {mark.line}")


# Closed hours


def _closed_people(loaded: Loaded, levels: Levels, opening: _Opening) -> Iterator[Problem]:
    used: dict[Path_, bool] = {}
    told_of: set[Path_] = set()
    for section in ("users", "lines"):
        for name in getattr(loaded.settings, section):
            found = levels.of(name)
            hours, closed = found.setting("hours"), found.values.get(CLOSED)
            closes = opening.closes(hours.value)
            if closed is not None and closed.value != NOWHERE:
                used[closed.path] = used.get(closed.path, False) or closes
            elif closed is None and closes and not found.get("voicemail") and hours.path not in told_of:
                told_of.add(hours.path)
                message = f"outside of these hours `{name}` cannot be reached: there is no `closed`, and no voicemail"
                yield Problem("no-closed", loaded.mark(*hours.path), message, "write `closed: …`, or `closed: none`")
    for path, happens in used.items():
        if not happens:
            hint = "give `hours` that close, or leave it out"
            yield Problem("never-closed", loaded.mark(*path), "`closed`: nobody here is ever closed", hint)


def _closed_called(loaded: Loaded, opening: _Opening) -> Iterator[Problem]:
    for section in ("ring_groups", "attendants", "queues"):
        for name, each in getattr(loaded.settings, section).items():
            closes = opening.closes(each.hours)
            if closes and each.closed is None:
                message = f"outside of these hours calls to `{name}` end: there is no `closed`"
                mark = loaded.mark(section, name, "hours")
                yield Problem("no-closed", mark, message, "write `closed: …`, or `closed: none`")
            elif not closes and each.closed is not None and each.closed != NOWHERE:
                hint = "give `hours` that close, or leave it out"
                message = f"`closed`: `{name}` is never closed"
                yield Problem("never-closed", loaded.mark(section, name, CLOSED), message, hint)


# Who rings


def _groups(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    settings = loaded.settings
    carried = {line for device in settings.devices.values() for line in device.lines}
    for name, group in settings.ring_groups.items():
        if not any(each.user in carried for each in group.members):
            mark = loaded.mark("ring_groups", name, "members")
            message = f"nobody of `{name}` has a telephone, so nobody ever rings"
            yield Problem("empty-group", mark, message, "a telephone under `devices` has `lines`")
        elif all(_silent(levels, each.user, group) for each in group.members):
            mark = loaded.mark("ring_groups", name, "members")
            message = f"everybody of `{name}` sends all calls on, which a group does not follow: nobody ever rings"
            yield Problem("empty-group", mark, message, "a group follows forwards to users alone (FWD-10)")
        yield from _useless(loaded, name, group)
    for number, ring_list in settings.extensions.items():
        if not any(line in carried for line in ring_list.lines):
            mark = loaded.mark("extensions", number, "lines")
            yield Problem("empty-group", mark, f"nobody of {number} has a telephone, so nobody ever rings")
    for name, queue in settings.queues.items():
        if not queue.members:
            message = f"`{name}` has no members: nobody ever answers"
            yield Problem("empty-group", loaded.key_mark("queues", name), message, "name some under `members`")


def _silent(levels: Levels, name: str, group: RingGroup) -> bool:
    always = levels.of(name).get("forward.always")
    if not isinstance(always, Destination) or always == NOWHERE or always.kind is To.USER:
        return False
    return always.kind is not To.EXTERNAL or not group.external


def _useless(loaded: Loaded, name: str, group: RingGroup) -> Iterator[Problem]:
    """What the strategy does not look at."""
    path: Path_ = ("ring_groups", name)
    if group.strategy == "all" and "turn" in group.model_fields_set:
        message = "`turn` does nothing when all ring at once"
        yield Problem("useless-key", loaded.key_mark(*path, "turn"), message, "`ring` is how long the group rings")
    for at, each in enumerate(group.members):
        for key, wanted in (("delay", "all"), ("weight", "random")):
            if key in each.model_fields_set and getattr(each, key) and group.strategy != wanted:
                message = f"`{key}` does nothing with `strategy: {group.strategy}`"
                mark = loaded.key_mark(*path, "members", at, key)
                yield Problem("useless-key", mark, message, f"it is for `strategy: {wanted}`")


def _stages(loaded: Loaded, opening: _Opening) -> Iterator[Problem]:
    """K.9: VIP treatments that go on to delegates, and none of them is ever there."""
    for name, user in loaded.settings.users.items():
        if user.vip is None:
            continue
        able = any("answer" in each.privileges for each in user.delegates)
        there = any(
            "answer" in each.privileges and not each.pending and each.hours not in opening.never
            for each in user.delegates
        )
        if there:
            continue
        vip: Path_ = ("users", name, "vip")
        written = user.vip.model_fields_set
        if able and user.vip.others in _STAGES:
            message = f"`others: {user.vip.others}` rings delegates, and none of `{name}` is ever there"
            mark = loaded.mark(*vip, "others") if "others" in written else loaded.key_mark(*vip)
            yield Problem("empty-stage", mark, message, "all who may answer are pending, or have hours that never open")
        elif "unanswered" in written and user.vip.unanswered == "delegates":
            message = f"VIPs would go on to delegates, and none of `{name}` is ever there"
            yield Problem("empty-stage", loaded.mark(*vip, "unanswered"), message, "write `unanswered: stop`")


def _delegates(loaded: Loaded) -> Iterator[Problem]:
    for name, user in loaded.settings.users.items():
        for at, each in enumerate(user.delegates):
            if "place" not in each.privileges and "answer" not in each.privileges:
                message = f"`{each.user}` may neither place nor answer calls for `{name}`"
                mark = loaded.mark("users", name, "delegates", at)
                yield Problem("idle-delegate", mark, message, "`privileges: [place, answer, pickup]` is usual")


# Menus and codes


def _choices(loaded: Loaded, opening: _Opening) -> Iterator[Problem]:
    for name, attendant in loaded.settings.attendants.items():
        if attendant.choices and attendant.hours in opening.never:
            mark = loaded.key_mark("attendants", name, "choices")
            message = f"no choice of `{name}` can ever be made: `{attendant.hours}` is never open"
            yield Problem("unreachable-choice", mark, message)
            continue
        for key, to in attendant.choices.items():
            if to == NOWHERE:
                mark = loaded.mark("attendants", name, "choices", key)
                yield Problem("unreachable-choice", mark, f"choice `{key}` leads nowhere", "leave it out")


def _conferences(loaded: Loaded) -> Iterator[Problem]:
    for name, room in loaded.settings.conferences.items():
        if room.chair_leaves == "end" and room.chair_pin is None and loaded.sound("conferences", name):
            mark = loaded.mark("conferences", name, "chair_leaves")
            hint = "set a `chair_pin`; until then nobody is a chair"
            yield Problem("no-chair", mark, f"`{name}` never ends by its chair: there is none", hint)


def _accounts(loaded: Loaded, levels: Levels) -> Iterator[Problem]:
    settings = loaded.settings
    if settings.account_codes:
        return
    told_of: set[Path_] = set()
    for section in ("users", "lines"):
        for name in getattr(settings, section):
            setting = levels.of(name).setting("account_code")
            if setting.value and setting.path not in told_of:
                told_of.add(setting.path)
                message = f"`{name}` needs an account code to call outside, and there is none"
                hint = "write some under `account_codes`; until then these calls are refused"
                yield Problem("no-account-code", loaded.mark(*setting.path), message, hint)


def _features(loaded: Loaded) -> Iterator[Problem]:
    """Codes that take the digits with which delegates choose a line, `*201#…` (SLN-1)."""
    settings = loaded.settings
    taking = [code for code, feature in settings.features.items() if codes.FEATURES.get(feature, False)]
    if not taking:
        return
    shared: Mapping[str, Any] = {
        name: user
        for name, user in settings.users.items()
        if any("place" in each.privileges for each in user.delegates)
    }
    for name, user in shared.items():
        for code in taking:
            if user.extension and f"*{user.extension}#".startswith(code):
                message = f"`{code}` takes what delegates dial to call on the line of `{name}`, *{user.extension}#"
                yield Problem("hidden-line", loaded.key_mark("features", code), message, "choose another code")
