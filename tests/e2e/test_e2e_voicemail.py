"""Voicemail with real telephones: one leaves a tone, it lies in a file, goes out by e-mail, and another telephone hears
it; what was said when the exchange was killed is not lost (FWD-2, PIN-1, VMN-1)."""

from __future__ import annotations

import email
import email.policy
import socketserver
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.house import COMMAND, House, house, wait_for
from tests.e2e.kit.phones import softphones

pytestmark = pytest.mark.e2e
PIN = "371942"


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every letter."""

    daemon_threads = True

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 mail.example.com\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (each := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(each[1:] if each.startswith(b"..") else each)
                self.server.taken.append(b"".join(lines))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


@pytest.fixture(scope="module")
def post():
    with MailServer() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def exchange(tmp_path_factory, post):
    more = (
        "account:\n  voicemail: true\n  forward: {outage: voicemail}\n"
        "  mailbox: {greeting: hello.wav, email: all@example.com, notify: notice_with_attachment}\n"
        f"mail: {{host: 127.0.0.1, port: {post.port}, from: pbx@example.com, tls: never}}\n"
        'features: {"*97": voicemail}\n'
    )
    with house(tmp_path_factory.mktemp("house"), more) as made:
        sound.write(made.folder / "config" / "hello.wav", sound.sine(400, -12, 0.5))
        yield made


def lies_in(exchange: House, mailbox: str, messages: int) -> list[Path]:
    """The sound of a mailbox, as soon as there are so many messages in it; the oldest first. A message does not wait
    for its file."""
    wait_for(lambda: len(exchange.json("mailbox", "show", mailbox)["messages"]) == messages, 10, "the message")
    folder = exchange.folder / "data" / "voicemail" / mailbox
    found: list[Path] = wait_for(lambda: len(files := list(folder.glob("*.wav"))) == messages and files, 10, "its file")
    return sorted(found, key=lambda path: path.stat().st_mtime)


def longest(path: Path, hz: float) -> float:
    """How long that tone sounds without a break that a busy machine cannot make, in seconds; words before and behind it
    are none."""
    samples, rate = sound.read(path)
    size, best, run, hole = rate // 20, 0, 0, 0
    for begin in range(0, len(samples) - size, size):
        piece = samples[begin : begin + size]
        loud = 10 * np.log10(np.mean(piece**2) + 1e-12) > -30
        hole = 0 if loud and abs(sound.strongest(piece, rate) - hz) < 15 else hole + 1
        run = run + 1 if not hole else run if hole < 5 else 0
        best = max(best, run)
    return best * size / rate


def test_a_tone_is_left_mailed_and_heard_by_another_telephone(exchange, post):
    with softphones(exchange, "alice") as (alice,):
        alice.play(700, -14, 1.5, before_s=1.6, loop=False)
        call = alice.call("102")
        alice.talking(call)
        alice.said(call)
        alice.do("hangup", call=call)
        alice.over(call)
    greeting = sound.check(alice.wav(call), 400, -12)
    beep = sound.find(*sound.read(alice.wav(call)), 1000)
    assert sound.lasts(greeting, 0.5)
    assert beep is not None and beep.start_s > greeting.end_s

    # In the file: the tone alone, with its beginning and its end.
    (left,) = lies_in(exchange, "bob", 1)
    assert left.stat().st_mode & 0o777 == 0o600
    assert left.parent.stat().st_mode & 0o777 == 0o700
    tone = sound.check(left, 700, -14)
    assert sound.lasts(tone, 1.5)
    assert tone.start_s < 1.3  # 1.6 seconds of nothing, less greeting and beep
    assert tone.purity > 0.95
    (shown,) = exchange.json("mailbox", "show", "bob")["messages"]
    assert (shown["number"], shown["state"]) == ("101", "new")
    samples, rate = sound.read(left)
    assert abs(shown["seconds"] - len(samples) / rate) < 0.3 and shown["seconds"] > 2.0
    wait_for(lambda: not list(left.parent.glob("*.spool")), 5, "the end of the spool")

    # By e-mail: the same sound.
    wait_for(lambda: post.taken, 10, "the e-mail")
    letter = email.message_from_bytes(post.taken[0], policy=email.policy.default)
    assert letter["To"] == "all@example.com"
    (attached,) = letter.iter_attachments()
    path = exchange.folder / "attached.wav"
    path.write_bytes(attached.get_content())
    assert sound.check(path, 700, -14).purity > 0.95

    # By telephone, with the PIN, which is dialled ahead.
    done = subprocess.run(
        [*COMMAND, "mailbox", "pin", "bob"], env=exchange.environ, input=f"{PIN}\n", text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    with softphones(exchange, "bob") as (bob,):
        bob.play(1200, -20)
        call = bob.call("*97")
        bob.talking(call)
        bob.do("dial", call=call, digits=f"{PIN}#1")
        wait_for(lambda: exchange.json("mailbox", "show", "bob")["messages"][0]["state"] == "old", 15, "it is played")
        time.sleep(shown["seconds"] + 2.0)  # and what is said before
        bob.do("dial", call=call, digits="3")
        wait_for(lambda: not exchange.json("mailbox", "show", "bob")["messages"], 15, "it is deleted")
        bob.do("hangup", call=call)
        bob.over(call)
    assert longest(bob.wav(call), 700) == pytest.approx(1.5, abs=0.25)
    assert sound.find(*sound.read(bob.wav(call)), 1200) is None, "nobody hears himself"
    assert PIN not in exchange.log()


def test_what_was_said_when_the_exchange_was_killed_is_a_message(exchange):
    with softphones(exchange, "alice") as (alice,):
        alice.play(900, -14, 20.0)
        call = alice.call("103")
        alice.talking(call)
        time.sleep(4.0)
        exchange.kill("exchange")
        alice.do("hangup", call=call)
        exchange.serving(2)
        (left,) = lies_in(exchange, "carol", 1)
        tone = sound.check(left, 900, -14)
        assert tone.end_s - tone.start_s > 2.0
        assert exchange.json("mailbox", "show", "carol")["messages"][0]["number"] == "101"
