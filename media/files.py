"""Sound files, read and converted to G.711 in a thread beside the relay, and kept for the next listener.

WAV files of 8 kHz, 16 bits, one channel need nothing but the standard library; all else goes through PyAV.
"""

from __future__ import annotations

import array
import collections
import concurrent.futures
import sys
import wave
from pathlib import Path

import msgspec

from media import g711

RATE = 8000
_LONGEST_S = 3600
_KEPT = 64


class Sound(msgspec.Struct, frozen=True, gc=False):
    """A whole file in both laws, 8000 bytes a second each."""

    ulaw: bytes
    alaw: bytes


class Library:
    """The files that are being played or were lately. A changed file (by its time and size) is read again."""

    def __init__(self) -> None:
        self._thread: concurrent.futures.ThreadPoolExecutor | None = None
        self._sounds: collections.OrderedDict[tuple[str, int, int], concurrent.futures.Future[Sound]] = (
            collections.OrderedDict()
        )

    def sound(self, path: str) -> concurrent.futures.Future[Sound]:
        """The sound of a file, at once or later. The future holds the exception if it cannot be read."""
        try:
            status = Path(path).stat()
        except (OSError, ValueError) as error:
            failed: concurrent.futures.Future[Sound] = concurrent.futures.Future()
            failed.set_exception(error)
            return failed
        key = (path, status.st_mtime_ns, status.st_size)
        found = self._sounds.get(key)
        if found is None:
            if self._thread is None:
                self._thread = concurrent.futures.ThreadPoolExecutor(1, "sound-files")
            found = self._sounds[key] = self._thread.submit(read, path)
            while len(self._sounds) > _KEPT:
                self._sounds.popitem(last=False)
        self._sounds.move_to_end(key)
        return found

    def close(self) -> None:
        """End the thread; what it is reading is finished first."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
            self._thread = None


def read(path: str) -> Sound:
    """The file as G.711. Raises ValueError or OSError (PyAV's errors are both or one of them) if it is no sound."""
    samples = _plain_wave(path)
    if samples is None:
        samples = _any_file(path)
    return Sound(g711.encode(samples, alaw=False), g711.encode(samples, alaw=True))


def _plain_wave(path: str) -> array.array[int] | None:
    try:
        with wave.open(path, "rb") as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
                return None
            samples = array.array("h", file.readframes(_LONGEST_S * RATE))
    except (wave.Error, EOFError):
        return None
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _any_file(path: str) -> array.array[int]:
    import av  # heavy: only when such a file is played

    samples = array.array("h")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                samples.frombytes(part.to_ndarray().tobytes())
            if len(samples) > _LONGEST_S * RATE:
                break
        for part in resampler.resample(None):
            samples.frombytes(part.to_ndarray().tobytes())
    return samples
