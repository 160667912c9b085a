"""Rooms: legs that hear each other, any number of them. Ears in, one product of arrays (`media.mixer`), voices out.

A leg in a room has no peer; whoever else takes it (a bridge, a tune in place of what it hears) lets it leave first.
Who is muted is not listened to at all, and who holds the call neither: what then comes from him is music.
"""

from __future__ import annotations

import collections

from media import codecs
from media.codecs import Codec
from media.engine import Part
from media.leg import Leg
from media.mixer import Mixer


class Rooms:
    """All rooms of a relay, ticking as long as somebody is in one."""

    def __init__(self) -> None:
        self._mixer = Mixer()
        self._legs: dict[int, tuple[Leg, str, Part]] = {}
        self._encoders: dict[tuple[str, str], Codec] = {}
        """By room and codec: for what many hear alike."""

    def __bool__(self) -> bool:
        return bool(self._legs)

    def enter(self, leg: Leg, room: str, part: Part) -> None:
        """Let a leg in that is in no other room, or change its part."""
        self._legs[leg.id] = leg, room, part
        leg.room = room
        if part.speaks:
            leg.listen()
        else:
            leg.deafen()
        self._mixer.enter(leg.id, room, leg.voice.rate, part)

    def described(self, leg: Leg) -> None:
        """The far end of a member may want another codec now."""
        self.enter(*self._legs[leg.id])

    def leave(self, leg: Leg) -> None:
        """Let a leg go; harmless for one that is in no room."""
        if leg.room:
            self._mixer.leave(leg.id, leg.room)
            del self._legs[leg.id]
            room, leg.room = leg.room, ""
            leg.deafen()
            if self._encoders and not self._mixer.members(room):
                self._encoders = {key: each for key, each in self._encoders.items() if key[0] != room}

    def tick(self, now: float, tick: int) -> None:
        """The next 20 ms of all rooms (`media.relay.Ticking`)."""
        seats, legs, frames = self._mixer.settle(), [], []
        for seat in seats:
            leg = self._legs[seat.id][0]
            ear, remote = leg.ear, leg.remote
            frame = ear.frame(seat.rate, now) if ear is not None else None
            frames.append(frame if remote is not None and remote.receive else None)
            legs.append(leg)
        mixed = self._mixer.tick(frames)
        many = collections.Counter(map(id, mixed))
        said: dict[tuple[int, str], bytes] = {}
        for leg, seat, heard in zip(legs, seats, mixed, strict=True):
            voice = leg.voice
            if many[id(heard)] == 1 or heard is None or leg.covered or not voice.codec:
                voice.say(heard, seat.rate, tick)
                continue
            key = id(heard), voice.codec
            if key not in said:
                said[key] = self._encoder(seat.room, voice.codec).encode(heard)
            voice.send(said[key], tick)

    def _encoder(self, room: str, codec: str) -> Codec:
        found = self._encoders.get((room, codec))
        if found is None:
            found = self._encoders[room, codec] = codecs.make(codec)
        return found
