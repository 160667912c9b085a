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

from dialplan.plan import CallRequest, Ring, Trunk
from dialplan.termination import Reason, Result, Termination
from media.engine import Digit, MediaEvent, Tune
from records import events as e
from switch.calls import ports, sound
from switch.calls.dialogue import Answer, Ask, Dialogue
from switch.calls.ending import end
from switch.calls.joining import reconnect
from switch.calls.leg import Leg, is_trunk
from switch.calls.moving import movable, move
from switch.calls.onward import back, onward
from switch.calls.pairing import pair
from switch.calls.replanning import ask
from switch.prompts.words import Words

if TYPE_CHECKING:
    from switch.calls.call import Call

NAME = "three-way"
FEATURE = "add_party"
REFUSED = Tune(("tone:480+620:250", "silence:250", "tone:480+620:250"), over=True)
JOINED = Termination(Result.ANSWERED, Reason.JOINED, 200)
MOST_DIGITS = 32


class Together:
    """Three legs in a room of the call's own: who keeps the call going (`switch.calls.serving.Service`)."""

    name = NAME

    def begin(self, call: Call, now: float) -> None:
        """Let all hear each other. Also after a crash, when the engine may have been told before."""
        engine = call.context.engine
        for index in call.state.members:
            leg = call.legs[index]
            sound.tell(engine, leg.sound, again=True)
            engine.mix(ports.leased(leg), f"call:{call.id}")

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

    def __init__(self, words: Words) -> None:
        self.words = words
        self._adding: dict[str, Adding] = {}

    def add(self, call: Call, leg: Leg, now: float) -> None:
        """Somebody has keyed the code (`switch.features.call_keys.Feature`)."""
        other = call.other(leg)
        free = call.service is None and call.errand is None and call.transfer is None and call.ringer is None
        if not free or other is None or call.for_help:
            return
        before = self._adding.get(call.id)
        if before is not None:
            if before.asking:
                return
            before.dialogue.stop()
        held = _held(call, leg)
        if held is None:
            self._adding[call.id] = adding = Adding(self, call, leg, other)
            adding.begin(now)
            return
        elsewhere, far = held
        third = move(far, call, now)
        end(elsewhere, JOINED, now)
        together(call, [leg, other, third], now)

    def joined(self, call: Call, now: float) -> None:
        """A service of ours has answered in place of a third party: that is none (`Context.joined`)."""
        adding = self._adding.get(call.id)
        if adding is not None and call.errand is adding and call.state.service:
            adding.refused(now)

    def over(self, call: Call, now: float) -> None:
        """The call is over (`Context.over`)."""
        adding = self._adding.pop(call.id, None)
        if adding is not None:
            adding.dialogue.stop()

    def done(self, call: Call) -> None:
        """Nobody is asked or rung any more."""
        self._adding.pop(call.id, None)


def _held(call: Call, leg: Leg) -> tuple[Call, Leg] | None:
    """Whom the same telephone holds in another call, and that call."""
    mine = call.state.legs[leg.index]
    for other in call.context.calls():
        busy = other.service or other.errand or other.transfer or other.ringer or other.for_help
        if other is call or other.over or other.state.answered_at is None or busy:
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


class Adding:
    """The number is asked for, and rung: who listens to the leg, and the errand of the walk."""

    def __init__(self, owner: ThreeWay, call: Call, by: Leg, beside: Leg) -> None:
        self.dialogue = Dialogue(call, by)
        self._owner = owner
        self._call = call
        self._by = by
        self._beside: Leg | None = beside

    def begin(self, now: float) -> None:
        """Ask; the other one hears music meanwhile."""
        context = self._call.context
        self._by.listener = self
        if self._beside is not None:
            music = context.directory.hold_music(self._by.target)
            context.engine.play(ports.leased(self._beside), Tune(music, loop=True))
        words = self._owner.words.sources("number_enter")
        self.dialogue.ask(Ask(words=words, most=MOST_DIGITS, first_s=8.0, between_s=4.0), self._answered, now)

    @property
    def asking(self) -> bool:
        """Whether he is asked still."""
        return self._by.listener is self and self._by.call is self._call and not self._call.over

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Listener`."""
        self.dialogue.heard(event, now)

    def _answered(self, answer: Answer, now: float) -> None:
        call, by = self._call, self._by
        if not self.asking:
            self._owner.done(call)  # he talks with somebody else now, or is being sent there
            return
        by.listener = None
        if not answer.digits:
            self._give_up(now)
            return
        line, state = by.target.partition(":")[2], call.state.legs[by.index]
        number, name = call.context.directory.shown(line)
        plan = ask(
            call,
            CallRequest(
                digits=answer.digits,
                at=call.context.at(),
                device=state.device or None,
                line=line,
                caller_number=number or None,
                caller_name=name or None,
                hops=call.state.started.hops,
            ),
            FEATURE,
            helps=False,
        )
        if isinstance(plan.step(plan.entry), Ring | Trunk) and not plan.emergency:
            onward(call, plan, self, now, front=by)
        else:
            self._give_up(now)

    def _give_up(self, now: float) -> None:
        """It is two as before."""
        call = self._call
        self._owner.done(call)
        reconnect(call)
        call.context.engine.play(ports.leased(self._by), REFUSED)

    # -- the errand ---------------------------------------------------------------------------------------------

    def progress(self, call: Call, status: int, now: float) -> None:
        """See `Errand`: the ringing tone says it."""

    def succeeded(self, call: Call, leg: Leg, now: float) -> None:
        """See `Errand`: all three together; without the one who has gone meanwhile it is two."""
        self._owner.done(call)
        if self._beside is not None and self._beside.index in call.legs:
            together(call, [self._by, self._beside, leg], now)

    def failed(self, call: Call, termination: Termination, text: str, now: float) -> None:
        """See `Errand`: it is two as before, or one."""
        self._owner.done(call)
        if self._beside is None:
            end(call, Termination(Result.ANSWERED, Reason.CALLEE_HUNG_UP, 200), now)
        else:
            back(call)
            call.context.engine.play(ports.leased(self._by), REFUSED)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Errand`: who waits may go, and the third one rings on."""
        if leg is not self._beside:
            return False
        self._beside = None
        return True

    def refused(self, now: float) -> None:
        """What has answered is a mailbox or the like."""
        call = self._call
        call.errand = None
        if call.ringer is not None:
            call.ringer.stop()
            call.ringer = None
        self._owner.done(call)
        if self._beside is None:
            end(call, Termination(Result.ANSWERED, Reason.CALLEE_HUNG_UP, 200), now)
        else:
            pair(call, self._by, self._beside, now)
            call.context.engine.play(ports.leased(self._by), REFUSED)
