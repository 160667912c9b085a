"""From a destination to the steps that carry it out: the one place that knows every kind."""

from __future__ import annotations

from dialplan import people
from dialplan.destinations import Destination, To
from dialplan.draft import Draft, Path
from dialplan.plan import Announce, Attendant, Conference, Echo, Park, Queue, Voicemail


def follow(draft: Draft, to: Destination, path: Path) -> str | None:
    """Add the steps for a destination; the id of the first, or None where it cannot be followed."""
    match to.kind:
        case To.USER:
            return people.line(draft, to.name, path)
        case To.RING_GROUP:
            return people.ring_group(draft, to.name, path)
        case To.VOICEMAIL:
            return draft.add(Voicemail(id=draft.name("voicemail"), mailbox=to.name, hops=path.hops))
        case To.ATTENDANT:
            return draft.add(Attendant(id=draft.name("attendant"), attendant=to.name, hops=path.hops))
        case To.QUEUE:
            return draft.add(Queue(id=draft.name("queue"), queue=to.name, hops=path.hops))
        case To.CONFERENCE:
            return draft.add(Conference(id=draft.name("conference"), room=to.name, hops=path.hops))
        case To.PARK:
            return draft.add(Park(id=draft.name("park"), lot=to.name))
        case To.ANNOUNCE:
            return draft.add(Announce(id=draft.name("announce"), source=to.name))
        case To.ECHO:
            return draft.add(Echo(id=draft.name("echo")))
        case To.EXTERNAL | To.NOWHERE:
            return None
