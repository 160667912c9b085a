"""A walk after the answer: others are rung for a front that is answered already (decision 22).

It has chosen in a menu, is being transferred, or comes back from a parking slot. The same Ringer rings; what differs is
here: the telephones get an offer of our own, the front hears a ringing tone in place of a 18x, and what comes of it
goes to the call's errand. Without one the two are joined, or the front is told by a busy tone and hung up on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dialplan import vocabulary as v
from dialplan.plan import Plan
from dialplan.termination import Reason, Result, Termination
from media.engine import Tune
from records import events as e
from switch.calls import joining, ports, sound
from switch.calls.ending import stop_walk
from switch.calls.endings import NOT_ACCEPTABLE
from switch.calls.leg import OVER, Leg
from switch.calls.pairing import pair
from switch.calls.serving import release
from switch.calls.sound import SdpError
from switch.sip.leg_events import Offer, Progress

if TYPE_CHECKING:
    from switch.calls.call import Call

RINGING_TONE = Tune(("tone:440+480:2000", "silence:4000"), loop=True)
BUSY_TONE = Tune(("tone:480+620:500", "silence:500"), loop=True)
BUSY_S = 4.0
"""How long a front hears that nobody was reached, before we hang up."""


class Errand(Protocol):
    """What is behind a walk after the answer. The call has let go of it before `succeeded` and `failed`."""

    def progress(self, call: Call, status: int, now: float) -> None:
        """A telephone rings: the first 18x, and further ones with another status."""

    def succeeded(self, call: Call, leg: Leg, now: float) -> None:
        """That leg has answered, and is joined with the front."""

    def failed(self, call: Call, termination: Termination, text: str, now: float) -> None:
        """Nobody was reached. The front hears a ringing tone still, or what it heard before."""

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """The far end of a leg that stands besides has hung up. Whether the call goes on without it."""


def onward(call: Call, plan: Plan, errand: Errand | None, now: float, front: Leg | None = None) -> None:
    """Ring by a plan for an answered leg of the call, `front`, which is the call's front from now on. Whom it was
    joined with stays its peer until somebody answers."""
    if call.ringer is not None:
        call.ringer.stop()
    if front is not None and front.index != call.state.front:
        other = call.front
        call.record(e.Connected(call.id, call.state.n, call.context.at(), other.index, "", None, front.index))
    release(call, now)
    call.errand, call.tone = errand, False
    call.begin(plan, now)


def progress(call: Call, leg: Leg, event: Progress, now: float) -> None:
    """A called telephone says something."""
    if call.ringer is None or call.ringer.over:
        return
    state = call.state.legs[leg.index]
    first = not state.ringing
    if first:
        call.record(e.LegRinging(call.id, call.state.n, call.context.at(), leg.index, event.status, bool(event.body)))
        call.ringer.heard(leg, now)
        call.ringer.feed(v.Ringing(leg.branch, leg.contact, bool(event.body)), now)
    if event.asks:
        try:
            theirs = leg.sound.parsed(event.body)
            leg.usage.prack(event.fork, sound.answer_ourselves(leg.sound, theirs), now)
        except SdpError:
            call.give_up(leg, 488, now)
            return
    ring_tone(call)
    if call.errand is not None and (first or event.status != leg.told):
        leg.told = event.status
        call.errand.progress(call, event.status, now)


def ring_tone(call: Call) -> None:
    """Let the front hear that somebody is being rung."""
    if not call.tone and not call.over and call.state.front in call.legs:
        call.tone = True
        call.context.engine.play(ports.leased(call.front), RINGING_TONE)


def offered(leg: Leg, event: Offer, now: float) -> None:
    """A telephone that rings makes a new offer: it is answered by ourselves."""
    try:
        new = leg.sound.parsed(event.body)
        body = sound.answer_ourselves(leg.sound, new)
    except SdpError:
        leg.usage.refuse_offer(488, now)
    else:
        leg.sound.remote = new
        leg.usage.answer_offer(body, now)


def connected(call: Call, leg: Leg, now: float) -> None:
    """The walk's choice: join the front and that leg, whose description waits in its sound."""
    theirs = leg.sound.remote
    leg.usage.ack(now)
    if theirs is None:
        leg.usage.bye(now)
        call.drop(leg, NOT_ACCEPTABLE)
        failed(call, NOT_ACCEPTABLE, "", now)
        return
    leg.sound.remote = None
    sound.note(leg.sound, theirs, leg.address)
    sound.tell(call.context.engine, leg.sound)
    call.tone = False
    if leg.sound.local != call.state.legs[leg.index].described:
        leg.record_media()
    far = sound.far_value(leg.sound)
    call.record(e.LegAnswered(call.id, call.state.n, call.context.at(), leg.index, leg.dialog_value(), far))
    leg.record_hold()
    leg.record_session()
    call.ringer = None
    errand, call.errand = call.errand, None
    before = call.other(call.front)
    pair(call, call.front, leg, now, leg.terms_value())
    if errand is not None:
        errand.succeeded(call, leg, now)
    elif before is not None and before.index in call.legs:
        call.hang_up_leg(before, Termination(Result.ANSWERED, Reason.TRANSFERRED, 200), now)


def failed(call: Call, termination: Termination, text: str, now: float) -> None:
    """The walk has come to its end, and nobody has answered."""
    stop_walk(call)
    errand, call.errand = call.errand, None
    call.tone = False
    if errand is not None:
        errand.failed(call, termination, text, now)
        return
    call.failing = Termination(Result.ANSWERED, termination.reason, 200)
    call.context.engine.play(ports.leased(call.front), BUSY_TONE)
    call.context.endpoint.timers.after(BUSY_S, now, call.front, OVER)


def back(call: Call) -> None:
    """What was rung for has come to nothing: the front and its peer hear each other again."""
    call.tone = False
    joining.reconnect(call)
