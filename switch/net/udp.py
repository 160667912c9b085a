"""SIP over UDP: a non-blocking socket that is drained by the datagram, without asyncio's transports.

Asyncio's datagram path costs more than the parser. Here a turn (`turns.py` says when) reads up to a batch of datagrams
into one buffer and hands each on at once; sending is one system call, as UDP never makes us wait for a peer.
"""

from __future__ import annotations

import socket

from switch.net.guard import Recent
from switch.net.turns import Turns
from switch.net.wire import Wire
from switch.sip.flow import Address, Flow

#: The shortest thing that could be SIP has a request line and some headers.
_SHORTEST = 20
_PING = b"\r\n\r\n"
_PONG = b"\r\n"


class UdpSocket:
    """One bound socket, taken over from whoever opened it."""

    __slots__ = ("_buffer", "_flows", "_turns", "_view", "_wire", "advertise", "local", "sock")

    def __init__(self, sock: socket.socket, wire: Wire, advertise: Address | None = None) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.local: Address = sock.getsockname()[:2]
        self.advertise = advertise
        self._wire = wire
        self._flows: Recent[Address, Flow] = Recent(wire.limits.flows)
        self._buffer = bytearray(65536)
        self._view = memoryview(self._buffer)
        self._turns = Turns(wire.loop, sock.fileno(), self._drain, wire.limits.batch)

    def flow(self, remote: Address) -> Flow:
        """The flow to an address; the same object while it is remembered."""
        flow = self._flows.get(remote)
        if flow is None:
            flow = Flow("udp", self.local, remote)
            self._flows.put(remote, flow)
        return flow

    def send(self, flow: Flow, data: bytes) -> None:
        """Put a datagram on the wire. A refusal by the system is told later, as a lost flow."""
        try:
            self.sock.sendto(data, flow.remote)
            self._wire.counters.datagrams_out += 1
        except BlockingIOError:
            self._wire.counters.send_blocked += 1
        except (OSError, OverflowError):
            self._wire.counters.send_errors += 1
            self._wire.loop.call_soon(self._wire.on_lost, flow)

    def close(self) -> None:
        """Stop reading and close."""
        if self.sock.fileno() >= 0:
            self._turns.close()
            self.sock.close()

    def _drain(self) -> int:
        """Read what is there, up to a batch; returns how many datagrams that was."""
        wire = self._wire
        receive, buffer, view, counters = self.sock.recvfrom_into, self._buffer, self._view, wire.counters
        admit, young, longest = wire.guard.admit, self._flows.young, wire.limits.datagram
        now = wire.now()
        batch = wire.limits.batch
        for done in range(batch):
            try:
                size, address = receive(buffer)
            except (BlockingIOError, InterruptedError):
                return done
            except OSError:
                # An ICMP error for something that we sent; the socket itself is well.
                counters.recv_errors += 1
                return done
            counters.datagrams_in += 1
            if not admit(address[0], now):
                continue
            if size < _SHORTEST:
                self._on_short(bytes(view[:size]), address[:2])
                continue
            if size > longest:
                counters.oversize += 1
                continue
            flow = young.get(address)
            if flow is None:
                flow = self.flow(address[:2])
                young = self._flows.young
            wire.on_packet(bytes(view[:size]), flow, now)
            if self.sock.fileno() < 0:
                return done
        return batch

    def _on_short(self, data: bytes, remote: Address) -> None:
        """Keep-alives (RFC 5626 section 3.5.1 in spirit): a ping is answered, other line breaks and NULs are not."""
        if data == _PING:
            self._wire.counters.keepalives += 1
            self.send(self.flow(remote), _PONG)
        elif not data.strip(b"\r\n\0"):
            self._wire.counters.keepalives += 1
        else:
            self._wire.counters.unread += 1
