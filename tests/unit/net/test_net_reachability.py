"""Which address a peer is told: `advertise` and `local_networks` (issue 3, Transports), as a table."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from config.addresses import USUAL_NETWORKS
from switch.clock import LoopClock
from switch.net.flows import source
from switch.net.reachability import Reach, sound_address
from switch.net.transports import Transports
from switch.sip.flow import Flow

OUT, OUT6, NAME = "203.0.113.1", "2001:db8::1", "pbx.example.com"
OFFICE = ("192.168.7.0/24", "fd00:7::/32")
DOCKER = ("172.17.0.0/16",)


@pytest.mark.parametrize(
    ("advertise", "networks", "peer", "told"),
    [
        # nothing advertised: everybody is told the interface's own address
        ("", USUAL_NETWORKS, "198.51.100.7", ""),
        ("", (), "10.0.0.7", ""),
        # the usual networks: private, link-local and loopback ones (RFC 1918, 3927, 4193)
        (OUT, USUAL_NETWORKS, "10.0.0.7", ""),
        (OUT, USUAL_NETWORKS, "172.31.255.255", ""),
        (OUT, USUAL_NETWORKS, "172.32.0.1", OUT),
        (OUT, USUAL_NETWORKS, "192.168.1.7", ""),
        (OUT, USUAL_NETWORKS, "169.254.3.4", ""),
        (OUT, USUAL_NETWORKS, "127.0.0.1", ""),
        (OUT, USUAL_NETWORKS, "198.51.100.7", OUT),
        (OUT, USUAL_NETWORKS, "100.64.0.1", OUT),  # a carrier's own NAT (RFC 6598) is outside
        (OUT6, USUAL_NETWORKS, "fd12::7", ""),
        (OUT6, USUAL_NETWORKS, "fe80::7%eth0", ""),
        (OUT6, USUAL_NETWORKS, "::1", ""),
        (OUT6, USUAL_NETWORKS, "2001:db8:9::7", OUT6),
        # networks of the operator's own
        (OUT, OFFICE, "192.168.7.9", ""),
        (OUT, OFFICE, "192.168.8.9", OUT),
        (OUT6, OFFICE, "fd00:7:1::9", ""),
        ("192.168.1.10", DOCKER, "192.168.1.20", "192.168.1.10"),
        ("192.168.1.10", DOCKER, "172.17.0.1", ""),
        (OUT, (), "127.0.0.1", OUT),
        # a peer of the other family could not reach it
        (OUT, USUAL_NETWORKS, "2001:db8:9::7", ""),
        (OUT6, USUAL_NETWORKS, "198.51.100.7", ""),
        # a name may have addresses of both
        (NAME, USUAL_NETWORKS, "198.51.100.7", NAME),
        (NAME, USUAL_NETWORKS, "2001:db8:9::7", NAME),
        (NAME, USUAL_NETWORKS, "192.168.1.7", ""),
    ],
)
def test_what_a_peer_is_told(advertise: str, networks: tuple[str, ...], peer: str, told: str) -> None:
    assert Reach.of(advertise, networks).told(peer) == told


@pytest.mark.parametrize(
    ("reaches", "bound", "peer", "told"),
    [
        ([], "0.0.0.0", "198.51.100.7", ""),
        ([OUT], "0.0.0.0", "198.51.100.7", OUT),
        ([OUT], "0.0.0.0", "192.168.1.7", ""),
        ([OUT], "::", "198.51.100.7", ""),
        ([OUT, OUT6], "::", "2001:db8:9::7", OUT6),
        # ports of IPv4 for a telephone whose signalling speaks IPv6
        ([OUT6, OUT], "0.0.0.0", "2001:db8:9::7", OUT),
        # SDP has no use for a name; the next one decides
        ([NAME], "0.0.0.0", "198.51.100.7", ""),
        ([NAME, OUT], "0.0.0.0", "198.51.100.7", OUT),
    ],
)
def test_what_sdp_tells_a_peer(reaches: list[str], bound: str, peer: str, told: str) -> None:
    assert sound_address([Reach.of(each, USUAL_NETWORKS) for each in reaches], bound, peer) == told


def test_the_scope_of_a_link_local_peer_is_kept() -> None:
    """RFC 4007: without it nothing can be sent there."""
    index, name = socket.if_nameindex()[0]
    assert source(("fe80::7", 5060, 0, index)) == (f"fe80::7%{name}", 5060)
    assert source(("2001:db8::7", 5060, 0, 0)) == ("2001:db8::7", 5060)
    assert source(("192.0.2.7", 5060)) == ("192.0.2.7", 5060)


@pytest.fixture
def transports() -> Iterator[Transports]:
    loop = asyncio.new_event_loop()
    clock = LoopClock(loop)
    made = Transports(loop, clock.timers, clock.now, lambda *_: None, lambda *_: None)
    yield made
    made.close()
    loop.close()


def _bound(address: str, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, kind)
    if family is socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((address, 0))
    if kind is socket.SOCK_STREAM:
        sock.listen()
    return sock


def test_via_contact_and_sdp_of_one_listener_by_peer(transports: Transports) -> None:
    reach = Reach.of(OUT, USUAL_NETWORKS)
    udp = transports.add_udp(_bound("127.0.0.1", socket.SOCK_DGRAM), reach)
    tcp = transports.add_tcp(_bound("127.0.0.1", socket.SOCK_STREAM), reach)
    inside, outside = ("192.168.1.7", 5060), ("198.51.100.7", 5060)
    assert transports.sent_by(Flow("udp", udp, inside)) == f"127.0.0.1:{udp[1]}"
    assert transports.sent_by(Flow("udp", udp, outside)) == f"{OUT}:{udp[1]}"
    assert transports.advertised(Flow("tcp", tcp, outside, 1)) == (OUT, tcp[1])
    # a connection that we made has a port that nobody can connect to
    assert transports.advertised(Flow("tcp", ("127.0.0.1", 40000), outside, 2)) == (OUT, tcp[1])
    assert transports.sound_address(Flow("udp", udp, outside), "0.0.0.0") == OUT
    assert transports.sound_address(Flow("udp", udp, inside), "0.0.0.0") == "127.0.0.1"
    assert transports.sound_address(Flow("udp", udp, inside), "192.0.2.9") == "192.0.2.9"
    transports._sounds.clear()  # as at another start, and once a minute
    transports.sound = (Reach.of("203.0.113.99", OFFICE),)
    assert transports.sound_address(Flow("udp", udp, outside), "0.0.0.0") == "203.0.113.99"
    assert transports.sound_address(Flow("udp", udp, inside), "0.0.0.0") == "203.0.113.99"


def test_dual_stack_listeners_name_the_family_of_the_peer(transports: Transports) -> None:
    v4 = transports.add_udp(_bound("0.0.0.0", socket.SOCK_DGRAM), Reach.of(OUT, USUAL_NETWORKS))
    try:
        v6 = transports.add_udp(_bound("::", socket.SOCK_DGRAM), Reach.of(OUT6, USUAL_NETWORKS))
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert transports.sent_by(Flow("udp", v4, ("127.0.0.1", 5060))) == f"127.0.0.1:{v4[1]}"
    assert transports.sent_by(Flow("udp", v6, ("::1", 5060))) == f"[::1]:{v6[1]}"
    far = Flow("udp", v6, ("2001:db8:9::7", 5060))
    assert transports.sent_by(far) == f"[{OUT6}]:{v6[1]}"
    assert transports.sound_address(far, "::") == OUT6
    assert transports.sound_address(far, "0.0.0.0") == OUT  # ports of IPv4 only
    assert transports.flow_to("udp", "[::1]", 5060).local == v6
    assert transports.flow_to("udp", "127.0.0.1", 5060).local == v4
