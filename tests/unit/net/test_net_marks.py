"""Marks on packets (DSCP, RFC 2474), as whoever receives them sees them; and IPv6 where it is special."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from switch.arguments import Blueprint
from switch.doors import has_family, here, open_socket
from switch.sip.endpoint import Endpoint, Incoming, Send, Timings
from switch.sip.flow import Flow
from tests.support.sockets import OPTIONS, Side

WHOLE = b"\r\n".join(
    [
        b"OPTIONS sip:x@[fe80::5] SIP/2.0",
        b"Via: SIP/2.0/UDP [fe80::7]:5060;branch=z9hG4bKscope;rport",
        b"From: <sip:a@[fe80::7]>;tag=a",
        b"To: <sip:x@[fe80::5]>",
        b"Call-ID: scope",
        b"CSeq: 1 OPTIONS",
        b"Max-Forwards: 70",
        b"Content-Length: 0",
        b"",
        b"",
    ]
)
HOSTS = [host for host in ("127.0.0.1", "::1") if has_family(host)]


def _receiver(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    if ":" in host:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    sock.settimeout(5)
    return sock


def _mark_of(sock: socket.socket) -> int:
    if sock.family == socket.AF_INET6:
        return sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) >> 2
    return sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) >> 2


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("dscp", [24, 26])
def test_sip_by_udp_is_marked_as_configured(host: str, dscp: int) -> None:
    with open_socket("udp", host, 0, dscp) as ours, _receiver(host) as theirs:
        ours.sendto(b"x", theirs.getsockname()[:2])
        _, ancillary, _, _ = theirs.recvmsg(10, 64)
    assert [value[0] >> 2 for _, _, value in ancillary] == [dscp]


@pytest.mark.parametrize("host", HOSTS)
def test_connections_that_come_have_the_mark_of_their_listener(host: str) -> None:
    with open_socket("tcp", host, 0, 26) as listening, socket.create_connection(listening.getsockname()[:2]):
        listening.settimeout(5)
        accepted, _ = listening.accept()
        with accepted:
            assert _mark_of(accepted) == 26


@pytest.mark.parametrize("host", HOSTS)
async def test_connections_that_we_make_have_it_too(sides: Callable[..., Side], host: str) -> None:
    a = sides()
    a.net.add_tcp(open_socket("tcp", host, 0, 26), dscp=26)
    with open_socket("tcp", host, 0) as far:
        flow = a.net.flow_to("tcp", *far.getsockname()[:2])
        assert _mark_of(a.net._wire.table.get(flow)._sock) == 26


def test_an_ipv6_listener_leaves_ipv4_to_another_on_the_same_port() -> None:
    """Whatever net.ipv6.bindv6only says."""
    if "::1" not in HOSTS:
        pytest.skip("this machine has no IPv6")
    for _ in range(20):
        with open_socket("udp", "::", 0) as six:
            assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
            try:
                open_socket("udp", "0.0.0.0", six.getsockname()[1]).close()
            except OSError:
                continue  # another program has that port of IPv4
            return
    pytest.fail("the port was never free for IPv4")


def test_a_machine_without_ipv6_serves_ipv4_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there by default is left out; what the operator wrote stays, and fails loudly."""
    real = socket.socket

    def without(family: int = socket.AF_INET, *rest: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *rest)

    monkeypatch.setattr("switch.doors.socket.socket", without)
    told: list[str] = []
    usual = (("udp", "0.0.0.0", 5060, 24, False), ("udp", "::", 5060, 24, True))
    found = here(Blueprint(usual, ("0.0.0.0", "::"), ("::",), 46, 20000, 29999, 5.0, 1), told.append)
    assert found.listen == usual[:1] and found.media_addresses == ("0.0.0.0",)
    assert told == ["this machine has no IPv6: IPv4 alone is served"]
    written = (("udp", "::", 5060, 24, False),)
    assert here(Blueprint(written, ("::",), (), 46, 20000, 29999, 5.0, 1), told.append).listen == written
    assert len(told) == 1


def _link_local() -> str:
    """An address of this machine that needs its scope; empty when it has none."""
    try:
        lines = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
    except OSError:
        return ""
    for line in lines:
        address, _, _, scope, _, interface = line.split()
        if scope == "20":
            packed = bytes.fromhex(address)
            return f"{socket.inet_ntop(socket.AF_INET6, packed)}%{interface}"
    return ""


@pytest.mark.skipif(not _link_local(), reason="no interface has a link-local address")
async def test_a_link_local_peer_is_answered_and_the_scope_stays_here(sides: Callable[..., Side]) -> None:
    """RFC 4007: without the scope nothing can be sent there; in a message it would mean nothing (section 11.2)."""
    a, b = sides(), sides()
    local = a.net.add_udp(open_socket("udp", "::", 0))
    there = b.net.add_udp(open_socket("udp", "::", 0))
    host = _link_local()
    flow = a.net.flow_to("udp", host, there[1])
    a.net.send(flow, OPTIONS)
    await b.until(lambda: b.packets)
    _, back = b.packets[0]
    assert back == Flow("udp", there, (host, local[1]))
    assert "%" not in b.net.sent_by(back)
    assert "%" not in b.net.sound_address(back, "::")
    endpoint = Endpoint(b.clock.timers, Timings(), lambda: "token", b.net.sent_by)
    endpoint.receive(WHOLE, back, 0.0)
    incoming = next(effect for effect in endpoint.take() if isinstance(effect, Incoming))
    endpoint.answer_once(incoming.txn, 200, 0.0)
    answer = next(effect for effect in endpoint.take() if isinstance(effect, Send))
    assert f"received={host.partition('%')[0]}\r\n".encode() in answer.data and answer.flow == back
    b.net.send(answer.flow, answer.data)
    await a.until(lambda: a.packets)
    assert a.packets[0][1].remote == (host, there[1])
