"""SIP over TCP: accepting, framing, sending, and peers that do not behave. (Connecting: `streams.py`; TLS: `tls.py`.)

Plain non-blocking sockets with the loop's readers and writers: no tasks, nothing to await. A connection ends in one
way, `lose`, whatever the reason; its flow is then told to be lost, once, from the loop and never within a call of ours.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque

from switch.net.flows import Key, source
from switch.net.guard import Limits
from switch.net.handing import Stream
from switch.net.reachability import OWN, Reach
from switch.net.wire import Wire
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Address, Flow
from switch.sip.framing import KeepAlive, StreamFramer

_CHUNK = 65536
_PONG = b"\r\n"
_NEVER = float("inf")
#: Nothing to be had now; for a TLS socket (`tls.py`), too. A write that wants to read first would be a renegotiation.
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_NO_ROOM = (BlockingIOError, InterruptedError, ssl.SSLWantWriteError)


class Connection:
    """One stream."""

    __slots__ = (
        "_blocked_since", "_connecting", "_framer", "_out", "_out_size", "_partial_since", "_seen", "_since", "_sock",
        "_whole", "_wire", "flow", "keys", "outbound",
    )  # fmt: skip

    def __init__(self, wire: Wire, sock: socket.socket, flow: Flow, *, outbound: bool) -> None:
        now = wire.now()
        self.flow = flow
        self.keys: tuple[Key, ...] = ((flow.transport, flow.remote),)
        self.outbound = outbound
        self._wire = wire
        self._sock = sock
        self._framer = StreamFramer(wire.limits.message)
        self._out: deque[bytes] = deque()
        self._out_size = 0
        self._since = self._seen = now
        self._whole = outbound
        self._partial_since = _NEVER
        self._blocked_since = _NEVER
        self._connecting = outbound
        _tune(sock, wire.limits)
        wire.table.add(self)
        if outbound:
            wire.loop.add_writer(sock.fileno(), self._on_connected)
        else:
            wire.loop.add_reader(sock.fileno(), self._on_readable)

    @classmethod
    def taken(cls, wire: Wire, sock: socket.socket, stream: Stream) -> Connection:
        """A connection that a former process has handed on."""
        made = cls(wire, sock, Flow("tcp", stream.local, stream.remote, wire.table.number()), outbound=False)
        made.outbound, made._whole = stream.outbound, stream.whole
        if stream.read:
            made._partial_since = wire.now()
            made._framer.feed(stream.read)
        if stream.unsent:
            made.send(stream.unsent)
        return made

    def give(self) -> tuple[Stream, socket.socket] | None:
        """At a hand-over, when nothing is read any more: what the next process needs. None where it cannot go on
        there. It is as good as closed then."""
        if self.flow.transport != "tcp" or self._connecting or self.closed or self._framer.failed:
            return None
        self._wire.loop.remove_writer(self._sock.fileno())
        stream = Stream(
            self.flow.local, self.flow.remote, self.outbound, self._whole, self._framer.rest, b"".join(self._out)
        )
        return stream, self._sock

    def pause(self) -> None:
        """Read no more."""
        if not self.closed:
            self._wire.loop.remove_reader(self._sock.fileno())

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._sock.fileno() < 0

    def send(self, data: bytes) -> None:
        """Send, or keep what the system does not take; a peer that lets too much wait loses the connection."""
        if self.closed:
            return
        self._wire.counters.messages_out += 1
        if not self._out and not self._connecting:
            try:
                sent = self._sock.send(data)
            except _NO_ROOM:
                sent = 0
            except OSError:
                self._wire.counters.send_errors += 1
                self.lose()
                return
            if sent == len(data):
                return
            data = data[sent:]
            self._blocked_since = self._wire.now()
            self._wire.loop.add_writer(self._sock.fileno(), self._on_writable)
        self._out.append(data)
        self._out_size += len(data)
        if self._out_size > self._wire.limits.out_buffer:
            self._wire.counters.overflowed += 1
            self.lose()

    @property
    def connecting(self) -> bool:
        """Whether it is ours and does not stand yet."""
        return self._connecting

    def overdue(self, now: float) -> bool:
        """Whether any of the time limits has passed."""
        limits = self._wire.limits
        if self._connecting:
            return now - self._since > (limits.connect_s if self.outbound else limits.handshake_s)
        return (
            now - self._partial_since > limits.partial_s
            or now - self._blocked_since > limits.stuck_s
            or now - self._seen > limits.idle_s
            or (not self._whole and now - self._since > limits.first_s)
        )

    def lose(self) -> None:
        """End it, and tell that its flow is lost."""
        if self._end():
            if self.connecting and self.outbound:
                self._wire.on_refused(self.flow)
            self._wire.counters.lost += 1
            self._wire.loop.call_soon(self._wire.on_lost, self.flow)

    def close(self) -> None:
        """End it and tell nobody."""
        self._end()

    def _end(self) -> bool:
        if not self._wire.table.remove(self):
            return False
        loop, number = self._wire.loop, self._sock.fileno()
        if number >= 0:
            loop.remove_reader(number)
            loop.remove_writer(number)
        self._sock.close()
        self._out.clear()
        return True

    def _on_connected(self) -> None:
        wire, number = self._wire, self._sock.fileno()
        if self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            wire.counters.connect_errors += 1
            self.lose()
            return
        wire.loop.remove_writer(number)
        wire.loop.add_reader(number, self._on_readable)
        self._opened()

    def _opened(self) -> None:
        """The way is open: what waited goes out."""
        self._wire.counters.connected += self.outbound
        self._connecting = False
        self._seen = self._wire.now()
        if self._out:
            self._blocked_since = self._seen
            self._wire.loop.add_writer(self._sock.fileno(), self._on_writable)
            self._on_writable()

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
                self._blocked_since = self._wire.now()
        except _NO_ROOM:
            return
        except OSError:
            self._wire.counters.send_errors += 1
            self.lose()
            return
        self._blocked_since = _NEVER
        self._wire.loop.remove_writer(self._sock.fileno())

    def _on_readable(self) -> None:
        wire = self._wire
        try:
            data = self._sock.recv(_CHUNK)
        except _NOT_NOW:
            return
        except OSError:
            wire.counters.recv_errors += 1
            self.lose()
            return
        if not data:
            self.lose()
            return
        now = self._seen = wire.now()
        framer = self._framer
        try:
            self._deliver(framer.feed(data), now)
            if framer.failed and not self.closed:
                framer.feed(b"")  # raises what stands behind the messages that were whole
        except RemoteProtocolError as error:
            wire.counters.unframed += 1
            if not self.closed:
                wire.on_unframed(error, self.flow)
                self.lose()
            return
        if not len(framer):
            self._partial_since = _NEVER
        elif self._partial_since == _NEVER:
            self._partial_since = now

    def _deliver(self, items: list[bytes | KeepAlive], now: float) -> None:
        if items:
            self._wire.begins()
            try:
                self._hand_on(items, now)
            finally:
                self._wire.ends()

    def _hand_on(self, items: list[bytes | KeepAlive], now: float) -> None:
        wire = self._wire
        for item in items:
            self._whole = True
            self._partial_since = _NEVER
            if isinstance(item, bytes):
                host, port = self.flow.remote
                if wire.guard.passes(host, now) or wire.guard.examine(host, port, item, now):
                    wire.counters.messages_in += 1
                    verdict = wire.load.verdict(item, self.flow, now) if wire.load.refusing else None
                    if verdict is None:
                        wire.on_packet(item, self.flow, now)
                    elif verdict[0]:
                        self.send(verdict[0])
                elif wire.guard.bars(host):
                    self.lose()
            else:
                wire.counters.keepalives += 1
                if item is KeepAlive.PING:
                    # RFC 5626 section 3.5.1: a double CRLF is answered by a single one.
                    self.send(_PONG)
            if self.closed:
                return


class TcpListener:
    """A listening socket, taken over from whoever opened it."""

    __slots__ = ("_full_until", "_paused", "_wire", "local", "reach", "sock")
    transport = "tcp"
    most = 64
    """So many are accepted at one wake-up."""

    def __init__(self, sock: socket.socket, wire: Wire, reach: Reach = OWN) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.local: Address = source(sock.getsockname())
        self.reach = reach
        self._wire = wire
        self._paused: asyncio.TimerHandle | None = None
        self._full_until = 0.0
        self._listen()

    def close(self) -> None:
        """Stop accepting; connections stay."""
        if self._paused is not None:
            self._paused.cancel()
        if self.sock.fileno() >= 0:
            self._wire.loop.remove_reader(self.sock.fileno())
            self.sock.close()

    def pause(self) -> None:
        """Accept nobody any more: whoever comes waits for the next process."""
        if self._paused is not None:
            self._paused.cancel()
        if self.sock.fileno() >= 0:
            self._wire.loop.remove_reader(self.sock.fileno())

    def accepted(self, sock: socket.socket, flow: Flow) -> None:
        """Somebody has connected."""
        Connection(self._wire, sock, flow, outbound=False)

    def _listen(self) -> None:
        self._paused = None
        self._wire.loop.add_reader(self.sock.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        wire = self._wire
        table, limits, counters = wire.table, wire.limits, wire.counters
        for _ in range(min(limits.batch, self.most)):
            try:
                sock, address = self.sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # Out of descriptors, most likely. The backlog keeps the socket readable, so look away for a moment.
                counters.accept_errors += 1
                wire.loop.remove_reader(self.sock.fileno())
                self._paused = wire.loop.call_later(0.2, self._listen)
                return
            remote = source(address)
            if (
                (len(table) >= limits.connections and not self._makes_room())
                or table.from_source(remote[0]) >= limits.connections_a_source
                or (self._wire.guard.bars(remote[0]) and not self._wire.guard.hears(remote[0], self._wire.now()))
            ):
                counters.connections_refused += 1
                sock.close()
                continue
            sock.setblocking(False)
            try:
                local = source(sock.getsockname())
            except OSError:
                local = self.local
            counters.accepted += 1
            self.accepted(sock, Flow(self.transport, local, remote, table.number()))

    def _makes_room(self) -> bool:
        """All connections are in use: the oldest of those who have not signed in gives way, so that strangers who only
        hold theirs keep no telephone out."""
        wire, now = self._wire, self._wire.now()
        if now < self._full_until:
            return False
        for connection in wire.table.all():
            if not connection.outbound and not wire.guard.knows(connection.flow.remote[0], now):
                wire.counters.overflowed += 1
                connection.lose()
                return True
        self._full_until = now + 1.0  # to look at all of them takes a while
        return False


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
