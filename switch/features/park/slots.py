"""Which parked call is in which slot: the book of all park lots, so that two never share one (CRD-7).

It holds nothing of its own: a call's record says where it is parked, and after a crash each call that is taken over
writes itself in again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dialplan.groups import ParkLot

if TYPE_CHECKING:
    from switch.calls.call import Call

Slot = tuple[str, str]
"""The lot, and the number of the slot."""


class Slots:
    """The book. `on_change` hears of each slot that is taken, or free again."""

    def __init__(self) -> None:
        self.on_change: Callable[[str, str], object] = lambda lot, slot: None
        self._calls: dict[Slot, Call] = {}
        self._claims: dict[Slot, Call] = {}
        """Slots whose call somebody is about to take: nobody else does meanwhile."""

    def call(self, slot: Slot) -> Call | None:
        """Who is parked there, and is nobody's yet."""
        return self._calls.get(slot) if slot not in self._claims else None

    def claim(self, slot: Slot, by: Call) -> Call | None:
        """Who is parked there, for `by` alone from now on; None when nobody is, or somebody else was quicker."""
        if self._claims.get(slot, by) is not by:
            return None
        call = self._calls.get(slot)
        if call is not None:
            self._claims[slot] = by
        return call

    def let_go(self, slot: Slot, by: Call) -> None:
        """A claim is given back, or was used."""
        if self._claims.get(slot) is by:
            del self._claims[slot]

    def free(self, lot: ParkLot, wanted: str = "") -> str:
        """The slot that is wanted, else the first one of the lot, if it is free; empty when it is not."""
        if wanted:
            return wanted if lot.has(wanted) and (lot.id, wanted) not in self._calls else ""
        return next((slot for slot in lot.slots() if (lot.id, slot) not in self._calls), "")

    def take(self, slot: Slot, call: Call) -> None:
        """The call is parked there."""
        self._calls[slot] = call
        self.on_change(*slot)

    def leave(self, slot: Slot, call: Call) -> None:
        """It is parked there no more."""
        if self._calls.get(slot) is call:
            del self._calls[slot]
            self.on_change(*slot)

    def __iter__(self) -> Iterator[tuple[Slot, Call]]:
        """All that are parked, by their slots."""
        return iter(sorted(self._calls.items(), key=lambda each: each[0]))
