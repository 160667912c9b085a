"""The names of next hops, asked of the name server without anybody waiting for it: the resolver as `switch.net.hops`
wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from switch.net.resolver import Resolver
from switch.net.targets import Target, UnresolvedError, Wish, order

HOP_S = 2.0
"""How long a message to a host that a carrier named waits for the name server."""


class Lookups:
    """`chance` draws among targets of the same rank (RFC 2782)."""

    def __init__(
        self, resolver: Resolver, chance: Callable[[], float], log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._resolver = resolver
        self._chance = chance
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def known(self, wish: Wish) -> Sequence[Target] | None:
        """See `switch.net.hops.Known`."""
        try:
            found = self._resolver.known(wish)
        except UnresolvedError:
            return ()
        return order(found, self._chance) if found is not None else None

    def ask(self, wish: Wish, found: Callable[[Sequence[Target]], None]) -> None:
        """See `switch.net.hops.Ask`."""
        task = asyncio.get_running_loop().create_task(self._ask(wish, found), name=f"hop {wish.host}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, wish: Wish, found: Callable[[Sequence[Target]], None]) -> None:
        targets: Sequence[Target] = ()
        try:
            async with asyncio.timeout(HOP_S):
                targets = await self._resolver.resolve(wish.host, wish.port, wish.transport)
        except (TimeoutError, UnresolvedError) as error:
            self._log.warning("a carrier's next hop cannot be resolved", host=wish.host, why=str(error))
        found(targets)
