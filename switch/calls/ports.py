"""The media ports of a call's legs: leased from the engine in the family that the far end speaks, near each other, and
named to each far end as its signalling is to see them.

    lease -> open_port -> `place` before each further description -> another port, when the far end has gone over to the
                                                                    other family -> closed with its leg
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.termination import Termination
from media import sdp
from media.engine import Lease
from media.sdp import Description
from switch.calls import sound
from switch.calls.endings import NOT_ACCEPTABLE, UNAVAILABLE
from switch.calls.leg import Leg
from switch.calls.presentation import contact_moved
from switch.calls.sound import WILDCARDS, Sound
from switch.sip.flow import Flow

if TYPE_CHECKING:
    from switch.calls.call import Call


def lease(call: Call, port: Sound, flow: Flow, v6: bool) -> bool:
    """A media port of one family for a leg whose signalling takes that flow, near those that the call has. It is
    bound on all addresses, mostly; the description names the one that the far end is to send to. A call for help gets
    one of those that are kept back for it (EMG-6)."""
    made = call.context.engine.lease(_near(call), v6, call.state.for_help)
    if made is None:
        return False
    port.bound = made.address
    port.lease = Lease(made.leg, made.worker, call.context.sound_address(flow, made.address), made.port)
    return True


def _near(call: Call) -> int | None:
    """A port that the call has already."""
    for one in call.legs.values():
        if one.sound.lease is not None:
            return one.sound.lease.leg
    return None


def open_port(call: Call, leg: Leg) -> None:
    """The engine is to expect the leg's sound on its port, and reports on it to the call."""
    held = leg.sound.lease
    assert held is not None
    call.context.register_media(held.leg, leg)
    call.context.engine.open(held, call.context.settings.silence_s)


def ensure(call: Call, leg: Leg) -> bool:
    """Give the leg a media port if it has none. False when there is none left of the family that it wants."""
    if leg.sound.lease is None:
        if not lease(call, leg.sound, leg.usage.flow, sound.speaks_v6(leg.sound.remote, leg.address)):
            return False
        open_port(call, leg)
    return True


def replaced(call: Call, leg: Leg) -> bool:
    """Give the leg another port in place of one whose worker has died. False when its far end knows of that one, or
    when there is none left."""
    if leg.sound.lease is None or leg.sound.local:
        return False
    lost, leg.sound.lease = leg.sound.lease.leg, None
    call.context.forget_media(lost)
    call.context.engine.close(lost)
    return ensure(call, leg)


def none_left(call: Call, leg: Leg) -> Termination:
    """Why a leg got none: they are short, or of the other family only, so that what was offered is not possible."""
    other = not sound.speaks_v6(leg.sound.remote, leg.address)
    spare = call.context.engine.lease(None, other, call.for_help)
    if spare is None:
        return UNAVAILABLE
    call.context.engine.close(spare.leg)
    return NOT_ACCEPTABLE


def place(call: Call, leg: Leg, description: Description | None = None) -> bool:
    """Before the leg is sent another description: it names our address as the far end's signalling is to see it
    now, and another port when the far end has gone over to the other family. True in that case.

    `description` is the far end's, where it has made one. Raises NotAcceptable when there are no such ports.
    """
    port, flow = leg.sound, leg.usage.flow
    held = port.lease
    if held is None:
        return False
    leg.usage.contact = contact_moved(leg.usage.contact, *call.context.advertised(flow), flow.transport)
    v6 = ":" in held.address
    if description is not None and sound.speaks_v6(description, leg.address) is not v6:
        if not lease(call, port, flow, not v6):
            raise sdp.NotAcceptable("no ports of that family")
        call.context.forget_media(held.leg)
        call.context.engine.close(held.leg)
        open_port(call, leg)
        return True
    address = call.context.sound_address(flow, port.bound or WILDCARDS[v6])
    if address != held.address:
        port.lease = Lease(held.leg, held.worker, address, held.port)
    return False


def leased(leg: Leg) -> int:
    """The engine's number of the leg's port. Raises LookupError when it has none."""
    if leg.sound.lease is None:
        raise LookupError("the leg has no media port")
    return leg.sound.lease.leg
