"""Figures for Prometheus, and the small local web server that shows them.

Counting is adding to a plain integer; everything else happens when somebody scrapes. `GET /metrics` and `GET /healthz`
are served on a local address, without any secret in them; `GET /events` (`switch.live`), which tells who calls whom,
to those who have the token alone.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from config.compiled import MetricsSettings
from switch.live import Listener, Live
from switch.sip.uri import literal

MAX_REQUEST = 8192
MAX_CONNECTIONS = 32
TIMEOUT_S = 5.0


class Reading(NamedTuple):
    """A figure that somebody else keeps: what it says, how to read it now, and whether it only ever grows."""

    says: str
    read: Callable[[], float]
    grows: bool = False


class Labelled(NamedTuple):
    """A figure that there are several of: each with the values of `labels`."""

    says: str
    labels: tuple[str, ...]
    read: Callable[[], Iterable[tuple[tuple[str, ...], float]]]
    grows: bool = False


Readings = Mapping[str, Reading | Labelled]
"""By name, without the `ringplan_` in front."""


class Counters:
    """What the exchange counts as it goes. One object, made at the composition root, handed to who counts; what others
    count or hold already is read from them (`switch/figures.py`)."""

    __slots__ = (
        "account_codes_refused",
        "calls_answered",
        "calls_ended",
        "calls_started",
        "costs_misread",
        "emergency_calls",
        "emergency_told",
        "forward_loops",
        "forwards",
        "logins_failed",
        "mailbox_lockouts",
        "messages_in",
        "messages_left",
        "messages_out",
        "quota_alarms",
        "recordings",
        "registrations",
        "registrations_refused",
        "reloads",
        "reloads_refused",
        "slow_callbacks",
        "talk_seconds",
    )

    def __init__(self) -> None:
        self.messages_in = 0
        self.messages_out = 0
        self.calls_started = 0
        self.calls_answered = 0
        self.calls_ended: Counter[tuple[str, str]] = Counter()
        """By (result, reason) of dialplan.termination."""
        self.talk_seconds = 0.0
        self.emergency_calls = 0
        self.emergency_told: Counter[tuple[str, str]] = Counter()
        """By (line or mail, outcome)."""
        self.forwards = 0
        self.forward_loops = 0
        self.registrations = 0
        self.registrations_refused = 0
        self.logins_failed = 0
        self.reloads = 0
        self.reloads_refused = 0
        self.slow_callbacks = 0
        self.account_codes_refused = 0
        self.costs_misread = 0
        self.mailbox_lockouts = 0
        self.messages_left = 0
        self.quota_alarms = 0
        self.recordings: Counter[tuple[str]] = Counter()
        """By outcome: made, not_made, and why they ended before the call or did not begin."""


HELP = {
    "messages_in": "SIP messages received",
    "messages_out": "SIP messages sent",
    "calls_started": "Calls accepted for routing",
    "calls_answered": "Calls answered",
    "calls_ended": "Calls ended, by result and reason",
    "talk_seconds": "Seconds of talk in calls that have ended",
    "emergency_calls": "Emergency calls",
    "emergency_told": "People told of emergency calls, by line or mail, and what came of it",
    "forwards": "Forwards of calls",
    "forward_loops": "Calls whose forwards led in a circle or too far",
    "registrations": "REGISTER requests answered 200",
    "registrations_refused": "REGISTER requests refused: a wrong password, or an error; first challenges aside",
    "logins_failed": "Requests of any kind with a wrong password, or the name of nobody",
    "reloads": "Configurations taken",
    "reloads_refused": "Configurations refused",
    "quota_alarms": "Times that a quota of calls outside was used to 80 or 100 per cent",
    "recordings": "Recordings whose file was made or could not be, and that ended before the call or did not begin",
    "messages_left": "Messages left or forwarded to mailboxes",
    "mailbox_lockouts": "Mailboxes locked after wrong PINs",
    "account_codes_refused": "Calls refused for a wrong account code or password",
    "costs_misread": "Costs told by carriers that could not be read",
    "slow_callbacks": "Turns of the event loop that took more than 50 ms",
}


_LABELS = {"calls_ended": ["result", "reason"], "emergency_told": ["way", "outcome"], "recordings": ["outcome"]}


class Collector:
    """Reads everything at scrape time, in the shape of prometheus_client."""

    def __init__(self, counters: Counters, readings: Readings) -> None:
        self._counters = counters
        self._readings = readings

    def collect(self) -> Iterable[Metric]:
        """Every figure as it is now."""
        for name, says in HELP.items():
            value = getattr(self._counters, name)
            if isinstance(value, Counter):
                labelled = CounterMetricFamily(f"ringplan_{name}", says, labels=_LABELS[name])
                for labels, count in value.items():
                    labelled.add_metric(list(labels), count)
                yield labelled
            else:
                yield CounterMetricFamily(f"ringplan_{name}", says, value=value)
        for name, reading in self._readings.items():
            if isinstance(reading, Labelled):
                several = CounterMetricFamily if reading.grows else GaugeMetricFamily
                each = several(f"ringplan_{name}", reading.says, labels=reading.labels)
                for values, figure in reading.read():
                    each.add_metric(list(values), figure)
                yield each
                continue
            family = CounterMetricFamily if reading.grows else GaugeMetricFamily
            yield family(f"ringplan_{name}", reading.says, value=reading.read())


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
