"""SIP over UDP: a non-blocking socket that is drained by the datagram, without asyncio's transports.

Asyncio's datagram path costs more than the parser. Here a wake-up reads up to a batch of datagrams into one buffer and
hands each on at once; sending is one system call, as UDP never makes us wait for a peer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from switch.net.flows import Counters
from switch.net.guard import Guard, Limits, Recent
from switch.sip.flow import Address, Flow

#: The shortest thing that could be SIP has a request line and some headers.
_SHORTEST = 20
_PING = b"\r\n\r\n"
_PONG = b"\r\n"


class UdpSocket:
    """One bound socket, taken over from whoever opened it."""

    __slots__ = (
        "_buffer", "_counters", "_flows", "_guard", "_limits", "_loop", "_lost", "_now", "_packet", "_view",
        "advertise", "local", "sock",
    )  # fmt: skip

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        guard: Guard,
        counters: Counters,
        now: Callable[[], float],
        on_packet: Callable[[bytes, Flow, float], object],
        on_lost: Callable[[Flow], object],
        advertise: Address | None = None,
    ) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.local: Address = sock.getsockname()[:2]
        self.advertise = advertise
        self._loop = loop
        self._limits = limits
        self._guard = guard
        self._counters = counters
        self._now = now
        self._packet = on_packet
        self._lost = on_lost
        self._flows: Recent[Address, Flow] = Recent(limits.flows)
        self._buffer = bytearray(65536)
        self._view = memoryview(self._buffer)
        loop.add_reader(sock.fileno(), self._on_readable)

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
            self._counters.datagrams_out += 1
        except BlockingIOError:
            self._counters.send_blocked += 1
        except (OSError, OverflowError):
            self._counters.send_errors += 1
            self._loop.call_soon(self._lost, flow)

    def close(self) -> None:
        """Stop reading and close."""
        if self.sock.fileno() >= 0:
            self._loop.remove_reader(self.sock.fileno())
            self.sock.close()

    def _on_readable(self) -> None:
        receive, buffer, view, counters = self.sock.recvfrom_into, self._buffer, self._view, self._counters
        admit, young, longest = self._guard.admit, self._flows.young, self._limits.datagram
        now = self._now()
        for _ in range(self._limits.batch):
            try:
                size, address = receive(buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # An ICMP error for something that we sent; the socket itself is well.
                counters.recv_errors += 1
                return
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
            self._packet(bytes(view[:size]), flow, now)
            if self.sock.fileno() < 0:
                return

    def _on_short(self, data: bytes, remote: Address) -> None:
        """Keep-alives (RFC 5626 section 3.5.1 in spirit): a ping is answered, other line breaks and NULs are not."""
        if data == _PING:
            self._counters.keepalives += 1
            self.send(self.flow(remote), _PONG)
        elif not data.strip(b"\r\n\0"):
            self._counters.keepalives += 1
        else:
            self._counters.unread += 1
