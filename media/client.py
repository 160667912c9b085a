"""The exchange's end of the media workers: a `MediaEngine` over their control sockets, inside an asyncio loop.

A worker that goes away is connected to again. If it died, its successor is given its legs, at the same ports
(`media.standing`); those that cannot go on so, or were not listed in time, are reported `LegLost`. How commands are
sent says `media.connection`, and how legs of different workers come to hear each other `media.joints`.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Callable, Collection, Iterable, Sequence

from media import wire
from media.connection import Connection
from media.engine import Lease, LegLost, MediaEvent, Part, PlayEnded, RecordEnded, Remote, Spool, Stats, Tune
from media.joints import Joints
from media.standing import Standing, told_again, torn

_log = logging.getLogger("ringplan.media.client")
_WELL_S = 60.0
"""A worker that dies so soon after its predecessor dies of what it was given, perhaps: its legs are lost."""


def _ignore(event: MediaEvent) -> None:
    del event


def _leases_left(worker: Connection) -> int:
    return len(worker.fresh)


def _leases_left_v6(worker: Connection) -> int:
    return len(worker.fresh_v6)


def _kept(worker: Connection) -> int:
    return len(worker.kept)


def _kept_v6(worker: Connection) -> int:
    return len(worker.kept_v6)


class WorkerEngine:
    """A `MediaEngine` over the workers whose control sockets are at `paths`. To be made and used inside one loop.

    `start` connects; `ready` waits until every worker has listed its legs and given what leases it has. Legs of a
    worker that is away for longer than `lost_after_s` are reported lost.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        on_event: Callable[[MediaEvent], None] = _ignore,
        lost_after_s: float = 10.0,
    ) -> None:
        self.on_event = on_event
        self.before: Callable[[], object] = lambda: None
        """Called before commands leave, so that what led to them can be written down first."""
        self.lost_after_s = lost_after_s
        self._paths = tuple(paths)
        self._workers: list[Connection] = []
        self._legs: dict[int, Standing] = {}
        self._pending: dict[int, Lease] = {}
        self._later: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        """Commands for legs that a worker which is not there yet may have."""
        self._adopted = False
        self._early: list[MediaEvent] = []
        self._joints = Joints(self)
        self._urgent: set[int] = set()
        """Legs of emergency calls, and some that are closed."""
        self._changed: asyncio.Event | None = None
        self.buffer = memoryview(bytearray(wire.MAX_PACKET_BYTES))
        """For packets as they come. A fresh one for each would cost more than what stands in it."""

    def start(self) -> None:
        """Connect to the workers. Must be called in the running loop."""
        loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._workers = [Connection(self, path, loop) for path in self._paths]
        for worker in self._workers:
            worker.connect()

    async def ready(self, timeout_s: float = 10.0) -> None:
        """Wait until all workers are connected and have given what leases they have. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not all(worker.granted for worker in self._workers):
                assert self._changed is not None, "start() first"
                self._changed.clear()
                await self._changed.wait()

    def shut(self) -> None:
        """Disconnect. The workers keep their legs and wait for the next exchange."""
        for worker in self._workers:
            worker.flush()
            worker.shut()

    def workers(self) -> list[tuple[int, bool, int]]:
        """(index, connected, legs) of each worker, for people to look at. Legs that join two workers count as well."""
        counts = collections.Counter(id(standing.worker) for standing in self._legs.values())
        return [
            (position if worker.index is None else worker.index, worker.synced, counts[id(worker)])
            for position, worker in enumerate(self._workers)
        ]

    # --- MediaEngine ---

    def lease(self, near: int | None = None, v6: bool = False, urgent: bool = False) -> Lease | None:
        """See `MediaEngine.lease`. Without `near` the worker with the most leases left is taken, the emptiest one."""
        beside = self._legs.get(near) if near is not None else None
        worker = beside.worker if beside is not None else None
        if urgent:
            return self._lease_urgent(worker, v6)
        if worker is None or not (worker.fresh_v6 if v6 else worker.fresh):
            if not self._workers:
                return None
            worker = max(self._workers, key=_leases_left_v6 if v6 else _leases_left)
        return self._lease(worker, v6)

    def _lease_urgent(self, near: Connection | None, v6: bool) -> Lease | None:
        """Rather one that is kept back in the near worker than one elsewhere: to join two workers takes two more."""
        if not self._workers:
            return None
        emptiest = max(self._workers, key=_leases_left_v6 if v6 else _leases_left)
        most_kept = max(self._workers, key=_kept_v6 if v6 else _kept)
        for worker in (near, emptiest, most_kept):
            lease = self._lease(worker, v6, True) if worker is not None else None
            if lease is not None:
                self._urgent &= self._legs.keys()
                self._urgent.add(lease.leg)
                return lease
        return None

    def _lease(self, worker: Connection, v6: bool, urgent: bool = False) -> Lease | None:
        fresh = worker.fresh_v6 if v6 else worker.fresh
        if fresh:
            lease = fresh.popleft()
        else:
            kept = worker.kept_v6 if v6 else worker.kept
            if not (urgent and kept):
                return None
            lease = kept.pop(0)
        self._legs[lease.leg] = Standing(worker, lease)
        return lease

    def open(self, lease: Lease, silence_s: float) -> None:
        """See `MediaEngine.open`. Until it is carried out, packets wait in the socket."""
        standing = self._legs.get(lease.leg)
        if standing is not None:
            standing.silence_s = silence_s
            standing.worker.send_some_time(wire.Open(lease.leg, silence_s))
        elif not self._put_off(lambda leg: self.open(lease, silence_s), lease.leg):
            self._send(lease.leg, wire.Open(lease.leg, silence_s))

    def update(self, leg: int, remote: Remote, again: bool = False) -> None:
        """See `MediaEngine.update`."""
        standing = self._legs.get(leg)
        if standing is not None:
            standing.remote, standing.known = remote, True
        elif self._put_off(self.update, leg, remote, again):
            return
        self._send(leg, wire.Update(leg, remote, again))
        self._joints.described(leg)

    def bridge(self, first: int, second: int) -> None:
        """See `MediaEngine.bridge`."""
        if first in self._pending or second in self._pending:
            self._later.append((self.bridge, (first, second)))
            return
        here, there = self._legs.get(first), self._legs.get(second)
        if here is None or there is None:
            self._joints.part(first)
            self._joints.part(second)
            self._send(first if here is None else second, wire.Bridge(first, second))
        elif here.worker is there.worker:
            self._joints.part(first)
            self._joints.part(second)
            self.join(here.worker, first, second)
        else:
            self._joints.pair(first, here.worker, second, there.worker)

    def mix(self, leg: int, room: str, part: Part = Part()) -> None:
        """See `MediaEngine.mix`."""
        standing = self._legs.get(leg)
        if standing is not None:
            self._joints.mix(leg, standing.worker, room, part)
        elif not self._put_off(self.mix, leg, room, part):
            self._send(leg, wire.Mix(leg, room, part))  # to nobody: it is lost

    def play(self, leg: int, tune: Tune, again: bool = False) -> None:
        """See `MediaEngine.play`. Raises ValueError for sources of more than 20,000 characters together."""
        if sum(map(len, tune.sources)) > wire.MAX_SOURCE_CHARS:
            raise ValueError("the sources' names are too long")
        play, standing = wire.Play(leg, tune, again), self._legs.get(leg)
        if not tune.over:
            self._joints.part(leg)
        if standing is not None:
            if tune.over:
                standing.over = play
            else:
                standing.doing = play
        elif self._put_off(self.play, leg, tune, again):
            return
        self._send(leg, play)

    def stop(self, leg: int, over: bool = False) -> None:
        """See `MediaEngine.stop`."""
        standing = self._legs.get(leg)
        if not over:
            self._joints.part(leg)
        if standing is not None:
            standing.over = None
            standing.doing = standing.doing if over else None
        elif self._put_off(self.stop, leg, over):
            return
        self._send(leg, wire.Stop(leg, over))

    def record(self, leg: int, spool: Spool) -> None:
        """See `MediaEngine.record`."""
        standing = self._legs.get(leg)
        if standing is not None:
            standing.spools = standing.spools or set()
            standing.spools.add(spool.path)
        elif self._put_off(self.record, leg, spool):
            return
        self._send(leg, wire.Record(leg, spool))

    def pause(self, leg: int, path: str) -> None:
        """See `MediaEngine.pause`."""
        self._send(leg, wire.Pause(leg, path))

    def end_record(self, leg: int, path: str) -> None:
        """See `MediaEngine.end_record`."""
        self._send(leg, wire.EndRecord(leg, path))

    def send_digits(self, leg: int, digits: str) -> None:
        """See `MediaEngine.send_digits`."""
        self._send(leg, wire.SendDigits(leg, digits))

    def close(self, leg: int) -> None:
        """See `MediaEngine.close`."""
        self._pending.pop(leg, None)
        standing = self._legs.get(leg)
        if standing is not None:
            self._joints.part(leg)
            del self._legs[leg]
            standing.worker.send_some_time(wire.Close(leg))

    def adopt(self, legs: dict[int, Lease]) -> None:
        """See `MediaEngine.adopt`; with no legs at a first start. Workers that are not there yet are asked later."""
        self._adopted = True
        self._pending = {leg: lease for leg, lease in legs.items() if leg not in self._legs}
        for worker in self._workers:
            if worker.synced:
                self._reconcile(worker)
        if self._early:
            asyncio.get_running_loop().call_soon(self._tell_early)

    def _tell_early(self) -> None:
        early, self._early = self._early, []
        for event in early:
            if event.leg in self._legs:
                self.on_event(event)

    # --- what the workers tell ---

    def leased(self) -> None:
        """A worker has given leases."""
        self._joints.leased()
        if self._changed is not None:
            self._changed.set()

    def synced(self, worker: Connection) -> None:
        """A worker has listed its legs: those that we thought it had and it has not go on in it, if it is a new one,
        or are lost."""
        gone = [leg for leg, one in self._legs.items() if one.worker is worker and leg not in worker.listed]
        if gone and worker.renewed:
            gone = self._go_on(worker, gone)
        self._losses(gone)
        self._joints.died(worker, gone)
        if self._adopted:
            self._reconcile(worker)

    def _go_on(self, worker: Connection, legs: Sequence[int]) -> list[int]:
        """Give the legs of a worker that died to the one in its place. Returns those for which that cannot be."""
        now = asyncio.get_running_loop().time()
        if now - worker.again_at < _WELL_S:
            _log.error("media worker %s died soon after its predecessor: %d legs are lost", worker.index, len(legs))
            return list(legs)
        these = {leg for leg in legs if self._legs[leg].goes_on}
        if these:  # who was given nothing does not die of it
            worker.claim(self._legs[leg].lease for leg in these)
        for command in told_again(self._legs, these):
            worker.send(command)
        said = "media worker %s died and was started anew: %d legs go on, %d are lost"
        _log.error(said, worker.index, len(these), len(legs) - len(these))
        loop = asyncio.get_running_loop()
        for leg in these:
            for event in torn(self._legs[leg]):
                loop.call_soon(self.happened, event)
        return [leg for leg in legs if leg not in these]

    def _reconcile(self, worker: Connection) -> None:
        """Take the legs that the exchange remembers, close the others, report those that are nowhere."""
        indexes = {one.index for one in self._workers}
        gone = []
        for leg, lease in list(self._pending.items()):
            if leg in worker.listed:
                self._legs[leg] = Standing(worker, lease, known=False)
                del self._pending[leg]
            elif lease.worker == worker.index or (None not in indexes and lease.worker not in indexes):
                gone.append(leg)
        for leg in worker.listed:
            if leg not in self._legs:
                worker.send_some_time(wire.Close(leg))
        worker.listed.clear()
        self._losses(gone)
        later, self._later = self._later, []
        for command, arguments in later:
            command(*arguments)

    def missing(self, worker: Connection) -> None:
        """A worker has stayed away: its legs are lost."""
        gone = [leg for leg, standing in self._legs.items() if standing.worker is worker]
        if worker.index is None:
            known = {one.index for one in self._workers if one.index is not None}
            gone += [leg for leg, lease in self._pending.items() if lease.worker not in known]
        else:
            gone += [leg for leg, lease in self._pending.items() if lease.worker == worker.index]
        worker.commands.clear()
        self._losses(gone)
        self._joints.died(worker, gone)

    def _losses(self, legs: Iterable[int]) -> None:
        for leg in legs:
            self._forget(leg)
            if leg not in self._joints.inner:
                self.on_event(LegLost(leg))
            self._joints.inner.discard(leg)

    def _forget(self, leg: int) -> None:
        self._joints.part(leg)
        self._legs.pop(leg, None)
        self._pending.pop(leg, None)

    def happened(self, event: MediaEvent) -> None:
        """An event of a worker; those of the legs that join two workers are our own business."""
        if isinstance(event, LegLost):
            if event.leg in self._legs or event.leg in self._joints.inner:  # told once, however many commands it missed
                self._losses([event.leg])
        elif event.leg not in self._joints.inner:
            if isinstance(event, PlayEnded | RecordEnded):
                self._ended(event)
            if self._adopted or event.leg in self._legs:
                self.on_event(event)
            else:
                self._early.append(event)  # of a leg that will be adopted, perhaps
        elif isinstance(event, Stats):
            self._joints.inner.discard(event.leg)

    def _ended(self, event: PlayEnded | RecordEnded) -> None:
        standing = self._legs.get(event.leg)
        if standing is None:
            return
        if isinstance(event, PlayEnded):
            standing.ended(event.id)
        elif standing.spools:
            standing.spools.discard(event.path)

    # --- what joints want of us ---

    def home(self, leg: int) -> Connection | None:
        """The worker that has a leg."""
        standing = self._legs.get(leg)
        return standing.worker if standing is not None else None

    def described(self, leg: int) -> Remote | None:
        """What was last told of a leg's far end."""
        standing = self._legs.get(leg)
        return standing.remote if standing is not None else None

    def spare(self, worker: Connection, legs: Collection[int]) -> Lease | None:
        """A lease of a worker, for an inner leg that serves `legs`."""
        return self._lease(worker, ":" in worker.address, not self._urgent.isdisjoint(legs))

    def join(self, worker: Connection, first: int, second: int) -> None:
        """Bridge two legs of one worker."""
        bridge = wire.Bridge(first, second)
        for leg in (first, second):
            standing = self._legs.get(leg)
            if standing is not None:
                standing.doing = bridge
        worker.send(bridge)

    def alone(self, leg: int) -> None:
        """Take a leg out of all that it was in, but for what plays over that."""
        standing = self._legs.get(leg)
        if standing is not None and standing.doing is not None:
            standing.doing = None
            standing.worker.send(wire.Stop(leg))
            if standing.over is not None:
                standing.worker.send(standing.over)

    def seat(self, worker: Connection, leg: int, room: str, part: Part) -> None:
        """Let a leg into a room of its own worker."""
        mix, standing = wire.Mix(leg, room, part), self._legs.get(leg)
        if standing is not None:
            standing.doing = mix
        worker.send(mix)

    # --- inside ---

    def _put_off(self, command: Callable[..., None], leg: int, *arguments: object) -> bool:
        """Whether a worker that is not there yet may have the leg: then the command waits for it."""
        if leg not in self._pending:
            return False
        self._later.append((command, (leg, *arguments)))
        return True

    def _send(self, leg: int, command: wire.Command) -> None:
        standing = self._legs.get(leg)
        if standing is not None:
            standing.worker.send(command)
        elif not self._put_off(self._send, leg, command):
            # Not from inside the command: the caller is in the midst of its own decision.
            asyncio.get_running_loop().call_soon(self.on_event, LegLost(leg))
