"""Who talks is asked for a number by keys, while the other side hears music; and what that number leads to. Where three
talk in a room of the call's own, the other two talk on, and do not hear him meanwhile.

    asked -[digits, or the time]-> told    whoever asked gets what was dialled; empty when nothing was
          -[joined with somebody else, or hung up]-> nothing comes of it

Only one leg of a call is asked at a time, whatever for. It remembers nothing over a crash: the two talk again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dialplan.plan import Plan
from media.engine import MediaEvent, Tune
from switch.calls import ports
from switch.calls.dialogue import Answer, Ask, Dialogue, Sources
from switch.calls.leg import Leg
from switch.calls.onward import back
from switch.calls.replanning import ask
from switch.calls.requests import dialled
from switch.calls.serving import TOGETHER, own_room

if TYPE_CHECKING:
    from switch.calls.call import Call

MOST_DIGITS = 32
FIRST_S, BETWEEN_S = 8.0, 4.0
CONFIRMED = Tune(("tone:440:250",), over=True)
"""What somebody hears over the talk when what he keyed is done."""
REFUSED = Tune(("tone:480+620:250", "silence:250", "tone:480+620:250"), over=True)
"""What somebody hears over the talk when nothing came of what he keyed."""

Told = Callable[[str, float], object]
"""Gets what was dialled, and the time."""


class Keying:
    """Who is asked, in all calls. `words` are those of the question."""

    def __init__(self, words: Callable[[], Sources]) -> None:
        self._words = words
        self._asked: dict[str, _Asked] = {}
        """By call."""

    def asks(self, call: Call) -> bool:
        """Whether somebody in that call is being asked."""
        asked = self._asked.get(call.id)
        return asked is not None and asked.on

    def ask(
        self, call: Call, leg: Leg, then: Told, now: float, words: Sources | None = None, *, secret: bool = False
    ) -> None:
        """Ask that leg, in place of whoever was asked in the call before; by other `words` where they are given.
        `secret`: for a password."""
        self.over(call, now)
        if _in_room(call, leg):
            call.context.engine.stop(ports.leased(leg))
        music(call, leg)
        self._asked[call.id] = asked = _Asked(self, call, leg, then)
        call.noted = True
        leg.listener = asked
        words = self._words() if words is None else words
        question = Ask(words=words, most=MOST_DIGITS, first_s=FIRST_S, between_s=BETWEEN_S, secret=secret)
        asked.dialogue.ask(question, asked.answered, now)

    def over(self, call: Call, now: float) -> None:
        """The call is over (`Context.over`), or nobody in it is to be asked any more."""
        asked = self._asked.pop(call.id, None)
        if asked is not None:
            asked.dialogue.stop()


class _Asked:
    """One leg that is asked: who listens to it."""

    def __init__(self, owner: Keying, call: Call, leg: Leg, then: Told) -> None:
        self.dialogue = Dialogue(call, leg)
        self._owner = owner
        self._call = call
        self._leg = leg
        self._then = then

    @property
    def on(self) -> bool:
        """Whether it is asked still: it may talk with somebody else by now, or be sent there."""
        return self._leg.listener is self and self._leg.call is self._call and not self._call.over

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Listener`."""
        self.dialogue.heard(event, now)

    def answered(self, answer: Answer, now: float) -> None:
        """The number is known, or there is none."""
        self._owner.over(self._call, now)
        if self.on:
            self._leg.listener = None
            self._then(answer.digits, now)


def music(call: Call, by: Leg) -> None:
    """Whom that leg talks with hears its music."""
    other = call.other(by)
    if other is not None:
        call.context.engine.play(ports.leased(other), Tune(call.context.directory.hold_music(by.target), loop=True))


def talks(call: Call, leg: Leg) -> bool:
    """Whether that leg talks with another, or with two in a room of the call's own, and the call is about nothing
    else."""
    if _in_room(call, leg):
        return not (call.errand or call.transfer or call.ringer)
    return not call.engaged and call.other(leg) is not None


def refused(call: Call, by: Leg) -> None:
    """They talk again, and who keyed something hears that nothing came of it."""
    _back(call, by)
    call.context.engine.play(ports.leased(by), REFUSED)


def confirmed(call: Call, by: Leg) -> None:
    """They talk again, and who keyed something hears that it is done."""
    _back(call, by)
    call.context.engine.play(ports.leased(by), CONFIRMED)


def _in_room(call: Call, leg: Leg) -> bool:
    return call.service is not None and call.service.name == TOGETHER and leg.index in call.state.members


def _back(call: Call, by: Leg) -> None:
    if _in_room(call, by):
        call.context.engine.mix(ports.leased(by), own_room(call))
    else:
        back(call)


def plan_of(call: Call, by: Leg, digits: str, what: str, now: float) -> Plan:
    """Where those digits lead, dialled by that telephone of ours as a call of its own; `what` is the feature that it
    asked for. Help is not called in this way."""
    return ask(call, dialled(call, by, digits), what, now, helps=False)
