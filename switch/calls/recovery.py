"""After a crash: calls out of the journal, by the same fold that they lived by.

An answered call goes on: its dialogs are made again, and the media workers never stopped. A call that was still ringing
is ended, since its transactions died with the process: whoever rang gets a CANCEL, and the caller a 503 that tells the
phone to try again.
"""

from __future__ import annotations

from collections.abc import Sequence

from dialplan.termination import Reason, Result, Termination
from media.engine import Lease
from records import events as e
from switch.calls.call import Call, contact_value
from switch.calls.context import Context
from switch.calls.leg import CALLER, Leg
from switch.calls.state import CallState, LegState, apply, fold
from switch.sip import writer
from switch.sip.dialog import Dialog
from switch.sip.flow import Flow
from switch.sip.invite import InviteUsage, toward
from switch.sip.message import Request, parse

LOST = Termination(Result.FAILED, Reason.CRASH_BEFORE_ANSWER, 503)


def recover(context: Context, events: Sequence[e.CallEvent], now: float) -> Call | None:
    """The call that the events add up to, alive again; None when it could only be ended (which is recorded)."""
    state = fold(events)
    if state.ended is not None:
        return None
    if state.answered_at is None:
        _end_unanswered(context, state, now)
        return None
    call = Call(context, state)
    for index, leg_state in state.legs.items():
        if leg_state.ended is None and leg_state.answered and leg_state.dialog is not None:
            call.legs[index] = _leg(context, call, index, leg_state)
    call.record(e.Recovered(call.id, state.n, context.at()))
    if CALLER not in call.legs or (state.peer is not None and state.peer not in call.legs):
        # One side had gone already when the exchange died; the other only waits for its BYE.
        call.end_broken(now)
        return None
    return call


def _leg(context: Context, call: Call, index: int, state: LegState) -> Leg:
    leg = Leg(call, index, state.target)
    value = state.dialog
    assert value is not None
    dialog = Dialog(
        value.call_id,
        value.local_tag,
        value.remote_tag,
        value.local_uri,
        value.remote_uri,
        value.remote_target,
        value.route_set,
        value.local_cseq,
        value.remote_cseq,
    )
    flow = toward(flow_of(state.flow), dialog)
    host, port = context.advertised(flow)
    leg.usage = InviteUsage.recovered(context.endpoint, flow, dialog, contact_value(host, port, flow.transport), leg)
    if state.media is not None:
        leg.sound.lease = Lease(state.media.leg, state.media.worker, state.media.address, state.media.port)
        leg.sound.local = state.described
    leg.sound.held = state.held
    return leg


def _end_unanswered(context: Context, state: CallState, now: float) -> None:
    for index, leg in state.legs.items():
        if index != CALLER and leg.dialog is not None:
            _cancel(context, leg, now)
    started = state.started
    flow = flow_of(started.flow)
    lines = [f"Via: {via}" for via in started.vias]
    lines += [
        f"From: {started.from_}",
        f"To: {started.to}",
        f"Call-ID: {started.sip_call_id}",
        f"CSeq: {started.cseq} INVITE",
    ]
    invite = parse(writer.request("INVITE", "sip:caller@invalid", lines))
    assert isinstance(invite, Request)
    context.endpoint.send(flow, writer.response(invite, 503, None, state.id, ["Retry-After: 1"]))
    for index in sorted(state.legs, reverse=True):
        _record(context, state, e.LegEnded(state.id, state.n, context.at(), index, *_values(LOST)))
    _record(context, state, e.CallEnded(state.id, state.n, context.at(), *_values(LOST)))


def _cancel(context: Context, leg: LegState, now: float) -> None:
    """CANCEL an INVITE that a former process sent (RFC 3261 section 9.1: the same Via branch and CSeq number)."""
    value = leg.dialog
    assert value is not None
    dialog = Dialog(
        value.call_id, value.local_tag, "", value.local_uri, value.remote_uri, value.remote_target, value.route_set
    )
    lines = dialog.lines("CANCEL", value.local_cseq)
    flow = flow_of(leg.flow)
    context.endpoint.request(flow, "CANCEL", dialog.request_uri(), lines, b"", now, None, leg.branch)


def _record(context: Context, state: CallState, event: e.CallEvent) -> None:
    apply(state, event)
    context.record(event)


def _values(termination: Termination) -> tuple[str, str, int]:
    return termination.result, termination.reason, termination.sip_status


def flow_of(address: e.FlowAddress) -> Flow:
    """The flow that the journal remembers. A connection of a former life has to be made anew."""
    return Flow(address.transport, (address.local_host, address.local_port), (address.remote_host, address.remote_port))
