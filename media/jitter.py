"""How late the packets of a stream come, and how long it is therefore best to wait for them (adaptive playout).

The transit of a packet, arrival less timestamp, is measured against the fastest one of the last second. What nearly
all of that second stayed under is the `target`: a frame that is played so long after the fastest possible instant is
almost never missing. Clocks that differ move the fastest transit along, and so need nothing of their own.

All in seconds; the clock is the caller's.
"""

from __future__ import annotations

import collections

_WINDOW_S = 1.1
_WITHIN = 0.97
_LEAST_S, _MOST_S = 0.005, 0.5
_EVERY = 4


class Transit:
    """The transits of one stream."""

    __slots__ = ("_new", "_seen", "base_s", "target_s")

    def __init__(self) -> None:
        self.base_s = 0.0
        """Of the fastest packet of late."""
        self.target_s = 2 * _LEAST_S
        """How much longer than that nearly all others took, with a margin."""
        self._seen: collections.deque[tuple[float, float]] = collections.deque(maxlen=256)
        self._new = 0

    @property
    def known(self) -> bool:
        """Whether any packet has come."""
        return bool(self._seen)

    def add(self, transit_s: float, now: float) -> None:
        """A packet has come."""
        seen = self._seen
        if not seen or transit_s < self.base_s:
            self.base_s = transit_s
        seen.append((now, transit_s))
        self._new += 1
        if self._new >= _EVERY or len(seen) < _EVERY or transit_s > self.base_s + self.target_s:
            self._settle(now)

    def _settle(self, now: float) -> None:
        self._new = 0
        seen = self._seen
        while seen[0][0] < now - _WINDOW_S:
            seen.popleft()
        transits = sorted(transit for _, transit in seen)
        self.base_s = transits[0]
        late = transits[int(_WITHIN * (len(transits) - 1))] - transits[0]
        self.target_s = min(late + _LEAST_S, _MOST_S)
