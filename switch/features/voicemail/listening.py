"""The messages of a mailbox, one after the other, and what may be done with each.

    1 again    2 save    3 delete, or restore    4 call back    5 forward    6 next    7 the one before
    8 who and when    * back

Others may share the mailbox: before anything is done with a message, it is looked at whether it is still there (DVM-2).
What this listener has deleted can be gone back to, and restored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switch.calls.dialogue import Answer, Ask
from switch.calls.leg import is_trunk
from switch.mailboxes import DELETED, PLAYED, RESTORED, SAVED
from switch.state.mailboxes import Message

if TYPE_CHECKING:
    from switch.features.voicemail.retrieval import Retrieval

KEY_S = 6.0
IDLE = 2


class Listening:
    """Of one listener to one list of messages; `session` is whose telephone call it is."""

    def __init__(self, session: Retrieval, new: bool) -> None:
        self._session = session
        self._box = session.box.id
        messages = session.desk.mailboxes.messages(self._box)
        self._ids = [each.id for each in messages if (each.played or each.saved) is not new]
        self._at = 0
        self._deleted: set[str] = set()
        self._idle = 0
        """How often nothing of use was pressed, one after the other."""

    def begin(self, now: float) -> None:
        """The first one."""
        if self._ids:
            self._play(now)
        else:
            self._session.say("vm_no_more", then=self._session.menu, now=now)

    # -- one message --------------------------------------------------------------------------------------------

    @property
    def _id(self) -> str:
        return self._ids[self._at]

    def _found(self) -> Message | None:
        """The message at hand, if it can be heard; also one that this listener has deleted."""
        boxes = self._session.desk.mailboxes
        found = boxes.message(self._box, self._id)
        if found is None and self._id in self._deleted:
            return next((each for each in boxes.all_of(self._box) if each.id == self._id), None)
        return found

    def _play(self, now: float) -> None:
        session, found = self._session, self._found()
        if found is None:
            session.say("vm_message_gone", then=self._next, now=now)
            return
        message = found

        def ready(seconds: float | None, then: float) -> None:
            if session.over:
                return
            if not seconds:
                session.say("failed", then=self._menu, now=then)
                return
            session.change(message.id, PLAYED)
            sound = f"file:{session.desk.files.sound(self._box, message.id)}"
            self._ask((*session.wording.headed(message, self._at == 0), sound), then)

        session.desk.render(self._box, message.id, ready)

    def _ask(self, before: tuple[str, ...], now: float) -> None:
        session = self._session
        menu = session.wording("vm_message_restore" if self._id in self._deleted else "vm_message_menu")
        ask = Ask(words=(*before, *menu), ends="", first_s=KEY_S)
        session.talk.ask(ask, self._chosen, now)

    def _chosen(self, answer: Answer, now: float) -> None:
        act = _KEYS.get(answer.digits)
        if act is not None:
            self._idle = 0
            act(self, now)
        elif self._idle < IDLE:
            self._idle += 1
            self._menu(now)  # the choices once more, and not the message
        else:
            self._session.goodbye(now)

    # -- what may be done ---------------------------------------------------------------------------------------

    def _do(self, what: str, said: str, now: float) -> bool:
        """Do it with the message at hand, say so, and go on with the next one. False: it is no more."""
        done = self._session.change(self._id, what)
        self._session.say(said if done else "vm_message_gone", then=self._next, now=now)
        return done

    def _save(self, now: float) -> None:
        self._do(SAVED, "vm_message_kept", now)

    def _delete(self, now: float) -> None:
        message = self._id
        if message not in self._deleted:
            if self._do(DELETED, "vm_message_deleted", now):
                self._deleted.add(message)
        elif self._session.change(message, RESTORED):
            self._deleted.discard(message)
            self._session.say("vm_message_restored", then=self._menu, now=now)
        else:
            self._session.say("vm_message_gone", then=self._next, now=now)

    def _menu(self, now: float) -> None:
        self._ask((), now)

    def _next(self, now: float) -> None:
        if self._at + 1 < len(self._ids):
            self._at += 1
            self._play(now)
        else:
            self._session.say("vm_no_more", then=self._session.menu, now=now)

    def _before(self, now: float) -> None:
        self._at = max(0, self._at - 1)
        self._play(now)

    def _envelope(self, now: float) -> None:
        session, found = self._session, self._found()
        if found is None:
            self._next(now)
        else:
            at = session.call.context.at()
            self._ask(session.wording.envelope(found, session.box.time_zone, at), now)

    def _call_back(self, now: float) -> None:
        found = self._found()
        # Only telephones of ours place calls from here: whoever guesses a PIN from outside telephones at nobody's cost.
        if found is None or not found.number or is_trunk(self._session.call.front.target):
            self._session.say("vm_call_back_unknown", then=self._menu, now=now)
        else:
            number = found.number
            self._session.say("vm_calling_back", then=lambda then: self._session.dial(number, then), now=now)

    def _forward(self, now: float) -> None:
        session = self._session
        ask = Ask(words=session.wording("vm_forward_to"), most=16, ends="#", first_s=KEY_S)
        session.talk.ask(ask, self._forward_to, now)

    def _forward_to(self, answer: Answer, now: float) -> None:
        session = self._session
        to = session.desk.by_extension(answer.digits)
        if to is None:
            session.say("vm_mailbox_unknown", then=self._menu, now=now)
            return

        def forwarded(done: bool, then: float) -> None:
            if not session.over:
                session.say("vm_message_forwarded" if done else "failed", then=self._menu, now=then)

        if session.desk.full(to.id):
            session.say("vm_full", then=self._menu, now=now)
        else:
            session.desk.forward(self._box, self._id, to.id, session.by, forwarded)

    def _back(self, now: float) -> None:
        self._session.menu(now)


_KEYS = {
    "1": Listening._play,
    "2": Listening._save,
    "3": Listening._delete,
    "4": Listening._call_back,
    "5": Listening._forward,
    "6": Listening._next,
    "7": Listening._before,
    "8": Listening._envelope,
    "*": Listening._back,
}
