"""The feeder: follows the journal, folds it, and puts what is finished into the store.

It is the only one that holds open calls between two transactions, in memory. After a start it therefore reads the
journal from its first segment, as retention keeps every segment in which an open call has events, and gives out only
what ends behind the store's position. So it is at least once on paper, and exactly once in the store.

    python -P -m records.feed JOURNAL_DIRECTORY STORE_URL

runs it as a process of its own, at low priority, until SIGTERM. In a thread it runs by `Feeder.run`.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from records import heartbeat
from records.anchor import Anchor
from records.cdr import CallRecord, CdrFolder
from records.clocks import Steady
from records.events import STORED, CallEvent, Forgotten, StateTold, StoredEvent
from records.heartbeat import Heartbeat
from records.retention import Retention
from records.rules import KEEP_ALL, Rules, apply_rules
from records.segments import BEGIN, Frame, Position, Reader
from records.store import Store

CALL_EVENTS = frozenset(get_args(CallEvent))
_RETRY_S = 5.0
_STEP, _PORTION = 1 << 20, 1 << 15
"""A step takes about a mebibyte, in portions that are folded while the processor has them at hand."""
RULES_S = 3600.0
"""How often it is looked for records that are to go."""
UNSETTLED_S = 2.0
"""How soon where something has been deleted, and stands in the database's log still."""
_BUSY = 200  # so many frames in one step mean that a transaction a second would be waste


class Progress(msgspec.Struct, frozen=True):
    """What the feeder has done; `error` is why it stands still, or empty."""

    position: Position
    calls: int
    open_calls: int
    torn: int
    corrupt: int
    unknown_events: int
    segments_deleted: int
    error: str


