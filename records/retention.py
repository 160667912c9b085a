"""Which segments of the journal are no longer needed.

A segment may go when the store has all of it and no call that is still up has an event in it. Bindings do not hold it:
the store has those too. Memory is one set of call ids a segment that is held, and those are of open calls only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Container
from pathlib import Path

from records.segments import segments


class Retention:
    """Follows one reader through the journal, in which `keep` consumed segments are left for people to look at."""

    def __init__(self, directory: Path, keep: int = 1) -> None:
        self.deleted = 0
        self._directory = directory
        self._keep = keep
        self._current = 0
        self._touched: dict[str, None] = {}
        self._held: dict[int, set[str]] = {}

    def saw(self, segment: int, call: str) -> None:
        """An event of this call stands in this segment. Segments come in ascending order."""
        if segment != self._current:
            self._held[self._current] = set(self._touched)
            self._touched.clear()
            self._current = segment
        self._touched[call] = None

    def ended(self, call: str) -> None:
        """The call holds nothing any more."""
        self._touched.pop(call, None)

    def sweep(self, consumed: int, open_calls: Container[str]) -> int:
        """Delete what is not needed of the segments before `consumed`, the one of the store's position. Returns how
        many went. A segment that cannot be deleted is tried again next time."""
        present = [segment for segment in segments(self._directory) if segment.number < consumed]
        gone = 0
        for segment in present[: len(present) - self._keep] if self._keep else present:
            holding = self._held.get(segment.number, set())
            holding.difference_update([call for call in holding if call not in open_calls])
            if holding or segment.number >= self._current > 0:
                continue
            with contextlib.suppress(OSError):
                segment.path.unlink()
                self._held.pop(segment.number, None)
                gone += 1
        self.deleted += gone
        return gone
