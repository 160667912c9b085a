"""The state file: its stores, what they know at a start, and their keepers, which feed them what the journal has got.

What stands in it can be had from the journal, too: so a damaged one is set aside, and a new one begun. Each store has
a connection of its own, since each keeper writes off the loop.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from records import events as e
from records.journal import FileJournal
from records.recovery import Recovery
from switch.ban_keeper import BanKeeper
from switch.clock import LoopClock
from switch.core import Core
from switch.keeper import BindingKeeper, FactKeeper, MailboxKeeper, SubscriptionKeeper
from switch.net.guard import Guard
from switch.replay import KeptJournal, replay
from switch.state.bans import SqliteBanStore
from switch.state.bindings import Position, SqliteBindingStore
from switch.state.damage import SUFFIX, open_sound
from switch.state.facts import SqliteFactStore
from switch.state.mailboxes import SqliteMailboxStore
from switch.state.sqlite import open_state
from switch.state.subscriptions import SqliteSubscriptionStore


class StateFile:
    """Opened at once. Raises NewerStateError where a later version wrote it, and sqlite3.Error where no file can be
    opened at all. `keepers` say what troubles them; `bindings` and `subscriptions` are to be told of each event."""

    def __init__(
        self,
        path: Path,
        core: Core,
        guard: Guard,
        journal: FileJournal,
        clock: LoopClock,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._core = core
        self._journal = journal
        self._clock = clock
        self._log = log
        sound, wrong = open_sound(path)
        if wrong:
            log.error(
                "the state file was damaged and is set aside: what it had is taken from the journal",
                file=f"{path}{SUFFIX}",
                wrong=wrong,
            )
        self._bound = SqliteBindingStore(sound)
        self._facts = SqliteFactStore(open_state(path))
        self._mailboxes = SqliteMailboxStore(open_state(path))
        self._subscribed = SqliteSubscriptionStore(open_state(path))
        self.bindings = BindingKeeper(self._bound, self._written)
        self.subscriptions = SubscriptionKeeper(self._subscribed)
        self._bans = BanKeeper(guard, SqliteBanStore(open_state(path)), journal.append, clock.at)
        self.keepers = (
            self.bindings,
            self._bans,
            FactKeeper(self._facts, core.facts, core.flush, self._written, time.time),
            MailboxKeeper(self._mailboxes, core.mailboxes, core.flush, self._written),
            self.subscriptions,
        )

    def restore(self, journal: KeptJournal, now: float) -> Recovery:
        """Give back to the core and the guard what was known when the last exchange ended: what stands here, and over
        it what the journal has. See `switch.replay`."""
        found = replay(
            self._core,
            journal,
            self._bound.load(),
            self._facts.load(),
            now,
            self._clock.at(),
            self._log,
            self._mailboxes.load(),
            self._subscribed.load(),
        )
        self._bans.restore(found.figures, found.told)
        return found

    def told(self) -> Iterator[e.AnyEvent]:
        """What the core does not know: bans."""
        return self._bans.told()

    def tell(self) -> None:
        """Write into the journal at once what the keepers would tell there later: bans."""
        self._bans.tell()

    def start(self) -> None:
        """Begin to write. Must be called in the running loop."""
        for keeper in self.keepers:
            keeper.start()

    async def stop(self) -> None:
        """Write what is left, and let go of the file."""
        for keeper in self.keepers:
            await keeper.stop()

    def _written(self) -> Position | None:
        """Up to where the journal is written (`keeper.Written`)."""
        return None if self._journal.health().waiting_events else self._journal.end
