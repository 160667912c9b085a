"""Where the carriers are: the hosts of every trunk, found in the background, so that no call waits for a name server.

Nothing waits long for a name server: an exchange that comes back after a crash must be there for its calls at once, and
the name server may be away too. What it does not say now it is asked again; what it said last holds until then, also
when it denies the name all at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from config.compiled import HostSettings, TrunkSettings
from switch.net.targets import Group, Place, UnresolvedError, Wish
from switch.trunk_hosts import TrunkHost

WAIT_S = 1.0
AGAIN_S = 30.0
SOON_S = 5.0

Find = Callable[[Wish], Awaitable[tuple[Group, ...]]]


class Carriers:
    """Finds the hosts of trunks. `find` is the resolver's."""

    def __init__(self, find: Find, wait_s: float = WAIT_S) -> None:
        self.unknown: dict[str, str] = {}
        """Trunks none of whose hosts has ever been found, and why: they can neither be called nor recognised."""
        self._find = find
        self._wait_s = wait_s
        self._known: dict[Wish, tuple[Group, ...]] = {}
        self._why: dict[Wish, str] = {}

    @property
    def again_s(self) -> float:
        """When to ask again. The resolver keeps what holds longer."""
        return SOON_S if self.unknown else AGAIN_S

    async def find(self, trunks: Iterable[TrunkSettings]) -> dict[str, TrunkHost]:
        """Every trunk by its id, with all its hosts; those of all are asked for at the same time."""
        trunks = tuple(trunks)
        asked = {_wish(host) for trunk in trunks for host in trunk.places}
        self._known = {wish: found for wish, found in self._known.items() if wish in asked}
        await asyncio.gather(*(self._ask(wish) for wish in asked))
        found = {trunk.id: self._host(trunk) for trunk in trunks}
        self.unknown = {
            trunk.id: self._why.get(_wish(trunk.places[0]), "") for trunk in trunks if not found[trunk.id].places
        }
        return found

    async def _ask(self, wish: Wish) -> None:
        self._why.pop(wish, None)
        try:
            async with asyncio.timeout(self._wait_s):
                found = await self._find(wish)
        except UnresolvedError as error:
            self._why[wish] = str(error)
        except TimeoutError:
            self._why[wish] = f"{wish.host}: the name server does not answer"
        else:
            self._known[wish] = found

    def _host(self, trunk: TrunkSettings) -> TrunkHost:
        places = tuple(
            Place(host.priority, host.weight, self._known[_wish(host)])
            for host in trunk.places
            if _wish(host) in self._known
        )
        addresses = dict.fromkeys(
            target.address for place in places for group in place.groups for target in group.targets
        )
        return TrunkHost(trunk, places, trunk.sources or tuple(addresses))


def _wish(host: HostSettings) -> Wish:
    return Wish(host.host, host.port, host.transport)