class Feeder:
    """Feeds one store from one journal directory. `step` and `run` belong to one thread.

    `keep` and `spare_s` are those of `Retention`; `rules` say which records go, and `head` is where the end of the
    chain is kept (`records.anchor`).
    """

    def __init__(
        self,
        directory: Path,
        store: Store,
        *,
        keep: int = 0,
        spare_s: float = 60.0,
        rules: Rules = KEEP_ALL,
        head: Path | None = None,
    ) -> None:
        self._store = store
        self._directory = directory
        self._retention = Retention(directory, keep, spare_s)
        self._begin()
        self._applied: Position | None = None
        self._doubt = False
        self._behind = False
        """Whether the last step left something in the journal."""
        self._calls = 0
        self._error = ""
        self._rules = rules
        self._anchor = None if head is None else Anchor(head)
        self._unsettled = True
        """Whether something that was deleted may still stand in a file of the database. The last feeder may have been
        killed over it."""
        self._wrong = ""

    def _begin(self) -> None:
        """At the beginning of the journal, with nothing read."""
        self._reader = Reader(self._directory, calls_only=True)
        self._folder = CdrFolder()
        self._steady = Steady()
        self._retention.begin()
        self._waiting: list[CallRecord] = []
        self._facts: list[StoredEvent] = []
        self._swept = -1

    def _ask(self) -> None:
        """Where the store is. One that was put back, from a backup, gets what it lost, as far as the journal has it."""
        position = self._store.position()
        if self._applied is not None and position < self._applied:
            self._reader.close()
            self._begin()
            self._applied = None
        self._applied, self._doubt = self._applied or position, False

    def step(self) -> int:
        """Take what is new, at most about a mebibyte of it, into the store. Returns the number of frames.

        Raises SQLAlchemyError or OSError; nothing is lost then, and the next step goes on where this one stopped.
        """
        if self._applied is None or self._doubt:
            self._ask()
        assert self._applied is not None
        if self._reader.position > self._applied and (self._waiting or self._facts):
            self._apply()  # what the last step could not
        count = 0
        for _ in range(_STEP // _PORTION):
            frames = self._reader.read(_PORTION)
            self._behind = bool(frames)
            if not frames:
                break
            self._fold(frames)
            count += len(frames)
        if count and self._reader.position > self._applied:
            self._apply()
        return count

    def _fold(self, frames: Sequence[Frame]) -> None:
        """Take frames into the records of the calls that are up, and keep what the store is to have."""
        waiting, feed, retention, applied = self._waiting, self._folder.feed, self._retention, self._applied or BEGIN
        steady = self._steady
        event: Any  # one of `AnyEvent`; to look its class up costs a third of what `isinstance` does with a struct's
        for position, events, stamp in frames:
            if stamp is not None and stamp.clock is not steady.clock:
                steady.turn(stamp.clock, self._folder.open)
            new = position > applied
            call = ""
            for event in events:
                if event.__class__ in CALL_EVENTS:
                    if event.call != call:
                        call = event.call
                        retention.saw(position.segment, call)
                    record = feed(steady.of_call(event) if steady.behind else event)
                    if record is not None:
                        retention.ended(call)
                        if new:
                            waiting.append(record)
                elif event.__class__ is StateTold:
                    retention.saw_telling(position.segment, event)
                elif new and isinstance(event, STORED):
                    self._facts.append(event)

    def _apply(self) -> None:
        position, self._doubt = self._reader.position, True
        self._store.apply(self._waiting, position, facts=self._facts)
        self._doubt = False
        self._unsettled |= any(isinstance(fact, Forgotten) for fact in self._facts)
        self._facts = []
        self._applied = position
        self._calls += len(self._waiting)
        self._waiting = []
        if position.segment != self._swept:
            self.sweep()

    def sweep(self) -> None:
        """Delete what the journal no longer needs. `step` does so at the end of each segment."""
        if self._applied is None or self._reader.position < self._applied or self._waiting:
            return  # a call that has ended still needs its events until it is stored
        try:
            self._store.sync()  # before what it was made of goes
        except OSError:
            return
        self._swept = self._applied.segment
        self._retention.sweep(self._applied.segment, self._folder.open)

    def retain(self, at: datetime.datetime) -> int:
        """Delete the records that the rules no longer keep, and see to it that what was deleted is in no file of the
        database any more. How many there were. Raises SQLAlchemyError and OSError."""
        deleted = apply_rules(self._store, self._rules, at)
        if deleted or self._unsettled:
            self._unsettled = not self._store.settle()
        return deleted

    def keep_head(self) -> str:
        """Keep the end of the chain outside of the database. What is wrong, or nothing. Raises as `retain`."""
        return "" if self._anchor is None else self._anchor.keep(self._store)

    def run(self, stop: threading.Event, poll_s: float = 1.0, beat: Path | None = None) -> None:
        """Follow the journal until `stop`. A store or a disk that fails is tried again every five seconds. `beat` is
        where to write a heartbeat (`records.heartbeat`)."""
        sweep_at = rules_at = head_at = beat_at = caught_up_at = 0.0
        while not stop.is_set():
            if time.monotonic() >= sweep_at:  # what was too young for it at the end of its segment
                self.sweep()
                sweep_at = time.monotonic() + 60.0
            try:
                if time.monotonic() >= rules_at:
                    self.retain(datetime.datetime.now(datetime.UTC))
                    rules_at = time.monotonic() + RULES_S
                frames = self.step()
                # A transaction costs the same for few calls as for many: while there are many, they share one.
                pause = 0.0 if self._behind else poll_s * 3 if frames >= _BUSY else poll_s
                caught_up_at = caught_up_at if self._behind else time.time()
                beat_at = 0.0 if self._error else beat_at
                if self._unsettled:
                    rules_at = min(rules_at, time.monotonic() + UNSETTLED_S)
                if time.monotonic() >= head_at and not self._behind:
                    self._wrong = self.keep_head() or self._wrong
                    head_at = time.monotonic() + heartbeat.INTERVAL_S
                self._error = ""
            except (SQLAlchemyError, OSError) as error:
                self._error, self._doubt = _in_a_line(error), True
                pause, beat_at = _RETRY_S, 0.0
            if beat is not None and time.monotonic() >= beat_at:
                with contextlib.suppress(OSError):  # then it is missed, which says enough
                    heartbeat.write(
                        beat, Heartbeat(caught_up_at, self._error, self._wrong, (self._applied or BEGIN).segment)
                    )
                beat_at = time.monotonic() + heartbeat.INTERVAL_S
            stop.wait(pause)
        self._reader.close()

    def open_calls(self) -> Sequence[CallRecord]:
        """The calls that are up as of the position."""
        return list(self._folder.open.values())

    def progress(self) -> Progress:
        """What has been done."""
        reader = self._reader
        return Progress(
            position=self._applied or BEGIN,
            calls=self._calls,
            open_calls=len(self._folder.open),
            torn=reader.torn,
            corrupt=reader.corrupt,
            unknown_events=reader.codec.unknown,
            segments_deleted=self._retention.deleted,
            error=self._error,
        )


def _migrated(store: Store, beat: Path | None) -> bool:
    """Bring the tables up to date; False when the database cannot be had now, which the heartbeat tells."""
    try:
        store.migrate()
    except (SQLAlchemyError, OSError) as error:
        if beat is None:
            raise
        with contextlib.suppress(OSError):
            heartbeat.write(beat, Heartbeat(0.0, _in_a_line(error)))
        return False
    return True


def _in_a_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The process. Ends with 0 after SIGTERM or SIGINT; tables are brought up to date first."""
    parser = argparse.ArgumentParser(prog="records.feed", description="Feed the record store from the journal.")
    parser.add_argument("journal", type=Path)
    parser.add_argument("store", help="SQLAlchemy URL")
    parser.add_argument("--keep", type=int, default=0, help="consumed segments to leave")
    parser.add_argument("--poll", type=float, default=1.0, help="seconds between two looks")
    parser.add_argument("--beat", type=Path, help="file of the heartbeat")
    parser.add_argument("--head", type=Path, help="file of the end of the chain")
    parser.add_argument("--retain", type=float, default=0.0, help="seconds that records are kept; 0: for ever")
    parser.add_argument("--retain-emergency", type=float, default=0.0, help="the same of emergency calls")
    parser.add_argument("--once", action="store_true", help="stop at the end of the journal")
    options = parser.parse_args(arguments)
    os.nice(10)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(options.store)
    while not _migrated(store, options.beat):
        if options.once or stop.wait(_RETRY_S):
            store.close()
            return 1 if options.once else 0
    rules = Rules(options.retain, options.retain_emergency)
    feeder = Feeder(options.journal, store, keep=options.keep, rules=rules, head=options.head)
    # What is loaded now stays; and a fold makes garbage by reference count alone, so the search for cycles can be rare.
    gc.freeze()
    gc.set_threshold(50_000)
    if options.once:
        try:
            while feeder.step():
                pass
            feeder.keep_head()
        except (SQLAlchemyError, OSError) as error:
            sys.stderr.write(f"records: {_in_a_line(error)}; the rest is taken at the next start\n")
    else:
        feeder.run(stop, options.poll, options.beat)
    store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
