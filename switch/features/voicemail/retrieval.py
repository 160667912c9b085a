"""Messages are fetched by telephone: which mailbox, the PIN, and the menu.

    number -> PIN -> menu    1 new, 2 saved messages (`listening`)    3 greetings    4 PIN    5 another mailbox    * end

The PIN is needed from every telephone (PIN-1). Who shares a mailbox, a delegate (DVM-1) or a member, proves it with the
own one (`Desk.keeper_of_pin`), and goes from one such mailbox to another without a second. On a shared line it is
always the delegator's mailbox (XRL-7), and it is said whose it is (DVM-6).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING

from config.compiled import MailboxSettings
from dialplan.model import Model
from dialplan.plan import Feature
from dialplan.termination import Reason, Result, Termination
from media.engine import Digit, MediaEvent, RecordEnded
from switch.calls.answering import serve
from switch.calls.dialogue import Answer, Ask, Dialogue, Then
from switch.calls.elsewhere import go_on, request
from switch.calls.inviting import as_from_front
from switch.calls.leg import Leg, line_of
from switch.features.voicemail.greetings import Greetings
from switch.features.voicemail.listening import Listening
from switch.features.voicemail.wording import Wording
from switch.mailbox_desk import MOST_NUMBER, Desk, Tried, plain

if TYPE_CHECKING:
    from switch.calls.call import Call

NAME = "mailbox"
OWN = "voicemail"
KEY_S, PIN_S = 6.0, 10.0
MOST_DIGITS = 16
TRIES = 3
"""Wrong PINs in one call; then we hang up. The mailbox's own limit is over all calls."""
REFUSED = Termination(Result.REFUSED, Reason.NOT_PERMITTED, 403)


class Retrievals:
    """The executor of the features `voicemail` (of the line that calls) and `mailbox` (of the number behind the code,
    or asked for), and who makes their services again after a crash."""

    def __init__(self, desk: Desk, wording: Wording, model: Callable[[], Model]) -> None:
        self._desk = desk
        self._wording = wording
        self._model = model

    def _made(self, call: Call, box: MailboxSettings | None, step: str) -> Retrieval:
        """Who this is, the telephone says: on a delegator's line it is the delegate's still."""
        device = self._model().devices.get(call.state.legs[call.front.index].device)
        line = device.lines[0] if device is not None and device.lines else line_of(call.front.target)
        return Retrieval(self._desk, self._wording, box, step, line)

    def __call__(self, call: Call, step: Feature, now: float) -> None:
        """Let the caller talk with the mailbox."""
        line = call.state.started.line
        if line is None:
            call.refuse_step(step.id, REFUSED, "Line Not Permitted", now)
            return
        if step.feature == OWN:
            box = self._desk.box(line)
        elif step.argument:
            box = self._desk.by_extension(step.argument)
        else:
            serve(call, self._made(call, None, step.id), now)
            return
        if box is None:
            call.refuse_step(step.id, REFUSED, "No Such Mailbox", now)
        else:
            serve(call, self._made(call, box, step.id), now)

    def instead(self, call: Call, mailbox: str, step: str, now: float) -> None:
        """Who hears a greeting fetches the messages of that mailbox in place of leaving one."""
        serve(call, self._made(call, self._desk.box(mailbox), step), now)

    def resume(self, call: Call, mailbox: str) -> Retrieval | None:
        """See `switch.calls.serving.Resume`. The PIN is asked for again."""
        return self._made(call, self._desk.box(mailbox), "")


