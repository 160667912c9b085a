"""A call from a carrier: the DID that it is for, and nothing else unless the operator says so (IDN-3, XRL-1)."""

from __future__ import annotations

from dialplan import inside
from dialplan.draft import Draft, reject
from dialplan.forms import read
from dialplan.numbers import clean
from dialplan.plan import Plan
from dialplan.termination import Reason


def plan(draft: Draft) -> Plan:
    """The plan of a call that a trunk brings."""
    model, request = draft.model, draft.request
    trunk = model.trunks.get(request.trunk or "")
    if trunk is None:
        draft.say(f"trunk:{request.trunk}", "unknown")
        return draft.plan(reject(draft, "trunk", 403, Reason.NOT_PERMITTED, "Unknown Trunk"), request.digits)
    draft.say(f"trunk:{trunk.id}", "calls in")
    digits = clean(request.digits)
    value = read(request.digits, trunk.numbers_in, trunk.profile.country)
    # In whatever form it writes, what stands in the table is meant.
    for form in (value, digits, "+" + digits):
        to = model.dids.get(form)
        if to is not None:
            draft.say(f"did:{form}", str(to))
            return draft.plan(inside.enter(draft, to), form)
    if trunk.extensions and request.proven:
        entry = inside.number(draft, digits)
        if entry is not None:
            return draft.plan(entry, digits)
    claimed = next((form for form in (value, "+" + digits) if form in model.claimed), "")
    if claimed:
        draft.say(f"did:{claimed}", "is assigned to nobody")
    else:
        draft.say("dids", f"none is {digits or request.digits}")
    return draft.plan(reject(draft, "did", 404, Reason.NOT_FOUND, "Not Found"), digits)
