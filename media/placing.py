"""Where in time the packets of a spool belong: RTP says how they follow one another, their arrival says when.

A stretch of packets whose timestamps go on with the clock is a `Run`. Each packet came at `timestamp + delay`; the
least delays are those of packets that waited nowhere, so a line along them tells, for the whole run, where its samples
stand on our clock, and how much faster or slower the far end's clock goes than ours. Timestamps are followed within a
run, so that jitter moves nothing; a run ends where they part from the clock for good (a phone that stopped counting
while it held), or where the source or the codec changes.

An hour is read in passing: what is kept is one number for five seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from media import codecs, rtp, spool

_APART_US = 80_000
"""A packet that is so much later or earlier than the least delay of its run is looked at."""
_CONFIRMED_US = 1_000_000
"""If none comes in between that is not, for so long, the clock has jumped."""
_BUCKET_US = 5_000_000
_SLOPE_FROM_US = 60_000_000
"""Shorter runs do not tell the drift from jitter; in such a time it is a few milliseconds at most."""
_MOST_DRIFT = 0.02
_NOISE = 13  # RFC 3389: silence, as far as a recording goes


class Packet(msgspec.Struct, gc=False):
    """A packet of sound. `index` counts them from 0; `stream` is another one for another source or codec; `timestamp`
    goes on beyond 32 bits within it."""

    index: int
    stream: int
    codec: str
    sequence: int
    timestamp: int
    at_us: int
    data: bytes

    @property
    def payload(self) -> bytes:
        """What is in it."""
        data = self.data
        start = rtp.header_bytes(data, len(data))
        return data[start : len(data) - data[-1]] if data[0] & 0x20 else data[start:]


class Run(msgspec.Struct):
    """The packets from `first` up to `last`. Timestamp `timestamp` is at `at_us` on our clock, and each of the next
    `tick_us` later; of the far end's own clock there are `clock` ticks a second."""

    codec: str
    clock: int
    first: int
    last: int
    timestamp: int
    at_us: float
    tick_us: float

    def when_us(self, timestamp: int) -> float:
        """The instant of a timestamp."""
        return self.at_us + (timestamp - self.timestamp) * self.tick_us

    @property
    def drift(self) -> float:
        """By how much the far end's clock is slow against ours, as a share: 100 ppm are 0.0001."""
        return self.tick_us * self.clock / 1e6 - 1.0


class Survey(msgspec.Struct):
    """A spool looked through. Instants are µs of the clock of `header.boot`; add `to_wall_us` for Unix time."""

    path: Path
    header: spool.Header
    start_us: int
    end_us: int
    runs: list[Run]
    packets: int
    unknown: int
    why: str

    @property
    def to_wall_us(self) -> int:
        """What is to be added to an instant."""
        return round(self.header.wall_s * 1e6) - self.start_us


class _Tally:
    """What is counted along the way."""

    unknown = 0
    end_us = 0
    why = ""


def packets(path: Path, tally: _Tally | None = None) -> Iterator[Packet]:
    """The packets of sound in a spool, in the order of their arrival. Raises SpoolError, OSError."""
    tally = tally or _Tally()
    known: dict[int, str] = {}
    source, codec_before = b"", ""
    index, stream, timestamp = 0, -1, 0
    for kind, at, content in spool.read(path):
        tally.end_us = at
        if kind == spool.PACKET and len(content) < rtp.HEADER_BYTES:
            tally.unknown += 1
        elif kind == spool.PACKET:
            number = content[1] & 0x7F
            codec = known.get(number)
            if codec is None or rtp.header_bytes(content, len(content)) == 0:
                tally.unknown += number != _NOISE
                continue
            value = int.from_bytes(content[4:8], "big")
            if content[8:12] != source or codec != codec_before:
                source, codec_before = content[8:12], codec
                stream, timestamp = stream + 1, value
            else:
                timestamp += (value - timestamp + (1 << 31) & (1 << 32) - 1) - (1 << 31)
            yield Packet(index, stream, codec, rtp.sequence(content), timestamp, at, content)
            index += 1
        elif kind == spool.CODECS:
            pairs = msgspec.msgpack.decode(content, type=spool.Codecs)
            known = {number: codec for number, codec in pairs if codecs.known(codec)}
        elif kind == spool.END:
            tally.why = msgspec.msgpack.decode(content, type=spool.End).why


