"""The INVITE usage of a dialog: a leg's signalling from the first INVITE to the last BYE (RFC 3261 sections 13-15).

Its states are in `usage_state.py`. Rooms beside this one work on the usage: `inviting.py` (our INVITE),
`confirmation.py` (2xx and ACK), and what not every call needs, `challenges.py` (credentials), `reliable.py`
(provisional responses that are acknowledged by PRACK), `update.py` (new offers by UPDATE), `refresh.py` (session
timers), `refer.py` (transfers) and `keyed.py` (keys told by INFO).

The usage is sans-IO. Requests, responses, ACKs and timers go in by the `on_...` methods; each returns what it means
for the call as one of the small events of `leg_events.py`, or None when it concerns the wire alone. What goes out goes
to the `Endpoint`. The usage takes no body apart and knows nothing of SDP. Its timers fire on its `owner`, which hands
them back through `on_timer`, so that what they mean reaches the call as any other event does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from switch.sip import confirmation, inviting, keyed, refer, refresh, reliable, session_timer, update
from switch.sip.account import Account
from switch.sip.advice import Advice, Price, read
from switch.sip.challenges import Challenges
from switch.sip.confirmation import Retransmission
from switch.sip.dialog import Dialog
from switch.sip.endpoint import Endpoint
from switch.sip.flow import Flow
from switch.sip.inviting import NO_FORKS, NOT_SENT, Handed
from switch.sip.leg_events import Acked, Astray, Cancelled, Closed, Ended, LegEvent, Offer, OfferCancelled, Resent
from switch.sip.message import Request, Response
from switch.sip.methods import ALLOW, CAPABILITIES, SUPPORTED, refusal_of
from switch.sip.next_hop import toward
from switch.sip.offer_answer import Standing, standing
from switch.sip.parts import SDP_LINE, holds_offer, session_description
from switch.sip.reason import reasons_of
from switch.sip.reliable import EarlyDialog, Provisionals
from switch.sip.session_timer import Session, SessionSettings
from switch.sip.timer import TimerOwner
from switch.sip.transaction import ClientTransaction, ServerTransaction
from switch.sip.update import Update
from switch.sip.usage_state import CALLING, CANCELLING, CONFIRMED, EARLY, ENDED, State

EARLY_REQUESTS = 1000
"""More requests than we send in any early dialog."""
NOTHING: Mapping[str, bytes] = MappingProxyType({})


class UsageOwner(TimerOwner, Protocol):
    """Whose leg it is."""

    def heard(self, event: LegEvent, now: float) -> None:
        """Take what a usage has to say."""


class InviteUsage:
    """One leg's dialog. Made by `incoming`, `outgoing` or `recovered`."""

    __slots__ = (
        "_farewell",
        "accepted",
        "ack_cseq",
        "advice",
        "allows_message",
        "allows_update",
        "asking",
        "asking_early",
        "carrier",
        "challenges",
        "client",
        "contact",
        "dialog",
        "dropped",
        "endpoint",
        "flow",
        "forks",
        "from_change",
        "least_s",
        "needs_ack",
        "owner",
        "price",
        "provisionals",
        "reason",
        "referrals",
        "reliably",
        "sent",
        "sent_ack",
        "server",
        "session",
        "sessions",
        "state",
        "tries",
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
        self.server: ServerTransaction | None = None
        """The far end's INVITE that waits for our final response."""
        self.client: ClientTransaction | None = None
        """Our INVITE that has no final response yet."""
        self.accepted: Retransmission | None = None
        self.sent_ack: bytes = b""
        self.ack_cseq = 0
        self.reason: Sequence[str] = ()
        self._farewell = ""
        """The branch of our BYE, while it may be sent once more."""
        self.dropped: Mapping[str, bytes] = NOTHING
        """Tags of dialogs that were ended as soon as they were made, and their ACKs."""
        self.challenges: Challenges | None = None
        """Our requests that the far end may challenge, if we have an account there (section 22)."""
        self.needs_ack = False
        """A 2xx came whose ACK is the call's to send, by `ack`."""
        self.sent: tuple[Sequence[str], bytes, int] = NOT_SENT
        """The lines, body and Max-Forwards of our latest INVITE, until its final response."""
        self.tries = 0
        self.reliably = reliable.NEVER
        """Whether the caller wants reliable 1xx."""
        self.provisionals: Provisionals | None = None
        self.forks: Mapping[str, EarlyDialog] = NO_FORKS
        """The early dialogs that reliable 1xx to our INVITE made, by To tag."""
        self.updating: Update | None = None
        self.asking: ServerTransaction | None = None
        """The UPDATE or PRACK whose offer waits for our answer; `asking_early` the early dialog that it came in."""
        self.asking_early: EarlyDialog | None = None
        self.referrals = refer.NO_REFERRALS
        """The REFERs of the far end that go on, by their CSeq."""
        self.allows_update = False
        """Whether the far end takes UPDATE."""
        self.from_change = False
        """Whether the far end takes another From later on (RFC 4916)."""
        self.allows_message = False
        """Whether it takes MESSAGE, whose text it may show."""
        self.sessions = sessions
        self.session: Session | None = None
        self.advice: Advice | None = None
        """How the far end, a carrier, tells what the call cost."""
        self.price: Price | None = None
        """What it told last, until somebody has taken it."""
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
        usage = cls(endpoint, flow, dialog, contact, CALLING, owner, carrier, sessions)
        usage.server = txn
        usage.reliably = reliable.wish_of(request)
        usage.note_abilities(request)
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
        usage = cls(endpoint, flow, dialog, contact, CALLING, owner, carrier, sessions)
        if account is not None:
            usage.authenticate(account)
        usage.client = inviting.send(usage, lines, body, now, branch, max_forwards)
        return usage

    @classmethod
    def handed_over(
        cls,
        endpoint: Endpoint,
        flow: Flow,
        dialog: Dialog,
        contact: str,
        branch: str,
        invite: Handed,
        now: float,
        owner: UsageOwner,
        carrier: bool = False,
        sessions: SessionSettings | None = None,
        account: Account | None = None,
    ) -> InviteUsage:
        """Our INVITE that a former process has sent, and that its far end has neither taken nor refused."""
        state = EARLY if invite.heard else CALLING
        usage = cls(endpoint, flow, dialog, contact, state, owner, carrier, sessions)
        usage.authenticate(account)
        usage.sent = invite.sent
        lines = invite.lines or dialog.lines("INVITE", dialog.local_cseq)
        usage.client = client = endpoint.go_on(
            flow, dialog.request_uri(), lines, branch, usage, invite.request, now, heard=invite.heard
        )
        if usage.challenges is not None:
            usage.challenges.resume(client, dialog, list(invite.lines), invite.sent[1])
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

        `unacknowledged`: the 2xx of our INVITE made an offer, and the answer that its ACK is to bring is not there yet;
        who knows the INVITE's number sets `ack_cseq`.
        """
        flow = toward(flow, dialog, carrier)
        usage = cls(endpoint, flow, dialog, contact, CONFIRMED, owner, carrier, sessions)
        if unacknowledged:
            usage.needs_ack = True
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
        lines: Sequence[str] = (),
    ) -> InviteUsage:
        """Cancel an INVITE that a former process sent; the CANCEL has these lines besides. A 2xx that crosses it gets
        ACK and BYE, as ever."""
        usage = cls(endpoint, flow, dialog, "", EARLY, owner, carrier)
        head = dialog.lines("INVITE", dialog.local_cseq)
        usage.client = endpoint.resume(flow, dialog.request_uri(), head, branch, usage)
        # PRACK and UPDATE of the former process have used up numbers that nobody knows of.
        dialog.local_cseq += EARLY_REQUESTS
        usage.cancel(now, lines)
        return usage

    def authenticate(self, account: Account | None) -> None:
        """Answer the far end's challenges to the requests from now on, by the account that we have there."""
        self.challenges = Challenges(account, self.endpoint, self) if account is not None else None

    def note_abilities(self, message: Request | Response) -> None:
        """What the far end takes from us later on, as its INVITE, or its answer to ours, says."""
        allowed, supported = message.header("Allow") or "", message.header("Supported") or ""
        self.allows_update, self.allows_message = "UPDATE" in allowed, "MESSAGE" in allowed
        self.from_change = "from-change" in supported

    # -- what the call may do -----------------------------------------------------------------------------------

    @property
    def offer_pending(self) -> bool:
        """Whether an INVITE or an offer is under way in either direction, so that we may not send one."""
        accepted = self.accepted
        return (
            self.client is not None
            or self.server is not None
            or (accepted is not None and not accepted.again)
            or self.updating is not None
            or self.asking is not None
        )

    @property
    def confirmed(self) -> bool:
        """Whether the dialog stands."""
        return self.state is CONFIRMED

    @property
    def inviting(self) -> bool:
        """Whether an INVITE of ours is under way."""
        return self.client is not None

    @property
    def made_offer(self) -> bool:
        """Whether our INVITE that is under way carries an offer."""
        return holds_offer(self.sent[1])

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
            bool(tag) and self.client is not None and self.state in (CALLING, EARLY)
        )

    @property
    def settled(self) -> bool:
        """Whether the offer of the far end's INVITE was answered in a reliable 1xx, so that our 2xx carries none."""
        return self.provisionals is not None and self.provisionals.settled

    @property
    def offered(self) -> bool:
        """Whether we have made the caller an offer in a reliable 1xx, or have answered his: he can be made no other."""
        return self.provisionals is not None and (self.provisionals.offering or self.provisionals.settled)

    @property
    def pending_request(self) -> Request | None:
        """The INVITE of the far end that waits for our final response."""
        return self.server.request if self.server is not None else None

    @property
    def branch(self) -> str:
        """The Via branch of the INVITE under way; empty when there is none."""
        return self.client.branch if self.client is not None else ""

    def trying(self, now: float) -> None:
        """Send 100 to the INVITE under way."""
        if self.server is not None:
            self.endpoint.respond(self.server, 100, now)

    def progress(
        self, status: int, now: float, body: bytes = b"", identity: Sequence[str] = (), *, offered: bool = False
    ) -> None:
        """Send a 18x to the caller, with SDP as early media when `body` is given.

        Reliably, if the caller requires that; else, if he supports it, when there is SDP. `offered`: `body` is an offer
        to a caller who made none, which only goes reliably. `identity` are header lines that say who rings.
        """
        if self.server is None or self.state is CONFIRMED or self.state is ENDED:
            return
        self.state = EARLY
        if self.reliably and (body or self.reliably == reliable.REQUIRED or self.must_wait):
            reliable.send(self, self.server, status, body, identity, offered, now)
            return
        lines = [f"Contact: {self.contact}", ALLOW, *identity]
        if body:
            lines.append(SDP_LINE)
        self.endpoint.respond(
            self.server, status, now, to_tag=self.dialog.local_tag, lines=lines, body=body, copy_record_route=True
        )

    def accept(
        self, body: bytes, now: float, identity: Sequence[str] = (), *, offered: bool = False, again: bool = False
    ) -> None:
        """Send 200 to the INVITE under way, first or not. `offered`: `body` is an offer; the ACK brings its answer.
        `identity` are header lines that say who has answered."""
        txn = self.server
        if txn is None:
            return
        self.server = None
        self.state = CONFIRMED
        lines = [f"Contact: {self.contact}", ALLOW, SUPPORTED, *identity]
        if again:
            lines += self.session.as_uas() if self.session is not None else []
        elif self.sessions is not None:
            lines += refresh.agree_to(self, txn.request, now)
        if self.provisionals is not None:
            if self.provisionals.txn is txn and self.provisionals.settled:
                body, offered = b"", False
            self.provisionals.stop()
        confirmation.accept(self, txn, lines, body, offered, now)

    def accept_again(self, txn: ServerTransaction, body: bytes, now: float, *, offered: bool = False) -> None:
        """After a crash: repeat the 200 that may not have reached the far end, until its ACK or for 64*T1."""
        self.server = txn
        txn.owner = self
        self.accept(body, now, offered=offered, again=True)
        if self.accepted is not None:
            self.accepted.again = True

    def refuse(self, status: int, now: float, lines: Sequence[str] = ()) -> None:
        """Send a final refusal to the INVITE under way. A first INVITE ends the usage with it; a re-INVITE does not."""
        txn = self.server
        if txn is None:
            return
        self.server = None
        if self.state is not CONFIRMED:
            self.state = ENDED
            self._be_quiet(now)
        self.endpoint.respond(txn, status, now, to_tag=self.dialog.local_tag, lines=lines)

    def cancel(self, now: float, lines: Sequence[str] = ()) -> None:
        """Give up an INVITE of ours that has no final response. A 2xx that crosses it gets ACK and BYE."""
        if self.client is None or self.state not in (CALLING, EARLY):
            return
        self.state = CANCELLING
        self.reason = lines
        self._let_go(self.client)
        self.endpoint.cancel(self.client, now, lines)

    def offer(self, body: bytes, now: float, identity: Sequence[str] = ()) -> None:
        """Send a re-INVITE; an empty body asks the far end for an offer. Only when not `offer_pending`. `identity` are
        header lines that say who speaks now (RFC 4916)."""
        self.tries = 0
        self.client = inviting.send(self, identity, body, now)

    def update(self, now: float, body: bytes = b"", fork: str = "", identity: Sequence[str] = ()) -> None:
        """Send an UPDATE, with an offer, to say who speaks now, or to refresh the session timer. Only when the far end
        `allows_update` and not `offer_pending`; `fork` names an early dialog of our INVITE."""
        update.send(self, body, now, self.forks.get(fork) if fork else None, identity=identity)

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
        if self.client is not None and self.state is CONFIRMED:
            self._let_go(self.client)
            self.endpoint.cancel(self.client, now)

    def ack(self, now: float, body: bytes = b"") -> None:
        """Acknowledge the 2xx of our INVITE; `body` is the answer to an offer that the 2xx made."""
        confirmation.acknowledge(self, body, now)

    def bye(self, now: float, lines: Sequence[str] = ()) -> None:
        """End a confirmed dialog. An INVITE of the far end that waits for us is refused first (15.1.2)."""
        if self.state is not CONFIRMED:
            return
        if self.server is not None:
            self.refuse(487, now)
        confirmation.forget(self)
        self.state = ENDED
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
        if self.state is ENDED:
            # A BYE that crossed ours has done what it was sent for.
            self.reply(txn, 200 if method == "BYE" else 481, now)
            return None
        if request.cseq == self.dialog.remote_cseq and method == "INVITE" and self.server is not None:
            self.reply(txn, 482, now)
            return None
        if self.client is not None and self.state is not CONFIRMED:
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
            case "REFER":
                return refer.received(self, txn, now)
            case "INFO":
                return keyed.received(self, txn, now)
            case "SUBSCRIBE" if self.referrals:
                return refer.subscribed(self, txn, now)
            case _:
                status, lines = refusal_of(method)
                self.reply(txn, status, now, lines)
        return None

    def on_cancel(self, txn: ServerTransaction, now: float, reasons: tuple[str, ...] = ()) -> LegEvent | None:
        """A CANCEL met this INVITE (the 200 for the CANCEL itself was sent by the endpoint)."""
        if txn is not self.server:
            return None
        reinvite = self.state is CONFIRMED
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
        if self.challenges is not None and response.status >= 200:
            again = self.challenges.answered(txn, response, now, txn.method != "INVITE" or txn is self.client)
            if again is not None:
                return self._asked_again(txn, again)
        if txn.method == "INVITE":
            if response.status >= 200 and response.status < 300:
                if txn is self.client:
                    return inviting.accepted(self, response, now)
                confirmation.repeated(self, response, now)
                return None
            if txn is not self.client:
                return None
            if response.status < 200:
                return inviting.progressed(self, response, now)
            return inviting.refused(self, response, now)
        if self.updating is not None and txn is self.updating.txn:
            return update.answered(self, self.updating, response, now)
        if self.referrals and (referral := refer.of_notify(self, txn)) is not None:
            return refer.answered(self, referral, response, now)
        if response.status < 200 or self.state is not ENDED or txn.method != "BYE":
            return None
        if self.advice is not None:
            self.look_for_price(response)
        return Closed()

    def _asked_again(self, txn: ClientTransaction, again: ClientTransaction) -> LegEvent | None:
        """A challenged request is under way once more. The INVITE's new branch, and the number that it or an UPDATE
        now has, have to outlive a crash."""
        if txn is self.client:
            self.client = again
            if self.state is CALLING:
                self.state = EARLY  # somebody is there
            return Resent()
        if self.updating is not None and txn is self.updating.txn:
            self.updating.txn = again
            return Resent()
        if self.referrals and (referral := refer.of_notify(self, txn)) is not None:
            referral.notify = again
            return Resent()
        if txn.branch == self._farewell:
            self._farewell = again.branch
        return None

    def on_stray(self, response: Response, now: float) -> None:
        """A 2xx to an INVITE that a former process sent in this dialog: it wants its ACK."""
        if self.state is CONFIRMED and not self.needs_ack:
            confirmation.stray(self, response, now)

    def on_timeout(self, txn: ClientTransaction, now: float, *, transport: bool = False) -> LegEvent | None:
        """No response came (timer B or F), or the transport failed; 17.1.4 makes the first a 408, the second a 503."""
        self._let_go(txn)
        if txn is not self.client:
            if transport and txn.branch == self._farewell:
                self._farewell = ""
                return Astray()
            if self.updating is not None and txn is self.updating.txn:
                return update.failed(self, self.updating, 503 if transport else 408, now)
            if self.referrals and (referral := refer.of_notify(self, txn)) is not None:
                return refer.failed(self, referral, 503 if transport else 408, now)
            return Closed() if self.state is ENDED and txn.method == "BYE" else None
        return inviting.failed(self, 503 if transport else 408, silent=self.state is CALLING)

    def on_timer(self, what: object, now: float) -> LegEvent | None:
        """Our 2xx is due again, or 64*T1 have passed without its ACK: then the session ends by BYE (13.3.1.4)."""
        if what is self.session and self.session is not None:
            return refresh.due(self, self.session, now)
        if what is self.provisionals and self.provisionals is not None:
            return reliable.repeat(self, self.provisionals, now)
        if what is self.accepted and self.accepted is not None:
            return confirmation.repeat(self, self.accepted, now)
        if isinstance(what, refer.Referral):
            return refer.due(self, what, now)
        return None

    # -- the inside ---------------------------------------------------------------------------------------------

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
        if self.challenges is not None:
            return self.challenges.request(dialog, flow, method, lines, body, now, branch)
        return self.endpoint.request(flow, method, dialog.request_uri(), lines, body, now, self, branch)

    def look_for_price(self, message: Request | Response) -> None:
        """A carrier may tell what the call cost."""
        if self.advice is not None:
            price = read(self.advice, message)
            self.price = price if price is not None else self.price

    def _let_go(self, client: ClientTransaction) -> None:
        """A request that is given up is not sent again when it is challenged: the CANCEL may wait for this very
        answer."""
        if self.challenges is not None:
            self.challenges.forget(client)

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
        if self.advice is not None:
            self.look_for_price(txn.request)
        self.reply(txn, 200, now)
        early = self.state is not CONFIRMED
        if self.server is not None:
            # 15.1.2: a UAS that gets BYE answers what is pending in the dialog, with 487 by preference.
            server, self.server = self.server, None
            self.endpoint.respond(server, 487, now, to_tag=self.dialog.local_tag)
        confirmation.forget(self)
        self.state = ENDED
        self._be_quiet(now)
        return Cancelled(reasons) if early else Ended(reasons)

    def _on_reinvite(self, txn: ServerTransaction, now: float) -> LegEvent | None:
        if self.client is not None or self.accepted_offer or (self.updating is not None and self.updating.offered):
            self.reply(txn, 491, now)
            return None
        if self.server is not None or self.state is not CONFIRMED or self.asking is not None:
            self.reply(txn, 500, now, ["Retry-After: 5"])
            return None
        if self.sessions is not None and (brief := session_timer.too_small(txn.request, self.sessions)):
            self.reply(txn, 422, now, brief)
            return None
        self.dialog.refresh_target(txn.request)
        confirmation.forget(self)
        self.server = txn
        txn.owner = self
        self.flow = toward(txn.flow, self.dialog, self.carrier)
        return Offer(session_description(txn.request))

    def _be_quiet(self, now: float) -> None:
        """The usage ends: what waits in it is let go."""
        if self.session is not None:
            self.session.stop()
        if self.provisionals is not None:
            self.provisionals.stop()
        if self.asking is not None:
            update.refuse(self, 487, now)
        self.updating = None
        if self.client is not None and self.state is ENDED:
            # A re-INVITE that has had no more than a 1xx would be waited for without end (9.1 ends it in 64*T1).
            self.endpoint.cancel(self.client, now)
