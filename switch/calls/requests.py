"""What the planner is asked for somebody who is in a call already: on behalf of the caller, or as if another leg made a
call of its own. It has the forwards of the call behind it, as a loop is a loop however it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.plan import CallRequest
from switch.calls.identity import party
from switch.calls.leg import CALLER, Leg, line_of, trunk_of

if TYPE_CHECKING:
    from switch.calls.call import Call


def dialled(call: Call, leg: Leg, digits: str) -> CallRequest:
    """Those digits, as that leg would dial them in a call of its own."""
    who, line, trunk = party(call, leg), line_of(leg.target), trunk_of(leg.target)
    return CallRequest(
        digits=digits,
        at=call.context.at(),
        device=call.state.legs[leg.index].device or None if line else None,
        line=line or None,
        trunk=trunk or None,
        caller_number=who.number or None,
        caller_name=who.name or None,
        hops=call.state.started.hops,
        anonymous=who.hidden and bool(trunk),
    )


def of_caller(call: Call, digits: str) -> CallRequest:
    """Those digits, with all that was known of the caller when the call came."""
    started = call.state.started
    return CallRequest(
        digits=digits,
        at=call.context.at(),
        device=started.device,
        line=started.line,
        trunk=started.trunk,
        caller_number=started.caller_number or None,
        caller_name=started.caller_name or None,
        proven=started.proven,
        hops=started.hops,
        attested=started.attested,
        anonymous=started.hidden and started.trunk is not None,
    )


def of_leg(call: Call, leg: Leg, digits: str) -> CallRequest:
    """On behalf of that leg, be it the caller's or another one."""
    return of_caller(call, digits) if leg.index == CALLER else dialled(call, leg, digits)
