"""The mixer: one tick of 20 ms for all rooms at once, in arrays. Samples in, samples out; it knows no packets.

Every seat hears the sum of its room without itself. A room is mixed at 16 kHz when anybody in it speaks or hears so
much, else at 8 kHz; other rates are converted, all of one rate in one product (`media.resampling`).

Levels: what is said arrives as loud as it was, however many are in the room. Only where the sum comes within 6 dB of
full scale it is bent towards it, so that loud rooms are compressed and never torn.

No clicks: when somebody enters, leaves, is muted or changes the rate, what his room hears would jump from one sample
to the next. The difference is added, and fades out over that frame.

In rooms of `MANY` and more, those who say nothing in a tick are handed one and the same array, so that what they all
hear need not be encoded for each of them.

`Seat`s stand in the order of the arrays' rows, in `seats`. They change between ticks only; a tick costs what the
product of a few arrays costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from media.engine import Part
from media.resampling import Floats, Resampler, history, samples

Samples = npt.NDArray[np.int16]

NARROW, WIDE = 8000, 16000
MANY = 8
_KNEE = 16384.0
_ROOM_ABOVE = 32700.0 - _KNEE


class Seat:
    """A member of a room: the `rate` of its frames (8000, 16000 or 48000 Hz), and how it takes part."""

    __slots__ = ("id", "inward", "last", "outward", "part", "rate", "room")

    def __init__(self, id_: int, room: str, rate: int, part: Part) -> None:
        self.id = id_
        self.room = room
        self.rate = rate
        self.part = part
        self.last = 0.0
        """The sample that it heard last."""
        self.inward: Floats | None = None
        self.outward: Floats | None = None
        """The past of its conversion to the room's rate and back, between two orders of the seats."""


class _Group:
    """The rooms of one rate: rows `start` and following of the seats."""

    def __init__(self, rate: int, seats: Sequence[Seat], start: int) -> None:
        self.rate = rate
        self.start = start
        self.seats = seats
        count = len(seats)
        self.frames = np.zeros((count, samples(rate)), np.float32)
        self.heard = np.zeros_like(self.frames)
        names = list(dict.fromkeys(seat.room for seat in seats))
        rooms = {name: number for number, name in enumerate(names)}
        numbers = [rooms[seat.room] for seat in seats]
        self.room = np.array(numbers, np.intp)
        self.firsts = np.searchsorted(self.room, np.arange(len(names))).astype(np.intp)
        open_ = [float(seat.part.speaks and seat.part.to < 0) for seat in seats]
        self.says = np.array(open_, np.float32)[:, None]
        self.all_say = all(open_)
        self.deaf = np.array([row for row, seat in enumerate(seats) if not seat.part.hears], np.intp)
        rows = {(seat.room, seat.id): row for row, seat in enumerate(seats)}
        self.whispers = [
            (row, rows[seat.room, seat.part.to])
            for row, seat in enumerate(seats)
            if seat.part.speaks and seat.part.to >= 0 and (seat.room, seat.part.to) in rows and seat.part.to != seat.id
        ]
        others = sorted({seat.rate for seat in seats} - {rate})
        self.turned = [
            (np.array([row for row, seat in enumerate(seats) if seat.rate == other], np.intp), other)
            for other in others
        ]
        self.inwards = [Resampler(other, rate, [seats[row].inward for row in where]) for where, other in self.turned]
        self.outwards = [
            Resampler(rate, other, [_or_flat(seats[row], rate, other) for row in where]) for where, other in self.turned
        ]
        self.direct = [(row, row + start) for row, seat in enumerate(seats) if seat.rate == rate]
        apart = {hearer for _, hearer in self.whispers} | set(self.deaf.tolist())
        large = {number for number in range(len(names)) if numbers.count(number) >= MANY}
        self.common = [
            (row, place, numbers[row]) for row, place in self.direct if numbers[row] in large and row not in apart
        ]
        """Those who hear the same whenever they say nothing: row, place, and the number of their room."""

    def part(self) -> None:
        """Leave the pasts with the seats, for the next order of them."""
        for (where, _), inward, outward in zip(self.turned, self.inwards, self.outwards, strict=True):
            for row, said, heard in zip(where, inward.pasts(), outward.pasts(), strict=True):
                self.seats[row].inward, self.seats[row].outward = said, heard

    def gather(self, frames: Sequence[Samples | None]) -> None:
        """Take this tick's frames into the rows, at this group's rate."""
        rows = self.frames
        for row, place in self.direct:
            frame = frames[place]
            rows[row] = 0.0 if frame is None else frame
        for (where, other), resampler in zip(self.turned, self.inwards, strict=True):
            theirs = np.zeros((len(where), samples(other)), np.float32)
            for number, row in enumerate(where):
                frame = frames[int(row) + self.start]
                if frame is not None:
                    theirs[number] = frame
            rows[where] = resampler.turn(theirs)

    def mix(self) -> Floats:
        """What every seat hears, at this group's rate."""
        said = self.frames if self.all_say else self.frames * self.says
        sums = np.add.reduceat(said, self.firsts, axis=0)
        heard = np.subtract(sums[self.room], said, out=self.heard)
        for speaker, hearer in self.whispers:
            heard[hearer] += self.frames[speaker]
        if len(self.deaf):
            heard[self.deaf] = 0.0
        return soften(heard)

    def settle(
        self, heard: Floats, frames: Sequence[Samples | None], out: list[Samples | None], changed: set[str]
    ) -> None:
        """Hand out what was mixed, at each seat's own rate, without jumps in rooms that have `changed`."""
        if changed:
            self._smooth([(row, seat) for row, seat in enumerate(self.seats) if seat.room in changed], heard)
        ends = heard[:, -1].tolist()
        for seat, end in zip(self.seats, ends, strict=True):
            seat.last = end
        whole = heard.astype(np.int16)
        for row, place in self.direct:
            out[place] = whole[row]
        same: dict[int, Samples] = {}
        for row, place, room in self.common:
            if frames[place] is None and self.seats[row].room not in changed:
                out[place] = same.setdefault(room, whole[row])
        for (where, _), resampler in zip(self.turned, self.outwards, strict=True):
            theirs = np.clip(resampler.turn(heard[where]), -32768, 32767).astype(np.int16)
            for number, row in enumerate(where):
                out[int(row) + self.start] = theirs[number]

    def _smooth(self, seats: Iterable[tuple[int, Seat]], heard: Floats) -> None:
        fade = _fade(self.rate)
        for row, seat in seats:
            heard[row] += (seat.last - heard[row, 0]) * fade
            np.clip(heard[row], -32768, 32767, out=heard[row])


