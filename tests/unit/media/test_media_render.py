"""WAV files of spools: the right tone on the right side, in step to the sample, through all that happens to a call."""

from __future__ import annotations

import hashlib
import itertools
import random
import stat
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from media import codecs, spool
from media.placing import survey
from media.render import RenderError, command, parse, render

RATE = 8000
START = 1000.0
HIGH, LOW = 1000, 400
FRAME = 160


def tone(hertz: float, samples: int, rate: int = RATE, peak: float = 8000.0) -> np.ndarray:
    return np.rint(peak * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)).astype(np.int16)


def all_of_them(n: int) -> bool:
    return True


class Tape:
    """A spool written by hand: packets at instants of the test's own, in seconds after `START`."""

    def __init__(
        self, path: Path, at: float = 0.0, codec: str = "PCMU/8000", boot: str = "b", wall: float = 5e8
    ) -> None:
        self.path = path
        self.codec = codecs.make(codec)
        self.number = {"PCMU/8000": 0, "PCMA/8000": 8, "G722/8000": 9}.get(codec, 96)
        self.ssrc = 7
        self.sequence = 65530
        self.timestamp = (1 << 32) - 800  # both wrap around on the way
        self._writing = spool.Writing(1, str(path), None)
        header = msgspec.msgpack.encode(spool.Header(1, 1, boot, wall + at))
        told = msgspec.msgpack.encode(((0, "PCMU/8000"), (8, "PCMA/8000"), (9, "G722/8000"), (96, "opus/48000/2")))
        self.put((START + at, header), kind=spool.HEADER)
        self.put((START + at, told), kind=spool.CODECS)

    def put(self, *records: tuple[float, bytes], kind: int = spool.PACKET) -> None:
        self._writing.append(b"".join(spool.pack(kind, at, content) for at, content in records))

    def packet(self, payload: bytes, number: int | None = None) -> bytes:
        number = self.number if number is None else number
        head = bytes((0x80, number)) + (self.sequence & 0xFFFF).to_bytes(2, "big")
        return head + (self.timestamp & 0xFFFFFFFF).to_bytes(4, "big") + self.ssrc.to_bytes(4, "big") + payload

    def step(self, frames: int = 1, frame_s: float = 0.02) -> None:
        self.sequence += frames
        self.timestamp += frames * round(frame_s * self.codec.clock)

    def say(
        self,
        sound: np.ndarray,
        at: float,
        late: Callable[[int], float] = lambda n: 0.0,
        keep: Callable[[int], bool] = all_of_them,
        speed: float = 1.0,
    ) -> None:
        """Say the sound from `at` on, by a clock that is `speed` times as fast as ours. `late`: by how many seconds
        packet n comes late; it is lost if not `keep`."""
        size = self.codec.rate // 50
        parts: list[tuple[float, bytes]] = []
        for n in range(len(sound) // size):
            if keep(n):
                data = self.packet(self.codec.encode(sound[n * size : (n + 1) * size]))
                parts.append((START + at + n * 0.02 / speed + late(n), data))
            self.step()
        self.put(*sorted(parts))

    def end(self, at: float, why: str = "stopped") -> Path:
        self.put((START + at, msgspec.msgpack.encode(spool.End(why))), kind=spool.END)
        self._writing.close()
        return self.path


def wav(path: Path) -> tuple[int, Any]:
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return file.getframerate(), data


def pitch(sound: np.ndarray, rate: int = RATE) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 17))
    return float(np.argmax(spectrum)) * rate / (1 << 17)


def bounds(sound: np.ndarray) -> tuple[int, int]:
    """The first and the last sample that are sound."""
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 300)
    return int(loud[0]), int(loud[-1])


def lag(sound: np.ndarray, at: int, wanted: np.ndarray, most: int = 120) -> float:
    """By how many samples the sound comes later than wanted, to a fraction."""
    piece = wanted.astype(float)
    scores = np.array([float(piece @ sound[at + n : at + n + len(piece)]) for n in range(-most, most + 1)])
    best = int(np.argmax(scores))
    if 0 < best < 2 * most:
        before, there, after = scores[best - 1 : best + 2]
        return best - most + (before - after) / (2 * (before - 2 * there + after))
    return best - most


