"""Spools: recordings as the packets that came, each with its instant, appended to a file by the media worker.

The relay's loop only puts a packet and the clock into a list (`Tap`); twice a second what is in it is handed to a
thread, which does nothing but write. So the loop never waits for a disk, and when the worker is killed all but the
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
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from media.engine import MediaEvent, RecordEnded, Remote, Spool
from media.meter import Meter

MAGIC = b"RPspool1"
HEADER, CODECS, PACKET, PAUSED, RESUMED, END = b"HCPIRE"
_RECORD = struct.Struct("<BHQ")
_TURN_S = 0.05
_TURNS = 10
_MOST_WAITING = 64 << 20
"""Octets. A disk that is so far behind is too slow."""
_MICRO = 1_000_000
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
    return _RECORD.pack(kind, len(content), int(at * _MICRO)) + content


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
    kinds, size_of, unpack = frozenset(b"HCPIRE"), _RECORD.size, _RECORD.unpack
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
                    self.loud_at = at / _MICRO
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
                self.done.append((writing, "failed", str(error)))
            if why:
                writing.close()
                if not writing.failed:
                    self.done.append((writing, why, ""))
            self._finished += len(records)


# --- the loop's side ---


class Recording:
    """One recording of a leg, as the loop sees it."""

    __slots__ = ("_on_s", "_since", "on", "others", "records", "spool", "turn", "writing")

    def __init__(self, leg: int, spool: Spool, now: float, turn: int) -> None:
        self.spool = spool
        self.writing = Writing(leg, spool.path, Meter() if spool.silence_s > 0 else None)
        self.records: list[bytes] = []
        self.others = 0
        """How many of them are no packets."""
        self.turn = turn
        self.on = True
        self._on_s = 0.0
        self._since = now

    def note(self, at: float, kind: int, content: bytes = b"") -> None:
        """Add another record than a packet."""
        self.records.append(pack(kind, at, content))
        self.others += 1

    def take(self, why: str) -> Job:
        """All records since the last time. The list stays the same one: the loop's closure holds its `append`."""
        records = self.records
        job = self.writing, b"".join(records), len(records) - self.others, why
        records.clear()
        self.others = 0
        return job

    def pause(self, now: float) -> None:
        """Keep nothing from now on."""
        if self.on:
            self._on_s += now - self._since
            self.on = False
            self.note(now, PAUSED)

    def stop(self, now: float) -> None:
        """It is over."""
        self._on_s = self.lasted_s(now)
        self.on = False

    def resume(self, now: float) -> None:
        """Go on."""
        if not self.on:
            self._since = now
            self.on = True
            self.note(now, RESUMED)

    def lasted_s(self, now: float) -> float:
        """How long it has been on."""
        return self._on_s + (now - self._since if self.on else 0.0)

    def due(self, now: float) -> str:
        """Why it ends by itself now; mostly an empty text."""
        if not self.on:
            return ""
        spool = self.spool
        if 0 < spool.most_s <= self.lasted_s(now):
            return "limit"
        if 0 < spool.silence_s <= now - max(self.writing.loud_at, self._since):
            return "silence"
        return ""


class Tap:
    """Where the recordings of a leg take its packets from."""

    __slots__ = ("_clock", "_on", "onward", "recordings")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.recordings: dict[str, Recording] = {}
        self.onward: Callable[[Any], int] | None = None
        """Where `through` leads, for a packet that is not to be kept."""
        self._on: tuple[list[bytes], ...] = ()
        self._clock = clock

    def change(self) -> bool:
        """Recordings have come, gone, paused or resumed. Whether any is on."""
        self._on = tuple(recording.records for recording in self.recordings.values() if recording.on)
        return bool(self._on)

    def keep(self, packet: memoryview | bytes) -> None:
        """Keep a packet: of RTP, deciphered, and no telephone-event."""
        record = pack(PACKET, self._clock(), packet)
        for records in self._on:
            records.append(record)

    def through(self, onward: Callable[[Any], int] | None) -> Callable[[Any], int] | None:
        """What the loop is to call in place of `onward`, so that what it relays is kept."""
        self.onward = onward
        if onward is None or not self._on:
            return onward
        if len(self._on) > 1:

            def keep_all(packet: memoryview) -> int:
                self.keep(packet)
                return onward(packet)

            return keep_all
        clock, head, append = self._clock, _RECORD.pack, self._on[0].append

        def keep(packet: memoryview) -> int:
            append(head(PACKET, len(packet), int(clock() * _MICRO)) + packet)
            return onward(packet)

        return keep


