"""Keeps the guard's bans over a restart: every few seconds what has changed is told in the journal, and written into
the state file, off the loop. What people change is told before they hear that it is done.

A ban is told as an absolute statement (`records.events.FiguresTold` of the kinds below), without how many packets it
has dropped meanwhile, and so is its end, with no rows.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Iterator, Mapping

import msgspec

from records.events import FiguresTold
from switch.keeper import Keeper
from switch.net.bans import Ban
from switch.net.guard import Guard
from switch.state.bans import BanStore, KeptBan

BAN = "ban"
ALLOWED = "allowed"
KINDS = frozenset((BAN, ALLOWED))
Key = tuple[str, str]
"""Kind and name: of a ban its key, or a network that is allowed."""
Rows = tuple[tuple[int, int, int], ...]
GONE: tuple[Rows, str] = ((), "")


class BanKeeper(Keeper):
    """Between a `Guard`, its `BanStore` and the journal (`append`). `trouble` says why the last attempt to write the
    file failed, or is empty."""

    interval_s = 2.0

    def __init__(
        self,
        guard: Guard,
        store: BanStore,
        append: Callable[[list[FiguresTold]], object] = lambda events: None,
        at: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        super().__init__(store)
        self._guard = guard
        self._store = store
        self._append = append
        self._at = at
        self._said: dict[Key, tuple[Rows, str]] = {}
        self.trouble = ""

    def restore(self, told: Mapping[Key, FiguresTold] | None = None, whole: bool = False) -> None:
        """Give the guard what the process before us has left: what the state file has, unless the journal has the
        `whole` of it, and over that what was `told` in the journal. May block: before the loop has anything else to do.
        """
        bans, allowed = ([], []) if whole else self._store.load()
        known, networks = {ban.key: ban for ban in bans}, dict.fromkeys(allowed)
        for (kind, name), event in (told or {}).items():
            if kind == BAN:
                known.pop(name, None)
                if event.rows:
                    (since, until, times), (dry, *_) = event.rows
                    known[name] = KeptBan(name, event.text, since / 1000, until / 1000, times, bool(dry), 0)
            elif kind == ALLOWED:
                networks.pop(name, None)
                if event.rows:
                    networks[name] = None
        self._guard.restore([Ban(*msgspec.structs.astuple(ban)) for ban in known.values()], list(networks))
        self._said = self._standing()

    def told(self) -> Iterator[FiguresTold]:
        """All that stands, as events that say so anew."""
        for key in list(self._said):
            if (said := self._said.get(key)) is not None:
                yield FiguresTold(*key, said[0], self._at(), said[1])

    def _standing(self) -> dict[Key, tuple[Rows, str]]:
        found: dict[Key, tuple[Rows, str]] = {}
        for ban in self._guard.bans.standing.values():
            times = round(ban.since * 1000), round(ban.until * 1000), ban.times
            found[BAN, ban.key] = (times, (int(ban.dry), 0, 0)), ban.why
        for network in self._guard.allowed:
            found[ALLOWED, network] = ((0, 1, 0),), ""
        return found

    def tell(self) -> None:
        """Tell the journal now what has changed. The state file has it later."""
        if self._guard.bans.changed:
            self._tell()

    def _tell(self) -> None:
        before, self._said = self._said, self._standing()
        changed = {key: said for key, said in self._said.items() if before.get(key) != said}
        changed |= {key: GONE for key in before if key not in self._said}
        if changed:
            self._append([FiguresTold(*key, rows, self._at(), why) for key, (rows, why) in changed.items()])

    async def _write(self) -> None:
        bans = self._guard.bans
        if not bans.changed:
            return
        bans.changed = False
        self._tell()
        rows = [KeptBan(*msgspec.structs.astuple(ban)) for ban in bans.standing.values()]
        try:
            await asyncio.to_thread(self._store.save, rows, list(self._guard.allowed))
            self.trouble = ""
        except OSError as error:
            bans.changed = True
            self.trouble = f"bans cannot be saved: {error}"