class Retrieval:
    """The service of one call. `box` is None while it is not known which mailbox is wanted; `line` is the caller's own,
    empty for one from outside."""

    def __init__(self, desk: Desk, wording: Wording, box: MailboxSettings | None, step: str, line: str) -> None:
        self.name = f"{NAME}:{box.id if box is not None else ''}"
        self.desk = desk
        self.wording = wording
        self.box = box or MailboxSettings(id="")
        self.call: Call
        self.talk: Dialogue
        self._begun = False
        self.by = ""
        """Who this is, for the journal."""
        self.over = False
        self._step = step
        self._line = line
        self._keeper = ""
        """Whose PIN was good."""
        self._tries = 0
        self._new_pin = ""
        self._greetings = Greetings(self)

    # -- what the call tells ------------------------------------------------------------------------------------

    def begin(self, call: Call, now: float) -> None:
        """See `Service.begin`."""
        started, device = as_from_front(call).started, call.state.legs[call.front.index].device
        if self._begun:
            self.talk.stop()
        self._begun, self.call, self.talk = True, call, Dialogue(call, call.front)
        self.by = f"device:{device}" if device else f"number:{plain(started.caller_number, MOST_NUMBER)}"
        if self.box.id:
            self._ask_pin(now)
        else:
            self._ask_number(now)

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Service.heard`."""
        if self._greetings.recording:
            if type(event) is RecordEnded:
                self._greetings.recorded(event, now)
            elif type(event) is Digit and event.digit == "#":
                self._greetings.end()
        else:
            self.talk.heard(event, now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Service.left`."""
        return False

    def parted(self, call: Call, now: float) -> None:
        """See `Service.parted`."""
        self.over = True
        self._new_pin = ""
        self.talk.stop()
        self._greetings.parted()

    # -- what the menus share -----------------------------------------------------------------------------------

    def say(self, *ids: str, then: Then, now: float) -> None:
        """Say something, and go on."""
        self.talk.say(self.wording(*ids), then, now)

    def change(self, message: str, what: str) -> bool:
        """Do something with a message of this mailbox; False when it is no more."""
        return self.desk.mailboxes.change(self.box.id, message, what, self.by, self.call.context.at())

    def goodbye(self, now: float) -> None:
        """That was all."""
        self.say("goodbye", then=self.call.service_over, now=now)

    def dial(self, number: str, now: float) -> None:
        """Leave here, and call that number on the line that this call came from."""
        go_on(self.call, self._step, request(self.call, number), now)

    # -- which, and who -----------------------------------------------------------------------------------------

    def _ask_number(self, now: float) -> None:
        ask = Ask(
            words=self.wording("vm_mailbox_enter"),
            most=MOST_DIGITS,
            first_s=KEY_S,
            tries=TRIES,
            again=self.wording("vm_mailbox_unknown"),
            good=lambda digits: self.desk.by_extension(digits) is not None,
        )
        self.talk.ask(ask, self._numbered, now)

    def _numbered(self, answer: Answer, now: float) -> None:
        box = self.desk.by_extension(answer.digits)
        if box is None:
            self.goodbye(now)
            return
        self.box = box
        self._ask_pin(now)

    def _ask_pin(self, now: float) -> None:
        keeper = self.desk.keeper_of_pin(self.box.id, self._line)
        if keeper == self._keeper:
            self._open(now)
        elif not self.desk.has_pin(keeper):
            self.say("pin_none", "goodbye", then=self.call.service_over, now=now)
        else:
            ask = Ask(words=self.wording("pin_enter"), most=MOST_DIGITS + 1, first_s=PIN_S, secret=True)
            self.talk.ask(ask, self._given, now)

    def _given(self, answer: Answer, now: float) -> None:
        if not answer.good:
            self.goodbye(now)
            return
        keeper = self.desk.keeper_of_pin(self.box.id, self._line)

        def tried(outcome: Tried, then: float) -> None:
            if not self.over:
                self._tried(outcome, keeper, then)

        self.desk.try_pin(keeper, answer.digits, self.by, tried)

    def _tried(self, outcome: Tried, keeper: str, now: float) -> None:
        self._tries += 1
        if outcome is Tried.GOOD:
            self._keeper = keeper
            self._open(now)
        elif outcome is Tried.WRONG and self._tries < TRIES:
            self.say("pin_wrong", then=self._ask_pin, now=now)
        else:
            said = "pin_wrong" if outcome is Tried.WRONG else "pin_locked"
            self.say(said, "goodbye", then=self.call.service_over, now=now)

    def _open(self, now: float) -> None:
        counted = self.wording.counted(self.desk.mailboxes.counts(self.box.id))
        whose = self.wording.whose(self.box) if self.box.id != self._line else ()
        self._ask_menu((*whose, *counted), now)

    # -- the menu -----------------------------------------------------------------------------------------------

    def menu(self, now: float) -> None:
        """What shall it be?"""
        self._ask_menu((), now)

    @property
    def _shares(self) -> bool:
        return self._keeper == self._line and len(self.desk.of_line(self._line)) > 1

    def _ask_menu(self, before: tuple[str, ...], now: float) -> None:
        more = self.wording("vm_main_shared") if self._shares else ()
        keys = "12345*" if self._shares else "1234*"
        words = (*before, *self.wording("vm_main_menu"), *more)
        ask = Ask(
            words=words,
            ends="",
            first_s=KEY_S,
            tries=TRIES,
            again=self.wording("invalid_choice"),
            good=lambda digit: digit in keys,
        )
        self.talk.ask(ask, self._chosen, now)

    def _chosen(self, answer: Answer, now: float) -> None:
        match answer.digits if answer.good else "":
            case "1" | "2" as key:
                Listening(self, key == "1").begin(now)
            case "3":
                self._greetings.begin(now)
            case "4":
                self._ask_new_pin(now)
            case "5":
                self._ask_other(now)
            case _:
                self.goodbye(now)

    def _ask_other(self, now: float) -> None:
        ask = Ask(words=self.wording("vm_mailbox_enter"), most=MOST_DIGITS, first_s=KEY_S)
        self.talk.ask(ask, self._other, now)

    def _other(self, answer: Answer, now: float) -> None:
        box = self.desk.by_extension(answer.digits)
        if box is None or box.id not in self.desk.of_line(self._line):
            self.say("vm_not_allowed", then=self.menu, now=now)
            return
        self.box = box
        self._ask_pin(now)

    # -- another PIN --------------------------------------------------------------------------------------------

    def _ask_new_pin(self, now: float) -> None:
        ask = Ask(words=self.wording("pin_new"), most=MOST_DIGITS + 1, first_s=PIN_S, secret=True)
        self.talk.ask(ask, self._new_pin_given, now)

    def _new_pin_given(self, answer: Answer, now: float) -> None:
        why = self.desk.refusal(self._keeper, answer.digits) if answer.digits else "none"
        if why == "none":
            self.say("nothing_entered", then=self.menu, now=now)
        elif why:
            self.say("pin_too_simple" if why == "simple" else "pin_too_short", then=self.menu, now=now)
        else:
            self._new_pin = answer.digits
            ask = Ask(words=self.wording("pin_again"), most=MOST_DIGITS + 1, first_s=PIN_S, secret=True)
            self.talk.ask(ask, self._new_pin_again, now)

    def _new_pin_again(self, answer: Answer, now: float) -> None:
        pin, self._new_pin = self._new_pin, ""
        if not hmac.compare_digest(pin.encode(), answer.digits.encode()):
            self.say("pin_differs", then=self.menu, now=now)
            return

        def done(good: bool, then: float) -> None:
            if not self.over:
                self.say("pin_changed" if good else "failed", then=self.menu, now=then)

        self.desk.set_pin(self._keeper, pin, self.by, done)
