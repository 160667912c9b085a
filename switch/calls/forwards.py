"""The forwards that a call has behind it when it goes on to somebody: our own, which the plan tells (`Hop`), joined
with those that a carrier told of. Who is told stands in `trust.py`; how it is written, in `dialect.py` and
`diversion.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dialplan.plan import Attendant, Conference, Hop, LineTarget, Queue, Replan, Ring, Step, Trunk, Voicemail
from dialplan.question import named
from records.events import CallForwarded, Forwarded
from switch.calls.state import CallState
from switch.calls.trust import Side, forwards_told, hidden_from

if TYPE_CHECKING:
    from switch.calls.call import Call

_REASONS = {486: "user-busy", 408: "no-answer", 503: "unavailable", 302: "unconditional", 480: "time-of-day"}
"""The words of RFC 5806 for the causes of RFC 4458 and RFC 7044."""
UNKNOWN = "unknown"


def told(
    state: CallState, hops: Sequence[Hop], receiver: Side, own: str = "", hidden: bool = False
) -> tuple[Forwarded, ...]:
    """What that side is told, the latest forward first. A carrier makes nothing of an extension: there, who forwards is
    known by `own`, the number that we show it. `hidden`: it is not to be shown who forwarded."""
    inside = receiver is Side.TELEPHONE
    # A caller who hides takes along by which way the call came.
    before = () if inside and state.started.hidden and hidden_from(state, receiver) else forwards_told(state, receiver)
    if not hops:
        return before
    ours = [
        Forwarded(
            (each.number or each.by.rpartition(":")[2]) if inside else each.outside or own,
            each.name,
            _REASONS.get(each.cause, UNKNOWN),
            1,
            hidden and not inside,
        )
        for each in reversed(hops)
    ]
    return (*ours, *before)


def reached(step: Step) -> str:
    """Where a step leads, for the record."""
    match step:
        case Ring():
            first = step.stages[0].branches if step.stages else ()
            return ", ".join(f"line:{each.target.line}" for each in first if isinstance(each.target, LineTarget))
        case Trunk():
            return f"external:{step.routes[0].number}"
        case Voicemail() | Attendant() | Queue() | Conference():
            return named(step)
        case Replan():
            return str(step.request.to or step.request.digits)
        case _:
            return type(step).__name__.lower()


def entity_of(step: Step, after: Sequence[Hop] = ()) -> str:
    """Whom a forward meant: who forwarded next, as all `hops` behind it say; else what the step stands for."""
    if after:
        by = after[0].by
        return by if ":" in by else f"user:{by}"
    return step.entity if isinstance(step, Ring) else reached(step)


def forwarded(call: Call, hop: Hop, step: Step, branch: str, now: float, after: Sequence[Hop] = ()) -> None:
    """The call is forwarded to that step; or in a group, that branch of it. `after` are the forwards that followed at
    once. A telephone that calls is told once for each forward of the call."""
    loop = type(step) is Voicemail and step.loop and hop is step.hops[-1]
    at = call.context.at()
    to, entity = reached(step), entity_of(step, after)
    call.record(
        CallForwarded(call.id, call.state.n, at, hop.by, hop.cause, hop.number, hop.name, to, branch, loop, entity)
    )
    if not branch:
        call.early.forwarded(call, now)
