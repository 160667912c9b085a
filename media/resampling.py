"""Frames of 20 ms from one sampling rate to another, of many streams at once: one product with a matrix.

A row holds the end of the stream's last frame and the whole of this one; the matrix is a windowed sinc, sampled where
the new samples lie. The delay is 1 ms at 8 kHz, half of that at 16 kHz (`ZEROS` samples of the lower rate).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

ZEROS = 8
_EDGE = 0.94
"""Where the filter begins to fall, of half the lower rate: what lies above would come back as another frequency."""


def samples(rate: int) -> int:
    """How many samples 20 ms are."""
    return rate // 50


def history(source: int, target: int) -> int:
    """How many samples of the past the matrix from `source` to `target` Hz wants before the 20 ms."""
    return 2 * ZEROS * source // min(source, target)


@functools.lru_cache(maxsize=16)
def matrix(source: int, target: int) -> Floats:
    """(history + samples of `source`) x (samples of `target`), for `frames @ matrix`."""
    lower = min(source, target)
    past = history(source, target)
    known = (np.arange(past + samples(source)) - past) / source
    wanted = np.arange(samples(target)) / target - ZEROS / lower
    apart = (wanted[None, :] - known[:, None]) * lower
    window = np.where(np.abs(apart) < ZEROS, 0.5 + 0.5 * np.cos(np.pi * apart / ZEROS), 0.0)
    weights = np.sinc(apart * _EDGE) * window
    normal: Floats = (weights / weights.sum(axis=0)).astype(np.float32)
    return normal


class Resampler:
    """`rows` streams from one rate to another. `pasts` are what came before, of each; None: nobody knows, and the
    stream begins as if its first sample had been there for long."""

    def __init__(self, source: int, target: int, pasts: Sequence[Floats | None]) -> None:
        self._matrix = matrix(source, target)
        self._past = past = history(source, target)
        self._buffer = np.zeros((len(pasts), past + samples(source)), np.float32)
        self._new = []
        for row, known in enumerate(pasts):
            if known is None:
                self._new.append(row)
            else:
                self._buffer[row, -past:] = known

    def turn(self, frames: Floats) -> Floats:
        """The next 20 ms of all streams (rows x samples)."""
        buffer, past = self._buffer, self._past
        buffer[:, :past] = buffer[:, -past:]
        if self._new:
            buffer[self._new, :past] = frames[self._new, :1]
            self._new = []
        buffer[:, past:] = frames
        turned: Floats = buffer @ self._matrix
        return turned

    def pasts(self) -> list[Floats]:
        """What the next resampler of these streams wants to know of each."""
        return list(self._buffer[:, -self._past :].copy())
