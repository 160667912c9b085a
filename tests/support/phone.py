"""A telephone built on our own stack: `Endpoint` and `InviteUsage`, so it repeats, acknowledges, answers by itself."""

from __future__ import annotations

import itertools
from typing import Any

from switch.sip import digest
from switch.sip import effects as fx
from switch.sip import leg_events as sip
from switch.sip.dialog import Dialog
from switch.sip.endpoint import Timings
from switch.sip.flow import Address, Flow
from switch.sip.headers import MAGIC_COOKIE
from switch.sip.invite import InviteUsage
from switch.sip.leg_events import LegEvent
from switch.sip.message import Request, Response
from switch.sip.session_timer import SessionSettings
from switch.sip.transaction import ClientTransaction, ServerTransaction
from switch.sip.usage_state import State
from tests.support.network import Network, Station
from tests.support.raw_phone import DOMAIN, EXCHANGE, FORMATS, changing, describe


class PhoneCall:
    """One call of a phone. `events` is all that the usage said; `offers` the descriptions that came."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.usage: InviteUsage
        self.events: list[LegEvent] = []
        self.offers: list[str] = []
        self.sent = ""
        """What we described last."""
        self.version = 0
        self.way = "sendrecv"
        self.formats = FORMATS
        self.with_offer = True
        self.tried = False
        self.offered = True
        """Whether the INVITE that came made an offer."""
        self.settled = False
        """Whether an offer in a reliable 18x was answered, so that the 200 makes none."""
        self.answering = False
        self.txn: ClientTransaction | None = None
        self.referred: list[int] = []
        """What our REFERs were answered with."""
        self.shown: list[str] = []
        """Whom later requests in the dialog named as the other side (P-Asserted-Identity)."""
        self.told: list[tuple[str, str]] = []
        """The NOTIFYs that came: the fragment's status line, and the state of the subscription."""

    # -- what the user does -------------------------------------------------------------------------------------

    def ring(self, status: int = 180, *, early: bool = False) -> None:
        """Ring, with early media if asked."""
        self.ring_now(status, self._now, early=early)
        self._drain()

    def ring_now(self, status: int, now: float, *, early: bool) -> None:
        """Send a 18x; with SDP, which is an offer when the caller made none and takes it reliably."""
        late = not self.offered
        body = self.describe() if early and (not late or self.usage.reliably) else b""
        self.usage.progress(status, now, body, offered=bool(body) and late)

    def answer(self) -> None:
        """Pick up."""
        assert self.usage.pending_request is not None, "nothing to answer"
        self.answer_now(self._now)
        self._drain()

    def answer_now(self, now: float) -> None:
        """Pick up, once the caller has acknowledged early media (RFC 3262 section 3)."""
        if self.usage.must_wait:
            self.answering = True
            return
        settled = self.usage.settled
        self.usage.accept(b"" if settled else self.describe(), now, offered=not settled and not self.offered)

    def refuse(self, status: int = 486) -> None:
        """Refuse the call or the offer."""
        self.usage.refuse(status, self._now)
        self._drain()

    def cancel(self) -> None:
        """Give up before the answer."""
        self.usage.cancel(self._now)
        self._drain()

    def hang_up(self) -> None:
        """Say BYE."""
        if self.usage.needs_ack:
            self.usage.ack(self._now)
        self.usage.bye(self._now)
        self._drain()

    def offer(self, way: str = "sendrecv", *, empty: bool = False, body: str = "", formats: str = "") -> None:
        """Send a re-INVITE. As the codecs are others than before, unless it holds, it concerns the other side, too."""
        self.way = way
        self.formats = formats or self._changed()
        self.with_offer = not empty
        self.usage.offer(b"" if empty else body.encode() or self.describe(), self._now)
        self._drain()

    def update(self, way: str = "sendrecv") -> None:
        """Make an offer by UPDATE, before or after the answer."""
        self.way = way
        if self.up:
            self.formats = self._changed()
        self.with_offer = True
        fork = "" if self.up or self.usage.pending_request is not None else self.usage.early_tag
        self.usage.update(self._now, self.describe(), fork)
        self._drain()

    def may_update(self) -> bool:
        """Whether it may."""
        early = not self.up and self.usage.pending_request is None
        if early and not self.usage.early_tag:
            return False
        return self.usage.may_update(self.usage.early_tag if early else "")

    def refer(self, to: str, *lines: str) -> None:
        """Send REFER; `to` is a number or a URI."""
        uri = to if ":" in to else f"sip:{to}@{DOMAIN}"
        dialog = self.usage.dialog
        head = [*dialog.lines("REFER", dialog.next_cseq()), f"Contact: {self.usage.contact}", f"Refer-To: <{uri}>"]
        self.usage.request(dialog, self.usage.flow, "REFER", [*head, *lines], b"", self._now)
        self._drain()

    def replaces(self, tag: str = "") -> str:
        """This dialog as its far end sees it, for the address of a Refer-To. `tag` is the far end's while it rings."""
        d = self.usage.dialog
        call_id = d.call_id.replace("@", "%40")
        return f"Replaces={call_id}%3Bto-tag%3D{tag or d.remote_tag}%3Bfrom-tag%3D{d.local_tag}"

    def transfer_to(self, other: PhoneCall, tag: str = "") -> None:
        """Attended: whoever is here is to talk with whoever is in the other call."""
        uri = other.usage.dialog.target.partition(";")[0]
        self.refer(f"{uri}?{other.replaces(tag)}")

    @property
    def outcome(self) -> str:
        """What the last NOTIFY said, once it was the last."""
        return self.told[-1][0] if self.told and self.told[-1][1].startswith("terminated") else ""

    def hold(self) -> None:
        """Put the far end on hold, as telephones do, with the codecs that it has."""
        self.offer("sendonly", formats=self.formats)

    def resume(self) -> None:
        """Take it back."""
        self.offer("sendrecv", formats=self.formats)

    # -- what can be asked --------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether the dialog is confirmed."""
        return self.usage.state is State.CONFIRMED

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.usage.state is State.ENDED

    def got(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def refused(self) -> int:
        """The status that refused our call; 0 while none has."""
        return self.got(sip.Refusal)[-1].status if self.got(sip.Refusal) else 0

    @property
    def rings(self) -> list[int]:
        """The 18x that came."""
        return [event.status for event in self.got(sip.Progress)]

    def describe(self) -> bytes:
        """Our description, a version on."""
        self.version += 1
        host, port = self.phone.address[0], self.phone.media_port
        self.sent = describe(host, port, self.way, self.version, self.formats)
        return self.sent.encode()

    # -- the usage's owner --------------------------------------------------------------------------------------

    def heard(self, event: LegEvent, now: float) -> None:
        """React as a phone does."""
        self.events.append(event)
        body = getattr(event, "body", b"")
        if body:
            self.offers.append(body.decode())
        match event:
            case sip.Answer() | sip.OfferAnswer() if self.usage.needs_ack:
                self.usage.ack(now, b"" if self.with_offer or self.settled else self.describe())
            case sip.Progress() if event.asks:
                self.settled = True
                self.usage.prack(event.fork, self.describe(), now)
            case sip.Pracked() if self.answering and self.usage.pending_request is not None:
                self.answering = False
                self.answer_now(now)
            case sip.Unpracked():
                self.usage.refuse(504, now)
            case sip.RefreshDue() if self.up and not self.usage.offer_pending and not self.usage.needs_ack:
                if self.usage.allows_update:
                    self.usage.update(now)
                else:
                    self.with_offer = True
                    self.usage.offer(self.sent.encode(), now)
            case sip.Lapsed():
                self.usage.bye(now)
            case sip.Offer() if self.phone.answers_offers is True:
                if body and b"a=sendonly" in body:
                    self.way = "recvonly"
                elif body and b"a=inactive" in body:
                    self.way = "inactive"
                else:
                    self.way = "sendrecv"
                self.formats = _audio_formats(body) if body else FORMATS
                self.usage.answer_offer(self.describe(), now, offered=not body)
            case sip.Offer() if self.phone.answers_offers:
                self.usage.refuse_offer(self.phone.answers_offers, now)
            case sip.Lost():
                self.usage.bye(now)
            case _:
                pass

    def on_timer(self, what: object, now: float) -> None:
        """A timer of the usage."""
        event = self.usage.on_timer(what, now)
        if event is not None:
            self.heard(event, now)

    def _changed(self) -> str:
        """Other codecs than now."""
        return changing(3 if self.formats == changing(2) else 2)

    @property
    def _now(self) -> float:
        return self.phone.station.clock.now()

    def _drain(self) -> None:
        self.phone.station.drain(self._now)


def _audio_formats(body: bytes) -> str:
    """The first codec of an offer that it has, and telephone-events."""
    line = next((each for each in body.decode().split("\r\n") if each.startswith("m=audio")), "")
    known = [number for number in line.split(" ")[3:] if number in FORMATS.split(" ")]
    return (
        " ".join([*[number for number in known if number != "101"][:1], *[n for n in known if n == "101"]]) or FORMATS
    )


class Phone:
    """A telephone. What it does with a call that comes is set beforehand; otherwise the test acts on `calls`."""

    def __init__(
        self,
        network: Network,
        user: str,
        address: Address,
        *,
        secret: str = "",
        transport: str = "udp",
        exchange: Address = EXCHANGE,
        timings: Timings | None = None,
    ) -> None:
        self.user = user
        self.address = address
        self.secret = secret
        self.exchange = exchange
        self.transport = transport
        self.media_port = 4000
        self.station = Station(network, address, self._effect, timings)
        self.flow: Flow = self.station.host.flow_to(exchange, transport)
        self.calls: list[PhoneCall] = []
        self.by_tag: dict[str, PhoneCall] = {}
        self.rings: int | None = 180
        """The 18x for a call that comes; None rings not at all."""
        self.answers: bool = False
        """Pick up at once."""
        self.notify_status = 200
        """What NOTIFYs are answered with."""
        self.refuses = 0
        """Refuse calls with this status."""
        self.early = False
        self.answers_offers: bool | int | None = True
        """Answer re-INVITEs, refuse them with a status, or leave them to the test (None)."""
        self.extensions: tuple[str, ...] = ()
        """Header lines that say what it can do, in its INVITEs."""
        self.sessions: SessionSettings | None = None
        """Its session timer, if it knows that."""
        self.registrations: list[Response] = []
        self._numbers = itertools.count(1)
        self._register_cseq = 0
        self._name = f"{user}-{address[0].replace('.', '-')}"

    # -- what the user does -------------------------------------------------------------------------------------

    def register(self, expires: int = 3600) -> None:
        """Send REGISTER; a challenge is met by itself."""
        self._register(expires, [])

    def call(
        self, number: str, *, offer: bool = True, headers: tuple[str, ...] = (), body: bytes | None = None
    ) -> PhoneCall:
        """Call a number."""
        made = PhoneCall(self)
        made.with_offer = offer
        headers = (*self.extensions, *headers)
        made.sent_headers = headers  # type: ignore[attr-defined]
        uri = number if ":" in number else f"sip:{number}@{DOMAIN}"
        tag = self._token()
        dialog = Dialog(f"{self._token()}@{self.address[0]}", tag, "", f"<sip:{self.user}@{DOMAIN}>", f"<{uri}>", uri)
        made.first_body = body if body is not None else (made.describe() if offer else b"")  # type: ignore[attr-defined]
        self._invite(made, dialog, list(headers))
        self.calls.append(made)
        self.by_tag[tag] = made
        self.station.drain(self.now)
        return made

    @property
    def last(self) -> PhoneCall:
        """The latest call."""
        return self.calls[-1]

    @property
    def now(self) -> float:
        """The instant."""
        return self.station.clock.now()

    # -- the inside ---------------------------------------------------------------------------------------------

    def _token(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    def _contact(self) -> str:
        host, port = self.address
        return f"<sip:{self.user}@{host}:{port}{'' if self.transport == 'udp' else f';transport={self.transport}'}>"

    def _invite(self, call: PhoneCall, dialog: Dialog, lines: list[str]) -> None:
        call.usage = InviteUsage.outgoing(
            self.station.endpoint,
            self.flow,
            dialog,
            self._contact(),
            lines,
            call.first_body,  # type: ignore[attr-defined]
            self.now,
            call,
            MAGIC_COOKIE + self._token(),
            sessions=self.sessions,
        )

    def _register(self, expires: int, more: list[str]) -> None:
        self._register_cseq += 1
        aor = f"sip:{self.user}@{DOMAIN}"
        lines = [
            "Max-Forwards: 70",
            f"From: <{aor}>;tag={self._token()}",
            f"To: <{aor}>",
            f"Call-ID: reg-{self._name}",
            f"CSeq: {self._register_cseq} REGISTER",
            f"Contact: {self._contact()}",
            f"Expires: {expires}",
            *more,
        ]
        owner = (expires, bool(more))
        self.station.endpoint.request(self.flow, "REGISTER", f"sip:{DOMAIN}", lines, b"", self.now, owner)
        self.station.drain(self.now)

    def _credentials(self, response: Response, method: str, uri: str) -> list[str]:
        asked, name = ("WWW-Authenticate", "Authorization")
        if response.status == 407:
            asked, name = ("Proxy-Authenticate", "Proxy-Authorization")
        challenge = response.all(asked)[0]
        return [f"{name}: {digest.authorization(challenge, self.user, self.secret, method, uri)}"]

    def _effect(self, effect: fx.Effect, now: float) -> None:
        match effect:
            case fx.Incoming():
                self._incoming(effect.txn, effect.request, now)
            case fx.Answered():
                self._answered(effect.txn, effect.response, now)
            case fx.AckReceived():
                call = self.by_tag.get(effect.request.to_tag or "")
                self._tell(call, call.usage.on_ack(effect.request) if call else None, now)
            case fx.Cancelled() | fx.Failed(ServerTransaction()):
                usage = effect.txn.owner
                if isinstance(usage, InviteUsage) and isinstance(effect.txn, ServerTransaction):
                    self._tell(usage.owner, usage.on_cancel(effect.txn, now), now)
            case fx.TimedOut() | fx.Failed():
                usage = effect.txn.owner
                if isinstance(usage, InviteUsage) and isinstance(effect.txn, ClientTransaction):
                    transport = isinstance(effect, fx.Failed)
                    self._tell(usage.owner, usage.on_timeout(effect.txn, now, transport=transport), now)
            case _:
                pass

    def _tell(self, call: Any, event: LegEvent | None, now: float) -> None:
        if event is not None:
            call.heard(event, now)

    def _incoming(self, txn: ServerTransaction, request: Request, now: float) -> None:
        endpoint = self.station.endpoint
        if request.to_tag is not None:
            call = self.by_tag.get(request.to_tag)
            if call is not None and request.header("P-Asserted-Identity"):
                call.shown.append(request.header("P-Asserted-Identity") or "")
            if call is not None and request.method == "NOTIFY":
                call.told.append((request.body.decode().strip(), request.header("Subscription-State") or ""))
                endpoint.respond(txn, self.notify_status, now)
            elif call is None or not call.usage.speaks_with(request.from_tag or ""):
                endpoint.respond(txn, 481, now)
            else:
                self._tell(call, call.usage.on_request(txn, now), now)
            return
        if request.method != "INVITE":
            endpoint.respond(txn, 200 if request.method == "OPTIONS" else 405, now)
            return
        call = PhoneCall(self)
        tag = self._token()
        call.usage = InviteUsage.incoming(endpoint, txn, tag, self._contact(), call, sessions=self.sessions)
        call.offered = bool(request.body)
        if request.body:
            call.offers.append(request.body.decode())
        self.calls.append(call)
        self.by_tag[tag] = call
        if self.refuses:
            call.usage.refuse(self.refuses, now)
            return
        if self.rings is not None:
            call.ring_now(self.rings, now, early=self.early)
        if self.answers:
            call.answer_now(now)

    def _answered(self, txn: ClientTransaction, response: Response, now: float) -> None:
        usage = txn.owner
        if isinstance(usage, tuple):
            expires, tried = usage
            if response.status == 401 and not tried:
                self._register(expires, self._credentials(response, "REGISTER", f"sip:{DOMAIN}"))
            elif response.status >= 200:
                self.registrations.append(response)
            return
        if not isinstance(usage, InviteUsage):
            return
        call = usage.owner
        if txn.method == "REFER" and response.status >= 200 and isinstance(call, PhoneCall):
            call.referred.append(response.status)
        event = usage.on_response(txn, response, now)
        if isinstance(event, sip.Refusal) and event.status == 407 and isinstance(call, PhoneCall) and not call.tried:
            call.tried = True
            lines = self._credentials(response, "INVITE", usage.dialog.target)
            self._invite(call, usage.dialog, [*lines, *call.sent_headers])  # type: ignore[attr-defined]
            return
        self._tell(call, event, now)
