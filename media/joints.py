"""Legs of different workers that hear each other, which nobody above `MediaEngine` knows of.

A leg never moves, so what is between two workers is a **cable**: two inner legs on the local host, one in each, which
send to each other. Both are described like one of the legs that they serve, so that its packets go through the cable
as bytes, and whatever has to be transcoded is so once, at the other end.

- Two legs of two workers: each is bridged with the near end of a cable.
- A room lives in the worker of who entered it first. Who comes from another one is bridged with the near end of a cable
  whose far end, his stand-in, is the member. When that worker dies, the room goes on in another one, with those who
  are left.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Protocol

import msgspec

from media.connection import Connection
from media.engine import Lease, Part, Remote

_log = logging.getLogger("ringplan.media.client")
_ALL_PAYLOADS = tuple(range(128))


class Workers(Protocol):
    """What joints need of the engine that they work for."""

    def home(self, leg: int) -> Connection | None:
        """The worker that has a leg."""

    def described(self, leg: int) -> Remote | None:
        """What was last told of a leg's far end."""

    def spare(self, worker: Connection, legs: Collection[int]) -> Lease | None:
        """A lease of a worker, for an inner leg that serves `legs`."""

    def open(self, lease: Lease, silence_s: float) -> None:
        """See `MediaEngine.open`."""

    def update(self, leg: int, remote: Remote, again: bool = False) -> None:
        """See `MediaEngine.update`."""

    def close(self, leg: int) -> None:
        """See `MediaEngine.close`."""

    def join(self, worker: Connection, first: int, second: int) -> None:
        """Bridge two legs of one worker."""

    def alone(self, leg: int) -> None:
        """Take a leg out of all that it was in, but for what plays over that: it waits for a cable."""

    def seat(self, worker: Connection, leg: int, room: str, part: Part) -> None:
        """Let a leg into a room of its own worker."""


class Cable(msgspec.Struct, frozen=True, gc=False):
    """Two inner legs: `near` in the worker of the leg that it serves, `far` in the other. `like`: described like it."""

    near: Lease
    far: Lease
    hosts: tuple[str, str]
    like: int


class Room(msgspec.Struct):
    """Who is in a room, and how; and where it is."""

    home: Connection
    parts: dict[int, Part] = {}


