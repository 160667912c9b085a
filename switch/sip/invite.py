"""The INVITE usage of a dialog: a leg's signalling from the first INVITE to the last BYE (RFC 3261 sections 13-15).

Two kinds of beginning, one life:

    outgoing:  calling -> early -> confirmed -> ended          incoming:  calling -> early -> confirmed -> ended
                  \\-> cancelling ------------> ended                           \\-> ended (CANCEL, refused)

Once confirmed both are alike: either side may send a new offer (re-INVITE), and either may say BYE. At most one
INVITE is under way in a dialog, so an INVITE that meets ours is answered 491, and one that meets an unanswered one of
the same direction 500 (section 14.2).

The usage is sans-IO. Requests, responses, ACKs and timers go in by the `on_...` methods; each returns what it means
for the call as one of the small events of `leg_events.py`, or None when it concerns the wire alone. What goes out goes
to the `Endpoint`. The usage takes no body apart and knows nothing of SDP. Its timers fire on its `owner`, which hands
them back through `on_timer`, so that what they mean reaches the call as any other event does.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import msgspec

from switch.sip.dialog import Dialog
from switch.sip.endpoint import Endpoint
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.leg_events import (
    Acked,
    Answer,
    Astray,
    Cancelled,
    Closed,
    Ended,
    LegEvent,
    Lost,
    Offer,
    OfferAnswer,
    OfferCancelled,
    OfferRefusal,
    Progress,
    Refusal,
)
from switch.sip.message import Request, Response
from switch.sip.methods import AGENT, ALLOW, refusal_of
from switch.sip.next_hop import toward
from switch.sip.parts import session_description
from switch.sip.timer import Timer, TimerOwner
from switch.sip.transaction import ClientTransaction, ServerTransaction

SDP = "Content-Type: application/sdp"
NOTHING: Mapping[str, bytes] = MappingProxyType({})


class UsageOwner(TimerOwner, Protocol):
    """Whose leg it is."""

    def heard(self, event: LegEvent, now: float) -> None:
        """Take what a usage has to say."""


class State(enum.Enum):
    """Where a usage stands; see the picture above."""

    CALLING = 1
    EARLY = 2
    CANCELLING = 3
    CONFIRMED = 4
    ENDED = 5


class Retransmission(msgspec.Struct):
    """A 2xx that is repeated until its ACK comes (13.3.1.4): also over TCP, as a proxy behind it may use UDP."""

    txn: ServerTransaction
    cseq: int
    interval_s: float
    deadline: float
    offered: bool
    again: bool = False
    """It is sent once more after a restart. The ACK may have reached our former self, so silence is no loss."""
    timer: Timer | None = None


class InviteUsage:
    """One leg's dialog. Made by `incoming`, `outgoing` or `recovered`."""

    __slots__ = (
        "_accepted",
        "_ack",
        "_ack_cseq",
        "_client",
        "_dropped",
        "_farewell",
        "_reason",
        "_server",
        "carrier",
        "contact",
        "dialog",
        "endpoint",
        "flow",
        "needs_ack",
        "owner",
        "state",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        flow: Flow,
        dialog: Dialog,
        contact: str,
        state: State,
        owner: UsageOwner,
        carrier: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.flow = flow
        self.carrier = carrier
        """The far end is a carrier, whose next hop may be another host than the one that we hear from (`toward`)."""
        self.dialog = dialog
        self.contact = contact
        self.state = state
        self.owner = owner
        self._server: ServerTransaction | None = None
        self._client: ClientTransaction | None = None
        self._accepted: Retransmission | None = None
        self._ack: bytes = b""
        self._ack_cseq = 0
        self._reason: Sequence[str] = ()
        self._farewell = ""
        """The branch of our BYE, while it may be sent once more."""
        self._dropped: Mapping[str, bytes] = NOTHING
        """Tags of dialogs that were ended as soon as they were made, and their ACKs."""
        self.needs_ack = False
        """A 2xx came whose ACK is the call's to send, by `ack`."""

    # -- beginnings ---------------------------------------------------------------------------------------------

    @classmethod
    def incoming(
        cls,
        endpoint: Endpoint,
        txn: ServerTransaction,
        local_tag: str,
        contact: str,
        owner: UsageOwner,
        carrier: bool = False,
    ) -> InviteUsage:
        """The usage behind an INVITE that came outside a dialog. Raises RemoteProtocolError 400 without Contact."""
        dialog = Dialog.from_request(txn.request, local_tag)
        usage = cls(endpoint, toward(txn.flow, dialog, carrier), dialog, contact, State.CALLING, owner, carrier)
        usage._server = txn
        txn.owner = usage
        return usage

    @classmethod
    def outgoing(
        cls,
        endpoint: Endpoint,
        flow: Flow,
        dialog: Dialog,
        contact: str,
        lines: Sequence[str],
        body: bytes,
        now: float,
        owner: UsageOwner,
        branch: str | None = None,
        max_forwards: int = 70,
        carrier: bool = False,
    ) -> InviteUsage:
        """Send an INVITE. `dialog` has no remote tag yet; `lines` are the header lines that the caller adds."""
        usage = cls(endpoint, flow, dialog, contact, State.CALLING, owner, carrier)
        usage._client = usage._invite(lines, body, now, branch, max_forwards)
        return usage

    @classmethod
    def recovered(
        cls,
        endpoint: Endpoint,
        flow: Flow,
        dialog: Dialog,
        contact: str,
        owner: UsageOwner,
        carrier: bool = False,
        unacknowledged: bool = False,
    ) -> InviteUsage:
        """A confirmed usage out of the journal; `flow` is the one that it was last heard on.

        `unacknowledged`: the 2xx of our INVITE made an offer, and the answer that its ACK is to bring is not there yet.
        """
        usage = cls(endpoint, toward(flow, dialog, carrier), dialog, contact, State.CONFIRMED, owner, carrier)
        if unacknowledged:
            usage.needs_ack = True
            usage._ack_cseq = dialog.local_cseq
        return usage

    @classmethod
    def abandoned(
        cls,
        endpoint: Endpoint,
        flow: Flow,
        dialog: Dialog,
        branch: str,
        now: float,
        owner: UsageOwner,
        carrier: bool = False,
    ) -> InviteUsage:
        """Cancel an INVITE that a former process sent. A 2xx that crosses the CANCEL gets ACK and BYE, as ever."""
        usage = cls(endpoint, flow, dialog, "", State.EARLY, owner, carrier)
        lines = dialog.lines("INVITE", dialog.local_cseq)
        usage._client = endpoint.resume(flow, dialog.request_uri(), lines, branch, usage)
        usage.cancel(now)
        return usage

    # -- what the call may do -----------------------------------------------------------------------------------

    @property
    def offer_pending(self) -> bool:
        """Whether an INVITE is under way in either direction, so that we may not send one."""
        accepted = self._accepted
        return self._client is not None or self._server is not None or (accepted is not None and not accepted.again)

    @property
    def pending_request(self) -> Request | None:
        """The INVITE of the far end that waits for our final response."""
        return self._server.request if self._server is not None else None

    @property
    def branch(self) -> str:
        """The Via branch of the INVITE under way; empty when there is none."""
        return self._client.branch if self._client is not None else ""

    def trying(self, now: float) -> None:
        """Send 100 to the INVITE under way."""
        if self._server is not None:
            self.endpoint.respond(self._server, 100, now)

    def progress(self, status: int, now: float, body: bytes = b"") -> None:
        """Send a 18x to the caller, with SDP as early media when `body` is given."""
        if self._server is None or self.state is State.CONFIRMED or self.state is State.ENDED:
            return
        self.state = State.EARLY
        lines = [f"Contact: {self.contact}", ALLOW]
        if body:
            lines.append(SDP)
        self.endpoint.respond(
            self._server, status, now, to_tag=self.dialog.local_tag, lines=lines, body=body, copy_record_route=True
        )

    def accept(self, body: bytes, now: float, *, offered: bool = False) -> None:
        """Send 200 to the INVITE under way, first or not. `offered`: `body` is an offer; the ACK brings its answer."""
        txn = self._server
        if txn is None:
            return
        self._server = None
        self.state = State.CONFIRMED
        lines = [f"Contact: {self.contact}", ALLOW]
        if body:
            lines.append(SDP)
        timings = self.endpoint.timings
        self._accepted = accepted = Retransmission(txn, txn.request.cseq, timings.t1, now + 64 * timings.t1, offered)
        self.endpoint.respond(
            txn, 200, now, to_tag=self.dialog.local_tag, lines=lines, body=body, copy_record_route=True
        )
        accepted.timer = self.endpoint.timers.start(now + accepted.interval_s, self.owner, accepted)

    def accept_again(self, txn: ServerTransaction, body: bytes, now: float, *, offered: bool = False) -> None:
        """After a crash: repeat the 200 that may not have reached the far end, until its ACK or for 64*T1."""
        self._server = txn
        txn.owner = self
        self.accept(body, now, offered=offered)
        if self._accepted is not None:
            self._accepted.again = True

    def refuse(self, status: int, now: float, lines: Sequence[str] = ()) -> None:
        """Send a final refusal to the INVITE under way. A first INVITE ends the usage with it; a re-INVITE does not."""
        txn = self._server
        if txn is None:
            return
        self._server = None
        if self.state is not State.CONFIRMED:
            self.state = State.ENDED
        self.endpoint.respond(txn, status, now, to_tag=self.dialog.local_tag, lines=lines)

    def cancel(self, now: float, lines: Sequence[str] = ()) -> None:
        """Give up an INVITE of ours that has no final response. A 2xx that crosses it gets ACK and BYE."""
        if self._client is None or self.state not in (State.CALLING, State.EARLY):
            return
        self.state = State.CANCELLING
        self._reason = lines
        self.endpoint.cancel(self._client, now, lines)

    def offer(self, body: bytes, now: float) -> None:
        """Send a re-INVITE; an empty body asks the far end for an offer. Only when not `offer_pending`."""
        self._client = self._invite([], body, now, None)

    def cancel_offer(self, now: float) -> None:
        """Take our re-INVITE back. It may still be answered; then the answer holds."""
        if self._client is not None and self.state is State.CONFIRMED:
            self.endpoint.cancel(self._client, now)

    def ack(self, now: float, body: bytes = b"") -> None:
        """Acknowledge the 2xx of our INVITE; `body` is the answer to an offer that the 2xx made."""
        dialog = self.dialog
        lines = dialog.lines("ACK", self._ack_cseq)
        if body:
            lines.append(SDP)
        self.needs_ack = False
        self._ack = self.endpoint.ack(self.flow, dialog.request_uri(), lines, body, now)

    def bye(self, now: float, lines: Sequence[str] = ()) -> None:
        """End a confirmed dialog. An INVITE of the far end that waits for us is refused first (15.1.2)."""
        if self.state is not State.CONFIRMED:
            return
        if self._server is not None:
            self.refuse(487, now)
        self._forget_accepted()
        self.state = State.ENDED
        self._reason = lines
        self._farewell = self._bye(self.dialog, self.flow, now, lines).branch

    def bye_again(self, now: float) -> None:
        """After `Astray`: say BYE over what `flow` is now. It is not tried a third time."""
        self._bye(self.dialog, self.flow, now, self._reason)

    # -- what comes in ------------------------------------------------------------------------------------------

    def on_request(self, txn: ServerTransaction, now: float) -> LegEvent | None:
        """A request in this dialog, ACK and CANCEL apart."""
        request = txn.request
        method = request.method
        if self.state is State.ENDED:
            # A BYE that crossed ours has done what it was sent for.
            self._reply(txn, 200 if method == "BYE" else 481, now)
            return None
        if request.cseq == self.dialog.remote_cseq and method == "INVITE" and self._server is not None:
            self._reply(txn, 482, now)
            return None
        if not self.dialog.in_order(request):
            self._reply(txn, 500, now, ["Retry-After: 1"])
            return None
        if method != "BYE":
            self.flow = toward(txn.flow, self.dialog, self.carrier)
        match method:
            case "BYE":
                return self._on_bye(txn, now)
            case "INVITE":
                return self._on_reinvite(txn, now)
            case "OPTIONS":
                self._reply(txn, 200, now, [ALLOW, "Accept: application/sdp"])
            case _:
                status, lines = refusal_of(method)
                self._reply(txn, status, now, lines)
        return None

    def on_cancel(self, txn: ServerTransaction, now: float) -> LegEvent | None:
        """A CANCEL met this INVITE (the 200 for the CANCEL itself was sent by the endpoint)."""
        if txn is not self._server:
            return None
        reinvite = self.state is State.CONFIRMED
        self.refuse(487, now)
        return OfferCancelled() if reinvite else Cancelled()

    def on_ack(self, request: Request) -> LegEvent | None:
        """The ACK for a 2xx of ours. Repeated ones fall through silently."""
        accepted = self._accepted
        if accepted is None or request.cseq != accepted.cseq:
            return None
        self._forget_accepted()
        return Acked(session_description(request))

    def on_response(self, txn: ClientTransaction, response: Response, now: float) -> LegEvent | None:
        """A response to any request of ours in this dialog."""
        if txn.method == "INVITE":
            if response.status >= 200 and response.status < 300:
                return self._on_invite_2xx(txn, response, now)
            if txn is not self._client:
                return None
            if response.status < 200:
                return self._on_provisional(response)
            return self._on_invite_failure(response.status)
        return Closed() if response.status >= 200 and self.state is State.ENDED else None

    def on_stray(self, response: Response, now: float) -> None:
        """A 2xx to an INVITE that a former process sent in this dialog: it wants its ACK."""
        if self.state is State.CONFIRMED and not self.needs_ack:
            if (response.to_tag or "") == self.dialog.remote_tag and response.cseq != self._ack_cseq:
                self._ack_cseq = response.cseq
                self.ack(now)
            else:
                self._on_repeated_2xx(response, now)

    def on_timeout(self, txn: ClientTransaction, now: float, *, transport: bool = False) -> LegEvent | None:
        """No response came (timer B or F), or the transport failed; 17.1.4 makes the first a 408, the second a 503."""
        if txn is not self._client:
            if transport and txn.branch == self._farewell:
                self._farewell = ""
                return Astray()
            return Closed() if self.state is State.ENDED else None
        return self._on_invite_failure(503 if transport else 408, silent=self.state is State.CALLING)

    def on_timer(self, what: object, now: float) -> LegEvent | None:
        """Our 2xx is due again, or 64*T1 have passed without its ACK: then the session ends by BYE (13.3.1.4)."""
        accepted = self._accepted
        if accepted is None or what is not accepted:
            return None
        if now >= accepted.deadline:
            self._accepted = None
            # Without the answer that the ACK brings there is no sound, whoever has seen it.
            return None if accepted.again and not accepted.offered else Lost(408)
        timings = self.endpoint.timings
        self.endpoint.repeat(accepted.txn, now)
        accepted.interval_s = min(accepted.interval_s * 2, timings.t2)
        accepted.timer = self.endpoint.timers.start(
            min(now + accepted.interval_s, accepted.deadline), self.owner, accepted
        )
        return None

    # -- the inside ---------------------------------------------------------------------------------------------

    def _invite(
        self, lines: Sequence[str], body: bytes, now: float, branch: str | None, max_forwards: int = 70
    ) -> ClientTransaction:
        dialog = self.dialog
        head = dialog.lines("INVITE", dialog.next_cseq(), max_forwards)
        head.append(f"Contact: {self.contact}")
        head.append(ALLOW)
        head.append(AGENT)
        head += lines
        if body:
            head.append(SDP)
        return self.endpoint.request(self.flow, "INVITE", dialog.request_uri(), head, body, now, self, branch)

    def _reply(self, txn: ServerTransaction, status: int, now: float, lines: Sequence[str] = ()) -> None:
        self.endpoint.respond(txn, status, now, lines=lines)

    def _bye(self, dialog: Dialog, flow: Flow, now: float, lines: Sequence[str] = ()) -> ClientTransaction:
        head = dialog.lines("BYE", dialog.next_cseq())
        head += lines
        return self.endpoint.request(flow, "BYE", dialog.request_uri(), head, b"", now, self)

    def _forget_accepted(self) -> None:
        accepted = self._accepted
        if accepted is not None:
            if accepted.timer is not None:
                accepted.timer.cancel()
            self._accepted = None

    def _on_bye(self, txn: ServerTransaction, now: float) -> LegEvent | None:
        self._reply(txn, 200, now)
        early = self.state is not State.CONFIRMED
        if self._server is not None:
            # 15.1.2: a UAS that gets BYE answers what is pending in the dialog, with 487 by preference.
            server, self._server = self._server, None
            self.endpoint.respond(server, 487, now, to_tag=self.dialog.local_tag)
        self._forget_accepted()
        self.state = State.ENDED
        return Cancelled() if early else Ended()

    def _on_reinvite(self, txn: ServerTransaction, now: float) -> LegEvent | None:
        if self._client is not None or (self._accepted is not None and self._accepted.offered):
            self._reply(txn, 491, now)
            return None
        if self._server is not None or self.state is not State.CONFIRMED:
            self._reply(txn, 500, now, ["Retry-After: 5"])
            return None
        self.dialog.refresh_target(txn.request)
        self._forget_accepted()
        self._server = txn
        txn.owner = self
        self.flow = toward(txn.flow, self.dialog, self.carrier)
        return Offer(session_description(txn.request))

    def _on_provisional(self, response: Response) -> LegEvent | None:
        if self.state is not State.CALLING and self.state is not State.EARLY:
            return None
        self.state = State.EARLY
        if response.status == 100:
            return None
        return Progress(response.status, session_description(response))

    def _on_invite_2xx(self, txn: ClientTransaction, response: Response, now: float) -> LegEvent | None:
        if txn is not self._client:
            self._on_repeated_2xx(response, now)
            return None
        _ = response.to_tag, response.cseq  # what every way from here reads: raises while nothing has changed
        self._client = None
        if self.state is State.CONFIRMED:
            self._ack_cseq = response.cseq
            self.needs_ack = True
            with contextlib.suppress(RemoteProtocolError):
                # A Contact that leads nowhere does not undo the 2xx; we go on where the far end was.
                self.dialog.refresh_target(response)
            self.flow = toward(self.flow, self.dialog, self.carrier)
            return OfferAnswer(session_description(response))
        if self.dialog.remote_tag or self._ack_cseq:
            # The call ended while a re-INVITE of ours was under way: its 2xx wants an ACK all the same.
            self._ack_cseq = response.cseq
            self.ack(now)
            return None
        if self.state is State.CANCELLING or self.state is State.ENDED:
            self._drop(response, now)
            return None
        try:
            reachable = bool(response.contacts)
            if reachable:
                self.dialog.established_by(response)
        except RemoteProtocolError:
            reachable = False
        if not reachable:
            # No remote target, so no dialog to speak in; ending it is kinder than leaving the far end without ACK.
            self._drop(response, now)
            return Refusal(502)
        self._ack_cseq = response.cseq
        self.needs_ack = True
        self.flow = toward(self.flow, self.dialog, self.carrier)
        self.state = State.CONFIRMED
        return Answer(session_description(response))

    def _on_repeated_2xx(self, response: Response, now: float) -> None:
        """The same 2xx again wants the same ACK (13.2.2.4); one with another tag is a second fork's, which is ended."""
        if (response.to_tag or "") != self.dialog.remote_tag or not self._ack_cseq:
            self._drop(response, now)
        elif self._ack and response.cseq == self._ack_cseq:
            self.endpoint.send(self.flow, self._ack)

    def _drop(self, response: Response, now: float) -> None:
        """Acknowledge and end a dialog that nobody wants: a second fork's, or one that crossed our CANCEL. Its copies
        get the same ACK again."""
        tag = response.to_tag or ""
        known = self._dropped.get(tag)
        if known is not None:
            self.endpoint.send(self.flow, known)
            return
        ours = self.dialog
        dialog = Dialog(ours.call_id, ours.local_tag, "", ours.local, ours.remote, ours.target, (), response.cseq)
        with contextlib.suppress(RemoteProtocolError):
            # Without a Contact that can be read it is told where it was asked.
            dialog.established_by(response)
        flow = toward(self.flow, dialog, self.carrier)
        ack = self.endpoint.ack(flow, dialog.request_uri(), dialog.lines("ACK", response.cseq), b"", now)
        self._dropped = {**self._dropped, tag: ack}
        if self.state is not State.CONFIRMED:
            self.state = State.ENDED
        self._bye(dialog, flow, now, self._reason)

    def _on_invite_failure(self, status: int, silent: bool = False) -> LegEvent | None:
        self._client = None
        if self.state is State.CONFIRMED:
            return Lost(status) if status in (408, 481) else OfferRefusal(status)
        unwanted = self.state is State.CANCELLING or self.state is State.ENDED
        self.state = State.ENDED
        return Closed() if unwanted else Refusal(status, silent)


__all__ = [
    "Acked",
    "Answer",
    "Astray",
    "Cancelled",
    "Closed",
    "Ended",
    "InviteUsage",
    "LegEvent",
    "Lost",
    "Offer",
    "OfferAnswer",
    "OfferCancelled",
    "OfferRefusal",
    "Progress",
    "Refusal",
    "State",
]
