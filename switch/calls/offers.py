"""New offers in a call that stands: one side's re-INVITE or UPDATE is passed on to the other (RFC 3261 s.14, RFC 6337).

    one side asks with an offer     ->  the other is offered the same  ->  its answer goes back, both sides' sound moves
    one side asks without an offer  ->  it is offered what is in force, and the other side is left alone
    the other refuses               ->  its status goes back; the session stays as it was
    the asking side cancels         ->  so do we; an answer that crossed that is taken back by a re-INVITE of ours

That is for offers in which the codec in use is there no more. All others, hold and resume above all, concern one side
alone and are answered by ourselves; who is held hears music (`joining.py`). An UPDATE goes on as UPDATE where the other
side takes it, else as re-INVITE. One exchange at a time: while one is passed on, a new offer of either side is answered
491.

Besides, we may have to make an offer ourselves, called a *correction* here: to take an offer back, to bring a side up
to date that was answered before the other one had spoken, to refresh the session timer of a side that does not know
UPDATE. It waits until the leg is free, and after a 491 for a while (section 14.1).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from media import sdp
from media.engine import Tune
from switch.calls import joining, ports, sound
from switch.calls.leg import CALLER, SETTLE, Leg
from switch.calls.sound import SdpError

if TYPE_CHECKING:
    from media.sdp import Description
    from switch.calls.call import Call

OURSELVES = "ourselves"
"""The other side is a service of ours."""
RESTORE = "restore"
"""What was in force before an offer holds again."""
REFRESH = "refresh"
"""The session as it is; the session timer asks again by itself."""


class Offers:
    """The offer/answer exchange between a call's two sides. It does not hold the call, which is handed in each time, so
    that a call that is over leaves no cycle behind."""

    __slots__ = ("_alone", "_asking", "_correcting", "_owed", "_telling", "_told")

    def __init__(self) -> None:
        self._asking: Leg | None = None
        """The leg whose offer is being passed on, or whose ACK has to bring an answer."""
        self._alone = False
        """Whether what the ACK brings concerns that leg alone."""
        self._owed: dict[int, Description | str] = {}
        """Corrections that wait for their leg to be free."""
        self._correcting: dict[int, Description | str] = {}
        """Corrections under way."""
        self._telling: dict[int, Sequence[str]] = {}
        """Header lines that say who speaks now, which wait for their leg to be free; `_told` are under way."""
        self._told: dict[int, Sequence[str]] = {}

    def expect_answer(self, leg: Leg) -> None:
        """Our 2xx to this leg made an offer: its ACK brings the answer."""
        self._asking = leg

    def asked(self, call: Call, leg: Leg, body: bytes, now: float) -> None:
        """A new offer came. An empty `body` asks for one."""
        other = call.other(leg)
        by_update = leg.usage.asking is not None and other is not None and other.usage.allows_update
        if self._asking is not None:
            leg.usage.refuse_offer(491, now)
            return
        try:
            proposed = leg.sound.parsed(body) if body else None
            if other is None:
                self._ask_service(call, leg, proposed, now)
                return
            if self._by_ourselves(call, leg, proposed, now):
                return
            if proposed is None or not _free(other, by_update):
                leg.usage.refuse_offer(491, now)
                return
            other.reach(now)
            ports.place(call, other)
            passed = sound.propose(other.sound, proposed)
        except SdpError:
            # Also a change to fax (T.38): refused, and the call lives.
            leg.usage.refuse_offer(488, now)
            return
        leg.sound.proposed = proposed
        self._asking = leg
        if by_update:
            other.usage.update(now, passed)
        else:
            other.usage.offer(passed, now)
        # The number of our request has to outlive a crash: the far end would refuse a lower one.
        other.record_move()

    def _by_ourselves(self, call: Call, leg: Leg, proposed: Description | None, now: float) -> bool:
        """Hold, resume, another address: what concerns this side alone is answered by ourselves, and the other side
        hears music or the talk again. False where the codec in use would have to change, which both must agree on."""
        if self._owed or leg.index in self._correcting:
            return False
        if proposed is not None and not sound.keeps_codec(leg.sound, proposed):
            return False
        moved = ports.place(call, leg, proposed)
        if proposed is None:
            leg.usage.accept(sound.offer_again(leg.sound), now, offered=True)
            self._asking, self._alone = leg, True
            leg.record_move()
            return True
        leg.usage.answer_offer(sound.answer_again(leg.sound, proposed), now)
        leg.sound.settled = b""
        self._heard(call, leg, proposed, moved)
        return True

    def _heard(self, call: Call, leg: Leg, described: Description, moved: bool = False) -> None:
        """What the leg's far end described holds, and the other side's description is as it was."""
        before = leg.sound.held
        sound.note(leg.sound, described, leg.address)
        sound.tell(call.context.engine, leg.sound)
        if before != leg.sound.held or moved:
            joining.reconnect(call)
        leg.record_move()

    def forget(self, call: Call, leg: Leg, now: float) -> None:
        """The leg leaves the call. What it has asked is refused for now; whoever was asked for it keeps what held."""
        self._owed.pop(leg.index, None)
        self._correcting.pop(leg.index, None)
        self._telling.pop(leg.index, None)
        self._told.pop(leg.index, None)
        self.leaving(call, leg, now)

    def leaving(self, call: Call, leg: Leg, now: float) -> None:
        """The leg talks with its other side no more. What it has asked is refused for now, and asked of nobody; so is
        what was asked of it."""
        asking = self._asking
        other = call.other(asking) if asking is not None else None
        if asking is None or (asking is not leg and other is not leg):
            return
        usage = asking.usage
        if usage.asking is None and usage.pending_request is None:
            # Its ACK brings an answer yet, which concerns it alone from now on.
            self._asking, self._alone = (None, False) if asking is leg else (asking, True)
            return
        self._asking = None
        asking.sound.proposed = None
        usage.refuse_offer(491, now)
        if other is not None:
            other.usage.cancel_offer(now)

    def parting(self, call: Call, front: Leg, peer: Leg, now: float) -> None:
        """Those two are to talk with each other: an offer that is being passed on to somebody else is passed on no
        more."""
        asking = self._asking
        other = call.other(asking) if asking is not None else None
        if other is not None and {asking, other} != {front, peer}:
            self.leaving(call, other, now)

    def answered(self, call: Call, leg: Leg, body: bytes, now: float) -> None:
        """The other side took the offer, or made one."""
        if leg.index in self._correcting:
            self._corrected(call, leg, body, now)
            return
        asking, self._asking = self._asking, None
        if asking is None:
            self._take_back(call, leg, now)
            return
        proposed, asking.sound.proposed = asking.sound.proposed, None
        try:
            theirs = sdp.parse(body)
            assert proposed is not None, "who has no offer is answered by ourselves"
            _acknowledge(leg, now)
            leg.sound.settled = b""
            ports.place(call, asking, proposed)
            asking.usage.answer_offer(sound.answer_to(asking.sound, proposed, theirs), now)
            asking.sound.settled = b""
            _join(call, asking, proposed, leg, theirs)
        except SdpError:
            _acknowledge(leg, now)
            asking.usage.refuse_offer(488, now)
            # It has taken an offer whose answer could not be used.
            self.owe(leg, RESTORE)
            leg.record_move()
            self.settle(call, now)
            return
        leg.record_move()
        asking.record_move()
        self.settle(call, now)

    def refused(self, call: Call, leg: Leg, status: int, now: float) -> None:
        """The other side keeps the session as it is: what it was described before is in force again."""
        if leg.index in self._correcting:
            what = self._correcting.pop(leg.index)
            if call.state.answered_at is None:
                call.early.stale |= {leg.index}
            if status in _LATER and what is not REFRESH:
                self._owed[leg.index] = what
                call.context.endpoint.timers.start(now + _pause_s(leg), leg, SETTLE)
            told = self._told.pop(leg.index, None)
            if told is not None and status in _LATER:
                self._telling.setdefault(leg.index, told)
                call.context.endpoint.timers.start(now + _pause_s(leg), leg, SETTLE)
            return
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.sound.proposed = None
            asking.usage.refuse_offer(status if status >= 400 and status not in _OURS_ALONE else 488, now)
        self.settle(call, now)

    def cancelled(self, call: Call, leg: Leg, now: float) -> None:
        """The asking side has changed its mind. An answer that comes all the same is taken back."""
        if leg is not self._asking:
            return
        self._asking = None
        leg.sound.proposed = None
        other = call.other(leg)
        if other is not None:
            other.usage.cancel_offer(now)

    def acked(self, call: Call, leg: Leg, body: bytes, now: float) -> None:
        """A 2xx of ours was acknowledged. When it made an offer, the answer is here and the other side waits."""
        if leg is self._asking:
            self._asking = None
            self._answer(call, leg, body, now)
        if self._owed or self._telling:
            self.settle(call, now)

    def _answer(self, call: Call, leg: Leg, body: bytes, now: float) -> None:
        other, alone, self._alone = call.other(leg), self._alone, False
        try:
            theirs = sdp.parse(body)
            leg.sound.settled = b""
            if other is None:
                sound.note(leg.sound, theirs, leg.address)
                sound.tell(call.context.engine, leg.sound)
                leg.record_media()
                leg.record_hold()
                return
            if alone:
                self._heard(call, leg, theirs)
                return
            offered, other.sound.remote = other.sound.remote, None
            if offered is None:
                return
            if other.usage.needs_ack:
                other.reach(now)
                ports.place(call, other, offered)
                other.usage.ack(now, sound.answer_to(other.sound, offered, theirs))
                other.sound.settled = b""
            else:
                self.owe(other, theirs)  # we have answered its offer for ourselves, before the caller could
            _join(call, leg, theirs, other, offered)
        except SdpError:
            call.media_refused(now)
            return
        leg.record_move()
        other.record_move()

    def _ask_service(self, call: Call, leg: Leg, proposed: Description | None, now: float) -> None:
        """A new offer of a caller who listens to a service of ours."""
        port = leg.sound
        moved = ports.place(call, leg, proposed)
        if proposed is None:
            leg.usage.accept(sound.offer_ourselves(port), now, offered=True)
            self._asking = leg
        else:
            leg.usage.answer_offer(sound.answer_ourselves(port, proposed, call.state.service), now)
            sound.note(port, proposed, leg.address)
            sound.tell(call.context.engine, port)
        if moved and call.service is not None:
            call.service.begin(call, now)  # nothing plays and nothing listens on the new port
        elif moved and port.lease is not None:
            call.context.engine.play(port.lease.leg, Tune(call.context.directory.sound(call.state.service)))
        leg.record_move()

    # -- corrections --------------------------------------------------------------------------------------------

    def owe(self, leg: Leg, what: Description | str) -> None:
        """The leg is to be described `what`: another description than it knows, OURSELVES or RESTORE."""
        self._owed[leg.index] = what

    def expect(self, leg: Leg) -> None:
        """An UPDATE of ours goes out on the leg before the call is answered."""
        self._correcting[leg.index] = REFRESH

    def refresh(self, call: Call, leg: Leg, now: float) -> None:
        """The session timer asks for a sign of life. An exchange under way is one, too."""
        usage = leg.usage
        if self._asking is not None or usage.offer_pending or usage.needs_ack:
            return
        leg.reach(now)
        self._correcting[leg.index] = REFRESH
        if usage.allows_update:
            usage.update(now)
        else:
            usage.offer(sound.again(leg.sound), now)
        leg.record_move()

    def tell(self, call: Call, leg: Leg, lines: Sequence[str], now: float) -> None:
        """The leg's far end is to learn who speaks now (`identity.py`), as soon as the leg is free."""
        self._telling[leg.index] = lines
        self.settle(call, now)

    def _say_who(self, leg: Leg, lines: Sequence[str], now: float) -> None:
        leg.reach(now)
        self._correcting[leg.index] = REFRESH
        self._told[leg.index] = lines
        if leg.usage.allows_update:
            leg.usage.update(now, identity=lines)
        else:
            leg.usage.offer(sound.again(leg.sound), now, lines)
        leg.record_move()

    def refreshed(self, call: Call, leg: Leg, now: float) -> None:
        """The session timer runs anew, or the far end knows who speaks."""
        self._correcting.pop(leg.index, None)
        self._told.pop(leg.index, None)
        leg.record_move()
        self.settle(call, now)

    def restore(self, call: Call, now: float) -> None:
        """After a crash: a leg that may have taken an offer which nobody stands behind any more is told what holds."""
        for leg in call.legs.values():
            if leg.sound.settled:
                self.owe(leg, RESTORE)
        self.settle(call, now)

    def settle(self, call: Call, now: float) -> None:
        """Make the corrections that are owed to legs that are free."""
        for index in list(self._owed):
            leg = call.legs.get(index)
            if leg is None:
                del self._owed[index]
                continue
            if not self._is_free(leg):
                continue
            usage = leg.usage
            what, before = self._owed.pop(index), leg.sound.local
            leg.reach(now)
            try:
                if what is not RESTORE:
                    ports.place(call, leg)
                body = _corrected_offer(leg, what)
            except SdpError:
                continue
            if body == before and not leg.sound.settled:
                continue
            self._correcting[index] = what
            usage.offer(body, now)
            leg.record_move()

        for index in list(self._telling):
            leg = call.legs.get(index)
            if leg is None:
                del self._telling[index]
            elif index not in self._owed and self._is_free(leg):
                self._say_who(leg, self._telling.pop(index), now)

    def _is_free(self, leg: Leg) -> bool:
        usage = leg.usage
        return self._asking is None and usage.confirmed and not usage.offer_pending and not usage.needs_ack

    def _corrected(self, call: Call, leg: Leg, body: bytes, now: float) -> None:
        """The leg has taken a correction. Where its sound is may have changed on this occasion."""
        del self._correcting[leg.index]
        self._told.pop(leg.index, None)
        _acknowledge(leg, now)
        leg.sound.settled = b""
        if call.state.answered_at is None:
            call.early.updated(call, leg, body)
            return
        try:
            theirs = sdp.parse(body)
            sound.note(leg.sound, theirs, leg.address)
            sound.tell(call.context.engine, leg.sound)
        except SdpError:
            pass  # it answered without a description: what it said before holds
        leg.record_move()
        self.settle(call, now)

    def _take_back(self, call: Call, leg: Leg, now: float) -> None:
        """The other side's 2xx crossed our CANCEL, and nobody stands behind the offer any more."""
        _acknowledge(leg, now)
        if leg.sound.settled:
            self.owe(leg, RESTORE)
        leg.record_move()
        self.settle(call, now)


