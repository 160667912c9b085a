"""A call from a carrier: the DID that it is for, and nothing else unless the operator says so (IDN-3, XRL-1)."""

from __future__ import annotations

from dialplan import inside, rules
from dialplan.availability import called_back
from dialplan.destinations import Destination, To
from dialplan.draft import Draft, reject
from dialplan.forms import read
from dialplan.forwarding import OUTCOMES
from dialplan.lines import Line
from dialplan.model import TrunkRule
from dialplan.numbers import clean
from dialplan.plan import Branch, LineTarget, Plan, Ring, Stage
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
    if draft.facts.shown:
        for form in dict.fromkeys((value, digits, "+" + digits)):
            line = called_back(draft, form)
            if line is not None:
                return _call_back(draft, line, form)
    return _usual(draft, trunk, value, digits)


def _call_back(draft: Draft, line: Line, number: str) -> Plan:
    """EMG-8: help calls back by the number that it was shown, whoever that belongs to. The line that called rings
    first; whoever else is behind the number is not lost."""
    draft.say(rules.of_line(line.id, "emergency"), f"called for help within the hour, and showed {number}")
    to = draft.model.dids.get(number)
    step = draft.name("ring")
    exits = {}
    if to is not None and to != Destination(To.USER, line.id):
        draft.say(f"did:{number}", f"{to}, when the line is not answered")
        usual = inside.enter(draft, to)
        exits = dict.fromkeys((outcome for outcome, _ in OUTCOMES), usual)
    branch = Branch(id=f"{step}/0", target=LineTarget(line.id), ring_s=line.ring_s, policy=line.policy)
    draft.entity = rules.line(line.id)
    ring = Ring(id=step, stages=(Stage((branch,)),), exits=exits, entity=draft.entity)
    return draft.plan(draft.add(ring), number)


def _usual(draft: Draft, trunk: TrunkRule, value: str, digits: str) -> Plan:
    """A call to one of our numbers; `digits` is what the trunk sent, `value` what was read of it."""
    model, request = draft.model, draft.request
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
