"""The decision: `plan(model, request, facts) -> Plan`, one pure function, and the order in which it is made.

    emergency.py    an emergency number, before everything else (OUT-6)
    calling.py      a call from a telephone (XRL-2): line, codes, numbers of the house, and what may be called outside;
                    also a call of anybody's that somebody of the house transfers
    inbound.py      a call from a carrier: the DID that it is for (IDN-3)
    inside.py       numbers of the house; `follow.py` goes on from there, to every kind of destination
    people.py       a line is called (XRL-1): opening.py, vip.py, availability.py, forwarding.py; ringing.py is a group
    outside.py      the routes, caller ID

Every rule that was asked leaves (rule id, verdict) in `Plan.because`, so an operator can see the whole way.
"""

from __future__ import annotations

import msgspec

from dialplan import calling, emergency, inbound
from dialplan.destinations import Destination
from dialplan.draft import Draft, Path, reject
from dialplan.facts import NO_FACTS, Facts
from dialplan.follow import follow
from dialplan.forwarding import looped
from dialplan.model import Model
from dialplan.plan import CallRequest, Plan
from dialplan.termination import Reason

LONGEST = 256
"""Of what was dialled, and of the caller's number, what is behind is not looked at: no number, code or name is as long,
and a message of 64 KiB shall not be read letter by letter a dozen times."""


def plan(model: Model, request: CallRequest, facts: Facts = NO_FACTS) -> Plan:
    """Where the call goes. Never raises for anything that a caller can dial; the refusals are plans too."""
    if len(request.digits) > LONGEST or (request.caller_number is not None and len(request.caller_number) > LONGEST):
        request = _cut(request)
    draft = Draft(model, request, facts, follow)
    if (request.trunk is None or request.transferor is not None) and request.to is None:
        # Nothing stands before this.
        number, device = emergency.called(model.emergency, request)
        if number:
            return emergency.plan(draft, number, device)
    if request.to is not None:
        known = request.trunk in model.trunks if request.trunk is not None else calling.identify(draft)
        if known:
            return draft.plan(_again(draft, request.to), request.digits)
    if request.transferor is not None:
        return calling.transferred(draft, request.transferor)
    return inbound.plan(draft) if request.trunk is not None else calling.plan(draft)


def _cut(request: CallRequest) -> CallRequest:
    caller = request.caller_number
    cut = caller[:LONGEST] if caller is not None else None
    return msgspec.structs.replace(request, digits=request.digits[:LONGEST], caller_number=cut)


def _again(draft: Draft, to: Destination) -> str:
    """A call that is under way already, and of which it is known where it is to go: a plan that was too large, the
    choice in a menu. What has forwarded it before still counts (FWD-9)."""
    visited = draft.request.visited
    first = next((each.removeprefix("user:") for each in visited if each.startswith("user:")), "")
    path = Path(visited=visited, first=first)
    draft.entity = str(to)
    if str(to) in visited:
        step = looped(draft, path, (), f"{to} has had this call already")
    else:
        step = follow(draft, to, path)
    return step or reject(draft, "target", 404, Reason.NOT_FOUND, "Not Found")
