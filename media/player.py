"""Players: a tone or a sound file sent to a leg as G.711 packets of 20 ms. All are driven by the relay's one tick.

The echo is no player: the relay sends the packets of such a leg back as they are.
"""

from __future__ import annotations

import concurrent.futures
import functools
import math
import random

from media import files, g711, rtp
from media.engine import Remote
from media.leg import Send

SAMPLES = 160
RATE = 8000
# The peak of a tone: -12 dB below the clipping point, loud and clear, and no telephone distorts it.
_PEAK = 32767 * 10 ** (-12 / 20)


class PacketPlayer:
    """The RTP stream of a player: sequence, timestamp and SSRC go on by the clock, whether or not a packet is sent."""

    def __init__(self) -> None:
        draw = random.SystemRandom()
        self.octets = 0
        self._ssrc = draw.getrandbits(32)
        self._sequence = draw.getrandbits(15)
        self._timestamp = draw.getrandbits(32)
        self._packet = bytearray(rtp.HEADER_BYTES + SAMPLES)
        self._marker = True

    def frame(self, alaw: bool) -> bytes | None:
        """The next 20 ms; None at the end, an empty text while nothing is ready yet."""
        raise NotImplementedError

    def tick(self, out: Send | None, remote: Remote | None) -> bool:
        """Send the next 20 ms. False at the end, or if the far end takes no G.711."""
        self._timestamp += SAMPLES
        if remote is None or out is None:
            return True
        law = remote.codec.partition("/")[0]
        if law not in ("PCMU", "PCMA"):
            return False
        frame = self.frame(law == "PCMA")
        if frame is None:
            return False
        if not frame:
            self.octets = 0
            return True
        packet = self._packet
        rtp.write_header(packet, remote.payload, self._marker, self._sequence, self._timestamp, self._ssrc)
        packet[rtp.HEADER_BYTES :] = frame
        self._marker = False
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.octets = len(packet)
        out(packet)
        return True


class TonePlayer(PacketPlayer):
    """A sine of a whole number of Hz, for ever."""

    def __init__(self, hertz: int) -> None:
        super().__init__()
        self._hertz = hertz
        self._frame = 0

    def frame(self, alaw: bool) -> bytes:
        """The next 20 ms of the tone."""
        frames = tone(self._hertz, alaw)
        self._frame = (self._frame + 1) % len(frames)
        return frames[self._frame]


@functools.lru_cache(maxsize=32)
def tone(hertz: int, alaw: bool) -> tuple[bytes, ...]:
    """Frames of 20 ms which repeat without a seam: as many as the tone's period needs (at most 50)."""
    samples = math.lcm(RATE // math.gcd(RATE, hertz), SAMPLES)
    law = g711.alaw_of if alaw else g711.ulaw_of
    sound = bytes(law(round(_PEAK * math.sin(2 * math.pi * hertz * n / RATE))) for n in range(samples))
    return tuple(sound[start : start + SAMPLES] for start in range(0, samples, SAMPLES))


class FilePlayer(PacketPlayer):
    """A sound file, once. It is read and converted in another thread; until that is done nothing is sent."""

    def __init__(self, sound: concurrent.futures.Future[files.Sound]) -> None:
        super().__init__()
        self._sound = sound
        self._at = 0

    def frame(self, alaw: bool) -> bytes | None:
        """The next 20 ms of the file; None after its end, or if it could not be read."""
        if not self._sound.done():
            return b""
        if self._sound.exception() is not None:
            return None
        data = self._sound.result().alaw if alaw else self._sound.result().ulaw
        if self._at >= len(data):
            return None
        frame = data[self._at : self._at + SAMPLES]
        self._at += SAMPLES
        silence = g711.ALAW_SILENCE if alaw else g711.ULAW_SILENCE
        return frame.ljust(SAMPLES, bytes((silence,)))


def make(source: str, library: files.Library) -> PacketPlayer | None:
    """The player for `tone:HZ` (1 to 3999) or `file:PATH`; None for anything else."""
    what, _, name = source.partition(":")
    if what == "tone" and name.isascii() and name.isdigit() and 0 < int(name[:5]) < RATE // 2 and len(name) < 5:
        return TonePlayer(int(name))
    if what == "file" and name:
        return FilePlayer(library.sound(name))
    return None
