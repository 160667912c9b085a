"""Why a call is refused, told by voice before the status (K.8), as `calls.announcements` has it.

    early     183 with our description, the words, then the status: nobody pays for it
    answer    200, the words, then BYE; its Reason header has the status
    off       the status at once

So it is where it cannot be told, too: to who made no offer, or hears a telephone's own early media already, to a
carrier that wants no early media, where there is no port for it or no codec of ours. Emergency calls are never kept
waiting for words.

A front that was answered already, by a menu say, is told in either mode, and hears also that nobody answers.

What is told is what the plan says (`Reject.announce`). Our own lines are told besides of numbers that do not exist or
are not complete, of people who are out of reach, and of ways out that are used up.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from dialplan.termination import Reason, Result, Termination
from dialplan.vocabulary import Finish
from media.engine import LegLost, MediaEvent, PlayEnded, Tune
from switch.calls import ports, sound
from switch.calls.answering import serve
from switch.calls.early import EARLY, is_quiet
from switch.calls.ending import end, finish, stop_walk
from switch.calls.leg import CALLER, Leg
from switch.calls.sound import SdpError
from switch.prompts.texts import TEXTS
from switch.prompts.words import Sources, Words
from switch.sip.headers import quote

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.sip.timer import Timer

NAME = "refused"
LONGEST_S = 30.0
"""After so long the status is sent, whatever has become of the words."""

BY_NAME: Mapping[str, str] = MappingProxyType(
    {
        name: f"refused_{name}"
        for name in (
            *("closed", "unavailable", "not_permitted", "quota", "locked", "line", "set_up", "account"),
            "unknown_code",
        )
    }
)
"""Prompts, by what the plan says."""

BY_REASON: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.NOT_FOUND: "refused_not_found",
        Reason.INCOMPLETE_NUMBER: "refused_incomplete_number",
        Reason.OUTAGE: "refused_unavailable",
        Reason.CONGESTION: "refused_congestion",
        Reason.NO_ROUTE: "refused_no_route",
        Reason.UNAVAILABLE: "feature_not_available",
    }
)
"""And by how the call ends, for lines of ours."""


class Announcements:
    """What the call layer asks before it refuses a call that nobody has answered (`Context.announce`)."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def __call__(self, call: Call, ending: Finish, now: float) -> bool:
        """Whether the caller is told by voice; then the status follows by itself."""
        mode = call.context.settings.announcements
        prompt = prompt_of(call, ending)
        caller = call.legs.get(CALLER)
        if mode == "off" or not prompt or caller is None or call.for_help:
            return False
        if call.state.answered_at is not None:
            return self._after(call, prompt, ending, now)
        if ending.termination.reason is Reason.OUTAGE and call.unfit:
            return False  # which is no outage, but a want of codecs
        if not ports.ensure(call, caller):
            return False
        if mode == "answer":
            words = self._words.sources(prompt)
            serve(call, Refusal(prompt, words, ending.termination, ending.text or call.said), now)
            return True
        return Early(call, caller, ending).begin(self._words.sources(prompt), now)

    def _after(self, call: Call, prompt: str, ending: Finish, now: float) -> bool:
        """Tell a front that has chosen in a menu, say, and waits for somebody who cannot be reached."""
        if call.front.index not in call.legs or call.other(call.front) is not None:
            return False
        stop_walk(call)
        call.tone = False
        serve(call, Refusal(prompt, self._words.sources(prompt), ending.termination, ending.text or call.said), now)
        return True

    def resume(self, call: Call, name: str) -> Refusal | None:
        """See `switch.calls.serving.Resume`."""
        status, reason, prompt = (*name.split(":"), "", "")[:3]
        if not status.isdecimal() or reason not in set(Reason) or prompt not in TEXTS:
            return None
        ending = Termination(Result.REFUSED, Reason(reason), int(status))
        return Refusal(prompt, self._words.sources(prompt), ending, "")


def prompt_of(call: Call, ending: Finish) -> str:
    """What the caller is told; empty: nothing."""
    found = call.prompt or BY_NAME.get(ending.announce, "")
    reason, answered = ending.termination.reason, call.state.answered_at is not None
    if answered and reason in (Reason.NO_ANSWER, Reason.REJECTED):
        return found or "refused_unavailable"
    if found or (call.state.started.trunk is not None and not answered):
        return found
    if reason in (Reason.NOT_PERMITTED, Reason.BLOCKED) and "Account" in call.said:
        return "refused_account"
    return BY_REASON.get(reason, "")


class Early:
    """The words as early media. It listens to the caller's leg until they are over."""

    def __init__(self, call: Call, caller: Leg, ending: Finish) -> None:
        self._call = call
        self._caller = caller
        self._ending = ending
        self._timer: Timer | None = None

    def begin(self, words: Sources, now: float) -> bool:
        """Whether the caller can hear them."""
        call, caller = self._call, self._caller
        offer, port = caller.sound.remote, caller.sound
        if offer is None or caller.told >= EARLY or caller.usage.settled or is_quiet(call):
            return False
        try:
            body = sound.answer_ourselves(port, offer)
        except SdpError:
            return False
        sound.note(port, offer, caller.address)
        caller.record_media()
        caller.told = 183 + EARLY
        caller.usage.progress(183, now, body)
        sound.tell(call.context.engine, port)
        caller.listener = self
        call.context.engine.play(ports.leased(caller), Tune(words))
        self._timer = call.context.endpoint.timers.after(LONGEST_S, now, self, NAME)
        return True

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """What the leg tells: the words are over, or the engine has lost them."""
        if type(event) is PlayEnded or type(event) is LegLost:
            self._over(now)

    def on_timer(self, what: object, now: float) -> None:
        """They have lasted long enough."""
        self._timer = None
        try:
            self._over(now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            self._call.broken(error, now)

    def _over(self, now: float) -> None:
        call, caller = self._call, self._caller
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if caller.listener is self:
            caller.listener = None
        if not call.over and call.legs.get(CALLER) is caller:
            finish(call, self._ending.termination, now, self._ending.text)


class Refusal:
    """The words after an answer: a service that ends the call."""

    def __init__(self, prompt: str, words: Sources, ending: Termination, text: str) -> None:
        self.name = f"{NAME}:{ending.sip_status}:{ending.reason}:{prompt}"
        self._words = words
        self._ending = ending
        self._text = text

    def begin(self, call: Call, now: float) -> None:
        """See `Service.begin`."""
        call.context.engine.play(ports.leased(call.front), Tune(self._words))

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Service.heard`."""
        if type(event) is PlayEnded:
            cause = f"Reason: SIP;cause={self._ending.sip_status}"
            call.why = (f"{cause};text={quote(self._text)}" if self._text else cause,)
            end(call, Termination(Result.ANSWERED, self._ending.reason, 200), now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Service.left`."""
        return False

    def parted(self, call: Call, now: float) -> None:
        """See `Service.parted`."""
