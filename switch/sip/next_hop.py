"""Where the requests of a dialog go: along its flow, unless its next hop can be believed."""

from __future__ import annotations

from ipaddress import ip_address

from switch.sip.dialog import Dialog
from switch.sip.flow import Flow
from switch.sip.uri import Uri


def toward(flow: Flow, dialog: Dialog, carrier: bool = False) -> Flow:
    """Where the requests of a dialog go, when its messages come over `flow`.

    The next hop is the first route, else the remote target (12.2.1.1). On the very host that we hear from, a stream is
    used as it stands (RFC 5923), and over UDP the port of the next hop counts. Another host is believed of a `carrier`,
    when its numeric address can be reached as well as the one that we hear from; a telephone's is taken for one behind
    NAT that only the flow leads to. A host name, or a next hop that wants another transport, leaves the flow as it is;
    so does TLS, where the name that was proven is that of this connection.
    """
    if flow.transport == "tls" or (flow.reliable and not carrier):
        return flow
    host, port = flow.remote
    uri = Uri.parse(dialog.next_hop())
    hop, hop_port = uri.host.strip("[]"), uri.port or 5060
    if hop != host:
        wanted = uri.param("transport")
        if not carrier or (wanted or flow.transport).lower() != flow.transport or not _as_near(hop, host):
            return flow
    elif flow.reliable or hop_port == port:
        return flow
    return Flow(flow.transport, flow.local, (hop, hop_port))


def _as_near(hop: str, host: str) -> bool:
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
