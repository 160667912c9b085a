"""Recordings as the relay's loop has them: what comes from a leg is kept in lists, and handed on to be written.

    Tap        of a leg: puts each packet with the clock into the lists of its recordings that are on
    Recording  one spool: on, paused, ended; when it ends by itself
    Spools     all of them: hands over what is due, tells what has ended

The files and the thread that writes them are in `spool.py`.
"""

from __future__ import annotations

import collections
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from media.engine import MediaEvent, RecordEnded, Remote, Spool
from media.meter import Meter
from media.spool import (
    CODECS,
    END,
    HEADER,
    MICRO,
    PACKET,
    PAUSED,
    RECORD,
    RESUMED,
    End,
    Header,
    Job,
    Writer,
    Writing,
    codecs_of,
    pack,
)

TURN_S = 0.05
TURNS = 10
"""Of so many turns each recording has one in which it is handed over."""
MOST_WAITING = 64 << 20
"""Octets. A disk that is so far behind is too slow."""


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
        clock, head, append = self._clock, RECORD.pack, self._on[0].append

        def keep(packet: memoryview) -> int:
            append(head(PACKET, len(packet), int(clock() * MICRO)) + packet)
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
            recording = tap.recordings[spool.path] = Recording(leg, spool, now, len(self._taps) % TURNS)
            recording.note(now, HEADER, msgspec.msgpack.encode(Header(1, leg, self._boot, self._wall())))
            if remote is not None:
                recording.note(now, CODECS, msgspec.msgpack.encode(codecs_of(remote)))
            self._hand_over([(recording, "")])
        self._change(leg, tap)
        self.due = min(self.due, now + TURN_S)

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
        self._turn = (self._turn + 1) % TURNS
        if self._writer.behind() > MOST_WAITING:
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
        self.due = now + TURN_S if busy else math.inf

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
        self.due = min(self.due, now + TURN_S)

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
