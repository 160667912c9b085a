"""Where the carriers are: their names turned into addresses, and asked for again, as name servers change their minds.

Nothing waits long for a name server: an exchange that comes back after a crash must be there for its calls at once, and
the name server may be away too. What it does not say now it is asked again; what it said last holds until then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from config.compiled import TrunkSettings
from switch.directory import TrunkHost
from switch.net.flows import numeric

WAIT_S = 1.0
AGAIN_S = 30.0

LookUp = Callable[[str, int], Awaitable[tuple[str, ...]]]


class Carriers:
    """Finds the hosts of trunks. `look_up(host, port)` gives addresses, best first, or raises OSError."""

    def __init__(self, look_up: LookUp, wait_s: float = WAIT_S) -> None:
        self.unknown: tuple[str, ...] = ()
        """Trunks whose host's address has never been learned: they can neither be called nor recognised by it."""
        self._look_up = look_up
        self._wait_s = wait_s
        self._known: dict[tuple[str, int], tuple[str, ...]] = {}

    async def find(self, trunks: Iterable[TrunkSettings]) -> dict[str, TrunkHost]:
        """Every trunk's host by trunk id, asked for at the same time. One whose address is not known keeps its name."""
        trunks = tuple(trunks)
        asked = {_place(trunk) for trunk in trunks}
        self._known = {place: found for place, found in self._known.items() if place in asked}
        await asyncio.gather(*(self._ask(*place) for place in asked))
        self.unknown = tuple(trunk.id for trunk in trunks if _place(trunk) not in self._known)
        return {trunk.id: self._host(trunk) for trunk in trunks}

    async def _ask(self, host: str, port: int) -> None:
        try:
            self._known[host, port] = (numeric(host),)
            return
        except ValueError:
            pass
        try:
            async with asyncio.timeout(self._wait_s):
                found = await self._look_up(host, port)
        except (OSError, TimeoutError):
            return
        if found:
            self._known[host, port] = found

    def _host(self, trunk: TrunkSettings) -> TrunkHost:
        host, port = _place(trunk)
        found = self._known.get((host, port), ())
        address = found[0] if found else host
        return TrunkHost(trunk.id, trunk.places[0].transport, address, port, trunk.sources or found, trunk.domain, host)


def _place(trunk: TrunkSettings) -> tuple[str, int]:
    """The first host."""
    first = trunk.places[0]
    return first.host, first.port or (5061 if first.transport == "tls" else 5060)
