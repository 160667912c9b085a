"""Sources as frames: sound files and tones, encoded once for each codec in a thread beside the relay, and kept for the
next listener. To play is to send bytes.

A `Recording` grows while its file is read, a few seconds at a time and in turn with all others, so that a listener need
not wait for the end of an hour of music, nor for another's. WAV files of the codec's own rate, 16 bits, one channel
need nothing but the standard library; all else goes through PyAV. G.711 tones are made at once.

Frames are 20 ms; the last one is filled with silence. Where a recording is looped by itself that would be a gap, so its
end runs into its beginning: what is left over after the last whole frame fades out while the first samples fade in
(`seam`), and nothing jumps.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import sys
import threading
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from media import codecs, sources
from media.codecs import Codec
from media.sources import File, Samples, Tone

LONGEST_S = 3600
"""What is longer is cut."""
KEPT_OCTETS = 64 * 1024 * 1024
_FRAMES_A_SECOND = 50
_STEP_S = 2
_MOST_LOGGED = 1000
_log = logging.getLogger("ringplan.media.files")
_LOW_PRIORITY = 10
_AT_ONCE = (codecs.PCMU, codecs.PCMA)


class Recording:
    """One source in one codec. `frames` are those that there are; `ready`: all of them. `endless`: after the last one
    it goes on at that index; -1: it ends. `failed`: it cannot be played."""

    __slots__ = ("endless", "failed", "frames", "octets", "ready", "seam", "turn")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.seam: tuple[bytes, ...] = ()
        self.turn = 0
        """In a loop the frame of this number is followed by the seam, which stands for the first frames."""
        self.endless = -1
        self.octets = 0
        self.ready = False
        self.failed = False

    def frame(self, at: int, looped: bool, again: bool) -> bytes | None:
        """The frame of that number; empty: not read yet; None: there is none. `looped`: by itself; `again`: not for the
        first time."""
        if looped and self.ready and self.turn:
            if at >= self.turn:
                return None
            if again and at < len(self.seam):
                return self.seam[at]
        frames = self.frames
        if at < len(frames):
            return frames[at]
        if not self.ready:
            return b""
        if self.endless >= 0:
            return frames[self.endless + (at - self.endless) % (len(frames) - self.endless)]
        return None


class Library:
    """What is being played or was lately, at most `most` octets of it. A changed file (by its time and size) is read
    again."""

    def __init__(self, most: int = KEPT_OCTETS) -> None:
        self._most = most
        self._known: collections.OrderedDict[tuple[str, str, int, int], Recording] = collections.OrderedDict()
        self._reader: _Reader | None = None
        self._told: set[str] = set()

    def recording(self, source: str, codec: str) -> Recording:
        """A source in a codec of ours, at once or growing. One that cannot be played says so, at once or later."""
        what = sources.parse(source)
        key = (source, codec, 0, 0)
        if isinstance(what, File):
            try:
                status = Path(what.path).stat()
            except (OSError, ValueError) as error:
                self._complain(source, error)
                what = None
            else:
                key = (source, codec, status.st_mtime_ns, status.st_size)
        if what is None:
            failed = Recording()
            failed.failed = failed.ready = True
            return failed
        found = self._known.get(key)
        if found is None or found.failed:
            self._shrink()
            found = self._known[key] = Recording()
            work = read_tone(found, what, codec) if isinstance(what, Tone) else read_file(found, what.path, codec)
            if isinstance(what, Tone) and codec in _AT_ONCE:
                for _ in work:
                    pass
            else:
                self._read(source, found, work)
        self._known.move_to_end(key)
        return found

    def close(self) -> None:
        """End the thread; what it is reading is not read to its end."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _shrink(self) -> None:
        held = sum(each.octets for each in self._known.values())
        while held > self._most and len(self._known) > 1:
            held -= self._known.popitem(last=False)[1].octets

    def _read(self, source: str, recording: Recording, work: Iterator[None]) -> None:
        if self._reader is None:
            self._reader = _Reader(self._complain)
        self._reader.add(source, recording, work)

    def _complain(self, source: str, error: Exception) -> None:
        """Log what cannot be played, once each."""
        if source not in self._told and len(self._told) < _MOST_LOGGED:
            self._told.add(source)
            _log.warning("%s cannot be played: %s", source, error)


class _Reader:
    """The thread: all that is to be read, a step of each in turn."""

    def __init__(self, complain: Callable[[str, Exception], None]) -> None:
        self._complain = complain
        self._jobs: collections.deque[tuple[str, Recording, Iterator[None]]] = collections.deque()
        self._wanted = threading.Semaphore(0)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="sound-files", daemon=True)
        self._thread.start()

    def add(self, source: str, recording: Recording, work: Iterator[None]) -> None:
        self._jobs.append((source, recording, work))
        self._wanted.release()

    def close(self) -> None:
        self._closed = True
        self._wanted.release()
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW_PRIORITY)
        while True:
            self._wanted.acquire()
            if self._closed:
                return
            source, recording, work = self._jobs.popleft()
            try:
                next(work)
            except StopIteration:
                continue
            except Exception as error:  # noqa: BLE001  whatever PyAV raises for a file that is no sound
                recording.failed = recording.ready = True
                self._complain(source, error)
                continue
            self._jobs.append((source, recording, work))
            self._wanted.release()


