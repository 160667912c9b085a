"""The media worker: a process of its own that relays sound and obeys the exchange (`python -P -m media.worker`).

One thread, one epoll. It is the authority on ports, learned addresses, bridges and players: they live on while the
exchange restarts. Without an exchange for a minute it closes its legs, and ends itself if its parent is gone too.
Rubbish on the control socket is logged and thrown away; rubbish on the RTP ports is counted. SIGTERM ends it.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import gc
import itertools
import logging
import math
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from media import codecs, wire
from media.engine import Lease, MediaEvent, Stats, kept_back
from media.lines import Lines
from media.ports import EXPEDITED_FORWARDING, PortPool
from media.relay import Relay

_log = logging.getLogger("ringplan.media.worker")
_QUEUED_PACKETS = 2000
_EPOCH_S = 1767225600  # 2026-01-01
_BATCH = 256
_OTHER_FILES = 64
_PRIORITY = -10
_SHORT_AGAIN_S = 60.0
LEASE_CHUNK = 512


def leg_ids(index: int, at: float) -> Iterator[int]:
    """Ids that no worker and no run ever gives twice: 33 bits of start time (0.1 s), 6 of index, 24 of a counter.

    `at` is the Unix time of the start in seconds. A run that used up its counter goes on in the next tenth of a second,
    which is long past by then.
    """
    for tenth in itertools.count(int((at - _EPOCH_S) * 10) & (1 << 33) - 1):
        start = tenth << 30 | (index & 63) << 24
        yield from range(start, start + (1 << 24))


class Link:
    """The connection of an exchange."""

    fast = False

    def __init__(self, control: Control, sock: socket.socket) -> None:
        self.sock = sock
        self._control = control
        self._queue: collections.deque[bytes] = collections.deque()
        self._buffer = memoryview(bytearray(wire.MAX_PACKET_BYTES))
        self._blocked = False

    def ready(self, mask: int) -> None:
        """Take one packet of commands, and send what was held up."""
        if mask & select.EPOLLOUT:
            self.flush()
        if mask & ~select.EPOLLOUT:
            try:
                size = self.sock.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                size = 0
            if size:
                self._control.packets += 1
                self._control.obey(self._buffer[:size])
            else:
                self._control.drop(self)

    def send(self, values: Sequence[wire.News]) -> None:
        """Queue values; `flush` sends them."""
        for batch in _batches(values):
            self._queue.append(wire.encode(batch))

    @property
    def queued(self) -> bool:
        """Whether there is something to send."""
        return bool(self._queue)

    def flush(self) -> None:
        """Send what is queued. An exchange that does not read is dropped: it will list the legs when it comes again."""
        queue = self._queue
        try:
            while queue:
                self.sock.send(queue[0])
                queue.popleft()
        except BlockingIOError:
            if len(queue) > _QUEUED_PACKETS:
                _log.error("the exchange does not read; its connection is closed")
                self._control.drop(self)
                return
        except OSError:
            self._control.drop(self)
            return
        if self._blocked != bool(queue):
            self._blocked = bool(queue)
            self._control.relay.rewatch(self.sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if queue else 0))


def _batches(values: Sequence[wire.News]) -> Iterator[Sequence[wire.News]]:
    for start in range(0, len(values), wire.VALUES_A_PACKET):
        yield values[start : start + wire.VALUES_A_PACKET]


class Control:
    """The listening socket and what comes in through it. The newest exchange is the one that is obeyed."""

    fast = False

    def __init__(
        self, listener: socket.socket, *, path: str, index: int, address: str, block: int, orphan_s: float
    ) -> None:
        self.relay: Relay
        self._listener = listener
        self._path = path
        self._file = file_at(path) if path else None
        self._index = index
        self._address = address
        self._block = block
        self._orphan_s = orphan_s
        self.forsaken = False
        self.packets = 0
        self._parent = os.getppid()
        self._link: Link | None = None
        self._news: list[wire.News] = []
        self._urgent = False
        self._told_short = -math.inf
        self._alone_since = 0.0
        self._next_check = 0.0

    def tell(self, event: MediaEvent) -> None:
        """An event of the relay: told at the next `flush`, counters within a second; forgotten without an exchange."""
        if self._link is not None:
            self._news.append(event)
            if type(event) is not Stats:
                self._urgent = True

    def ready(self, mask: int) -> None:
        """An exchange connects: it gets the list of legs and leases of its own."""
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        if self._link is not None:
            self.drop(self._link)
        self.relay.leave()
        self._link = link = Link(self, sock)
        self.relay.watch(sock.fileno(), link)
        leases = self.relay.leases
        ours: list[wire.News] = [wire.Hello(wire.VERSION, self._index, os.getpid(), self._address)]
        legs = [leases[leg] for leg in (*self.relay.legs, *self.relay.left)]
        ours += [wire.Legs(tuple(part)) for part in _parts(legs)]
        ours.append(wire.Synced())
        for value in ours:  # one a packet: a list of legs is long
            link.send([value])
        self.refill()
        if not any(pool.fresh for pool in self.relay.pools):
            link.send([wire.Leases(())])
        self.relay.retell()

    def drop(self, link: Link) -> None:
        """Close a connection."""
        if self._link is link:
            self._link = None
            self._news.clear()
            self._urgent = False
            self._alone_since = self.relay.now
            self.relay.unwatch(link.sock.fileno())
            link.sock.close()

    def obey(self, packet: bytes | memoryview) -> None:
        """Carry out a packet of commands."""
        try:
            commands = wire.decode_commands(packet)
        except msgspec.MsgspecError as error:
            _log.warning("a packet of %d bytes on the control socket is not understood: %s", len(packet), error)
            return
        relay = self.relay
        for command in commands:
            try:
                _OBEY[type(command)](relay, command)
            except (OSError, ValueError, OverflowError) as error:
                _log.error("%s failed: %s", type(command).__name__, error)
        for pool, block in self._blocks():
            if block - len(pool.fresh) >= block // 4:
                self._refill(pool, block)

    def refill(self) -> None:
        """Give the exchange new leases for those that it has used."""
        for pool, block in self._blocks():
            self._refill(pool, block)

    def _blocks(self) -> Iterator[tuple[PortPool, int]]:
        """How many leases of each pool the exchange holds: of the second family fewer, as few telephones speak it."""
        block = self._block
        for pool in self.relay.pools:
            yield pool, block
            block = max(self._block // 4, 4)

    def _refill(self, pool: PortPool, block: int) -> None:
        missing = block - len(pool.fresh)
        if self._link is None or missing <= 0:
            return
        try:
            granted = self.relay.grant(missing, pool=pool)
            most = min(block, pool.size)
            kept = kept_back(most)
            lacking = kept + max((most - kept) // 4, 1) - len(pool.fresh)
            if lacking > 0:
                granted += self.relay.grant(lacking, hurry=True, pool=pool)
                self._tell_short(pool)
        except OSError as error:
            _log.error("no port can be bound on %s: %s", pool.address, error)
            return
        if granted and self._news:
            # First of all that the legs that had these ports before are closed (`media.connection`, claims).
            self._link.send(self._news)
            self._news = []
        for part in _parts(granted):
            self._link.send([wire.Leases(tuple(part), kept)])

    def _tell_short(self, pool: PortPool) -> None:
        """Say it before calls fail for it; not more than once a minute."""
        now = self.relay.now
        if now - self._told_short >= _SHORT_AGAIN_S:
            self._told_short = now
            _log.warning(
                "ports run short: %d in calls, %d ready for calls, %s",
                len(self.relay.legs),
                len(pool.fresh),
                pool.standing(),
            )

    def flush(self) -> None:
        """Send what is in a hurry, and what else waits if a packet goes anyway."""
        link = self._link
        if link is not None and (self._urgent or link.queued):
            if self._news:
                link.send(self._news)
                self._news = []
            self._urgent = False
            link.flush()

    def tick(self, now: float) -> None:
        """Once a second: counters, leases for ports that have rested, and the end of legs that nobody owns any more."""
        if now < self._next_check:
            return
        self._next_check = now + 1.0
        if self._link is not None:
            self._urgent = bool(self._news)
            self.refill()
        elif self._parent_gone() and self.replaced():
            self.forsaken = True
        elif now - self._alone_since >= self._orphan_s:
            if self.relay.legs:
                _log.error("no exchange for %.0f s: %d legs are closed", self._orphan_s, len(self.relay.legs))
            for leg in (*self.relay.legs, *self.relay.left):
                self.relay.close(leg)
            # Whoever started us is gone as well: nobody will come again, and the ports are wanted by a new worker.
            self.forsaken = self._parent_gone()

    def _parent_gone(self) -> bool:
        return os.getppid() != self._parent

    def replaced(self) -> bool:
        """Whether a new worker listens at our path: no exchange will ever find us, and that worker wants the ports."""
        return self._file is not None and file_at(self._path) != self._file


_OBEY: Mapping[type, Callable[[Relay, Any], None]] = MappingProxyType(
    {
        wire.Open: lambda relay, told: relay.open(told.leg, told.silence_s),
        wire.Update: lambda relay, told: relay.update(told.leg, told.remote, told.again),
        wire.Bridge: lambda relay, told: relay.bridge(told.first, told.second),
        wire.Play: lambda relay, told: relay.play(told.leg, told.tune, told.again),
        wire.Stop: lambda relay, told: relay.stop(told.leg, told.over),
        wire.Close: lambda relay, told: relay.close(told.leg),
        wire.Mix: lambda relay, told: relay.mix(told.leg, told.room, told.part),
        wire.Record: lambda relay, told: relay.record(told.leg, told.spool),
        wire.Pause: lambda relay, told: relay.pause(told.leg, told.path),
        wire.EndRecord: lambda relay, told: relay.end_record(told.leg, told.path),
        wire.SendDigits: lambda relay, told: relay.send_digits(told.leg, told.digits),
        wire.Reopen: lambda relay, told: relay.reopen(told.lease, told.silence_s),
    }
)
"""What each command is to the relay."""


def _parts(leases: Sequence[Lease]) -> Iterator[Sequence[Lease]]:
    for start in range(0, len(leases), LEASE_CHUNK):
        yield leases[start : start + LEASE_CHUNK]


class Ending:
    """Becomes true at SIGTERM or SIGINT, and wakes the epoll."""

    fast = False

    def __init__(self, relay: Relay) -> None:
        self.now = False
        self._reader, self._writer = socket.socketpair()
        for sock in (self._reader, self._writer):
            sock.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._set)
        relay.watch(self._reader.fileno(), self)

    def _set(self, number: int, frame: object) -> None:
        self.now = True

    def ready(self, mask: int) -> None:
        """Empty the wake-up socket."""
        with contextlib.suppress(OSError):
            self._reader.recv(64)


def listen(path: str) -> socket.socket:
    """The control socket at `path`, for this user alone. What is left there from an earlier run is removed."""
    Path(path).unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    mask = os.umask(0o177)
    try:
        sock.bind(path)
    finally:
        os.umask(mask)
    sock.listen(4)
    return sock


def file_at(path: str) -> tuple[int, int] | None:
    """Which file is at `path`: it tells our control socket from one that a later worker has put there."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def allow_files(pairs: int) -> int:
    """Raise the limit of open files for so many pairs of sockets, and a recording for each of them as far as it goes.
    Returns how many pairs there may be."""
    wanted = 2 * pairs + _OTHER_FILES
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + pairs if hard == resource.RLIM_INFINITY else hard, hard))
        return pairs
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        allowed = (hard - _OTHER_FILES) // 2
        _log.warning(
            "only %d of the %d port pairs can be used: %d open files are allowed, %d are wanted",
            *(allowed, pairs, hard, wanted),
        )
        return allowed
    return pairs


