"""Spools: recordings as the packets that came, each with its instant, appended to a file by the media worker.

The relay's loop only puts a packet and the clock into a list (`recorder.py`); twice a second what is in it is handed to
a thread, which does nothing but write. So the loop never waits for a disk, and when the worker is killed all but the
last half second is in the file. What goes wrong there (disk full, no right, too slow) ends that recording with
`RecordEnded(why="failed")`, and nothing else. Telephone-events are never kept: digits may be card numbers.

**To record** somebody from elsewhere in the house, tell the engine `record(leg, Spool(path))`, wait for `RecordEnded`,
and have `python -P -m media.render` (see there) make a WAV file of the spool. A path is used once: a file that is there
already is not touched. `record` for one that is on, or has ended, may be told again: that goes on, or `RecordEnded`
comes once more.

**The file** (version 1; private to `media`, little-endian, mode 0600 in folders of 0700) is `MAGIC`, then records:

    kind  1 byte      size  2 bytes      instant  8 bytes, µs of CLOCK_MONOTONIC      `size` bytes of content

    H  `Header`, always the first: wall time at the same instant, and which boot the clock counts from, so that spools
       of one call are put in step although several workers wrote them
    C  what payload type numbers mean from now on: a list of (number, codec) as in a=rtpmap
    P  an RTP packet as received, deciphered if it was SRTP
    I  an interruption begins: paused
    R  it is over: resumed
    E  the end, with `End`; not there if the worker was killed

Contents of H, C and E are MessagePack. The last record may be torn; a reader takes what is whole.
"""

from __future__ import annotations

import collections
import contextlib
import io
import math
import os
import queue
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from media.engine import Remote
from media.meter import Meter

MAGIC = b"RPspool1"
HEADER, CODECS, PACKET, PAUSED, RESUMED, END = b"HCPIRE"
RECORD = struct.Struct("<BHQ")
MICRO = 1_000_000
_MODE_FILE, _MODE_FOLDER = 0o600, 0o700
_STATIC = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000"}

Codecs = tuple[tuple[int, str], ...]


class SpoolError(Exception):
    """The file is no spool, or of a version that we do not know."""


class Header(msgspec.Struct, frozen=True):
    """The beginning of a spool. `wall_s` is Unix time at the record's instant; `boot` names the run of the machine that
    the instants count from. `leg` is the media leg's id."""

    version: int
    leg: int
    boot: str
    wall_s: float


class End(msgspec.Struct, frozen=True):
    """Why it ended, as in `RecordEnded`."""

    why: str


def codecs_of(remote: Remote) -> Codecs:
    """What the payload type numbers of a far end mean, telephone-events left out; the static ones of RFC 3551 where
    nobody has said."""
    known = {number: codec for number, codec in _STATIC.items() if number in remote.payloads}
    known[remote.payload] = remote.codec
    known.update(remote.codecs)
    known.update((number, name) for number, name in remote.sends if not name.upper().startswith("TELEPHONE-EVENT"))
    known.pop(-1 if remote.telephone_event is None else remote.telephone_event, None)
    return tuple(sorted(known.items()))


def pack(kind: int, at: float, content: bytes | memoryview) -> bytes:
    """A record; `at` is in seconds."""
    return RECORD.pack(kind, len(content), int(at * MICRO)) + content


# --- reading ---


def read(path: str | Path) -> Iterator[tuple[int, int, bytes]]:
    """The records of a spool: (kind, instant in µs, content), the `HEADER` first, up to the first that is not whole.

    Raises SpoolError if it is none, OSError.
    """
    with Path(path).open("rb", buffering=1 << 16) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise SpoolError(f"{path} is no spool")
        records = _records(file)
        first = next(records, None)
        if first is None or first[0] != HEADER:
            raise SpoolError(f"{path} has no header")
        header_of(first[2])
        yield first
        yield from records


