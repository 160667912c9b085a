"""Two legs that speak different codecs, or call the same one differently: what every MediaEngine makes of that.

Same number, same codec: as bytes. Same codec, another number: the number is written anew. No common codec: transcoded.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from media import codecs
from media.engine import Digit
from media.rates import Frame
from tests.unit.media.media_phone import Phone, sine
from tests.unit.media.media_stage import LocalStage, Stage, leg, staged

NUMBERS = {codecs.PCMU: 0, codecs.PCMA: 8, codecs.G722: 9, codecs.OPUS: 107}
SPEECH = b"\x55" * 160


@pytest.fixture(params=["local", "worker", "workers"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(request.param, tmp_path) as made:
        yield made


def speaks(*names: str, event: int | None = 101, **more: object) -> dict[str, object]:
    """A far end of these codecs, under our usual numbers."""
    known = tuple((NUMBERS[name], name) for name in names)
    numbers = (*[number for number, _ in known], *([] if event is None else [event]))
    said: dict[str, object] = {
        "codecs": known, "payloads": numbers, "telephone_event": event, "codec": names[0], "payload": known[0][0],
    }  # fmt: skip
    return said | more


async def pair(stage: Stage, one: dict[str, object], other: dict[str, object]) -> tuple[Phone, Phone]:
    first, second = await stage.phone(ssrc=1, **one), await stage.phone(ssrc=2, **other)
    await stage.bridge(first, second)
    return first, second


async def frame_time(stage: Stage) -> None:
    """20 ms."""
    if isinstance(stage, LocalStage):
        stage.now += 0.02
        stage.local.run(stage.now)
    else:
        await asyncio.sleep(0.02)


class Speaker:
    """A telephone that says a tone in its codec and keeps what it hears."""

    def __init__(self, phone: Phone, name: str, hertz: float) -> None:
        self.phone, self.codec = phone, codecs.make(name)
        self.number, self.heard = NUMBERS[name], list[bytes]()
        self._hertz, self._at = hertz, 0

    def say(self) -> None:
        size, rate = self.codec.rate // 50, self.codec.rate
        angle = 2 * np.pi * self._hertz * (self._at + np.arange(size)) / rate
        self._at += size
        self.phone.timestamp += self.codec.clock // 50 - 160  # the phone itself adds 160
        self.phone.say(self.codec.encode(np.rint(8000 * np.sin(angle)).astype(np.int16)), self.number)

    def listen(self) -> None:
        self.heard += self.phone.heard()

    def tone(self) -> tuple[float, float]:
        """(frequency, level in dB of what is said)."""
        sound: Frame = np.concatenate([self.codec.decode(packet[12:]) for packet in self.heard])
        middle = sound[len(sound) // 3 : -self.codec.rate // 50].astype(float)
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        level = 20 * math.log10(math.sqrt(float((middle**2).mean())) * math.sqrt(2) / 8000)
        return float(spectrum.argmax()) * self.codec.rate / len(middle), level


async def converse(stage: Stage, speakers: list[Speaker], frames: int = 30) -> None:
    for _ in range(frames):
        for speaker in speakers:
            speaker.say()
        await frame_time(stage)
        for speaker in speakers:
            speaker.listen()
    await frame_time(stage)
    for speaker in speakers:
        speaker.listen()


def header(packet: bytes) -> tuple[int, bool, int, int, int]:
    """(number, marker, sequence, timestamp, SSRC)."""
    _, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
    return second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc


def one_stream(packets: list[bytes], clock: int) -> None:
    """All packets are of one source, each 20 ms after the one before; or later, with a marker, where the machine had no
    time for the worker."""
    heads = [header(packet) for packet in packets]
    assert len({head[4] for head in heads}) == 1
    sequence = heads[0][2]
    assert [head[2] for head in heads] == [(sequence + n) & 0xFFFF for n in range(len(heads))]
    steps = [(two[3] - one[3]) & 0xFFFFFFFF for one, two in pairwise(heads)]
    assert all(step % (clock // 50) == 0 and 0 < step < clock * 5 for step in steps)
    assert [head[1] for head in heads] == [True, *[step > clock // 50 for step in steps]]


@pytest.mark.parametrize(
    ("one", "other"),
    [(codecs.PCMU, codecs.PCMA), (codecs.PCMA, codecs.G722), (codecs.G722, codecs.OPUS), (codecs.OPUS, codecs.PCMU)],
)
async def test_without_a_common_codec_each_hears_the_others_tone(stage: Stage, one: str, other: str) -> None:
    first, second = await pair(stage, speaks(one), speaks(other))
    speakers = [Speaker(first, one, 1000), Speaker(second, other, 400)]
    await converse(stage, speakers)
    exact = isinstance(stage, LocalStage)  # a worker may have to wait for the machine
    for speaker, hertz in zip(speakers, (400, 1000), strict=True):
        assert len(speaker.heard) >= (25 if exact else 15)
        assert {header(packet)[0] for packet in speaker.heard} == {speaker.number}
        one_stream(speaker.heard, speaker.codec.clock)
        frequency, level = speaker.tone()
        assert frequency == pytest.approx(hertz, abs=15)
        assert level == pytest.approx(0, abs=0.7 if exact else 3)


async def test_what_both_have_is_relayed_whatever_each_likes_best(stage: Stage) -> None:
    first, second = await pair(stage, speaks(codecs.G722, codecs.PCMA), speaks(codecs.PCMU, codecs.PCMA))
    sent = first.say(SPEECH, 8)
    assert await stage.hears(second) == [sent]
    sent = second.say(SPEECH, 8)
    assert await stage.hears(first) == [sent]


async def test_another_number_of_the_same_codec_is_written_anew(stage: Stage) -> None:
    """Packet by packet, all else untouched, whether we can decode it or not."""
    ilbc = {"codec": "ILBC/8000", "telephone_event": None}
    first, second = await pair(
        stage,
        {"codecs": ((97, "ILBC/8000"),), "payloads": (97,), "payload": 97} | ilbc,
        {"codecs": ((98, "iLBC/8000"),), "payloads": (98,), "payload": 98} | ilbc,
    )
    for marker in (True, False, False):
        data = first.packet(SPEECH[:50], 97, marker)
        first.raw(data)
        (heard,) = await stage.hears(second)
        assert heard == data[:1] + bytes((98 | (0x80 if marker else 0),)) + data[2:]
    data = second.say(SPEECH[:50], 98)
    assert await stage.hears(first) == [data[:1] + bytes((97,)) + data[2:]]


async def test_a_number_that_we_gave_means_what_we_said(stage: Stage) -> None:
    """RFC 3264 section 5.1: a far end sends by the numbers of our description, and receives by those of its own."""
    theirs = speaks(codecs.PCMU) | {"payloads": (0, 96, 101), "sends": ((96, codecs.OPUS),)}
    first, second = await pair(stage, theirs, speaks(codecs.OPUS))
    sent = first.say(b"\xf8" * 40, 96)
    (heard,) = await stage.hears(second)
    assert heard == sent[:1] + bytes((107,)) + sent[2:]


async def test_what_the_other_side_has_not_and_we_cannot_make_is_dropped(stage: Stage) -> None:
    theirs = {"codecs": ((18, "G729/8000"), (8, codecs.PCMA)), "payloads": (18, 8), "telephone_event": None}
    first, second = await pair(stage, theirs, speaks(codecs.PCMA))
    first.say(b"x" * 20, 18)
    sent = first.say(SPEECH, 8)
    assert await stage.hears(second) == [sent]


async def test_a_codec_that_changes_in_the_midst(stage: Stage) -> None:
    """From one that is transcoded to one that is relayed, and back."""
    first, second = await pair(stage, speaks(codecs.G722, codecs.PCMU), speaks(codecs.PCMU))
    wide = Speaker(first, codecs.G722, 1000)
    await converse(stage, [wide], 10)
    heard = second.heard()
    assert len(heard) >= 5
    sent = first.say(SPEECH, 0)
    await stage.until(lambda: sent in (heard.extend(second.heard()) or heard))  # type: ignore[func-returns-value]
    await converse(stage, [wide], 10)
    later = second.heard()
    assert {header(packet)[4] for packet in later} == {header(heard[0])[4]}
    assert header(later[0])[2] > header(heard[0])[2] + 4 or header(later[0])[2] < 100  # our own stream goes on


def event_packet(phone: Phone, number: int, digit: int, duration: int, end: bool, timestamp: int) -> bytes:
    phone.sequence = (phone.sequence + 1) & 0xFFFF
    payload = struct.pack("!BBH", digit, 0x8A if end else 0x0A, duration)
    return struct.pack("!BBHII", 0x80, number, phone.sequence, timestamp, phone.ssrc) + payload


@pytest.mark.parametrize("transcoded", [False, True])
async def test_digits_go_under_the_other_sides_number_and_in_the_stream_that_it_knows(
    stage: Stage, transcoded: bool
) -> None:
    first, second = await pair(
        stage,
        speaks(codecs.G722 if transcoded else codecs.PCMA, event=96),
        speaks(codecs.PCMA, event=101),
    )
    speaker = Speaker(first, codecs.G722 if transcoded else codecs.PCMA, 1000)
    await converse(stage, [speaker], 8)
    before = second.heard()
    for duration, end in ((160, False), (320, False), (480, True), (480, True)):
        first.raw(event_packet(first, 96, 5, duration, end, 77000))
        await frame_time(stage)
    got: list[bytes] = []
    await stage.until(lambda: len(events(got, second)) == 4)
    told = events(got, second)
    assert [struct.unpack("!BBH", packet[12:]) for packet in told] == [
        (5, 0x0A, 160), (5, 0x0A, 320), (5, 0x8A, 480), (5, 0x8A, 480),
    ]  # fmt: skip
    assert len({header(packet)[3] for packet in told}) == 1
    assert {header(packet)[4] for packet in told} == {header(packet)[4] for packet in before}
    whole = [header(packet)[2] for packet in (*before, *got)]
    assert whole == [(whole[0] + n) & 0xFFFF for n in range(len(whole))]
    digits = [event for event in stage.events if isinstance(event, Digit)]
    assert [(each.leg, each.digit) for each in digits] == [(leg(first), "5")]


def events(got: list[bytes], phone: Phone) -> list[bytes]:
    got += phone.heard()
    return [packet for packet in got if header(packet)[0] == 101]


async def test_from_one_bridge_to_the_next_the_stream_goes_on(stage: Stage) -> None:
    """The listener of a transcoded call is transferred: his stream has no break and no new source."""
    first, second = await pair(stage, speaks(codecs.PCMA), speaks(codecs.G722))
    third = await stage.phone(ssrc=3, **speaks(codecs.G722))
    listener = Speaker(first, codecs.PCMA, 300)
    await converse(stage, [listener, Speaker(second, codecs.G722, 1000)], 20)
    await stage.bridge(first, third)
    second.heard()
    await converse(stage, [listener, Speaker(third, codecs.G722, 2000)], 30)
    heads = [header(packet) for packet in listener.heard]
    if len({head[4] for head in heads}) == 1:  # in one worker; a cable to another one brings another source
        assert [head[2] for head in heads] == [(heads[0][2] + n) & 0xFFFF for n in range(len(heads))]
        gone = [(two[3] - one[3]) & 0xFFFFFFFF for one, two in pairwise(heads)]
        assert all(step % 160 == 0 and step <= 160 * 12 for step in gone)
    codec = codecs.make(codecs.PCMA)
    late = np.concatenate([codec.decode(packet[12:]) for packet in listener.heard[-15:]]).astype(float)
    assert abs(float(np.abs(np.fft.rfft(late)).argmax()) * 8000 / len(late) - 2000) < 30
    assert not second.heard()


async def test_on_hold_nothing_is_sent_and_then_it_goes_on(stage: Stage) -> None:
    first, second = await pair(stage, speaks(codecs.PCMA), speaks(codecs.G722))
    speakers = [Speaker(first, codecs.PCMA, 300), Speaker(second, codecs.G722, 1000)]
    await converse(stage, speakers, 10)
    stage.engine.update(leg(first), first.remote(**speaks(codecs.PCMA, receive=False)))
    await stage.quiet()
    speakers[0].listen()
    speakers[0].heard.clear()
    await converse(stage, speakers, 10)
    assert not speakers[0].heard
    stage.engine.update(leg(first), first.remote(**speaks(codecs.PCMA)))
    await stage.quiet()
    await converse(stage, speakers, 20)
    assert header(speakers[0].heard[0])[1]  # a marker after the pause
    assert len(speakers[0].heard) >= 12


async def test_reports_of_streams_that_the_other_side_does_not_know_stay_here(stage: Stage) -> None:
    first, second = await pair(stage, speaks(codecs.PCMA), speaks(codecs.G722))
    await converse(stage, [Speaker(first, codecs.PCMA, 300), Speaker(second, codecs.G722, 1000)], 5)
    first.report()
    await converse(stage, [Speaker(first, codecs.PCMA, 300)], 3)
    assert not second.heard(rtcp=True)


async def test_nobody_has_said_what_the_numbers_mean(stage: Stage) -> None:
    """All is relayed as it comes."""
    first, second = await stage.call()
    sent = first.say(sine(1000, 1)[0])
    assert await stage.hears(second) == [sent]
