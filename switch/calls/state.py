"""What a call is: a value, and the one function that changes it.

`CallState` is a fold of `apply` over the call's events. Live code applies each event the moment it is decided; recovery
applies the same events read from the journal. After every flow test the two are compared, so nothing that has to
survive a crash can hide elsewhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import msgspec

from dialplan.termination import Reason, Result, Termination
from records import events as e


class LegState(msgspec.Struct):
    """One leg: the caller's is number 0, the others are the contacts that were rung."""

    target: str
    contact: str
    flow: e.FlowAddress
    dialog: e.Dialog | None = None
    branch: str = ""
    media: e.MediaPort | None = None
    described: bytes = b""
    ringing: bool = False
    answered: bool = False
    held: bool = False
    ended: Termination | None = None


class CallState(msgspec.Struct):
    """A call between `CallStarted` and `CallEnded`. `n` is the number of the next event."""

    id: str
    n: int
    started: e.CallStarted
    legs: dict[int, LegState]
    answered_at: datetime.datetime | None = None
    peer: int | None = None
    service: str = ""
    recovered: int = 0
    ended: Termination | None = None


def begin(event: e.CallStarted) -> CallState:
    """The state after a call's first event."""
    caller = LegState(_caller(event), "", event.flow)
    return CallState(event.call, 1, event, {0: caller})


def apply(state: CallState, event: e.CallEvent) -> None:
    """Change the state by one event. Nothing else may. An event that was applied already changes nothing."""
    if event.n < state.n:
        return
    state.n = event.n + 1
    match event:
        case e.LegStarted():
            state.legs[event.leg] = LegState(event.target, event.contact, event.flow, event.dialog, event.branch)
        case e.LegMedia():
            leg = state.legs[event.leg]
            leg.media = event.media
            leg.described = event.described
        case e.LegRinging():
            state.legs[event.leg].ringing = True
        case e.LegAnswered():
            leg = state.legs[event.leg]
            leg.answered = True
            leg.dialog = event.dialog
            if event.leg == 0:
                state.answered_at = event.at
        case e.LegMoved():
            leg = state.legs[event.leg]
            leg.dialog = event.dialog
            leg.flow = event.flow
        case e.LegHeld():
            state.legs[event.leg].held = event.held
        case e.LegEnded():
            # A leg that was rung in vain is of no more use to a call that lives on; its CDR line stands in the journal.
            if event.leg == 0 or event.leg == state.peer:
                state.legs[event.leg].ended = _termination(event)
            else:
                del state.legs[event.leg]
        case e.Connected():
            state.peer = event.leg if event.leg else None
            state.service = event.service
        case e.CallEnded():
            state.ended = _termination(event)
        case e.Recovered():
            state.recovered += 1
        case e.CallStarted():
            raise ValueError("a call starts once")


def fold(events: Iterable[e.CallEvent]) -> CallState:
    """The state that a call's events add up to. Raises ValueError when they do not begin with `CallStarted`."""
    iterator = iter(events)
    first = next(iterator, None)
    if not isinstance(first, e.CallStarted):
        raise ValueError("a call's events begin with CallStarted")
    state = begin(first)
    for event in iterator:
        apply(state, event)
    return state


def _termination(event: e.LegEnded | e.CallEnded) -> Termination:
    return Termination(Result(event.result), Reason(event.reason), event.sip_status)


def _caller(event: e.CallStarted) -> str:
    if event.line is not None:
        return f"line:{event.line}"
    return f"trunk:{event.trunk}"
