"""The default hold music: a slow round of chords, composed for this program and made by it, so nobody has a right in
it. Each chord fades in and out, so the end meets the beginning in silence.

It is made once, by a child of low priority (`python -P -m switch.prompts.music FILE`), and kept in the state folder.
"""

from __future__ import annotations

import array
import math
import subprocess
import sys
import threading
import wave
from collections.abc import Sequence
from pathlib import Path

from switch.child import module

RATE = 16000
CHORD_S = 3.0
_FADE_S = 0.4
_PEAK = 9000
NAME = "music-1.wav"
CHORDS: Sequence[Sequence[int]] = (
    (48, 55, 60, 64),
    (45, 52, 60, 64),
    (41, 53, 57, 60),
    (43, 50, 59, 62),
    (48, 55, 60, 67),
    (40, 52, 59, 64),
    (41, 53, 60, 65),
    (43, 55, 59, 62),
)
"""Eight chords, by keys of a piano as MIDI numbers them."""
BEFORE = ("tone:440+554:900", "silence:300", "tone:440+659:900", "silence:300", "tone:494+587:900", "silence:2000")
"""What is heard while it is not made."""


def write(path: Path) -> None:
    """Make the file. It takes some seconds."""
    samples = array.array("h")
    for chord in CHORDS:
        samples.extend(_chord(chord))
    if sys.byteorder == "big":
        samples.byteswap()
    beside = path.with_suffix(".tmp")
    with wave.open(str(beside), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    beside.replace(path)


def _chord(keys: Sequence[int]) -> list[int]:
    """Its notes one after the other and left to ring; each has three partials, which fade the quicker the higher."""
    many = int(CHORD_S * RATE)
    sound = [0.0] * many
    for index, key in enumerate(keys):
        begins = int(index * 0.22 * RATE)
        angle = 2 * math.pi * 440 * 2 ** ((key - 69) / 12) / RATE
        for partial, share in ((1, 0.7), (2, 0.22), (3, 0.08)):
            turn, fade = angle * partial, -partial / (1.4 * RATE)
            for at in range(many - begins):
                sound[begins + at] += share * math.exp(fade * at) * math.sin(turn * at)
    edge = int(_FADE_S * RATE)
    for at in range(edge):
        sound[many - 1 - at] *= at / edge
    for at in range(RATE // 100):
        sound[at] *= at / (RATE // 100)
    level = _PEAK / 2
    return [round(level * value) for value in sound]


class Music:
    """The file in `folder`; it is made when somebody first asks for it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._there = False

    @property
    def sources(self) -> tuple[str, ...]:
        """What is to be looped."""
        if self._there:
            return (f"file:{self._path}",)
        if self._thread is None:
            self._thread = threading.Thread(target=self._make, name="music", daemon=True)
            self._thread.start()
        return BEFORE

    def wait(self, seconds: float) -> bool:
        """Wait for it; whether it is there. Not for the loop."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._there

    def close(self) -> None:
        """End what is being made."""
        if self._child is not None:
            self._child.kill()
        if self._thread is not None:
            self._thread.join(10)

    def _make(self) -> None:
        if not self._path.exists():
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._child = subprocess.Popen(
                    module("switch.prompts.music", str(self._path)), stdout=subprocess.DEVNULL
                )
            except OSError:
                return
            self._child.wait()
        self._there = self._path.exists()


def main() -> int:
    """The child: one line where the disk does not take the music; the exchange goes on with `BEFORE`."""
    try:
        write(Path(sys.argv[1]))
    except OSError as error:
        sys.stderr.write(f"music on hold cannot be written: {error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
