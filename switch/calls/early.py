"""Before the answer: what the caller hears of the telephones that ring, and the offers and answers of that time.

    a 18x without sound              ->  the caller is told what is new
    a 18x with an answer             ->  the first leg that plays is heard: its answer goes on in the caller's 18x
    a reliable 18x with an offer     ->  the caller made none. It goes on as ours, if the caller takes reliable 1xx; the
                                         answer in his PRACK goes on in ours. Otherwise we answer for ourselves, and the
                                         two sides are brought together after the answer
    an offer by UPDATE or PRACK      ->  answered at once with what the other side described last; the other side is
                                         brought up to date as soon as it may be (`Offers.owe`)
    a leg answers, but the caller    ->  the answer waits for that (RFC 3262 section 3); the called side waits for its
    has a reliable 18x with SDP open     ACK as long

The value here does not hold the call, which is handed in each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dialplan import vocabulary as v
from media import sdp
from records import events as e
from switch.calls import ports, sound
from switch.calls.joining import join
from switch.calls.leg import CALLER, Leg
from switch.calls.presentation import to_caller
from switch.calls.sound import SdpError
from switch.sip.leg_events import Offer, Progress

if TYPE_CHECKING:
    from switch.calls.call import Call

EARLY = 1000
"""Added to the status in `Leg.told` when it was told with early media."""


class Early:
    """What a call has agreed on before it was answered."""

    __slots__ = ("alone", "fork", "held", "known", "leg", "stale")

    def __init__(self) -> None:
        self.leg: Leg | None = None
        """The called leg whose early media the caller hears."""
        self.fork = ""
        """Its early dialog, while the caller's PRACK has yet to bring the answer to its offer."""
        self.known: tuple[int, str] | None = None
        """The called leg, and its early dialog, that was described to the caller in a reliable 18x: that holds."""
        self.alone: frozenset[int] = frozenset()
        """Legs whose offer we have answered for ourselves."""
        self.stale: frozenset[int] = frozenset()
        """Legs that do not know what the other side described last."""
        self.held: Callable[[float], None] | None = None
        """What is to be done once the caller has acknowledged the reliable 18x."""

    def progress(self, call: Call, leg: Leg, event: Progress, now: float) -> None:
        """A 18x came from a telephone."""
        if call.ringer is None or call.state.answered_at is not None or self.held is not None:
            return
        if not call.state.legs[leg.index].ringing:
            early = bool(event.body)
            call.record(e.LegRinging(call.id, call.state.n, call.context.at(), leg.index, event.status, early))
            call.ringer.heard(leg, now)
            call.ringer.feed(v.Ringing(leg.branch, leg.contact, early), now)
        caller = call.caller
        if event.asks:
            self._asked(call, leg, event, now)
            return
        quiet = is_quiet(call)
        body = self._heard(call, leg, event.body, event.fork) if event.body and not quiet else b""
        status = 180 if quiet else event.status
        # The caller is told what is new: another status, or early media after none; never a 18x for each of ten phones.
        told = status + (EARLY if body else 0)
        if told != caller.told and (body or caller.told < EARLY):
            caller.told = told
            caller.usage.progress(status, now, body, to_caller(call, leg))

    def _heard(self, call: Call, leg: Leg, body: bytes, fork: str) -> bytes:
        """Let the caller hear what the called side plays before it answers; the first leg that plays is heard.

        The description for the caller's 18x; empty when there is none to send.
        """
        caller = call.caller
        asked = caller.sound.remote
        try:
            leg.sound.remote = theirs = leg.sound.parsed(body)
            if asked is None or (self.leg is not None and self.leg is not leg):
                return b""
            if not ports.ensure(call, caller):
                return b""
            if caller.usage.reliably and caller.told >= EARLY:
                # He has an answer that holds (RFC 3261 section 13.2.1); what has changed he learns after the 2xx.
                self.leg = leg
                join(call, asked, leg, theirs)
                return b""
            answer = sound.answer_to(caller.sound, asked, theirs)
        except SdpError:
            return b""
        self.leg = leg
        self.known = leg.index, fork
        join(call, asked, leg, theirs)
        return answer

    def _asked(self, call: Call, leg: Leg, event: Progress, now: float) -> None:
        """The caller made no offer, and the telephone makes one before it answers."""
        caller = call.caller
        try:
            leg.sound.remote = theirs = leg.sound.parsed(event.body)
            if (
                caller.sound.remote is None
                and caller.usage.reliably
                and not caller.usage.offered
                and self.leg is None
                and ports.ensure(call, caller)
            ):
                offer = sound.offer_to(caller.sound, theirs)
                self.leg, self.fork, caller.told = leg, event.fork, event.status + EARLY
                self.known = leg.index, event.fork
                caller.usage.progress(event.status, now, offer, to_caller(call, leg), offered=True)
                return
            leg.usage.prack(event.fork, sound.answer_ourselves(leg.sound, theirs, "echo"), now)
            self.alone |= {leg.index}
        except SdpError:
            call.give_up(leg, 488, now)
            return
        if caller.told < EARLY and caller.told != event.status:
            caller.told = event.status
            caller.usage.progress(event.status, now, b"", to_caller(call, leg))

    def forwarded(self, call: Call, now: float) -> None:
        """A telephone that calls is told that the call is forwarded. One that hears something already, or a carrier,
        could make nothing of it; nor could one that was answered, or has left the call since."""
        if call.state.answered_at is not None:
            return
        caller = call.caller
        if call.state.started.trunk is None and caller.told < EARLY:
            caller.told = 181
            caller.usage.progress(181, now)

    def pracked(self, call: Call, body: bytes, now: float) -> None:
        """The caller has acknowledged a reliable 18x; `body` answers the offer that it made."""
        if body:
            # Without a fork, whoever made that offer has left the call meanwhile; the answer holds all the same.
            called, fork, self.fork = self.leg if self.fork else None, self.fork, ""
            try:
                call.caller.sound.remote = answer = call.caller.sound.parsed(body)
                theirs = called.sound.remote if called is not None else None
                if called is not None and theirs is not None:
                    called.usage.prack(fork, sound.answer_to(called.sound, theirs, answer), now)
                    join(call, answer, called, theirs)
            except SdpError:
                call.media_refused(now)
                return
        self._go_on(now)

    def offered(self, call: Call, leg: Leg, event: Offer, now: float) -> None:
        """One side makes a new offer before the answer."""
        caller = call.caller
        called = self.leg if leg.index == CALLER else leg
        try:
            new = leg.sound.parsed(event.body)
            ports.place(call, leg, new)
            if leg.index == CALLER:
                theirs = called.sound.remote if called is not None else None
                answer = sound.answer_to(leg.sound, new, theirs or sdp.parse(leg.sound.local))
            else:
                answer = sound.answer_to(leg.sound, new, caller.sound.remote or sdp.parse(leg.sound.local))
        except SdpError:
            leg.usage.refuse_offer(488, now)
        else:
            leg.sound.remote = new
            leg.usage.answer_offer(answer, now)
            asked = caller.sound.remote
            if called is not None and called is self.leg and asked is not None and called.sound.remote is not None:
                join(call, asked, called, called.sound.remote)
                self.known = called.index, ""
                self._bring_up_to_date(call, called if leg is caller else caller, leg, now)
        if event.pracked:
            self._go_on(now)

    def _bring_up_to_date(self, call: Call, leg: Leg, other: Leg, now: float) -> None:
        """Tell the leg by UPDATE what the other side describes now; else after the answer."""
        new = other.sound.remote
        fork = leg.usage.early_tag if leg.index != CALLER else ""
        if new is None:
            return
        if (leg.index != CALLER and not fork) or not leg.usage.may_update(fork):
            self.stale |= {leg.index}
            return
        try:
            body = sound.offer_to(leg.sound, new)
        except SdpError:
            self.stale |= {leg.index}
            return
        call.offers.expect(leg)
        leg.usage.update(now, body, fork)

    def updated(self, call: Call, leg: Leg, body: bytes) -> None:
        """The answer to an UPDATE of ours before the call is answered."""
        try:
            leg.sound.remote = leg.sound.parsed(body)
        except SdpError:
            self.stale |= {leg.index}
            return
        called, asked = self.leg, call.caller.sound.remote
        if called is not None and asked is not None and called.sound.remote is not None:
            join(call, asked, called, called.sound.remote)

    def unknown(self, leg: Leg) -> bool:
        """Whether the caller was described another telephone than the one that answers: of another leg, or another one
        that a proxy rang for the same."""
        known = self.known
        return known is None or known[0] != leg.index or known[1] not in ("", leg.usage.dialog.remote_tag)

    def over(self, leg: Leg) -> None:
        """The leg has left the call."""
        if leg is self.leg:
            self.leg = None

    def waits(self, call: Call, then: Callable[[float], None]) -> bool:
        """Whether the answer has to wait for the caller's PRACK; `then` is done when it has come."""
        if not call.caller.usage.must_wait:
            return False
        self.held = then
        return True

    def _go_on(self, now: float) -> None:
        held, self.held = self.held, None
        if held is not None:
            held(now)


def is_quiet(call: Call) -> bool:
    """Whether the caller is a carrier that wants to hear of ringing, and of nothing else."""
    trunk = call.state.started.trunk
    dialect = call.context.directory.dialect(trunk) if trunk is not None else None
    return dialect is not None and not dialect.settings.early_media
