"""Two legs of a call that were not joined by its first answer are joined now: after a transfer, out of a parking slot.

Their sound was negotiated apart, so neither is described anew: the engine bridges them, and transcodes where it must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from records import events as e
from switch.calls import joining
from switch.calls.leg import Leg
from switch.calls.serving import release

if TYPE_CHECKING:
    from switch.calls.call import Call


def pair(call: Call, front: Leg, peer: Leg, now: float, terms: e.Terms | None = None) -> None:
    """Join two answered legs of the call; `terms` are those that hold from now on, None where there is nothing to say.
    Whoever was there before is the caller's to end."""
    release(call, now)
    call.offers.parting(call, front, peer, now)
    call.record(e.Connected(call.id, call.state.n, call.context.at(), peer.index, "", terms, front.index))
    joining.reconnect(call)
    call.rejoined(now)
