"""Tunes: every source in every codec, where each part begins and ends, loops without a seam, what plays over something
else, and digits that are sent (issue 5: players, DTMF both ways, files in any rate)."""

from __future__ import annotations

import itertools
import math
import struct
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media import codecs, dialling, sources
from media.engine import Digit, DigitsSent, MediaEvent, PlayEnded, Tune
from media.files import Library, Recording
from media.local import LocalEngine
from media.sources import File, Tone
from tests.unit.media.media_phone import Phone, free_ports, sine

CODECS = {"PCMU/8000": 0, "PCMA/8000": 8, "G722/8000": 9, "opus/48000/2": 111}
EVENT = 101


class Stage:
    """A local engine on a clock of the test's own, with telephones."""

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        first = free_ports(40)
        self.engine = LocalEngine(first_port=first, last_port=first + 15, on_event=self.events.append)
        self.ticks = 0
        self.engine.run(0.0)
        self.phones: list[Phone] = []

    def phone(self, codec: str = "PCMU/8000", **remote: object) -> Phone:
        remote = {"telephone_event": None, **remote}
        phone = Phone(ssrc=len(self.phones) + 1)
        self.phones.append(phone)
        phone.lease = self.engine.lease()
        assert phone.lease is not None
        self.engine.open(phone.lease, 0.0)
        self.engine.update(phone.lease.leg, phone.remote(codec=codec, payload=CODECS[codec], **remote))
        return phone

    def turn(self, ticks: int = 1) -> None:
        for _ in range(ticks):
            self.ticks += 1
            self.engine.run(self.ticks * 0.02 - 0.015)

    def play_out(self, phone: Phone, tune: Tune) -> list[bytes]:
        """All packets until the tune has ended. A thread reads files in its own time, which is waited for."""
        self.engine.play(leg(phone), tune)
        playing = self.engine._relay.legs[leg(phone)].playing
        while playing.player is not None and not all(part.ready for part in playing.player._parts):
            time.sleep(0.001)
        found: list[bytes] = []
        for _ in range(10_000):
            self.turn()
            found += phone.heard()
            if any(isinstance(each, PlayEnded) for each in self.events):
                return found
        raise AssertionError("it does not end")

    def shut(self) -> None:
        self.engine.shut()
        for phone in self.phones:
            phone.hang_up()


@pytest.fixture
def stage():
    made = Stage()
    yield made
    made.shut()


def leg(phone: Phone) -> int:
    assert phone.lease is not None
    return phone.lease.leg


def sound(packets: list[bytes], codec: str) -> np.ndarray:
    ear = codecs.make(codec)
    return np.concatenate([ear.decode(packet[12:]) for packet in packets]).astype(float)


