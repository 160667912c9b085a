"""Where the requests of a dialog go: along its flow, unless its next hop can be believed."""

from __future__ import annotations

import re
from ipaddress import ip_address

from switch.sip.dialog import Dialog
from switch.sip.flow import Flow
from switch.sip.uri import Uri

_NAME = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?", re.ASCII)
"""A host name: its last label begins with a letter (RFC 3261 section 25.1)."""


def toward(flow: Flow, dialog: Dialog, carrier: bool = False) -> Flow:
    """Where the requests of a dialog go, when its messages come over `flow`.

    The next hop is the first route, else the remote target (12.2.1.1). On the very host that we hear from, a stream is
    used as it stands (RFC 5923), and over UDP the port of the next hop counts, unless its `ob` asks for the very flow
    (RFC 5626 section 4.3). Another host is believed of a `carrier`,
    when its numeric address can be reached as well as the one that we hear from; a telephone's is taken for one behind
    NAT that only the flow leads to. A carrier's host name becomes the `hop` of the flow, and is looked up when
    something is sent. A next hop that wants another transport leaves the flow as it is; so does TLS, where the name
    that was proven is that of this connection.
    """
    if flow.hop:
        flow = Flow(flow.transport, flow.local, flow.remote, flow.connection)
    reliable = flow.reliable
    if reliable and (flow.transport == "tls" or not carrier):
        return flow
    host, port = flow.remote
    uri = Uri.parse(dialog.next_hop())
    hop, hop_port = uri.host.strip("[]"), uri.port or 5060
    if hop != host:
        wanted = uri.param("transport")
        if not carrier or (wanted or flow.transport).lower() != flow.transport:
            return flow
        if _NAME.fullmatch(hop):
            place = f"{hop}:{uri.port}" if uri.port else hop
            return Flow(flow.transport, flow.local, flow.remote, flow.connection, place.lower())
        if not as_near(hop, host):
            return flow
    elif reliable or hop_port == port or uri.param("ob") is not None:
        return flow
    return Flow(flow.transport, flow.local, (hop, hop_port))


def as_near(hop: str, host: str) -> bool:
    """Whether `hop` is an address of one machine that a peer at `host` may send us to: of the same family, and not
    inside a network (this machine, a link, a private one) that `host` itself is not in."""
    try:
        one, other = ip_address(hop), ip_address(host)
    except ValueError:
        return False
    if one.version != other.version or one.is_multicast or one.is_unspecified or str(one) == "255.255.255.255":
        return False
    return (
        (other.is_loopback or not one.is_loopback)
        and (other.is_link_local or not one.is_link_local)
        and (other.is_private or not one.is_private)
    )
