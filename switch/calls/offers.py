"""New offers in a call that stands: a re-INVITE of one side becomes a re-INVITE to the other (RFC 3261 s.14, RFC 6337).

    one side asks with an offer     ->  the other is offered the same  ->  its answer goes back, both sides' sound moves
    one side asks without an offer  ->  the other is asked for one     ->  it goes back in our 2xx, and the answer that
                                                                           the ACK brings is passed on in ours
    the other refuses               ->  its status goes back; the session stays as it was

Hold is nothing else: the direction attributes pass end to end. One exchange at a time: while one is under way, an
INVITE of either side is answered 491.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media import sdp
from switch.calls import sound
from switch.calls.leg import CALLER, Leg
from switch.calls.sound import SdpError

if TYPE_CHECKING:
    from media.sdp import Description
    from switch.calls.call import Call


class Offers:
    """The offer/answer exchange between a call's two sides. It does not hold the call, which is handed in each time, so
    that a call that is over leaves no cycle behind."""

    __slots__ = ("_asking",)

    def __init__(self) -> None:
        self._asking: Leg | None = None
        """The leg whose INVITE is being passed on, or whose ACK has to bring an answer."""

    def expect_answer(self, leg: Leg) -> None:
        """Our 2xx to this leg made an offer: its ACK brings the answer."""
        self._asking = leg

    def asked(self, call: Call, leg: Leg, body: bytes, now: float) -> None:
        """A re-INVITE came. An empty `body` asks for an offer."""
        other = call.other(leg)
        if self._asking is not None or (other is not None and other.usage.offer_pending):
            leg.usage.refuse(491, now)
            return
        try:
            proposed = sound.parsed(body) if body else None
            if other is None:
                self._ask_service(call, leg, proposed, now)
                return
            passed = sound.offer_to(other.sound, proposed) if proposed is not None else b""
        except SdpError:
            # Also a change to fax (T.38): refused, and the call lives.
            leg.usage.refuse(488, now)
            return
        leg.sound.proposed = proposed
        self._asking = leg
        other.reach(now)
        other.usage.offer(passed, now)
        # The number of our request has to outlive a crash: the far end would refuse a lower one.
        call.record_move(other)

    def answered(self, call: Call, leg: Leg, body: bytes, now: float) -> None:
        """The other side took the offer, or made one."""
        asking, self._asking = self._asking, None
        if asking is None:
            leg.usage.ack(now)
            return
        proposed, asking.sound.proposed = asking.sound.proposed, None
        try:
            theirs = sdp.parse(body)
            if proposed is not None:
                leg.usage.ack(now)
                asking.usage.accept(sound.answer_to(asking.sound, proposed, theirs), now)
                _join(call, asking, proposed, leg, theirs)
            else:
                asking.usage.accept(sound.offer_to(asking.sound, theirs), now, offered=True)
                leg.sound.remote = theirs
                self._asking = asking
        except SdpError:
            if leg.usage.needs_ack:
                leg.usage.ack(now)
            asking.usage.refuse(488, now)
            return
        call.record_move(leg)
        call.record_move(asking)

    def refused(self, status: int, now: float) -> None:
        """The other side keeps the session as it is."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.sound.proposed = None
            asking.usage.refuse(status, now)

    def cancelled(self, call: Call, leg: Leg, now: float) -> None:
        """The asking side has changed its mind. An answer that comes all the same is acknowledged, no more."""
        if leg is not self._asking:
            return
        self._asking = None
        leg.sound.proposed = None
        other = call.other(leg)
        if other is not None:
            other.usage.cancel_offer(now)

    def acked(self, call: Call, leg: Leg, body: bytes, now: float) -> None:
        """A 2xx of ours was acknowledged. When it made an offer, the answer is here and the other side waits."""
        if leg is not self._asking:
            return
        self._asking = None
        other = call.other(leg)
        try:
            theirs = sdp.parse(body)
            if other is None:
                sound.note(leg.sound, theirs, leg.address)
                sound.tell(call.context.engine, leg.sound)
                call.record_media(leg)
                call.record_hold(leg)
                return
            offered, other.sound.remote = other.sound.remote, None
            if offered is None:
                return
            other.reach(now)
            other.usage.ack(now, sound.answer_to(other.sound, offered, theirs))
            _join(call, leg, theirs, other, offered)
        except SdpError:
            call.media_refused(now)
            return
        call.record_move(leg)
        call.record_move(other)

    def _ask_service(self, call: Call, leg: Leg, proposed: Description | None, now: float) -> None:
        """A re-INVITE of a caller who listens to a service of ours."""
        port = leg.sound
        if proposed is None:
            leg.usage.accept(sound.offer_ourselves(port), now, offered=True)
            self._asking = leg
        else:
            leg.usage.accept(sound.answer_ourselves(port, proposed, call.state.service), now)
            sound.note(port, proposed, leg.address)
            sound.tell(call.context.engine, port)
        call.record_move(leg)


def _join(call: Call, one: Leg, ones: Description, other: Leg, others: Description) -> None:
    if one.index == CALLER:
        call.join(ones, other, others)
    else:
        call.join(others, one, ones)
