"""All sockets behind one face: bytes in with their flow, bytes out by flow, and flows that are lost.

Nothing that happens on a socket is raised; it is counted, and where it concerns a flow the flow is reported lost.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from switch.net.flows import Counters, LocalAddresses, family_of, is_loopback, is_wildcard, numeric
from switch.net.guard import Guard, Limits
from switch.net.tcp import Streams, TcpListener
from switch.net.udp import UdpSocket
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Address, Flow
from switch.sip.timer import Timer, Timers

_SWEEP_S = 5.0
#: Addresses of ours are asked for again once in so many sweeps.
_REFRESH = 12


class Transports:
    """The exchange's network.

    `on_packet(data, flow, now)` gets each datagram or framed message; `on_lost(flow)` each flow that broke (hand it to
    `Endpoint.send_failed`); `on_unframed(error, flow)` a stream that cannot be cut, just before it is closed (hand it
    to `Endpoint.refuse_unread` and send what that yields). All three are called from the loop only, never from `send`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timers: Timers,
        now: Callable[[], float],
        on_packet: Callable[[bytes, Flow, float], object],
        on_lost: Callable[[Flow], object],
        on_unframed: Callable[[RemoteProtocolError, Flow], object] | None = None,
        limits: Limits | None = None,
        trusted: frozenset[str] = frozenset(),
    ) -> None:
        self.limits = limits or Limits()
        self.guard = Guard(self.limits, trusted)
        self.counters = Counters()
        self._loop = loop
        self._timers = timers
        self._now = now
        self._on_packet = on_packet
        self._on_lost = on_lost
        self._udp: dict[Address, UdpSocket] = {}
        self._tcp: list[TcpListener] = []
        self._streams = Streams(
            loop, self.limits, self.guard, self.counters, now, on_packet, on_lost, on_unframed or _ignore
        )
        self._addresses = LocalAddresses()
        self._sweeps = 0
        self._timer: Timer | None = timers.after(_SWEEP_S, now(), self, "sweep")

    def add_udp(self, sock: socket.socket, advertise: Address | None = None) -> Address:
        """Read and write by a bound datagram socket, which is ours from now on. Returns what it is bound to.

        `advertise` is the address that peers are told, where that is not the socket's own (an exchange behind NAT).
        """
        udp = UdpSocket(
            sock,
            self._loop,
            self.limits,
            self.guard,
            self.counters,
            self._now,
            self._on_packet,
            self._on_lost,
            advertise,
        )
        self._udp[udp.local] = udp
        return udp.local

    def add_tcp(self, sock: socket.socket, advertise: Address | None = None) -> Address:
        """Accept on a listening socket, which is ours from now on. Returns what it is bound to."""
        listener = TcpListener(sock, self._streams, advertise)
        self._tcp.append(listener)
        return listener.local

    def send(self, flow: Flow, data: bytes) -> None:
        """Send along a flow. One that is no more is made again for a request, and for a response reported lost."""
        if flow.transport == "udp":
            udp = self._udp.get(flow.local) or self._udp_for(flow.remote[0])
            if udp is not None:
                udp.send(flow, data)
                return
        else:
            connection = self._streams.table.get(flow)
            if connection is None and data[:7] != b"SIP/2.0":
                connection = self._streams.again(flow)
            if connection is not None:
                connection.send(data)
                return
        self.counters.no_flow += 1
        self._loop.call_soon(self._on_lost, flow)

    def flow_to(self, transport: str, host: str, port: int, local: Address | None = None) -> Flow:
        """A flow to an address: by UDP from a socket of ours (`local`, or the first that fits), by TCP over a
        connection that stands, or a new one.

        Raises ValueError when `host` is no numeric address or no socket fits.
        """
        host = numeric(host)
        if not 0 < port < 65536:
            raise ValueError(f"no port: {port}")
        if transport == "udp":
            udp = self._udp.get(local) if local is not None else None
            udp = udp or self._udp_for(host)
            if udp is None:
                raise ValueError(f"no UDP listener for {host}")
            return udp.flow((host, port))
        if transport != "tcp":
            raise ValueError(f"no such transport: {transport}")
        connection = self._streams.table.to((host, port))
        if connection is not None:
            flow: Flow = connection.flow
            return flow
        bind = local[0] if local is not None and not is_wildcard(local[0]) else None
        return self._streams.connect((host, port), bind)

    def alive(self, flow: Flow) -> bool:
        """Whether a message can still be sent along a flow."""
        if flow.transport == "udp":
            return flow.local in self._udp
        return self._streams.table.get(flow) is not None

    def advertised(self, flow: Flow) -> Address:
        """The (host, port) that the far end of a flow is to reach us at, for Via and Contact."""
        if flow.transport == "udp":
            udp = self._udp.get(flow.local)
            if udp is not None and udp.advertise is not None:
                return udp.advertise
            host, port = flow.local
        else:
            host, port = flow.local
            family = family_of(flow.remote[0])
            for listener in self._tcp:
                if family_of(listener.local[0]) is family:
                    if listener.advertise is not None:
                        return listener.advertise
                    port = listener.local[1]
                    break
        if is_wildcard(host) or not host:
            host = self._addresses.towards(flow.remote[0])
        return host, port

    def sent_by(self, flow: Flow) -> str:
        """The same as text, for `Endpoint`: IPv6 in brackets."""
        host, port = self.advertised(flow)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def connections(self) -> int:
        """How many streams stand."""
        return len(self._streams.table)

    def on_timer(self, what: object, now: float) -> None:
        """Every few seconds: end streams that have overstayed, and forget what may have changed."""
        self._streams.sweep(now)
        self._sweeps += 1
        if self._sweeps % _REFRESH == 0:
            self._addresses.forget()
        self._timer = self._timers.after(_SWEEP_S, now, self, "sweep")

    def close(self) -> None:
        """Close every socket; no flow is reported lost by it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for udp in self._udp.values():
            udp.close()
        for listener in self._tcp:
            listener.close()
        for connection in self._streams.table.all():
            connection.close()
        self._udp.clear()
        self._tcp.clear()

    def _udp_for(self, host: str) -> UdpSocket | None:
        """The first socket of the family from which packets to `host` can leave: one that is bound to the loopback
        reaches nothing else."""
        family, near = family_of(host), is_loopback(host)
        fitting = [udp for udp in self._udp.values() if family_of(udp.local[0]) is family]
        for udp in fitting:
            if is_loopback(udp.local[0]) == near:
                return udp
        return next((udp for udp in fitting if is_wildcard(udp.local[0])), fitting[0] if fitting else None)


def _ignore(error: RemoteProtocolError, flow: Flow) -> None:
    """Where nobody cares for what a broken stream might be answered."""
