"""All sockets behind one face: bytes in with their flow, bytes out by flow, and flows that are lost.

Nothing that happens on a socket is raised; it is counted, and where it concerns a flow the flow is reported lost.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Mapping

from switch.net.flows import LocalAddresses, family_of, is_loopback, is_wildcard
from switch.net.guard import Guard, Limits, Recent
from switch.net.handing import Stream
from switch.net.large import LargeRequests
from switch.net.reachability import OWN, Reach, sound_address
from switch.net.streams import Streams
from switch.net.targets import numeric
from switch.net.tcp import Connection, TcpListener
from switch.net.tls import Peer, TlsListener
from switch.net.udp import UdpSocket
from switch.net.wire import Wire
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Address, Flow, unscoped
from switch.sip.timer import Timer, Timers
from switch.sip.uri import hostport

_SWEEP_S = 5.0
#: Addresses of ours are asked for again once in so many sweeps.
_REFRESH = 12
#: So often the loop's lateness is looked at.
_PULSE_S = 0.25


#: An address that packets to the whole of a family leave for; nothing is sent to it (RFC 5737, RFC 3849).
_FAR = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


class Transports:
    """The exchange's network.

    `on_packet(data, flow, now)` gets each datagram or framed message; `on_lost(flow)` each flow that broke (hand it to
    `Endpoint.send_failed`); `on_unframed(error, flow)` a stream that cannot be cut, just before it is closed (hand it
    to `Endpoint.refuse_unread` and send what that yields); `on_tls_failure(flow, why, ours)` a handshake that came to
    nothing, `ours` when we had connected. `begins()` and `ends()` stand around the packets that one socket has at the
    moment, so that what they have in common is done once. All are called from the loop only, never from `send`.
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
        on_tls_failure: Callable[[Flow, str, bool], object] | None = None,
        begins: Callable[[], object] | None = None,
        ends: Callable[[], object] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.guard = Guard(self.limits, trusted)
        self._wire = Wire(
            loop, self.limits, self.guard, now, on_packet, on_lost, on_unframed, on_tls_failure, begins, ends
        )
        self.counters = self._wire.counters
        self.load = self._wire.load
        self._timers = timers
        self._udp: dict[Address, UdpSocket] = {}
        self._tcp: list[TcpListener] = []
        """Those of TLS among them."""
        self._streams = Streams(self._wire)
        self._large = LargeRequests(self._wire, self._streams, timers, self._listens)
        self.stream_for = self._large.stream_for
        self._wire.on_refused = self._large.lost
        self._addresses = LocalAddresses()
        self._names: Recent[Flow, tuple[Address, str]] = Recent(self.limits.flows)
        """What the far end of a flow was told of us last, as an address and as a Via has it."""
        self._sounds: Recent[tuple[Flow, str], str] = Recent(self.limits.flows)
        """The same for SDP, by what the ports are bound on."""
        self.sound: tuple[Reach, ...] = ()
        """How our ports for sound are known, where that is not as the listeners are."""
        self._sweeps = 0
        self._timer: Timer | None = timers.after(_SWEEP_S, now(), self, "sweep")
        self._due = time.monotonic() + _PULSE_S
        self._pulse: asyncio.TimerHandle | None = loop.call_later(_PULSE_S, self._beat)

    def add_udp(self, sock: socket.socket, reach: Reach | None = None) -> Address:
        """Read and write by a bound datagram socket, which is ours from now on. Returns what it is bound to.

        `reach` says which peers are told another address than the socket's own (an exchange behind NAT).
        """
        udp = UdpSocket(sock, self._wire, reach or OWN)
        self._udp[udp.local] = udp
        return udp.local

    def add_tcp(self, sock: socket.socket, reach: Reach | None = None, dscp: int = 0) -> Address:
        """Accept on a listening socket, which is ours from now on. Returns what it is bound to. `dscp` (0: none) is the
        mark of the connections that we make, that of the first listener."""
        listener = TcpListener(sock, self._wire, reach or OWN)
        self._streams.dscp = self._streams.dscp or dscp
        self._tcp.append(listener)
        return listener.local

    def add_tls(
        self,
        sock: socket.socket,
        reach: Reach | None = None,
        context: ssl.SSLContext | None = None,
        dscp: int = 0,
    ) -> Address:
        """The same for TLS. Without a context (`tls.server_context`) everybody is turned away until there is one."""
        listener = TlsListener(sock, self._wire, reach or OWN, context)
        self._streams.dscp = self._streams.dscp or dscp
        self._tcp.append(listener)
        return listener.local

    def use_tls(self, local: Address, context: ssl.SSLContext) -> None:
        """The certificates of the TLS listener that is bound to `local`, from its next handshake on."""
        for listener in self._tcp:
            if isinstance(listener, TlsListener) and listener.local == local:
                listener.context = context

    def use_tls_clients(self, contexts: Mapping[str, ssl.SSLContext], shown: frozenset[str] = frozenset()) -> None:
        """What connections of ours show and believe from now on, by profile (`tls.client_context`). `shown` are the
        profiles that show a certificate: who is met so may use the connection the other way round (RFC 5923)."""
        self._streams.clients = dict(contexts)
        self._streams.shown = shown

    def send(self, flow: Flow, data: bytes) -> None:
        """Send along a flow. One that is no more is made again for a request, and for a response reported lost."""
        if flow.transport == "udp":
            udp = self._udp.get(flow.local) or self._udp_for(flow.remote[0])
            if udp is not None:
                udp.send(flow, data)
                return
        else:
            connection = self._wire.table.get(flow)
            if connection is None and data[:7] != b"SIP/2.0":
                connection = self._streams.again(flow)
            if connection is not None:
                connection.send(data)
                return
        self.counters.no_flow += 1
        self._wire.loop.call_soon(self._wire.on_lost, flow)

    def flow_to(
        self,
        transport: str,
        host: str,
        port: int,
        local: Address | None = None,
        name: str | None = None,
        profile: str = "",
    ) -> Flow:
        """A flow to an address: by UDP from a socket of ours (`local`, or the first that fits), by TCP or TLS over a
        connection that stands, or a new one.

        By TLS `name` is the domain that the far end's certificate must be for (RFC 5922), and `profile` says whose CA
        to believe and what to show; without a name only a connection that stands will do.

        Raises ValueError when `host` is no numeric address, no socket fits or is to be had, or TLS is not possible.
        """
        address = numeric(host)
        if address is None:
            raise ValueError(f"no numeric address: {host!r}")
        if not 0 < port < 65536:
            raise ValueError(f"no port: {port}")
        if transport == "udp":
            udp = self._udp.get(local) if local is not None else None
            udp = udp or self._udp_for(address)
            if udp is None:
                raise ValueError(f"no UDP listener for {address}")
            return udp.flow((address, port))
        if transport not in ("tcp", "tls"):
            raise ValueError(f"no such transport: {transport}")
        bind = local[0] if local is not None and not is_wildcard(local[0]) else None
        peer = Peer(name.strip("[]").rstrip(".").lower(), profile) if name and transport == "tls" else None
        return self._streams.to(transport, (address, port), bind, peer)

    def peer_names(self, flow: Flow) -> tuple[str, ...]:
        """The domains that the far end of a flow has proven by its certificate, in lower case, IP addresses among them;
        empty for all but TLS, and for a client that showed no certificate."""
        if flow.transport != "tls":
            return ()
        connection = self._wire.table.get(flow)
        return connection.peer_names if connection is not None else ()

    def alive(self, flow: Flow) -> bool:
        """Whether a message can still be sent along a flow."""
        if flow.transport == "udp":
            return flow.local in self._udp
        return self._wire.table.get(flow) is not None

    def advertised(self, flow: Flow) -> Address:
        """The (host, port) that the far end of a flow is to reach us at, for Via and Contact."""
        return self._named(flow)[0]

    def sent_by(self, flow: Flow) -> str:
        """The same as text, for `Endpoint`: IPv6 in brackets."""
        alias = flow.transport == "tls" and self._streams.is_alias(flow)
        return self._named(flow)[1] + (";alias" if alias else "")

    def sound_address(self, flow: Flow, bound: str) -> str:
        """The address for SDP: where the far end of `flow` sends its sound to ports that are bound on `bound`."""
        known = self._sounds.get((flow, bound))
        if known is None:
            known = self._sound_address(flow, bound)
            self._sounds.put((flow, bound), known)
        return known

    def _sound_address(self, flow: Flow, bound: str) -> str:
        listener, peer = self._listener(flow), flow.remote[0]
        own = () if listener is None else (listener.reach,)
        others = (*(each.reach for each in self._udp.values()), *(each.reach for each in self._tcp))
        told = sound_address((*self.sound, *own, *others), bound, peer)
        if told:
            return told
        if not is_wildcard(bound):
            return unscoped(bound)
        family = family_of(bound)
        for host in (flow.local[0], peer):
            if host and family_of(host) is family and not is_wildcard(host):
                return unscoped(host if host is not peer else self._addresses.towards(peer))
        return unscoped(self._addresses.towards(_FAR[family]))

    def _named(self, flow: Flow) -> tuple[Address, str]:
        known = self._names.get(flow)
        if known is None:
            host, port = self._name(flow)
            known = ((host, port), hostport(host, port))
            self._names.put(flow, known)
        return known

    def _name(self, flow: Flow) -> Address:
        host, port = flow.local
        listener = self._listener(flow)
        if listener is not None:
            if flow.transport != "udp":
                port = listener.local[1]
            told = listener.reach.told(flow.remote[0])
            if told:
                return told, port
        if is_wildcard(host) or not host:
            host = self._addresses.towards(flow.remote[0])
        return unscoped(host), port

    def _listener(self, flow: Flow) -> UdpSocket | TcpListener | None:
        """The listener of a flow: for a connection that we made, whose port is nobody's, the first of the family."""
        if flow.transport == "udp":
            return self._udp.get(flow.local) or self._udp_for(flow.remote[0])
        family = family_of(flow.remote[0])
        fitting = [
            each for each in self._tcp if each.transport == flow.transport and family_of(each.local[0]) is family
        ]
        same = [each for each in fitting if each.local[1] == flow.local[1]]
        return next((each for each in same if each.local == flow.local), next(iter(same or fitting), None))

    def _listens(self, flow: Flow) -> bool:
        """Whether TCP is listened for on the family, and with it the address, of a flow by UDP."""
        family = family_of(flow.remote[0])
        return any(each.transport == "tcp" and family_of(each.local[0]) is family for each in self._tcp)

    @property
    def connections(self) -> int:
        """How many streams stand."""
        return len(self._wire.table)

    def on_timer(self, what: object, now: float) -> None:
        """Every few seconds: end streams that have overstayed, and forget what may have changed."""
        self._streams.sweep(now)
        self.load.sweep(now)
        self.guard.sweep(now)
        self._sweeps += 1
        if self._sweeps % _REFRESH == 0:
            self._addresses.forget()
            self._names.clear()
            self._sounds.clear()
        self._timer = self._timers.after(_SWEEP_S, now, self, "sweep")

    def pause(self) -> None:
        """At a hand-over: read no more, from any socket. What comes waits for the next process; sending goes on."""
        for udp in self._udp.values():
            udp.pause()
        for listener in self._tcp:
            listener.pause()
        for connection in self._wire.table.all():
            connection.pause()

    def give(self) -> list[tuple[Stream, socket.socket]]:
        """After `pause`: the connections that can go on in the next process."""
        return [given for each in self._wire.table.all() if (given := each.give()) is not None]

    def take(self, stream: Stream, sock: socket.socket) -> None:
        """A connection of the former process, which is ours from now on."""
        sock.setblocking(False)
        Connection.taken(self._wire, sock, stream)

    def close(self) -> None:
        """Close every socket; no flow is reported lost by it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pulse is not None:
            self._pulse.cancel()
            self._pulse = None
        for udp in self._udp.values():
            udp.close()
        for listener in self._tcp:
            listener.close()
        for connection in self._wire.table.all():
            connection.close()
        self._udp.clear()
        self._tcp.clear()

    def _beat(self) -> None:
        at = time.monotonic()
        self.load.lags(at - self._due, self._wire.now())
        self._due = at + _PULSE_S
        self._pulse = self._wire.loop.call_later(_PULSE_S, self._beat)

    def _udp_for(self, host: str) -> UdpSocket | None:
        """The first socket of the family from which packets to `host` can leave: one that is bound to the loopback
        reaches nothing else."""
        family, near = family_of(host), is_loopback(host)
        fitting = [udp for udp in self._udp.values() if family_of(udp.local[0]) is family]
        for udp in fitting:
            if is_loopback(udp.local[0]) == near:
                return udp
        return next((udp for udp in fitting if is_wildcard(udp.local[0])), fitting[0] if fitting else None)