def pitch(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """The strongest frequency in Hz, and the level in dB of a full-scale sine."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    level = 10 * math.log10(2 * float(np.mean(samples**2)) / 32768**2 + 1e-12)
    return float(np.argmax(spectrum)) * rate / (8 * len(samples)), level


def jump(samples: np.ndarray) -> float:
    """The greatest step of the slope: a click is one."""
    return float(np.max(np.abs(np.diff(samples, 2))))


def wav(path: Path, rate: int, hertz: float, seconds: float, channels: int = 1, peak: float = 8000) -> str:
    samples = np.round(peak * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.writeframes(np.repeat(samples, channels).tobytes())
    return f"file:{path}"


def recorded(source: str, codec: str) -> Recording:
    library = Library()
    made = library.recording(source, codec)
    while not made.ready:
        time.sleep(0.001)
    library.close()
    return made


# -- sources ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "meaning"),
    [
        ("tone:440", Tone((440,), 0)),
        ("tone:350+440", Tone((350, 440), 0)),
        ("tone:480+620:500", Tone((480, 620), 500)),
        ("tone:425:20", Tone((425,), 20)),
        ("silence:4000", Tone((), 4000)),
        ("file:/a/b c.wav", File("/a/b c.wav")),
    ],
)
def test_sources_that_mean_something(source, meaning):
    assert sources.parse(source) == meaning


@pytest.mark.parametrize(
    "source",
    [
        *("tone:0", "tone:4000", "tone:x", "tone:-5", "tone:", "tone:440:0", "tone:440:00", "tone:4+5+6", "tone:440+"),
        *("silence:0", "silence:", "silence:99999999", "music", "", "file:", "file:\0", "tone:٤٤٠"),
    ],
)
def test_sources_that_make_no_sense(source):
    assert sources.parse(source) is None


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("hertz", [350, 1001])
def test_a_tone_without_end_has_no_seam(codec, hertz):
    made = recorded(f"tone:{hertz}", codec.upper())
    ear = codecs.make(codec)
    heard = np.concatenate([ear.decode(made.frame(at, True, False) or b"") for at in range(220)]).astype(float)
    heard = heard[ear.rate // 2 :]
    frequency, level = pitch(heard, ear.rate)
    assert abs(frequency - hertz) < 1
    assert abs(level - -12) < 0.5
    plain = 32768 * 10 ** (-12 / 20) * (2 * math.pi * hertz / ear.rate) ** 2
    assert jump(heard) < plain * 1.4 + 700, "a click is a step of the slope that the tone itself has not"


def test_two_frequencies_are_as_loud_as_one():
    made = recorded("tone:440+480:1000", "PCMU/8000")
    heard = codecs.make("PCMU/8000").decode(b"".join(made.frames)[:1600]).astype(float)
    assert len(made.frames) == 50
    whole = sound([bytes(12) + each for each in made.frames], "PCMU/8000")
    spectrum = np.abs(np.fft.rfft(whole * np.hanning(len(whole))))
    assert set(np.argsort(spectrum)[-2:]) == {440, 480}
    assert abs(pitch(whole, 8000)[1] - -12) < 0.3
    assert abs(heard[0]) < 100, "it begins out of silence"


@pytest.mark.parametrize(("ms", "frames"), [(20, 1), (100, 5), (330, 17), (2000, 100), (2010, 101), (60_000, 3000)])
@pytest.mark.parametrize("codec", ["PCMA/8000", "G722/8000"])
def test_a_tone_is_as_long_as_was_said(codec, ms, frames):
    made = recorded(f"tone:1000:{ms}", codec)
    assert len(made.frames) == frames
    ear = codecs.make(codec)
    heard = np.concatenate([ear.decode(each) for each in made.frames]).astype(float)
    loud = np.flatnonzero(np.abs(heard) > 400)
    assert abs(loud[-1] - loud[0] - ms * ear.rate / 1000) < 0.006 * ear.rate
    assert codec == codecs.G722 or abs(heard[-1]) < 300, "and ends in silence (what G.722 says comes 1 ms later)"


# -- files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 1), (44100, 2)])
def test_a_file_of_any_rate_in_any_codec(stage, tmp_path, codec, rate, channels):
    phone = stage.phone(codec)
    packets = stage.play_out(phone, Tune((wav(tmp_path / "a.wav", rate, 600, 0.51, channels),), id=7))
    assert stage.events == [PlayEnded(leg(phone), 7)]
    assert len(packets) in (26, 27)
    numbers = [struct.unpack("!BBHII", packet[:12]) for packet in packets]
    assert {each[1] & 0x7F for each in numbers} == {CODECS[codec]}
    clock = codecs.clock_of(codec) // 50
    assert {(b[2] - a[2]) & 0xFFFF for a, b in itertools.pairwise(numbers)} == {1}
    assert {(b[3] - a[3]) & 0xFFFFFFFF for a, b in itertools.pairwise(numbers)} == {clock}
    heard = sound(packets, codec)
    frequency, level = pitch(heard[len(heard) // 8 : -len(heard) // 8], codecs.rate_of(codec))
    assert abs(frequency - 600) < 5
    assert abs(level - -12.2) < 1


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac"])
def test_files_of_other_formats(stage, tmp_path, suffix):
    import av

    path = tmp_path / f"a.{suffix}"
    codec = {"mp3": "libmp3lame", "ogg": "libopus", "flac": "flac"}[suffix]
    rate = 48000 if suffix == "ogg" else 32000
    samples = np.round(8000 * np.sin(2 * np.pi * 700 * np.arange(rate) / rate)).astype(np.int16)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    heard = sound(stage.play_out(stage.phone(), Tune((f"file:{path}",))), "PCMU/8000")
    assert abs(len(heard) - 8000) < 800
    assert abs(pitch(heard[1600:-1600], 8000)[0] - 700) < 4


def test_a_part_that_fails_is_told_and_the_rest_goes_on(stage, tmp_path):
    rubbish = tmp_path / "rubbish.wav"
    rubbish.write_bytes(b"RIFF and nothing more")
    empty = wav(tmp_path / "empty.wav", 8000, 1, 0.0)
    bad = (f"file:{rubbish}", "file:/no/such/file", "music", empty)
    phone = stage.phone()
    parts = (bad[0], "tone:1000:200", *bad[1:3], wav(tmp_path / "a.wav", 8000, 500, 0.2), bad[3])
    heard = sound(stage.play_out(phone, Tune(parts, id=3)), "PCMU/8000")
    assert stage.events == [PlayEnded(leg(phone), 3, bad)]
    assert abs(pitch(heard[:1600], 8000)[0] - 1000) < 6
    assert abs(pitch(heard[1600:3200], 8000)[0] - 500) < 6
    assert len(heard) == 3200


@pytest.mark.parametrize("bad", [("music", ""), ("file:/no/such/file", "file:/nor/this")])
def test_a_loop_of_nothing_but_failures_ends(stage, bad):
    phone = stage.phone()
    assert stage.play_out(phone, Tune(bad, loop=True)) == []
    assert stage.events == [PlayEnded(leg(phone), 0, bad)]


@pytest.mark.parametrize("codec", ["PCMU/8000", "G722/8000", "opus/48000/2"])
@pytest.mark.parametrize("seconds", [1.0, 1.2345, 2.5033])
def test_a_file_that_is_looped_goes_round_without_a_click(tmp_path, codec, seconds):
    """MOH: the end runs into the beginning, whatever the length of the file is."""
    made = recorded(wav(tmp_path / "a.wav", codecs.rate_of(codec), 300, seconds), codec.upper())
    ear = codecs.make(codec)
    frames: list[bytes] = []
    for turn in range(3):
        at = 0
        while (frame := made.frame(at, looped=True, again=turn > 0)) is not None:
            frames.append(frame)
            at += 1
    heard = np.concatenate([ear.decode(each) for each in frames]).astype(float)
    assert abs(len(heard) / ear.rate - 3 * seconds) < 3 * 0.026, "nothing is added, and 25 ms at most left out"
    middle = heard[ear.rate // 4 :]
    windows = middle[: len(middle) // 80 * 80].reshape(-1, 80)
    plain = 8000 * (2 * math.pi * 300 / ear.rate) ** 2
    assert jump(middle) < plain * 1.5 + 900
    assert float(np.abs(windows).max(axis=1).min()) > 0, "no gap"


def test_a_loop_goes_on_for_ever_by_the_clock(stage, tmp_path):
    """MOH: an hour of a loop of 1.1 s is 180,000 packets without a hole in sequence or timestamp."""
    phone = stage.phone()
    stage.engine.play(leg(phone), Tune((wav(tmp_path / "a.wav", 8000, 300, 1.1),), loop=True))
    while not phone.heard():
        stage.turn()
    last: tuple[int, int] | None = None
    for _ in range(2000):
        stage.turn()
        for packet in phone.heard():
            sequence, timestamp = struct.unpack("!HI", packet[2:8])
            if last is not None:
                assert ((sequence - last[0]) & 0xFFFF, (timestamp - last[1]) & 0xFFFFFFFF) == (1, 160)
            last = sequence, timestamp
    assert stage.events == []


def test_a_cadence_is_looped_whole(stage):
    phone = stage.phone()
    stage.engine.play(leg(phone), Tune(("tone:440+480:200", "silence:400"), loop=True))
    stage.turn(90)
    heard = sound(phone.heard(), "PCMU/8000")
    loud = np.abs(heard).reshape(-1, 160).max(axis=1) > 1000
    assert [len(list(group)) for _, group in itertools.groupby(loud)] == [10, 20, 10, 20, 10, 20]


def test_what_is_kept_of_files_is_bounded(tmp_path):
    library = Library(most=40_000)
    for number in range(6):
        made = library.recording(wav(tmp_path / f"{number}.wav", 8000, 300, 2.0), "PCMU/8000")
        while not made.ready:
            time.sleep(0.001)
    assert sum(each.octets for each in library._known.values()) <= 40_000 + 16_000
    library.close()


def test_a_file_that_cannot_be_played_is_logged_once(tmp_path, caplog):
    (tmp_path / "rubbish.wav").write_bytes(b"no sound")
    library = Library()
    for _ in range(3):
        for name in ("rubbish.wav", "gone.wav"):
            made = library.recording(f"file:{tmp_path}/{name}", "PCMU/8000")
            while not made.ready:
                time.sleep(0.001)
    library.close()
    told = [each.getMessage() for each in caplog.records]
    assert len(told) == 2
    assert all("cannot be played" in each for each in told)


def test_a_changed_file_is_read_again(tmp_path):
    library = Library()
    source = wav(tmp_path / "a.wav", 8000, 300, 0.5)
    first = library.recording(source, "PCMU/8000")
    assert library.recording(source, "PCMU/8000") is first
    wav(tmp_path / "a.wav", 8000, 300, 0.8)
    assert library.recording(source, "PCMU/8000") is not first
    library.close()


def test_another_codec_in_the_middle_goes_on_where_it_was(stage, tmp_path):
    phone = stage.phone()
    source = "tone:500:400"
    stage.engine.play(leg(phone), Tune((source, "tone:900:400")))
    stage.turn(30)
    before = phone.heard()
    stage.engine.update(leg(phone), phone.remote(codec="PCMA/8000", payload=8))
    stage.turn(15)
    after = phone.heard()
    assert [len(before), len(after)] == [30, 10]
    assert {packet[1] & 0x7F for packet in after} == {8}
    assert abs(pitch(sound(after, "PCMA/8000"), 8000)[0] - 900) < 8


def test_nothing_is_lost_of_a_tune_that_begins_before_the_far_end_is_known(stage):
    phone = Phone()
    stage.phones.append(phone)
    phone.lease = stage.engine.lease()
    assert phone.lease is not None
    stage.engine.open(phone.lease, 0.0)
    stage.engine.play(leg(phone), Tune(("tone:500:200",)))
    stage.turn(50)
    assert stage.events == []
    stage.engine.update(leg(phone), phone.remote())
    stage.turn(15)
    assert len(phone.heard()) == 10
    assert stage.events == [PlayEnded(leg(phone))]


def test_a_tune_ends_on_time_while_nobody_wants_to_hear_it(stage):
    phone = stage.phone(receive=False)
    stage.engine.play(leg(phone), Tune(("tone:500:200",)))
    stage.turn(12)
    assert phone.heard() == []
    assert stage.events == [PlayEnded(leg(phone))]


# -- over something else ----------------------------------------------------------------------------------------


def joined(stage: Stage) -> tuple[Phone, Phone]:
    first, second = stage.phone(), stage.phone()
    stage.engine.bridge(leg(first), leg(second))
    for phone in (first, second):
        phone.say(b"\xff" * 160)
    stage.turn()
    for phone in (first, second):
        phone.say(b"\xff" * 160)
    stage.turn()
    for phone in (first, second):
        phone.heard()
    return first, second


def speak(stage: Stage, phone: Phone, frames: list[bytes], then: Callable[[], object]) -> None:
    for frame in frames:
        phone.say(frame)
        stage.turn()
        then()


def test_what_plays_over_a_bridge_is_heard_by_one_side_alone_which_then_hears_the_other_again(stage):
    first, second = joined(stage)
    heard: list[bytes] = []
    stage.engine.play(leg(first), Tune(("tone:1500:200",), over=True, id=9))
    speak(stage, second, sine(700, 20), lambda: heard.extend(first.heard()))
    assert stage.events == [PlayEnded(leg(first), 9)]
    assert abs(pitch(sound(heard[:10], "PCMU/8000"), 8000)[0] - 1500) < 8
    assert abs(pitch(sound(heard[11:], "PCMU/8000"), 8000)[0] - 700) < 8
    assert len(heard) in (19, 20)
    speak(stage, first, sine(900, 3), lambda: None)
    assert len(second.heard()) == 3


def test_a_new_tune_over_the_first_takes_its_place_and_stop_ends_it(stage):
    first, second = joined(stage)
    stage.engine.play(leg(first), Tune(("tone:1500",), over=True, id=1))
    stage.engine.play(leg(first), Tune(("tone:800",), over=True, id=2))
    stage.turn(10)
    assert abs(pitch(sound(first.heard(), "PCMU/8000"), 8000)[0] - 800) < 8
    stage.engine.stop(leg(first), over=True)
    speak(stage, second, sine(700, 2), lambda: None)
    assert len(first.heard()) == 2
    assert stage.events == []


def test_a_tune_under_another_goes_on_in_silence(stage):
    phone = stage.phone()
    stage.engine.play(leg(phone), Tune(("tone:500:400", "tone:900:400"), id=1))
    stage.turn(5)
    stage.engine.play(leg(phone), Tune(("tone:1500:400",), over=True, id=2))
    stage.turn(40)
    packets = phone.heard()
    assert len(packets) == 40
    for part, hertz in ((packets[:5], 500), (packets[5:25], 1500), (packets[25:], 900)):
        assert abs(pitch(sound(part, "PCMU/8000"), 8000)[0] - hertz) < 15
    assert stage.events == [PlayEnded(leg(phone), 2), PlayEnded(leg(phone), 1)]


def test_over_a_bridge_that_ends_a_tune_plays_on(stage):
    first, second = joined(stage)
    stage.engine.play(leg(first), Tune(("tone:1500:200",), over=True))
    third = stage.phone()
    stage.engine.bridge(leg(second), leg(third))
    stage.turn(12)
    assert len(first.heard()) == 10
    assert stage.events == [PlayEnded(leg(first))]


# -- digits -----------------------------------------------------------------------------------------------------


def test_digits_go_out_as_events_as_the_rfc_paces_them(stage):
    """RFC 4733 section 2.5.1: one timestamp, marker on the first, growing duration, the end three times."""
    phone = stage.phone(telephone_event=EVENT)
    stage.engine.send_digits(leg(phone), "5#")
    ticks: list[tuple[int, bytes]] = []
    for tick in range(25):
        stage.turn()
        ticks += [(tick, packet) for packet in phone.heard()]
    assert stage.events == [DigitsSent(leg(phone))]
    assert [tick for tick, _ in ticks] == [*range(7), *range(10, 17)]
    for digit, row in ((5, ticks[:7]), (11, ticks[7:])):
        heads = [struct.unpack("!BBHII", packet[:12]) for _, packet in row]
        bodies = [struct.unpack("!BBH", packet[12:]) for _, packet in row]
        assert [head[1] for head in heads] == [EVENT | 0x80, *([EVENT] * 6)]
        assert len({head[3] for head in heads}) == 1
        assert {body[0] for body in bodies} == {digit}
        assert [body[1] >> 7 for body in bodies] == [0, 0, 0, 0, 1, 1, 1]
        assert [body[2] for body in bodies] == [160, 320, 480, 640, 800, 800, 800]
    sequences = [struct.unpack("!H", packet[2:4])[0] for _, packet in ticks]
    assert [(b - a) & 0xFFFF for a, b in itertools.pairwise(sequences)] == [1] * 13
    apart = struct.unpack("!I", ticks[7][1][4:8])[0] - struct.unpack("!I", ticks[0][1][4:8])[0]
    assert apart & 0xFFFFFFFF == 1600


def test_our_own_reader_reads_them(stage):
    caller, callee = stage.phone(telephone_event=EVENT), stage.phone(telephone_event=EVENT)
    stage.engine.play(leg(callee), Tune(("echo",)))
    stage.engine.send_digits(leg(caller), "0*D")
    for _ in range(40):
        stage.turn()
        for packet in caller.heard():
            callee.raw(packet)
    digits = [(each.digit, each.duration_ms) for each in stage.events if isinstance(each, Digit)]
    assert digits == [("0", 100), ("*", 100), ("D", 100)]


@pytest.mark.parametrize("codec", ["PCMU/8000", "G722/8000", "opus/48000/2"])
def test_digits_are_tones_where_the_far_end_takes_no_events(stage, codec):
    phone = stage.phone(codec)
    stage.engine.send_digits(leg(phone), "1d")
    packets: list[bytes] = []
    for _ in range(100_000):
        stage.turn()
        packets += phone.heard()
        if stage.events:
            break
    assert stage.events == [DigitsSent(leg(phone))]
    assert len(packets) == 20
    heard, rate = sound(packets, codec), codecs.rate_of(codec)
    for start, pair in ((0, {697, 1209}), (0.2, {941, 1633})):
        part = heard[int((start + 0.02) * rate) : int((start + 0.09) * rate)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), rate))
        found = {int(np.argmax(spectrum[:1100])), 1100 + int(np.argmax(spectrum[1100:]))}
        assert all(min(abs(each - want) for each in found) < 12 for want in pair)


def test_nobody_hears_the_other_side_while_digits_are_sent(stage):
    first, second = joined(stage)
    stage.engine.update(leg(first), first.remote(telephone_event=EVENT))
    stage.turn()
    stage.engine.send_digits(leg(first), "1")
    payloads: list[int] = []
    speak(stage, second, sine(700, 14), lambda: payloads.extend(packet[1] & 0x7F for packet in first.heard()))
    assert payloads[:7] == [EVENT] * 7
    assert payloads[7:] == [0] * len(payloads[7:])
    assert len(payloads) >= 10


@pytest.mark.parametrize(
    ("given", "sent"), [("12#", "12#"), ("1 2x", "12"), ("abcd", "ABCD"), ("", ""), ("9" * 999, "9" * 256)]
)
def test_only_digits_are_sent_and_not_without_end(given, sent):
    assert dialling.clean(given) == sent


def test_no_digits_are_sent_at_once(stage):
    phone = stage.phone(telephone_event=EVENT)
    stage.engine.send_digits(leg(phone), "x")
    stage.turn()
    assert stage.events == [DigitsSent(leg(phone))]


def test_more_digits_go_after_those_on_their_way_and_a_tune_over_waits_its_turn(stage):
    phone = stage.phone(telephone_event=EVENT)
    stage.engine.send_digits(leg(phone), "1")
    stage.engine.send_digits(leg(phone), "2")
    stage.engine.play(leg(phone), Tune(("tone:500:600",), over=True))
    stage.turn(35)
    packets = phone.heard()
    digits = [packet[12] for packet in packets if packet[1] & 0x7F == EVENT and packet[1] & 0x80]
    assert digits == [1, 2]
    assert sum(packet[1] & 0x7F == 0 for packet in packets) == 10
    assert stage.events == [DigitsSent(leg(phone)), PlayEnded(leg(phone))]


def test_a_leg_that_is_closed_plays_no_more(stage):
    phone = stage.phone()
    stage.engine.play(leg(phone), Tune(("tone:500",)))
    stage.engine.play(leg(phone), Tune(("tone:900",), over=True))
    stage.engine.send_digits(leg(phone), "1")
    stage.turn(3)
    stage.engine.close(leg(phone))
    phone.heard()
    stage.turn(5)
    assert phone.heard() == []
    assert not stage.engine._relay._players


def press(stage: Stage, phone: Phone, digit: int) -> None:
    """A key of a telephone, as events of 100 ms."""
    for at in range(7):
        ends = 0x80 if at > 3 else 0
        packet = bytearray(phone.packet(bytes((digit, ends | 10)) + (min(at + 1, 5) * 160).to_bytes(2, "big"), EVENT))
        packet[4:8] = b"\x00\x01\x00\x00"
        phone.raw(bytes(packet))
        stage.turn()


@pytest.mark.parametrize(
    ("caller", "callee"), [("PCMU/8000", "PCMU/8000"), ("PCMU/8000", "PCMA/8000"), ("opus/48000/2", "G722/8000")]
)
def test_keys_reach_the_other_side_as_tones_where_it_takes_no_events(stage, caller, callee):
    def known(codec: str, events: bool) -> dict[str, object]:
        numbers = (CODECS[codec], *([EVENT] if events else []))
        return {
            "codecs": ((CODECS[codec], codec),),
            "payloads": numbers,
            "telephone_event": EVENT if events else None,
        }

    first, second = stage.phone(caller, **known(caller, True)), stage.phone(callee, **known(callee, False))
    stage.engine.bridge(leg(first), leg(second))
    press(stage, first, 5)
    packets: list[bytes] = []
    deadline = time.monotonic() + 30  # a thread makes the tones in its own time
    while DigitsSent(leg(second)) not in stage.events:
        assert time.monotonic() < deadline
        stage.turn()
        packets += second.heard()
        time.sleep(0.001)
    assert [each.digit for each in stage.events if isinstance(each, Digit)] == ["5"]
    rate = codecs.rate_of(callee)
    heard = sound(packets, callee)[: rate // 10]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)), rate))
    assert abs(int(np.argmax(spectrum[:1100])) - 770) < 12
    assert abs(1100 + int(np.argmax(spectrum[1100:])) - 1336) < 12
