"""Loops that stand in the configuration whatever happens (K.10): circles of forwards that nobody's telephone can break,
as none of them rings. Calls are sent on by `forward: always`, and outside of their hours by `closed`.

Who forwards when busy or not answering rings first, so that such a circle is met at run time, if at all, and ends as
FWD-9 says; the linter warns where that would be nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from config.compile_hours import hours_model
from config.inherit import Levels
from config.problems import Problem
from config.schema import Configuration
from config.validate import Loaded
from config.ways import CLOSED, Way, circles, told, turned, ways
from dialplan import hours
from dialplan.destinations import Destination, To
from dialplan.hours import Hours

MOST_INSTANTS = 200
_BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
_FIRST = ("all", "me_first", "me_only")
_ALWAYS = "always"


def loop_problems(loaded: Loaded, levels: Levels, *, sound: bool) -> Iterator[Problem]:
    """One of each loop, where it is written first. `sound`: nothing else is wrong, so that hours can be read; else
    loops through closed hours are left out."""
    settings = loaded.settings
    certain = {
        source: tuple(way for way in each if _certain(settings, way) and (sound or way.when == _ALWAYS))
        for source, each in ways(loaded, levels).items()
    }
    parts = circles(certain)
    if not parts:
        return
    known = hours_model(settings) if sound else {}
    seen: set[frozenset[Way]] = set()
    for part in parts:
        for found in _trips(settings, levels, known, {node: certain.get(node, ()) for node in part}):
            if frozenset(found) in seen:
                continue
            seen.add(frozenset(found))
            trip = turned(loaded, found)
            by_hours = " when closed" if any(way.when == CLOSED for way in trip) else ""
            message = f"this leads every call round in a circle{by_hours}: {told(trip)}"
            hint = "let one of them lead elsewhere, or write `none`"
            yield Problem("forward-loop", loaded.mark(*trip[0].path), message, hint)


def _certain(settings: Configuration, way: Way) -> bool:
    if way.when == _ALWAYS:
        user = settings.users.get(way.source.name)
        return user is None or user.vip is None or user.vip.others in _FIRST
    return way.when == CLOSED


def _trips(
    settings: Configuration,
    levels: Levels,
    known: Mapping[str, Hours],
    part: Mapping[Destination, tuple[Way, ...]],
) -> Iterator[tuple[Way, ...]]:
    """The circles among these at any time of a week."""
    open_by = {node: opens(settings, levels, node) for node in part}
    used = {each for each in open_by.values() if each[0] in known}
    for at in _instants(known, used):
        is_open = {each: hours.is_open(known[each[0]], at, each[1]).open for each in used}
        following: dict[Destination, Way] = {}
        for node, found in part.items():
            when = _ALWAYS if is_open.get(open_by[node], True) else CLOSED
            way = next((each for each in found if each.when == when), None)
            if way is not None:
                following[node] = way
        yield from _rounds(following)


def _rounds(following: Mapping[Destination, Way]) -> Iterator[tuple[Way, ...]]:
    """The circles where each node has one way at the most."""
    done: set[Destination] = set()
    for start in following:
        trip: dict[Destination, Way] = {}
        node = start
        while node in following and node not in trip and node not in done:
            trip[node] = following[node]
            node = following[node].to
        if node in trip:
            nodes = list(trip)
            yield tuple(trip[each] for each in nodes[nodes.index(node) :])
        done |= trip.keys()


def _instants(known: Mapping[str, Hours], used: set[tuple[str, str]]) -> list[datetime]:
    """Instants of a fortnight between which nobody opens or closes."""
    found = {_BEGIN}
    for name, zone in used:
        at: datetime | None = _BEGIN
        while at is not None and (at - _BEGIN).days < 14 and len(found) < MOST_INSTANTS:
            at = hours.next_change(known[name], at, zone)
            if at is not None:
                found.add(at)
    return sorted(found)


def opens(settings: Configuration, levels: Levels, node: Destination) -> tuple[str, str]:
    """By which hours somebody opens, and in which zone; no hours: always open."""
    if node.kind is To.USER:
        found = levels.of(node.name)
        return found.get("hours"), found.get("time_zone") or "UTC"
    section = {To.RING_GROUP: "ring_groups", To.ATTENDANT: "attendants", To.QUEUE: "queues"}.get(node.kind, "")
    each = getattr(settings, section).get(node.name) if section else None
    if each is None:
        return "", "UTC"
    return each.hours, each.time_zone or levels.shared(each.site or "").get("time_zone") or "UTC"