def survey(path: Path) -> Survey:
    """Look a spool through. Raises SpoolError, OSError."""
    _, start_us, content = next(spool.read(path))
    header = spool.header_of(content)
    tally = _Tally()
    runs: list[Run] = []
    fit: _Fit | None = None
    count, end_us = 0, start_us
    for packet in packets(path, tally):
        count += 1
        if fit is None or fit.stream != packet.stream:
            if fit is not None:
                runs += fit.end()
            fit = _Fit(packet)
        elif (jumped := fit.take(packet)) is not None:
            runs.append(fit.run(jumped[0].index))
            fit = _Fit(jumped[0])
            for suspect in jumped[1:]:
                fit.take(suspect)
        end_us = packet.at_us + round(len(packet.payload) / 8000 * 1e6 if packet.codec != codecs.OPUS else 20_000)
    if fit is not None:
        runs += fit.end()
    return Survey(path, header, start_us, max(tally.end_us, end_us), runs, count, tally.unknown, tally.why)


class _Fit:
    """A run that is being read."""

    def __init__(self, first: Packet) -> None:
        self.stream = first.stream
        self._codec = first.codec
        self._clock = codecs.clock_of(first.codec)
        self._first = first.index
        self._next = first.index + 1
        self._timestamp = first.timestamp
        self._tick_us = 1e6 / self._clock
        self._suspects: list[Packet] = []
        self._points: list[tuple[int, float]] = []
        """(timestamp, delay in µs) of the least delay in each bucket."""
        self._bucket_us = first.at_us
        self._add(first, self._delay(first))
        self._floor = self._points[-1][1]

    def _delay(self, packet: Packet) -> float:
        return packet.at_us - (packet.timestamp - self._timestamp) * self._tick_us

    def _add(self, packet: Packet, delay: float) -> None:
        if not self._points or packet.at_us - self._bucket_us >= _BUCKET_US:
            self._bucket_us = packet.at_us
            self._points.append((packet.timestamp, delay))
        elif delay < self._points[-1][1]:
            self._points[-1] = packet.timestamp, delay

    def take(self, packet: Packet) -> list[Packet] | None:
        """The next packet. Those with which another run begins, once that is sure."""
        delay = self._delay(packet)
        self._floor = min(point[1] for point in self._points[-2:])
        suspects = self._suspects
        if abs(delay - self._floor) < _APART_US:
            for suspect in suspects:
                self._add(suspect, self._delay(suspect))
            suspects.clear()
            self._add(packet, delay)
            self._next = packet.index + 1
            return None
        suspects.append(packet)
        return list(suspects) if packet.at_us - suspects[0].at_us >= _CONFIRMED_US else None

    def end(self) -> list[Run]:
        """The stream is over. What was not yet sure is a run of its own if it came at the pace of its timestamps."""
        suspects = self._suspects
        if not suspects:
            return [self.run(self._next)]
        if abs(self._delay(suspects[0]) - self._delay(suspects[-1])) >= _APART_US:
            return [self.run(suspects[-1].index + 1)]
        rest = _Fit(suspects[0])
        for suspect in suspects[1:]:
            rest.take(suspect)
        return [self.run(suspects[0].index), *rest.end()]

    def run(self, last: int) -> Run:
        """The run, up to the packet `last`."""
        points = np.array(self._points, dtype=np.float64)
        ticks, delays = points[:, 0] - self._timestamp, points[:, 1]
        slope, start = 0.0, float(delays.min())
        if (ticks[-1] - ticks[0]) * self._tick_us >= _SLOPE_FROM_US:
            slope, start = _line(ticks, delays)
        if abs(slope) > _MOST_DRIFT * self._tick_us:
            slope, start = 0.0, float(delays.min())
        return Run(self._codec, self._clock, self._first, last, self._timestamp, start, self._tick_us + slope)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """(slope, start) of the line along the lower edge: points well above what the others say are left out."""
    keep = np.ones(len(x), dtype=bool)
    slope = start = 0.0
    for _ in range(6):
        slope, start = np.polyfit(x[keep], y[keep], 1)
        over = y - (start + slope * x)
        most = max(float(np.median(np.abs(over[keep]))) * 2, 50.0)
        better = over < most
        if better.sum() < max(len(x) // 3, 2) or (better == keep).all():
            break
        keep = better
    return (float(slope), float(start)) if math.isfinite(slope) else (0.0, float(y.min()))
