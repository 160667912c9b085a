"""Making tones and finding them again: frequency, level, when they begin and end, and the gaps in them.

A level is that of the root mean square, in dB of full scale: a sine of full amplitude has -3.01 dBFS.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
BLOCK_S = 0.02
HOP_S = 0.005
PRESENT_DB = -12.0
"""A block holds the tone when it has at least so much of the whole tone's level."""


def sine(hz: float, dbfs: float, seconds: float, rate: int = 16000) -> Samples:
    """A tone of that frequency and level, from -1 to 1."""
    amplitude = 10 ** (dbfs / 20) * np.sqrt(2)
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate))


def silence(seconds: float, rate: int = 16000) -> Samples:
    """Nothing."""
    return np.zeros(int(seconds * rate))


def write(path: Path, *parts: Samples, rate: int = 16000) -> Path:
    """A WAV file of one channel, 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.concatenate(parts) * 32767).round().astype("<i2").tobytes())
    return path


def read(path: Path) -> tuple[Samples, int]:
    """Samples from -1 to 1 and the rate. A file that is still being written has no length in its head yet: what stands
    behind the head counts."""
    data = path.read_bytes()
    with wave.open(str(path), "rb") as file:
        rate = file.getframerate()
    begin = data.index(b"data") + 8
    return np.frombuffer(data[begin : begin + (len(data) - begin) // 2 * 2], "<i2").astype(float) / 32768, rate


class Tone(NamedTuple):
    """A tone that was found: its frequency, level, first and last instant in the recording, longest hole between."""

    hz: float
    dbfs: float
    start_s: float
    end_s: float
    gap_s: float
    purity: float
    """The share of the power between start and end that is the tone's own."""
    sounds_s: float
    """How long it sounds from start to end, without the holes."""


def _blocks(samples: Samples, rate: int) -> Samples:
    size, hop = int(BLOCK_S * rate), int(HOP_S * rate)
    count = max(0, (len(samples) - size) // hop + 1)
    return samples[np.arange(size) + hop * np.arange(count)[:, None]]


def strongest(samples: Samples, rate: int) -> float:
    """The frequency with the most power, by the parabola through the three bins around the peak."""
    spectrum = np.log(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) + 1e-12)
    peak = int(np.clip(spectrum.argmax(), 1, len(spectrum) - 2))
    left, top, right = spectrum[peak - 1 : peak + 2]
    bend = left - 2 * top + right
    return float((peak + (0.5 * (left - right) / bend if bend else 0.0)) * rate / len(samples))


def find(samples: Samples, rate: int, hz: float) -> Tone | None:
    """The tone near `hz` in a recording. None when there is none: no 100 ms in which it stands well above -60 dBFS and
    has at least half of the power."""
    blocks = _blocks(samples, rate)
    if not len(blocks):
        return None
    turn = np.exp(-2j * np.pi * hz * np.arange(blocks.shape[1]) / rate) * np.hanning(blocks.shape[1])
    own = np.abs(blocks @ turn) ** 2 * 2 / np.sum(np.hanning(blocks.shape[1])) ** 2
    total = np.mean(blocks**2, axis=1) + 1e-12
    good = (own > 1e-6) & (own > 0.5 * total)
    if good.sum() * HOP_S < 0.1:
        return None
    usual = float(np.median(own[good]))
    present = np.flatnonzero(own > usual * 10 ** (PRESENT_DB / 10))
    first, last = int(present[0]), int(present[-1])
    # Half a block of a tone's edge is already enough for a block to count; a hole is so much wider than it looks.
    hole = (int(np.diff(present).max(initial=1)) - 1) * HOP_S
    step = int(HOP_S * rate)
    inside = samples[first * step : last * step + blocks.shape[1]]
    middle = inside[len(inside) // 10 : -max(1, len(inside) // 10)]
    found = strongest(middle if len(middle) else inside, rate)
    return Tone(
        hz=found,
        dbfs=10 * np.log10(usual),
        start_s=first * HOP_S + BLOCK_S / 2,
        end_s=last * HOP_S + BLOCK_S / 2,
        gap_s=hole + BLOCK_S / 2 if hole else 0.0,
        purity=float(min(1.0, np.mean(own[first : last + 1]) / np.mean(total[first : last + 1]))),
        sounds_s=len(present) * HOP_S,
    )


def holes(samples: Samples, rate: int, hz: float, least_s: float = 0.03) -> list[tuple[float, float]] | None:
    """Where a tone is missing, among others that may be there all the time: (begin, length) of each hole, in seconds,
    from the first to the last sample. None where there is no such tone at all."""
    blocks = _blocks(samples, rate)
    if not len(blocks):
        return None
    window = np.hanning(blocks.shape[1])
    turn = np.exp(-2j * np.pi * hz * np.arange(blocks.shape[1]) / rate) * window
    own = np.abs(blocks @ turn) ** 2 * 2 / np.sum(window) ** 2
    usual = float(np.quantile(own, 0.75))
    if usual < 1e-6:
        return None
    present = np.flatnonzero(own > usual * 10 ** (PRESENT_DB / 10))
    ends = np.concatenate(([-1], present, [len(own)]))
    lengths = (np.diff(ends) - 1) * HOP_S
    found = [(float((ends[at] + 1) * HOP_S), float(lengths[at] + BLOCK_S / 2)) for at in np.flatnonzero(lengths > 0)]
    return [hole for hole in found if hole[1] >= least_s]


def lasts(tone: Tone, seconds: float) -> bool:
    """Whether the tone is that long. A softphone takes its sound from a timer of its own: a machine that has no time
    for it for a moment costs some frames at either end, of which no exchange knows. So a fifth of a second. And a hole
    in it may be sound that is lost, or a telephone that stood still and went on where it was."""
    return seconds - 0.2 < tone.end_s - tone.start_s and tone.sounds_s < seconds + 0.2


def whole(tone: Tone) -> bool:
    """Whether the tone has no hole but those of a machine that was busy for a moment. Sound that is lost in every
    packet or two shows in the tone's purity."""
    return tone.gap_s < 0.3


def check(path: Path, hz: float, dbfs: float, *, within_db: float = 1.5, within_hz: float = 3.0) -> Tone:
    """The tone in a recording; AssertionError when it is not that tone at that level."""
    samples, rate = read(path)
    tone = find(samples, rate, hz)
    assert tone is not None, f"no tone of {hz:g} Hz in {len(samples) / rate:.2f} s; strongest is {_what(samples, rate)}"
    assert abs(tone.hz - hz) <= within_hz, f"{tone.hz:.1f} Hz instead of {hz:g}"
    assert abs(tone.dbfs - dbfs) <= within_db, f"{tone.dbfs:.1f} dBFS instead of {dbfs:g}"
    return tone


def absent(path: Path, hz: float) -> bool:
    """Whether a recording is free of that tone."""
    samples, rate = read(path)
    return find(samples, rate, hz) is None


def _what(samples: Samples, rate: int) -> str:
    if len(samples) < rate // 10:
        return "nothing: too short"
    level = 10 * np.log10(np.mean(samples**2) + 1e-12)
    return f"{strongest(samples, rate):.0f} Hz, {level:.1f} dBFS in all"
