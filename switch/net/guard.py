"""What is let in: sizes, rates by source, numbers of connections. Bounded memory, well under a microsecond a datagram.

The defaults are generous: a trunk may send thousands of requests a second. They stop floods and mistakes, not peers.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

import msgspec

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Limits(msgspec.Struct, frozen=True):
    """Sizes in octets, times in seconds."""

    datagram: int = 32768
    """Longest datagram that is read."""
    message: int = 65535
    """Longest message in a stream."""
    rate_per_s: float = 4000.0
    """Messages a second that one source may send for long."""
    burst: float = 8000.0
    """Messages that one source may send at once."""
    sources: int = 65536
    """Sources that are remembered."""
    flows: int = 65536
    """UDP flows that are remembered by each socket."""
    connections: int = 20000
    connections_a_source: int = 1000
    out_buffer: int = 1 << 20
    """Octets that may wait for a peer that does not read."""
    idle_s: float = 4000.0
    """A connection on which nothing came for so long is closed; longer than the usual hour of a registration."""
    first_s: float = 30.0
    """A client must have sent something whole by then."""
    partial_s: float = 15.0
    """A message must be whole so long after it began."""
    stuck_s: float = 30.0
    """What is sent must begin to leave within this time."""
    connect_s: float = 8.0
    """A connection of ours must stand by then."""
    batch: int = 64
    """Datagrams read at one wake-up, before other sockets and timers get their turn."""


class Recent(Generic[K, V]):
    """A bounded memory in two generations: what was not asked for while one of them filled is forgotten."""

    __slots__ = ("_half", "old", "young")

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self.young: dict[K, V] = {}
        self.old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value kept for `key`, which is now young again; None when it is forgotten."""
        value = self.young.get(key)
        if value is None:
            value = self.old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember."""
        if len(self.young) >= self._half:
            self.old = self.young
            self.young = {}
        self.young[key] = value

    def clear(self) -> None:
        """Forget everything."""
        self.young.clear()
        self.old.clear()

    def __len__(self) -> int:
        return len(self.young.keys() | self.old.keys())


class Bucket(msgspec.Struct, gc=False):
    """What a source may still send: `tokens` as of `at`."""

    tokens: float
    at: float


class Guard:
    """Token buckets by source host. `trusted` hosts are never refused; set it to the trunks' addresses."""

    __slots__ = ("_buckets", "_burst", "_rate", "refused", "trusted")

    def __init__(self, limits: Limits, trusted: frozenset[str] = frozenset()) -> None:
        self._rate = limits.rate_per_s
        self._burst = limits.burst
        self._buckets: Recent[str, Bucket] = Recent(limits.sources)
        self.trusted = trusted
        self.refused = 0

    def admit(self, host: str, now: float) -> bool:
        """Whether a message from `host` is to be read."""
        bucket = self._buckets.young.get(host)
        if bucket is None:
            bucket = self._buckets.get(host)
            if bucket is None:
                self._buckets.put(host, Bucket(self._burst - 1.0, now))
                return True
        tokens = bucket.tokens + (now - bucket.at) * self._rate
        bucket.at = now
        if tokens >= 1.0:
            bucket.tokens = tokens - 1.0 if tokens < self._burst else self._burst - 1.0
            return True
        bucket.tokens = tokens
        if host in self.trusted:
            return True
        self.refused += 1
        return False

    @property
    def sources(self) -> int:
        """How many sources are remembered."""
        return len(self._buckets)
