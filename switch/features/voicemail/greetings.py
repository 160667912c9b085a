"""The greetings of a mailbox: listened to, recorded, chosen, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from media.engine import RecordEnded, Spool
from switch.calls import ports
from switch.calls.dialogue import Answer, Ask
from switch.features.voicemail.wording import BEEP
from switch.mailbox_desk import KINDS
from switch.state.mailboxes import GREETING

if TYPE_CHECKING:
    from switch.features.voicemail.retrieval import Retrieval

LONGEST_S, SILENCE_S, LEAST_S = 120.0, 5.0, 1.0
KEY_S = 6.0


class Greetings:
    """The menu, for one telephone call (`session`)."""

    def __init__(self, session: Retrieval) -> None:
        self._session = session
        self._kind = ""
        self._name = ""
        """The recording that goes on."""

    def begin(self, now: float) -> None:
        """What shall it be?"""
        session = self._session
        if not session.box.own_greeting:
            session.say("feature_not_available", then=session.menu, now=now)
            return
        ask = Ask(
            words=session.wording("vm_greeting_menu"), ends="", first_s=KEY_S, tries=3, good="12345*".__contains__
        )
        session.talk.ask(ask, self._chosen, now)

    def _chosen(self, answer: Answer, now: float) -> None:
        session = self._session
        match answer.digits:
            case "1":
                self._which(self._play, now)
            case "2":
                self._which(self._record, now)
            case "3" | "4" as key:
                session.desk.choose_standard(session.box.id, key == "3", session.by)
                session.say("vm_greeting_standard" if key == "3" else "vm_greeting_own", then=self.begin, now=now)
            case "5":
                self._which(self._delete, now)
            case "*":
                session.menu(now)
            case _:
                session.goodbye(now)

    def _which(self, act: Callable[[float], None], now: float) -> None:
        def chosen(answer: Answer, then: float) -> None:
            if answer.good:
                self._kind = KINDS[int(answer.digits) - 1]
                act(then)
            else:
                self.begin(then)

        words = self._session.wording("vm_greeting_which")
        ask = Ask(words=words, ends="", first_s=KEY_S, tries=2, good="123".__contains__)
        self._session.talk.ask(ask, chosen, now)

    @property
    def _kept(self) -> str:
        return self._session.desk.mailboxes.values(self._session.box.id).get(f"{GREETING}.{self._kind}", "")

    def _play(self, now: float) -> None:
        session = self._session
        if self._kept:
            sound = f"file:{session.desk.files.sound(session.box.id, self._kept)}"
            session.talk.say((sound,), self.begin, now)
        else:
            session.say("vm_greeting_none", then=self.begin, now=now)

    def _delete(self, now: float) -> None:
        session = self._session
        said = "vm_greeting_deleted" if self._kept else "vm_greeting_none"
        session.desk.use_greeting(session.box.id, self._kind, "", session.by)
        session.say(said, then=self.begin, now=now)

    # -- recording ----------------------------------------------------------------------------------------------

    @property
    def recording(self) -> bool:
        """Whether it goes on: keys are not for the dialogue then."""
        return bool(self._name)

    def _record(self, now: float) -> None:
        words = (*self._session.wording("vm_greeting_record"), *BEEP)
        self._session.talk.say(words, self._begin_recording, now)

    def _begin_recording(self, now: float) -> None:
        session = self._session
        self._name = f"greeting-{session.call.context.token()}"
        spool = Spool(session.desk.files.spool(session.box.id, self._name), LONGEST_S, SILENCE_S)
        session.call.context.engine.record(ports.leased(session.call.front), spool)

    def end(self) -> None:
        """The key was pressed that ends it."""
        session = self._session
        session.call.context.engine.end_record(
            ports.leased(session.call.front), session.desk.files.spool(session.box.id, self._name)
        )

    def recorded(self, event: RecordEnded, now: float) -> None:
        """It has ended."""
        session, name = self._session, self._name
        if event.path != session.desk.files.spool(session.box.id, name):
            return
        self._name = ""
        session.talk.forget()
        if event.why == "closed":  # its media worker has died under it: nobody is to be greeted with half of it
            session.desk.discard(session.box.id, name)
            session.say("failed", then=self.begin, now=now)
            return

        def made(seconds: float | None, then: float) -> None:
            if seconds is not None and seconds >= LEAST_S:
                session.desk.use_greeting(session.box.id, self._kind, name, session.by)
                if not session.over:
                    session.say("vm_greeting_saved", then=self.begin, now=then)
                return
            session.desk.discard(session.box.id, name)
            if not session.over:
                session.say("failed", then=self.begin, now=then)

        session.desk.render(session.box.id, name, made)

    def parted(self) -> None:
        """He has hung up: what he was saying is no greeting."""
        if self._name:
            self.end()
            self._session.desk.discard(self._session.box.id, self._name)
            self._name = ""
