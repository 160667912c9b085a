"""Keeps the guard's bans on disk: what has changed is written every few seconds, off the loop."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from switch.net.bans import Ban
from switch.net.guard import Guard
from switch.state.bans import BanStore, KeptBan

INTERVAL_S = 2.0


class BanKeeper:
    """Between a `Guard` and its `BanStore`. `trouble` says why the last attempt failed, or is empty."""

    def __init__(self, guard: Guard, store: BanStore) -> None:
        self._guard = guard
        self._store = store
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""

    def restore(self) -> None:
        """Give the guard what the process before us has left. May block: before the loop has anything else to do."""
        bans, allowed = self._store.load()
        self._guard.restore([Ban(*msgspec.structs.astuple(ban)) for ban in bans], allowed)

    def start(self) -> None:
        """Begin to write. Must be called in the running loop."""
        self._task = asyncio.create_task(self._run(), name="ban keeper")

    async def stop(self) -> None:
        """Write what is left and close the store."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._write()
        self._store.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            await asyncio.shield(self._write())

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
