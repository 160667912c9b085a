"""A media engine that makes no sound: it keeps a book of what it was told, and objects to what a real one could not do.

Like the media workers it outlives a crash of the exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from media.engine import (
    AS_BEFORE,
    Lease,
    LegLost,
    MediaEvent,
    Part,
    RecordEnded,
    Remote,
    Spool,
    Tune,
    kept_back,
    known_already,
)


class MisuseError(AssertionError):
    """The exchange asked for something that the protocol of `media.engine` does not allow."""


class Book:
    """What is known of one open leg."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.silence_s = -1.0
        self.remote: Remote | None = None
        self.peer: int | None = None
        self.tune: Tune | None = None
        """What plays in place of anything else."""
        self.over: Tune | None = None
        """What plays on top."""
        self.room = ""
        self.part = Part()
        self.spools: dict[str, bool] = {}
        """The recordings of the leg, and whether each is on (not paused)."""
        self.digits = ""
        """What was sent to it so far."""

    @property
    def source(self) -> str:
        """What it hears of us: the sources of the tune, with commas."""
        return ",".join(self.tune.sources) if self.tune is not None else ""

    @property
    def open(self) -> bool:
        """Whether `open` has come."""
        return self.silence_s >= 0


class BookEngine:
    """A `MediaEngine`. `legs` are the open ones; `limit` is how many port pairs there are at a time."""

    def __init__(self, address: str, limit: int = 1000) -> None:
        self.on_event: Callable[[MediaEvent], None] = lambda event: None
        self.address = address
        self.more: tuple[str, ...] = ()
        """Further addresses that there are ports on."""
        self.limit = limit
        self.legs: dict[int, Book] = {}
        self.dead: dict[int, Book] = {}
        """Those whose worker has died."""
        self.log: list[tuple[Any, ...]] = []
        self.deaf = False
        """While True, commands are lost: what a crash between the exchange and its media workers leaves behind."""
        self.ended: list[RecordEnded] = []
        """Recordings that have ended; a test hands them on with `on_event` when it likes, as a worker would."""
        self._given = 0

    # -- the protocol -------------------------------------------------------------------------------------------

    def lease(self, near: int | None = None, v6: bool = False, urgent: bool = False) -> Lease | None:
        """See `MediaEngine.lease`."""
        if near is not None and near not in self.legs:
            raise MisuseError(f"lease near {near}, which is no leg")
        if len(self.legs) >= self.limit - (0 if urgent else kept_back(self.limit)):
            return None
        address = next((each for each in (self.address, *self.more) if (":" in each) is v6), "")
        if not address:
            return None
        self._given += 1
        lease = Lease(self._given, 0, address, 20000 + 2 * (self._given % 20000))
        self.legs[lease.leg] = Book(lease)
        return lease

    def open(self, lease: Lease, silence_s: float) -> None:
        """See `MediaEngine.open`."""
        if self._lost("open", lease.leg):
            return
        book = self.legs.get(lease.leg)
        if book is None:
            raise MisuseError(f"open of {lease.leg}, which was not leased")
        book.silence_s = silence_s

    def update(self, leg: int, remote: Remote, again: bool = False) -> None:
        """See `MediaEngine.update`."""
        if self._lost("update", leg, remote) or (again and known_already(self._opened(leg).remote, remote)):
            return
        told = self._opened(leg).remote
        if remote.keys == AS_BEFORE and told is not None:
            remote = structs.replace(remote, keys=told.keys)
        self._opened(leg).remote = remote

    def bridge(self, first: int, second: int) -> None:
        """See `MediaEngine.bridge`."""
        if self._lost("bridge", first, second):
            return
        if first == second:
            raise MisuseError(f"{first} bridged with itself")
        one, other = self._opened(first), self._opened(second)
        self._part(one)
        self._part(other)
        one.peer, other.peer = second, first

    def mix(self, leg: int, room: str, part: Part = Part()) -> None:
        """See `MediaEngine.mix`."""
        if self._lost("mix", leg, room, part):
            return
        book = self._opened(leg)
        if part.to != -1 and self._opened(part.to).room != room:
            raise MisuseError(f"{leg} whispers to {part.to}, which is not in the room {room}")
        if book.room != room:
            self._part(book)
        book.room, book.part = room, part

    def play(self, leg: int, tune: Tune, again: bool = False) -> None:
        """See `MediaEngine.play`."""
        if not tune.sources:
            raise MisuseError("a tune without a source")
        if self._lost("play", leg, tune):
            return
        book = self._opened(leg)
        if tune.over:
            book.over = tune
            return
        self._part(book)
        book.tune = tune

    def stop(self, leg: int, over: bool = False) -> None:
        """See `MediaEngine.stop`."""
        if self._lost("stop", leg, over):
            return
        book = self._opened(leg)
        if over:
            book.over = None
        else:
            self._part(book)

    def record(self, leg: int, spool: Spool) -> None:
        """See `MediaEngine.record`."""
        if not self._lost("record", leg, spool):
            self._opened(leg).spools[spool.path] = True

    def pause(self, leg: int, path: str) -> None:
        """See `MediaEngine.pause`."""
        if not self._lost("pause", leg, path) and path in self._opened(leg).spools:
            self._opened(leg).spools[path] = False

    def end_record(self, leg: int, path: str) -> None:
        """See `MediaEngine.end_record`."""
        book = self.legs.get(leg)  # one that was lost has ended its recordings
        if not self._lost("end_record", leg, path) and book is not None and book.spools.pop(path, None) is not None:
            self.ended.append(RecordEnded(leg, path, "stopped", 0, 0))

    def send_digits(self, leg: int, digits: str) -> None:
        """See `MediaEngine.send_digits`."""
        if not self._lost("send_digits", leg, digits):
            self._opened(leg).digits += digits

    def close(self, leg: int) -> None:
        """See `MediaEngine.close`."""
        if self._lost("close", leg):
            return
        book = self.legs.pop(leg, None)
        if book is not None:
            self._part(book)
            self.ended += [RecordEnded(leg, path, "closed", 0, 0) for path in book.spools]

    def adopt(self, legs: dict[int, Lease]) -> None:
        """See `MediaEngine.adopt`."""
        self._lost("adopt", *legs)
        for leg in [leg for leg in self.legs if leg not in legs]:
            self._part(self.legs.pop(leg))
        for leg in legs:
            if leg not in self.legs:
                self.on_event(LegLost(leg))

    # -- for tests ----------------------------------------------------------------------------------------------

    def at(self, port: int) -> Book:
        """The leg with that RTP port: what a telephone reads in our description."""
        return next(book for book in self.legs.values() if book.lease.port == port)

    def joined(self) -> set[frozenset[tuple[str, int]]]:
        """Who hears whom: for each bridge the addresses of both far ends."""
        pairs = set()
        for book in self.legs.values():
            if book.peer is not None:
                other = self.legs[book.peer]
                if book.remote is not None and other.remote is not None:
                    pairs.add(
                        frozenset(((book.remote.address, book.remote.port), (other.remote.address, other.remote.port)))
                    )
        return pairs

    def members(self, room: str) -> set[int]:
        """Who is in a room."""
        return {leg for leg, book in self.legs.items() if book.room == room}

    def _opened(self, leg: int) -> Book:
        book = self.legs.get(leg)
        if book is None and leg in self.dead:
            return self.dead[leg]
        if book is None or not book.open:
            raise MisuseError(f"leg {leg} is not open")
        return book

    def lose(self, leg: int) -> None:
        """Its worker has died. What it is told until everybody knows goes nowhere."""
        book = self.legs.pop(leg, None)
        if book is not None:
            self.dead[leg] = book

    def _part(self, book: Book) -> None:
        if book.peer is not None and book.peer in self.legs:
            self.legs[book.peer].peer = None
        book.peer, book.tune = None, None
        book.room, book.part = "", Part()

    def _lost(self, *command: Any) -> bool:
        """Note a command down; whether it never arrives."""
        if not self.deaf:
            self.log.append(command)
        return self.deaf
