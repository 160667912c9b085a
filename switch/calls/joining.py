"""Two sides are joined: the sound of each is told where the other is, and the engine bridges them.

note     what either side was described last is known of both
bridge   the engine is told, and lets them hear each other
join     both at once
rejoin   after a crash, all of it once more
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.engine import Tune
from media.sdp import Description
from switch.calls import ports, sound
from switch.calls.leg import Leg

if TYPE_CHECKING:
    from switch.calls.call import Call


def join(call: Call, callers: Description, called: Leg, calleds: Description) -> None:
    """Tell the engine where both sides are, and bridge them."""
    note(call, callers, called, calleds)
    bridge(call, called)


def note(call: Call, callers: Description, called: Leg, calleds: Description) -> None:
    """Keep what both sides were described last, for the engine."""
    caller = call.caller
    sound.note(caller.sound, callers, caller.address, calleds)
    sound.note(called.sound, calleds, called.address, callers)


def bridge(call: Call, called: Leg, again: bool = False) -> None:
    """Tell the engine where both sides are, and let them hear each other. `again`: it may have been told before."""
    engine, caller = call.context.engine, call.caller
    sound.tell(engine, caller.sound, again)
    sound.tell(engine, called.sound, again)
    engine.bridge(ports.leased(caller), ports.leased(called))


def rejoin(call: Call) -> None:
    """After a crash: what the engine was told may have died with the former process. It is told once more, and
    disturbs nothing that it has heard already."""
    engine, caller, peer = call.context.engine, call.caller, call.other(call.caller)
    for leg in (caller, peer):
        if leg is not None and leg.sound.lease is not None:
            engine.open(leg.sound.lease, call.context.settings.silence_s)
    if peer is None:
        sound.tell(engine, caller.sound, again=True)
        engine.play(ports.leased(caller), Tune((call.state.service,)), again=True)
    elif caller.sound.far is not None and peer.sound.far is not None:
        bridge(call, peer, again=True)
