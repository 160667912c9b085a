"""The table of connections, and addresses: which of ours a peer sees."""

from __future__ import annotations

import socket
from typing import Any, Protocol

import msgspec

from switch.net.guard import Recent
from switch.sip.flow import Address, Flow, unscoped


class Counters(msgspec.Struct):
    """Plain integers, read at scrape."""

    datagrams_in: int = 0
    datagrams_out: int = 0
    oversize: int = 0
    unread: int = 0
    """Datagrams too short to be SIP that are no keep-alive either."""
    keepalives: int = 0
    recv_errors: int = 0
    send_errors: int = 0
    send_blocked: int = 0
    """Datagrams dropped as the system's buffer was full; the transaction repeats them."""
    messages_in: int = 0
    messages_out: int = 0
    accepted: int = 0
    connected: int = 0
    connect_errors: int = 0
    connections_refused: int = 0
    accept_errors: int = 0
    unframed: int = 0
    lost: int = 0
    """Connections that ended in any way."""
    timed_out: int = 0
    overflowed: int = 0
    tls_failed: int = 0
    """TLS handshakes that came to nothing, on either side's wish."""
    no_flow: int = 0
    """Messages for a connection that was gone."""


Key = tuple[Any, ...]
"""By what a stream is found: (transport, far address), and for TLS also what its far end has proven."""


class Connection(Protocol):
    """What the table needs to know of a stream. `keys` does not change, but through `ConnectionTable.alias`."""

    flow: Flow
    outbound: bool
    keys: tuple[Key, ...]

    def close(self) -> None:
        """End it at once."""


MOST_KEYS = 64
"""By which one stream may be found: a certificate with many names may take requests for a port or two."""


class ConnectionTable:
    """All streams by number and by their keys. Counts them by source."""

    __slots__ = ("_by_key", "_by_number", "_last", "_sources", "shaking")

    def __init__(self) -> None:
        self._by_number: dict[int, Any] = {}
        self._by_key: dict[Key, int] = {}
        self._sources: dict[str, int] = {}
        self._last = 0
        self.shaking: dict[int, Any] = {}
        """By number those of clients whose TLS handshake is under way, oldest first."""

    def number(self) -> int:
        """A fresh number."""
        self._last += 1
        return self._last

    def add(self, connection: Connection) -> None:
        """File a stream; of several with the same key the last one is found by it."""
        flow = connection.flow
        self._by_number[flow.connection] = connection
        for key in connection.keys:
            self._by_key[key] = flow.connection
        self._sources[flow.remote[0]] = self._sources.get(flow.remote[0], 0) + 1

    def alias(self, connection: Connection, key: Key) -> None:
        """Let a stream be found by one more key, if it has not too many of them: its far end may make them up."""
        keys = connection.keys
        if connection.flow.connection in self._by_number and key not in keys and len(keys) < MOST_KEYS:
            connection.keys += (key,)
            self._by_key[key] = connection.flow.connection

    def remove(self, connection: Connection) -> bool:
        """Strike it out; False when that was done before."""
        flow = connection.flow
        if self._by_number.pop(flow.connection, None) is None:
            return False
        self.shaking.pop(flow.connection, None)
        for key in connection.keys:
            if self._by_key.get(key) == flow.connection:
                del self._by_key[key]
        host = flow.remote[0]
        left = self._sources[host] - 1
        if left:
            self._sources[host] = left
        else:
            del self._sources[host]
        return True

    def get(self, flow: Flow) -> Any:
        """The stream of a flow, or None. A flow without a number (one that was written down) goes by its address."""
        if flow.connection:
            return self._by_number.get(flow.connection)
        return self.find((flow.transport, flow.remote))

    def find(self, key: Key) -> Any:
        """The stream with this key, or None."""
        return self._by_number.get(self._by_key.get(key, 0))

    def from_source(self, host: str) -> int:
        """How many streams a host has."""
        return self._sources.get(host, 0)

    def all(self) -> list[Any]:
        """Every stream, oldest first."""
        return list(self._by_number.values())

    def __len__(self) -> int:
        return len(self._by_number)


def family_of(host: str) -> socket.AddressFamily:
    """The address family of a numeric host."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def source(address: tuple[Any, ...]) -> Address:
    """A socket's address as (host, port); that of a link-local peer keeps its scope, without which none is reached."""
    if len(address) > 2 and address[3]:
        try:
            scope = socket.if_indextoname(address[3])
        except OSError:
            scope = str(address[3])
        return f"{unscoped(address[0])}%{scope}", address[1]
    return address[0], address[1]


def mark(sock: socket.socket, dscp: int) -> None:
    """Have packets carry this DSCP (RFC 2474): the upper six bits of the TOS octet or the traffic class."""
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
    except OSError:
        pass  # a container may not be allowed to; the packets go without


def is_wildcard(host: str) -> bool:
    """Whether a socket bound to `host` takes packets for every address."""
    return host in ("0.0.0.0", "::")  # noqa: S104


def is_loopback(host: str) -> bool:
    """Whether a numeric host is this machine talking to itself."""
    return host.startswith("127.") or host == "::1"


class LocalAddresses:
    """Which of our addresses a peer sees, for sockets that are bound to all of them.

    The system knows: a UDP socket that is connected (which sends nothing) has the address that packets would leave by.
    """

    __slots__ = ("_known",)

    def __init__(self, size: int = 8192) -> None:
        self._known: Recent[str, str] = Recent(size)

    def towards(self, host: str) -> str:
        """Our address for `host`; the loopback address when the system has no route."""
        known = self._known.get(host)
        if known is not None:
            return known
        family = family_of(host)
        found = "::1" if family is socket.AF_INET6 else "127.0.0.1"
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((host, 5060))
                found = probe.getsockname()[0]
        except OSError:
            pass
        self._known.put(host, found)
        return found

    def forget(self) -> None:
        """Ask the system again; interfaces come and go."""
        self._known.clear()
