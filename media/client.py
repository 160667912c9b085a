"""The exchange's end of the media workers: a `MediaEngine` over their control sockets, inside an asyncio loop.

A worker that goes away is connected to again; the legs that it no longer lists then, or that it has not listed in time,
are reported `LegLost`. How commands are sent says `media.connection`, and how legs of different workers come to hear
each other `media.joints`.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Collection, Iterable, Sequence

from media import wire
from media.connection import Connection
from media.engine import Lease, LegLost, MediaEvent, Part, Remote, Spool, Stats, Tune
from media.joints import Joints


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
        lost_after_s: float = 5.0,
    ) -> None:
        self.on_event = on_event
        self.before: Callable[[], object] = lambda: None
        """Called before commands leave, so that what led to them can be written down first."""
        self.lost_after_s = lost_after_s
        self._paths = tuple(paths)
        self._workers: list[Connection] = []
        self._home: dict[int, Connection] = {}
        self._pending: dict[int, Lease] = {}
        self._later: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        """Commands for legs that a worker which is not there yet may have."""
        self._adopted = False
        self._early: list[MediaEvent] = []
        self._remotes: dict[int, Remote] = {}
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
        counts = collections.Counter(id(worker) for worker in self._home.values())
        return [
            (position if worker.index is None else worker.index, worker.synced, counts[id(worker)])
            for position, worker in enumerate(self._workers)
        ]

    # --- MediaEngine ---

    def lease(self, near: int | None = None, v6: bool = False, urgent: bool = False) -> Lease | None:
        """See `MediaEngine.lease`. Without `near` the worker with the most leases left is taken, the emptiest one."""
        worker = self._home.get(near) if near is not None else None
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
                self._urgent &= self._home.keys()
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
        self._home[lease.leg] = worker
        return lease

    def open(self, lease: Lease, silence_s: float) -> None:
        """See `MediaEngine.open`. Until it is carried out, packets wait in the socket."""
        worker = self._home.get(lease.leg)
        if worker is not None:
            worker.send_some_time(wire.Open(lease.leg, silence_s))
        else:
            self._send(lease.leg, wire.Open(lease.leg, silence_s))

    def update(self, leg: int, remote: Remote, again: bool = False) -> None:
        """See `MediaEngine.update`."""
        if leg in self._home:
            self._remotes[leg] = remote
        self._send(leg, wire.Update(leg, remote, again))
        self._joints.described(leg)

    def bridge(self, first: int, second: int) -> None:
        """See `MediaEngine.bridge`."""
        if first in self._pending or second in self._pending:
            self._later.append((self.bridge, (first, second)))
            return
        here, there = self._home.get(first), self._home.get(second)
        if here is None or there is None or here is there:
            self._joints.part(first)
            self._joints.part(second)
            self._send(first if here is None else second, wire.Bridge(first, second))
        else:
            self._joints.pair(first, here, second, there)

    def mix(self, leg: int, room: str, part: Part = Part()) -> None:
        """See `MediaEngine.mix`."""
        worker = self._home.get(leg)
        if worker is not None:
            self._joints.mix(leg, worker, room, part)
        elif leg in self._pending:
            self._later.append((self.mix, (leg, room, part)))
        else:
            self._send(leg, wire.Mix(leg, room, part))  # to nobody: it is lost

    def play(self, leg: int, tune: Tune, again: bool = False) -> None:
        """See `MediaEngine.play`. Raises ValueError for sources of more than 20,000 characters together."""
        if sum(map(len, tune.sources)) > wire.MAX_SOURCE_CHARS:
            raise ValueError("the sources' names are too long")
        if not tune.over:
            self._joints.part(leg)
        self._send(leg, wire.Play(leg, tune, again))

    def stop(self, leg: int, over: bool = False) -> None:
        """See `MediaEngine.stop`."""
        if not over:
            self._joints.part(leg)
        self._send(leg, wire.Stop(leg, over))

    def record(self, leg: int, spool: Spool) -> None:
        """See `MediaEngine.record`."""
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
        worker = self._home.get(leg)
        if worker is not None:
            self._joints.part(leg)
            del self._home[leg]
            self._remotes.pop(leg, None)
            worker.send_some_time(wire.Close(leg))

    def adopt(self, legs: dict[int, Lease]) -> None:
        """See `MediaEngine.adopt`; with no legs at a first start. Workers that are not there yet are asked later."""
        self._adopted = True
        self._pending = {leg: lease for leg, lease in legs.items() if leg not in self._home}
        for worker in self._workers:
            if worker.synced:
                self._reconcile(worker)
        if self._early:
            asyncio.get_running_loop().call_soon(self._tell_early)

    def _tell_early(self) -> None:
        early, self._early = self._early, []
        for event in early:
            if event.leg in self._home:
                self.on_event(event)

    # --- what the workers tell ---

    def leased(self) -> None:
        """A worker has given leases."""
        if self._changed is not None:
            self._changed.set()

    def synced(self, worker: Connection) -> None:
        """A worker has listed its legs: those that we thought it had and it has not are lost."""
        gone = [leg for leg, home in self._home.items() if home is worker and leg not in worker.listed]
        self._losses(gone)
        self._joints.died(worker, gone)
        if self._adopted:
            self._reconcile(worker)

    def _reconcile(self, worker: Connection) -> None:
        """Take the legs that the exchange remembers, close the others, report those that are nowhere."""
        indexes = {one.index for one in self._workers}
        gone = []
        for leg, lease in list(self._pending.items()):
            if leg in worker.listed:
                self._home[leg] = worker
                del self._pending[leg]
            elif lease.worker == worker.index or (None not in indexes and lease.worker not in indexes):
                gone.append(leg)
        for leg in worker.listed:
            if leg not in self._home:
                worker.send_some_time(wire.Close(leg))
        worker.listed.clear()
        self._losses(gone)
        later, self._later = self._later, []
        for command, arguments in later:
            command(*arguments)

    def missing(self, worker: Connection) -> None:
        """A worker has stayed away: its legs are lost."""
        gone = [leg for leg, home in self._home.items() if home is worker]
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
        self._home.pop(leg, None)
        self._remotes.pop(leg, None)
        self._pending.pop(leg, None)

    def happened(self, event: MediaEvent) -> None:
        """An event of a worker; those of the legs that join two workers are our own business."""
        if isinstance(event, LegLost):
            self._losses([event.leg])
        elif event.leg not in self._joints.inner:
            if self._adopted or event.leg in self._home:
                self.on_event(event)
            else:
                self._early.append(event)  # of a leg that will be adopted, perhaps
        elif isinstance(event, Stats):
            self._joints.inner.discard(event.leg)

    # --- what joints want of us ---

    def home(self, leg: int) -> Connection | None:
        """The worker that has a leg."""
        return self._home.get(leg)

    def described(self, leg: int) -> Remote | None:
        """What was last told of a leg's far end."""
        return self._remotes.get(leg)

    def spare(self, worker: Connection, legs: Collection[int]) -> Lease | None:
        """A lease of a worker, for an inner leg that serves `legs`."""
        return self._lease(worker, ":" in worker.address, not self._urgent.isdisjoint(legs))

    # --- inside ---

    def _send(self, leg: int, command: wire.Command) -> None:
        worker = self._home.get(leg)
        if worker is not None:
            worker.send(command)
        elif leg in self._pending:
            self._later.append((self._send, (leg, command)))
        else:
            # Not from inside the command: the caller is in the midst of its own decision.
            asyncio.get_running_loop().call_soon(self.on_event, LegLost(leg))
