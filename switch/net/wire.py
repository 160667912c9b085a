"""What every socket of one exchange shares: the loop and its clock, what is let in, what is counted, who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from switch.net.flows import ConnectionTable, Counters
from switch.net.guard import Guard, Limits
from switch.net.overload import Overload
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow


class Wire:
    """Handed to each socket when it is made. The callbacks are those of `Transports`, and are called from the loop."""

    __slots__ = (
        "begins", "counters", "ends", "guard", "limits", "load", "loop", "now", "on_lost", "on_packet",
        "on_refused", "on_tls_failure", "on_unframed", "table",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        guard: Guard,
        now: Callable[[], float],
        on_packet: Callable[[bytes, Flow, float], object],
        on_lost: Callable[[Flow], object],
        on_unframed: Callable[[RemoteProtocolError, Flow], object] | None = None,
        on_tls_failure: Callable[[Flow, str, bool], object] | None = None,
        begins: Callable[[], object] | None = None,
        ends: Callable[[], object] | None = None,
    ) -> None:
        self.loop = loop
        self.limits = limits
        self.guard = guard
        self.load = Overload()
        self.load.knows = guard.knows
        self.counters = Counters()
        self.table = ConnectionTable()
        self.now = now
        self.on_packet = on_packet
        self.on_lost = on_lost
        self.on_unframed = on_unframed or _ignore
        self.on_tls_failure = on_tls_failure or _ignore
        self.on_refused: Callable[[Flow], object] = _ignore
        """Told of each connection of ours that never stood."""
        self.begins = begins or _ignore
        """Packets that arrived together are handed on between these two."""
        self.ends = ends or _ignore


def _ignore(*about: object) -> None:
    """Where nobody cares for what a broken stream might be answered, or why."""