def noise(seconds: float, seed: int, rate: int = RATE) -> np.ndarray:
    """Speech-like for a correlation: noise of a band that survives every codec."""
    draw = np.random.default_rng(seed).standard_normal(int(seconds * rate))
    spectrum = np.fft.rfft(draw)
    hertz = np.fft.rfftfreq(len(draw), 1 / rate)
    spectrum[(hertz < 300) | (hertz > 3000)] = 0
    sound = np.fft.irfft(spectrum, len(draw))
    return (sound / np.abs(sound).max() * 12000).astype(np.int16)


def two_sides(folder: Path) -> tuple[Path, Path]:
    left, right = Tape(folder / "l.spool"), Tape(folder / "r.spool", 0.5, "PCMA/8000")
    left.say(tone(HIGH, 2 * RATE), 0.25)
    right.say(tone(LOW, RATE), 0.75)
    return left.end(3.0), right.end(2.5)


def test_each_tone_is_on_its_own_side_to_the_sample(tmp_path: Path) -> None:
    """Issue 5: right side, right frequency, start and end; swapped sides would fail in each line."""
    left, right = two_sides(tmp_path)
    rendered = render(tmp_path / "a.wav", [[left], [right]])
    rate, sound = wav(tmp_path / "a.wav")
    assert (rate, rendered.rate, rendered.channels) == (RATE, RATE, 2) and len(sound) == 3 * RATE
    # A sine's first sample is 0, and the last of whole periods the mirror of the second: both are below the threshold.
    (left_from, left_to), (right_from, right_to) = bounds(sound[:, 0]), bounds(sound[:, 1])
    assert (left_from, left_to) == (2001, 2000 + 2 * RATE - 1)
    assert (right_from, right_to) == (6001, 6000 + RATE - 1)
    assert pitch(sound[left_from:left_to, 0]) == pytest.approx(HIGH, abs=1)
    assert pitch(sound[right_from:right_to, 1]) == pytest.approx(LOW, abs=1)
    assert lag(sound[:, 0], 2000, tone(HIGH, 800), 3) == pytest.approx(0, abs=0.01)
    assert rendered.duration_s == 3.0 and rendered.packets == 150 and rendered.lost == 0
    assert rendered.began_s == pytest.approx(5e8) and not rendered.left_out and not rendered.cut


def test_sides_that_are_swapped_are_found_out(tmp_path: Path) -> None:
    left, right = two_sides(tmp_path)
    render(tmp_path / "a.wav", [[right], [left]])
    _, sound = wav(tmp_path / "a.wav")
    assert pitch(sound[:, 0]) == pytest.approx(LOW, abs=2) and pitch(sound[:, 1]) == pytest.approx(HIGH, abs=2)


def test_one_side_is_mono(tmp_path: Path) -> None:
    left, _ = two_sides(tmp_path)
    assert render(tmp_path / "a.wav", [[left]]).channels == 1
    assert wav(tmp_path / "a.wav")[1].shape == (3 * RATE, 1)


def test_the_file_is_whole_private_and_told_with_its_hash(tmp_path: Path) -> None:
    left, right = two_sides(tmp_path)
    out = tmp_path / "a.wav"
    out.write_bytes(b"older")
    rendered = render(out, [[left], [right]])
    assert rendered.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert rendered.octets == out.stat().st_size and stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "l.spool", "r.spool"]


