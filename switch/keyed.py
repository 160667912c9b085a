"""What callers key in to prove who they are: passwords of account codes (CST-2) and PINs of conferences.

They are kept as hashes that take some milliseconds to check, so it is done off the loop; the call goes on when it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from config.compiled import Compiled
from switch import handed
from switch.chores import Chores
from switch.clock import LoopClock
from switch.core import Core


class Keyed:
    """Checks them by the configuration in force."""

    def __init__(self, core: Core, chores: Chores, clock: LoopClock) -> None:
        self._core = core
        self._chores = chores
        self._clock = clock
        self._passwords = handed.AccountPasswords()
        self._pins = handed.ConferencePins()

    def use(self, compiled: Compiled) -> None:
        """Take another version."""
        self._passwords.use(compiled)
        self._pins.use(compiled)

    def account(self, code: str, password: str, then: Callable[[bool, float], None]) -> None:
        """Whether that is the password of that account."""

        async def look() -> None:
            good = await asyncio.to_thread(self._passwords.fits, code, password)
            self._core.go_on(lambda now: then(good, now), self._clock.now())

        self._chores.begin("account code", look())

    def conference(self, room: str, pin: str, then: Callable[[str, float], None]) -> None:
        """`chair`, `member` or nothing, for who has given this PIN."""

        async def look() -> None:
            role = await asyncio.to_thread(self._pins.role, room, pin)
            self._core.go_on(lambda now: then(role, now), self._clock.now())

        self._chores.begin("conference pin", look())
