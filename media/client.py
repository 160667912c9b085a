"""The exchange's end of the media workers: a `MediaEngine` over their control sockets, inside an asyncio loop.

Every packet wakes the worker, and that costs more than all that stands in it. So commands are gathered: what somebody
would hear leaves at the end of the turn of the loop, or, when a packet has left within the same beat of 42 ms, with
the next beat; what nobody hears (`open`, `close`) goes along with it, or with the next beat but one. The order for one
worker is kept.

A worker that goes away is connected to again; the legs that it no longer lists then, or that it has not listed in time,
are reported `LegLost`.

A bridge of legs in two workers is joined by two more legs on the local host, which nobody above sees.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import socket
from collections.abc import Callable, Iterable, Sequence

import msgspec

from media import wire
from media.engine import Lease, LegLost, MediaEvent, Part, Remote, Spool, Stats, Tune

_log = logging.getLogger("ringplan.media.client")
_RETRY_S = 0.2
_BEAT_S = 0.042  # a multiple of what else wakes the exchange up, so that it need not wake up for this
_NOW_S = 0.0001  # a beat that is so near is the one at which we are
_PACKETS_A_TURN = 64
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_ALL_PAYLOADS = tuple(range(128))


def _ignore(event: MediaEvent) -> None:
    del event


def _leases_left(worker: _Worker) -> int:
    return len(worker.fresh)


def _leases_left_v6(worker: _Worker) -> int:
    return len(worker.fresh_v6)


def _kept(worker: _Worker) -> int:
    return len(worker.kept)


def _kept_v6(worker: _Worker) -> int:
    return len(worker.kept_v6)


class _Worker:
    """One worker as the exchange sees it: its connection, its leases, its legs, and what is yet to be sent."""

    def __init__(self, engine: WorkerEngine, path: str, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.index: int | None = None
        self.address = ""
        self.synced = False
        self.granted = False
        self.fresh: collections.deque[Lease] = collections.deque()
        self.fresh_v6: collections.deque[Lease] = collections.deque()
        self.kept: list[Lease] = []
        self.kept_v6: list[Lease] = []
        """Leases that no ordinary call gets; `fresh` is what comes beyond them."""
        self.listed: dict[int, Lease] = {}
        self.commands: list[wire.Command] = []
        self._engine = engine
        self._loop = loop
        self._sock: socket.socket | None = None
        self._soon = False
        self._waiting = False
        self._not_before = 0.0
        self._queue: collections.deque[bytes] = collections.deque()
        self._writing = False
        self._retry: asyncio.TimerHandle | None = None
        self._lost: asyncio.TimerHandle | None = None

    def connect(self) -> None:
        """Connect, now or as soon as the worker is there."""
        self._retry = None
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.setblocking(False)
        try:
            sock.connect(self.path)
        except OSError:
            sock.close()
            self._again()
            return
        self._sock = sock
        self._loop.add_reader(sock.fileno(), self._readable)

    def _again(self) -> None:
        if self._retry is None:
            self._retry = self._loop.call_later(_RETRY_S, self.connect)
        if self._lost is None:
            self._lost = self._loop.call_later(self._engine.lost_after_s, self._give_up)

    def _give_up(self) -> None:
        self._lost = None
        self._engine.missing(self)

    def disconnect(self) -> None:
        """Close the connection; what was leased but not opened over it is void."""
        if self._sock is not None:
            self._loop.remove_reader(self._sock.fileno())
            if self._writing:
                self._loop.remove_writer(self._sock.fileno())
                self._writing = False
            self._sock.close()
            self._sock = None
        self.synced = self.granted = False
        self.fresh.clear()
        self.fresh_v6.clear()
        self.kept.clear()
        self.kept_v6.clear()
        self.listed.clear()
        self._queue.clear()

    def shut(self) -> None:
        """Disconnect for good."""
        self.disconnect()
        for handle in (self._retry, self._lost):
            if handle is not None:
                handle.cancel()

    def send(self, command: wire.Command) -> None:
        """Send a command soon, or once the worker is there."""
        self.commands.append(command)
        if not self._soon:
            self._soon = True
            wait_s = self._not_before - self._loop.time()
            if wait_s > 0:
                self._loop.call_later(wait_s, self.flush)
            else:
                self._loop.call_soon(self.flush)

    def send_some_time(self, command: wire.Command) -> None:
        """Send a command along with the next one that is in a hurry, or after a while."""
        self.commands.append(command)
        if not (self._waiting or self._soon):
            self._waiting = True
            self._loop.call_later(self._beat(2) - self._loop.time(), self._waited)

    def _beat(self, number: int) -> float:
        """When the first, second … beat from now is."""
        return (int((self._loop.time() + _NOW_S) / _BEAT_S) + number) * _BEAT_S

    def _waited(self) -> None:
        self._waiting = False
        if not self._soon:
            self.flush()

    def flush(self) -> None:
        """Send the commands gathered."""
        self._soon = False
        if not self.synced or not self.commands:
            return
        self._not_before = self._beat(1)
        commands, self.commands = self.commands, []
        for start in range(0, len(commands), wire.VALUES_A_PACKET):
            self._queue.append(wire.encode(commands[start : start + wire.VALUES_A_PACKET]))
        self._write()

    def _write(self) -> None:
        sock = self._sock
        if sock is None:
            return
        try:
            while self._queue:
                sock.send(self._queue[0])
                self._queue.popleft()
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                self._loop.add_writer(sock.fileno(), self._write)
            return
        except OSError:
            self._broken()
            return
        if self._writing:
            self._writing = False
            self._loop.remove_writer(sock.fileno())

    def _broken(self) -> None:
        self.disconnect()
        self._again()

    def _readable(self) -> None:
        for _ in range(_PACKETS_A_TURN):
            if self._sock is None:
                return
            try:
                size = self._sock.recv_into(self._engine.buffer)
            except BlockingIOError:
                return
            except OSError:
                size = 0
            if not size:
                self._broken()
                return
            try:
                news = wire.decode_news(self._engine.buffer[:size])
            except msgspec.MsgspecError as error:
                _log.error("worker %s is not understood: %s", self.path, error)
                self._broken()
                return
            for value in news:
                self._take(value)

    def _take(self, value: wire.News) -> None:
        match value:
            case wire.Hello(version, index, _, address):
                if version != wire.VERSION:
                    _log.error("worker %s speaks version %d, we %d", self.path, version, wire.VERSION)
                    self._broken()
                    return
                self.index, self.address = index, _ANYWHERE.get(address, address)
            case wire.Legs(leases):
                self.listed.update((lease.leg, lease) for lease in leases)
            case wire.Synced():
                self.synced = True
                if self._lost is not None:
                    self._lost.cancel()
                    self._lost = None
                self._engine.synced(self)
                self.flush()
            case wire.Leases(leases, kept):
                if leases:
                    v6 = ":" in leases[0].address
                    back = self.kept_v6 if v6 else self.kept
                    # The last ones: a worker waits for those that it gave first when an exchange is gone.
                    start = len(leases) - max(kept - len(back), 0)
                    back += leases[max(start, 0) :]
                    (self.fresh_v6 if v6 else self.fresh).extend(leases[: max(start, 0)])
                self.granted = True
                self._engine.leased()
            case _:
                self._engine.happened(value)


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
        self.lost_after_s = lost_after_s
        self._paths = tuple(paths)
        self._workers: list[_Worker] = []
        self._home: dict[int, _Worker] = {}
        self._pending: dict[int, Lease] = {}
        self._later: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        """Commands for legs that a worker which is not there yet may have."""
        self._adopted = False
        self._early: list[MediaEvent] = []
        self._joints: dict[int, tuple[int, int]] = {}
        self._inner: set[int] = set()
        self._urgent: set[int] = set()
        """Legs of emergency calls, and some that are closed."""
        self._changed: asyncio.Event | None = None
        self.buffer = memoryview(bytearray(wire.MAX_PACKET_BYTES))
        """For packets as they come. A fresh one for each would cost more than what stands in it."""

    def start(self) -> None:
        """Connect to the workers. Must be called in the running loop."""
        loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._workers = [_Worker(self, path, loop) for path in self._paths]
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

    def _lease_urgent(self, near: _Worker | None, v6: bool) -> Lease | None:
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

    def _lease(self, worker: _Worker, v6: bool, urgent: bool = False) -> Lease | None:
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
        self._send(leg, wire.Update(leg, remote, again))

    def bridge(self, first: int, second: int) -> None:
        """See `MediaEngine.bridge`."""
        if first in self._pending or second in self._pending:
            self._later.append((self.bridge, (first, second)))
            return
        here, there = self._home.get(first), self._home.get(second)
        if here is None or there is None or here is there:
            self._unjoin(first)
            self._unjoin(second)
            self._send(first if here is None else second, wire.Bridge(first, second))
        elif self._joints.get(first, (0, 0))[1] != second:
            self._unjoin(first)
            self._unjoin(second)
            self._join(first, here, second, there)

    def mix(self, leg: int, room: str, part: Part = Part()) -> None:
        """See `MediaEngine.mix`."""
        self._unjoin(leg)
        self._send(leg, wire.Mix(leg, room, part))

    def play(self, leg: int, tune: Tune, again: bool = False) -> None:
        """See `MediaEngine.play`. Raises ValueError for sources of more than 20,000 characters together."""
        if sum(map(len, tune.sources)) > wire.MAX_SOURCE_CHARS:
            raise ValueError("the sources' names are too long")
        if not tune.over:
            self._unjoin(leg)
        self._send(leg, wire.Play(leg, tune, again))

    def stop(self, leg: int, over: bool = False) -> None:
        """See `MediaEngine.stop`."""
        if not over:
            self._unjoin(leg)
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
            self._unjoin(leg)
            del self._home[leg]
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

    def synced(self, worker: _Worker) -> None:
        """A worker has listed its legs: those that we thought it had and it has not are lost."""
        self._losses([leg for leg, home in self._home.items() if home is worker and leg not in worker.listed])
        if self._adopted:
            self._reconcile(worker)

    def _reconcile(self, worker: _Worker) -> None:
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

    def missing(self, worker: _Worker) -> None:
        """A worker has stayed away: its legs are lost."""
        gone = [leg for leg, home in self._home.items() if home is worker]
        if worker.index is None:
            known = {one.index for one in self._workers if one.index is not None}
            gone += [leg for leg, lease in self._pending.items() if lease.worker not in known]
        else:
            gone += [leg for leg, lease in self._pending.items() if lease.worker == worker.index]
        worker.commands.clear()
        self._losses(gone)

    def _losses(self, legs: Iterable[int]) -> None:
        for leg in legs:
            self._forget(leg)
            if leg not in self._inner:
                self.on_event(LegLost(leg))
            self._inner.discard(leg)

    def _forget(self, leg: int) -> None:
        self._unjoin(leg)
        self._home.pop(leg, None)
        self._pending.pop(leg, None)

    def happened(self, event: MediaEvent) -> None:
        """An event of a worker; those of the legs that join two workers are our own business."""
        if isinstance(event, LegLost):
            self._losses([event.leg])
        elif event.leg not in self._inner:
            if self._adopted or event.leg in self._home:
                self.on_event(event)
            else:
                self._early.append(event)  # of a leg that will be adopted, perhaps
        elif isinstance(event, Stats):
            self._inner.discard(event.leg)

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

    def _join(self, first: int, here: _Worker, second: int, there: _Worker) -> None:
        urgent = first in self._urgent or second in self._urgent
        near = self._lease(here, ":" in here.address, urgent)
        far = self._lease(there, ":" in there.address, urgent)
        if near is None or far is None:
            for lease in (near, far):
                if lease is not None:
                    self.close(lease.leg)
            _log.error("no ports left to join two workers")
            return
        self._inner |= {near.leg, far.leg}
        for lease, other, host in ((near, far, there.address), (far, near, here.address)):
            self.open(lease, 0.0)
            self.update(
                lease.leg,
                Remote(
                    address=host, port=other.port, rtcp_port=other.port + 1, signalling=host, payloads=_ALL_PAYLOADS
                ),
            )
        here.send(wire.Bridge(first, near.leg))
        there.send(wire.Bridge(second, far.leg))
        self._joints[first] = (near.leg, second)
        self._joints[second] = (far.leg, first)

    def _unjoin(self, leg: int) -> None:
        """Take a leg out of its bridge over two workers, and the other leg with it."""
        joint = self._joints.pop(leg, None)
        if joint is None:
            return
        other = self._joints.pop(joint[1], None)
        for inner in (joint[0], other[0] if other is not None else None):
            if inner is not None:
                with contextlib.suppress(KeyError):
                    self._home.pop(inner).send_some_time(wire.Close(inner))
