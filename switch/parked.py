"""Who is parked where: the answer to `ringplan parked`."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from switch.calls.leg import line_of
from switch.control import Handler
from switch.features.park.parking import Parking, left_s
from switch.reception import printable
from switch.views import ParkedView


class ParkedAsking:
    """The handler behind the control socket."""

    def __init__(self, parking: Parking, at: Callable[[], datetime.datetime]) -> None:
        self._parking = parking
        self._at = at

    def handlers(self) -> dict[str, Handler]:
        """By the name that the command asks for."""
        return {"parked": self.parked}

    def parked(self, _: dict[str, Any]) -> tuple[ParkedView, ...]:
        """All slots that are taken, by lot and number."""
        at = self._at()
        return tuple(
            ParkedView(
                lot=parked.lot,
                slot=parked.slot,
                call=call.id,
                name=printable(parked.name),
                by=line_of(parked.by),
                at=parked.at,
                left_s=round(left_s(parked, at), 1),
                rings=call.errand is not None,
            )
            for _, call in self._parking.slots
            if (parked := call.state.parked) is not None
        )
