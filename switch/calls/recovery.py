"""After a crash: calls out of the journal, by the same fold that they lived by.

An answered call goes on: its dialogs are made again, and the media workers never stopped. A call that was still ringing
is ended, since its transactions died with the process: whoever rang gets a CANCEL, and the caller a 503 that tells the
phone to try again. A call that ended a moment ago says its BYEs once more, or its CANCELs and its refusal where nobody
had answered, as the first may not have left.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from dialplan.termination import Reason, Result, Termination
from media.engine import Lease
from records import events as e
from switch.calls import sound
from switch.calls.answering import time_service
from switch.calls.call import Call
from switch.calls.context import Context
from switch.calls.endings import BYE_REASON
from switch.calls.leg import CALLER, NOBODY, Leg, dialog_of, flow_of, is_trunk
from switch.calls.letter import Letter
from switch.calls.offers import RESTORE
from switch.calls.presentation import contact_value
from switch.calls.rating import advice
from switch.calls.serving import resume
from switch.calls.state import MOVED, CallState, LegState, apply, fold, jump
from switch.sip import refer, refresh, writer
from switch.sip.invite import InviteUsage
from switch.sip.message import Request, parse
from switch.sip.session_timer import Session

JUST_S = 8.0
"""How long ago a call may have ended unanswered for its last words to be said again. Whoever waits for a final response
waits for long; but who has it already would only be made to acknowledge it again."""
THEIR_OWN = frozenset((Reason.BUSY, Reason.REJECTED, Reason.OUTAGE, Reason.NOT_FOUND))
"""How a called leg ends that has said so itself, or cannot be reached: there is nothing to cancel."""

SAID_BYE = frozenset((Reason.CALLER_HUNG_UP, Reason.CALLEE_HUNG_UP))
"""How an answered leg ends whose far end has said so itself."""

LOST = Termination(Result.FAILED, Reason.CRASH_BEFORE_ANSWER, 503)


def recover(context: Context, events: Sequence[e.CallEvent], now: float, letter: Letter | None = None) -> Call | None:
    """The call that the events add up to, alive again; None when it could only be ended (which is recorded). With the
    `letter` of a hand-over nothing is said again that has been heard."""
    state = fold(events)
    if state.ended is not None:
        return None
    _stop_again(context, events, now, letter)
    if state.answered_at is None:
        _end_unanswered(context, state, now)
        return None
    call = Call(context, state)
    said = state.legs[CALLER].described
    call.record(e.Recovered(call.id, state.n, context.at()))
    for index, leg_state in state.legs.items():
        if leg_state.ended is None and leg_state.answered and leg_state.dialog is not None:
            call.legs[index] = leg = _leg(context, call, index, leg_state)
            if leg_state.session is not None:
                _go_on_with_session(context, leg, leg_state.session, now)
    for index, leg_state in list(state.legs.items()):
        if not leg_state.answered and leg_state.ended is None and leg_state.dialog is not None:
            _cancel_again(context, leg_state, now)  # they ring for nobody: the walk died with the process
            call.record(e.LegEnded(call.id, state.n, context.at(), index, *_values(LOST)))
    if state.front not in call.legs or (state.peer is not None and state.peer not in call.legs) or not resume(call):
        # One side had gone already when the exchange died; the other only waits for its BYE.
        call.end_broken(now)
        return None
    if not _answer_again(context, call, said, now, letter):
        call.end_broken(now)
        return None
    _bye_again(context, call, events, now, letter)
    if letter is None:
        _notify_again(context, call, events, now)
    time_service(call, now)
    return call


def _waits(letter: Letter | None, tag: str) -> bool:
    """Whether the far end of the dialog with that tag of ours may not have heard our last words."""
    return letter is None or tag in letter.open


def _bye_again(context: Context, call: Call, events: Sequence[e.CallEvent], now: float, letter: Letter | None) -> None:
    """Legs that were sent away a moment ago, as by a transfer, may not have got their BYE. One who has answers 481."""
    oldest = context.at() - datetime.timedelta(seconds=JUST_S)
    ends = [each for each in events if isinstance(each, e.LegEnded) and each.at >= oldest]
    ours = [each for each in ends if each.result == Result.ANSWERED and each.reason not in SAID_BYE]
    if not ours:
        return
    state = fold(event for event in events if not isinstance(event, e.LegEnded))
    for event in ours:
        leg_state = state.legs.get(event.leg)
        if leg_state is None or not leg_state.answered or leg_state.dialog is None:
            continue
        if not _waits(letter, leg_state.dialog.local_tag):
            continue
        jump(leg_state)
        leg = _leg(context, call, event.leg, leg_state)
        leg.sound.lease = None
        leg.usage.bye(now)
        context.remember_leg(leg.tag, leg)


def _notify_again(context: Context, call: Call, events: Sequence[e.CallEvent], now: float) -> None:
    """Who transferred may not have heard how it went, where that was a moment ago; else he answers 481. A REFER that
    was refused, which is at once, had its answer."""
    oldest, begun = context.at() - datetime.timedelta(seconds=JUST_S), None
    for event in events:
        if isinstance(event, e.TransferBegun):
            begun = event
        elif isinstance(event, e.TransferOver) and begun is not None and begun.refer and event.at >= oldest:
            leg = call.legs.get(event.leg)
            if leg is not None and event.n > begun.n + 1:
                refer.resume(leg.usage, begun.refer, event.status, now, named=begun.named)
                leg.record_dialog()


def farewell(context: Context, events: Sequence[e.CallEvent], now: float, letter: Letter | None = None) -> list[Leg]:
    """Say BYE again to those legs of a call that has just ended who did not say it themselves. One who has heard it
    answers 481, which is no harm. A call that nobody answered: see `_refuse_again`."""
    state = fold(events)
    if state.ended is None:
        return []
    if state.answered_at is None:
        if (context.at() - events[-1].at).total_seconds() <= JUST_S:
            _refuse_again(context, events, now, letter)
        return []
    reason = state.ended.reason
    spoke = {Reason.CALLER_HUNG_UP: CALLER, Reason.CALLEE_HUNG_UP: state.peer}.get(reason)
    call = Call(context, state)
    legs = []
    for index, leg_state in state.legs.items():
        if leg_state.ended is MOVED:
            continue  # it lives on in another call
        if index == spoke or not leg_state.answered or leg_state.dialog is None:
            continue
        if _waits(letter, leg_state.dialog.local_tag):
            jump(leg_state)
            leg = _leg(context, call, index, leg_state)
            leg.reach(now)
            if leg.usage.needs_ack:
                leg.usage.ack(now)
            leg.usage.bye(now, BYE_REASON.get(reason, ()))
            legs.append(leg)
    return legs


def _refuse_again(context: Context, events: Sequence[e.CallEvent], now: float, letter: Letter | None) -> None:
    """The caller hears how it ended, and whoever may still ring is cancelled. A phone that knows answers with an ACK or
    481."""
    ends = {event.leg: event for event in events if isinstance(event, e.LegEnded)}
    state = fold(event for event in events if not isinstance(event, e.LegEnded))
    for index, leg in state.legs.items():
        if index == CALLER or leg.dialog is None or not _waits(letter, leg.dialog.local_tag):
            continue
        if index not in ends or ends[index].reason not in THEIR_OWN:
            _cancel_again(context, leg, now)
    status = state.ended.sip_status if state.ended is not None else 0
    if status >= 300 and _waits(letter, state.id):
        txn = context.endpoint.resume_server(_invite(state), flow_of(state.started.flow), now)
        context.endpoint.respond(txn, status, now, to_tag=state.id)


def _stop_again(context: Context, events: Sequence[e.CallEvent], now: float, letter: Letter | None = None) -> None:
    """Legs that were cancelled a moment ago, as their time was over or another one answered, may not have heard it."""
    oldest = context.at() - datetime.timedelta(seconds=JUST_S)
    ends = [event for event in events if isinstance(event, e.LegEnded) and event.leg != CALLER and event.at >= oldest]
    if not ends:
        return
    state = fold(event for event in events if not isinstance(event, e.LegEnded))
    for event in ends:
        leg = state.legs[event.leg]
        if leg.dialog is None or leg.answered or event.reason in THEIR_OWN:
            continue
        if _waits(letter, leg.dialog.local_tag):
            _cancel_again(context, leg, now)


def _cancel_again(context: Context, leg: LegState, now: float) -> None:
    assert leg.dialog is not None
    flow, dialog = flow_of(leg.flow), dialog_of(leg.dialog)
    InviteUsage.abandoned(context.endpoint, flow, dialog, leg.branch, now, NOBODY, is_trunk(leg.target))


def _leg(context: Context, call: Call, index: int, state: LegState) -> Leg:
    leg = Leg(call, index, state.target)
    value = state.dialog
    assert value is not None
    dialog = dialog_of(value)
    flow = flow_of(state.flow)
    host, port = context.advertised(flow)
    dialect = context.directory.dialect(state.target.partition(":")[2]) if is_trunk(state.target) else None
    user = dialect.token if dialect is not None else ""
    contact = contact_value(host, port, flow.transport, user, (dialog.target, dialog.next_hop()))
    leg.usage = InviteUsage.recovered(
        context.endpoint,
        flow,
        dialog,
        contact,
        leg,
        is_trunk(state.target),
        bool(state.offer),
        context.settings.sessions,
    )
    leg.usage.ack_cseq = state.invited if state.offer else leg.usage.ack_cseq
    leg.usage.allows_update, leg.usage.from_change = value.update, value.from_change
    leg.usage.allows_message = value.message
    if dialect is not None:
        leg.usage.authenticate(dialect.account)
        leg.usage.advice = advice(dialect.settings) if state.rated is not None else None
        leg.sound.codecs = dialect.settings.codecs
    leg.sound.widens = not call.for_help
    if state.media is not None:
        leg.sound.lease = Lease(state.media.leg, state.media.worker, state.media.address, state.media.port)
        leg.sound.bound = state.media.bound or state.media.address
        leg.sound.local = state.described
        leg.sound.settled = state.settled
    if state.offer:
        leg.sound.remote = leg.sound.parsed(state.offer)
    leg.sound.far = sound.far_of(state.far)
    leg.sound.held = state.held
    return leg


def _go_on_with_session(context: Context, leg: Leg, known: e.SessionTimed, now: float) -> None:
    """The session timer runs on from when it was agreed on. A far end whose refresh fell into our absence gets the time
    to try again."""
    elapsed_s = max(0.0, (context.at() - known.at).total_seconds())
    session = Session(known.interval_s, known.ours, fresh=False)
    refresh.agree(leg.usage, session, now, min(elapsed_s, known.interval_s - 64.0))


def _end_unanswered(context: Context, state: CallState, now: float) -> None:
    endpoint = context.endpoint
    for index, leg in state.legs.items():
        if index != CALLER and leg.dialog is not None:
            _cancel_again(context, leg, now)
    txn = endpoint.resume_server(_invite(state), flow_of(state.started.flow), now)
    endpoint.respond(txn, 503, now, to_tag=state.id, lines=["Retry-After: 1"])
    for index in sorted(state.legs, reverse=True):
        _record(context, state, e.LegEnded(state.id, state.n, context.at(), index, *_values(LOST)))
    _record(context, state, e.CallEnded(state.id, state.n, context.at(), *_values(LOST)))


def _invite(state: CallState, routes: Sequence[str] = ()) -> Request:
    """The caller's INVITE, as far as answering it needs."""
    started = state.started
    lines = [f"Via: {via}" for via in started.vias]
    lines += [f"Record-Route: {route}" for route in routes]
    lines += [
        f"From: {started.from_}",
        f"To: {started.to}",
        f"Call-ID: {started.sip_call_id}",
        f"CSeq: {started.cseq} INVITE",
    ]
    invite = parse(writer.request("INVITE", "sip:caller@invalid", lines))
    assert isinstance(invite, Request)
    return invite


