"""What is done with mailboxes, whoever asks for it, a telephone or an operator: messages are begun, completed,
forwarded and thrown away; PINs are set and tried; who is to be told, is told.

Events decide everything (`switch/mailboxes.py`); this is where they come from. What takes time, files and hashes, is
handed to `run`, which does it off the loop and comes back with an input of its own.

A message is `open` from the first sound on, and complete when its recording has ended; its WAV is made of the spool
then, or when it is first needed. What a crash cut off is completed at the next start (`recover`), with what was
received until then.

**PINs** (PIN-5). A try counts as wrong before it is looked at, and is taken back when it was right, so that neither
many tries at once nor a crash are a way around the limit. After so many wrong ones in a row nothing is looked at for a
while; that stands in the journal, too.
"""

from __future__ import annotations

import datetime
import enum
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from config.compiled import MailboxSettings
from media.engine import RecordEnded
from records.events import MessageLeft
from switch import pins
from switch.mailboxes import DELETED, GONE, MAILED, Mailboxes
from switch.state.mailboxes import GREETING, LOCKED, PIN, STANDARD, WRONG, Message

T = TypeVar("T")

LEAST_S = 2.0
"""What is shorter was no message."""
LEAST_SAID_S = 0.3
"""Where less was said than this, nothing was."""
MOST_NUMBER, MOST_NAME = 64, 128
LATE_S = 10.0
"""So long the end of a recording is waited for."""
UNDO_S = 3600.0
"""So long what was deleted can be restored; then its sound goes."""
KINDS = ("own", "busy", "unavailable")
"""The greetings that can be recorded."""
MOST_AGE_S = 86400.0
"""Of messages that are older nobody is told by e-mail any more, when that failed until then."""


class Run(Protocol):
    """`work` is done off the loop; `then` gets what came of it and the time, in an input of its own. `None` comes of
    what raised OSError."""

    def __call__(self, work: Callable[[], T], then: Callable[[T | None, float], object]) -> None:
        """See above."""


class Files(Protocol):
    """See `switch.mailbox_files.MailboxFiles`."""

    def spool(self, mailbox: str, name: str) -> str:
        """Where a recording is to be written."""

    def sound(self, mailbox: str, name: str) -> str:
        """Where its WAV is."""

    def finish(self, mailbox: str, name: str) -> float:
        """Make the WAV of a spool."""

    def copy(self, mailbox: str, name: str, to: str, as_name: str) -> bool:
        """Copy a WAV."""

    def drop(self, mailbox: str, name: str) -> bool:
        """Take the sound away."""


class Tried(enum.StrEnum):
    """What came of a PIN."""

    GOOD = "good"
    WRONG = "wrong"
    LOCKED = "locked"
    NONE = "none"


