"""The sources of a tune (`media.engine.Tune`): what their text says, and tones as samples.

A tone is as loud however many frequencies it has (-12 dB of a full-scale sine), and begins and ends in 4 ms, so that it
makes no click. All frequencies are whole numbers of Hz, so every tone repeats after one second at the latest.
"""

from __future__ import annotations

import math
import re

import msgspec
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

HIGHEST_HZ = 3999
LONGEST_MS = 3_600_000
EDGE_S = 0.004
_LEVEL = 32767 * 10 ** (-12 / 20)
"""The peak of a tone of one frequency: loud and clear, and no telephone distorts it."""
_TONE = re.compile(r"tone:([0-9]{1,4})(?:\+([0-9]{1,4}))?(?::([0-9]{1,7}))?", re.ASCII)
_SILENCE = re.compile(r"silence:([0-9]{1,7})", re.ASCII)


class Tone(msgspec.Struct, frozen=True, gc=False):
    """Frequencies in Hz (none: silence), and for how long; 0 ms is for ever."""

    hertz: tuple[int, ...]
    ms: int


class File(msgspec.Struct, frozen=True, gc=False):
    """A sound file."""

    path: str


def parse(source: str) -> Tone | File | None:
    """What a source is; None for one that says nothing that can be played."""
    if source.startswith("file:"):
        return File(source[5:]) if len(source) > 5 and "\0" not in source else None
    found = _SILENCE.fullmatch(source)
    if found is not None:
        ms = int(found[1])
        return Tone((), ms) if 0 < ms <= LONGEST_MS else None
    found = _TONE.fullmatch(source)
    if found is None:
        return None
    hertz = tuple(int(each) for each in found.groups()[:2] if each is not None)
    ms = int(found[3]) if found[3] is not None else 0
    if found[3] == "0" * len(found[3] or "-") or ms > LONGEST_MS or not all(0 < each <= HIGHEST_HZ for each in hertz):
        return None
    return Tone(hertz, ms)


def tone(hertz: tuple[int, ...], start: int, count: int, rate: int) -> Samples:
    """`count` samples of a tone from its sample `start` on, without its edges."""
    if not hertz:
        return np.zeros(count, np.int16)
    at = np.arange(start, start + count) % rate
    sound = sum(np.sin(2 * math.pi / rate * (at * each % rate)) for each in hertz)
    return np.rint(_LEVEL / math.sqrt(len(hertz)) * np.asarray(sound)).astype(np.int16)


def rise(samples: Samples, rate: int) -> Samples:
    """The same, from silence on."""
    return _shaped(samples, rate, begins=True)


def fall(samples: Samples, rate: int) -> Samples:
    """The same, into silence."""
    return _shaped(samples, rate, begins=False)


def _shaped(samples: Samples, rate: int, begins: bool) -> Samples:
    many = min(int(EDGE_S * rate), len(samples))
    if not many:
        return samples
    edge = 0.5 - 0.5 * np.cos(np.pi * (np.arange(many) + 0.5) / many)
    shaped = samples.astype(np.float64)
    if begins:
        shaped[:many] *= edge
    else:
        shaped[-many:] *= edge[::-1]
    return np.rint(shaped).astype(np.int16)
