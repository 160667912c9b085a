"""Provisional responses that cannot be lost (RFC 3262), seen from both ends.

We send them (UAS): a 18x with `Require: 100rel` and `RSeq` is repeated, doubling from T1, until its PRACK; the next
waits for that. After 64*T1 the INVITE is to be refused with a 5xx. A 2xx may not overtake one that carries SDP.

    open --PRACK--> nothing open, the next of the queue is sent        open --64*T1--> given up
         --final response--> no more repeats; a late PRACK is still answered

We receive them (UAC): each To tag is an early dialog with an RSeq series of its own (a forking proxy makes several).
The first RSeq is taken as it is, then each must be one higher; all else is a copy or overtook another, and is ignored.
The SDP of a reliable 1xx is the answer to our INVITE, for good; or an offer, when the INVITE had none: its PRACK brings
the answer, and is sent when the call has one.

A call without any of this has `provisionals` None and an empty `forks`, and pays nothing.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from switch.sip.dialog import Dialog
from switch.sip.leg_events import LegEvent, Offer, Pracked, Progress, Unpracked
from switch.sip.message import Request, Response
from switch.sip.methods import ALLOW, allows_update
from switch.sip.next_hop import toward
from switch.sip.offer_answer import GLARE, standing
from switch.sip.parts import SDP_LINE as SDP
from switch.sip.parts import session_description
from switch.sip.timer import Timer
from switch.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage

NEVER, SUPPORTED, REQUIRED = range(3)
_OPTIONS = frozenset(("require", "supported"))
MAX_FORKS = 32
MAX_WAITING = 16


class EarlyDialog(msgspec.Struct):
    """One early dialog of an INVITE of ours that a reliable 1xx made.

    `description` is what its far end described reliably; `rack` the RAck of the PRACK that still has to bring our
    answer to an offer, empty when there is none.
    """

    dialog: Dialog
    rseq: int
    description: bytes = b""
    rack: str = ""


class Provisionals(msgspec.Struct):
    """The reliable 1xx that we send to one INVITE. `data` is the open one, empty when none is."""

    txn: ServerTransaction
    cseq: int
    rseq: int
    data: bytes = b""
    described: bool = False
    """The open one carries SDP, so a 2xx has to wait for its PRACK."""
    offering: bool = False
    """The SDP of the open one is an offer: its PRACK brings the answer."""
    settled: bool = False
    """An offer and its answer have passed: the INVITE's own, or ours and the PRACK's."""
    acked: int = 0
    """The RSeq that was acknowledged last."""
    interval_s: float = 0.0
    deadline: float = 0.0
    waiting: deque[tuple[int, bytes, Sequence[str], bool]] = msgspec.field(default_factory=deque)
    timer: Timer | None = None

    def stop(self) -> None:
        """No more repeats."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def wish_of(request: Request) -> int:
    """Whether the caller wants reliable 1xx: NEVER, SUPPORTED or REQUIRED."""
    if not request.has_any(_OPTIONS):
        return NEVER
    if request.header("Require") is not None and "100rel" in lowered(request, "Require"):
        return REQUIRED
    if request.header("Supported") is not None and "100rel" in lowered(request, "Supported"):
        return SUPPORTED
    return NEVER


def lowered(message: Request | Response, name: str) -> list[str]:
    """The option tags in a header, in small letters."""
    return [value.lower() for value in message.values(name)]


def first_rseq(tag: str) -> int:
    """The first RSeq of an INVITE: anywhere in the lower half of the range, so that it never wraps (section 3)."""
    return zlib.crc32(tag.encode("utf-8", "surrogateescape")) % 2**30 + 1


# -- as UAC -----------------------------------------------------------------------------------------------------------


def received(usage: InviteUsage, response: Response, invite_cseq: int) -> EarlyDialog | None:
    """Take a 1xx that wants a PRACK. None when it is a copy, overtook another, or is one fork too many."""
    value = response.header("RSeq") or ""
    if not (value.isascii() and value.isdigit()) or not 0 < int(value[:11]) < 2**31:
        return None
    rseq, tag = int(value), response.to_tag or ""
    early = usage.forks.get(tag)
    if early is None:
        if not tag or len(usage.forks) >= MAX_FORKS:
            return None
        ours = usage.dialog
        dialog = Dialog(ours.call_id, ours.local_tag, "", ours.local, ours.remote, ours.target, (), invite_cseq)
        dialog.established_by(response)
        early = EarlyDialog(dialog, rseq)
        usage.forks = {**usage.forks, tag: early}
        return early
    # "one higher than the value of the last" (section 4); what is not MUST NOT be acknowledged.
    if early.rack or rseq != early.rseq + 1:
        return None
    early.rseq = rseq
    early.dialog.refresh_target(response)
    return early


def on_reliable(usage: InviteUsage, response: Response, now: float) -> LegEvent | None:
    """A 1xx that wants a PRACK: at once, or with the call's answer when it makes an offer."""
    early = received(usage, response, response.cseq)
    if early is None:
        return None
    tag, body = response.to_tag or "", session_description(response)
    rack = f"{early.rseq} {response.cseq} INVITE"
    usage.allows_update = usage.allows_update or allows_update(response)
    if early.description:
        body = b""  # the first one holds (RFC 3261 section 13.2.1)
    else:
        early.description = body
        if body and not usage.made_offer:
            early.rack = rack
            return Progress(response.status, body, tag, True)
    prack(usage, early, rack, b"", now)
    return Progress(response.status, body, tag)


