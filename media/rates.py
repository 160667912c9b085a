"""Rates of sound: from one to another in a stream, 20 ms or whatever comes at a time.

Telephones need few rates, each a whole multiple of the other (8, 16, 48 kHz), so a polyphase filter of a few lines does
it, and one product of matrices a frame.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

Frame = np.ndarray[tuple[int], np.dtype[np.int16]]
"""Samples of one channel. Frames are handed on, not copied: nobody writes into one that he was given."""
FRAME_S = 0.02
NARROW, WIDE = 8000, 16000
_TAPS = 24
"""Length of the filter in samples of the lower rate: flat to 90 % of the lower band, and 1.5 ms of delay."""


@functools.lru_cache(maxsize=8)
def silence(rate: int) -> Frame:
    """20 ms of nothing. Not to be written into."""
    frame = np.zeros(rate // 50, np.int16)
    frame.flags.writeable = False
    return frame


@functools.lru_cache(maxsize=8)
def _low_pass(factor: int) -> Any:
    """A low pass at the lower of two rates, in samples of the higher one; its sum is one."""
    length = _TAPS * factor
    at = np.arange(length) - (length - 1) / 2
    taps = np.sinc(at * 0.94 / factor) * np.kaiser(length, 6.0)
    return (taps / taps.sum()).astype(np.float32)


class Resampler:
    """Converts one stream from `source` to `target` Hz. One of them has to be a multiple of the other. What is given
    when the rate falls is a multiple of their ratio long, as all frames of telephones are."""

    def __init__(self, source: int, target: int) -> None:
        if max(source, target) % min(source, target):
            raise ValueError(f"{source} Hz cannot be made {target} Hz")
        self.rates = source, target
        self._up = target // source if target > source else 0
        self._down = source // target if source > target else 0
        if self._up:
            taps = _low_pass(self._up) * self._up
            self._taps = np.ascontiguousarray(taps.reshape(_TAPS, self._up)[::-1])
            self._before = np.zeros(_TAPS - 1, np.float32)
        elif self._down:
            self._taps = _low_pass(self._down)
            self._before = np.zeros(_TAPS * self._down - self._down, np.float32)

    def __call__(self, frame: Frame) -> Frame:
        """The next samples at the other rate."""
        if not (self._up or self._down) or not len(frame):
            return frame
        before = self._before
        sound = np.concatenate((before, frame), dtype=np.float32)
        self._before = sound[len(sound) - len(before) :]
        step, width = (1, _TAPS) if self._up else (self._down, len(self._taps))
        rows = (len(sound) - width) // step + 1
        windows = np.lib.stride_tricks.as_strided(sound, (rows, width), (4 * step, 4))
        made = np.rint((windows @ self._taps).reshape(-1))
        converted: Frame = np.minimum(np.maximum(made, -32768.0), 32767.0).astype(np.int16)
        return converted


@functools.lru_cache(maxsize=1)
def nothing() -> Frame:
    """No samples at all."""
    return np.zeros(0, np.int16)
