"""Requests that are too large for a datagram (RFC 3261 section 18.1.1): by TCP, where the peer takes it.

A datagram over 1,300 octets is cut into fragments on the way, and routers and firewalls lose these. So TCP is tried to
the same address and port. Who does not take it within a second gets the datagram after all, and is not asked again for
an hour. Not tried at all are peers that are reached by a mapping of their NAT, which leads back by UDP alone: those
whose Contact names another host than the one that we hear from; nor those whose URI says `transport=udp`, nor any where
we do not listen for TCP ourselves, as the answer may come by a connection of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from switch.net.flows import is_wildcard
from switch.net.guard import Recent
from switch.net.streams import Streams
from switch.net.wire import Wire
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Address, Flow, unscoped
from switch.sip.timer import Timers
from switch.sip.uri import Uri

TRY_S = 1.0
"""How long a connection may take; a telephone that says nothing for some seconds is an outage."""
AGAIN_S = 3600.0
_PEERS = 8192


class LargeRequests:
    """Finds the connection for a large request. `listens(flow)`: whether TCP is listened for where `flow` is."""

    __slots__ = ("_listens", "_refused", "_streams", "_timers", "_wire")

    def __init__(self, wire: Wire, streams: Streams, timers: Timers, listens: Callable[[Flow], bool]) -> None:
        self._wire = wire
        self._streams = streams
        self._timers = timers
        self._listens = listens
        self._refused: Recent[Address, float] = Recent(_PEERS)
        """Who did not take a connection, and until when that is remembered."""

    def stream_for(self, flow: Flow, hop: str) -> Flow | None:
        """The flow by TCP in place of one by UDP, for a request whose next hop is the URI `hop`; None where UDP has to
        do. Its failure, which may come later, is told as that of any flow."""
        remote = flow.remote
        until = self._refused.get(remote)
        if (until is not None and self._wire.now() < until) or not self._listens(flow) or not _own_address(flow, hop):
            return None
        standing = self._wire.table.find(("tcp", remote))
        if standing is not None:
            found: Flow = standing.flow
            return found
        bind = None if is_wildcard(flow.local[0]) else flow.local[0]
        try:
            made = self._streams.to("tcp", remote, bind, None)
        except ValueError:
            return None
        self._timers.after(TRY_S, self._wire.now(), self, made)
        return made

    def on_timer(self, what: object, now: float) -> None:
        """A connection of ours must stand by now."""
        if isinstance(what, Flow):
            connection = self._wire.table.get(what)
            if connection is not None and connection.connecting:
                connection.lose()

    def lost(self, flow: Flow) -> None:
        """A connection has ended before it stood."""
        self._refused.put(flow.remote, self._wire.now() + AGAIN_S)


def _own_address(flow: Flow, hop: str) -> bool:
    """Whether the next hop names the very host that the flow leads to (or a host name, which was looked up for it)."""
    try:
        uri = Uri.parse(hop)
    except RemoteProtocolError:
        return False
    if (uri.param("transport") or "").lower() == "udp":
        return False
    host = uri.host.strip("[]")
    try:
        return ip_address(host) == ip_address(unscoped(flow.remote[0]))
    except ValueError:
        return True