def _answer_again(context: Context, call: Call, said: bytes, now: float, letter: Letter | None = None) -> bool:
    """Our 200 may have died with the former process, or its ACK have come while nobody was there. False when that ACK
    was to bring the caller's answer to our offer, and it is too late to ask for it. `said` is our description in it."""
    state = call.state
    caller = call.legs.get(CALLER)
    if caller is None:
        return True
    offered = caller.sound.far is None
    wait_s = 64 * context.endpoint.timings.t1
    if state.answered_at is None or (context.at() - state.answered_at).total_seconds() > wait_s:
        return not offered
    if not offered and not _waits(letter, caller.tag):
        return True
    if not offered and state.legs[CALLER].met:
        return True
    routes = caller.usage.dialog.routes
    txn = context.endpoint.resume_server(_invite(state, routes), flow_of(state.started.flow), now)
    body = sound.repeated(said)
    caller.usage.accept_again(txn, body, now, offered=offered)
    if offered:
        call.offers.expect_answer(caller)
    elif body != said:
        call.offers.owe(caller, RESTORE)  # the keys that it has may be these, or those that are not known any more
    return True


def _record(context: Context, state: CallState, event: e.CallEvent) -> None:
    apply(state, event)
    context.record(event)


def _values(termination: Termination) -> tuple[str, str, int]:
    return termination.result, termination.reason, termination.sip_status
