"""The sound of a spool, decoded and put where it belongs in time, a block at a time (`placing` says where).

Lost packets are concealed for 60 ms and then silent, as is all for which no packet came: holds, pauses, a phone that
sends nothing while nothing is said. A far end's clock that goes faster or slower than ours is brought back to ours.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import numpy as np
import soxr

from media import codecs
from media.conceal import Concealer
from media.placing import Packet, Run, Survey, packets
from media.rates import Frame, nothing

_REORDER = 16
"""So many packets are put into the order of their timestamps."""
_SPLIT_S = 1.0
"""After a gap of so long the sound is placed anew."""
_CONCEAL_S = 0.06
_PAST_S = 0.05
_TOLERANCE_S = 0.004
"""Decoders that look ahead give less at first: no gap."""
_BLOCK_S = 1.0
_NO_DRIFT = 2e-7
"""Less than a millisecond in an hour."""


class Segment:
    """Sound without an interruption, being made: decoded, drift taken out, at the rate of the file."""

    def __init__(self, run: Run, position: int, timestamp: int, codec: codecs.Codec, rate: int) -> None:
        self.cursor = float(timestamp)
        """The timestamp of the sample that comes next."""
        self._position = position
        self._codec = codec
        self._ticks = run.clock / codec.rate
        self._parts: list[Frame] = []
        self._held = 0
        self._past = nothing()
        self._resampler: Any = None
        if codec.rate != rate or abs(run.drift) > _NO_DRIFT:
            self._resampler = soxr.ResampleStream(codec.rate / (1 + run.drift), rate, 1, dtype="int16")

    def add(self, frame: Frame) -> None:
        """The next samples, at the codec's rate."""
        self._parts.append(frame)
        self._held += len(frame)
        self.cursor += len(frame) * self._ticks

    def fill(self, count: int, conceal: bool) -> None:
        """Samples that are missing."""
        made = min(count, int(_CONCEAL_S * self._codec.rate)) if conceal else 0
        if made:
            past = np.concatenate((self._past, *self._parts[-4:]))[-int(_PAST_S * self._codec.rate) :]
            self.add(Concealer(past, self._codec.rate).more(made))
        if count > made:
            self.add(np.zeros(count - made, np.int16))

    def blocks(self, last: bool = False) -> Iterator[tuple[int, Frame]]:
        """What is ready: (position, samples at the rate of the file)."""
        if not last and self._held < _BLOCK_S * self._codec.rate:
            return
        sound = np.concatenate(self._parts) if self._parts else nothing()
        self._past = sound[-int(_PAST_S * self._codec.rate) :]
        self._parts.clear()
        self._held = 0
        if self._resampler is not None:
            sound = self._resampler.resample_chunk(sound, last=last)
        if len(sound):
            yield self._position, sound
            self._position += len(sound)


class Track:
    """One spool to be read from `origin_us` on, at `rate`. `lost` counts packets that never came."""

    def __init__(self, survey: Survey, origin_us: int, rate: int) -> None:
        self.lost = 0
        self._survey = survey
        self._origin_us = origin_us
        self._rate = rate
        self._at = 0
        self._blocks = self._sound()
        self._block: tuple[int, Frame] | None = next(self._blocks, None)

    def read(self, count: int, into: Any) -> None:
        """Add the next `count` samples to an array of numbers."""
        begin = free = self._at
        self._at = end = begin + count
        while self._block is not None and self._block[0] < end:
            position, sound = self._block
            # What comes too early by an odd clock is left out where something stands already.
            start = max(position, free)
            piece = sound[start - position : end - position]
            into[start - begin : start - begin + len(piece)] += piece
            free = max(free, start + len(piece))
            if position + len(sound) > end:
                self._block = end, sound[end - position :]
                return
            self._block = next(self._blocks, None)

    def _sound(self) -> Iterator[tuple[int, Frame]]:
        runs = iter(self._survey.runs)
        run = next(runs, None)
        waiting: list[tuple[int, int, Packet]] = []
        voice: _Voice | None = None
        for packet in packets(self._survey.path):
            while run is not None and packet.index >= run.last:
                if voice is not None:
                    yield from self._rest(voice, waiting)
                    voice = None
                run = next(runs, None)
            if run is None:
                break
            if voice is None:
                voice = _Voice(self, run)
            heapq.heappush(waiting, (packet.timestamp, packet.index, packet))
            if len(waiting) > _REORDER:
                yield from voice.say(heapq.heappop(waiting)[2])
        if voice is not None:
            yield from self._rest(voice, waiting)

    def _rest(self, voice: _Voice, waiting: list[tuple[int, int, Packet]]) -> Iterator[tuple[int, Frame]]:
        while waiting:
            yield from voice.say(heapq.heappop(waiting)[2])
        yield from voice.end()

    def position(self, instant_us: float) -> int:
        """The sample of an instant."""
        return round((instant_us - self._origin_us) * self._rate / 1e6)

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self._rate


class _Voice:
    """A run being decoded."""

    def __init__(self, track: Track, run: Run) -> None:
        self._track = track
        self._run = run
        self._codec = codecs.make(run.codec)
        self._segment: Segment | None = None
        self._sequence = -1

    def say(self, packet: Packet) -> Iterator[tuple[int, Frame]]:
        """The next packet in the order of timestamps."""
        missing = (packet.sequence - self._sequence - 1) & 0xFFFF if self._sequence >= 0 else 0
        missing = missing if missing < 1000 else 0
        segment, clock = self._segment, self._run.clock
        gap = packet.timestamp - segment.cursor if segment is not None else 0.0
        if segment is not None and gap > _SPLIT_S * clock:
            yield from segment.blocks(last=True)
            segment = None
        if segment is None:
            position = self._track.position(self._run.when_us(packet.timestamp))
            segment = Segment(self._run, position, packet.timestamp, self._codec, self._track.rate)
            self._segment, gap = segment, 0.0
        if gap < -_TOLERANCE_S * clock and packet.sequence == self._sequence:
            return  # a packet that came twice
        self._sequence = packet.sequence
        self._track.lost += missing
        sound = self._codec.decode(packet.payload)
        samples = round(gap * self._codec.rate / clock)
        if gap > _TOLERANCE_S * clock:
            segment.fill(samples, missing > 0)
        elif gap < -_TOLERANCE_S * clock:
            sound = sound[-samples:]
        segment.add(sound)
        yield from segment.blocks()

    def end(self) -> Iterator[tuple[int, Frame]]:
        """The run is over."""
        if self._segment is not None:
            yield from self._segment.blocks(last=True)