class Joints:
    """All cables of an engine. `inner` are the ids of their legs, and those of some that are closed but not yet over:
    events of theirs are nobody's business."""

    def __init__(self, workers: Workers) -> None:
        self.inner: set[int] = set()
        self._workers = workers
        self._pairs: dict[int, tuple[int, Cable | None]] = {}
        self._rooms: dict[str, Room] = {}
        self._room_of: dict[int, str] = {}
        self._cables: dict[int, Cable] = {}
        """Of members whose room is in another worker."""
        self._lacking = False
        """Whether somebody waits for a cable: a worker that has just died has no ports until its successor is there."""

    # --- what is wanted ---

    def pair(self, first: int, here: Connection, second: int, there: Connection) -> None:
        """Bridge two legs of two workers."""
        other, cable = self._pairs.get(first, (0, None))
        if other == second and cable is not None:
            return
        self.part(first)
        self.part(second)
        self._pairs[first], self._pairs[second] = (second, None), (first, None)
        self._plug(first, here, second, there)

    def _plug(self, first: int, here: Connection, second: int, there: Connection) -> None:
        cable = self._lay(here, there, second, (first, second))
        if cable is not None:
            self._pairs[first], self._pairs[second] = (second, cable), (first, cable)
            self._workers.join(here, first, cable.near.leg)
            self._workers.join(there, second, cable.far.leg)

    def mix(self, leg: int, worker: Connection, name: str, part: Part) -> None:
        """Let a leg of `worker` into a room, or change its part."""
        known = self._room_of.get(leg) == name
        if not known:
            self.part(leg)
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room(worker)
        room.parts[leg] = part
        if not known:
            self._room_of[leg] = name
            self._seat(room, leg)
        self._tell(room, name, leg)
        if not known:
            self._tell_whisperers(room, name, leg)

    def part(self, leg: int) -> None:
        """Take a leg out of its bridge over two workers, and the other leg with it; or out of its room."""
        pair = self._pairs.pop(leg, None)
        if pair is not None:
            other, cable = pair
            self._pairs.pop(other, None)
            if cable is not None:
                self._take_up(cable)
        name = self._room_of.pop(leg, None)
        if name is not None:
            room = self._rooms[name]
            del room.parts[leg]
            self._unseat(leg)
            if not room.parts:
                del self._rooms[name]

    def described(self, leg: int) -> None:
        """A leg's far end has described itself anew: its cable is to speak as it does."""
        pair = self._pairs.get(leg)
        cable = pair[1] if pair is not None else self._cables.get(leg)
        if cable is not None and cable.like == leg:
            self._describe(cable)

    # --- what happens ---

    def leased(self) -> None:
        """There are more ports: who waits for a cable gets it now."""
        if not self._lacking:
            return
        lacking = False
        for first in list(self._pairs):
            second, cable = self._pairs[first]
            here, there = self._workers.home(first), self._workers.home(second)
            if cable is None and here is not None and there is not None:
                self._plug(first, here, second, there)
                lacking |= self._pairs[first][1] is None
        for name, room in self._rooms.items():
            for leg in room.parts:
                if self._stand_in(room, leg) is None:
                    self._seat(room, leg)
                    self._tell(room, name, leg)
                    self._tell_whisperers(room, name, leg)
                    lacking |= leg not in self._cables
        self._lacking = lacking

    def died(self, worker: Connection, legs: Collection[int]) -> None:
        """A worker has lost these legs: rooms that it had go on elsewhere."""
        for name, room in list(self._rooms.items()):
            if room.home is worker and any(
                leg in self._cables and self._cables[leg].far.leg in legs for leg in room.parts
            ):
                for leg in room.parts:
                    self._unseat(leg)
                homes = [home for leg in room.parts if (home := self._workers.home(leg)) is not None]
                if homes:
                    room.home = homes[0]
                    for leg in room.parts:
                        self._seat(room, leg)
                    for leg in room.parts:
                        self._tell(room, name, leg)

    # --- inside ---

    def _seat(self, room: Room, leg: int) -> None:
        """Lay the cable of a member who needs one."""
        worker = self._workers.home(leg)
        if worker is None or worker is room.home:
            return
        cable = self._lay(worker, room.home, leg, (leg,))
        if cable is not None:
            self._cables[leg] = cable
            self._workers.join(worker, leg, cable.near.leg)

    def _unseat(self, leg: int) -> None:
        cable = self._cables.pop(leg, None)
        if cable is not None:
            self._take_up(cable)

    def _stand_in(self, room: Room, leg: int) -> int | None:
        """The leg that is a member's in the room's own worker; None if there was no port for it."""
        if self._workers.home(leg) is room.home:
            return leg
        cable = self._cables.get(leg)
        return cable.far.leg if cable is not None else None

    def _tell(self, room: Room, name: str, leg: int) -> None:
        who, part = self._stand_in(room, leg), room.parts[leg]
        if who is None:
            return
        if part.to in room.parts:
            hearer = self._stand_in(room, part.to)
            part = Part(part.speaks, part.hears, part.to if hearer is None else hearer)
        self._workers.seat(room.home, who, name, part)

    def _tell_whisperers(self, room: Room, name: str, leg: int) -> None:
        """Somebody has come to whom others whisper already."""
        if leg in self._cables:
            for other, part in room.parts.items():
                if part.to == leg and other != leg:
                    self._tell(room, name, other)

    def _lay(self, here: Connection, there: Connection, like: int, legs: Collection[int]) -> Cable | None:
        near, far = self._workers.spare(here, legs), self._workers.spare(there, legs)
        if near is None or far is None:
            for lease in (near, far):
                if lease is not None:
                    self._workers.close(lease.leg)
            for leg in legs:
                self._workers.alone(leg)
            if not self._lacking:
                _log.error("no ports left to join two workers")
            self._lacking = True
            return None
        self.inner |= {near.leg, far.leg}
        cable = Cable(near, far, (here.address, there.address), like)
        for lease in (near, far):
            self._workers.open(lease, 0.0)
        self._describe(cable)
        return cable

    def _describe(self, cable: Cable) -> None:
        like = self._workers.described(cable.like)
        near_host, far_host = cable.hosts
        for lease, other, host in ((cable.near, cable.far, far_host), (cable.far, cable.near, near_host)):
            remote = Remote(
                address=host,
                port=other.port,
                rtcp_port=other.port + 1,
                signalling=host,
                payloads=_ALL_PAYLOADS,
                ours=True,
            )
            if like is not None:
                remote = msgspec.structs.replace(remote, codec=like.codec, payload=like.payload)
            if like is not None and like.codecs:
                event = () if like.telephone_event is None else (like.telephone_event,)
                remote = msgspec.structs.replace(
                    remote,
                    payloads=(*(number for number, _ in like.codecs), *event),
                    telephone_event=like.telephone_event,
                    codecs=like.codecs,
                )
            self._workers.update(lease.leg, remote)

    def _take_up(self, cable: Cable) -> None:
        for lease in (cable.near, cable.far):
            self._workers.close(lease.leg)