class Desk:
    """One for the exchange. `left` is told of each message that is complete, `locked` of a mailbox that is locked.
    `hashing` is another `run`, for PINs, so that nobody at a telephone waits for somebody else's files."""

    def __init__(
        self,
        mailboxes: Mailboxes,
        files: Files,
        run: Run,
        at: Callable[[], datetime.datetime],
        token: Callable[[], str],
        hashing: Run | None = None,
    ) -> None:
        self.mailboxes = mailboxes
        self.files = files
        self.left: Callable[[MailboxSettings, Message], object] = lambda box, message: None
        self.locked: Callable[[str, int], object] = lambda mailbox, tries: None
        self._run = run
        self._hash = hashing or run
        self._at = at
        self._token = token
        self._awaited: dict[str, tuple[str, str, bool, float]] = {}
        """Recordings that become messages when they have ended, by path: mailbox, message, urgent, since when."""
        self._late: dict[tuple[str, str], bool] = {}
        """Messages whose WAV could not be made yet, and whether they are urgent: they are tried again."""
        self._boxes: Mapping[str, MailboxSettings] = {}
        self._by_extension: Mapping[str, str] = {}
        self._by_line: Mapping[str, tuple[str, ...]] = {}

    def use(self, boxes: Iterable[MailboxSettings]) -> None:
        """Another version of the configuration."""
        self._boxes = {each.id: each for each in boxes}
        self._by_extension = {each.extension: each.id for each in self._boxes.values() if each.extension}
        shared: dict[str, list[str]] = {}
        for each in self._boxes.values():
            for line in each.lines:
                shared.setdefault(line, []).append(each.id)
        self._by_line = {line: tuple(names) for line, names in shared.items()}

    # -- which there are ----------------------------------------------------------------------------------------

    def box(self, name: str) -> MailboxSettings | None:
        """How that mailbox is set up."""
        return self._boxes.get(name)

    def boxes(self) -> list[MailboxSettings]:
        """All of them."""
        return list(self._boxes.values())

    def by_extension(self, digits: str) -> MailboxSettings | None:
        """The mailbox that people know by that number."""
        return self._boxes.get(self._by_extension.get(digits, ""))

    def of_line(self, line: str) -> tuple[str, ...]:
        """The mailboxes that somebody on this line shares: the own one, those of delegators (DVM-1), and those he is a
        member of."""
        return self._by_line.get(line, ())

    def keeper_of_pin(self, mailbox: str, line: str) -> str:
        """Whose PIN opens a mailbox for a telephone on that line: who shares it (a delegate, a member) proves it with
        the own one, where there is one; everybody else with that of the mailbox."""
        shares = line and line != mailbox and mailbox in self.of_line(line)
        return line if shares and self.mailboxes.values(line).get(PIN) else mailbox

    # -- messages -----------------------------------------------------------------------------------------------

    def full(self, mailbox: str) -> bool:
        """Whether there is no room for one more; recordings that go on count."""
        box = self._boxes.get(mailbox)
        return box is None or self._held(mailbox) >= box.messages

    def _held(self, mailbox: str) -> int:
        return sum(1 for each in self.mailboxes.all_of(mailbox) if not each.deleted)

    def begin(self, mailbox: str, call: str, number: str, name: str) -> str:
        """A message is about to be recorded; its id."""
        message = self._token()
        caller = plain(number, MOST_NUMBER), plain(name, MOST_NAME)
        self.mailboxes.leave(MessageLeft(mailbox, message, self._at(), call, *caller, open=True))
        return message

    def render(self, mailbox: str, name: str, then: Callable[[float | None, float], object]) -> None:
        """Make the WAV of what was recorded; `then` gets its seconds (0.0: there is nothing; None: it cannot be made
        now, say for want of room) and the time."""
        self._run(lambda: self.files.finish(mailbox, name), then)

    def complete(
        self,
        mailbox: str,
        message: str,
        urgent: bool = False,
        then: Callable[[bool, float], object] = lambda is_one, now: None,
        lasted_s: float = 0.0,
    ) -> None:
        """What was recorded is a message, unless it is too short; `then` hears whether it is.

        Where the engine has told how long the recording `lasted_s`, it is one from now on, and its WAV is made
        meanwhile: no lamp waits for that. Else it is one when its WAV is there.
        """
        if lasted_s:
            ok = self._leave(mailbox, message, urgent, lasted_s)
            self._run(lambda: self.files.finish(mailbox, message) if ok else 0.0, lambda seconds, now: then(ok, now))
            return

        def made(seconds: float | None, now: float) -> None:
            if seconds is None and self.mailboxes.opened_as(mailbox, message) is not None:
                self._late[mailbox, message] = urgent
                then(True, now)
            else:
                then(self._leave(mailbox, message, urgent, seconds or 0.0), now)

        self.render(mailbox, message, made)

    def _leave(self, mailbox: str, message: str, urgent: bool, seconds: float) -> bool:
        found = self.mailboxes.opened_as(mailbox, message)
        if found is None:
            if not any(each.id == message for each in self.mailboxes.all_of(mailbox)):
                self.discard(mailbox, message)  # it was dropped while this was made
            return False
        if seconds < LEAST_S:
            self.drop(mailbox, message)
            return False
        caller = found.call, found.number, found.name
        left = MessageLeft(mailbox, message, found.at, *caller, round(seconds, 3), urgent, False, found.sent_by)
        self.mailboxes.leave(left)
        self._tell(mailbox, message)
        return True

    def complete_when_ended(self, mailbox: str, message: str, urgent: bool) -> None:
        """The same, when the engine has told that it has all of it (`recorded`): the caller has hung up."""
        path = self.files.spool(mailbox, message)
        self._awaited[path] = mailbox, message, urgent, self._at().timestamp()

    def recorded(self, event: RecordEnded) -> None:
        """The engine has told of the end of a recording, of whatever kind."""
        found = self._awaited.pop(event.path, None)
        if found is not None:
            mailbox, message, urgent, _ = found
            if self.nothing_said(mailbox, event):
                self.drop(mailbox, message)
            else:
                self.complete(mailbox, message, urgent, lasted_s=event.lasted_s)

    def nothing_said(self, mailbox: str, event: RecordEnded) -> bool:
        """Whether it is a recording of silence. That is measured where silence ends a message."""
        if event.lasted_s > 0 and not event.packets:
            return True
        box = self._boxes.get(mailbox)
        return box is not None and box.silence_s > 0 and event.lasted_s > 0 and event.heard_s < LEAST_SAID_S

    def drop(self, mailbox: str, message: str, by: str = "caller") -> None:
        """Its sound goes for good, and it with it. A crash between the two does it again, and so does the next sweep
        where the disk refuses: no sound is left behind that no message names."""

        def dropped(done: bool | None, now: float) -> None:
            if done:
                self.mailboxes.change(mailbox, message, GONE, by, self._at())

        self._run(lambda: self.files.drop(mailbox, message), dropped)

    def discard(self, mailbox: str, name: str) -> None:
        """Take some sound away."""
        self._run(lambda: self.files.drop(mailbox, name), lambda done, now: None)

    def forward(self, mailbox: str, message: str, to: str, by: str, then: Callable[[bool, float], object]) -> None:
        """Lay a copy into another mailbox, as a new message there; `then` hears whether it is."""
        found, target = self.mailboxes.message(mailbox, message), self._token()
        if found is None or to not in self._boxes:
            self._run(lambda: None, lambda nothing, now: then(False, now))
            return
        begun = MessageLeft(
            to, target, self._at(), "", found.number, found.name, found.seconds, found.urgent, True, mailbox
        )
        self.mailboxes.leave(begun)

        def copied(done: bool | None, now: float) -> None:
            if done:
                then(self._leave(to, target, found.urgent, found.seconds), now)
            else:
                self.drop(to, target, by)
                then(False, now)

        self._run(lambda: self.files.copy(mailbox, message, to, target), copied)

    def _tell(self, mailbox: str, message: str) -> None:
        box, found = self._boxes.get(mailbox), self.mailboxes.message(mailbox, message)
        if box is not None and found is not None:
            self.left(box, found)

    def mailed(self, mailbox: str, message: str) -> None:
        """Its e-mail was taken by the mail server."""
        box = self._boxes.get(mailbox)
        self.mailboxes.change(mailbox, message, MAILED, "mail", self._at())
        if box is not None and box.delete_after_email and box.notify.endswith(("attachment", "attachment_only")):
            self.mailboxes.change(mailbox, message, DELETED, "mail", self._at())

    # -- greetings ----------------------------------------------------------------------------------------------

    def greeting(self, mailbox: str, cause: int) -> str:
        """The file that callers hear, who come because of that SIP cause; empty: spoken words."""
        box = self._boxes.get(mailbox)
        if box is None:
            return ""
        values = self.mailboxes.values(mailbox)
        if box.own_greeting and values.get(GREETING) != STANDARD:
            kind = "busy" if cause == 486 else "unavailable"
            for each in (kind, "own"):
                name = values.get(f"{GREETING}.{each}")
                if name:
                    return self.files.sound(mailbox, name)
        return box.greeting

    def use_greeting(self, mailbox: str, kind: str, name: str, by: str) -> None:
        """A recorded greeting is the one from now on; an empty name takes it away."""
        before = self.mailboxes.values(mailbox).get(f"{GREETING}.{kind}", "")
        self.mailboxes.set(mailbox, f"{GREETING}.{kind}", name, by, self._at())
        if name:
            self.mailboxes.set(mailbox, GREETING, "", by, self._at())
        if before and before != name:
            self.discard(mailbox, before)

    def choose_standard(self, mailbox: str, standard: bool, by: str) -> None:
        """Whether the recorded greetings rest."""
        self.mailboxes.set(mailbox, GREETING, STANDARD if standard else "", by, self._at())

    # -- PINs ---------------------------------------------------------------------------------------------------

    def has_pin(self, mailbox: str) -> bool:
        """Whether one was ever set."""
        return bool(self.mailboxes.values(mailbox).get(PIN))

    def locked_s(self, mailbox: str) -> float:
        """For how many seconds no PIN is looked at any more; 0.0: they are."""
        until = _number(self.mailboxes.values(mailbox).get(LOCKED))
        return max(0.0, until - self._at().timestamp())

    def try_pin(self, mailbox: str, pin: str, by: str, then: Callable[[Tried, float], object]) -> None:
        """Look at a PIN; at once where there is nothing to look at."""
        values = self.mailboxes.values(mailbox)
        kept = values.get(PIN, "")
        if self.locked_s(mailbox):
            self._hash(lambda: None, lambda nothing, now: then(Tried.LOCKED, now))
            return
        if not kept:
            self._hash(lambda: None, lambda nothing, now: then(Tried.NONE, now))
            return
        box = self._boxes.get(mailbox) or MailboxSettings(id=mailbox)
        wrong = int(_number(values.get(WRONG))) + 1
        locks = wrong >= box.pin_tries
        self.mailboxes.set(mailbox, WRONG, str(wrong), by, self._at())
        if locks:
            until = math.ceil(self._at().timestamp() + box.pin_lockout_s)
            self.mailboxes.set(mailbox, LOCKED, str(until), by, self._at())
            self.mailboxes.set(mailbox, WRONG, "", by, self._at())

        def looked(good: bool | None, now: float) -> None:
            if good:
                self.unlock(mailbox, by)
                then(Tried.GOOD, now)
            elif locks:
                self.locked(mailbox, wrong)
                then(Tried.LOCKED, now)
            else:
                then(Tried.WRONG, now)

        self._hash(lambda: pins.fits(kept, pin), looked)

    def unlock(self, mailbox: str, by: str) -> None:
        """Wrong tries are forgotten, and a lock-out is over."""
        self.mailboxes.set(mailbox, WRONG, "", by, self._at())
        self.mailboxes.set(mailbox, LOCKED, "", by, self._at())

    def refusal(self, mailbox: str, pin: str) -> str:
        """Why it cannot be the PIN of that mailbox (`switch.pins.refusal`); empty when it can."""
        box = self._boxes.get(mailbox)
        return pins.refusal(pin, box.pin_length, box.extension) if box is not None else "digits"

    def set_pin(self, mailbox: str, pin: str, by: str, then: Callable[[bool, float], object]) -> None:
        """It is the PIN from now on. The caller has asked `refusal`."""

        def made(kept: str | None, now: float) -> None:
            if kept:
                self.mailboxes.set(mailbox, PIN, kept, by, self._at())
                self.unlock(mailbox, by)
            then(bool(kept), now)

        self._hash(lambda: pins.hashed(pin), made)

    # -- by itself ----------------------------------------------------------------------------------------------

    def recover(self, live: Iterable[str]) -> None:
        """At a start, with the ids of the calls that are still up: what a crash has cut off becomes a message, and who
        has not been told by e-mail yet, is."""
        calls = set(live)
        now_s = self._at().timestamp()
        for each in list(self.mailboxes.all()):
            if each.open and each.call not in calls:
                self.complete(each.mailbox, each.id)
            elif not (each.open or each.mailed or each.deleted) and now_s - each.at.timestamp() < MOST_AGE_S:
                self._tell(each.mailbox, each.id)

    def sweep(self) -> None:
        """To be called now and then: what was deleted goes for good, and what is too old is deleted."""
        now_s = self._at().timestamp()
        for path, (mailbox, message, urgent, since_s) in list(self._awaited.items()):
            if now_s - since_s >= LATE_S:  # the media worker has died
                del self._awaited[path]
                self.complete(mailbox, message, urgent)
        late, self._late = self._late, {}
        for (mailbox, message), urgent in late.items():
            self.complete(mailbox, message, urgent)
        for each in list(self.mailboxes.all()):
            box = self._boxes.get(each.mailbox)
            keep_s = box.keep_s if box is not None else 0.0
            old = keep_s and not each.open and now_s - each.at.timestamp() >= keep_s
            if old or (each.deleted and now_s - each.deleted >= UNDO_S):
                self.drop(each.mailbox, each.id, "age")


def plain(text: str, most: int) -> str:
    """What a caller has sent of himself, as text that can be kept and shown: no bytes that are none, no control
    characters, and no more than so many."""
    whole = text[:most].encode("utf-8", "replace").decode()
    return "".join(each if each.isprintable() else " " for each in whole).strip()


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except ValueError:
        return 0.0
