"""E-mail about emergency calls (EMG-7): sent by SMTP, tried again, told once what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Any

import pytest

from config.compiled import MailSettings
from switch.calls.alarm import Letter
from switch.mailing import MOST_LETTERS, PAUSES_S, Mailer, send, written

LETTER = Letter("c1", "anna@example.com", "EMERGENCY 911: Lobby phone, 2nd floor", "Somebody has called for help.\n")
SETTINGS = MailSettings(host="127.0.0.1", port=0, sender="exchange@example.com", tls="never")


class Post:
    """A mailer with a mail server that fails so many times."""

    def __init__(self, failures: int = 0) -> None:
        self.told: list[tuple[str, ...]] = []
        self.pauses: list[float] = []
        self.sent: list[EmailMessage] = []
        self.work: list[Coroutine[Any, Any, None]] = []
        self.failures = failures
        self.threads = ThreadPoolExecutor(1)
        self.mailer = Mailer(
            lambda *said: self.told.append(said),
            lambda name, work: self.work.append(work),
            self.threads,
            self.pause,
            self.deliver,
            write=written,
        )
        self.mailer.settings = SETTINGS

    async def pause(self, pause_s: float) -> None:
        self.pauses.append(pause_s)

    def deliver(self, settings: MailSettings, message: EmailMessage) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no route to host")
        self.sent.append(message)

    async def run(self) -> None:
        while self.work:
            await self.work.pop(0)
        self.threads.shutdown()


async def test_a_letter_is_sent_in_the_end_and_told_of_once() -> None:
    post = Post(failures=2)
    assert post.mailer.post(LETTER) == ""
    await post.run()
    (message,) = post.sent
    assert message["To"] == "anna@example.com" and message["Subject"] == LETTER.subject
    assert post.pauses == list(PAUSES_S[:2])
    assert post.told == [("c1", "mail:anna@example.com", "sent", "")] and post.mailer.waiting == 0


async def test_a_mail_server_that_never_takes_it_is_given_up_and_the_record_says_why() -> None:
    post = Post(failures=100)
    post.mailer.post(LETTER)
    await post.run()
    assert post.told == [("c1", "mail:anna@example.com", "failed", "no route to host")]
    assert len(post.pauses) == len(PAUSES_S) + 1


async def test_without_a_way_to_send_and_with_too_many_it_says_so_at_once() -> None:
    post = Post()
    post.mailer.waiting = MOST_LETTERS
    assert "wait already" in post.mailer.post(LETTER)
    post.mailer.settings = None
    assert "no `mail:`" in post.mailer.post(LETTER)
    assert not post.work
    await post.run()


async def test_it_reaches_a_mail_server_by_smtp() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")
        data = False
        while line := await reader.readline():
            heard.append(line)
            if data:
                if line == b".\r\n":
                    data = False
                    writer.write(b"250 taken\r\n")
                continue
            word = line[:4].upper()
            data = word == b"DATA"
            writer.write(b"354 go on\r\n" if data else b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = MailSettings(host="127.0.0.1", port=port, sender=SETTINGS.sender, tls="never")
    await asyncio.to_thread(send, settings, written(LETTER, settings.sender))
    server.close()
    text = b"".join(heard).decode()
    assert "RCPT TO:<anna@example.com>" in text and "Subject: EMERGENCY 911: Lobby phone" in text
    with pytest.raises(OSError, match="SMTP"):
        await asyncio.to_thread(send, settings, written(LETTER, settings.sender))


def test_the_same_letter_has_the_same_name() -> None:
    one, two = written(LETTER, "x@example.com"), written(LETTER, "x@example.com")
    assert one["Message-ID"] == two["Message-ID"]
