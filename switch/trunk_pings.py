"""Asks the hosts of carriers by OPTIONS whether they live (`ping` of a trunk).

Each target is asked every so often, one that is down more often, as it may come back any moment. Whatever it answers,
it lives, but for 503 (it wants no calls) and 408 (whom it asked did not answer). Silence is told after `WAIT_S`, in
which UDP repeats the question three times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from switch.asking import question
from switch.net.targets import Target
from switch.sip.endpoint import Endpoint
from switch.sip.flow import Flow
from switch.sip.message import Response
from switch.sip.timer import Timer
from switch.trunk_hosts import TrunkHost, TrunkHosts, place_of

WAIT_S = 4.5
AGAIN_S = 15.0
"""One that is down is asked so often at the least."""
FIRST_S = 0.5
DEAD = (408, 503)


class TrunkPings:
    """All pings of the moment. What comes of them goes to `hosts`."""

    def __init__(
        self,
        endpoint: Endpoint,
        hosts: TrunkHosts,
        token: Callable[[], str],
        advertised: Callable[[Flow], tuple[str, int]],
    ) -> None:
        self.endpoint = endpoint
        self.hosts = hosts
        self.token = token
        self.advertised = advertised
        self._pings: dict[tuple[str, Target], Ping] = {}

    def use(self, trunks: Iterable[TrunkHost], now: float) -> None:
        """Take another version of the trunks. Those that are asked already go on in their rhythm."""
        before, self._pings = self._pings, {}
        for trunk in trunks:
            for target in trunk.targets if trunk.settings.ping_s else ():
                key = (trunk.id, target)
                ping = before.pop(key, None)
                if ping is None:
                    ping = Ping(self, trunk, target)
                    # Not all at the same moment.
                    ping.start(now + FIRST_S * (1 + len(self._pings)))
                ping.trunk = trunk
                self._pings[key] = ping
        for ping in before.values():
            ping.stop()

    def __len__(self) -> int:
        return len(self._pings)


class Ping:
    """One target that is asked."""

    __slots__ = ("_all", "_asked_at", "_timer", "_waiting", "target", "trunk")

    def __init__(self, all_: TrunkPings, trunk: TrunkHost, target: Target) -> None:
        self.trunk = trunk
        self.target = target
        self._all = all_
        self._timer: Timer | None = None
        self._asked_at = 0.0
        self._waiting = False

    def start(self, when: float) -> None:
        """Ask at that instant."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._all.endpoint.timers.start(when, self, None)

    def stop(self) -> None:
        """It is not asked any more; what it still answers concerns nobody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting = False
        self._all.hosts.forget_pings(self.trunk, self.target)

    def on_timer(self, what: object, now: float) -> None:
        """It is time to ask, or the answer is late."""
        self._timer = None
        if self._waiting:
            self._down("no answer to OPTIONS", now)
        else:
            self._ask(now)

    def on_response(self, txn: object, response: Response, now: float) -> None:
        """An answer. One that comes late is as good."""
        if response.status < 200 or self._timer is None:
            return
        if response.status in DEAD:
            self._down(f"{response.status} to OPTIONS", now)
            return
        rtt_s = now - self._asked_at
        self._waiting = False
        self._all.hosts.pinged(self.trunk, self.target, True, "", rtt_s, now)
        self.start(max(self._asked_at + self.trunk.settings.ping_s, now))

    def on_timeout(self, txn: object, now: float, *, transport: bool = False) -> None:
        """No answer at all, of which we have heard before; or the connection broke."""
        if transport and self._waiting and self._timer is not None:
            self._down("no connection", now)

    def _ask(self, now: float) -> None:
        pings = self._all
        flow = pings.hosts.flow(self.trunk, self.target)
        if flow is None:
            self._down("no listener of ours leads there", now)
            return
        uri = f"sip:{place_of(self.trunk, self.target)}"
        lines = question(uri, flow.transport, pings.advertised(flow), pings.token())
        self._asked_at = now
        self._waiting = True
        pings.endpoint.request(flow, "OPTIONS", uri, lines, b"", now, self)
        self.start(now + WAIT_S)

    def _down(self, why: str, now: float) -> None:
        self._waiting = False
        self._all.hosts.pinged(self.trunk, self.target, False, why, 0.0, now)
        self.start(max(self._asked_at + min(self.trunk.settings.ping_s, AGAIN_S), now + 1.0))
