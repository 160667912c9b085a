"""One side of a network with real sockets on the loopback, and a clock that a test moves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from switch.clock import VirtualClock
from switch.net.guard import Limits
from switch.net.transports import Transports
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow

HOST = "127.0.0.1"
OPTIONS = b"OPTIONS sip:x@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nContent-Length: 4\r\n\r\nbody"


class Side:
    """Transports with their callbacks noted. The clock is virtual: time limits pass when a test says so."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.clock = VirtualClock()
        self.packets: list[tuple[bytes, Flow]] = []
        self.lost: list[Flow] = []
        self.unframed: list[RemoteProtocolError] = []
        self.failures: list[tuple[str, bool]] = []
        """TLS handshakes that came to nothing: why, and whether we had connected."""
        self.changed = asyncio.Event()
        self.on_packet: Callable[[bytes, Flow], object] = lambda data, flow: None
        self.net = Transports(
            asyncio.get_running_loop(),
            self.clock.timers,
            self.clock.now,
            self._packet,
            self._lost,
            self._unframed,
            limits,
            on_tls_failure=self._tls_failure,
        )

    def udp(self) -> tuple[str, int]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HOST, 0))
        return self.net.add_udp(sock)

    def tcp(self) -> tuple[str, int]:
        sock = socket.socket()
        sock.bind((HOST, 0))
        sock.listen(16)
        return self.net.add_tcp(sock)

    def tls(self, context: ssl.SSLContext | None) -> tuple[str, int]:
        sock = socket.socket()
        sock.bind((HOST, 0))
        sock.listen(16)
        return self.net.add_tls(sock, None, context)

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.01)

    async def overflow(self) -> None:
        """Send to the peer of the first packet, who does not read, until the connection is given up."""
        flow = self.packets[0][1]
        for _ in range(20000):
            self.net.send(flow, b"x" * 1000)
            if not self.net.alive(flow):
                break
        await self.until(lambda: self.lost)
        assert self.net.counters.overflowed == 1

    async def send_much(self, reader: asyncio.StreamReader) -> None:
        """Send more to the peer of the first packet than the system takes at once; `reader` has all of it."""
        whole = b"".join(b"%08d" % n * 1000 for n in range(1000))
        for at in range(0, len(whole), 8000):
            self.net.send(self.packets[0][1], whole[at : at + 8000])
        (connection,) = self.net._wire.table.all()
        assert connection._out
        assert await reader.readexactly(len(whole)) == whole
        await self.until(lambda: not connection._out)

    def _packet(self, data: bytes, flow: Flow, now: float) -> None:
        self.packets.append((data, flow))
        self.on_packet(data, flow)
        self.changed.set()

    def _lost(self, flow: Flow) -> None:
        self.lost.append(flow)
        self.changed.set()

    def _unframed(self, error: RemoteProtocolError, flow: Flow) -> None:
        self.unframed.append(error)
        self.changed.set()

    def _tls_failure(self, flow: Flow, why: str, ours: bool) -> None:
        self.failures.append((why, ours))
        self.changed.set()
