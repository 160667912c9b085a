"""E-mail that the exchange sends: to whoever is to be told of an emergency call (EMG-7), and of new messages in a
mailbox (`switch/mailbox_mail.py`), each by a `Mailer` of its own.

A letter is sent in a thread of its own kind, so that no call waits for a mail server; when that does not take it, it is
tried again some times over a quarter of an hour. What came of it is told once. Letters that wait are lost with the
process; `switch.calls.alarm` writes those of fresh calls anew.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Generic, Protocol, TypeVar

from config.compiled import MailSettings
from switch.calls.alarm import Letter

PAUSES_S = (5.0, 30.0, 120.0, 600.0)
TIMEOUT_S = 15.0
MOST_LETTERS = 200
"""Letters that wait at a time: more is no news to anybody."""

Told = Callable[[str, str, str, str], object]
"""(call, `mail:` and the address, sent or failed, why)."""


class Addressed(Protocol):
    """A letter: about which call, or what else, and to whom."""

    @property
    def call(self) -> str:
        """What `Told` is told."""

    @property
    def to(self) -> str:
        """The address."""


L = TypeVar("L", bound=Addressed)


class Mailer(Generic[L]):
    """Sends letters. `begin(name, work)` has the loop do something that nobody waits for. `write` makes the message of
    a letter and its sender's address, in a thread; it may raise OSError or ValueError."""

    def __init__(
        self,
        told: Told,
        begin: Callable[[str, Coroutine[Any, Any, None]], object],
        threads: Executor,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        deliver: Callable[[MailSettings, EmailMessage], None] | None = None,
        *,
        write: Callable[[L, str], EmailMessage],
    ) -> None:
        self.settings: MailSettings | None = None
        self.waiting = 0
        self._told = told
        self._begin = begin
        self._threads = threads
        self._pause = pause
        self._deliver = deliver or send
        self._write = write

    def post(self, letter: L) -> str:
        """Send it, as soon as can be. Returns why it is not even tried, empty when it is."""
        if self.settings is None:
            return "the configuration has no `mail:`"
        if self.waiting >= MOST_LETTERS:
            return f"{MOST_LETTERS} letters wait already"
        self.waiting += 1
        self._begin("mail", self._try(letter))
        return ""

    async def _try(self, letter: L) -> None:
        try:
            why = ""
            for pause_s in (*PAUSES_S, 0.0):
                settings = self.settings
                if settings is None:
                    break
                try:
                    await asyncio.get_running_loop().run_in_executor(self._threads, self._hand_over, settings, letter)
                except (OSError, ValueError) as error:
                    why = str(error) or type(error).__name__
                    await self._pause(pause_s)
                else:
                    self._say(letter, "sent", "")
                    return
            self._say(letter, "failed", why or "the configuration has no `mail:` any more")
        finally:
            self.waiting -= 1

    def _hand_over(self, settings: MailSettings, letter: L) -> None:
        self._deliver(settings, self._write(letter, settings.sender))

    def _say(self, letter: L, outcome: str, why: str) -> None:
        self._told(letter.call, f"mail:{letter.to}", outcome, why)


def written(letter: Letter, sender: str) -> EmailMessage:
    """The letter as a message."""
    message = begun(letter, sender, letter.subject)
    message["Importance"] = "high"
    message.set_content(letter.text)
    return message


def begun(letter: Addressed, sender: str, subject: str) -> EmailMessage:
    """A message with its head and nothing in it. Sent twice it has the same Message-ID."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = subject
    message["Date"] = formatdate()
    mark = hashlib.blake2b(f"{letter.call} {letter.to}".encode(), digest_size=12).hexdigest()
    message["Message-ID"] = f"<{mark}@{sender.rpartition('@')[2]}>"
    return message


def send(settings: MailSettings, message: EmailMessage) -> None:
    """Hand it to the mail server; blocks for some seconds at the most. Raises OSError."""
    import aiosmtplib  # only when there is something to send

    sending = aiosmtplib.send(
        message,
        hostname=settings.host,
        port=settings.port,
        username=settings.user or None,
        password=settings.secret or None,
        use_tls=settings.tls == "always",
        start_tls=settings.tls == "start",
        timeout=TIMEOUT_S,
    )
    try:
        asyncio.run(sending)
    except aiosmtplib.SMTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