def read_tone(recording: Recording, what: Tone, codec: str) -> Iterator[None]:
    """Make a tone's frames. A long one is one second again and again: the second one, which has the first behind it
    also in codecs with a memory."""
    voice = codecs.make(codec)
    rate = voice.rate
    size = rate // _FRAMES_A_SECOND
    count = what.ms * rate // 1000
    whole, rest = divmod(count, size)
    straight = min(whole, 2 * _FRAMES_A_SECOND) if what.ms else 2 * _FRAMES_A_SECOND
    if not what.hertz:
        straight = min(straight, 1)
    frames = recording.frames
    for at in range(straight):
        sound = sources.tone(what.hertz, at * size, size, rate)
        if at == 0:
            sound = sources.rise(sound, rate)
        if what.ms and not rest and at == whole - 1:
            sound = sources.fall(sound, rate)
        frames.append(voice.encode(sound))
        recording.octets += len(frames[-1])
        yield
    if not what.ms:
        recording.endless = _FRAMES_A_SECOND
    else:
        period = _FRAMES_A_SECOND if what.hertz else 1
        start = max(straight - period, 0)
        frames.extend(frames[start + (at - start) % period] for at in range(straight, whole))
        if rest:
            sound = sources.fall(sources.tone(what.hertz, whole * size, rest, rate), rate)
            if not whole:
                sound = sources.rise(sound, rate)
            frames.append(voice.encode(np.concatenate((sound, np.zeros(size - rest, np.int16)))))
        elif whole > straight:
            frames[-1] = voice.encode(sources.fall(sources.tone(what.hertz, (whole - 1) * size, size, rate), rate))
    recording.ready = True


def read_file(recording: Recording, path: str, codec: str) -> Iterator[None]:
    """Make a file's frames, some seconds of it a step. Raises whatever PyAV does for a file that is no sound."""
    voice = codecs.make(codec)
    rate = voice.rate
    size = rate // _FRAMES_A_SECOND
    held, first, last = np.zeros(0, np.int16), np.zeros(0, np.int16), np.zeros(0, np.int16)
    begun = 0
    for block in _blocks(path, rate):
        if not begun and not len(held):
            block = sources.rise(block, rate)
        held = np.concatenate((held, block))
        # The last frames wait: only at the end is it known how they end.
        ready = (len(held) // size - 2) * size
        if ready > 0:
            if not begun:
                first = held[: 2 * size]
            last = np.concatenate((last, held[:ready]))[-3 * size :]
            begun += _encode(recording, voice, held[:ready], size)
            held = held[ready:]
        yield
        if begun >= LONGEST_S * _FRAMES_A_SECOND:
            break
    if not begun and not len(held):
        raise ValueError("there is no sound in it")
    _end(recording, codec, voice, held, first, last)


def _encode(recording: Recording, voice: Codec, samples: Samples, size: int) -> int:
    for start in range(0, len(samples), size):
        frame = voice.encode(samples[start : start + size])
        recording.octets += len(frame)
        recording.frames.append(frame)
    return len(samples) // size


def _end(recording: Recording, codec: str, voice: Codec, held: Samples, first: Samples, last: Samples) -> None:
    """The last frames, and how the end runs into the beginning. `held` is what was not encoded, `last` what was just
    before."""
    rate = voice.rate
    size = rate // _FRAMES_A_SECOND
    over = len(held) % size
    if over < size // 4:
        over += size
    kept = len(held) - over
    if len(first) and kept >= 0:
        fade = np.linspace(0.0, 1.0, over)
        joint = first.astype(np.float64)
        joint[:over] = joint[:over] * fade + held[kept:] * (1.0 - fade)
        another = codecs.make(codec)
        before = np.concatenate((last, held[:kept]))
        for start in range(0, len(before), size):
            another.encode(before[start : start + size])
        joined = np.rint(joint).astype(np.int16)
        seam = tuple(another.encode(joined[start : start + size]) for start in range(0, len(joined), size))
        recording.turn = len(recording.frames) + kept // size
    else:
        seam = ()
    held = sources.fall(held, rate)
    _encode(recording, voice, np.concatenate((held, np.zeros(-len(held) % size, np.int16))), size)
    recording.seam = seam
    recording.ready = True


def _blocks(path: str, rate: int) -> Iterator[Samples]:
    """The samples of a file at that rate, a few seconds at a time."""
    plain = _plain_wave(path, rate)
    if plain is None:
        yield from _any_file(path, rate)
        return
    with plain as file:
        while True:
            data = file.readframes(_STEP_S * rate)
            if not data:
                return
            block = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
            yield block.astype(np.int16) if sys.byteorder == "big" else block


def _plain_wave(path: str, rate: int) -> wave.Wave_read | None:
    try:
        file = wave.open(path, "rb")  # noqa: SIM115  it is read step by step
    except (wave.Error, EOFError):
        return None
    if (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, 1, 2):
        return file
    file.close()
    return None


def _any_file(path: str, rate: int) -> Iterator[Samples]:
    import av  # heavy: only when such a file is played

    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    parts: list[Samples] = []
    many = 0
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                parts.append(part.to_ndarray()[0].astype(np.int16))
                many += len(parts[-1])
            if many >= _STEP_S * rate:
                yield np.concatenate(parts)
                parts, many = [], 0
        parts += [part.to_ndarray()[0].astype(np.int16) for part in resampler.resample(None)]
    if parts:
        yield np.concatenate(parts)
