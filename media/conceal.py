"""What is heard in place of sound that is missing, and how a little is left out or put in without being heard.

A lost frame is replaced by the last pitch period, again and again and ever softer (as in G.711 appendix I); where sound
comes back the two are blended. To shorten or lengthen the delay, one pitch period is cut out or said twice, blended as
well, so that a tone stays a tone.

Comfort noise (RFC 3389) is noise of the level and spectrum that the far end describes.

All work on frames of any rate; nothing here is called for a packet that comes in time.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from media.rates import Frame

_SHORTEST_S, _LONGEST_S = 0.005, 0.015
"""Pitch periods that are looked for: two of a high voice, one of a low one."""
_MATCH_S = 0.010
_BLEND_S = 0.005
_FULL_S, _FADE_S = 0.020, 0.060
"""The last sound is repeated at full level for so long, and then fades."""
_NOISE_S = 0.5


@functools.lru_cache(maxsize=8)
def _rise(length: int) -> Any:
    return ((np.arange(length) + 0.5) / length).astype(np.float32)


def blend(old: Frame, new: Frame) -> Frame:
    """From one to the other, over their whole length, which is the same."""
    rise = _rise(len(new))
    mixed: Frame = (old * (1 - rise) + new * rise).astype(np.int16)
    return mixed


def _best_lag(sound: Any, fixed: int, step: int, rate: int) -> int:
    """By how many samples the piece at `fixed` is best moved (in the direction of `step`) to look like itself."""
    length, first, last = int(_MATCH_S * rate), int(_SHORTEST_S * rate), int(_LONGEST_S * rate)
    floats = sound.astype(np.float32)
    piece = floats[fixed : fixed + length]
    start = fixed + first if step > 0 else fixed - last
    windows = np.lib.stride_tricks.sliding_window_view(floats[start : start + last - first + length], length)
    energy = np.sqrt(np.einsum("ij,ij->i", windows, windows)) + 1.0
    best = int(np.argmax(windows @ piece / energy))
    return first + best if step > 0 else last - best


def cut(sound: Frame, rate: int) -> Frame:
    """The sound, which is at least 25 ms, shorter by 5 to 15 ms at its beginning."""
    lag, length = _best_lag(sound, 0, 1, rate), int(_BLEND_S * rate)
    return np.concatenate((blend(sound[:length], sound[lag : lag + length]), sound[lag + length :]))


SPAN_S = _LONGEST_S + _MATCH_S
"""What `cut` needs at least."""


class Concealer:
    """Goes on with a sound that has broken off. `past` is at least 30 ms of it, or all that there was."""

    def __init__(self, past: Frame, rate: int) -> None:
        self._rate = rate
        self._said = 0
        needed = int(SPAN_S * rate)
        if len(past) < needed:
            self._cycle: Any = np.zeros(1, np.float32)
            return
        past = past[-needed - int(_BLEND_S * rate) :]
        lag = _best_lag(past, len(past) - int(_MATCH_S * rate), -1, rate)
        cycle = past[-lag:].astype(np.float32)
        length = min(int(_BLEND_S * rate) // 2, lag, len(past) - lag)
        # The end of the period runs into what stood before its beginning, so that it repeats without a seam.
        rise = _rise(length)
        cycle[-length:] = cycle[-length:] * (1 - rise) + past[-lag - length : -lag] * rise
        self._cycle = cycle

    @property
    def period(self) -> int:
        """How many samples are repeated."""
        return len(self._cycle)

    @property
    def quiet(self) -> bool:
        """Whether it has faded away."""
        return self._said >= (_FULL_S + _FADE_S) * self._rate

    def more(self, count: int) -> Frame:
        """The next `count` samples."""
        at = np.arange(self._said, self._said + count)
        self._said += count
        gain = np.clip(1 - (at / self._rate - _FULL_S) / _FADE_S, 0.0, 1.0)
        made: Frame = (self._cycle[at % len(self._cycle)] * gain).astype(np.int16)
        return made


class Noise:
    """Comfort noise as a payload describes it: minus the level in dBov, then reflection coefficients (RFC 3389)."""

    def __init__(self, payload: bytes, rate: int) -> None:
        level = payload[0] & 0x7F if payload else 127
        count = int(_NOISE_S * rate)
        draw = np.random.default_rng(int.from_bytes(payload[:8], "big"))
        spectrum = np.fft.rfft(draw.standard_normal(count))
        predictor = _predictor(payload[1:13])
        if len(predictor) > 1:
            spectrum /= np.maximum(np.abs(np.fft.rfft(predictor, count)), 1e-3)
        sound = np.fft.irfft(spectrum, count)
        # 0 dBov is a square wave that just overloads: its r.m.s. is full scale.
        sound *= 32767 * 10 ** (-level / 20) / (math.sqrt(float(np.mean(sound**2))) + 1e-9)
        self._sound: Frame = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
        self._at = 0

    def more(self, count: int) -> Frame:
        """The next `count` samples. It repeats every half second, without a seam."""
        at = np.arange(self._at, self._at + count) % len(self._sound)
        self._at = (self._at + count) % len(self._sound)
        found: Frame = self._sound[at]
        return found


def _predictor(coefficients: bytes) -> list[float]:
    """The linear predictor of quantised reflection coefficients (RFC 3389 section 3; the usual step-up)."""
    predictor = [1.0]
    for value in coefficients:
        reflection = max(min((value - 127) / 127, 0.98), -0.98)
        padded = [*predictor, 0.0]
        predictor = [a + reflection * b for a, b in zip(padded, reversed(padded), strict=True)]
    return predictor
