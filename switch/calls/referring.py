"""What a REFER asks for, and whether that leg may (RFC 3515, 5589; K.8); `transfer.py` or `attended.py` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switch.calls import attended, transfer
from switch.calls.leg import Leg, is_trunk, trunk_of
from switch.sip import refer
from switch.sip.errors import RemoteProtocolError
from switch.sip.leg_events import Referred
from switch.sip.uri import Uri

if TYPE_CHECKING:
    from switch.calls.call import Call

MOST = 25
"""So often a call may be transferred; once more is a loop."""


def asked(call: Call, leg: Leg, event: Referred, now: float) -> None:
    """A REFER came."""
    status = refusal(call, leg)
    if not status and event.replaces is not None:
        attended.asked(call, leg, event, event.replaces, now)
        return
    status = status or kept(call, leg)
    digits = "" if status else dialled(call, event.uri)
    if digits:
        transfer.blind(call, leg, digits, now, number=event.number)
    else:
        refer.refuse(leg.usage, event.number, status or 404, now)


def refusal(call: Call, leg: Leg) -> int:
    """Why that leg may not transfer the call now, as a SIP status; 0 when it may."""
    stays = call.other(leg)
    if call.state.answered_at is None or call.over:
        return 403
    if call.transfer is not None or call.errand is not None or call.ringer is not None:
        return 491
    if (
        call.service is not None
        or stays is None
        or not stays.usage.confirmed
        or leg.index not in (call.state.front, call.state.peer)
    ):
        return 403  # who talks with a service of ours has nobody to transfer
    if stays.usage.accepted_offer:
        return 491  # its answer to our offer, and with it its sound, is on the way
    if is_trunk(leg.target) and not _carrier_may(call, leg):
        return 403
    return transfer.LOOP if call.state.transfers >= MOST else 0


def kept(call: Call, leg: Leg) -> int:
    """Nobody of the house sends those who help, or who is helped, on to somebody who may not answer (see RFC 6881
    section 13). Two who talk may be joined, as nobody is lost by that, and a carrier may send on what is its own."""
    return 403 if call.for_help and not is_trunk(leg.target) else 0


def _carrier_may(call: Call, leg: Leg) -> bool:
    dialect = call.context.directory.dialect(trunk_of(leg.target))
    return dialect is not None and dialect.settings.transfers


def dialled(call: Call, uri: str) -> str:
    """What a Refer-To asks for as digits; empty where it does not mean us."""
    try:
        parsed = Uri.parse(uri)
    except RemoteProtocolError:
        return ""
    return parsed.dialled() if call.context.directory.domains.include(parsed.host) else ""


def by_operator(call: Call, to: str, now: float) -> tuple[int, Leg | None]:
    """Send the call on to a number, as the operator wants: the side outside the house stays, else the caller; it goes
    with the permission of the line whose place is taken. The status with which it is refused, 0 when it has begun, and
    whose place is taken."""
    front = call.legs.get(call.state.front)
    peer = call.other(front) if front is not None else None
    if front is None or peer is None:
        return 403, None
    by = front if is_trunk(peer.target) and not is_trunk(front.target) else peer
    if is_trunk(by.target):
        return 403, by  # two outside: nobody of the house whose permission would count
    return refusal(call, by) or kept(call, by) or transfer.blind(call, by, to, now, how="operator"), by
