"""A call that was being set up at a hand-over goes on in the next process: it is placed anew (decision 27).

    stood   the caller's transaction is made again from his INVITE, so that it can be answered, refused and cancelled
    place   the planner is asked again by the same request and with the same facts, so that it says the same, and the
            walk begins anew in the same call. A telephone that rings already for one whom the walk rings is adopted
            (`adopting.py`): its INVITE stands, and so does an answer that is on its way. Whoever rings still, and is
            not wanted, is cancelled as completed elsewhere

Those whose INVITE cannot be gone on with are cancelled first: a telephone with one line would be busy by us.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dialplan.facts import NO_FACTS, Facts
from dialplan.plan import CallRequest, Plan
from dialplan.termination import Reason
from media.engine import Lease
from records import events as e
from switch import redact
from switch.calls import requests, sound
from switch.calls.call import Call
from switch.calls.context import Context
from switch.calls.dialect import Dialect
from switch.calls.endings import stopped
from switch.calls.leg import CALLER, NOBODY, Leg, dialog_of, flow_of, is_trunk
from switch.calls.letter import Begun, Reliable
from switch.calls.presentation import contact_value
from switch.calls.replanning import ask
from switch.calls.ringer import ELSEWHERE
from switch.calls.state import LegState, fold
from switch.decided import facts_of
from switch.sip.headers import NameAddr
from switch.sip.invite import InviteUsage
from switch.sip.message import Request, parse
from switch.sip.reliable import Provisionals
from switch.sip.transaction import ServerTransaction
from switch.sip.uri import Uri

STEP = "hand-over"
"""What the record says that the planner was asked again for."""


def usage_of_caller(
    context: Context, txn: ServerTransaction, call_id: str, carrier: bool, dialect: Dialect | None
) -> InviteUsage:
    """The dialog usage of who calls, a telephone or a carrier. It has the call's id for a tag, so that recovery can
    refuse a call that was not answered. Raises RemoteProtocolError 400 without Contact."""
    host, port = context.advertised(txn.flow)
    user = dialect.token if dialect is not None else ""
    beside = _addresses(txn.request) if txn.flow.transport == "tls" else ()
    contact = contact_value(host, port, txn.flow.transport, user, beside)
    sessions = context.settings.sessions
    usage = InviteUsage.incoming(context.endpoint, txn, call_id, contact, NOBODY, carrier, sessions)
    if dialect is not None:
        usage.authenticate(dialect.account)
    return usage


def _addresses(request: Request) -> tuple[str, ...]:
    """What decides whether our Contact in its answer must be a sips: one (RFC 3261 section 12.1.1)."""
    routes = request.record_routes
    first = [NameAddr.parse(routes[0])] if routes else request.contacts[:1]
    return request.uri, *(each.uri for each in first)


def stood(context: Context, events: Sequence[e.CallEvent], begun: Begun, now: float) -> Call | None:
    """The call as it stood, with its caller, who waits. Those who ring are in `Call.rung`, or are cancelled. None when
    the journal says that it is over."""
    state = fold(events)
    if state.ended is not None or state.answered_at is not None:
        return None
    invite = parse(begun.invite)
    assert isinstance(invite, Request)
    started = state.started
    txn = context.endpoint.resume_server(invite, flow_of(started.flow), now, begun.answer)
    call = Call(context, state)
    leg = Leg(call, CALLER, state.legs[CALLER].target)
    dialect = context.directory.dialect(started.trunk) if started.trunk is not None else None
    leg.usage = usage = usage_of_caller(context, txn, call.id, started.trunk is not None, dialect)
    usage.owner = leg
    if started.to != invite.to_value:
        usage.dialog.local = redact.shown(usage.dialog.local, Uri.parse(invite.uri).dialled(), started.dialled)
    if dialect is not None:
        leg.sound.codecs = dialect.settings.codecs
    if begun.reliable is not None:
        _go_on_reliably(context, leg, txn, begun.reliable, now)
    leg.told = begun.told if begun.rung else 0
    _hears(leg, state.legs[CALLER], begun)
    call.legs[CALLER] = leg
    call.record(e.CallHandedOver(call.id, state.n, context.at()))
    rung = {each.leg: each for each in begun.rung}
    for index, rings in list(state.legs.items()):
        if index != CALLER and rings.ended is None:
            if index in rung and rings.dialog is not None:
                call.rung[index] = rung[index]
            else:
                _call_off(call, index, rings, now)
    return call


def _go_on_reliably(context: Context, leg: Leg, txn: ServerTransaction, known: Reliable, now: float) -> None:
    """What was told reliably holds, and what was not acknowledged is repeated (RFC 3262)."""
    usage, timings = leg.usage, context.endpoint.timings
    usage.provisionals = sent = Provisionals(
        txn,
        txn.request.cseq,
        known.rseq,
        known.data,
        known.described,
        known.offering,
        known.settled,
        known.acked,
    )
    if known.data:
        sent.interval_s, sent.deadline = timings.t1, now + 64 * timings.t1
        sent.timer = context.endpoint.timers.start(now + timings.t1, leg, sent)


def _hears(leg: Leg, state: LegState, begun: Begun) -> None:
    """The caller's sound, with the port that he may have been told already."""
    media = leg.sound
    if begun.remote:
        media.remote = media.parsed(begun.remote)
    if state.media is not None:
        media.lease = Lease(state.media.leg, state.media.worker, state.media.address, state.media.port)
        media.bound = state.media.bound or state.media.address
        media.local, media.settled, media.key = state.described, state.settled, begun.key
        media.far = sound.far_of(state.far)


