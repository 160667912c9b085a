"""Keeps the guard's bans on disk: what has changed is written every few seconds, off the loop."""

from __future__ import annotations

import asyncio

import msgspec

from switch.keeper import Keeper
from switch.net.bans import Ban
from switch.net.guard import Guard
from switch.state.bans import BanStore, KeptBan


class BanKeeper(Keeper):
    """Between a `Guard` and its `BanStore`. `trouble` says why the last attempt failed, or is empty."""

    interval_s = 2.0

    def __init__(self, guard: Guard, store: BanStore) -> None:
        super().__init__(store)
        self._guard = guard
        self._store = store
        self.trouble = ""

    def restore(self) -> None:
        """Give the guard what the process before us has left. May block: before the loop has anything else to do."""
        bans, allowed = self._store.load()
        self._guard.restore([Ban(*msgspec.structs.astuple(ban)) for ban in bans], allowed)

    async def _write(self) -> None:
        bans = self._guard.bans
        if not bans.changed:
            return
        bans.changed = False
        rows = [KeptBan(*msgspec.structs.astuple(ban)) for ban in bans.standing.values()]
        try:
            await asyncio.to_thread(self._store.save, rows, list(self._guard.allowed))
            self.trouble = ""
        except OSError as error:
            bans.changed = True
            self.trouble = f"bans cannot be saved: {error}"
