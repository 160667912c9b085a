"""The sound of mailboxes on disk: from spools to WAV files, copies, other forms; and the e-mail of a new message, taken
by a mail server on this machine (VMN-1)."""

from __future__ import annotations

import asyncio
import datetime
import email
import email.policy
import io
import os
import stat
import struct
import wave
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest

from config.compiled import MailboxSettings, MailSettings
from media import g711
from media.spool import CODECS, END, HEADER, MAGIC, PACKET, End, Header
from switch import mailbox_mail
from switch.child import child
from switch.mailbox_files import MailboxFiles, seconds_of
from switch.mailbox_mail import Notice
from switch.mailing import Mailer
from switch.state.mailboxes import Message

AT = datetime.datetime(2026, 3, 2, 17, 5, 9, tzinfo=datetime.UTC)
MESSAGE = Message(mailbox="anna", id="m1", at=AT, number="+16695550100", name="Ada", seconds=65.0)
BOX = MailboxSettings(id="anna", name="Anna", email="anna@example.com", time_zone="America/Los_Angeles")


def spool(path: str, seconds: float, hz: float = 600.0, *, ends: bool = True) -> None:
    """A spool of a tone, as the media worker writes it."""

    def record(kind: int, at_us: int, content: bytes) -> bytes:
        return struct.pack("<BHQ", kind, len(content), at_us) + content

    encode = msgspec.msgpack.encode
    parts = [MAGIC, record(HEADER, 0, encode(Header(1, 7, "boot", 1_700_000_000.0)))]
    parts.append(record(CODECS, 0, encode(((0, "PCMU/8000"),))))
    for number in range(round(seconds * 50)):
        times = (np.arange(160) + number * 160) / 8000
        samples = (8000 * np.sin(2 * np.pi * hz * times)).astype(np.int16)
        law = g711.encode(map(int, samples), alaw=False)
        head = struct.pack("!BBHII", 0x80, 0, number, number * 160, 99)
        parts.append(record(PACKET, 20_000 * number, head + law))
    if ends:
        parts.append(record(END, round(seconds * 1e6), encode(End("stopped"))))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(b"".join(parts))


