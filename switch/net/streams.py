"""The connections that we make: by TCP to an address, by TLS to a name that is proven there, and again after a loss."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping

from switch.net.flows import family_of, is_wildcard, mark, source
from switch.net.guard import Recent
from switch.net.tcp import Connection
from switch.net.tls import Peer, TlsConnection
from switch.net.wire import Wire
from switch.sip.flow import Address, Flow

_PEERS = 8192


class Streams:
    """Makes connections and ends those that overstay. `clients` are the TLS contexts by profile; see `tls.Peer`."""

    __slots__ = ("_peers", "_wire", "clients", "dscp", "shown")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.clients: Mapping[str, ssl.SSLContext] = {}
        self.dscp = 0
        """The mark of the packets of our connections, as far as we made them; the others have their listener's."""
        self.shown: frozenset[str] = frozenset()
        """The profiles whose context has a certificate of ours."""
        self._peers: Recent[Address, Peer] = Recent(_PEERS)
        """Whom we met where by TLS: what a lost connection must prove again."""

    def to(self, transport: str, remote: Address, bind: str | None, peer: Peer | None) -> Flow:
        """A flow over a connection that stands, else a new one, which can be sent to at once: a failure is told as a
        lost flow. Raises ValueError when the system has no socket for it, or nobody says whom to expect at the other
        end of a new TLS connection."""
        table = self._wire.table
        if transport == "tcp":
            known = table.find(("tcp", remote))
        elif peer is None:
            known = table.find(("tls", remote))
        else:
            known = table.find(peer.key(remote)) or table.find(peer.alias(remote))
        if known is not None:
            flow: Flow = known.flow
            return flow
        return self._connect(transport, remote, bind, peer, None).flow

    def again(self, flow: Flow) -> Connection | None:
        """For a request whose connection is gone, as a dialog outlives its connections (RFC 3261 section 18.1.1): one
        that stands to the same address, else a new one that takes the flow over, so that its loss is told of it. None
        when it cannot be: a TLS client's own connection comes back only from its side."""
        known: Connection | None = self._wire.table.find((flow.transport, flow.remote))
        if known is not None:
            return known
        bind = None if is_wildcard(flow.local[0]) else flow.local[0]
        peer = self._peers.get(flow.remote) if flow.transport == "tls" else None
        try:
            return self._connect(flow.transport, flow.remote, bind, peer, flow if flow.connection else None)
        except ValueError:
            return None

    def is_alias(self, flow: Flow) -> bool:
        """Whether a TLS connection is ours and shows who we are, so that requests may come back on it (RFC 5923)."""
        connection: TlsConnection | None = self._wire.table.get(flow)
        return connection is not None and connection.peer is not None and connection.peer.profile in self.shown

    def _connect(
        self, transport: str, remote: Address, bind: str | None, peer: Peer | None, flow: Flow | None
    ) -> Connection:
        context = None
        if transport == "tls":
            if peer is None:
                raise ValueError(f"nobody says who is at {remote[0]}, so its certificate proves nothing")
            context = self.clients.get(peer.profile)
            if context is None:
                raise ValueError(f"no TLS for `{peer.profile}`")
            self._peers.put(remote, peer)
        try:
            sock = socket.socket(family_of(remote[0]), socket.SOCK_STREAM)
        except OSError as reason:  # out of descriptors, or this machine has no IPv6
            self._wire.counters.connect_errors += 1
            raise ValueError(f"no way to {remote[0]}: {reason.strerror}") from None
        sock.setblocking(False)
        if self.dscp:
            mark(sock, self.dscp)
        error = None
        try:
            if bind is not None:
                sock.bind((bind, 0))
            sock.connect(remote)
        except BlockingIOError:
            pass
        except OSError as reason:
            error = reason
        try:
            local = source(sock.getsockname())
        except OSError:
            local = (bind or "", 0)
        flow = flow or Flow(transport, local, remote, self._wire.table.number())
        connection = (
            Connection(self._wire, sock, flow, outbound=True)
            if context is None
            else TlsConnection(self._wire, sock, flow, context, peer)
        )
        if error is not None:
            self._wire.counters.connect_errors += 1
            connection.lose()
        return connection

    def sweep(self, now: float) -> None:
        """End the connections that have overstayed."""
        for connection in self._wire.table.all():
            if connection.overdue(now):
                self._wire.counters.timed_out += 1
                connection.lose()