def to_adopt(call: Call) -> dict[int, Lease]:
    """The ports of those who ring still."""
    found = (call.state.legs[index].media for index in call.rung)
    return {port.leg: Lease(port.leg, port.worker, port.address, port.port) for port in found if port is not None}


def place(call: Call, events: Sequence[e.CallEvent], now: float) -> None:
    """Begin anew."""
    context, caller = call.context, call.caller
    if caller.sound.lease is not None:
        context.engine.open(caller.sound.lease, context.settings.silence_s)
    call.begin(_plan(call, events, now), now)
    for index in list(call.rung):
        del call.rung[index]
        if index in call.state.legs:
            _call_off(call, index, call.state.legs[index], now)


def _plan(call: Call, events: Sequence[e.CallEvent], now: float) -> Plan:
    """What the planner says to the last question that it was asked. Where its facts were not kept, by those of now."""
    asked, kept = _question(call, events)
    facts: Facts | None
    try:
        facts = facts_of(call.id, kept)
    except msgspec.DecodeError:
        facts = None
    try:
        return ask(call, asked, STEP, now, facts=facts)
    except Exception as error:
        if not call.for_help:
            raise
        call.context.on_error(error, f"decision of emergency call {call.id}")
        return ask(call, asked, STEP, now, facts=NO_FACTS)  # OUT-6, as when it came


def _question(call: Call, events: Sequence[e.CallEvent]) -> tuple[CallRequest, str]:
    for event in reversed(events):
        if isinstance(event, e.CallReplanned):
            try:
                return msgspec.json.decode(event.request, type=CallRequest), event.facts
            except msgspec.DecodeError:
                break
    started, request = call.state.started, call.caller.usage.pending_request
    digits = started.dialled
    if started.trunk is None and request is not None:
        # With the password of an account code, which the record does not have.
        uri = Uri.parse(request.uri)
        digits = request.uri if uri.scheme == "urn" else uri.dialled()
    return msgspec.structs.replace(requests.of_caller(call, digits), at=started.at), started.facts


def _call_off(call: Call, index: int, state: LegState, now: float) -> None:
    """Nobody is rung for by that INVITE any more. Its port closes, as the engine's for all that nobody adopts."""
    if state.dialog is not None:
        context, flow = call.context, flow_of(state.flow)
        carrier = is_trunk(state.target)
        dialog = dialog_of(state.dialog)
        InviteUsage.abandoned(context.endpoint, flow, dialog, state.branch, now, NOBODY, carrier, ELSEWHERE)
    ending = stopped(Reason.COMPLETED_ELSEWHERE)
    at, lease = call.context.at(), state.media
    call.record(e.LegEnded(call.id, call.state.n, at, index, ending.result, ending.reason, ending.sip_status))
    if lease is not None:
        call.context.engine.close(lease.leg)
