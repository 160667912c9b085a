"""One worker as the exchange sees it: the connection to its control socket, and what waits to be sent over it.

Every packet wakes the worker, and that costs more than all that stands in it. So commands are gathered: what somebody
would hear leaves at the end of the turn of the loop, or, when a packet has left within the same beat of 42 ms, with
the next beat; what nobody hears (`open`, `close`) goes along with it, or with the next beat but one. The order for one
worker is kept.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import math
import socket
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from media import wire
from media.engine import Lease, MediaEvent, Stats

_log = logging.getLogger("ringplan.media.client")
_RETRY_S = 0.2
_BEAT_S = 0.04  # a multiple of what else wakes the exchange up, so that it need not wake up for this
_NOW_S = 0.0001  # a beat that is so near is the one at which we are
_PACKETS_A_TURN = 64
_GRANTED_S = 4.0
"""What a worker grants later it grants knowingly: it has heard by then which ports are claimed, and one that was given
back has rested."""
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class Owner(Protocol):
    """Who has the connections: `media.client.WorkerEngine`."""

    lost_after_s: float
    buffer: memoryview
    before: Callable[[], object]
    """To be called before commands leave."""

    def leased(self) -> None:
        """Leases have come."""

    def synced(self, worker: Connection) -> None:
        """All legs of the worker have been listed."""

    def missing(self, worker: Connection) -> None:
        """The worker has stayed away for `lost_after_s`."""

    def happened(self, event: MediaEvent) -> None:
        """An event of the worker's."""


class Connection:
    """One worker as the exchange sees it: its connection, its leases, its legs, and what is yet to be sent."""

    def __init__(self, engine: Owner, path: str, loop: asyncio.AbstractEventLoop) -> None:
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
        self.pid: int | None = None
        self.renewed = False
        """Whether the worker is another process than the one that we were connected to before."""
        self.again_at = -math.inf
        """When the legs of one that had died were given to its successor, in the loop's time."""
        self._claimed: dict[int, tuple[str, int]] = {}
        """By leg."""
        self.commands: list[wire.Command] = []
        self._engine = engine
        self._loop = loop
        self._sock: socket.socket | None = None
        self._soon = False
        self._waiting = False
        self._not_before = 0.0
        self._queue: collections.deque[bytes] = collections.deque()
        self._writing = False
        self._version = wire.VERSION
        """That of the worker, as it said last."""
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

    def claim(self, leases: Iterable[Lease]) -> None:
        """Legs of the worker before are to go on in this one: their ports are no fresh leases of its, although it may
        have granted them before it hears of that."""
        self.again_at = self._loop.time()
        self._claimed = {lease.leg: (lease.address, lease.port) for lease in leases}

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
        self._engine.before()
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
            case Stats():  # first, as there are two of every call
                if self._claimed:  # its port may soon be another leg's
                    self._claimed.pop(value.leg, None)
                self._engine.happened(value)
            case wire.Hello(version, index, pid, address):
                said_before, self._version = version == self._version, version
                if version != wire.VERSION:
                    if not said_before:  # and not at each of the attempts that follow
                        said = "worker %s is of another version (%d, not %d), and left alone: restart the service"
                        _log.error(said, self.path, version, wire.VERSION)
                    self._broken()
                    return
                self.index, self.address = index, _ANYWHERE.get(address, address)
                self.renewed, self.pid = self.pid not in (None, pid), pid
            case wire.Legs(leases):
                self.listed.update((lease.leg, lease) for lease in leases)
            case wire.Synced():
                self.synced = True
                if self.renewed:
                    self.commands.clear()  # they were for legs that it does not know
                if self._lost is not None:
                    self._lost.cancel()
                    self._lost = None
                self._engine.synced(self)
                self.flush()
            case wire.Leases(leases, kept):
                if self._claimed:
                    leases = self._unclaimed(leases)
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

    def _unclaimed(self, leases: tuple[Lease, ...]) -> tuple[Lease, ...]:
        if self._loop.time() - self.again_at > _GRANTED_S:
            self._claimed.clear()
        claimed = set(self._claimed.values())
        return tuple(lease for lease in leases if (lease.address, lease.port) not in claimed)
