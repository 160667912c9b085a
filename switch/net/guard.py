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
    trusted_times: float = 10.0
    """So many times the rate and the burst are for a trusted source."""
    failure: float = 400.0
    """Messages that a failed log-in counts for: with the rate as it is, ten guesses a second from one source."""
    known_s: float = 7200.0
    """So long after a log-in its source is known."""
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
    """A connection of ours must stand by then, its TLS handshake included."""
    handshake_s: float = 10.0
    """A client must have finished its TLS handshake by then."""
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
    """Token buckets by source host. `trusted` hosts may send a multiple; set it to the trunks' addresses.

    Guessing passwords empties the bucket of who guesses. Hosts from which somebody has logged in lately are known: many
    telephones may share such an address, so the failures of one never empty it for the others.
    """

    __slots__ = ("_buckets", "_burst", "_known", "_limits", "_more", "_rate", "refused", "trusted")

    def __init__(self, limits: Limits, trusted: frozenset[str] = frozenset()) -> None:
        self._limits = limits
        self._rate = limits.rate_per_s
        self._burst = limits.burst
        self._buckets: Recent[str, Bucket] = Recent(limits.sources)
        self._more: Recent[str, Bucket] = Recent(limits.sources)
        """The further tokens of trusted hosts."""
        self._known: Recent[str, float] = Recent(limits.sources)
        """When somebody last logged in from there."""
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
        if host in self.trusted and self._spare(host, now):
            return True
        self.refused += 1
        return False

    def _spare(self, host: str, now: float) -> bool:
        times = self._limits.trusted_times - 1.0
        bucket = self._more.get(host)
        if bucket is None:
            bucket = Bucket(self._burst * times, now)
            self._more.put(host, bucket)
        bucket.tokens = min(bucket.tokens + (now - bucket.at) * self._rate * times, self._burst * times)
        bucket.at = now
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True

    def failed(self, host: str, now: float) -> None:
        """Somebody at `host` has shown a wrong password, or the name of nobody."""
        if host in self.trusted:
            return
        bucket = self._buckets.get(host)
        if bucket is None:
            bucket = Bucket(self._burst, now)
            self._buckets.put(host, bucket)
        least = self._burst / 4 if self.knows(host, now) else -self._limits.failure
        bucket.tokens = max(bucket.tokens - self._limits.failure, min(bucket.tokens, least))

    def welcome(self, host: str, now: float) -> None:
        """Somebody at `host` has logged in."""
        self._known.put(host, now)

    def knows(self, host: str, now: float) -> bool:
        """Whether `host` is trusted, or somebody has logged in from there lately."""
        if host in self.trusted:
            return True
        at = self._known.get(host)
        return at is not None and now - at <= self._limits.known_s

    @property
    def sources(self) -> int:
        """How many sources are remembered."""
        return len(self._buckets)