def test_it_is_a_process_of_its_own_with_the_lowest_priority(tmp_path: Path) -> None:
    left, right = two_sides(tmp_path)
    done = subprocess.run(command(tmp_path / "a.wav", [[left], [right]]), check=True, capture_output=True)
    assert parse(done.stdout).duration_s == 3.0
    watch = "from media import render; import os; render.be_modest(); print(os.getpriority(os.PRIO_PROCESS, 0))"
    assert subprocess.run([sys.executable, "-c", watch], check=True, capture_output=True).stdout == b"19\n"
    failed = subprocess.run(command(tmp_path / "b.wav", [[tmp_path / "no"]]), check=False, capture_output=True)
    assert failed.returncode == 1 and b"No such file" in failed.stderr and not failed.stdout


@pytest.mark.parametrize("codec", ["PCMU/8000", "PCMA/8000", "G722/8000", "OPUS/48000/2"])
def test_every_codec_is_decoded_in_its_place(tmp_path: Path, codec: str) -> None:
    """Wideband makes the file 16 kHz. G.722 and Opus look ahead: a few milliseconds, and never more."""
    tape = Tape(tmp_path / "a.spool", 0, codec)
    rate = tape.codec.rate
    said = noise(2, 1, rate)
    tape.say(said, 0.5)
    rendered = render(tmp_path / "a.wav", [[tape.end(3.0)]])
    assert rendered.rate == rate and rendered.unknown == 0
    _, sound = wav(tmp_path / "a.wav")
    late = lag(sound[:, 0], rate // 2 + rate, said[rate : rate + 4000], rate // 50)
    assert abs(late) <= (0.02 if rate == RATE else 0.012 * rate)


def test_narrow_and_wide_go_into_one_file(tmp_path: Path) -> None:
    left, right = Tape(tmp_path / "l.spool"), Tape(tmp_path / "r.spool", 0, "G722/8000")
    left.say(tone(HIGH, 2 * RATE), 0.0)
    right.say(tone(LOW, 2 * 16000, 16000), 0.0)
    render(tmp_path / "a.wav", [[left.end(2.0)], [right.end(2.0)]])
    rate, sound = wav(tmp_path / "a.wav")
    assert rate == 16000
    assert pitch(sound[4000:20000, 0], rate) == pytest.approx(HIGH, abs=1)
    assert pitch(sound[4000:20000, 1], rate) == pytest.approx(LOW, abs=1)


def test_jitter_and_reordering_move_nothing(tmp_path: Path) -> None:
    """Up to 75 ms late and out of order: the sound is where the promptest packets say."""
    draw = random.Random(5)
    tape = Tape(tmp_path / "a.spool")
    said = noise(10, 2)
    tape.say(said, 1.0, late=lambda n: draw.choice((0, 0.004, 0.03, 0.075)) if n else 0)
    rendered = render(tmp_path / "a.wav", [[tape.end(12.0)]])
    _, sound = wav(tmp_path / "a.wav")
    assert rendered.lost == 0
    for second in range(10):
        piece = slice(second * RATE, (second + 1) * RATE)
        assert lag(sound[:, 0], RATE + second * RATE, said[piece], 40) == pytest.approx(0, abs=0.02)


def test_a_network_that_stood_still_moves_nothing(tmp_path: Path) -> None:
    """Three seconds of nothing, and then all at once."""
    tape = Tape(tmp_path / "a.spool")
    said = noise(10, 3)
    tape.say(said, 0.0, late=lambda n: max(0.0, 6.0 - n * 0.02 + n * 1e-5) if 150 <= n < 300 else 0.0)
    render(tmp_path / "a.wav", [[tape.end(10.0)]])
    _, sound = wav(tmp_path / "a.wav")
    for second in range(1, 9):
        assert lag(sound[:, 0], second * RATE, said[second * RATE :][:RATE]) == pytest.approx(0, abs=0.02)


def rarely(n: int) -> bool:
    """One packet a second: an hour of a test is short."""
    return n % 50 == 0


def test_both_sides_stay_in_step_over_an_hour(tmp_path: Path) -> None:
    """A far end whose clock goes wrong by 150 ppm is half a second off after an hour, were it not brought back."""
    left_ppm, right_ppm = 150, -80
    draw = random.Random(6)
    said = {0: noise(1, 4), 1: noise(1, 5)}
    silent = np.zeros(RATE, np.int16)
    tapes = [Tape(tmp_path / f"{n}.spool") for n in said]
    marks = (0, 600, 1799, 3598)
    for side, ppm in enumerate((left_ppm, right_ppm)):
        speed = 1 + ppm / 1e6
        for second in range(3600):
            # `second` is one of the far end's own clock; what it says then is marked by that clock.
            piece = said[side] if second in marks else silent
            keep = rarely if piece is silent else all_of_them
            tapes[side].say(piece, second / speed, lambda n: draw.choice((0, 0, 0.002, 0.02)), keep, speed)
    rendered = render(tmp_path / "a.wav", [[tape.end(3601)] for tape in tapes])
    assert rendered.duration_s == 3601
    with wave.open(str(tmp_path / "a.wav")) as file:
        for side, ppm in enumerate((left_ppm, right_ppm)):
            for mark in marks:
                at = mark / (1 + ppm / 1e6)
                file.setpos(max(int(at * RATE) - 200, 0))
                sound = np.frombuffer(file.readframes(RATE + 400), "<i2").reshape(-1, 2)[:, side]
                begin = at * RATE - max(int(at * RATE) - 200, 0)
                late = lag(np.concatenate((np.zeros(100, np.int16), sound)), 100 + round(begin), said[side][:4000], 90)
                assert late == pytest.approx(begin - round(begin), abs=1.0), (side, mark)


def test_an_hour_needs_little_memory(tmp_path: Path) -> None:
    """No more than a minute, while the sound itself is 115 MB."""
    most = []
    watch = "import sys, resource; from media.render import main; main(sys.argv[1:]);"
    watch += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    for length in (60, 3600):
        tape = Tape(tmp_path / f"{length}.spool")
        for second in range(length):
            tape.say(tone(HIGH, RATE), second, keep=rarely)
        words = [sys.executable, "-c", watch, str(tmp_path / "a.wav"), "--side", str(tape.end(length))]
        told, kib = subprocess.run([*words, "--side", words[-1]], check=True, capture_output=True).stdout.splitlines()
        assert parse(told).octets == 44 + length * RATE * 4
        most.append(int(kib))
    assert most[1] - most[0] < 20_000


def test_a_hold_is_silence_and_what_follows_is_in_its_place(tmp_path: Path) -> None:
    """A phone that sends nothing for 30 s and then goes on counting where it was, or a few seconds further, or anew."""
    for number, jump in enumerate((0, 50, 1500, 1_000_000)):
        tape = Tape(tmp_path / f"{number}.spool")
        tape.say(tone(HIGH, 5 * RATE), 0.0)
        tape.timestamp += jump * FRAME
        tape.say(tone(LOW, 5 * RATE), 35.0)
        render(tmp_path / "a.wav", [[tape.end(41.0)]])
        _, sound = wav(tmp_path / "a.wav")
        assert len(sound) == 41 * RATE
        assert bounds(sound[: 20 * RATE, 0]) == (1, 5 * RATE - 1)
        assert bounds(sound[20 * RATE :, 0]) == (15 * RATE + 1, 20 * RATE - 1)
        assert pitch(sound[35 * RATE : 40 * RATE, 0]) == pytest.approx(LOW, abs=1)


def test_a_word_after_a_hold_is_in_its_place_too(tmp_path: Path) -> None:
    """Shorter than what it takes to be sure that the clock has jumped."""
    tape = Tape(tmp_path / "a.spool")
    tape.say(tone(HIGH, 5 * RATE), 0.0)
    tape.say(tone(LOW, RATE // 2), 35.0)
    render(tmp_path / "a.wav", [[tape.end(36.0)]])
    _, sound = wav(tmp_path / "a.wav")
    assert bounds(sound[6 * RATE :, 0]) == (29 * RATE + 1, 29 * RATE + RATE // 2 - 1)


def test_a_pause_is_silence_of_its_length(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "a.spool")
    tape.say(tone(HIGH, RATE), 0.0)
    tape.put((START + 1.0, b""), kind=spool.PAUSED)
    tape.step(100)
    tape.put((START + 3.0, b""), kind=spool.RESUMED)
    tape.say(tone(HIGH, RATE), 3.0)
    render(tmp_path / "a.wav", [[tape.end(4.0)]])
    _, sound = wav(tmp_path / "a.wav")
    # What was lost first is not made up for longer than 60 ms: a second goes on as silence.
    assert not sound[RATE + 480 : 3 * RATE].any()
    assert bounds(sound[2 * RATE :, 0]) == (RATE + 1, 2 * RATE - 1)


def test_a_new_source_and_a_new_codec_go_on_in_place(tmp_path: Path) -> None:
    """Behind a trunk the SSRC changes without a word, and with a transfer the codec."""
    tape = Tape(tmp_path / "a.spool")
    tape.say(tone(HIGH, RATE), 0.0)
    tape.ssrc, tape.timestamp = 99, 12345
    tape.say(tone(LOW, RATE), 1.0)
    tape.codec, tape.number = codecs.make("PCMA/8000"), 8
    tape.say(tone(700, RATE), 2.0)
    render(tmp_path / "a.wav", [[tape.end(3.0)]])
    _, sound = wav(tmp_path / "a.wav")
    found = [pitch(sound[n * RATE : (n + 1) * RATE, 0]) for n in range(3)]
    assert found == pytest.approx([HIGH, LOW, 700], abs=1)
    assert bounds(sound[:, 0]) == (1, 3 * RATE - 1) and abs(int(sound[RATE, 0])) < 20


def test_a_lost_packet_is_concealed_and_counted(tmp_path: Path) -> None:
    """At 5 % single loss no hole is heard; the rest stays in its place."""
    tape = Tape(tmp_path / "a.spool")
    tape.say(tone(HIGH, 10 * RATE), 0.0, keep=lambda n: n % 20 != 10)
    rendered = render(tmp_path / "a.wav", [[tape.end(10.0)]])
    _, sound = wav(tmp_path / "a.wav")
    assert rendered.lost == 25
    loudest = np.abs(sound[: 10 * RATE, 0].astype(int)).reshape(-1, 80).max(axis=1)
    assert loudest.min() > 4000
    assert lag(sound[:, 0], 9 * RATE, tone(HIGH, 4000), 3) == pytest.approx(0, abs=0.01)


def test_a_packet_that_comes_twice_is_said_once(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "a.spool")
    for n in range(50):
        data = tape.packet(tape.codec.encode(tone(HIGH, FRAME)))
        tape.put((START + n * 0.02, data), (START + n * 0.02 + 0.001, data))
        tape.step()
    render(tmp_path / "a.wav", [[tape.end(1.5)]])
    _, sound = wav(tmp_path / "a.wav")
    assert bounds(sound[:, 0]) == (1, RATE - 1) and pitch(sound[:RATE, 0]) == pytest.approx(HIGH, abs=1)


def test_several_spools_of_a_side_are_put_in_step_and_added(tmp_path: Path) -> None:
    """REC-7: a transferred call, and a room in which two speak at once."""
    first, second = Tape(tmp_path / "1.spool"), Tape(tmp_path / "2.spool", 1.0)
    first.say(tone(HIGH, 2 * RATE), 0.0)
    second.say(tone(LOW, 2 * RATE), 1.0)
    render(tmp_path / "a.wav", [[first.end(2.0), second.end(3.0)]])
    _, sound = wav(tmp_path / "a.wav")
    assert pitch(sound[:RATE, 0]) == pytest.approx(HIGH, abs=1)
    assert pitch(sound[2 * RATE :, 0]) == pytest.approx(LOW, abs=1)
    both = sound[RATE : 2 * RATE, 0].astype(int)
    assert np.abs(both - tone(HIGH, RATE) - tone(LOW, RATE)).max() < 1200  # each is rounded by its codec
    assert np.abs(both).max() > 14000


def test_over_two_boots_the_wall_clock_joins_them(tmp_path: Path) -> None:
    """A machine that was restarted counts from another zero."""
    first, second = Tape(tmp_path / "1.spool", boot="x"), Tape(tmp_path / "2.spool", boot="y", wall=5e8 + 10.0)
    first.say(tone(HIGH, RATE), 0.0)
    second.say(tone(LOW, RATE), 0.0)
    render(tmp_path / "a.wav", [[first.end(1.0)], [second.end(1.0)]])
    _, sound = wav(tmp_path / "a.wav")
    assert bounds(sound[:, 0]) == (1, RATE - 1) and bounds(sound[:, 1]) == (10 * RATE + 1, 11 * RATE - 1)


def test_a_spool_cut_off_is_rendered_as_far_as_it_is_whole(tmp_path: Path) -> None:
    """The worker was killed: it has no end, and its last record is torn."""
    tape = Tape(tmp_path / "a.spool")
    tape.say(tone(HIGH, RATE), 0.0)
    tape.path.write_bytes(tape.path.read_bytes()[:-10])
    rendered = render(tmp_path / "a.wav", [[tape.path], [tmp_path / "missing.spool"]])
    assert rendered.cut == (str(tape.path),) and rendered.packets == 49
    assert rendered.duration_s == pytest.approx(0.98) and "missing" in rendered.left_out[0]


def test_a_spool_without_sound_is_silence_of_its_length(tmp_path: Path) -> None:
    rendered = render(tmp_path / "a.wav", [[Tape(tmp_path / "a.spool").end(2.0)]])
    assert rendered.duration_s == 2.0 and not wav(tmp_path / "a.wav")[1].any()


def test_nothing_to_read_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.spool").write_bytes(b"rubbish")
    with pytest.raises(RenderError, match="no spool"):
        render(tmp_path / "a.wav", [[tmp_path / "a.spool"]])
    assert [path.name for path in tmp_path.iterdir()] == ["a.spool"]


def test_rubbish_in_packets_does_no_harm(tmp_path: Path) -> None:
    """Headers that do not fit, payloads of no length, unknown numbers, jumping numbers."""
    draw = random.Random(8)
    tape = Tape(tmp_path / "a.spool")
    tape.say(tone(HIGH, RATE), 0.0)
    parts: list[tuple[float, bytes]] = []
    for n in range(2000):
        data = bytearray(tape.packet(draw.randbytes(draw.choice((0, 1, 160))), draw.choice((0, 8, 9, 96, 13, 77))))
        for _ in range(draw.randrange(3)):
            data[draw.randrange(12)] = draw.randrange(256)
        parts.append((START + 1 + n / 100, bytes(data)))
    tape.put(*parts, *((START + 21, bytes(size)) for size in range(12)))
    rendered = render(tmp_path / "a.wav", [[tape.end(21.0)]])
    assert rendered.duration_s == pytest.approx(21.0, abs=0.2) and rendered.unknown


def pieces(numbers: Iterable[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(numbers))


def test_where_the_clock_jumps_another_run_begins(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "a.spool")
    tape.say(tone(HIGH, 4 * RATE), 0.0)
    tape.say(tone(HIGH, 4 * RATE), 10.0)
    runs = survey(tape.end(15.0)).runs
    assert [(run.first, run.last) for run in runs] == pieces((0, 200, 400))
    assert [run.at_us for run in runs] == [START * 1e6, (START + 10) * 1e6]


def test_what_makes_files_dies_with_the_exchange_that_began_it() -> None:
    """The next exchange begins it anew, and two would write the same file."""
    child = "from media.orphan import die_with_parent as d; d(); import time; print(1, flush=True); time.sleep(60)"
    parent = (
        "import subprocess, sys; "
        f"made = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE); "
        "made.stdout.readline(); print(made.pid, flush=True); made.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.02)
