"""Where calls are sent on: the forwards of everybody, groups' and queues' exits, closed hours, as one graph.

Its nodes are destinations, and a number of our own stands for what its DID leads to. The linter looks for circles and
long chains in it; when it is made, nothing has been compiled yet, so it can be asked of a configuration with errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from config.compile_called import SECTIONS
from config.inherit import Levels, Path_
from config.schema import Configuration
from config.validate import Loaded
from dialplan.destinations import NOWHERE, Destination, To, ring_group, user

CONDITIONS = ("always", "busy", "no_answer", "outage")
CLOSED = "closed"


class Way(msgspec.Struct, frozen=True):
    """One forward: of whom, when (`always`, `busy`, `closed`, `otherwise`, …), where to, and where it is written."""

    source: Destination
    when: str
    to: Destination
    path: Path_


Ways = Mapping[Destination, tuple[Way, ...]]


def ways(loaded: Loaded, levels: Levels) -> Ways:
    """All of them by their source, as far as they are sound."""
    settings = loaded.settings
    found: dict[Destination, list[Way]] = {}
    for way in (*_people(settings, levels), *_called(settings)):
        to = inside(settings, way.to)
        if to is not None and to != NOWHERE and loaded.sound(*way.path):
            found.setdefault(way.source, []).append(msgspec.structs.replace(way, to=to))
    return {source: tuple(each) for source, each in found.items()}


def _people(settings: Configuration, levels: Levels) -> Iterator[Way]:
    for section in ("users", "lines"):
        for name in getattr(settings, section):
            effective = levels.of(name)
            for when in CONDITIONS:
                setting = effective.values.get(f"forward.{when}")
                if setting is not None and isinstance(setting.value, Destination):
                    yield Way(user(name), when, own(setting.value, name), setting.path)
            setting = effective.values.get(CLOSED)
            if setting is not None and isinstance(setting.value, Destination) and effective.get("hours"):
                yield Way(user(name), CLOSED, own(setting.value, name), setting.path)


def own(to: Destination, name: str) -> Destination:
    """`voicemail` alone is that of whoever is called."""
    return Destination(To.VOICEMAIL, name) if to.kind is To.VOICEMAIL and not to.name else to


def _called(settings: Configuration) -> Iterator[Way]:
    for section, keys in (("ring_groups", ("otherwise",)), ("attendants", ()), ("queues", ("overflow",))):
        for name, each in getattr(settings, section).items():
            source = Destination(SECTIONS[section], name)
            for key in keys:
                to = getattr(each, key)
                if isinstance(to, Destination):
                    yield Way(source, key, to, (section, name, key))
            if isinstance(each.closed, Destination) and each.hours:
                yield Way(source, CLOSED, each.closed, (section, name, CLOSED))


def inside(settings: Configuration, to: Destination) -> Destination | None:
    """What a destination is in the house: of a number of our own what it leads to. None for one that leads nowhere."""
    if to.kind is not To.EXTERNAL or to.name not in settings.dids:
        return to
    leads = settings.dids[to.name]
    if len(leads) > 1:
        return ring_group(to.name)
    return leads[0] if leads and isinstance(leads[0], Destination) else None


def circles(found: Ways) -> list[frozenset[Destination]]:
    """Who can reach themselves: the strongly connected parts of the graph, those without a way inside left out.
    Tarjan's algorithm, with a stack of its own."""
    number: dict[Destination, int] = {}
    lowest: dict[Destination, int] = {}
    stack: list[Destination] = []
    parts: list[frozenset[Destination]] = []
    for root in found:
        if root in number:
            continue
        work = [(root, iter(found[root]))]
        number[root] = lowest[root] = len(number)
        stack.append(root)
        while work:
            node, rest = work[-1]
            way = next(rest, None)
            if way is None:
                work.pop()
                if work:
                    above = work[-1][0]
                    lowest[above] = min(lowest[above], lowest[node])
                if lowest[node] == number[node]:
                    part = _off(stack, node)
                    # Whoever has left the stack is in a part of its own, and counts no more.
                    lowest.update(dict.fromkeys(part, len(found) + len(number) + 1))
                    if len(part) > 1 or any(each.to == node for each in found.get(node, ())):
                        parts.append(frozenset(part))
            elif way.to not in number:
                number[way.to] = lowest[way.to] = len(number)
                stack.append(way.to)
                work.append((way.to, iter(found.get(way.to, ()))))
            else:
                lowest[node] = min(lowest[node], lowest[way.to])
    return parts


def _off(stack: list[Destination], last: Destination) -> list[Destination]:
    part = []
    while True:
        part.append(stack.pop())
        if part[-1] == last:
            return part


def among(found: Ways, nodes: Iterable[Destination]) -> dict[Destination, tuple[Way, ...]]:
    """The ways between these alone."""
    inner = frozenset(nodes)
    return {node: tuple(way for way in found.get(node, ()) if way.to in inner) for node in inner}


def round_trip(
    ways_in: Mapping[Destination, tuple[Way, ...]], start: Destination, needed: Callable[[Way], bool]
) -> tuple[Way, ...]:
    """The shortest way from one of a circle back to itself that has a `needed` one in it; empty when there is none."""
    came: dict[_State, tuple[_State, Way]] = {}
    begin: _State = (start, False)
    level = [begin]
    while level:
        following = []
        for state in level:
            for way in ways_in.get(state[0], ()):
                there = (way.to, state[1] or needed(way))
                if there not in came:
                    came[there] = (state, way)
                    following.append(there)
                if there == (start, True):
                    return _back(came, begin, there)
        level = following
    return ()


_State = tuple[Destination, bool]
"""Where one is, and whether a needed way lies behind."""


def _back(came: Mapping[_State, tuple[_State, Way]], begin: _State, end: _State) -> tuple[Way, ...]:
    trip = []
    state = end
    while state != begin:
        state, way = came[state]
        trip.append(way)
    return tuple(reversed(trip))


def place(loaded: Loaded, way: Way) -> tuple[str, int, int]:
    """Where it is written, to be compared."""
    mark = loaded.mark(*way.path)
    return mark.file, mark.line, mark.column


def turned(loaded: Loaded, trip: Sequence[Way]) -> tuple[Way, ...]:
    """The same round, from the one that is written first."""
    at = min(range(len(trip)), key=lambda n: place(loaded, trip[n]))
    return (*trip[at:], *trip[:at])


def told(trip: Sequence[Way]) -> str:
    """Forwards in words: `anna -> ben -> anna`."""
    return " -> ".join(map(_name, (*(way.source for way in trip), trip[-1].to)))


def _name(to: Destination) -> str:
    return to.name if to.kind is To.USER else str(to)
