"""The journal's files: how they are named, how a frame looks, and how it is found again in a damaged file.

A segment is `NUMBER-SALT.2.journal`: a decimal number that only grows, 16 hexadecimal digits drawn at random when the
file was made, and the format. It begins with a head (all numbers are little endian),

    marker (4 bytes, from the salt) · format (u32) · boot id (16 bytes) · wall and monotonic time (f64, s) · CRC-32

and goes on with frames. A frame is

    marker · length of the payload (u32) · monotonic time of the input (u64, ns) · payload · CRC-32 (u32) of all before

where the CRC starts from the other half of the salt. The payload holds text that strangers chose. As they cannot know
the salt, they cannot put a frame into a payload, so a reader may search for the next good frame after damage.

Format 1, which is read still, had no head, no times in its frames, and no format in its name. A segment of a format
that is not known here is left alone: a reader that comes to it raises `NewerFormatError`, and nobody deletes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from records.clocks import Clock, Stamp
from records.codec import Codec
from records.events import AnyEvent

FORMAT = 2
"""What is written."""
HEAD = struct.Struct("<4sIQ")
TAIL = struct.Struct("<I")
OVERHEAD = HEAD.size + TAIL.size
BEGINNING = struct.Struct("<4sI16sddI")
"""The head of a segment."""
_OLD_HEAD = struct.Struct("<4sI")
MAX_PAYLOAD = 4 << 20
_CHUNK = 1 << 20
_NAME = re.compile(r"(\d{10,})-([0-9a-f]{8})([0-9a-f]{8})(?:\.(\d{1,9}))?\.journal")


class Position(NamedTuple):
    """A place between two frames: segment number and offset in bytes. Positions compare in journal order."""

    segment: int
    offset: int


BEGIN = Position(0, 0)


class Frame(NamedTuple):
    """The position after a frame, the events of one input that stand in it, and when that was; None: not known."""

    position: Position
    events: list[AnyEvent]
    stamp: Stamp | None = None


class NewerFormatError(OSError):
    """There is a segment that a newer version wrote; this one must not touch it."""


class Segment(NamedTuple):
    """One file of the journal."""

    number: int
    marker: bytes
    seed: int
    path: Path
    format: int = FORMAT

    @property
    def start(self) -> int:
        """Where its frames begin."""
        return 0 if self.format == 1 else BEGINNING.size

    @property
    def head(self) -> struct.Struct:
        """How a frame of it begins: marker, length of the payload, and the time where there is one."""
        return _OLD_HEAD if self.format == 1 else HEAD


def new_segment(directory: Path, number: int, salt: bytes) -> Segment:
    """The segment with this number and these 8 random bytes; nothing is created yet."""
    path = directory / f"{number:010d}-{salt.hex()}.{FORMAT}.journal"
    return Segment(number, salt[:4], int.from_bytes(salt[4:], "big"), path)


def beginning(segment: Segment, clock: Clock) -> bytes:
    """The head of the segment."""
    boot = bytes.fromhex(clock.boot or "00" * 16)
    head = BEGINNING.pack(segment.marker, segment.format, boot, clock.wall, clock.monotonic, 0)[: -TAIL.size]
    return head + TAIL.pack(zlib.crc32(head, segment.seed))


def clock_of(segment: Segment, head: bytes) -> Clock | None:
    """What the head of a segment says; None where it is damaged, or has none."""
    if segment.format == 1 or len(head) < BEGINNING.size:
        return None
    marker, format_, boot, wall, monotonic, crc = BEGINNING.unpack_from(head)
    good = zlib.crc32(head[: BEGINNING.size - TAIL.size], segment.seed) == crc
    if not good or marker != segment.marker or format_ != segment.format:
        return None
    return Clock(boot.hex() if any(boot) else "", wall, monotonic)


def frame(segment: Segment, payload: bytes, ns: int = 0) -> bytes:
    """The payload, written at that monotonic time, as it stands in this segment."""
    head = _OLD_HEAD.pack(segment.marker, len(payload))
    if segment.format > 1:
        head = HEAD.pack(segment.marker, len(payload), ns)
    framed = head + payload
    return framed + TAIL.pack(zlib.crc32(framed, segment.seed))


def segments(directory: Path) -> list[Segment]:
    """All segments in the directory, oldest first; other files are none of ours. An absent directory has none."""
    try:
        paths = list(directory.iterdir())
    except FileNotFoundError:
        return []
    found = [
        Segment(int(match[1]), bytes.fromhex(match[2]), int(match[3], 16), path, int(match[4] or 1))
        for path in paths
        if (match := _NAME.fullmatch(path.name))
    ]
    return sorted(found)


@contextlib.contextmanager
def locked(directory: Path, mode: int) -> Iterator[None]:
    """Hold a lock on the directory: shared for who reads the journal as a whole, exclusive for who deletes from it
    (between two looks of such a reader a call could lose its end). An absent directory needs none. Raises OSError."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(descriptor, mode)
        yield
    finally:
        os.close(descriptor)


