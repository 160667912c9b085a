"""From a destination to the steps that carry it out: the one place that knows every kind."""

from __future__ import annotations

import msgspec

from dialplan import opening, outside, people, ringing, rules
from dialplan.destinations import Destination, To
from dialplan.draft import Draft, Path
from dialplan.forwarding import CLOSED
from dialplan.plan import Announce, Attendant, Conference, Echo, Hop, Park, Queue, Replan, Voicemail


def follow(draft: Draft, to: Destination, path: Path) -> str | None:
    """Add the steps for a destination; the id of the first, or None where it cannot be followed."""
    if draft.full and to.kind in (To.USER, To.RING_GROUP):
        return _later(draft, to, path)
    match to.kind:
        case To.USER:
            return people.line(draft, to.name, path)
        case To.RING_GROUP:
            return ringing.ring(draft, to.name, path)
        case To.VOICEMAIL:
            return _voicemail(draft, to, path)
        case To.ATTENDANT | To.QUEUE:
            return _reception(draft, to, path)
        case To.CONFERENCE:
            if to.name not in draft.model.conferences:
                return _unknown(draft, to)
            return draft.add(Conference(id=draft.name("conference"), room=to.name, hops=path.hops))
        case To.PARK:
            if to.name not in draft.model.park_lots:
                return _unknown(draft, to)
            return draft.add(Park(id=draft.name("park"), lot=to.name))
        case To.ANNOUNCE:
            return draft.add(Announce(id=draft.name("announce"), source=to.name))
        case To.ECHO:
            return draft.add(Echo(id=draft.name("echo")))
        case To.EXTERNAL:
            by = draft.model.lines.get(path.hops[-1].by) if path.hops else None
            return outside.forward(draft, to.name, by, path)
        case To.NOWHERE:
            return None


def _unknown(draft: Draft, to: Destination) -> str | None:
    draft.say(str(to), "there is none of that name")
    return None


def _voicemail(draft: Draft, to: Destination, path: Path) -> str | None:
    owner = draft.model.lines.get(to.name)
    if to.name not in draft.model.mailboxes and (owner is None or owner.mailbox != to.name):
        return _unknown(draft, to)
    return draft.add(Voicemail(id=draft.name("voicemail"), mailbox=to.name, hops=path.hops))


def _reception(draft: Draft, to: Destination, path: Path) -> str | None:
    """An attendant or a queue, or where it sends calls outside of its hours."""
    attendant = draft.model.attendants.get(to.name) if to.kind is To.ATTENDANT else None
    queue = draft.model.queues.get(to.name) if to.kind is To.QUEUE else None
    called = attendant or queue
    if called is None:
        return _unknown(draft, to)
    if called.hours and not opening.is_open(draft, called.hours, called.time_zone):
        here = msgspec.structs.replace(path, visited=(*path.visited, str(to)))
        hop = Hop(str(to), CLOSED, called.extension, called.name)
        return opening.closed(draft, str(to), called, here, hop) or opening.unavailable(draft, path, "closed")
    if attendant is not None:
        return draft.add(Attendant(id=draft.name("attendant"), attendant=to.name, hops=path.hops))
    return draft.add(Queue(id=draft.name("queue"), queue=to.name, hops=path.hops))


def _later(draft: Draft, to: Destination, path: Path) -> str | None:
    """The plan is large enough: who comes there asks again. In a branch of a group nobody can, and it ends there."""
    if path.member:
        draft.say(rules.PLAN, f"is full: {to} is not followed any more inside a group")
        return None
    draft.say(rules.PLAN, f"is full: asked again when the call comes to {to}")
    request = draft.request
    hops = request.hops + len(path.hops)
    again = msgspec.structs.replace(request, to=to, hops=hops, visited=path.visited)
    return draft.add(Replan(id=draft.name("replan"), request=again, hops=path.hops))