def prack(usage: InviteUsage, early: EarlyDialog, rack: str, body: bytes, now: float) -> None:
    """Send a PRACK; `body` is the answer to the offer of the 1xx."""
    dialog = early.dialog
    lines = dialog.lines("PRACK", dialog.next_cseq())
    lines.append(f"RAck: {rack}")
    if body:
        lines.append(SDP)
    usage.request(dialog, toward(usage.flow, dialog, usage.carrier), "PRACK", lines, body, now)


def chosen(usage: InviteUsage, response: Response) -> bytes:
    """Of several early dialogs one was answered with that 2xx: its numbers go on, and what it described reliably holds.

    The description of the far end."""
    early, usage.forks = usage.forks.get(usage.dialog.remote_tag), {}
    if early is None:
        return session_description(response)
    usage.dialog.local_cseq = max(usage.dialog.local_cseq, early.dialog.local_cseq)
    usage.dialog.remote_cseq = early.dialog.remote_cseq
    if usage.updating is not None and usage.updating.early is early:
        usage.updating.early = None
    return early.description or session_description(response)


def is_reliable(response: Response) -> bool:
    """Whether a 1xx has to be acknowledged by PRACK."""
    return response.header("RSeq") is not None and "100rel" in lowered(response, "Require")


# -- as UAS -----------------------------------------------------------------------------------------------------------


def acknowledges(provisionals: Provisionals, prack: Request) -> bool:
    """Whether the PRACK is for the 1xx that is open, or for one that was acknowledged just before."""
    parts = (prack.header("RAck") or "").split()
    if len(parts) != 3 or parts[2] != "INVITE" or not all(part.isascii() and part.isdigit() for part in parts[:2]):
        return False
    rseq, cseq = int(parts[0][:11]), int(parts[1][:11])
    return cseq == provisionals.cseq and rseq == provisionals.rseq and rseq != provisionals.acked


def send(
    usage: InviteUsage,
    txn: ServerTransaction,
    status: int,
    body: bytes,
    identity: Sequence[str],
    offered: bool,
    now: float,
) -> None:
    """Send a 18x reliably, as soon as the one before it was acknowledged. `offered`: `body` is an offer; `identity` are
    header lines that say who rings."""
    provisionals = usage.provisionals
    if provisionals is None:
        first = first_rseq(usage.dialog.local_tag)
        provisionals = usage.provisionals = Provisionals(txn, txn.request.cseq, first - 1)
    if not provisionals.data:
        _send(usage, provisionals, status, body, identity, offered, now)
    elif len(provisionals.waiting) < MAX_WAITING:
        provisionals.waiting.append((status, body, identity, offered))


def _send(
    usage: InviteUsage,
    provisionals: Provisionals,
    status: int,
    body: bytes,
    identity: Sequence[str],
    offered: bool,
    now: float,
) -> None:
    if provisionals.settled:
        body, offered = b"", False  # the first answer holds (RFC 3261 section 13.2.1)
    provisionals.rseq += 1
    lines = [f"Contact: {usage.contact}", ALLOW, "Require: 100rel", f"RSeq: {provisionals.rseq}", *identity]
    if body:
        lines.append(SDP)
    endpoint, timings = usage.endpoint, usage.endpoint.timings
    provisionals.data = endpoint.respond(
        provisionals.txn, status, now, to_tag=usage.dialog.local_tag, lines=lines, body=body, copy_record_route=True
    )
    if not provisionals.data:
        return
    provisionals.described, provisionals.offering = bool(body), offered
    provisionals.settled = provisionals.settled or (bool(body) and not offered)
    provisionals.interval_s, provisionals.deadline = timings.t1, now + 64 * timings.t1
    provisionals.timer = endpoint.timers.start(now + timings.t1, usage.owner, provisionals)


def repeat(usage: InviteUsage, provisionals: Provisionals, now: float) -> LegEvent | None:
    """The open 1xx is due again, or nobody has acknowledged it for 64*T1."""
    provisionals.timer = None
    if now >= provisionals.deadline:
        provisionals.data = b""
        return Unpracked()
    usage.endpoint.send(provisionals.txn.flow, provisionals.data)
    provisionals.interval_s *= 2
    when = min(now + provisionals.interval_s, provisionals.deadline)
    provisionals.timer = usage.endpoint.timers.start(when, usage.owner, provisionals)
    return None


def pracked(usage: InviteUsage, txn: ServerTransaction, now: float) -> LegEvent | None:
    """A PRACK came. It may bring the answer to the offer of the 1xx, or an offer of its own (RFC 6337 section 2.2)."""
    provisionals = usage.provisionals
    if provisionals is None or not acknowledges(provisionals, txn.request):
        usage.endpoint.respond(txn, 481, now)
        return None
    offering = provisionals.offering
    body = session_description(txn.request)
    provisionals.stop()
    provisionals.acked, provisionals.data = provisionals.rseq, b""
    provisionals.described = provisionals.offering = False
    event: LegEvent
    if offering:
        usage.endpoint.respond(txn, 200 if body else 400, now)
        provisionals.settled = bool(body)
        event = Pracked(body) if body else Unpracked()
    elif body and (status := GLARE[standing(usage)]):
        usage.endpoint.respond(txn, status, now, lines=["Retry-After: 2"] if status == 500 else ())
        event = Pracked()
    elif body:
        usage.asking = txn
        event = Offer(body, pracked=True)
    else:
        usage.endpoint.respond(txn, 200, now)
        event = Pracked()
    if provisionals.waiting and usage.pending_request is not None:
        _send(usage, provisionals, *provisionals.waiting.popleft(), now)
    return event
