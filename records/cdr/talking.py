"""Who is connected with whom: the talks of a call, out of which all its talk and hold times are made.

    front with peer    they talk, until one of them leaves, or the front hears a ringing tone while another is rung
    front and service  a service of ours has the front, and nobody else is connected
    in a room          each leg by itself; its share in front, peer or service rests meanwhile

`settle` is told how things are now and brings the talks up to date: it closes what is no more and begins what is
new. So each leg is in one talk at a time, whatever order events come in. A talk without any length is left out.
A hold counts while its leg is in a talk or a room: who has nobody there holds nobody.
"""

from __future__ import annotations

from msgspec.structs import replace

from records.cdr.record import Instant, LegRecord, Now, Span, Talk

TALK, ROOM, SERVICE = "talk", "room", "service"
Legs = tuple[LegRecord, ...]
Talks = tuple[Talk, ...]
Kind = tuple[tuple[int, ...], str, str]


def settle(legs: Legs, talks: Talks, now: Now, at: Instant) -> tuple[Legs, Talks]:
    """The legs, whose holds may begin or end by it, and the talks, as they are from `at` on."""
    wanted = _wanted(legs, now)
    going = [(each.legs, each.kind, each.what) for each in talks if each.until is None]
    if going == wanted:
        return legs, talks
    kept = []
    for each in talks:
        if each.until is not None or (each.legs, each.kind, each.what) in wanted:
            kept.append(each)
        elif each.since != at:
            kept.append(Talk(each.since, at, each.legs, each.kind, each.what))
    kept += [Talk(at, None, *each) for each in wanted if each not in going]
    for leg in legs:
        if leg.holding:
            together = {number for who, kind, _ in wanted if kind != SERVICE for number in who}
            legs = tuple(held(each, each.holding and each.leg in together, at) for each in legs)
            break
    return legs, tuple(kept)


def held(leg: LegRecord, on: bool, at: Instant) -> LegRecord:
    """The leg, whose hold counts from now on, or does not any more."""
    holds = leg.holds
    if on == (bool(holds) and holds[-1].until is None):
        return leg
    if on:
        return replace(leg, holds=(*holds, Span(at)))
    last = holds[-1]
    return replace(leg, holds=(*holds[:-1], Span(last.since, at)) if last.since != at else holds[:-1])


def together(talks: Talks, leg: int) -> bool:
    """Whether that leg is connected with others."""
    return any(each.until is None and leg in each.legs and each.kind != SERVICE for each in talks)


def _wanted(legs: Legs, now: Now) -> list[Kind]:
    up = [leg.leg for leg in legs if leg.ended_at is None]
    front, peer = now.front, now.peer
    if not now.rooms and (front not in up or not (now.service or peer in up)):
        return []  # which is most calls at their end
    found: list[Kind] = []
    if now.rooms:
        found += [((number,), ROOM, room) for number, room in now.rooms if number in up]
        inside = [number for number, _ in now.rooms]
        front, peer = -1 if front in inside else front, -1 if peer in inside else peer
    if front in up:
        if now.service:
            found.append(((front,), SERVICE, now.service))
        elif peer in up and not now.rung:
            found.append(((front, peer) if front < peer else (peer, front), TALK, ""))
    return found
