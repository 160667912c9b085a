"""Two legs of a bridge that have no codec in common: what one says, decoded and said to the other every 20 ms.

One `Pipe` is one direction. The relay lays it when the first packet comes that has to be transcoded, and takes it up
when one comes that need not be, or the legs part. Telephone-events go through the listener's voice too, so that all he
gets is one stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media import rtp

if TYPE_CHECKING:
    from media.leg import Leg


class Pipe:
    """From `source` to `target`."""

    __slots__ = ("_event", "_source", "_target")

    def __init__(self, source: Leg, target: Leg) -> None:
        self._source = source
        self._target = target
        self._event = -1
        source.listen()

    def tick(self, now: float, tick: int) -> None:
        """The next 20 ms."""
        ear, voice = self._source.ear, self._target.voice
        if ear is not None:
            voice.say(ear.frame(voice.rate, now), voice.rate, tick)

    def event(self, packet: bytearray, size: int, number: int, tick: int) -> None:
        """A telephone-event of the source, for the target under `number`."""
        start = rtp.header_bytes(packet, size)
        timestamp = int.from_bytes(packet[4:8], "big")
        begins = timestamp != self._event
        self._event = timestamp
        self._target.voice.event(number, bytes(packet[start:size]), begins, tick)
