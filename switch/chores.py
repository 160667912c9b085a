"""Work of the loop that nobody waits for: held until it ends, and what it raises is told instead of being lost.

A task that nobody holds may vanish halfway; one that fails would say so at the end of the process, if ever, and what it
did again and again would not be done any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


class Chores:
    """All of them. `failed(error, name)` is told what a chore raised. `before` is called when one begins, so that what
    led to it is written down before a file or a letter is made of it."""

    def __init__(
        self, failed: Callable[[BaseException, str], object], before: Callable[[], object] = lambda: None
    ) -> None:
        self._failed = failed
        self._before = before
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something once. Must be called in the running loop."""
        task = asyncio.get_running_loop().create_task(self._do(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def repeat(self, name: str, pause_s: Callable[[], float], work: Callable[[], Awaitable[None]]) -> None:
        """Do something after each pause, for ever, also when it failed the last time."""

        async def again() -> None:
            while True:
                await asyncio.sleep(pause_s())
                await self._do(name, work())

        self.begin(name, again())

    async def _do(self, name: str, work: Awaitable[None]) -> None:
        try:
            self._before()
            await work
        except Exception as error:  # noqa: BLE001  one chore's failure is the end of neither the next nor the exchange
            self._failed(error, name)

    def close(self) -> None:
        """End what is under way."""
        for task in tuple(self._tasks):
            task.cancel()

    def __len__(self) -> int:
        return len(self._tasks)
