"""The mailboxes' own corner of the process: the desk with its threads and files, and the e-mail of new messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from config.compiled import Compiled, MailboxSettings
from switch import mailbox_mail
from switch.chores import Chores
from switch.clock import LoopClock
from switch.core import Core
from switch.mailbox_asking import MailboxAsking
from switch.mailbox_desk import Desk
from switch.mailbox_files import MailboxFiles
from switch.mailbox_mail import Notice
from switch.mailing import Mailer
from switch.notices import Notices
from switch.state.mailboxes import Message

T = TypeVar("T")

SWEEP_S = 60.0
"""How often it is looked at what is too old."""


class MailboxRoom:
    """Made by `switch/app.py`. `folder` is where the sound lies."""

    def __init__(
        self,
        folder: Path,
        core: Core,
        clock: LoopClock,
        token: Callable[[], str],
        chores: Chores,
        notices: Notices,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._core = core
        self._clock = clock
        self._chores = chores
        self._log = log
        self._threads = ThreadPoolExecutor(4, "mailboxes")
        self._hashes = ThreadPoolExecutor(2, "pins")
        self._post = ThreadPoolExecutor(2, "messages")
        self._files = MailboxFiles(folder)
        self.desk = Desk(core.mailboxes, self._files, self._run, clock.at, token, self._run_hash)
        self.desk.left, self.desk.locked = self._left, notices.mailbox_locked
        self.asking = MailboxAsking(self.desk, lambda act: core.go_on(act, clock.now()))
        self._letters: Mailer[Notice] = Mailer(
            self._mailed,
            chores.begin,
            self._post,
            write=lambda letter, sender: mailbox_mail.write(letter, sender, self._files.encoded),
        )

    def use(self, compiled: Compiled, folder: Path) -> None:
        """Another version of the configuration, whose files are relative to that folder."""
        self._letters.settings = compiled.mail
        self.desk.use(
            msgspec.structs.replace(each, greeting=str(folder / each.greeting)) if each.greeting else each
            for each in compiled.mailboxes
        )

    def start(self) -> None:
        """Calls have been taken over: what a crash cut off is completed. Must be called in the running loop."""
        self._core.go_on(lambda now: self.desk.recover(self._core.calls.by_id), self._clock.now())
        self._chores.repeat("mailboxes", lambda: SWEEP_S, self._sweep)

    def close(self) -> None:
        """Begin nothing more."""
        for threads in (self._threads, self._hashes, self._post):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _sweep(self) -> None:
        self._core.go_on(lambda now: self.desk.sweep(), self._clock.now())

    def _run(self, work: Callable[[], T], then: Callable[[T | None, float], object]) -> None:
        """See `mailbox_desk.Run`."""
        self._chores.begin("mailbox", self._do(self._threads, work, then))

    def _run_hash(self, work: Callable[[], T], then: Callable[[T | None, float], object]) -> None:
        """The same for PINs."""
        self._chores.begin("PIN", self._do(self._hashes, work, then))

    async def _do(self, threads: Executor, work: Callable[[], T], then: Callable[[T | None, float], object]) -> None:
        try:
            found: T | None = await asyncio.get_running_loop().run_in_executor(threads, work)
        except OSError as error:
            self._log.error("a mailbox's sound cannot be kept or read", why=str(error))
            found = None
        self._core.go_on(lambda now: then(found, now), self._clock.now())

    def _left(self, box: MailboxSettings, message: Message) -> None:
        letter = mailbox_mail.notice(box, message)
        why = self._letters.post(letter) if letter is not None else ""
        if why:
            self._log.warning("message not told by e-mail", mailbox=box.id, to=box.email, why=why)

    def _mailed(self, what: str, to: str, outcome: str, why: str) -> None:
        mailbox, _, message = what.partition("/")
        if outcome == "sent":
            self._core.go_on(lambda now: self.desk.mailed(mailbox, message), self._clock.now())
        else:
            self._log.warning("message not told by e-mail", mailbox=mailbox, to=to.removeprefix("mail:"), why=why)
