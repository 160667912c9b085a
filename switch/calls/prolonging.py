"""Calls that ring for long: the caller is told so again, each minute.

Proxies on his way give up an INVITE of which they hear nothing for three minutes (RFC 3261 section 16.6, Timer C), and
one message may be lost. So whoever lets it ring says so every minute (section 13.3.1.1). Nothing here has to outlive a
crash, and a call that rings for less costs nothing but a look.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from switch.calls.early import EARLY
from switch.calls.leg import CALLER

if TYPE_CHECKING:
    from switch.calls.call import Call

EVERY_S = 55.0
"""A minute, with the few seconds in it that may be between two looks."""


class Prolonging:
    """The calls that ring, by their id."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        """When the caller was told last, or the call was seen first."""

    def look(self, calls: Iterable[Call], now: float) -> None:
        """To be called every few seconds."""
        told: dict[str, float] = {}
        for call in calls:
            if call.state.answered_at is not None:
                continue
            caller = call.legs.get(CALLER)
            if caller is None or not caller.told:
                continue  # he has heard that we try, which prolongs nothing
            txn = caller.usage.server
            if txn is None or txn.finished:
                continue
            since = self._told.get(call.id, now)
            if now - since >= EVERY_S:
                since = now
                if caller.usage.provisionals is None:
                    caller.usage.endpoint.repeat(txn, now)
                else:  # what he has acknowledged is not repeated (RFC 3262 section 3)
                    caller.usage.progress(caller.told % EARLY, now)
            told[call.id] = since
        self._told = told
