"""The caller is answered: by a telephone that the walk has chosen, or by ourselves, who play something to him.

    connect   the called side's answer goes on to the caller, and they are joined
    answer    we answer, for a service of ours (`serving.py`)
    serve     ... and that service has the front; also of a call that was answered before
    execute   we answer, and play an announcement or the caller's own sound, for a time where one is set

Either waits while the caller has yet to acknowledge a reliable 18x (`early.py`). Whose description is still to be
brought to whom after that is left to `offers.py`. What is recorded is recorded before the caller hears of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.plan import Announce, Echo
from media import negotiate, sdp
from media.engine import Tune
from records import events as e
from switch.calls import joining, ports, sound
from switch.calls.ending import end, finish, stop_walk
from switch.calls.endings import NOT_ACCEPTABLE
from switch.calls.leg import CALLER, OVER, Leg
from switch.calls.offers import OURSELVES
from switch.calls.presentation import to_caller
from switch.calls.serving import Service, release
from switch.calls.sound import SdpError

if TYPE_CHECKING:
    from switch.calls.call import Call


def connect(call: Call, leg: Leg, now: float) -> None:
    """The walk's choice: join the caller and that leg, whose description waits in its sound."""
    caller, early = call.caller, call.early
    reliably = caller.usage.provisionals is not None
    if reliably and early.waits(call, lambda then: connect(call, leg, then)):
        return
    theirs, asked = leg.sound.remote, caller.sound.remote
    settled, alone = reliably and caller.usage.settled, leg.index in early.alone
    if theirs is None or not ports.ensure(call, caller):
        end(call, NOT_ACCEPTABLE if theirs is None else ports.none_left(call, caller), now)
        return
    try:
        if asked is not None and not leg.sound.local:
            # It was not offered anything, as the caller had made no offer then, and offers now in its 2xx.
            leg.usage.ack(now, sound.answer_ourselves(leg.sound, theirs, "echo"))
            alone = True
        elif asked is not None or alone:
            leg.usage.ack(now)
        # Without an offer in the caller's INVITE the called side made one in its 2xx. It goes on to the caller in
        # ours, and the caller's ACK brings the answer back (RFC 3261 section 13.2.1).
        if settled:
            body = b""
        elif asked is not None:
            body = sound.answer_to(caller.sound, asked, theirs)
        else:
            body = sound.offer_to(caller.sound, theirs)
    except SdpError:
        end(call, NOT_ACCEPTABLE, now)
        return
    at = call.context.at()
    offer = b""
    if asked is not None:
        joining.note(call, asked, leg, theirs)
    else:
        offer = sdp.write(negotiate.keyless(theirs))
    if leg.sound.local != call.state.legs[leg.index].described:
        leg.record_media()
    far = sound.far_value(leg.sound)
    call.record(e.LegAnswered(call.id, call.state.n, at, leg.index, leg.dialog_value(), far, offer))
    caller.record_media()
    call.record(e.LegAnswered(call.id, call.state.n, at, CALLER, caller.dialog_value()))
    call.record(e.Connected(call.id, call.state.n, at, leg.index, "", leg.terms_value()))
    caller.usage.accept(body, now, to_caller(call, leg), offered=asked is None)
    caller.shown = leg.tag
    if asked is None:
        call.offers.expect_answer(caller)
    else:
        joining.bridge(call, leg)
        if settled and (early.unknown(leg) or CALLER in early.stale):
            call.offers.owe(caller, theirs)
        if alone or leg.index in early.stale:
            call.offers.owe(leg, asked)
        caller.sound.remote = leg.sound.remote = None
        caller.record_hold()
        leg.record_hold()
    caller.record_session()
    leg.record_session()
    call.ringer = None
    for hook in call.context.answered:
        hook(call, now)


def answer(call: Call, now: float, *, echo: bool = False) -> bool:
    """Answer the caller ourselves, for sound that we make, or to send back his own. False when that cannot be done: the
    call is ended then."""
    caller = call.caller
    asked = caller.sound.remote
    if not ports.ensure(call, caller):
        finish(call, ports.none_left(call, caller), now)
        return False
    try:
        if caller.usage.settled:
            body = b""
            call.offers.owe(caller, OURSELVES)
        elif asked is not None:
            body = sound.answer_ourselves(caller.sound, asked, "echo" if echo else "")
        else:
            body = sound.offer_ourselves(caller.sound)
    except SdpError:
        finish(call, NOT_ACCEPTABLE, now)
        return False
    if asked is not None:
        sound.note(caller.sound, asked, caller.address)
    caller.record_media()
    call.record(e.LegAnswered(call.id, call.state.n, call.context.at(), CALLER, caller.dialog_value()))
    caller.usage.accept(body, now, offered=asked is None)
    if asked is None:
        call.offers.expect_answer(caller)
    else:
        sound.tell(call.context.engine, caller.sound)
        caller.sound.remote = None
        caller.record_hold()
    caller.record_session()
    return True


def serve(call: Call, service: Service, now: float) -> None:
    """Let the front talk with a service of ours, whatever it was talking with; it is answered first if need be. A front
    that cannot be answered, for want of a port or of a codec, ends the call instead."""
    fresh = call.state.answered_at is None
    if fresh and (call.early.waits(call, lambda then: serve(call, service, then)) or not answer(call, now)):
        return
    release(call, now)
    front, at = call.front, call.context.at()
    call.record(e.Connected(call.id, call.state.n, at, front.index, service.name, None, front.index))
    call.service = service
    service.begin(call, now)
    call.rejoined(now)


def execute(call: Call, step: Announce | Echo, now: float, lasts_s: float = 0.0) -> None:
    """Answer the front ourselves and play, or send its own sound back. `lasts_s`: for so long, then we hang up; 0:
    until it ends by itself."""
    source = step.source if isinstance(step, Announce) else "echo"
    if call.state.answered_at is None:
        if call.early.waits(call, lambda then: execute(call, step, then, lasts_s)):
            return
        if not answer(call, now, echo=source == "echo"):
            return
    front = call.front
    terms = e.Terms(limit_s=lasts_s) if lasts_s else None
    call.record(e.Connected(call.id, call.state.n, call.context.at(), front.index, source, terms, front.index))
    call.context.engine.play(ports.leased(front), Tune(call.context.directory.sound(source)))
    stop_walk(call)
    time_service(call, now)
    call.rejoined(now)


def time_service(call: Call, now: float) -> None:
    """Hang up when the service has sounded for as long as it is to. Also after a crash: the rest of that time."""
    state = call.state
    if state.service_s and state.served_at is not None:
        gone_s = max(0.0, (call.context.at() - state.served_at).total_seconds())
        left_s = max(0.0, state.service_s - gone_s)
        call.context.endpoint.timers.after(left_s, now, call.front, OVER)
