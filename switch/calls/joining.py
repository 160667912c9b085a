"""Two sides are joined: the sound of each is told where the other is, and the engine bridges them.

note        what either side was described last is known of both
bridge      the engine is told, and lets them hear each other; whom the other side holds hears music
join        both at once
reconnect   who holds has changed, or who is joined: the engine bridges them, or plays
rejoin      after a crash, all of it once more
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.engine import Tune
from media.sdp import Description
from switch.calls import ports, sound
from switch.calls.leg import Leg, is_trunk

if TYPE_CHECKING:
    from switch.calls.call import Call


def join(call: Call, callers: Description, called: Leg, calleds: Description) -> None:
    """Tell the engine where both sides are, and bridge them."""
    note(call, callers, called, calleds)
    bridge(call, called)


def note(call: Call, callers: Description, called: Leg, calleds: Description) -> None:
    """Keep what both sides were described last, for the engine."""
    caller = call.front
    sound.note(caller.sound, callers, caller.address, calleds)
    sound.note(called.sound, calleds, called.address, callers)


def bridge(call: Call, called: Leg) -> None:
    """Tell the engine where both sides are, and let them hear each other."""
    engine, caller = call.context.engine, call.front
    sound.tell(engine, caller.sound)
    sound.tell(engine, called.sound)
    _connect(call, caller, called)


def reconnect(call: Call, again: bool = False) -> None:
    """Let the front and its peer hear each other, or music, as they hold or do not. `again`: the engine may have been
    told before."""
    front, peer = call.front, call.other(call.front)
    if peer is not None and front.sound.far is not None and peer.sound.far is not None:
        if again:
            sound.tell(call.context.engine, front.sound, again)
            sound.tell(call.context.engine, peer.sound, again)
        _connect(call, front, peer, again)


def _connect(call: Call, one: Leg, other: Leg, again: bool = False) -> None:
    """Whoever is held hears the holder's music (MOH-1). A carrier that holds and goes on sending plays its own."""
    engine = call.context.engine
    held = [leg for leg, by in ((one, other), (other, one)) if _holds(by)] if one.sound.held or other.sound.held else ()
    if not held:
        engine.bridge(ports.leased(one), ports.leased(other))
        return
    for leg in (one, other):
        if leg in held:
            by = other if leg is one else one
            music = by.music or call.context.directory.hold_music(by.target)
            engine.play(ports.leased(leg), Tune(music, loop=True), again)
        elif not again:
            engine.stop(ports.leased(leg))


def _holds(leg: Leg) -> bool:
    far = leg.sound.far
    return leg.sound.held and not (is_trunk(leg.target) and far is not None and far.send)


def rejoin(call: Call, now: float) -> None:
    """After a crash: what the engine was told may have died with the former process. It is told once more, and
    disturbs nothing that it has heard already."""
    engine, front, peer = call.context.engine, call.front, call.other(call.front)
    for leg in call.legs.values():
        if leg.sound.lease is not None:
            engine.open(leg.sound.lease, call.context.settings.silence_s)
    if peer is not None:
        reconnect(call, again=True)
        return
    sound.tell(engine, front.sound, again=True)
    if call.service is not None:
        call.service.begin(call, now)
    elif call.state.service:
        engine.play(ports.leased(front), Tune(call.context.directory.sound(call.state.service)), again=True)
