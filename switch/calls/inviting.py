"""One telephone or carrier is called: the leg, its media port, and what its INVITE says of who calls.

    a port in the family of the far end  ->  an offer out of the caller's  ->  who calls, and who forwarded the call
        ->  the record  ->  the INVITE, and the wait for a first word

A telephone is told by `presentation.py`, a carrier by its `dialect.py`; who is told what, stands in `trust.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from dialplan import vocabulary as v
from dialplan.plan import Branch, TrunkTarget
from records import events as e
from switch.calls import location, ports, sound
from switch.calls.adopting import adopt
from switch.calls.context import Phone
from switch.calls.dialect import Dialect
from switch.calls.forwards import told
from switch.calls.identity import address_of, party
from switch.calls.leg import CALLER, UNREACHABLE, Leg, flow_value, line_of, trunk_of
from switch.calls.presentation import contact_value, max_forwards, to_telephone, uri_of
from switch.calls.rating import advice
from switch.calls.sound import SdpError, Sound
from switch.calls.state import CallState
from switch.calls.trust import Side, asserts, hidden_from, passed_lines, side_of
from switch.sip.dialog import Dialog
from switch.sip.invite import InviteUsage

if TYPE_CHECKING:
    from switch.calls.call import Call


def ring(
    call: Call, target: str, start: v.StartBranch, contact: int, phone: Phone, now: float, flows: int = 1
) -> Leg | None:
    """Send an INVITE to one telephone of a branch, which has so many flows to share the time in which it must
    answer. None when there is no media port left, or no codec that it takes, so that nothing can ring."""
    context = call.context
    if call.rung and (adopted := adopt(call, target, start, contact, phone, now)) is not None:
        return adopted
    media = Sound()
    v6 = ":" in phone.flow.remote[0]
    for_help = call.state.for_help
    if for_help:
        ports.ensure(call, call.front)  # before two that call for help take what is left with one side each
    if not ports.lease(call, media, phone.flow, v6) and not ports.lease(call, media, phone.flow, not v6):
        return None
    call.numbered += 1
    branch, dialect = start.branch, phone.dialect
    leg = Leg(call, call.numbered, target, branch.id, contact, media)
    leg.policy = branch.policy
    if dialect is not None:
        media.codecs = dialect.settings.codecs
    media.srtp = phone.srtp if dialect is None else dialect.settings.srtp
    if for_help and media.srtp != sound.REQUIRED:
        media.srtp = ""
    media.widens = not for_help  # nothing that a gateway might stumble over
    caller, state = call.front, as_from_front(call)
    leg.shown = caller.tag
    # For a front that was answered, nobody can be asked: the offer is our own.
    beside = call.state.answered_at is not None
    proposed = caller.sound.remote if not beside else None
    try:
        if beside:
            offer = sound.offer_beside(media, caller.sound)
        else:
            offer = sound.offer_to(media, proposed) if proposed is not None else b""
    except SdpError:
        if proposed is None or not state.started.emergency:
            # The carrier takes none of the caller's codecs; another one may.
            context.engine.close(ports.leased(leg))
            call.unfit = True
            return None
        media.codecs, media.widens = (), True  # who calls for help offers all that he has, and what we have
        offer = sound.offer_to(media, proposed)
    # Without an offer the telephone may make one in a reliable 18x, which only such a caller can answer in time.
    extensions = context.extensions[bool(offer) or bool(caller.usage.reliably)]
    host, port = context.advertised(phone.flow)
    tag, via_branch = context.token(), "z9hG4bK" + context.token()
    asked = caller.usage.pending_request
    side = side_of(dialect)
    started = state.started
    hidden = (phone.withheld and not started.emergency) or (started.hidden and hidden_from(state, side))
    lines = passed_lines(asked, state, side, hidden)
    user, address = "", phone.to
    if dialect is None:
        address, local, own = _to_telephone(call, state, start, phone, side, host)
    else:
        user, local, own = _to_carrier(state, start, phone, dialect, side, hidden, host)
        if state.started.address and dialect.settings.emergency_location:
            where = context.directory.address(state.started.address)
            if where is not None:
                number = phone.caller or state.started.caller_number
                located, offer = location.carried(where, number, host, offer, context.token(), context.at())
                # In place of what the telephone itself knows: whoever dispatches help needs one place.
                lines = [*(line for line in lines if not line.startswith("Geolocation")), *located]
    dialog = Dialog(f"{context.token()}@{host}", tag, "", local, f"<{address}>", phone.uri, phone.routes)
    call.legs[leg.index] = leg
    _record(call, leg, phone, dialog, via_branch, branch, bool(start.hops))
    ports.open_port(call, leg)
    transport = phone.flow.transport
    addresses = (dialog.target, dialog.next_hop()) if transport == "tls" else ()
    leg.usage = InviteUsage.outgoing(
        context.endpoint,
        phone.flow,
        dialog,
        contact_value(host, port, transport, user, addresses),
        [*extensions, *lines, *own],
        offer,
        now,
        leg,
        via_branch,
        max_forwards(asked),
        dialect is not None,
        context.settings.sessions,
        dialect.account if dialect is not None else None,
    )
    if dialect is not None:
        leg.usage.advice = advice(dialect.settings)
    context.remember_leg(tag, leg)
    leg.unreachable = context.endpoint.timers.after(context.settings.unreachable_s / flows, now, leg, UNREACHABLE)
    return leg


def as_from_front(call: Call) -> CallState:
    """The call as if its front had made it: after the caller has left it, whoever remains is shown to those that are
    rung."""
    state = call.state
    if state.front == CALLER:
        if state.helped is not None:
            started = structs.replace(state.started, emergency=True, address=state.asked.address)
            return CallState(state.id, state.n, started, state.legs, state.answered_at, state.front, state.peer)
        return state
    started, who = state.started, party(call, call.front)
    started = structs.replace(
        started,
        caller_number=who.number,
        caller_name=who.name,
        trunk=trunk_of(call.front.target) or None,
        line=line_of(call.front.target) or None,
        hidden=who.hidden,
        believed=False,
        emergency=started.emergency or state.helped is not None,
        address=state.asked.address,
    )
    return CallState(state.id, state.n, started, state.legs, state.answered_at, state.front, state.peer)


def _as_parked(state: CallState, parked: e.Parked) -> CallState:
    """A parked call that comes back says so in its name."""
    started = structs.replace(state.started, caller_name=f"Parked {parked.name}".rstrip())
    return CallState(state.id, state.n, started, state.legs, state.answered_at, state.front, state.peer)


def _to_telephone(
    call: Call, state: CallState, start: v.StartBranch, phone: Phone, side: Side, host: str
) -> tuple[str, str, list[str]]:
    """The URI of the To, the From without its tag, and the header lines that tell a telephone who calls, and for
    whom."""
    directory, for_ = call.context.directory, start.branch.for_
    here = directory.domains.own or host
    shown = directory.shown(for_) if for_ else None
    if call.state.parked is not None:
        state = _as_parked(state, call.state.parked)
    forwards = told(state, start.hops, side) if start.hops or state.started.forwards else ()
    local, own = to_telephone(state, here, forwards, phone.uri, shown)
    if call.transfer is not None and call.transfer.line:
        # RFC 3892: who is called by a transfer learns by whom.
        own = [*own, f"Referred-By: {address_of(e.Party(*directory.shown(call.transfer.line)), here)}"]
    return uri_of(shown[0], here) if shown is not None else phone.to, local, own


def _to_carrier(
    state: CallState, start: v.StartBranch, phone: Phone, dialect: Dialect, side: Side, hidden: bool, host: str
) -> tuple[str, str, list[str]]:
    """The user of our Contact, which carriers want to see (a telephone finds us without), the From without its tag,
    and the header lines that say who calls."""
    number = phone.caller or state.started.caller_number
    local, own = dialect.caller(number, state.started.caller_name, host, hidden, asserts(state, side))
    passed = told(state, start.hops, side, phone.caller, phone.withheld)
    if passed:
        own += dialect.forwards(passed, host)
        own += dialect.forwards(passed, host, phone.uri)
    return dialect.contact_user(number, hidden), local, own


def _record(
    call: Call, leg: Leg, phone: Phone, dialog: Dialog, via_branch: str, branch: Branch, forwarded: bool
) -> None:
    value = e.Dialog(
        dialog.call_id, dialog.local_tag, "", dialog.local, dialog.remote, dialog.target, dialog.routes, 1, -1
    )
    flow = flow_value(phone.flow)
    at = call.context.at()
    payer = number = shown = user = site = ""
    if phone.device:
        user, site = call.context.directory.own(phone.device)
    if phone.dialect is not None and isinstance(branch.target, TrunkTarget):
        started, owner = call.state.started, branch.policy.owner if branch.policy is not None else ""
        # A call on a delegator's line is the delegator's to pay (XRL-9), though its limit is the delegate's own.
        payer = owner if owner != started.line and (forwarded or not started.line) else ""
        number = branch.target.number if branch.target.number != started.number else ""
        if call.for_help:
            caller = phone.caller or started.caller_number
            shown = caller if caller.startswith("+") else ""
    call.record(
        e.LegStarted(
            call.id,
            call.state.n,
            at,
            leg.index,
            leg.target,
            phone.uri,
            flow,
            value,
            via_branch,
            phone.device,
            payer,
            number,
            branch.for_,
            shown,
            user,
            site,
        )
    )
    leg.record_media()