def header_of(content: bytes) -> Header:
    """The first record's content. Raises SpoolError."""
    try:
        header = msgspec.msgpack.decode(content, type=Header)
    except msgspec.MsgspecError as error:
        raise SpoolError(f"the header is not understood: {error}") from error
    if header.version != 1:
        raise SpoolError(f"a spool of version {header.version} is not known here")
    return header


def _records(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    kinds, size_of, unpack = frozenset(b"HCPIRE"), RECORD.size, RECORD.unpack
    while len(head := file.read(size_of)) == size_of:
        kind, size, at = unpack(head)
        content = file.read(size)
        if kind not in kinds or len(content) != size:
            return
        yield kind, at, content


# --- writing: the thread's side ---


class Writing:
    """A spool that is being written. The loop reads `heard_s`, `loud_at` and `octets`; only who writes changes them."""

    __slots__ = ("_descriptor", "_meter", "failed", "heard_s", "leg", "loud_at", "octets", "packets", "path")

    def __init__(self, leg: int, path: str, meter: Meter | None) -> None:
        self.leg = leg
        self.path = path
        self.octets = self.packets = 0
        self.heard_s = 0.0
        self.loud_at = -math.inf
        self.failed = False
        self._meter = meter
        self._descriptor = -1

    def open(self) -> None:
        """Make the file, and its folders. Raises OSError."""
        path = Path(self.path)
        if not path.parent.is_dir():
            for folder in reversed(path.parents):
                with contextlib.suppress(FileExistsError):
                    folder.mkdir(_MODE_FOLDER)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, _MODE_FILE)
        self.octets += os.write(self._descriptor, MAGIC)

    def append(self, records: bytes) -> None:
        """Write whole records. Raises OSError."""
        if self._descriptor < 0:
            self.open()
        rest = memoryview(records)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self.octets += len(records)
        if self._meter is not None:
            self._measure(self._meter, records)

    def _measure(self, meter: Meter, records: bytes) -> None:
        for kind, at, content in _records(io.BytesIO(records)):
            if kind == PACKET:
                if said_s := meter.said(content):
                    self.heard_s += said_s
                    self.loud_at = at / MICRO
            elif kind == CODECS:
                meter.use(msgspec.msgpack.decode(content, type=Codecs))

    def close(self) -> None:
        """No more comes."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


Job = tuple[Writing, bytes, int, str]
"""What to append, how many packets that are, and why the spool ends with it; an empty text if it goes on."""


class Writer:
    """Carries jobs out, in a thread of its own or, without one, at once. `done` are the spools that have ended: with
    why, and what the system said."""

    def __init__(self, thread: bool) -> None:
        self.done: collections.deque[tuple[Writing, str, str]] = collections.deque()
        self._handed = self._finished = 0
        self._threaded = thread
        self._jobs: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, jobs: list[Job]) -> None:
        """Hand over jobs."""
        self._handed += sum(len(records) for _, records, _, _ in jobs)
        if not self._threaded:
            self._carry_out(jobs)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="spools", daemon=True)
            self._thread.start()
        self._jobs.put(jobs)

    def behind(self) -> int:
        """How many octets wait."""
        return self._handed - self._finished

    def end(self, within_s: float = 5.0) -> None:
        """Write what is left."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(within_s)
            self._thread = None

    def _run(self) -> None:
        while (jobs := self._jobs.get()) is not None:
            self._carry_out(jobs)

    def _carry_out(self, jobs: list[Job]) -> None:
        for writing, records, packets, why in jobs:
            try:
                if not writing.failed:
                    writing.append(records)
                    writing.packets += packets
            except Exception as error:  # noqa: BLE001  one spool must not be the end of the thread, and of all others
                writing.failed = True
                self.done.append((writing, "failed", getattr(error, "strerror", None) or str(error)))
            if why:
                writing.close()
                if not writing.failed:
                    self.done.append((writing, why, ""))
            self._finished += len(records)