class Reader:
    """Follows the journal from a position on, over all segments, also while it is being written.

    A frame that is not complete at the end of the newest segment is waited for; in an older segment it was torn by a
    crash and is passed over. Damage in the middle is passed over up to the next good frame. Both are counted, neither
    raises. A read error of the device (OSError) is the caller's, and a segment of a newer format (NewerFormatError).
    With `calls_only` frames of a registration alone come without their event.
    """

    def __init__(self, directory: Path, position: Position = BEGIN, *, calls_only: bool = False) -> None:
        self.position = position
        self.torn = 0
        self.corrupt = 0
        self.skipped_bytes = 0
        self.codec = Codec()
        self._calls_only = calls_only
        self._directory = directory
        self._segment: Segment | None = None
        self._clock: Clock | None = None
        self._fd = -1
        self._seen = 0
        self._in_damage = False

    def close(self) -> None:
        """Close the open segment, if any."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._segment = None

    def __iter__(self) -> Iterator[Frame]:
        """All frames up to the end as it is now."""
        while frames := self.read():
            yield from frames

    def read(self, limit: int = _CHUNK) -> list[Frame]:
        """The next frames, at most about `limit` bytes of them; empty when there is nothing new yet."""
        frames: list[Frame] = []
        size = limit
        while not frames:
            if self._segment is None and not self._open_next():
                return frames
            data = os.pread(self._fd, size, self.position.offset)
            self._seen = self.position.offset + len(data)
            if data:
                wanted = self._parse(data, len(data) < size, frames)
                if len(data) == size:
                    size = max(size, wanted)
                    continue
            if not frames and not self._leave():
                return frames
        return frames

    def _open_next(self) -> bool:
        """Open the segment of the position, or the first one after it. False: there is none yet that has begun."""
        present = [segment for segment in segments(self._directory) if segment.number >= self.position.segment]
        for segment in present:
            if segment.format > FORMAT:
                raise NewerFormatError(
                    f"{segment.path} is of format {segment.format}, this Ringplan knows {FORMAT}: "
                    "it takes the version that wrote it"
                )
            try:
                fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # retention took it away since the listing
            head = os.pread(fd, segment.start, 0)
            if len(head) < segment.start:
                os.close(fd)
                if segment is present[-1]:
                    return False  # it is being made
                if segment.number == self.position.segment or head:
                    self.torn += bool(head)
                self.skipped_bytes += len(head)
                continue
            self._fd, self._segment, self._clock = fd, segment, clock_of(segment, head)
            if self._clock is None and segment.start and self.position.offset <= segment.start:
                self.corrupt += 1
            offset = self.position.offset if segment.number == self.position.segment else 0
            self.position = Position(segment.number, max(offset, segment.start))
            return True
        return False

    def _leave(self) -> bool:
        """At the end of this segment: go on to the next one if there is one. False: wait here."""
        segment = self._segment
        assert segment is not None
        if not any(other.number > segment.number for other in segments(self._directory)):
            return False
        # A successor exists, so this segment is written no more; but it may have grown since our last look.
        rest = os.fstat(self._fd).st_size - self.position.offset
        if rest > 0:
            if self.position.offset + rest > self._seen:
                return True
            self.torn += not self._in_damage
            self.skipped_bytes += rest
        self.close()
        self._in_damage = False
        self.position = Position(segment.number + 1, 0)
        return True

    def _parse(self, data: bytes, at_end: bool, frames: list[Frame]) -> int:
        """Take the whole frames out of `data`, and move the position. Returns how many bytes the next frame needs."""
        segment = self._segment
        assert segment is not None
        number, marker, seed, clock = segment.number, segment.marker, segment.seed, self._clock
        start, end, base = 0, len(data), self.position.offset
        view = memoryview(data)
        timed, tail, crc32, decode = segment.format > 1, TAIL.unpack_from, zlib.crc32, self.codec.decode
        head, head_size = segment.head.unpack_from, segment.head.size
        overhead = head_size + TAIL.size
        skipped, calls_only = self.codec.is_binding, self._calls_only
        new = tuple.__new__  # a named tuple's own is a function of Python's, and there are three in a frame
        wanted = 0
        while end - start >= overhead:
            fields = head(data, start)
            length = fields[1]
            if fields[0] == marker and length <= MAX_PAYLOAD:
                stop = start + head_size + length
                if stop + TAIL.size > end:
                    wanted = length + overhead
                    if not at_end or self._search(data, start + 1, segment) < 0:
                        break
                elif crc32(view[start:stop], seed) == tail(data, stop)[0]:
                    self._in_damage = False
                    payload = view[start + head_size : stop]
                    events = [] if calls_only and skipped(payload) else decode(payload)
                    start = stop + TAIL.size
                    stamp = new(Stamp, (clock, fields[2] / 1e9)) if timed and clock is not None else None
                    frames.append(new(Frame, (new(Position, (number, base + start)), events, stamp)))
                    continue
            found = self._search(data, start + 1, segment)
            if not self._in_damage:
                self.corrupt += 1
                self._in_damage = True
            # Without a good frame in sight all is damage, but for a frame that may begin in the last bytes.
            after = found if found >= 0 else max(start + 1, self._candidate(data, start + 1, segment))
            self.skipped_bytes += after - start
            start = after
        self.position = Position(number, base + start)
        return wanted

    @staticmethod
    def _search(data: bytes, start: int, segment: Segment) -> int:
        """Where the next whole, good frame begins, or -1."""
        at = data.find(segment.marker, start)
        while at >= 0 and not _whole(data, at, segment):
            at = data.find(segment.marker, at + 1)
        return at

    @staticmethod
    def _candidate(data: bytes, start: int, segment: Segment) -> int:
        """Where a frame that goes on beyond `data` may begin: at a marker without its whole frame behind it, or in the
        last bytes, which are too short to tell."""
        overhead = segment.head.size + TAIL.size
        at = data.find(segment.marker, start)
        while at >= 0:
            if len(data) - at < overhead:
                return at
            length = segment.head.unpack_from(data, at)[1]
            if length <= MAX_PAYLOAD and at + overhead + length > len(data):
                return at
            at = data.find(segment.marker, at + 1)
        return len(data) - overhead + 1


def _whole(data: bytes, at: int, segment: Segment) -> bool:
    """Whether a good frame begins at `at`, and is all there."""
    head_size = segment.head.size
    if len(data) - at < head_size + TAIL.size:
        return False
    mark, length = segment.head.unpack_from(data, at)[:2]
    stop = at + head_size + length
    if mark != segment.marker or length > MAX_PAYLOAD or stop + TAIL.size > len(data):
        return False
    return bool(zlib.crc32(memoryview(data)[at:stop], segment.seed) == TAIL.unpack_from(data, stop)[0])
