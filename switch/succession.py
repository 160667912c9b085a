"""An exchange gives its place to the next one, or takes that of the one before (`ringplan upgrade`, decision 27).

standby   everything is imported, the configuration read; then it knocks (`succeed`)
giving    the one that runs stops reading, writes out what it has decided, and gives all away (`Succession`)
taking    the journal is read, as after a crash; what the letter says is known. It tells how it went (`report`)
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import structlog

import switch
from media import wire
from media.client import WorkerEngine
from records.journal import FileJournal, Journal
from records.segments import BEGIN, Frame, Position, Reader, locked
from switch import handover
from switch.arguments import PREPARED, ExchangeArguments
from switch.auth import Nonces
from switch.chores import Chores
from switch.clock import LoopClock
from switch.core import Core
from switch.net.transports import Transports
from switch.state.sqlite import check_state
from switch.watch_server import WatchServer


class Stops(Protocol):
    """A keeper, as far as it is of interest here."""

    async def stop(self) -> None:
        """Write what is left, and close."""


class Succession:
    """The one that runs. `unwilling` says why it cannot hand over at the moment, or nothing; `over` is called when it
    has, and the process has nothing left to do."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        core: Core,
        transports: Transports,
        clock: LoopClock,
        engine: WorkerEngine,
        journal: FileJournal,
        nonces: Nonces,
        watch: WatchServer,
        keepers: Iterable[Stops],
        chores: Chores,
        log: structlog.typing.FilteringBoundLogger,
        unwilling: Callable[[], str],
        over: Callable[[], None],
    ) -> None:
        self._core = core
        self._transports = transports
        self._clock = clock
        self._engine = engine
        self._journal = journal
        self._nonces = nonces
        self._watch = watch
        self._keepers = tuple(keepers)
        self._chores = chores
        self._log = log
        self._unwilling = unwilling
        self._over = over
        self.begun = False
        """Whether our place is being given away, or has been."""
        self.door = handover.Door(loop, self._knocked)

    def _knocked(self, hello: handover.Hello, to: socket.socket) -> None:
        why = "it hands over already" if self.begun else self._unwilling()
        if self._journal.health().waiting_events:
            why = why or "the disk does not take the journal (ringplan status): calls would be lost"
        if hello.wire != wire.VERSION:
            why = f"version {hello.version} needs other media workers than those that run: a restart is needed"
        if why:
            handover.refuse(to, why)
            return
        self.begun = True
        self._chores.begin("hand-over", self._hand_over(to))

    async def _hand_over(self, to: socket.socket) -> None:
        try:
            for keeper in self._keepers:
                await keeper.stop()  # so that nobody else writes to the state file; what comes now is in the journal
            await self._give(to)
        finally:
            self._over()

    async def _give(self, to: socket.socket) -> None:
        """In one turn: what was read is decided, written and sent, and what comes next is another's."""
        self._transports.pause()
        stopped_s = time.monotonic()
        self._core.flush()
        self._core.mute()
        self._clock.close()
        self._engine.shut()
        self._watch.release()
        if self._journal.health().degraded:
            self._journal.close()  # what waits for the disk gets its last chance
        streams = self._transports.give()
        will = handover.Will(
            switch.VERSION,
            os.getpid(),
            stopped_s,
            self._core.letter(),
            self._nonces.kept(),
            tuple(stream for stream, _ in streams),
        )
        try:
            handover.give(to, will, [connection for _, connection in streams])
        except OSError as error:
            self._log.error("the exchange that was to take over is gone; the next start goes on", why=str(error))


async def succeed(arguments: ExchangeArguments) -> handover.Taken | None:
    """In standby, when all is prepared: take over, as soon as the other one gives its place; None where there is none
    any more. Raises handover.Refused, and NewerStateError and NewerFormatError where this version is too old: then the
    other one goes on."""
    check_state(arguments.places.data / "state.sqlite3")
    frames = read_ahead(arguments.places.journal)
    gc.collect()
    gc.freeze()
    say(arguments, PREPARED)
    hello = handover.Hello(switch.VERSION, os.getpid(), wire.VERSION)
    taken = await asyncio.to_thread(handover.take, arguments.places.handover, hello)
    if taken is not None:
        taken.frames = frames
    return taken


def read_ahead(directory: Path) -> list[Frame]:
    """The journal as it is now: most of the work of reading it is done before anybody waits for it."""
    reader = Reader(directory)
    with locked(directory, fcntl.LOCK_SH), contextlib.closing(reader):
        return list(reader)


class ReadAhead:
    """A journal whose beginning was read already."""

    def __init__(self, journal: Journal, frames: Sequence[Frame]) -> None:
        self._frames = frames
        self._journal = journal
        self.append = journal.append

    def read(self, position: Position = BEGIN) -> Iterator[Frame]:
        """All that stands behind the position."""
        yield from (frame for frame in self._frames if frame.position > position)
        yield from self._journal.read(max(position, self._frames[-1].position if self._frames else BEGIN))


def report(taken: handover.Taken | None, core: Core) -> bytes:
    """How we have taken over, for the supervisor, at the instant at which we begin to read."""
    calls = core.calls.by_id.values()
    told: dict[str, object] = {
        "version": switch.VERSION,
        "process": os.getpid(),
        "calls": len(calls),
        "being_set_up": sum(call.state.answered_at is None for call in calls),
    }
    if taken is not None:
        told |= {
            "version_before": taken.will.version,
            "process_before": taken.will.process,
            "connections": len(taken.streams),
            "gap_ms": round(handover.gap_ms(taken.will), 1),
        }
    return json.dumps(told).encode() + b"\n"


def say(arguments: ExchangeArguments, what: bytes) -> None:
    """Tell the supervisor. It may be gone, or have no room: it will hear of us later."""
    if arguments.status_fd is not None and what:
        try:
            os.write(arguments.status_fd, what)
        except OSError:
            sys.stderr.flush()
