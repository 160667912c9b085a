"""A third party in a call: three who talk with each other, until one of them leaves (LIM-5).

    talking    two legs; one of them is a telephone of ours, on which the code `add_party` is keyed
    asking     he is asked for a number, and then hears it ring; the other one hears music
    together   all three are in a room of the call's own. Who hangs up leaves the other two talking

Whoever has another call on hold is not asked: who is held there comes into this call, and that one ends.

It stays one call with one record. Its limits go on: nothing is reset by a third party, and the earliest of those who
are there rules all (LIM-5); when one leaves, what runs for the others goes on (K.12). When nobody of the house is left
in it, the call ends: two outside are not left talking at our expense.

After a crash those who were together are so again; who was being asked or rung is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.plan import Ring, Trunk
from dialplan.termination import Reason, Result, Termination
from media.engine import Digit, MediaEvent
from records import events as e
from switch.calls import keying, ports, sound
from switch.calls.ending import end, stop_walk
from switch.calls.keying import Keying
from switch.calls.leg import Leg, is_trunk
from switch.calls.moving import movable, move
from switch.calls.onward import onward
from switch.calls.pairing import pair
from switch.calls.serving import TOGETHER, own_room

if TYPE_CHECKING:
    from switch.calls.call import Call

NAME = TOGETHER
FEATURE = "add_party"
JOINED = Termination(Result.ANSWERED, Reason.JOINED, 200)
GONE = Termination(Result.ANSWERED, Reason.CALLEE_HUNG_UP, 200)


class Together:
    """Three legs in a room of the call's own: who keeps the call going (`switch.calls.serving.Service`)."""

    name = NAME

    def begin(self, call: Call, now: float) -> None:
        """Let all hear each other. Also after a crash, when the engine may have been told before."""
        engine = call.context.engine
        for index in call.state.members:
            leg = call.legs[index]
            sound.tell(engine, leg.sound, again=True)
            engine.mix(ports.leased(leg), own_room(call))

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """Keys mean what they do among two, where they can: recording may be switched on."""
        if type(event) is Digit:
            call.context.digit(call, leg, event.digit, now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """The other two talk on, if one of them is of the house."""
        stay = [call.legs[index] for index in call.state.members if index != leg.index and index in call.legs]
        if len(stay) < 2 or all(is_trunk(each.target) for each in stay):
            return False
        front, peer = sorted(stay, key=lambda each: each.index != call.state.front)
        pair(call, front, peer, now)
        return True

    def parted(self, call: Call, now: float) -> None:
        """They are together no more."""
        for index in list(call.state.members):
            call.record(e.RoomLeft(call.id, call.state.n, call.context.at(), index))


def resume(call: Call, rest: str) -> Together | None:
    """See `switch.calls.serving.Resume`. Somebody may have gone in the very instant of the crash."""
    return Together() if all(index in call.legs for index in call.state.members) else None


class ThreeWay:
    """What the code `add_party` does, for all calls."""

    def __init__(self, keying: Keying) -> None:
        self._keying = keying

    def add(self, call: Call, leg: Leg, now: float) -> None:
        """Somebody has keyed the code (`switch.features.call_keys.Feature`)."""
        other = call.other(leg)
        if call.engaged or other is None or call.for_help or self._keying.asks(call):
            return
        held = _held(call, leg)
        if held is None:
            self._keying.ask(call, leg, lambda digits, then: _add(call, leg, digits, then), now)
            return
        elsewhere, far = held
        third = move(far, call, now)
        end(elsewhere, JOINED, now)
        together(call, [leg, other, third], now)

    def joined(self, call: Call, now: float) -> None:
        """A service of ours has answered in place of a third party: that is none (`Context.joined`)."""
        adding = call.errand
        if isinstance(adding, Adding) and call.state.service:
            adding.refused(call, now)


def _held(call: Call, leg: Leg) -> tuple[Call, Leg] | None:
    """Whom the same telephone holds in another call, and that call."""
    mine = call.state.legs[leg.index]
    for other in call.context.calls():
        if other is call or other.over or other.state.answered_at is None or other.engaged or other.for_help:
            continue
        for each in other.legs.values():
            state = other.state.legs[each.index]
            far = other.other(each) if each.sound.held and each.target == leg.target else None
            if far is not None and state.device == mine.device and movable(far):
                return other, far
    return None


def together(call: Call, legs: list[Leg], now: float) -> None:
    """Let these legs of the call talk with each other."""
    for leg in legs:
        call.record(e.RoomEntered(call.id, call.state.n, call.context.at(), leg.index))
    call.service = Together()
    call.service.begin(call, now)
    call.rejoined(now)


def _add(call: Call, by: Leg, digits: str, now: float) -> None:
    """The number is known: ring it, if it is one to be rung. Else it is two as before."""
    if digits:
        plan = keying.plan_of(call, by, digits, FEATURE, now)
        if isinstance(plan.step(plan.entry), Ring | Trunk) and not plan.emergency:
            onward(call, plan, Adding(by, call.other(by)), now, front=by)
            return
    keying.refused(call, by)


class Adding:
    """A third party is rung: the errand of the walk. `beside` is who waits, until he leaves."""

    def __init__(self, by: Leg, beside: Leg | None) -> None:
        self._by = by
        self._beside = beside

    def progress(self, call: Call, status: int, now: float) -> None:
        """See `Errand`: the ringing tone says it."""

    def succeeded(self, call: Call, leg: Leg, now: float) -> None:
        """See `Errand`: all three together; without the one who has gone meanwhile it is two."""
        if self._beside is not None and self._beside.index in call.legs:
            together(call, [self._by, self._beside, leg], now)

    def failed(self, call: Call, termination: Termination, text: str, now: float) -> None:
        """See `Errand`: it is two as before, or one."""
        if self._beside is None:
            end(call, GONE, now)
        else:
            keying.refused(call, self._by)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Errand`: who waits may go, and the third one rings on."""
        if leg is not self._beside:
            return False
        self._beside = None
        return True

    def refused(self, call: Call, now: float) -> None:
        """What has answered is a mailbox or the like."""
        call.errand = None
        stop_walk(call)
        if self._beside is None:
            end(call, GONE, now)
        else:
            pair(call, self._by, self._beside, now)
            call.context.engine.play(ports.leased(self._by), keying.REFUSED)
