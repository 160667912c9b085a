"""The media engine inside the exchange's own process: the same relay, without a worker. For tests and small set-ups.

It is driven by hand: `run` handles what has come and what is due at the instant given.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from media.engine import Lease, LegLost, MediaEvent, Part, Remote, Spool, Tune, kept_back
from media.ports import PortPool
from media.relay import Relay


def _ignore(event: MediaEvent) -> None:
    del event


class LocalEngine:
    """A `MediaEngine` over a relay of its own. `on_event` is called from inside commands and `run`."""

    def __init__(
        self,
        *,
        address: str | Sequence[str] = "127.0.0.1",
        first_port: int = 20000,
        last_port: int = 29999,
        rest_s: float = 5.0,
        ids: Iterator[int] | None = None,
        on_event: Callable[[MediaEvent], None] = _ignore,
    ) -> None:
        self.on_event = on_event
        addresses = [address] if isinstance(address, str) else address
        pools = [PortPool(each, first_port, last_port, rest_s) for each in addresses]
        self._kept: dict[str, list[Lease]] = {pool.address: [] for pool in pools}
        """Of each pool the leases that are for emergency calls."""
        self._relay = Relay(pools, ids or itertools.count(1), self._tell)

    def _tell(self, event: MediaEvent) -> None:
        self.on_event(event)

    def run(self, now: float) -> float:
        """Handle all packets that have come and what is due at `now`; returns in how many seconds to come back."""
        while self._relay.poll(0):
            pass
        return self._relay.tick(now)

    def fileno(self) -> int:
        """Readable when there are packets: for an event loop's `add_reader`."""
        return self._relay.fileno()

    def shut(self) -> None:
        """Close all legs and sockets."""
        self._relay.end()

    def lease(self, near: int | None = None, v6: bool = False, urgent: bool = False) -> Lease | None:
        """See `MediaEngine.lease`."""
        for pool in self._relay.pools:
            if (":" in pool.address) is v6:
                return self._lease(pool, urgent)
        return None

    def _lease(self, pool: PortPool, urgent: bool) -> Lease | None:
        kept = self._kept[pool.address]
        missing = 0 if urgent else max(kept_back(pool.size) - len(kept), 0)
        leases = self._relay.grant(1 + missing, pool=pool)
        if len(leases) > missing:
            kept += leases[1:]
            return leases[0]
        kept += leases
        return kept.pop() if urgent and kept else None

    def open(self, lease: Lease, silence_s: float) -> None:
        """See `MediaEngine.open`."""
        self._relay.open(lease.leg, silence_s)

    def update(self, leg: int, remote: Remote, again: bool = False) -> None:
        """See `MediaEngine.update`."""
        self._relay.update(leg, remote, again)

    def bridge(self, first: int, second: int) -> None:
        """See `MediaEngine.bridge`."""
        self._relay.bridge(first, second)

    def mix(self, leg: int, room: str, part: Part = Part()) -> None:
        """See `MediaEngine.mix`."""
        self._relay.mix(leg, room, part)

    def play(self, leg: int, tune: Tune, again: bool = False) -> None:
        """See `MediaEngine.play`."""
        self._relay.play(leg, tune, again)

    def stop(self, leg: int, over: bool = False) -> None:
        """See `MediaEngine.stop`."""
        self._relay.stop(leg, over)

    def record(self, leg: int, spool: Spool) -> None:
        """See `MediaEngine.record`."""
        self._relay.record(leg, spool)

    def pause(self, leg: int, path: str) -> None:
        """See `MediaEngine.pause`."""
        self._relay.pause(leg, path)

    def end_record(self, leg: int, path: str) -> None:
        """See `MediaEngine.end_record`."""
        self._relay.end_record(leg, path)

    def send_digits(self, leg: int, digits: str) -> None:
        """See `MediaEngine.send_digits`."""
        self._relay.send_digits(leg, digits)

    def close(self, leg: int) -> None:
        """See `MediaEngine.close`."""
        self._relay.close(leg)

    def adopt(self, legs: dict[int, Lease]) -> None:
        """See `MediaEngine.adopt`."""
        for leg in list(self._relay.legs):
            if leg not in legs:
                self._relay.close(leg)
        for leg in legs:
            if leg not in self._relay.legs:
                self._relay.close(leg)
                self.on_event(LegLost(leg))