def run(relay: Relay, control: Control, ending: Ending, coalesce_s: float) -> None:
    """Relay until the end.

    After a turn with few packets of sound the loop sleeps for `coalesce_s`, so that they are taken by the dozen and not
    each with a wake-up of its own: it costs a few milliseconds of delay and saves most of the CPU of a quiet worker.
    Commands come gathered already.
    """
    monotonic, sleep, poll, tick = time.monotonic, time.sleep, relay.poll, relay.tick
    while not ending.now and not control.forsaken:
        now = monotonic()
        wait_s = tick(now)
        control.tick(now)
        control.flush()
        commands = control.packets
        handled = poll(wait_s)
        if control.packets - commands < handled < _BATCH:
            control.flush()
            sleep(coalesce_s)


def _ports(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not dash or not first.isdigit() or not last.isdigit() or not 0 < int(first) < int(last) < 65536:
        raise argparse.ArgumentTypeError("give a range of ports such as 20000-29999")
    return int(first), int(last)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="media.worker", description="Relays the sound of calls.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--socket", help="path of the control socket, made with mode 0600")
    where.add_argument("--fd", type=int, help="descriptor of a listening SOCK_SEQPACKET socket that is inherited")
    parser.add_argument("--ports", type=_ports, required=True, help="RTP and RTCP ports, FIRST-LAST")
    parser.add_argument("--address", required=True, action="append", help="address to bind; another one of IPv6")
    parser.add_argument("--index", type=int, default=0, help="number of this worker, 0 to 63")
    parser.add_argument("--rest", type=float, default=5.0, help="seconds that a freed port rests")
    parser.add_argument("--dscp", type=int, default=EXPEDITED_FORWARDING, help="mark of the packets")
    parser.add_argument("--block", type=int, default=1024, help="port pairs that the exchange holds in advance")
    parser.add_argument("--orphan", type=float, default=60.0, help="seconds without an exchange until legs are closed")
    parser.add_argument("--coalesce", type=float, default=0.004, help="seconds that packets may be held together")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker until it is told to end."""
    options = arguments(argv)
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setFormatter(Lines(words=sys.stderr.isatty()))
    logging.basicConfig(handlers=[stderr])
    with contextlib.suppress(OSError):
        # Where we may (root, CAP_SYS_NICE): sound is late before anything else in the house is.
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    listener = listen(options.socket) if options.socket else socket.socket(fileno=options.fd)
    listener.setblocking(False)
    control = Control(
        listener,
        path=options.socket or "",
        index=options.index,
        address=options.address[0],
        block=options.block,
        orphan_s=options.orphan,
    )
    first, last = options.ports
    most = allow_files((last - first + 1) // 2 * len(options.address)) // len(options.address)
    pools = [PortPool(address, first, last, options.rest, most, options.dscp) for address in options.address]
    relay = Relay(
        pools,
        leg_ids(options.index, time.time()),
        control.tell,
        index=options.index,
        clock=time.monotonic,
        thread=True,
    )
    control.relay = relay
    relay.watch(listener.fileno(), control)
    ending = Ending(relay)
    relay.tick(time.monotonic())
    codecs.warm()
    # The loop makes no cycles of objects; a collection in its midst would only be a pause in the sound.
    gc.collect()
    gc.freeze()
    gc.disable()
    run(relay, control, ending, options.coalesce)
    relay.end()
    listener.close()
    if options.socket and not control.replaced():
        Path(options.socket).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
