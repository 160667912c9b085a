"""An exchange whose disk fails: every write of its journal, its state file and its sound files is counted, and one of
them, or some in a row, or all from one on, raise that the disk is full.

The keepers of the state file run on the virtual clock as in `switch/app.py`, but for their threads.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from records import events as e
from records.journal import FileJournal
from switch.keeper import BindingKeeper, FactKeeper, MailboxKeeper
from switch.state.bindings import MemoryBindingStore
from switch.state.facts import MemoryFactStore
from switch.state.mailboxes import MemoryMailboxStore
from tests.support.exchange import Exchange
from tests.support.sounds import Sounds


class Disk:
    """Fails from the `at`th request on (counted from 0), `times` in all."""

    def __init__(self, at: int = -1, times: int = 1) -> None:
        self.at, self.times = at, times
        self.asked = 0
        self.failed: list[str] = []

    def ask(self, what: str) -> None:
        """Raises OSError where it is to fail."""
        number, self.asked = self.asked, self.asked + 1
        if self.at >= 0 and self.at <= number < self.at + self.times:
            self.failed.append(what)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self, fd: int, data: bytes | bytearray) -> int:
        """The journal's."""
        self.ask("journal")
        return os.write(fd, data)


def on(disk: Disk, store: Any, what: str, *methods: str) -> Any:
    """The store with methods that ask the disk first."""
    for name in methods:
        setattr(store, name, _asking(disk, f"{what}.{name}", getattr(store, name)))
    return store


def _asking(disk: Disk, what: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def asked(*args: Any) -> Any:
        disk.ask(what)
        return method(*args)

    return asked


async def _at_once(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


def _run(work: Coroutine[Any, Any, None]) -> None:
    """A coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


class FailingExchange(Exchange):
    """See above. `troubles` are all that `/healthz` would have said by now, `now` what it says now."""

    def __init__(self, network: Any, *, disk: Disk, folder: Path, waiting_bytes: int = 16 << 20, **knobs: Any) -> None:
        self.disk, self.folder, self._waiting_bytes = disk, folder, waiting_bytes
        self.troubles: list[str] = []
        self.keepers: tuple[Any, ...] = ()
        self._seen, self._quiet = (0, 0), 0
        super().__init__(network, **knobs)
        self.journal = self._open()  # type: ignore[assignment]
        self.facts = on(disk, MemoryFactStore(), "facts", "apply")
        self.mailboxes = on(disk, MemoryMailboxStore(), "mailboxes", "apply")
        self.bindings = on(disk, MemoryBindingStore(), "bindings", "apply")
        self.sounds = on(disk, Sounds(), "sounds", "finish", "drop")
        self.desk.files = self.sounds  # type: ignore[assignment]
        self._keep()
        self._tick(self.clock.now())

    def _open(self) -> FileJournal:
        clock = self.clock
        return FileJournal(
            self.folder,
            waiting_bytes=self._waiting_bytes,
            monotonic=clock.now,
            unix_time=lambda: clock.at().timestamp(),
            ns=lambda: int(clock.now() * 1e9),
            boot=self.machine().boot,
            write=self.disk.write,
        )

    def _keep(self) -> None:
        core = self.core
        self.keepers = (
            BindingKeeper(self.bindings, self._position),
            FactKeeper(self.facts, core.facts, core.flush, self._position, lambda: self.clock.at().timestamp()),
            MailboxKeeper(self.mailboxes, core.mailboxes, core.flush, self._position),
        )
        for keeper in self.keepers:
            keeper.off_the_loop = _at_once

    def _position(self) -> Any:
        return None if self.journal.health().waiting_events else self.journal.end

    def _tick(self, now: float) -> None:
        """What the exchange does every second. Where nothing happens, only the journal is asked."""
        if self.alive:
            self.journal.append(())
            seen = len(self.events), self.disk.asked
            self._quiet = self._quiet + 1 if seen == self._seen and not self.trouble else 0
            self._seen = seen
            if self._quiet < 3:
                for keeper in self.keepers:
                    _run(keeper._write())
                self.core.go_on(lambda at: self.desk.sweep(), now)
                self._look()
                self._after()
        self.clock.timers.start(now + 1.0, self, self._tick)

    def _look(self) -> None:
        said = self.trouble
        if said and said not in self.troubles:
            self.troubles.append(said)

    @property
    def trouble(self) -> str:
        """What `/healthz` says now."""
        return self.journal.health().degraded or next((each.trouble for each in self.keepers if each.trouble), "")

    def _append(self, events: list[e.AnyEvent]) -> None:
        self.journal.append(events)
        self.events += events
        for event in events:
            if isinstance(event, e.Bound | e.Unbound) and self.keepers:
                self.keepers[0].add(event)
        self._look()

    def save_facts(self) -> None:
        """The keepers do so."""

    def restart(self) -> None:
        """Come back, with what the disk has."""
        self.journal = self._open()  # type: ignore[assignment]
        super().restart()
        self.desk.files = self.sounds  # type: ignore[assignment]
        self._keep()

    def written(self) -> Sequence[e.AnyEvent]:
        """What the journal's files have."""
        return [event for frame in self.journal.read() for event in frame.events]
