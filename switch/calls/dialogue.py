"""What a service of ours says to a leg and asks of it: prompts are played, digits come in, a callback has the answer.

    idle      nothing is asked; what is dialled is kept for the next question (at most 32 digits)
    saying    something is said that cannot be cut short; digits are kept
    asking    a question is on: its words, while they last, then the time for the first digit, then for each further one

    asking -[digit]-> asking | answered       the words stop at once, unless they are to be heard to their end
    asking -[terminator, enough digits, or time]-> answered, or the question comes again

Synchronous: told by its owner (`heard`) and by timers, it calls back when there is something to decide. It remembers
nothing over a crash; a service begins its question again. Nobody but the callback sees the digits of a secret, and
`Answer` does not show them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from media.engine import Digit, MediaEvent, PlayEnded, Tune
from switch.calls import ports

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.calls.leg import Leg
    from switch.sip.timer import Timer

MOST_AHEAD = 32

Sources = tuple[str, ...]
Then = Callable[[float], object]
"""What follows what was said; gets the time."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A question: the `words` are said, and up to `most` digits taken; times in seconds.

    `ends` are the keys that end the answer before (they are not part of it). `first_s` is the time for the first digit
    after the words, `between_s` for each further one. `barge_in`: a digit cuts the words short; else digits count from
    their end on. `tries`: how often it is asked in all, when there are fewer than `least` digits or `good` does not
    like them; `again` is said before it is repeated. `secret`: the answer is a PIN or a password. `enough`: whether an
    answer is complete before it has `most` digits.
    """

    words: Sources = ()
    most: int = 1
    least: int = 1
    ends: str = "#"
    first_s: float = 5.0
    between_s: float = 3.0
    barge_in: bool = True
    tries: int = 1
    again: Sources = ()
    good: Callable[[str], bool] | None = None
    secret: bool = False
    enough: Callable[[str], bool] | None = None


class Answer(msgspec.Struct, frozen=True):
    """What was dialled. `complete`: by a terminator, or as many digits as were wanted; else the time was over. `key` is
    the terminator that was pressed. `good`: long enough, and what `Ask.good` likes."""

    digits: str
    complete: bool
    good: bool
    key: str = ""
    secret: bool = False

    def __repr__(self) -> str:
        digits = "***" if self.secret and self.digits else self.digits
        return f"Answer(digits={digits!r}, complete={self.complete}, good={self.good}, key={self.key!r})"


Answered = Callable[[Answer, float], object]
_TIME: Final = "time"


class Dialogue:
    """With one leg of a call, whose owner hands it what that leg does."""

    __slots__ = (
        "_ahead",
        "_answered",
        "_ask",
        "_call",
        "_digits",
        "_last",
        "_leg",
        "_playing",
        "_then",
        "_timer",
        "_tried",
    )

    def __init__(self, call: Call, leg: Leg) -> None:
        self._call = call
        self._leg = leg
        self._ask: Ask | None = None
        self._answered: Answered | None = None
        self._then: Then | None = None
        self._digits = ""
        self._ahead = ""
        self._tried = 0
        self._playing = self._last = 0
        """The ids of what plays, 0: nothing, and of what was played last."""
        self._timer: Timer | None = None

    @property
    def asking(self) -> bool:
        """Whether a question is on."""
        return self._ask is not None

    @property
    def secret(self) -> bool:
        """Whether what is dialled now must not be shown or kept by anybody."""
        return self._ask is not None and self._ask.secret

    def say(self, words: Sources, then: Then | None, now: float) -> None:
        """Say something to its end, then go on. What was said or asked before is dropped."""
        self._drop()
        self._then = then
        if words:
            self._play(words, now)
        elif then is not None:
            self._then = None
            then(now)

    def ask(self, ask: Ask, answered: Answered, now: float) -> None:
        """Ask for digits. What was said or asked before is dropped."""
        self._drop()
        self._ask, self._answered, self._tried = ask, answered, 1
        ahead, self._ahead = self._ahead, ""
        if not ask.barge_in:
            ahead = ""
        if ahead:
            self._quiet()
            for at, digit in enumerate(ahead, 1):
                self._take(digit, now)
                if self._ask is not ask:
                    self._ahead = (ahead[at:] + self._ahead)[:MOST_AHEAD]
                    return
            self._wait(now)
        else:
            self._say_question(ask.words, now)

    def heard(self, event: MediaEvent, now: float) -> bool:
        """What the leg does. Whether that was this dialogue's concern."""
        if type(event) is PlayEnded:
            if not self._playing or event.id != self._playing:
                return False
            self._playing = 0
            self._said(now)
            return True
        if type(event) is Digit:
            self._dialled(event.digit, now)
            return True
        return False

    def forget(self) -> None:
        """Forget the digits that were dialled before anybody asked."""
        self._ahead = ""

    def stop(self) -> None:
        """No more of it: timers stop, callbacks are dropped. What plays plays on; the owner decides what is heard."""
        self._drop()
        self._ahead = ""

    def on_timer(self, what: object, now: float) -> None:
        """The time for a digit is over."""
        self._timer = None
        try:
            self._finish(False, "", now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            self._call.broken(error, now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _drop(self) -> None:
        self._ask = self._answered = self._then = None
        self._digits = ""
        self._playing = 0
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _play(self, words: Sources, now: float) -> None:
        # An id that no tune of this leg had before: what has just ended may yet be told of.
        self._playing = self._last = max(self._last + 1, int(now * 1000) * 16 & 0x3FFF_FFFF)
        self._call.context.engine.play(ports.leased(self._leg), Tune(words, id=self._playing))

    def _quiet(self) -> None:
        if self._playing:
            self._playing = 0
            self._call.context.engine.stop(ports.leased(self._leg))

    def _say_question(self, words: Sources, now: float) -> None:
        if words:
            self._play(words, now)
        else:
            self._wait(now)

    def _said(self, now: float) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(now)
        elif self._ask is not None and not self._digits:
            self._wait(now)

    def _wait(self, now: float) -> None:
        ask = self._ask
        if ask is not None:
            self._stop_timer()
            wait_s = ask.between_s if self._digits else ask.first_s
            self._timer = self._call.context.endpoint.timers.after(wait_s, now, self, _TIME)

    def _dialled(self, digit: str, now: float) -> None:
        ask = self._ask
        if ask is None:
            self._ahead = (self._ahead + digit)[:MOST_AHEAD]
        elif ask.barge_in or not self._playing:
            self._quiet()
            self._take(digit, now)
            if self._ask is ask and self._digits:
                self._wait(now)

    def _take(self, digit: str, now: float) -> None:
        ask = self._ask
        if ask is None:
            return
        if digit in ask.ends:
            self._finish(True, digit, now)
            return
        self._digits += digit
        if len(self._digits) >= ask.most or (ask.enough is not None and ask.enough(self._digits)):
            self._finish(True, "", now)

    def _finish(self, complete: bool, key: str, now: float) -> None:
        ask, answered, digits = self._ask, self._answered, self._digits
        if ask is None or answered is None:
            return
        good = len(digits) >= ask.least and (ask.good is None or ask.good(digits))
        if not good and self._tried < ask.tries:
            self._tried += 1
            self._digits = ""
            self._stop_timer()
            self._say_question(ask.again + ask.words, now)
            return
        self._drop()
        answered(Answer(digits, complete, good, key, ask.secret), now)