class Spools:
    """All recordings of one process. `clock` is CLOCK_MONOTONIC in seconds, or a test's own; `thread`: write in a
    thread. `changed` is called with a leg whose tap keeps other packets than before. `tick` is due at `due`."""

    def __init__(
        self,
        on_event: Callable[[MediaEvent], None],
        clock: Callable[[], float],
        changed: Callable[[int], None],
        *,
        thread: bool,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.due = math.inf
        self._on_event = on_event
        self._clock = clock
        self._wall = wall
        self._changed = changed
        self._writer = Writer(thread)
        self._taps: dict[int, Tap] = {}
        self._ended: dict[int, dict[str, RecordEnded]] = {}
        """Of open legs: told again when it is asked for again."""
        self._ending: dict[Writing, Recording] = {}
        """Handed to the writer with their end."""
        self._turn = 0
        self._boot = _boot()

    def tap(self, leg: int) -> Tap | None:
        """Where the packets of a leg are to go; None if it has never been recorded."""
        return self._taps.get(leg)

    def record(self, leg: int, spool: Spool, remote: Remote | None) -> None:
        """Begin, or go on; tell again how it ended if it has."""
        ended = self._ended.get(leg, {}).get(spool.path)
        if ended is not None:
            self._on_event(ended)
            return
        tap = self._taps.get(leg)
        if tap is None:
            tap = self._taps[leg] = Tap(self._clock)
        now = self._clock()
        recording = tap.recordings.get(spool.path)
        if recording is not None:
            recording.resume(now)
        else:
            if any((one.path, one.leg) == (spool.path, leg) for one in self._ending):
                return  # it is ending just now, and will be told
            recording = tap.recordings[spool.path] = Recording(leg, spool, now, len(self._taps) % _TURNS)
            recording.note(now, HEADER, msgspec.msgpack.encode(Header(1, leg, self._boot, self._wall())))
            if remote is not None:
                recording.note(now, CODECS, msgspec.msgpack.encode(codecs_of(remote)))
            self._hand_over([(recording, "")])
        self._change(leg, tap)
        self.due = min(self.due, now + _TURN_S)

    def pause(self, leg: int, path: str) -> None:
        """Keep nothing until `record` comes again."""
        tap = self._taps.get(leg)
        if tap is not None and path in tap.recordings:
            tap.recordings[path].pause(self._clock())
            self._change(leg, tap)

    def end_record(self, leg: int, path: str) -> None:
        """End one; `RecordEnded` follows, or comes again."""
        tap = self._taps.get(leg)
        if tap is not None and path in tap.recordings:
            self._end([tap.recordings[path]], "stopped")
        elif (ended := self._ended.get(leg, {}).get(path)) is not None:
            self._on_event(ended)

    def update(self, leg: int, remote: Remote) -> None:
        """The leg's far end has been described anew."""
        tap = self._taps.get(leg)
        if tap is not None:
            content = msgspec.msgpack.encode(codecs_of(remote))
            for recording in tap.recordings.values():
                recording.note(self._clock(), CODECS, content)

    def close(self, leg: int) -> None:
        """The leg is closed: what is on ends."""
        tap = self._taps.get(leg)
        if tap is not None:
            self._end(list(tap.recordings.values()), "closed")
        self._taps.pop(leg, None)
        self._ended.pop(leg, None)

    def tick(self, now: float) -> None:
        """Hand over what is due, end what has lasted long enough, tell what has ended. Call it at `due`."""
        self._collect()
        self._turn = (self._turn + 1) % _TURNS
        if self._writer.behind() > _MOST_WAITING:
            self._give_up()
        hand, over = [], collections.defaultdict(list)
        for tap in self._taps.values():
            for recording in tap.recordings.values():
                if why := recording.due(now):
                    over[why].append(recording)
                elif recording.turn == self._turn and recording.records:
                    hand.append((recording, ""))
        if hand:
            self._hand_over(hand)
        for why, recordings in over.items():
            self._end(recordings, why)
        busy = self._ending or any(tap.recordings for tap in self._taps.values())
        self.due = now + _TURN_S if busy else math.inf

    def end(self) -> None:
        """Write all that is left."""
        for leg in list(self._taps):
            self.close(leg)
        self._writer.end()
        self._collect()

    # --- inside ---

    def _end(self, recordings: list[Recording], why: str) -> None:
        now = self._clock()
        for recording in recordings:
            writing = recording.writing
            tap = self._taps[writing.leg]
            del tap.recordings[recording.spool.path]
            self._change(writing.leg, tap)
            recording.stop(now)
            recording.note(now, END, msgspec.msgpack.encode(End(why)))
            self._ending[writing] = recording
        self._hand_over([(recording, why) for recording in recordings])
        self.due = min(self.due, now + _TURN_S)

    def _hand_over(self, ready: list[tuple[Recording, str]]) -> None:
        self._writer.put([recording.take(why) for recording, why in ready])
        self._collect()

    def _give_up(self) -> None:
        """The disk is too slow, and memory is not for that. It is told now: who knows when the writer will be done."""
        recordings = [one for tap in self._taps.values() for one in tap.recordings.values()]
        self._end(recordings, "failed")
        for recording in recordings:
            if self._ending.pop(recording.writing, None) is not None:
                self._tell(recording, "failed", "the disk is too slow")

    def _change(self, leg: int, tap: Tap) -> None:
        tap.change()
        self._changed(leg)

    def _collect(self) -> None:
        """Tell what the writer has ended."""
        done = self._writer.done
        while done:
            writing, why, detail = done.popleft()
            recording = self._ending.pop(writing, None)
            if recording is None:
                # It failed in its midst: the loop still keeps packets for it.
                tap = self._taps.get(writing.leg)
                recording = tap.recordings.get(writing.path) if tap is not None else None
                if tap is None or recording is None or recording.writing is not writing:
                    continue
                del tap.recordings[writing.path]
                recording.stop(self._clock())
                self._change(writing.leg, tap)
                self._writer.put([(writing, b"", 0, why)])
            self._tell(recording, why, detail)

    def _tell(self, recording: Recording, why: str, detail: str) -> None:
        writing = recording.writing
        ended = RecordEnded(
            *(writing.leg, writing.path, why, writing.packets, writing.octets),
            *(recording.lasted_s(0.0), writing.heard_s, detail),
        )
        if writing.leg in self._taps:
            self._ended.setdefault(writing.leg, {})[writing.path] = ended
        self._on_event(ended)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
