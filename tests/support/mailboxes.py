"""A desk with its mailboxes, whose work off the loop is done when a test says so."""

from __future__ import annotations

import datetime
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from config.compiled import MailboxSettings
from records import events as e
from switch.mailbox_desk import Desk, Tried
from switch.mailboxes import Mailboxes
from switch.state.mailboxes import Message
from tests.support.sounds import Sounds

AT = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)
ANNA = MailboxSettings(id="anna", extension="201", owner="anna", lines=("anna", "ben"), messages=2, pin_tries=3)
BEN = MailboxSettings(id="ben", extension="202", owner="ben", lines=("ben",), keep_s=86400.0)
DESK = MailboxSettings(id="desk", extension="290", lines=("ben",))


class House:
    """A desk whose work off the loop is done when a test says so, and a clock that it moves."""

    def __init__(
        self, journal: list[e.MailboxEvent] | None = None, sounds: Sounds | None = None, lives: int = 1
    ) -> None:
        self.journal: list[e.MailboxEvent] = journal if journal is not None else []
        self._lives = lives
        self.at = AT
        self.work: deque[tuple[Callable[[], Any], Callable[[Any, float], object]]] = deque()
        self.sounds = sounds or Sounds()
        self.boxes = Mailboxes(self.journal.append)
        self.boxes.replay(list(self.journal), known=False)
        tokens = itertools.count(1)
        self.desk = Desk(
            self.boxes,
            self.sounds,
            lambda work, then: self.work.append((work, then)),
            lambda: self.at,
            lambda: f"m{next(tokens)}" if lives == 1 else f"m{lives}-{next(tokens)}",
        )
        self.desk.use((ANNA, BEN, DESK))
        self.told: list[Message] = []
        self.desk.left = lambda box, message: self.told.append(message)
        self.lockouts: list[tuple[str, int]] = []
        self.desk.locked = lambda mailbox, tries: self.lockouts.append((mailbox, tries))

    def run(self) -> None:
        while self.work:
            work, then = self.work.popleft()
            try:
                found = work()
            except OSError:  # as `switch.mailbox_room` does
                found = None
            then(found, 0.0)

    def run_one(self, number: int) -> None:
        """One of the things that wait, which need not be the first."""
        if self.work:
            self.work.rotate(-(number % len(self.work)))
            work, then = self.work.popleft()
            then(work(), 0.0)

    def again(self) -> House:
        """Die, and come back from the journal; what waited is lost, the files are there."""
        return House(self.journal, self.sounds, self._lives + 1)

    def leave(self, mailbox: str = "anna", seconds: float = 5.0) -> str:
        message = self.desk.begin(mailbox, "call", "+16695550100", "Ada")
        self.sounds.seconds[message] = seconds
        self.desk.complete(mailbox, message)
        self.run()
        return message

    def tried(self, pin: str, mailbox: str = "anna") -> Tried:
        found: list[Tried] = []
        self.desk.try_pin(mailbox, pin, "device:x", lambda tried, now: found.append(tried))
        self.run()
        return found[0]

    def set_pin(self, pin: str, mailbox: str = "anna") -> None:
        self.desk.set_pin(mailbox, pin, "operator:root", lambda done, now: None)
        self.run()
