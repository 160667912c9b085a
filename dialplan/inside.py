"""Numbers of the house: services, extensions of all kinds, and the slots of park lots."""

from __future__ import annotations

from dialplan.destinations import Destination, To
from dialplan.draft import Draft, Path, reject
from dialplan.plan import Park, Retrieve
from dialplan.termination import Reason


def number(draft: Draft, digits: str) -> str | None:
    """The first step for an internal number; None when it is none. A call that is transferred to a slot is parked
    there; who dials it takes the one that is."""
    model = draft.model
    service = model.services.get(digits)
    if service is not None:
        draft.say(f"service:{digits}", service.source)
        to = Destination(To.ECHO) if service.source == "echo" else Destination(To.ANNOUNCE, service.source)
        entry = enter(draft, to)
        draft.entity = f"service:{digits}"
        return entry
    found = model.extensions.get(digits)
    if found is not None:
        draft.say(f"extension:{digits}", str(found))
        return enter(draft, found)
    for lot in model.park_lots.values():
        if lot.has(digits):
            draft.entity = f"park:{lot.id}"
            if draft.request.transferor is not None:
                draft.say(f"park:{lot.id}", f"slot {digits}")
                return draft.add(Park(id=draft.name("park"), lot=lot.id, slot=digits))
            if draft.speaking is None:
                draft.say(f"park:{lot.id}", f"slot {digits}: for telephones of the house alone")
                return reject(draft, "retrieve", 403, Reason.NOT_PERMITTED, "Not Permitted", "not_permitted")
            if lot.retrieve and draft.speaking.group not in lot.retrieve:
                draft.say(f"park:{lot.id}", f"slot {digits}: not for the caller's group to take calls from")
                return reject(draft, "retrieve", 403, Reason.NOT_PERMITTED, "Not Permitted", "not_permitted")
            draft.say(f"park:{lot.id}", f"slot {digits}")
            return draft.add(Retrieve(id=draft.name("retrieve"), lot=lot.id, slot=digits))
    return None


def enter(draft: Draft, to: Destination) -> str:
    """The first step for what was called; a refusal where there is nothing behind it."""
    draft.entity = str(to)
    path = Path(visited=draft.request.visited)
    return draft.follow(draft, to, path) or reject(draft, "target", 404, Reason.NOT_FOUND, "Not Found")


def begins(draft: Draft, digits: str) -> bool:
    """Whether more digits could make an internal number of it."""
    model = draft.model
    return any(each.startswith(digits) for each in (*model.extensions, *model.services)) if digits else True
