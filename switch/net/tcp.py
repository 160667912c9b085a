"""SIP over TCP: accepting, connecting, framing, and peers that do not behave.

Plain non-blocking sockets with the loop's readers and writers: no tasks, nothing to await. A connection ends in one
way, `lose`, whatever the reason; its flow is then told to be lost, once, from the loop and never within a call of ours.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from switch.net.flows import ConnectionTable, Counters, family_of, is_wildcard
from switch.net.guard import Guard, Limits
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Address, Flow
from switch.sip.framing import KeepAlive, StreamFramer

_CHUNK = 65536
_PONG = b"\r\n"
_NEVER = float("inf")


class Streams:
    """What all connections of one exchange share."""

    __slots__ = ("counters", "guard", "limits", "loop", "now", "on_lost", "on_packet", "on_unframed", "table")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        guard: Guard,
        counters: Counters,
        now: Callable[[], float],
        on_packet: Callable[[bytes, Flow, float], object],
        on_lost: Callable[[Flow], object],
        on_unframed: Callable[[RemoteProtocolError, Flow], object],
    ) -> None:
        self.loop = loop
        self.limits = limits
        self.guard = guard
        self.counters = counters
        self.now = now
        self.on_packet = on_packet
        self.on_lost = on_lost
        self.on_unframed = on_unframed
        self.table = ConnectionTable()

    def again(self, flow: Flow) -> Connection | None:
        """For a request whose connection is gone, as a dialog outlives its connections (RFC 3261 section 18.1.1): one
        that stands to the same address, else a new one that takes the flow over, so that its loss is told of it."""
        known: Connection | None = self.table.to(flow.remote)
        if known is None:
            bind = None if is_wildcard(flow.local[0]) else flow.local[0]
            known = self.table.get(self.connect(flow.remote, bind, flow if flow.connection else None))
        return known

    def connect(self, remote: Address, local_host: str | None = None, flow: Flow | None = None) -> Flow:
        """A new connection to `remote`. It can be sent to at once; a failure is told as a lost flow.

        `flow` is one whose connection was lost, which this one is to be.
        """
        sock = socket.socket(family_of(remote[0]), socket.SOCK_STREAM)
        sock.setblocking(False)
        error = None
        try:
            if local_host is not None:
                sock.bind((local_host, 0))
            sock.connect(remote)
        except BlockingIOError:
            pass
        except OSError as reason:
            error = reason
        try:
            local: Address = sock.getsockname()[:2]
        except OSError:
            local = (local_host or "", 0)
        connection = Connection(self, sock, flow or Flow("tcp", local, remote, self.table.number()), outbound=True)
        if error is not None:
            self.counters.connect_errors += 1
            connection.lose()
        return connection.flow

    def sweep(self, now: float) -> None:
        """End the connections that have overstayed."""
        for connection in self.table.all():
            if connection.overdue(now):
                self.counters.timed_out += 1
                connection.lose()


class Connection:
    """One stream."""

    __slots__ = (
        "_blocked_since", "_connecting", "_framer", "_out", "_out_size", "_partial_since", "_seen", "_since", "_sock",
        "_streams", "_whole", "flow", "outbound",
    )  # fmt: skip

    def __init__(self, streams: Streams, sock: socket.socket, flow: Flow, *, outbound: bool) -> None:
        now = streams.now()
        self.flow = flow
        self.outbound = outbound
        self._streams = streams
        self._sock = sock
        self._framer = StreamFramer(streams.limits.message)
        self._out: deque[bytes] = deque()
        self._out_size = 0
        self._since = self._seen = now
        self._whole = outbound
        self._partial_since = _NEVER
        self._blocked_since = _NEVER
        self._connecting = outbound
        _tune(sock, streams.limits)
        streams.table.add(self)
        if outbound:
            streams.loop.add_writer(sock.fileno(), self._on_connected)
        else:
            streams.loop.add_reader(sock.fileno(), self._on_readable)

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._sock.fileno() < 0

    def send(self, data: bytes) -> None:
        """Send, or keep what the system does not take; a peer that lets too much wait loses the connection."""
        if self.closed:
            return
        self._streams.counters.messages_out += 1
        if not self._out and not self._connecting:
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self._streams.counters.send_errors += 1
                self.lose()
                return
            if sent == len(data):
                return
            data = data[sent:]
            self._blocked_since = self._streams.now()
            self._streams.loop.add_writer(self._sock.fileno(), self._on_writable)
        self._out.append(data)
        self._out_size += len(data)
        if self._out_size > self._streams.limits.out_buffer:
            self._streams.counters.overflowed += 1
            self.lose()

    def overdue(self, now: float) -> bool:
        """Whether any of the time limits has passed."""
        limits = self._streams.limits
        if self._connecting:
            return now - self._since > limits.connect_s
        return (
            now - self._partial_since > limits.partial_s
            or now - self._blocked_since > limits.stuck_s
            or now - self._seen > limits.idle_s
            or (not self._whole and now - self._since > limits.first_s)
        )

    def lose(self) -> None:
        """End it, and tell that its flow is lost."""
        if self._end():
            self._streams.counters.lost += 1
            self._streams.loop.call_soon(self._streams.on_lost, self.flow)

    def close(self) -> None:
        """End it and tell nobody."""
        self._end()

    def _end(self) -> bool:
        if not self._streams.table.remove(self):
            return False
        loop, number = self._streams.loop, self._sock.fileno()
        loop.remove_reader(number)
        loop.remove_writer(number)
        self._sock.close()
        self._out.clear()
        return True

    def _on_connected(self) -> None:
        loop, number = self._streams.loop, self._sock.fileno()
        if self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._streams.counters.connect_errors += 1
            self.lose()
            return
        self._streams.counters.connected += 1
        self._connecting = False
        self._seen = self._streams.now()
        loop.add_reader(number, self._on_readable)
        self._on_writable()
        if self._out:
            self._blocked_since = self._seen
            loop.add_writer(number, self._on_writable)

    def _on_writable(self) -> None:
        out = self._out
        try:
            while out:
                sent = self._sock.send(out[0])
                self._out_size -= sent
                if sent == len(out[0]):
                    out.popleft()
                else:
                    out[0] = out[0][sent:]
                self._blocked_since = self._streams.now()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._streams.counters.send_errors += 1
            self.lose()
            return
        self._blocked_since = _NEVER
        self._streams.loop.remove_writer(self._sock.fileno())

    def _on_readable(self) -> None:
        streams = self._streams
        try:
            data = self._sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            streams.counters.recv_errors += 1
            self.lose()
            return
        if not data:
            self.lose()
            return
        now = self._seen = streams.now()
        framer = self._framer
        try:
            self._deliver(framer.feed(data), now)
            if framer.failed and not self.closed:
                framer.feed(b"")  # raises what stands behind the messages that were whole
        except RemoteProtocolError as error:
            streams.counters.unframed += 1
            if not self.closed:
                streams.on_unframed(error, self.flow)
                self.lose()
            return
        if not len(framer):
            self._partial_since = _NEVER
        elif self._partial_since == _NEVER:
            self._partial_since = now

    def _deliver(self, items: list[bytes | KeepAlive], now: float) -> None:
        streams = self._streams
        for item in items:
            self._whole = True
            self._partial_since = _NEVER
            if isinstance(item, bytes):
                if streams.guard.admit(self.flow.remote[0], now):
                    streams.counters.messages_in += 1
                    streams.on_packet(item, self.flow, now)
            else:
                streams.counters.keepalives += 1
                if item is KeepAlive.PING:
                    # RFC 5626 section 3.5.1: a double CRLF is answered by a single one.
                    self.send(_PONG)
            if self.closed:
                return


class TcpListener:
    """A listening socket, taken over from whoever opened it."""

    __slots__ = ("_paused", "_streams", "advertise", "local", "sock")

    def __init__(self, sock: socket.socket, streams: Streams, advertise: Address | None = None) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.local: Address = sock.getsockname()[:2]
        self.advertise = advertise
        self._streams = streams
        self._paused: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Stop accepting; connections stay."""
        if self._paused is not None:
            self._paused.cancel()
        if self.sock.fileno() >= 0:
            self._streams.loop.remove_reader(self.sock.fileno())
            self.sock.close()

    def _listen(self) -> None:
        self._paused = None
        self._streams.loop.add_reader(self.sock.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        streams = self._streams
        for _ in range(streams.limits.batch):
            try:
                sock, address = self.sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # Out of descriptors, most likely. The backlog keeps the socket readable, so look away for a moment.
                streams.counters.accept_errors += 1
                streams.loop.remove_reader(self.sock.fileno())
                self._paused = streams.loop.call_later(0.2, self._listen)
                return
            remote: Address = address[:2]
            table, limits = streams.table, streams.limits
            if len(table) >= limits.connections or table.from_source(remote[0]) >= limits.connections_a_source:
                streams.counters.connections_refused += 1
                sock.close()
                continue
            sock.setblocking(False)
            try:
                local: Address = sock.getsockname()[:2]
            except OSError:
                local = self.local
            streams.counters.accepted += 1
            Connection(streams, sock, Flow("tcp", local, remote, table.number()), outbound=False)


def _tune(sock: socket.socket, limits: Limits) -> None:
    """No waiting for more to send; probes, so that a peer that vanished is noticed."""
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", 0), 60),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPINTVL", 0), 15),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPCNT", 0), 4),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", 0), int(limits.stuck_s * 1000)),
    ]
    for level, option, value in options:
        try:
            if option:
                sock.setsockopt(level, option, value)
        except OSError:
            pass
