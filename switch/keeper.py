"""Keeps bindings, subscriptions, facts and mailboxes on disk: what the journal got first goes into the state file once
a second, off the loop.

So a start has them without what the journal says of them, should that have been lost (`switch/replay.py`).
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from records.events import Bound, Subscribed, Unbound, Unsubscribed
from switch.facts import LiveFacts
from switch.mailboxes import Mailboxes
from switch.spending import DAY_MINUTES
from switch.state.bindings import BindingStore, Position
from switch.state.facts import FactStore
from switch.state.mailboxes import MailboxStore
from switch.state.subscriptions import SubscriptionStore, tag_of


class Closable(Protocol):
    """A store."""

    def close(self) -> None:
        """Let go of what is open."""


class Keeper(abc.ABC):
    """What is written every `interval_s`, off the loop, and once more at the end."""

    interval_s = 1.0

    def __init__(self, store: Closable) -> None:
        self._closable = store
        self._task: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self.off_the_loop: Callable[..., Awaitable[None]] = asyncio.to_thread

    @abc.abstractmethod
    async def _write(self) -> None:
        """Write what is new; must not raise for trouble with the disk."""

    def start(self) -> None:
        """Begin to write. Must be called in the running loop."""
        self._task = asyncio.create_task(self._run(), name=type(self).__name__)

    async def stop(self) -> None:
        """Write what is left and close the store."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._writing is not None:
            await asyncio.wait((self._writing,))  # it is in a thread: a store is closed when nobody writes to it
        await self._write()
        self._closable.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.interval_s)
            self._writing = asyncio.create_task(self._write())
            await asyncio.shield(self._writing)


Written = Callable[[], Position | None]
"""Up to where the journal is written; None while events wait for its disk. Nothing is kept then: what stands in the
state file, and is written into the journal behind the position afterwards, would count twice after a start."""


class BindingKeeper(Keeper):
    """Feeds a `BindingStore` from the loop's side. `trouble` says why the last attempt failed, or is empty."""

    def __init__(self, store: BindingStore, position: Written) -> None:
        super().__init__(store)
        self._store = store
        self._position = position
        self._waiting: dict[tuple[str, str, int], Bound | Unbound] = {}
        """The last event of each contact, in the order of the journal: no more than there are contacts, however long
        the disk is full."""
        self.trouble = ""

    def add(self, event: Bound | Unbound) -> None:
        """The journal has this event."""
        key = event.line, event.uri, event.reg_id
        self._waiting.pop(key, None)
        self._waiting[key] = event

    async def _write(self) -> None:
        batch, position = self._waiting, self._position()
        if not batch or position is None:
            return
        self._waiting = {}
        try:
            await self.off_the_loop(self._store.apply, list(batch.values()), position)
            self.trouble = ""
        except OSError as error:
            # The journal has them all: they are tried again, and lost only with the journal.
            self._waiting = {key: event for key, event in batch.items() if key not in self._waiting} | self._waiting
            self.trouble = f"bindings cannot be saved: {error}"


class SubscriptionKeeper(Keeper):
    """The same for a `SubscriptionStore`."""

    def __init__(self, store: SubscriptionStore) -> None:
        super().__init__(store)
        self._store = store
        self._waiting: dict[str, Subscribed | Unsubscribed] = {}
        """The last event of each subscription."""
        self.trouble = ""

    def add(self, event: Subscribed | Unsubscribed) -> None:
        """The journal has this event."""
        self._waiting[tag_of(event)] = event

    async def _write(self) -> None:
        if not self._waiting:
            return
        batch, self._waiting = self._waiting, {}
        try:
            await self.off_the_loop(self._store.apply, list(batch.values()))
            self.trouble = ""
        except OSError as error:
            self._waiting = batch | self._waiting
            self.trouble = f"subscriptions cannot be saved: {error}"


class FactKeeper(Keeper):
    """Feeds a `FactStore` from what `LiveFacts` has collected. `flush` hands the journal what has been decided, so that
    the figures and the position of one batch belong together. `trouble` says why the last attempt failed, or is
    empty."""

    def __init__(
        self,
        store: FactStore,
        facts: LiveFacts,
        flush: Callable[[], None],
        position: Written,
        unix_time: Callable[[], float],
    ) -> None:
        super().__init__(store)
        self._store = store
        self._facts = facts
        self._flush = flush
        self._position = position
        self._unix_time = unix_time
        self.trouble = ""

    async def _write(self) -> None:
        self._flush()
        position, forget = self._position(), int(self._unix_time()) // 60 - DAY_MINUTES
        if position is None:
            return
        settings, rows = self._facts.take()
        if not settings and not rows:
            return
        try:
            await self.off_the_loop(self._store.apply, settings, rows, forget, position)
            self.trouble = ""
        except OSError as error:
            self._facts.give_back(settings, rows)
            self.trouble = f"what users set cannot be saved: {error}"


class MailboxKeeper(Keeper):
    """Feeds a `MailboxStore` from what `Mailboxes` has collected, as `FactKeeper` does. `trouble` says why the last
    attempt failed, or is empty."""

    def __init__(self, store: MailboxStore, mailboxes: Mailboxes, flush: Callable[[], None], position: Written) -> None:
        super().__init__(store)
        self._store = store
        self._mailboxes = mailboxes
        self._flush = flush
        self._position = position
        self.trouble = ""

    async def _write(self) -> None:
        self._flush()
        position = self._position()
        if position is None:
            return
        changes = self._mailboxes.take()
        if not changes:
            return
        try:
            await self.off_the_loop(self._store.apply, changes, position)
            self.trouble = ""
        except OSError as error:
            self._mailboxes.give_back(changes)
            self.trouble = f"mailboxes cannot be saved: {error}"
