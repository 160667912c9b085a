"""The 2xx of an INVITE and its ACK, which no transaction repeats (RFC 3261 sections 13.2.2.4 and 13.3.1.4).

we accept:  the 2xx is repeated from T1 on, doubling up to T2, until its ACK comes; after 64*T1 the session is lost
we call:    every copy of the 2xx gets the same ACK again; a 2xx of another fork, or one that crossed our CANCEL, is
            acknowledged and its dialog ended by BYE at once
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from switch.sip.dialog import Dialog
from switch.sip.errors import RemoteProtocolError
from switch.sip.leg_events import LegEvent, Lost
from switch.sip.message import Response
from switch.sip.next_hop import toward
from switch.sip.parts import SDP_LINE
from switch.sip.timer import Timer
from switch.sip.transaction import ServerTransaction
from switch.sip.usage_state import CONFIRMED, ENDED

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage


class Retransmission(msgspec.Struct):
    """A 2xx that is repeated until its ACK comes: also over TCP, as a proxy behind it may use UDP."""

    txn: ServerTransaction
    cseq: int
    interval_s: float
    deadline: float
    offered: bool
    again: bool = False
    """It is sent once more after a restart. The ACK may have reached our former self, so silence is no loss."""
    timer: Timer | None = None


def accept(
    usage: InviteUsage, txn: ServerTransaction, lines: list[str], body: bytes, offered: bool, now: float
) -> None:
    """Send the 200. `offered`: `body` is an offer; the ACK brings its answer."""
    if body:
        lines.append(SDP_LINE)
    endpoint, timings = usage.endpoint, usage.endpoint.timings
    usage.accepted = accepted = Retransmission(txn, txn.request.cseq, timings.t1, now + 64 * timings.t1, offered)
    endpoint.respond(txn, 200, now, to_tag=usage.dialog.local_tag, lines=lines, body=body, copy_record_route=True)
    accepted.timer = endpoint.timers.after(accepted.interval_s, now, usage.owner, accepted)


def repeat(usage: InviteUsage, accepted: Retransmission, now: float) -> LegEvent | None:
    """Our 2xx is due again, or 64*T1 have passed without its ACK: then the session ends by BYE."""
    if now >= accepted.deadline:
        usage.accepted = None
        # Without the answer that the ACK brings there is no sound, whoever has seen it.
        return None if accepted.again and not accepted.offered else Lost(408)
    endpoint = usage.endpoint
    endpoint.repeat(accepted.txn, now)
    accepted.interval_s = min(accepted.interval_s * 2, endpoint.timings.t2)
    accepted.timer = endpoint.timers.start(min(now + accepted.interval_s, accepted.deadline), usage.owner, accepted)
    return None


def forget(usage: InviteUsage) -> None:
    """The ACK is here, or of no more interest."""
    accepted = usage.accepted
    if accepted is not None:
        if accepted.timer is not None:
            accepted.timer.cancel()
        usage.accepted = None


def acknowledge(usage: InviteUsage, body: bytes, now: float) -> None:
    """Send the ACK of the 2xx that came last; `body` is the answer to an offer that it made."""
    dialog = usage.dialog
    lines = dialog.lines("ACK", usage.ack_cseq)
    lines += _credentials(usage)
    if body:
        lines.append(SDP_LINE)
    usage.needs_ack = False
    usage.sent_ack = usage.endpoint.ack(usage.flow, dialog.request_uri(), lines, body, now)


def stray(usage: InviteUsage, response: Response, now: float) -> None:
    """A 2xx to an INVITE that a former process sent in this dialog."""
    if (response.to_tag or "") == usage.dialog.remote_tag and response.cseq != usage.ack_cseq:
        usage.ack_cseq = response.cseq
        acknowledge(usage, b"", now)
    else:
        repeated(usage, response, now)


def repeated(usage: InviteUsage, response: Response, now: float) -> None:
    """The same 2xx again wants the same ACK; one with another tag is a second fork's, which is ended."""
    if (response.to_tag or "") != usage.dialog.remote_tag or not usage.ack_cseq:
        unwanted(usage, response, now)
    elif usage.sent_ack and response.cseq == usage.ack_cseq:
        usage.endpoint.send(usage.flow, usage.sent_ack)


def unwanted(usage: InviteUsage, response: Response, now: float) -> None:
    """A 2xx made a dialog that nobody wants."""
    drop(usage, response, now)
    if usage.state is not CONFIRMED:
        usage.state = ENDED


def drop(usage: InviteUsage, response: Response, now: float) -> None:
    """Acknowledge and end a dialog that nobody wants. Further copies of its 2xx get the same ACK again."""
    tag = response.to_tag or ""
    known = usage.dropped.get(tag)
    if known is not None:
        usage.endpoint.send(usage.flow, known)
        return
    ours, early = usage.dialog, usage.forks.get(tag)
    # A PRACK has used up numbers of that dialog.
    number = max(response.cseq, ours.local_cseq, early.dialog.local_cseq if early is not None else 0)
    dialog = Dialog(ours.call_id, ours.local_tag, "", ours.local, ours.remote, ours.target, (), number)
    with contextlib.suppress(RemoteProtocolError):
        # Without a Contact that can be read it is told where it was asked.
        dialog.established_by(response)
    flow = toward(usage.flow, dialog, usage.carrier)
    lines = [*dialog.lines("ACK", response.cseq), *_credentials(usage)]
    ack = usage.endpoint.ack(flow, dialog.request_uri(), lines, b"", now)
    usage.dropped = {**usage.dropped, tag: ack}
    usage.say_bye(dialog, flow, now, usage.reason)


def _credentials(usage: InviteUsage) -> tuple[str, ...]:
    return usage.challenges.invited if usage.challenges is not None else ()
