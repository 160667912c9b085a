"""The INVITE usage of a dialog: a leg's signalling from the first INVITE to the last BYE (RFC 3261 sections 13-15).

Two kinds of beginning, one life:

    outgoing:  calling -> early -> confirmed -> ended          incoming:  calling -> early -> confirmed -> ended
                  \\-> cancelling ------------> ended                           \\-> ended (CANCEL, refused)

Once confirmed both are alike: either side may send a new offer (re-INVITE), and either may say BYE. At most one
INVITE is under way in a dialog, so an INVITE that meets ours is answered 491, and one that meets an unanswered one of
the same direction 500 (section 14.2). Four rooms beside this one work on the usage: `confirmation.py` (2xx and
ACK), and what not every call needs, `reliable.py` (provisional responses that are acknowledged by PRACK), `update.py`
(new offers by UPDATE) and `refresh.py` (session timers).

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

from switch.sip import confirmation, refresh, reliable, session_timer, update
from switch.sip.account import Account, Shown
from switch.sip.confirmation import Retransmission
from switch.sip.dialog import Dialog
from switch.sip.endpoint import Endpoint
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.headers import retry_after
from switch.sip.leg_events import (
    Acked,
    Answer,
    Astray,
    Cancelled,
    Closed,
    Ended,
    Lapsed,
    LegEvent,
    Lost,
    Offer,
    OfferAnswer,
    OfferCancelled,
    OfferRefusal,
    Pracked,
    Progress,
    RefreshDue,
    Refreshed,
    Refusal,
    Resent,
    Unpracked,
)
from switch.sip.message import Request, Response
from switch.sip.methods import AGENT, ALLOW, CAPABILITIES, SUPPORTED, allows_update, refusal_of
from switch.sip.next_hop import toward
from switch.sip.offer_answer import Standing, standing
from switch.sip.parts import SDP_LINE as SDP
from switch.sip.parts import session_description
from switch.sip.privacy import asserted
from switch.sip.reason import reasons_of
from switch.sip.reliable import EarlyDialog, Provisionals
from switch.sip.session_timer import Session, SessionSettings
from switch.sip.timer import TimerOwner
from switch.sip.transaction import ClientTransaction, ServerTransaction
from switch.sip.update import Update

EARLY_REQUESTS = 1000
"""More requests than we send in any early dialog."""
NOTHING: Mapping[str, bytes] = MappingProxyType({})
NO_FORKS: Mapping[str, EarlyDialog] = MappingProxyType({})


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


class Asked(msgspec.Struct):
    """A request of ours whose far end may challenge it: all that another copy of it needs."""

    dialog: Dialog
    flow: Flow
    lines: list[str]
    body: bytes
    shown: Shown


class InviteUsage:
    """One leg's dialog. Made by `incoming`, `outgoing` or `recovered`."""

    __slots__ = (
        "_asked",
        "_client",
        "_farewell",
        "_sent",
        "_server",
        "_tries",
        "accepted",
        "account",
        "ack_cseq",
        "allows_update",
        "asking",
        "asking_early",
        "carrier",
        "contact",
        "credentials",
        "dialog",
        "dropped",
        "endpoint",
        "flow",
        "forks",
        "least_s",
        "needs_ack",
        "owner",
        "provisionals",
        "reason",
        "reliably",
        "sent_ack",
        "session",
        "sessions",
        "state",
        "updating",
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
        sessions: SessionSettings | None = None,
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
        self.accepted: Retransmission | None = None
        self.sent_ack: bytes = b""
        self.ack_cseq = 0
        self.reason: Sequence[str] = ()
        self._farewell = ""
        """The branch of our BYE, while it may be sent once more."""
        self.dropped: Mapping[str, bytes] = NOTHING
        """Tags of dialogs that were ended as soon as they were made, and their ACKs."""
        self.account: Account | None = None
        """Who we are at the far end, if it may challenge our requests (section 22)."""
        self._asked: dict[str, Asked] | None = None
        """By branch: our requests that may be challenged yet. Only with an account."""
        self.credentials: tuple[str, ...] = ()
        """Those of our INVITE, which its ACK repeats (22.1)."""
        self.needs_ack = False
        """A 2xx came whose ACK is the call's to send, by `ack`."""
        self._sent: tuple[Sequence[str], bytes, int] = NOT_SENT
        """The lines, body and Max-Forwards of our latest INVITE, until its final response."""
        self._tries = 0
        self.reliably = reliable.NEVER
        """Whether the caller wants reliable 1xx."""
        self.provisionals: Provisionals | None = None
        self.forks: Mapping[str, EarlyDialog] = NO_FORKS
        """The early dialogs that reliable 1xx to our INVITE made, by To tag."""
        self.updating: Update | None = None
        self.asking: ServerTransaction | None = None
        """The UPDATE or PRACK whose offer waits for our answer; `asking_early` the early dialog that it came in."""
        self.asking_early: EarlyDialog | None = None
        self.allows_update = False
        """Whether the far end takes UPDATE."""
        self.sessions = sessions
        self.session: Session | None = None
        self.least_s = 0
        """The Min-SE that a 422 has told us of."""

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
        sessions: SessionSettings | None = None,
    ) -> InviteUsage:
        """The usage behind an INVITE that came outside a dialog. Raises RemoteProtocolError 400 without Contact."""
        request = txn.request
        dialog = Dialog.from_request(request, local_tag)
        flow = toward(txn.flow, dialog, carrier)
        usage = cls(endpoint, flow, dialog, contact, State.CALLING, owner, carrier, sessions)
        usage._server = txn
        usage.reliably = reliable.wish_of(request)
        usage.allows_update = allows_update(request)
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
        sessions: SessionSettings | None = None,
        account: Account | None = None,
    ) -> InviteUsage:
        """Send an INVITE. `dialog` has no remote tag yet; `lines` are the header lines that the caller adds. With an
        `account` challenges are answered."""
        usage = cls(endpoint, flow, dialog, contact, State.CALLING, owner, carrier, sessions)
        usage.account = account
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
        sessions: SessionSettings | None = None,
    ) -> InviteUsage:
        """A confirmed usage out of the journal; `flow` is the one that it was last heard on.

        `unacknowledged`: the 2xx of our INVITE made an offer, and the answer that its ACK is to bring is not there yet.
        """
        flow = toward(flow, dialog, carrier)
        usage = cls(endpoint, flow, dialog, contact, State.CONFIRMED, owner, carrier, sessions)
        if unacknowledged:
            usage.needs_ack = True
            usage.ack_cseq = dialog.local_cseq
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
        # PRACK and UPDATE of the former process have used up numbers that nobody knows of.
        dialog.local_cseq += EARLY_REQUESTS
        usage.cancel(now)
        return usage

    # -- what the call may do -----------------------------------------------------------------------------------

    @property
    def offer_pending(self) -> bool:
        """Whether an INVITE or an offer is under way in either direction, so that we may not send one."""
        accepted = self.accepted
        return (
            self._client is not None
            or self._server is not None
            or (accepted is not None and not accepted.again)
            or self.updating is not None
            or self.asking is not None
        )

    @property
    def confirmed(self) -> bool:
        """Whether the dialog stands."""
        return self.state is State.CONFIRMED

    @property
    def inviting(self) -> bool:
        """Whether an INVITE of ours is under way."""
        return self._client is not None

    @property
    def made_offer(self) -> bool:
        """Whether our INVITE that is under way carries an offer."""
        return bool(self._sent[1])

    @property
    def accepted_offer(self) -> bool:
        """Whether a 2xx of ours made an offer, whose answer the ACK has yet to bring."""
        return self.accepted is not None and self.accepted.offered

    @property
    def must_wait(self) -> bool:
        """Whether a 2xx may not be sent yet, as a reliable 1xx with SDP waits for its PRACK (RFC 3262 section 3)."""
        return self.provisionals is not None and self.provisionals.described

    @property
    def early_tag(self) -> str:
        """The latest early dialog of our INVITE that a reliable 1xx made; empty when there is none."""
        return list(self.forks)[-1] if self.forks else ""

    def speaks_with(self, tag: str) -> bool:
        """Whether a request with that From tag belongs here: the dialog's far end, or any early one's."""
        return tag == self.dialog.remote_tag or (
            bool(tag) and self._client is not None and self.state in (State.CALLING, State.EARLY)
        )

    @property
    def settled(self) -> bool:
        """Whether the offer of the far end's INVITE was answered in a reliable 1xx, so that our 2xx carries none."""
        return self.provisionals is not None and self.provisionals.settled

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

    def progress(
        self, status: int, now: float, body: bytes = b"", identity: Sequence[str] = (), *, offered: bool = False
    ) -> None:
        """Send a 18x to the caller, with SDP as early media when `body` is given.

        Reliably, if the caller requires that; else, if he supports it, when there is SDP. `offered`: `body` is an offer
        to a caller who made none, which only goes reliably. `identity` are header lines that say who rings.
        """
        if self._server is None or self.state is State.CONFIRMED or self.state is State.ENDED:
            return
        self.state = State.EARLY
        if self.reliably and (body or self.reliably == reliable.REQUIRED or self.must_wait):
            reliable.send(self, self._server, status, body, identity, offered, now)
            return
        lines = [f"Contact: {self.contact}", ALLOW, *identity]
        if body:
            lines.append(SDP)
        self.endpoint.respond(
            self._server, status, now, to_tag=self.dialog.local_tag, lines=lines, body=body, copy_record_route=True
        )

    def accept(
        self, body: bytes, now: float, identity: Sequence[str] = (), *, offered: bool = False, again: bool = False
    ) -> None:
        """Send 200 to the INVITE under way, first or not. `offered`: `body` is an offer; the ACK brings its answer.
        `identity` are header lines that say who has answered."""
        txn = self._server
        if txn is None:
            return
        self._server = None
        self.state = State.CONFIRMED
        lines = [f"Contact: {self.contact}", ALLOW, SUPPORTED, *identity]
        if again:
            lines += self.session.as_uas() if self.session is not None else []
        elif self.sessions is not None:
            lines += refresh.agree_to(self, txn.request, now)
        if self.provisionals is not None:
            if self.provisionals.txn is txn and self.provisionals.settled:
                body, offered = b"", False
            self.provisionals.stop()
        if body:
            lines.append(SDP)
        timings = self.endpoint.timings
        self.accepted = accepted = Retransmission(txn, txn.request.cseq, timings.t1, now + 64 * timings.t1, offered)
        self.endpoint.respond(
            txn, 200, now, to_tag=self.dialog.local_tag, lines=lines, body=body, copy_record_route=True
        )
        accepted.timer = self.endpoint.timers.start(now + accepted.interval_s, self.owner, accepted)

    def accept_again(self, txn: ServerTransaction, body: bytes, now: float, *, offered: bool = False) -> None:
        """After a crash: repeat the 200 that may not have reached the far end, until its ACK or for 64*T1."""
        self._server = txn
        txn.owner = self
        self.accept(body, now, offered=offered, again=True)
        if self.accepted is not None:
            self.accepted.again = True

    def refuse(self, status: int, now: float, lines: Sequence[str] = ()) -> None:
        """Send a final refusal to the INVITE under way. A first INVITE ends the usage with it; a re-INVITE does not."""
        txn = self._server
        if txn is None:
            return
        self._server = None
        if self.state is not State.CONFIRMED:
            self.state = State.ENDED
            self._be_quiet(now)
        self.endpoint.respond(txn, status, now, to_tag=self.dialog.local_tag, lines=lines)

    def cancel(self, now: float, lines: Sequence[str] = ()) -> None:
        """Give up an INVITE of ours that has no final response. A 2xx that crosses it gets ACK and BYE."""
        if self._client is None or self.state not in (State.CALLING, State.EARLY):
            return
        self.state = State.CANCELLING
        self.reason = lines
        self._let_go(self._client)
        self.endpoint.cancel(self._client, now, lines)

    def offer(self, body: bytes, now: float) -> None:
        """Send a re-INVITE; an empty body asks the far end for an offer. Only when not `offer_pending`."""
        self._tries = 0
        self._client = self._invite([], body, now, None)

    def update(self, now: float, body: bytes = b"", fork: str = "") -> None:
        """Send an UPDATE, with an offer or to refresh the session timer. Only when the far end `allows_update` and not
        `offer_pending`; `fork` names an early dialog of our INVITE."""
        update.send(self, body, now, self.forks.get(fork) if fork else None)

    def may_update(self, fork: str = "") -> bool:
        """Whether an offer by UPDATE is allowed now, before or after the answer."""
        early = self.forks.get(fork) if fork else None
        return (
            self.allows_update
            and self.asking is None
            and self.updating is None
            and not self.must_wait
            and (early is not None or not fork)
            and standing(self, early) is Standing.STABLE
        )

    def answer_offer(self, body: bytes, now: float, *, offered: bool = False) -> None:
        """Answer the re-INVITE, UPDATE or PRACK that asks. `offered`: the re-INVITE had no offer, `body` is ours."""
        if self.asking is not None:
            update.answer(self, body, now)
        else:
            self.accept(body, now, offered=offered)

    def refuse_offer(self, status: int, now: float, lines: Sequence[str] = ()) -> None:
        """Refuse the offer of the re-INVITE, UPDATE or PRACK that asks."""
        if self.asking is not None:
            update.refuse(self, status, now)
        else:
            self.refuse(status, now, lines)

    def prack(self, fork: str, body: bytes, now: float) -> None:
        """Acknowledge the reliable 1xx that made an offer, with our answer."""
        early = self.forks.get(fork)
        if early is not None and early.rack:
            rack, early.rack = early.rack, ""
            reliable.prack(self, early, rack, body, now)

    def cancel_offer(self, now: float) -> None:
        """Take our re-INVITE back. It may still be answered; then the answer holds."""
        if self._client is not None and self.state is State.CONFIRMED:
            self._let_go(self._client)
            self.endpoint.cancel(self._client, now)

    def ack(self, now: float, body: bytes = b"") -> None:
        """Acknowledge the 2xx of our INVITE; `body` is the answer to an offer that the 2xx made."""
        dialog = self.dialog
        lines = dialog.lines("ACK", self.ack_cseq)
        lines += self.credentials
        if body:
            lines.append(SDP)
        self.needs_ack = False
        self.sent_ack = self.endpoint.ack(self.flow, dialog.request_uri(), lines, body, now)

    def bye(self, now: float, lines: Sequence[str] = ()) -> None:
        """End a confirmed dialog. An INVITE of the far end that waits for us is refused first (15.1.2)."""
        if self.state is not State.CONFIRMED:
            return
        if self._server is not None:
            self.refuse(487, now)
        confirmation.forget(self)
        self.state = State.ENDED
        self._be_quiet(now)
        self.reason = lines
        self._farewell = self.say_bye(self.dialog, self.flow, now, lines).branch

    def bye_again(self, now: float) -> None:
        """After `Astray`: say BYE over what `flow` is now. It is not tried a third time."""
        self.say_bye(self.dialog, self.flow, now, self.reason)

    # -- what comes in ------------------------------------------------------------------------------------------

    def on_request(self, txn: ServerTransaction, now: float) -> LegEvent | None:
        """A request in this dialog, ACK and CANCEL apart."""
        request = txn.request
        method = request.method
        if self.state is State.ENDED:
            # A BYE that crossed ours has done what it was sent for.
            self.reply(txn, 200 if method == "BYE" else 481, now)
            return None
        if request.cseq == self.dialog.remote_cseq and method == "INVITE" and self._server is not None:
            self.reply(txn, 482, now)
            return None
        if self._client is not None and self.state is not State.CONFIRMED:
            return update.early_request(self, txn, now)
        if not self.dialog.in_order(request):
            self.reply(txn, 500, now, ["Retry-After: 1"])
            return None
        if method != "BYE":
            self.flow = toward(txn.flow, self.dialog, self.carrier)
        match method:
            case "BYE":
                return self._on_bye(txn, now)
            case "INVITE":
                return self._on_reinvite(txn, now)
            case "UPDATE":
                return update.received(self, txn, now, None)
            case "PRACK":
                return reliable.pracked(self, txn, now)
            case "OPTIONS":
                self.reply(txn, 200, now, CAPABILITIES)
            case _:
                status, lines = refusal_of(method)
                self.reply(txn, status, now, lines)
        return None

    def on_cancel(self, txn: ServerTransaction, now: float, reasons: tuple[str, ...] = ()) -> LegEvent | None:
        """A CANCEL met this INVITE (the 200 for the CANCEL itself was sent by the endpoint)."""
        if txn is not self._server:
            return None
        reinvite = self.state is State.CONFIRMED
        self.refuse(487, now)
        return OfferCancelled() if reinvite else Cancelled(reasons)

    def on_ack(self, request: Request) -> LegEvent | None:
        """The ACK for a 2xx of ours. Repeated ones fall through silently."""
        accepted = self.accepted
        if accepted is None or request.cseq != accepted.cseq:
            return None
        confirmation.forget(self)
        return Acked(session_description(request))

    def on_response(self, txn: ClientTransaction, response: Response, now: float) -> LegEvent | None:
        """A response to any request of ours in this dialog."""
        if self._asked and response.status >= 200:
            if response.status == 401 or response.status == 407:
                again = self._challenged(txn, response, now)
                if again is not None:
                    return self._asked_again(txn, again)
            self._asked.pop(txn.branch, None)
        if txn.method == "INVITE":
            if response.status >= 200 and response.status < 300:
                return self._on_invite_2xx(txn, response, now)
            if txn is not self._client:
                return None
            if response.status < 200:
                return self._on_provisional(response, now)
            if response.status == 422 and self._ask_longer(response, now):
                return Resent()
            later_s = retry_after(response.header("Retry-After"))
            return self._on_invite_failure(response.status, reasons=reasons_of(response), retry_after_s=later_s)
        if self.updating is not None and txn is self.updating.txn:
            return update.answered(self, self.updating, response, now)
        return Closed() if response.status >= 200 and self.state is State.ENDED and txn.method == "BYE" else None

    def _asked_again(self, txn: ClientTransaction, again: ClientTransaction) -> LegEvent | None:
        """A challenged request is under way once more. The INVITE's new branch has to outlive a crash."""
        if txn is self._client:
            self._client = again
            if self.state is State.CALLING:
                self.state = State.EARLY  # somebody is there
            return Resent()
        if self.updating is not None and txn is self.updating.txn:
            self.updating.txn = again
        if txn.branch == self._farewell:
            self._farewell = again.branch
        return None

    def on_stray(self, response: Response, now: float) -> None:
        """A 2xx to an INVITE that a former process sent in this dialog: it wants its ACK."""
        if self.state is State.CONFIRMED and not self.needs_ack:
            if (response.to_tag or "") == self.dialog.remote_tag and response.cseq != self.ack_cseq:
                self.ack_cseq = response.cseq
                self.ack(now)
            else:
                confirmation.repeated(self, response, now)

    def on_timeout(self, txn: ClientTransaction, now: float, *, transport: bool = False) -> LegEvent | None:
        """No response came (timer B or F), or the transport failed; 17.1.4 makes the first a 408, the second a 503."""
        if self._asked:
            self._asked.pop(txn.branch, None)
        if txn is not self._client:
            if transport and txn.branch == self._farewell:
                self._farewell = ""
                return Astray()
            if self.updating is not None and txn is self.updating.txn:
                return update.failed(self, self.updating, 503 if transport else 408, now)
            return Closed() if self.state is State.ENDED and txn.method == "BYE" else None
        return self._on_invite_failure(503 if transport else 408, silent=self.state is State.CALLING)

    def on_timer(self, what: object, now: float) -> LegEvent | None:
        """Our 2xx is due again, or 64*T1 have passed without its ACK: then the session ends by BYE (13.3.1.4)."""
        if what is self.session and self.session is not None:
            return refresh.due(self, self.session, now)
        if what is self.provisionals and self.provisionals is not None:
            return reliable.repeat(self, self.provisionals, now)
        if what is self.accepted and self.accepted is not None:
            return confirmation.repeat(self, self.accepted, now)
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
        if self.session is not None:
            head += self.session.as_uac(self.least_s)
        head += lines
        if body:
            head.append(SDP)
        self._sent = lines, body, max_forwards
        return self.request(dialog, self.flow, "INVITE", head, body, now, branch)

    def request(
        self,
        dialog: Dialog,
        flow: Flow,
        method: str,
        lines: list[str],
        body: bytes,
        now: float,
        branch: str | None = None,
    ) -> ClientTransaction:
        """Send a request in the dialog; one that may be challenged takes along what is known of its far end."""
        uri = dialog.request_uri()
        account = self.account
        if account is None:
            return self.endpoint.request(flow, method, uri, lines, body, now, self, branch)
        shown = Shown()
        credentials = account.lines(method, uri, shown)
        return self._ask(Asked(dialog, flow, lines, body, shown), method, credentials, now, branch)

    def _ask(
        self, asked: Asked, method: str, credentials: list[str], now: float, branch: str | None = None
    ) -> ClientTransaction:
        if method == "INVITE":
            self.credentials = tuple(credentials)
        lines = asked.lines + credentials
        uri = asked.dialog.request_uri()
        txn = self.endpoint.request(asked.flow, method, uri, lines, asked.body, now, self, branch)
        if self._asked is None:
            self._asked = {}
        self._asked[txn.branch] = asked
        return txn

    def _let_go(self, txn: ClientTransaction) -> None:
        """A request that is given up is not sent again when it is challenged: the CANCEL may wait for this very
        answer."""
        if self._asked:
            self._asked.pop(txn.branch, None)

    def _challenged(self, txn: ClientTransaction, response: Response, now: float) -> ClientTransaction | None:
        """The next copy of a request that was challenged, now with credentials: another CSeq and another branch
        (22.2). None when we do not answer, or the request is not wanted any more."""
        asked = self._asked.pop(txn.branch, None) if self._asked else None
        if asked is None or self.account is None:
            return None
        if txn.method == "INVITE" and txn is not self._client:
            return None
        uri = asked.dialog.request_uri()
        credentials = self.account.answer(txn.method, uri, response, asked.shown)
        if credentials is None:
            return None
        cseq = f"CSeq: {asked.dialog.next_cseq()} {txn.method}"
        asked.lines = [cseq if line.startswith("CSeq:") else line for line in asked.lines]
        return self._ask(asked, txn.method, credentials, now)

    def reply(self, txn: ServerTransaction, status: int, now: float, lines: Sequence[str] = ()) -> None:
        """Answer a request in the dialog."""
        self.endpoint.respond(txn, status, now, lines=lines)

    def say_bye(self, dialog: Dialog, flow: Flow, now: float, lines: Sequence[str] = ()) -> ClientTransaction:
        """Send a BYE in the usage's dialog, or in one that is dropped."""
        head = dialog.lines("BYE", dialog.next_cseq())
        head += lines
        return self.request(dialog, flow, "BYE", head, b"", now, None)

    def _on_bye(self, txn: ServerTransaction, now: float) -> LegEvent | None:
        reasons = reasons_of(txn.request)
        self.reply(txn, 200, now)
        early = self.state is not State.CONFIRMED
        if self._server is not None:
            # 15.1.2: a UAS that gets BYE answers what is pending in the dialog, with 487 by preference.
            server, self._server = self._server, None
            self.endpoint.respond(server, 487, now, to_tag=self.dialog.local_tag)
        confirmation.forget(self)
        self.state = State.ENDED
        self._be_quiet(now)
        return Cancelled(reasons) if early else Ended(reasons)

    def _on_reinvite(self, txn: ServerTransaction, now: float) -> LegEvent | None:
        if self._client is not None or self.accepted_offer or (self.updating is not None and self.updating.offered):
            self.reply(txn, 491, now)
            return None
        if self._server is not None or self.state is not State.CONFIRMED or self.asking is not None:
            self.reply(txn, 500, now, ["Retry-After: 5"])
            return None
        if self.sessions is not None and (brief := session_timer.too_small(txn.request, self.sessions)):
            self.reply(txn, 422, now, brief)
            return None
        self.dialog.refresh_target(txn.request)
        confirmation.forget(self)
        self._server = txn
        txn.owner = self
        self.flow = toward(txn.flow, self.dialog, self.carrier)
        return Offer(session_description(txn.request))

    def _on_provisional(self, response: Response, now: float) -> LegEvent | None:
        if self.state is not State.CALLING and self.state is not State.EARLY:
            return None
        self.state = State.EARLY
        if response.status == 100:
            return None
        if reliable.is_reliable(response):
            return reliable.on_reliable(self, response, now)
        return Progress(response.status, session_description(response))

    def _on_invite_2xx(self, txn: ClientTransaction, response: Response, now: float) -> LegEvent | None:
        if txn is not self._client:
            confirmation.repeated(self, response, now)
            return None
        _ = response.to_tag, response.cseq  # what every way from here reads: raises while nothing has changed
        self._client = None
        self._sent = NOT_SENT
        if self.state is State.CONFIRMED:
            self.ack_cseq = response.cseq
            self.needs_ack = True
            refresh.agree(self, session_timer.agreed(response), now)
            with contextlib.suppress(RemoteProtocolError):
                # A Contact that leads nowhere does not undo the 2xx; we go on where the far end was.
                self.dialog.refresh_target(response)
            self.flow = toward(self.flow, self.dialog, self.carrier)
            return OfferAnswer(session_description(response))
        if self.dialog.remote_tag or self.ack_cseq:
            # The call ended while a re-INVITE of ours was under way: its 2xx wants an ACK all the same.
            self.ack_cseq = response.cseq
            self.ack(now)
            return None
        if self.state is State.CANCELLING or self.state is State.ENDED:
            self.unwanted(response, now)
            return None
        try:
            reachable = bool(response.contacts)
            if reachable:
                self.dialog.established_by(response)
        except RemoteProtocolError:
            reachable = False
        if not reachable:
            # No remote target, so no dialog to speak in; ending it is kinder than leaving the far end without ACK.
            self.unwanted(response, now)
            return Refusal(502)
        self.ack_cseq = response.cseq
        self.needs_ack = True
        self.flow = toward(self.flow, self.dialog, self.carrier)
        self.state = State.CONFIRMED
        self.allows_update = allows_update(response)
        refresh.agree(self, session_timer.agreed(response), now)
        if self.forks:
            return Answer(reliable.chosen(self, response), asserted(response))
        return Answer(session_description(response), asserted(response))

    def unwanted(self, response: Response, now: float) -> None:
        """A 2xx made a dialog that nobody wants."""
        confirmation.drop(self, response, now)
        if self.state is not State.CONFIRMED:
            self.state = State.ENDED

    def _on_invite_failure(
        self, status: int, silent: bool = False, reasons: tuple[str, ...] = (), retry_after_s: float = 0.0
    ) -> LegEvent | None:
        self._client = None
        self._sent = NOT_SENT
        if self.state is State.CONFIRMED:
            return Lost(status) if status in (408, 481) else OfferRefusal(status)
        unwanted = self.state is State.CANCELLING or self.state is State.ENDED
        self.state = State.ENDED
        return Closed() if unwanted else Refusal(status, silent, reasons, retry_after_s)

    def _ask_longer(self, response: Response, now: float) -> bool:
        """Our INVITE asked for too short a session interval (422): send it again with a longer one, twice at most."""
        lines, body, max_forwards = self._sent
        if self.state is State.CANCELLING or self._tries + 1 >= update.MAX_TRIES:
            return False
        if not refresh.longer(self, session_timer.wanted(response)):
            return False
        self._tries += 1
        if self.session is None:
            lines = session_timer.longer_lines(lines, self.least_s)
        self.forks = NO_FORKS
        self._client = self._invite(lines, body, now, None, max_forwards)
        return True

    def _be_quiet(self, now: float) -> None:
        """The usage ends: what waits in it is let go."""
        if self.session is not None:
            self.session.stop()
        if self.provisionals is not None:
            self.provisionals.stop()
        if self.asking is not None:
            update.refuse(self, 487, now)
        self.updating = None
        if self._client is not None and self.state is State.ENDED:
            # A re-INVITE that has had no more than a 1xx would be waited for without end (9.1 ends it in 64*T1).
            self.endpoint.cancel(self._client, now)


NOT_SENT: tuple[Sequence[str], bytes, int] = ((), b"", 70)

__all__ = [
    "Acked",
    "Answer",
    "Astray",
    "Cancelled",
    "Closed",
    "Ended",
    "InviteUsage",
    "Lapsed",
    "LegEvent",
    "Lost",
    "Offer",
    "OfferAnswer",
    "OfferCancelled",
    "OfferRefusal",
    "Pracked",
    "Progress",
    "RefreshDue",
    "Refreshed",
    "Refusal",
    "Resent",
    "State",
    "Unpracked",
]
