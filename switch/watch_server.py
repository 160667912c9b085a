"""The small local web server for those who watch the exchange.

`GET /metrics` and `GET /healthz` are served on a local address, without any secret in them; `GET /events`
(`switch.live`), which tells who calls whom, to those who have the token alone.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from config.compiled import MetricsSettings
from switch.live import Listener, Live
from switch.metrics import Collector, Counters, Readings
from switch.sip.uri import literal

MAX_REQUEST = 8192
MAX_CONNECTIONS = 32
TIMEOUT_S = 5.0


class WatchServer:
    """`/metrics` and `/healthz` over plain HTTP/1.1, one request a connection.

    `troubles` returns one sentence for each thing that is wrong; while there is any, `/healthz` answers 503 with them.
    `/events` goes on until one side ends it; `token` is what its listeners show (RFC 6750), empty: there is none.
    """

    def __init__(
        self,
        counters: Counters,
        readings: Readings,
        troubles: Callable[[], Iterable[str]],
        live: Live | None = None,
        token: str = "",
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Collector(counters, readings))
        ProcessCollector(registry=self._registry)
        self._troubles = troubles
        self._server: asyncio.Server | None = None
        self._open = 0
        self._live = live
        self._token = token.encode()
        self._streams: set[Listener] = set()

    async def start(self, address: str, port: int) -> int:
        """Listen; returns the port, which the kernel chose where 0 was asked for. Raises OSError."""
        self._server = await asyncio.start_server(self._connected, address, port, limit=MAX_REQUEST)
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    async def open(self, settings: MetricsSettings, tries: int = 1) -> str:
        """The same, tried again where the port is still another's. Returns why it cannot be; empty: it listens."""
        why = ""
        for tried in range(tries):
            if tried:
                await asyncio.sleep(0.05)
            try:
                await self.start(settings.address, settings.port)
            except OSError as error:
                place = f"{literal(settings.address)} port {settings.port}"
                why = f"/metrics and /healthz cannot be served on {place}: {os.strerror(error.errno or 0)}"
            else:
                return ""
        return why

    def release(self) -> None:
        """Let go of the port; what is being answered goes on."""
        if self._server is not None:
            self._server.close()

    async def stop(self) -> None:
        """Stop listening, and end what goes on. Requests under way end by themselves within seconds."""
        if self._server is not None:
            self._server.close()
            for listener in self._streams:
                listener.end()
            await self._server.wait_closed()
            self._server = None

    def answer(self, method: str, path: str) -> tuple[str, str, bytes]:
        """Status line, content type and body for one request."""
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", "text/plain", b"only GET\n"
        if path == "/metrics":
            return "200 OK", "text/plain; version=0.0.4; charset=utf-8", generate_latest(self._registry)
        if path == "/healthz":
            troubles = list(self._troubles())
            text = "\n".join(troubles) if troubles else "ok"
            return (
                ("503 Service Unavailable" if troubles else "200 OK"),
                "text/plain; charset=utf-8",
                f"{text}\n".encode(),
            )
        return "404 Not Found", "text/plain", b"/metrics, /healthz and /events are here\n"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MAX_CONNECTIONS:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)
                if self._live is not None and head.startswith(b"GET /events "):
                    await self._stream(head, self._live, writer)
                    return
                writer.write(self._response(head))
                await asyncio.wait_for(writer.drain(), TIMEOUT_S)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            self._open -= 1
            writer.close()

    def _response(self, head: bytes) -> bytes:
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split()
        method, target = words[:2] if len(words) == 3 else ("", "")
        status, kind, body = self.answer(method, target.split("?", 1)[0])
        lines = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return lines.encode() + (b"" if method == "HEAD" else body)

    async def _stream(self, head: bytes, live: Live, writer: asyncio.StreamWriter) -> None:
        if not self._knows(head):
            writer.write(_head("401 Unauthorized", "text/plain", b"WWW-Authenticate: Bearer\r\n"))
            return
        listener = live.listen()
        if listener is None:
            writer.write(_head("503 Service Unavailable", "text/plain", b"Retry-After: 5\r\n"))
            return
        self._streams.add(listener)
        self._open -= 1  # it must not keep a scrape out
        try:
            writer.write(_head("200 OK", "text/event-stream", b"Cache-Control: no-store\r\n"))
            while not listener.over:
                writer.write(await listener.get())
                await asyncio.wait_for(writer.drain(), TIMEOUT_S)
        finally:
            self._open += 1
            self._streams.discard(listener)
            live.leave(listener)

    def _knows(self, head: bytes) -> bool:
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"authorization":
                kind, _, given = value.strip().partition(b" ")
                return kind.lower() == b"bearer" and bool(self._token) and hmac.compare_digest(given, self._token)
        return False


def _head(status: str, kind: str, more: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n".encode() + more + b"\r\n"