_LATER = frozenset((491, 500, 503, 504))
_OURS_ALONE = frozenset((401, 407, 421, 422))
"""Refusals that speak of our request, not of the offer in it."""


def _pause_s(leg: Leg) -> float:
    """How long to wait after a 491 (RFC 3261 section 14.1): 2.1 to 4 s who chose the Call-ID, 0 to 2 s the other."""
    number = zlib.crc32(leg.tag.encode())
    return number % 200 / 100 if leg.index == CALLER else 2.1 + number % 190 / 100


def _free(leg: Leg, by_update: bool) -> bool:
    """Whether an offer may be sent now. An UPDATE need not wait for the ACK of a 2xx of ours."""
    return leg.usage.may_update() if by_update else not leg.usage.offer_pending


def _acknowledge(leg: Leg, now: float) -> None:
    if leg.usage.needs_ack:
        leg.usage.ack(now)


def _corrected_offer(leg: Leg, what: Description | str) -> bytes:
    if what is OURSELVES:
        return sound.offer_ourselves(leg.sound)
    if isinstance(what, str):
        return sound.again(leg.sound)
    return sound.propose(leg.sound, what)


def _join(call: Call, one: Leg, ones: Description, other: Leg, others: Description) -> None:
    if one.index == call.state.front:
        joining.join(call, ones, other, others)
    else:
        joining.join(call, others, one, ones)
