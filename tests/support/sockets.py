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
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.01)

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
