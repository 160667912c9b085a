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
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from media import wire
from media.engine import Lease, MediaEvent
from media.ports import PortPool
from media.relay import Relay

_log = logging.getLogger("ringplan.media.worker")
_QUEUED_PACKETS = 2000
_EPOCH_S = 1767225600  # 2026-01-01
_BATCH = 256
_OTHER_FILES = 64
_PRIORITY = -10
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
        self._blocked = False

    def ready(self, mask: int) -> None:
        """Take one packet of commands, and send what was held up."""
        if mask & select.EPOLLOUT:
            self.flush()
        if mask & ~select.EPOLLOUT:
            try:
                packet = self.sock.recv(wire.MAX_PACKET_BYTES)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if packet:
                self._control.obey(packet)
            else:
                self._control.drop(self)

    def send(self, values: Sequence[wire.News]) -> None:
        """Queue values; `flush` sends them."""
        for batch in _batches(values):
            self._queue.append(wire.encode(batch))

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

    def __init__(self, listener: socket.socket, *, index: int, address: str, block: int, orphan_s: float) -> None:
        self.relay: Relay
        self._listener = listener
        self._index = index
        self._address = address
        self._block = block
        self._orphan_s = orphan_s
        self.forsaken = False
        self._parent = os.getppid()
        self._link: Link | None = None
        self._news: list[wire.News] = []
        self._alone_since = 0.0
        self._next_check = 0.0

    def tell(self, event: MediaEvent) -> None:
        """An event of the relay; told at the next `flush`, forgotten if no exchange is there."""
        if self._link is not None:
            self._news.append(event)

    def ready(self, mask: int) -> None:
        """An exchange connects: it gets the list of legs and leases of its own."""
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        if self._link is not None:
            self.drop(self._link)
        for leg in list(self.relay.fresh):
            self.relay.close(leg)
        self._link = link = Link(self, sock)
        self.relay.watch(sock.fileno(), link)
        leases = self.relay.leases
        ours: list[wire.News] = [wire.Hello(wire.VERSION, self._index, os.getpid(), self._address)]
        legs = [leases[leg] for leg in self.relay.legs]
        ours += [wire.Legs(tuple(part)) for part in _parts(legs)]
        ours.append(wire.Synced())
        for value in ours:  # one a packet: a list of legs is long
            link.send([value])
        self.refill()
        self.relay.retell()

    def drop(self, link: Link) -> None:
        """Close a connection."""
        if self._link is link:
            self._link = None
            self._news.clear()
            self._alone_since = self.relay.now
            self.relay.unwatch(link.sock.fileno())
            link.sock.close()

    def obey(self, packet: bytes) -> None:
        """Carry out a packet of commands."""
        try:
            commands = wire.decode_commands(packet)
        except msgspec.MsgspecError as error:
            _log.warning("a packet of %d bytes on the control socket is not understood: %s", len(packet), error)
            return
        relay = self.relay
        for command in commands:
            try:
                match command:
                    case wire.Open(leg, silence_s):
                        relay.open(leg, silence_s)
                    case wire.Update(leg, remote, again):
                        relay.update(leg, remote, again)
                    case wire.Bridge(first, second):
                        relay.bridge(first, second)
                    case wire.Play(leg, source, again):
                        relay.play(leg, source, again)
                    case wire.Stop(leg):
                        relay.stop(leg)
                    case wire.Close(leg):
                        relay.close(leg)
            except (OSError, ValueError, OverflowError) as error:
                _log.error("%s failed: %s", type(command).__name__, error)
        self.refill(self._block // 8)

    def refill(self, at_least: int = 1) -> None:
        """Give the exchange new leases for those that it has used, once they are worth a packet."""
        if self._link is None:
            return
        missing = self._block - len(self.relay.fresh)
        if missing >= max(at_least, 1):
            try:
                granted = self.relay.grant(missing)
            except OSError as error:
                _log.error("no port can be bound on %s: %s", self._address, error)
                return
            for part in _parts(granted):
                self._link.send([wire.Leases(tuple(part))])

    def flush(self) -> None:
        """Send what is to be told."""
        link = self._link
        if link is not None:
            if self._news:
                link.send(self._news)
                self._news = []
            link.flush()

    def tick(self, now: float) -> None:
        """Once a second: leases for ports that have rested, and the end of legs that nobody owns any more."""
        if now < self._next_check:
            return
        self._next_check = now + 1.0
        if self._link is not None:
            self.refill()
        elif now - self._alone_since >= self._orphan_s:
            if self.relay.legs:
                _log.error("no exchange for %.0f s: %d legs are closed", self._orphan_s, len(self.relay.legs))
            for leg in list(self.relay.legs):
                self.relay.close(leg)
            # Whoever started us is gone as well: nobody will come again, and the ports are wanted by a new worker.
            self.forsaken = os.getppid() != self._parent


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


def run(relay: Relay, control: Control, ending: Ending, coalesce_s: float) -> None:
    """Relay until the end.

    After a turn with few packets the loop sleeps for `coalesce_s`, so that packets are taken by the dozen and not each
    with a wake-up of its own: it costs a few milliseconds of delay and saves most of the CPU of a quiet worker.
    """
    monotonic, sleep, poll, tick = time.monotonic, time.sleep, relay.poll, relay.tick
    while not ending.now and not control.forsaken:
        now = monotonic()
        wait_s = tick(now)
        control.tick(now)
        control.flush()
        handled = poll(wait_s)
        if handled:
            control.flush()
            if handled < _BATCH:
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
    parser.add_argument("--address", required=True, help="address to bind")
    parser.add_argument("--advertise", default="", help="address to write into SDP, if not the bound one")
    parser.add_argument("--index", type=int, default=0, help="number of this worker, 0 to 63")
    parser.add_argument("--rest", type=float, default=5.0, help="seconds that a freed port rests")
    parser.add_argument("--block", type=int, default=1024, help="port pairs that the exchange holds in advance")
    parser.add_argument("--orphan", type=float, default=60.0, help="seconds without an exchange until legs are closed")
    parser.add_argument("--coalesce", type=float, default=0.004, help="seconds that packets may be held together")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker until it is told to end."""
    options = arguments(argv)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    with contextlib.suppress(OSError):
        # Where we may (root, CAP_SYS_NICE): sound is late before anything else in the house is.
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    listener = listen(options.socket) if options.socket else socket.socket(fileno=options.fd)
    listener.setblocking(False)
    control = Control(
        listener, index=options.index, address=options.address, block=options.block, orphan_s=options.orphan
    )
    first, last = options.ports
    most = (files - _OTHER_FILES) // 2 if files != resource.RLIM_INFINITY else 1 << 15
    pool = PortPool(options.address, first, last, options.rest, most)
    relay = Relay(
        pool, leg_ids(options.index, time.time()), control.tell, index=options.index, advertise=options.advertise
    )
    control.relay = relay
    relay.watch(listener.fileno(), control)
    ending = Ending(relay)
    relay.tick(time.monotonic())
    # The loop makes no cycles of objects; a collection in its midst would only be a pause in the sound.
    gc.collect()
    gc.freeze()
    gc.disable()
    run(relay, control, ending, options.coalesce)
    relay.end()
    listener.close()
    if options.socket:
        Path(options.socket).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
