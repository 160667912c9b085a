"""A caller leaves a message: greeting, beep, what he says, and what he may do with it.

    greeting  -[0]-> operator    -[*]-> retrieval, with the PIN    -[other key, end]-> recording
    recording -[#, limit]-> menu    -[silence]-> left    -[hung up]-> left
    menu      -[1, hung up, no choice]-> left    -[2]-> listens    -[3]-> recording    -[4]-> urgent or not

The message is begun in the journal before its first sound, so it outlives a crash at any time (`Desk.recover`); a call
that outlives one goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from config.compiled import MailboxSettings
from dialplan.plan import Voicemail
from media.engine import Digit, MediaEvent, PlayEnded, RecordEnded, Spool
from switch.calls import ports
from switch.calls.answering import serve
from switch.calls.dialogue import Answer, Ask, Dialogue
from switch.calls.elsewhere import go_on, request
from switch.calls.inviting import as_from_front
from switch.calls.leg import Leg
from switch.features.voicemail.wording import BEEP, Wording
from switch.mailbox_desk import Desk

if TYPE_CHECKING:
    from switch.calls.call import Call

NAME = "voicemail"
MENU_S = 6.0
Retrieve = Callable[["Call", str, str, float], None]
"""Have the caller fetch messages of that mailbox instead, in place of that step."""


class Deposits:
    """The executor of `Voicemail` steps, and who makes their services again after a crash."""

    def __init__(self, desk: Desk, wording: Wording, retrieve: Retrieve) -> None:
        self._desk = desk
        self._wording = wording
        self._retrieve = retrieve

    def __call__(self, call: Call, step: Voicemail, now: float) -> None:
        """Let the caller talk with the mailbox."""
        box = self._desk.box(step.mailbox)
        if box is None:
            call.refuse_step(step.id, None, "No Such Mailbox", now)
            return
        cause = step.hops[-1].cause if step.hops else 0
        serve(call, Deposit(self._desk, self._wording, self._retrieve, box, step.id, cause), now)

    def resume(self, call: Call, mailbox: str) -> Deposit | None:
        """See `switch.calls.serving.Resume`."""
        box = self._desk.box(mailbox)
        return Deposit(self._desk, self._wording, self._retrieve, box, "") if box is not None else None


class Deposit:
    """The service of one call."""

    def __init__(
        self, desk: Desk, wording: Wording, retrieve: Retrieve, box: MailboxSettings, step: str, cause: int = 0
    ) -> None:
        self.name = f"{NAME}:{box.id}"
        self._desk = desk
        self._say = wording
        self._retrieve = retrieve
        self._box = box
        self._step = step
        self._cause = cause
        self._begun = False
        self._call: Call
        self._talk: Dialogue
        self._message = ""
        """What was begun, and is not left or dropped."""
        self._path = ""
        self._file = ""
        """The greeting, where it is no spoken words."""
        self._recording = False
        self._lasted_s = 0.0
        self._urgent = False
        self._over = False

    # -- what the call tells ------------------------------------------------------------------------------------

    def begin(self, call: Call, now: float) -> None:
        """See `Service.begin`."""
        if self._begun:
            self._talk.stop()
        self._begun, self._call, self._talk = True, call, Dialogue(call, call.front)
        begun = self._desk.mailboxes.opened(call.id, self._box.id)
        if begun is not None:
            self._message = begun.id
            self._record(now)
        elif self._desk.full(self._box.id):
            self._finish(self._say("vm_full", "goodbye"), now)
        else:
            self._greet(self._desk.greeting(self._box.id, self._cause), now)

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Service.heard`."""
        if type(event) is RecordEnded:
            if event.path == self._path and self._recording:
                self._recorded(event, now)
        elif type(event) is PlayEnded and self._file and f"file:{self._file}" in event.failed:
            self._greet("", now)  # the file is not there, or is none
        elif not self._recording:
            self._talk.heard(event, now)
        elif type(event) is Digit and event.digit == "#":
            call.context.engine.end_record(ports.leased(call.front), self._path)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Service.left`: what was said is kept (`parted`)."""
        return False

    def parted(self, call: Call, now: float) -> None:
        """See `Service.parted`."""
        self._over = True
        self._talk.stop()
        message, self._message = self._message, ""
        if not message:
            return
        if self._recording:
            self._recording = False
            self._desk.complete_when_ended(self._box.id, message, self._urgent)
            if call.front.index in call.legs:
                call.context.engine.end_record(ports.leased(call.front), self._path)
        else:
            self._desk.complete(self._box.id, message, self._urgent, lasted_s=self._lasted_s)

    # -- what follows -------------------------------------------------------------------------------------------

    def _greet(self, file: str, now: float) -> None:
        self._file = file
        words = self._say.greeting(self._box, file, self._cause)
        # Whatever ends the words begins the recording, but for two keys.
        self._talk.ask(Ask(words=words, ends="", first_s=0.0), self._greeted, now)

    def _greeted(self, answer: Answer, now: float) -> None:
        call, operator = self._call, self._box.operator
        if answer.digits == "0" and operator is not None:
            go_on(call, self._step, msgspec.structs.replace(request(call, "0"), to=operator), now)
        elif answer.digits == "*":
            self._retrieve(call, self._box.id, self._step, now)
        else:
            self._begin_message(now)

    def _begin_message(self, now: float) -> None:
        started = as_from_front(self._call).started
        self._message = self._desk.begin(
            self._box.id, self._call.id, "" if started.hidden else started.caller_number, started.caller_name
        )
        self._talk.say(BEEP, self._record, now)

    def _record(self, now: float) -> None:
        self._recording = True
        self._path = self._desk.files.spool(self._box.id, self._message)
        box, engine = self._box, self._call.context.engine
        engine.record(ports.leased(self._call.front), Spool(self._path, box.longest_s, box.silence_s))

    def _recorded(self, event: RecordEnded, now: float) -> None:
        self._recording, self._lasted_s = False, event.lasted_s
        self._talk.forget()
        if event.why == "failed":
            # What was received until then is kept, if it is enough for a message.
            message, self._message = self._message, ""
            self._desk.complete(self._box.id, message, self._urgent)
            self._finish(self._say("vm_not_recorded", "goodbye"), now)
        elif self._desk.nothing_said(self._box.id, event):
            message, self._message = self._message, ""
            self._desk.drop(self._box.id, message)
            self._finish(self._say("vm_too_short", "goodbye"), now)
        elif event.why == "silence":
            self._leave(now)
        else:
            self._menu(now)

    def _menu(self, now: float) -> None:
        words = self._say("vm_deposit_menu", "vm_deposit_urgent")
        ask = Ask(
            words=words, ends="", first_s=MENU_S, tries=2, again=self._say("invalid_choice"), good="1234#".__contains__
        )
        self._talk.ask(ask, self._chosen, now)

    def _chosen(self, answer: Answer, now: float) -> None:
        match answer.digits:
            case "2":
                self._desk.render(self._box.id, self._message, self._rendered)
            case "3":
                self._desk.drop(self._box.id, self._message)
                self._begin_message(now)
            case "4":
                self._urgent = not self._urgent
                said = "vm_deposit_marked" if self._urgent else "vm_deposit_unmarked"
                self._talk.say(self._say(said), self._menu, now)
            case _:
                self._leave(now)

    def _rendered(self, seconds: float | None, now: float) -> None:
        if not self._over:
            sound = (f"file:{self._desk.files.sound(self._box.id, self._message)}",) if seconds else ()
            self._talk.say(sound, self._menu, now)

    def _leave(self, now: float) -> None:
        """It is his message; he hears whether it was long enough."""
        message, self._message = self._message, ""

        def known(is_one: bool, then: float) -> None:
            if not self._over:
                self._finish(self._say("vm_saved" if is_one else "vm_too_short", "goodbye"), then)

        self._desk.complete(self._box.id, message, self._urgent, known, self._lasted_s)

    def _finish(self, words: tuple[str, ...], now: float) -> None:
        self._talk.say(words, self._call.service_over, now)
