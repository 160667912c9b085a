"""Which parts of the journal are no longer needed.

A segment may go when the store has all of it, no call that is still up has an event in it, and the exchange has told
all its state anew since (`StateTold`): a telling that came to its end began behind it. One call of eight hours must not
hold everything that came after its beginning, so a consumed segment that is held is written anew with the events of
those calls only.

Nobody may see a call's beginning without its end. So segments are gone through from the oldest on, and the first that
cannot be dealt with ends the round: what is kept of a call is always its last part or all of it, but for calls that are
up.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Container
from pathlib import Path

from records.codec import Codec
from records.events import Event, StateTold
from records.recovery import Telling
from records.segments import FORMAT, Position, Reader, Segment, frame, locked, segments

_ASIDE = ".compact"
"""What a segment that is written anew is called until it is whole."""


class Retention:
    """Follows one reader through the journal.

    The latest `keep` consumed segments are left for people to look at. A segment is left alone for `spare_s` seconds
    after it was last written, so that whoever else follows the journal (the registrar keeps bindings of its own) has
    taken it in, even if the exchange dies again and again.

    Memory is one set of call ids a segment that is held, and those are of open calls only.
    """

    def __init__(
        self, directory: Path, keep: int = 0, spare_s: float = 60.0, unix_time: Callable[[], float] = time.time
    ) -> None:
        self.deleted = 0
        self._directory = directory
        self._keep = keep
        self._spare_s = spare_s
        self._unix_time = unix_time
        self._codec = Codec()
        self.begin()

    def begin(self) -> None:
        """The reader is at the beginning of the journal."""
        self._current = 0
        self._touched: dict[str, None] = {}
        self._held: dict[int, set[str]] = {}
        self._compact: dict[int, int] = {}
        self._telling, self._began = Telling(), 0
        self.told = 0
        """The segment in which the last complete telling of the state began."""

    def saw_telling(self, segment: int, event: StateTold) -> None:
        """Events of this kind come in the order of the journal."""
        if not event.over:
            self._began = segment
        if self._telling.saw(event):
            self.told = self._began

    def saw(self, segment: int, call: str) -> None:
        """An event of this call stands in this segment. Segments come in ascending order."""
        if segment != self._current:
            self._turn_to(segment)
        self._touched[call] = None

    def _turn_to(self, segment: int) -> None:
        self._held[self._current] = set(self._touched)
        self._touched.clear()
        self._current = segment

    def ended(self, call: str) -> None:
        """The call holds nothing any more."""
        self._touched.pop(call, None)

    def sweep(self, consumed: int, open_calls: Container[str]) -> int:
        """Delete or shrink what is not needed of the segments before `consumed`, the one of the store's position, and
        before the last complete telling of the state.
        Returns how many went. What the disk refuses is tried again in the next round."""
        if self._current < consumed:
            self._turn_to(consumed)
        before_both = min(consumed, self.told)
        present = [segment for segment in segments(self._directory) if segment.number < before_both]
        present = list(itertools.takewhile(lambda segment: segment.format <= FORMAT, present))
        before = self.deleted
        with contextlib.suppress(OSError), locked(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for stray in self._directory.glob(f"*{_ASIDE}"):  # somebody was killed while writing it
                stray.unlink()
            for segment in present[: max(0, len(present) - self._keep)]:
                if self._unix_time() - segment.path.stat().st_mtime < self._spare_s:
                    break
                holding = self._held.setdefault(segment.number, set())
                holding.difference_update([call for call in holding if call not in open_calls])
                if holding:
                    self._shrink(segment, holding)
                    continue
                segment.path.unlink()
                self._held.pop(segment.number)
                self._compact.pop(segment.number, None)
                self.deleted += 1
        self._held = {number: calls for number, calls in self._held.items() if calls or number >= consumed}
        return self.deleted - before

    def _shrink(self, segment: Segment, calls: set[str]) -> None:
        """Write the segment anew with the events of these calls only. It is replaced whole or not at all."""
        if self._compact.get(segment.number) == len(calls):
            return
        stat = segment.path.stat()
        aside = segment.path.with_suffix(_ASIDE)
        reader = Reader(self._directory, Position(segment.number, 0))
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out, segment.path.open("rb") as old:
                out.write(old.read(segment.start))
                for position, events, stamp in reader:
                    if position.segment != segment.number:
                        break
                    kept = [event for event in events if isinstance(event, Event) and event.call in calls]
                    if kept:
                        ns = round(stamp.monotonic * 1e9) if stamp is not None else 0
                        out.write(frame(segment, self._codec.encode(kept), ns))
                out.flush()
                os.fsync(out.fileno())
            os.utime(aside, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            aside.replace(segment.path)
        finally:
            reader.close()
        self._compact[segment.number] = len(calls)
