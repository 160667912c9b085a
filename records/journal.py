"""The append-only journal: what happened, written down before it has an effect.

`append` is the one file operation that is allowed on the event loop: one `write` into the page cache for all the events
of one input. What was appended survives the death of the process; a thread calls `fdatasync` once a second, so a loss
of power costs about a second. A frame holds the events of one input, so an input is read back whole or not at all.

When the disk is full or broken, calls go on: events wait in memory, up to a bound, and are written when the disk takes
them again. Those of emergency calls are written first and dropped last. What had to be dropped is counted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from records.clocks import STEP_S, Clock, Stamp, boot_id, clock_now, monotonic_ns
from records.codec import Codec
from records.events import AnyEvent, CallEnded, CallReplanned, CallStarted, Event
from records.segments import (
    BEGIN,
    HEAD,
    MAX_PAYLOAD,
    OVERHEAD,
    TAIL,
    Frame,
    Position,
    Reader,
    Segment,
    beginning,
    locked,
    new_segment,
    segments,
)

__all__ = ["BEGIN", "FileJournal", "Frame", "Health", "Journal", "MemoryJournal", "Position"]


class Health(msgspec.Struct, frozen=True):
    """How the journal is. `degraded` says why events are waiting or not safe, or is empty when all is well."""

    degraded: str
    appended: int
    waiting_events: int
    waiting_bytes: int
    lost_events: int
    sync_lag_s: float
    """Age of the oldest event that a loss of power would take, in seconds."""


class Journal(Protocol):
    """Where the exchange writes its events, in order, and reads them again."""

    def append(self, events: Sequence[AnyEvent]) -> None:
        """Write the events of one input, all together. Never raises for trouble with the disk. An empty sequence
        only tries again to write what is waiting; call it so once a second."""

    def read(self, position: Position = BEGIN) -> Iterator[Frame]:
        """Everything after `position` that has been written up to now, oldest first."""

    @property
    def end(self) -> Position:
        """The position after the last frame written."""

    def health(self) -> Health:
        """How the journal is, cheap enough to be asked at every scrape."""

    def start(self) -> None:
        """Start what works in the background. Appending is possible before."""

    def close(self) -> None:
        """Write and sync all that can be, and release everything."""


class MemoryJournal:
    """A journal in memory, for tests. Events go through the same bytes as in a file. `clock` is that of the machine."""

    def __init__(self, clock: Callable[[], Clock] = clock_now) -> None:
        self._codec = Codec()
        self._clock = clock
        self._frames: list[tuple[bytes, Stamp]] = []
        self._events = 0

    def append(self, events: Sequence[AnyEvent]) -> None:
        """Keep the events."""
        if events:
            clock = self._clock()
            self._frames.append((self._codec.encode(events), Stamp(clock, clock.monotonic)))
            self._events += len(events)

    def read(self, position: Position = BEGIN) -> Iterator[Frame]:
        """Decode everything after `position`. All is one segment, of the number 1."""
        for number in range(position.offset if position.segment <= 1 else len(self._frames), len(self._frames)):
            payload, stamp = self._frames[number]
            yield Frame(Position(1, number + 1), self._codec.decode(payload), stamp)

    @property
    def end(self) -> Position:
        """The position after the last frame."""
        return Position(1, len(self._frames))

    def health(self) -> Health:
        """Always well."""
        return Health("", self._events, 0, 0, 0, 0.0)

    def start(self) -> None:
        """Nothing to start."""

    def close(self) -> None:
        """Nothing to release; it can still be read."""


class _Waiting:
    """Encoded inputs that the disk did not take, oldest first."""

    __slots__ = ("events", "frames", "size")

    def __init__(self) -> None:
        self.frames: deque[tuple[bytes, int]] = deque()
        self.size = 0
        self.events = 0

    def push(self, payload: bytes, events: int) -> None:
        """Put one behind the others."""
        self.frames.append((payload, events))
        self.size += len(payload)
        self.events += events

    def pop(self) -> int:
        """Take the oldest out; returns how many events it held."""
        payload, events = self.frames.popleft()
        self.size -= len(payload)
        self.events -= events
        return events


class FileJournal:
    """The journal in segment files of one directory.

    One process writes; any number of readers (`Reader`) follow. Each start begins a new segment, so a torn end of the
    last run is never written over. `append` and `close` belong to one thread; `health` may be asked from any.

    `segment_bytes` is where a new segment begins, `waiting_bytes` the bound of the memory for events that the disk does
    not take, `sync_s` the time between two `fdatasync`, `retry_s` the least time between two attempts after a failure.
    `monotonic` is for those; `unix_time` and `ns` are the clocks that frames are stamped by (`records.clocks`), `boot`
    the kernel's boot. A new segment begins also where the wall clock was set.

    `write` is every write to a file: where it raises OSError, or takes less than it is given, the disk is in trouble.
    """

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = 64 << 20,
        waiting_bytes: int = 16 << 20,
        sync_s: float = 1.0,
        retry_s: float = 0.1,
        monotonic: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
        ns: Callable[[], int] = monotonic_ns,
        boot: str | None = None,
        write: Callable[[int, bytes | bytearray], int] = os.write,
    ) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._waiting_bytes = waiting_bytes
        self._sync_s = sync_s
        self._retry_s = retry_s
        self._monotonic = monotonic
        self._unix_time = unix_time
        self._ns = ns
        self._boot = boot_id() if boot is None else boot
        self._clock_offset = 0.0
        self._os_write = write
        self._codec = Codec()
        self._buffer = bytearray()
        self._head = bytes(HEAD.size)
        # Numbers follow the clock where they can, so they grow even when somebody has emptied the directory: positions
        # that consumers have kept never point behind the new events.
        self._number = int(unix_time()) - 1
        with contextlib.suppress(OSError):  # reported by the first append, which tries again
            self._prepare()
        self._marker, self._seed = b"", 0
        self._fd = -1
        self._offset = 0
        self._rotate_at = 0
        self._retired: deque[int] = deque()
        self._emergency_calls: set[str] = set()
        self._urgent, self._ordinary = _Waiting(), _Waiting()
        self._next_try = 0.0
        self._write_error = ""
        self._sync_error = ""
        self._appended = self._lost = 0
        self._unsynced_since: float | None = None
        self._syncing_since: float | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # Writing

    def append(self, events: Sequence[AnyEvent]) -> None:
        """See `Journal.append`. Raises only for an event that cannot be encoded, which is a bug of ours."""
        if self._write_error:
            self._retry()
        if not events:
            return
        emergency = self._is_emergency(events)
        buffer = self._buffer
        self._codec.encode_into(events, buffer, HEAD.size)
        size = len(buffer) - HEAD.size
        if size > MAX_PAYLOAD and len(events) > 1:
            half = len(events) // 2
            self.append(events[:half])
            self.append(events[half:])
            return
        self._appended += len(events)
        if not self._write_error and self._write(size):
            return
        waiting = self._urgent if emergency else self._ordinary
        waiting.push(bytes(memoryview(buffer)[HEAD.size : HEAD.size + size]), len(events))
        while self._urgent.size + self._ordinary.size > self._waiting_bytes:
            self._lost += (self._ordinary if self._ordinary.frames else self._urgent).pop()

    def begin_segment(self) -> None:
        """What is appended from now on stands in a segment of its own, so that what was before can go as a whole as
        soon as nobody needs it."""
        self._rotate_at = 0

    def _is_emergency(self, events: Sequence[AnyEvent]) -> bool:
        calls = self._emergency_calls
        emergency = False
        for event in events:
            if type(event) is CallStarted:  # for a struct `isinstance` costs three times as much
                if event.emergency:
                    calls.add(event.call)
                    emergency = True
            elif type(event) is CallReplanned and event.emergency and not self._ordinary.frames:
                # Sent on to an emergency number. What waits of it already must not be overtaken.
                calls.add(event.call)
                emergency = True
            elif calls and isinstance(event, Event) and event.call in calls:
                emergency = True
                if isinstance(event, CallEnded):
                    calls.discard(event.call)
        return emergency

    def _write(self, size: int) -> bool:
        """Frame the payload that stands in the buffer and write it. False: nothing of it is in the journal."""
        ns = self._ns()
        if (
            self._offset >= self._rotate_at
            or not -STEP_S / 2 < self._unix_time() - ns / 1e9 - self._clock_offset < STEP_S / 2
        ):
            self._rotate()
            if self._fd < 0:
                return False
        buffer = self._buffer
        HEAD.pack_into(buffer, 0, self._marker, size, ns)
        buffer += TAIL.pack(zlib.crc32(buffer, self._seed))
        length = size + OVERHEAD
        try:
            written = self._os_write(self._fd, buffer)
            if written < length:  # a full disk takes a part first; the second call says why
                written += self._os_write(self._fd, buffer[written:])
                if written < length:
                    raise OSError("short write")
        except OSError as error:
            self._fail(f"write: {error.strerror or error}")
            self._cut()
            return False
        self._offset += length
        if self._unsynced_since is None:
            self._unsynced_since = self._monotonic()
        return True

    def _cut(self) -> None:
        """Take back a part of a frame. Should that fail as well, readers find the next good frame behind it."""
        try:
            os.ftruncate(self._fd, self._offset)
        except OSError:
            with contextlib.suppress(OSError):
                self._offset = os.fstat(self._fd).st_size

    def _prepare(self) -> None:
        """Make the directory, and go on behind the segments of the last run. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if existing := segments(self._directory):
            self._number = max(self._number, existing[-1].number)

    def _rotate(self) -> None:
        """Begin a new segment. When that fails the old one is written on, if there is one."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        clock = Clock(self._boot, self._unix_time(), self._ns() / 1e9)
        doing = "open"
        try:
            self._prepare()
            segment = new_segment(self._directory, self._number + 1, os.urandom(8))
            fd = os.open(segment.path, flags, 0o600)
            doing = "write"
            self._begin(fd, segment, clock)
        except OSError as error:
            if self._fd < 0:
                self._fail(f"{doing}: {error.strerror or error}")
            else:
                self._rotate_at = max(self._rotate_at, self._offset) + self._segment_bytes
                self._clock_offset = clock.offset
            return
        if self._fd >= 0:
            self._retired.append(self._fd)
        self._number, self._marker, self._seed = segment.number, segment.marker, segment.seed
        self._fd, self._offset, self._rotate_at = fd, segment.start, self._segment_bytes
        self._clock_offset = clock.offset

    def _begin(self, fd: int, segment: Segment, clock: Clock) -> None:
        """Write the segment's head. Raises OSError; then there is no such segment."""
        head = beginning(segment, clock)
        try:
            if self._os_write(fd, head) < len(head):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.close(fd)
            with contextlib.suppress(OSError):
                segment.path.unlink()
            raise

    def _fail(self, reason: str) -> None:
        self._write_error = reason
        self._next_try = self._monotonic() + self._retry_s

    def _retry(self) -> None:
        """Try to write what is waiting, emergency calls first, at most about a mebibyte in one go."""
        if self._monotonic() < self._next_try:
            return
        self._write_error, reason = "", self._write_error
        budget = 1 << 20
        for waiting in (self._urgent, self._ordinary):
            while waiting.frames:
                if budget <= 0:
                    self._write_error = reason  # new events queue up behind; the next append goes on
                    return
                payload = waiting.frames[0][0]
                self._buffer[:] = self._head + payload
                if not self._write(len(payload)):
                    return
                waiting.pop()
                budget -= len(payload)

    # Syncing

    def start(self) -> None:
        """Start the thread that syncs."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._sync_loop, name="journal-sync", daemon=True)
            self._thread.start()

    def _sync_loop(self) -> None:
        while not self._stop.wait(self._sync_s):
            self.sync()

    def sync(self) -> None:
        """Sync now. Only the syncing thread calls this while it runs; without it, whoever likes."""
        while self._retired:
            fd = self._retired.popleft()
            self._fdatasync(fd)
            os.close(fd)
        if self._unsynced_since is None or self._fd < 0:
            return
        # Taken before the sync: what is appended meanwhile begins a new age.
        self._syncing_since, self._unsynced_since = self._unsynced_since, None
        if not self._fdatasync(self._fd):
            self._unsynced_since = self._syncing_since
        self._syncing_since = None

    def _fdatasync(self, fd: int) -> bool:
        try:
            os.fdatasync(fd)
        except OSError as error:
            self._sync_error = f"sync: {error.strerror or error}"
            return False
        self._sync_error = ""
        return True

    def close(self) -> None:
        """Write what is waiting if the disk takes it, sync, stop the thread, and close the file."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
        left = -1
        while self._write_error and left != (left := self._urgent.size + self._ordinary.size):
            self._next_try = 0.0
            self._retry()
        self._lost += self._urgent.events + self._ordinary.events
        self.sync()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._rotate_at = 0

    # Looking

    @property
    def end(self) -> Position:
        """The position after the last frame written; before the first append, the end of what the last run left."""
        if self._fd >= 0:
            return Position(self._number, self._offset)
        return Position(self._number + 1, 0)

    def read(self, position: Position = BEGIN) -> Iterator[Frame]:
        """See `Journal.read`. For following the journal, and for the counts of damage, use a `Reader`."""
        reader = Reader(self._directory, position)
        with locked(self._directory, fcntl.LOCK_SH), contextlib.closing(reader):
            yield from reader

    def health(self) -> Health:
        """See `Journal.health`."""
        since = self._syncing_since or self._unsynced_since
        return Health(
            degraded=self._write_error or self._sync_error,
            appended=self._appended,
            waiting_events=self._urgent.events + self._ordinary.events,
            waiting_bytes=self._urgent.size + self._ordinary.size,
            lost_events=self._lost,
            sync_lag_s=0.0 if since is None else max(0.0, self._monotonic() - since),
        )
