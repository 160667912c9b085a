"""The configuration in force, and how another one takes its place: at the start, and whenever it is reloaded.

What takes long comes first, off the loop or in other processes: compiling, certificates, prompts, finding carriers.
Then all of it is swapped in one turn (`switch.swapping`). One that cannot be used changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from config.compiled import Compiled
from switch import configuration, handed, models, swapping
from switch.accounts import Accounts
from switch.arguments import Places
from switch.carriers import Carriers
from switch.clock import LoopClock
from switch.control import Refused
from switch.core import Core
from switch.metrics import Counters
from switch.net.guard import Guard
from switch.net.resolver import Resolver
from switch.notices import Notices
from switch.standing import ExchangeStanding
from switch.trunk_hosts import TrunkHost
from switch.views import ReloadView


class InForce:
    """`compiled` is in force, and `model` its dialplan. Before a swap each of `slow` is waited for; in it `takers` are
    the first that are handed the new version, in this order."""

    def __init__(
        self,
        compiled: Compiled,
        places: Places,
        *,
        slow: Sequence[Callable[[Compiled], Awaitable[None]]],
        takers: Sequence[Callable[[Compiled], None]],
        core: Core,
        accounts: Accounts,
        resolver: Resolver,
        carriers: Carriers,
        guard: Guard,
        standing: ExchangeStanding,
        counters: Counters,
        notices: Notices,
        clock: LoopClock,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.compiled = self._started_with = compiled
        self.model = compiled.model
        self._places = places
        self._slow = slow
        self._takers = takers
        self._core = core
        self._accounts = accounts
        self._resolver = resolver
        self._carriers = carriers
        self._guard = guard
        self._standing = standing
        self._counters = counters
        self._notices = notices
        self._clock = clock
        self._log = log
        self._busy = asyncio.Lock()

    async def start(self) -> None:
        """Hand the first version to all that keep something of it."""
        await self._use(self.compiled)

    async def reload(self) -> ReloadView:
        """Compile anew in a process of its own and swap. Raises Refused; then nothing has changed."""
        async with self._busy:
            try:
                compiled, packed = await configuration.compile_apart(self._places.config)
            except configuration.ConfigurationError as error:
                self._counters.reloads_refused += 1
                self._log.error("configuration refused", errors=error.lines)
                told = tuple(problem.told("error") for problem in error.problems) or error.lines
                self._standing.not_taken, self._standing.not_taken_at = error.lines, time.time()
                raise Refused("the configuration has errors; nothing was changed", told) from error
            changed = compiled.version != self.compiled.version
            # First: whatever becomes of us, calls that it has decided can be explained by it.
            await asyncio.to_thread(models.keep, self._places.data, compiled.model)
            await self._use(compiled)
            self.compiled = self._standing.compiled = compiled
            self._standing.refusal = self._standing.not_taken = ()
            self._standing.at_restart = configuration.needs_restart(self._started_with, compiled)
            self._counters.reloads += 1
            unkept = await self._keep(compiled, packed)
            warnings = (
                *(f"warning: {each}" for each in unkept),
                *(f"warning: {each}" for each in self._standing.at_restart),
                *(problem.told("warning") for problem in compiled.warnings),
            )
            self._log.info("configuration taken", configuration=compiled.version, changed=changed)
            return ReloadView(version=compiled.version, changed=changed, warnings=warnings)

    async def reload_by_signal(self) -> None:
        """The same where nobody waits for the answer: the log has it."""
        with contextlib.suppress(Refused):
            await self.reload()

    async def find_carriers_again(self) -> None:
        """Carriers move, and a name server that was away comes back."""
        async with self._busy:
            trunks = await self._find_carriers(self.compiled)
            swapping.reach(self._core, self._accounts, self.compiled, trunks, self._clock.now())
            swapping.trust(self._guard, trunks)

    async def _keep(self, compiled: Compiled, packed: bytes) -> tuple[str, ...]:
        """For a start after a crash. A full disk does not take the configuration out of force; it is told."""
        try:
            await asyncio.to_thread(configuration.keep, self._places.data, compiled, packed)
        except OSError as error:
            said = f"it is in force, but cannot be kept: after a crash the former one holds ({error})"
            self._log.error("configuration cannot be kept", why=str(error))
            return (said,)
        return ()

    async def _use(self, compiled: Compiled) -> None:
        """One swap: calls keep the plan that they began with, what comes next is decided by the new model."""
        trunks = await self._find_carriers(compiled)
        for take in self._slow:
            await take(compiled)
        began = time.monotonic()
        self.model = compiled.model
        for use in self._takers:
            use(compiled)
        swapping.swap(self._core, self._accounts, compiled, trunks, self._clock.now())
        swapping.trust(self._guard, trunks)
        swapping.admit(self._guard, compiled)
        self._notices.took("reload", time.monotonic() - began)

    async def _find_carriers(self, compiled: Compiled) -> dict[str, TrunkHost]:
        before = self._carriers.unknown
        self._resolver.transports = handed.transports(compiled)
        self._resolver.families = handed.families(compiled)
        trunks = await self._carriers.find(compiled.trunks)
        for trunk, why in self._carriers.unknown.items():
            if trunk not in before:
                self._log.error("trunk host cannot be resolved", trunk=trunk, why=why)
        return trunks