def pitch(samples: np.ndarray[Any, Any], rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.fixture
def files(tmp_path: Path) -> MailboxFiles:
    return MailboxFiles(tmp_path / "voicemail")


@pytest.mark.parametrize("ends", [True, False], ids=["whole", "cut off by a crash"])
def test_a_spool_becomes_a_wav_once_and_for_its_owner_alone(files: MailboxFiles, *, ends: bool) -> None:
    spool(files.spool("anna", "m1"), 3.0, ends=ends)
    assert files.finish("anna", "m1") == pytest.approx(3.0, abs=0.05)
    sound = Path(files.sound("anna", "m1"))
    assert stat.S_IMODE(sound.stat().st_mode) == 0o600
    with wave.open(str(sound)) as opened:
        samples = np.frombuffer(opened.readframes(16000), np.int16)
        assert pitch(samples, opened.getframerate()) == pytest.approx(600, abs=3)
    assert not Path(files.spool("anna", "m1")).exists()
    assert files.finish("anna", "m1") == pytest.approx(3.0, abs=0.05)
    assert files.copy("anna", "m1", "ben", "m2")
    copied = Path(files.sound("ben", "m2"))
    assert copied.read_bytes() == sound.read_bytes()
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600
    files.drop("anna", "m1")
    files.drop("anna", "m1")
    assert not sound.exists()
    assert copied.exists()


def test_nothing_was_received(files: MailboxFiles) -> None:
    assert files.finish("anna", "never") == 0.0
    spool(files.spool("anna", "m1"), 0.0, ends=False)
    assert files.finish("anna", "m1") == 0.0
    Path(files.spool("anna", "torn")).write_bytes(b"RP")
    assert files.finish("anna", "torn") == 0.0
    assert not files.copy("anna", "m1", "ben", "m2")
    assert seconds_of(files.spool("anna", "torn")) == 0.0


@pytest.mark.parametrize("name", [".", "..", ".hidden", "j.doe", "*"])
def test_whatever_a_name_of_the_configuration_looks_like_it_is_one_folder(files: MailboxFiles, name: str) -> None:
    spool(files.spool(name, "m1"), 0.1)
    spool(files.spool("anna", name), 0.1)
    assert Path(files.spool(name, "m1")).parent.parent == Path(files.spool("anna", "m1")).parent.parent
    assert not Path(files.spool(name, "m1")).parent.name.startswith(".")
    assert len({files.sound(*each) for each in ((name, "m1"), ("anna", name), ("anna", "m1"))}) == 3


@pytest.mark.parametrize("name", ["", "a/b", "a\0b"])
def test_no_name_leads_out_of_the_folder(files: MailboxFiles, name: str) -> None:
    for mailbox, message in ((name, "m1"), ("anna", name)):
        with pytest.raises(ValueError, match="no name"):
            files.sound(mailbox, message)


@pytest.mark.parametrize("kind", ["wav", "mp3", "opus"])
def test_a_message_in_each_form(files: MailboxFiles, kind: str) -> None:
    spool(files.spool("anna", "m1"), 2.0)
    files.finish("anna", "m1")
    data = files.encoded("anna", "m1", kind)
    with av.open(io.BytesIO(data)) as opened:
        frames = [frame.to_ndarray()[0] for frame in opened.decode(audio=0)]
        rate = opened.streams.audio[0].rate
    samples = np.concatenate(frames)
    assert len(samples) / rate == pytest.approx(2.0, abs=0.1)
    assert pitch(samples.astype(float), rate) == pytest.approx(600, abs=3)
    assert len(list(Path(files.sound("anna", "m1")).parent.iterdir())) == 1, "nothing is left beside it"


def test_what_a_child_cannot_do_is_an_error_with_its_words(files: MailboxFiles) -> None:
    with pytest.raises(OSError, match=r"media\.encode: .*nowhere"):
        child("media.encode", "/nowhere/nowhere.wav", "/nowhere/there.mp3")
    with pytest.raises(OSError, match="none of"):
        child("media.encode", "a.wav", "a.xyz")


# -- e-mail ---


def letter(notify: str, message: Message = MESSAGE, **box: Any) -> EmailMessage:
    made = mailbox_mail.notice(msgspec.structs.replace(BOX, notify=notify, **box), message)
    assert made is not None
    return mailbox_mail.write(made, "pbx@example.com", lambda mailbox, name, kind: f"{mailbox}/{name} {kind}".encode())


def test_nobody_is_told_where_nobody_is_to_be() -> None:
    assert mailbox_mail.notice(BOX, MESSAGE) is None
    assert mailbox_mail.notice(msgspec.structs.replace(BOX, notify="notice", email=""), MESSAGE) is None


def test_a_notice_says_who_when_and_how_long_and_nothing_is_attached() -> None:
    made = letter("notice")
    assert made["To"] == "anna@example.com"
    assert made["Subject"] == "Voice message from Ada (+16695550100) for Anna"
    text = made.get_content()
    assert "From:   Ada (+16695550100)" in text
    assert "When:   Monday, 2 March 2026, 09:05 (America/Los_Angeles)" in text
    assert "Length: 1 minute 5 seconds" in text
    assert not made.is_multipart()
    assert made["Message-ID"] == letter("notice")["Message-ID"]


@pytest.mark.parametrize(("kind", "mime"), [("wav", "audio/wav"), ("mp3", "audio/mpeg"), ("opus", "audio/ogg")])
def test_the_message_is_attached_with_words_or_without(kind: str, mime: str) -> None:
    for notify, worded in (("notice_with_attachment", True), ("attachment_only", False)):
        made = letter(notify, format=kind)
        (attached,) = made.iter_attachments()
        assert attached.get_content_type() == mime
        assert attached.get_filename() == f"message-20260302-090509.{kind}"
        assert attached.get_content() == f"anna/m1 {kind}".encode()
        body = made.get_body()
        assert body is not None
        assert bool(body.get_content().strip()) is worded  # type: ignore[attr-defined]


def test_an_urgent_one_and_a_caller_who_writes_into_the_header() -> None:
    rude = msgspec.structs.replace(MESSAGE, urgent=True, name="Ada\r\nBcc: all@example.com", number="", sent_by="ben")
    made = letter("notice", rude)
    assert made["Importance"] == "high"
    assert made["Bcc"] is None
    assert made["Subject"] == "Urgent voice message from Ada Bcc: all@example.com for Anna"
    assert "Forwarded by: ben" in made.get_content()


async def test_a_mail_server_gets_the_sound_that_was_left(files: MailboxFiles) -> None:
    spool(files.spool("anna", "m1"), 2.5, hz=700.0)
    files.finish("anna", "m1")
    taken: list[bytes] = []
    busy = [True]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")
        data: list[bytes] | None = None
        while line := await reader.readline():
            if data is not None:
                if line == b".\r\n":
                    taken.append(b"".join(data))
                    data = None
                    writer.write(b"250 taken\r\n")
                else:
                    data.append(line[1:] if line.startswith(b"..") else line)
                continue
            word = line[:4].upper()
            if word == b"MAIL" and busy.pop() if busy else False:
                writer.write(b"451 come back later\r\n")
            elif word == b"DATA":
                data = []
                writer.write(b"354 go on\r\n")
            else:
                writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    told: list[tuple[str, ...]] = []
    work: list[Coroutine[Any, Any, None]] = []
    paused: list[float] = []

    async def pause(pause_s: float) -> None:
        paused.append(pause_s)

    mailer: Mailer[Notice] = Mailer(
        lambda *said: told.append(said),
        lambda name, coroutine: work.append(coroutine),
        ThreadPoolExecutor(1),
        pause,
        write=lambda made, sender: mailbox_mail.write(made, sender, files.encoded),
    )
    port = server.sockets[0].getsockname()[1]
    mailer.settings = MailSettings(host="127.0.0.1", port=port, sender="pbx@example.com", tls="never")
    notice = mailbox_mail.notice(msgspec.structs.replace(BOX, notify="notice_with_attachment", format="wav"), MESSAGE)
    assert notice is not None
    assert mailer.post(notice) == ""
    await work.pop()
    server.close()
    assert told == [("anna/m1", "mail:anna@example.com", "sent", "")]
    assert len(paused) == 1, "the server was busy at first"
    (raw,) = taken
    got = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(got, EmailMessage)
    (attached,) = got.iter_attachments()
    with wave.open(io.BytesIO(attached.get_content())) as opened:
        samples = np.frombuffer(opened.readframes(opened.getnframes()), np.int16)
        assert len(samples) / opened.getframerate() == pytest.approx(2.5, abs=0.05)
        assert pitch(samples, opened.getframerate()) == pytest.approx(700, abs=3)


def test_what_was_being_made_of_a_message_goes_with_it(tmp_path: Path) -> None:
    """Somebody was killed while it was made, sent or copied; the message of another name stays."""
    files = MailboxFiles(tmp_path)
    left = ("m1.wav.part", "m1.part.wav", "m1.815.mp3", "m1.wav")
    (tmp_path / "anna").mkdir()
    for name in (*left, "m12.wav", "m12.815.mp3"):
        (tmp_path / "anna" / name).write_bytes(b"sound")
    files.drop("anna", "m1")
    assert sorted(each.name for each in (tmp_path / "anna").iterdir()) == ["m12.815.mp3", "m12.wav"]


def test_a_copy_has_its_name_when_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends a message on, and throws his own away, has not lost it to a loss of power."""
    files, order = MailboxFiles(tmp_path), list[str]()
    spool(files.spool("anna", "m1"), 1.0)
    files.finish("anna", "m1")
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        order.append("synced")
        fsync(descriptor)

    def named(path: Path, target: Path) -> Path:
        order.append("named")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named)
    assert files.copy("anna", "m1", "ben", "m2")
    assert order == ["synced", "named"]