def _fade(rate: int) -> Floats:
    """From 1 to 0 over 20 ms, flat at both ends."""
    count = samples(rate)
    return (0.5 + 0.5 * np.cos(np.pi * np.arange(count) / count)).astype(np.float32)


def soften(heard: Floats) -> Floats:
    """Bend what is louder than half of full scale, in place, so that nothing exceeds it."""
    loud = np.abs(heard) > _KNEE
    if loud.any():
        high = heard[loud]
        above = (np.abs(high) - _KNEE) / _ROOM_ABOVE
        heard[loud] = np.sign(high) * (_KNEE + _ROOM_ABOVE * above / (1 + above))
    return heard


class Mixer:
    """All rooms of a process. `seats` is the order of frames in and out, valid until the next change."""

    def __init__(self) -> None:
        self.seats: list[Seat] = []
        self._rooms: dict[str, dict[int, Seat]] = {}
        self._groups: list[_Group] = []
        self._changed: set[str] = set()
        self._stale = False

    def enter(self, id_: int, room: str, rate: int, part: Part) -> None:
        """Let somebody in, or change the part or the rate of who is there."""
        members = self._rooms.setdefault(room, {})
        seat = members.get(id_)
        if seat is None:
            members[id_] = Seat(id_, room, rate, part)
        elif (seat.rate, seat.part) == (rate, part):
            return
        else:
            seat.rate, seat.part = rate, part
        self._touch(room)

    def leave(self, id_: int, room: str) -> None:
        """Let somebody go; harmless for who is not there."""
        members = self._rooms.get(room, {})
        if members.pop(id_, None) is not None:
            if not members:
                del self._rooms[room]
            self._touch(room)

    def members(self, room: str) -> list[int]:
        """Who is in a room."""
        return list(self._rooms.get(room, ()))

    def _touch(self, room: str) -> None:
        self._changed.add(room)
        self._stale = True

    def settle(self) -> list[Seat]:
        """The seats in the order of this tick's frames: to be asked before `tick`."""
        if self._stale:
            self._stale = False
            self._arrange()
        return self.seats

    def tick(self, frames: Sequence[Samples | None]) -> list[Samples | None]:
        """20 ms of every seat of `settle()`, each at its own rate, None for silence; what each of them hears."""
        out: list[Samples | None] = [None] * len(frames)
        for group in self._groups:
            group.gather(frames)
            group.settle(group.mix(), frames, out, self._changed)
        self._changed.clear()
        return out

    def _arrange(self) -> None:
        for group in self._groups:
            group.part()
        by_rate: dict[int, list[Seat]] = {NARROW: [], WIDE: []}
        for name, members in self._rooms.items():
            wide = any(seat.rate > NARROW for seat in members.values())
            if name in self._changed:
                self._forget(members.values(), WIDE if wide else NARROW)
            by_rate[WIDE if wide else NARROW] += members.values()
        self.seats, self._groups = [], []
        for rate, seats in by_rate.items():
            if seats:
                self._groups.append(_Group(rate, seats, len(self.seats)))
                self.seats += seats

    def _forget(self, seats: Iterable[Seat], rate: int) -> None:
        """Conversions of other rates than now are over."""
        for seat in seats:
            turned = seat.rate != rate
            if seat.inward is not None and not (turned and len(seat.inward) == history(seat.rate, rate)):
                seat.inward = None
            if seat.outward is not None and not (turned and len(seat.outward) == history(rate, seat.rate)):
                seat.outward = None


def _or_flat(seat: Seat, source: int, target: int) -> Floats:
    """The past of what a seat heard: what it heard last, where its conversion begins now."""
    if seat.outward is not None:
        return seat.outward
    return np.full(history(source, target), seat.last, np.float32)
