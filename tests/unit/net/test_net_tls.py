"""TLS on real sockets: who is believed, which certificate is shown, which connection is used, and slow clients."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from switch.net.flows import MOST_KEYS
from switch.net.guard import Limits
from switch.net.tls import ServerCertificate, client_context, names_of, proves, server_context
from switch.sip.flow import Flow
from tests.support.certificates import Authority, Files
from tests.support.sockets import HOST, OPTIONS, Side

Sides = Callable[..., Side]
VIA = b"Via: SIP/2.0/TLS %s;branch=z9hG4bKx"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def serving(*files: Files, names: tuple[str, ...] = ("pbx.example.com",), client_ca: str = "") -> ssl.SSLContext:
    return server_context([ServerCertificate(*each, names) for each in files], client_ca)


def pair(sides: Sides, authority: Authority, limits: Limits | None = None) -> tuple[Side, Side, tuple[str, int]]:
    """A client that believes the authority, a server with its certificate, and where the server listens."""
    a, b = sides(), sides(limits)
    a.net.use_tls_clients({"": client_context(authority.file)})
    return a, b, b.tls(serving(authority.sign("pbx.example.com")))


async def handshaken(at: tuple[str, int], context: ssl.SSLContext, name: str = "pbx.example.com") -> ssl.SSLObject:
    """The TLS end of a connection of our own making, which is closed at once."""
    _, writer = await asyncio.open_connection(*at, ssl=context, server_hostname=name)
    found: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return found


# -- connections ----------------------------------------------------------------------------------------------------


async def test_messages_go_both_ways_over_one_connection(sides: Sides, authority: Authority) -> None:
    a, b, at = pair(sides, authority)
    b.on_packet = lambda data, flow: b.net.send(flow, b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    flow = a.net.flow_to("tls", *at, name="pbx.example.com")
    assert flow.transport == "tls"
    assert a.net.flow_to("tls", *at, name="PBX.example.com.") == flow
    for _ in range(3):
        a.net.send(flow, OPTIONS)
    await a.until(lambda: len(a.packets) == 3)
    seen = b.packets[0][1]
    assert (seen.transport, seen.local, seen.remote) == ("tls", at, flow.local)
    assert b.net.flow_to("tls", *flow.local) == seen  # what comes to a telephone goes over its own connection
    assert a.net.peer_names(flow) == ("pbx.example.com",)
    assert b.net.peer_names(seen) == ()
    assert (a.net.counters.connected, b.net.counters.accepted) == (1, 1)
    assert a.net.alive(Flow("tls", flow.local, flow.remote))
    assert not a.net.alive(Flow("tcp", flow.local, flow.remote))


async def test_a_large_message_and_many_small_ones_arrive_whole(sides: Sides, authority: Authority) -> None:
    a, b, at = pair(sides, authority)
    flow = a.net.flow_to("tls", *at, name="pbx.example.com")
    large = OPTIONS.replace(b"Length: 4", b"Length: 60000")[:-4] + b"x" * 60000
    a.net.send(flow, large)
    for _ in range(500):
        a.net.send(flow, OPTIONS)
    await b.until(lambda: len(b.packets) == 501)
    assert b.packets[0][0] == large


async def test_the_loss_is_told_and_a_goodbye_is_said(sides: Sides, authority: Authority) -> None:
    a, b, at = pair(sides, authority)
    flow = a.net.flow_to("tls", *at, name="pbx.example.com")
    a.net.send(flow, OPTIONS)
    await b.until(lambda: b.packets)
    b.net._wire.table.all()[0].lose()
    await a.until(lambda: a.lost)
    assert a.net.counters.recv_errors == 0  # close_notify: nothing was cut off
    a.net.send(flow, OPTIONS)  # a request outlives its connection, and the name is proven again
    await b.until(lambda: len(b.packets) == 2)
    assert a.net.peer_names(flow) == ("pbx.example.com",)


async def test_a_clients_connection_comes_back_only_from_its_side(sides: Sides, authority: Authority) -> None:
    a, b, at = pair(sides, authority)
    flow = a.net.flow_to("tls", *at, name="pbx.example.com")
    a.net.send(flow, OPTIONS)
    await b.until(lambda: b.packets)
    (_, seen), *_ = b.packets
    a.net._wire.table.all()[0].close()
    await b.until(lambda: b.lost)
    b.net.send(seen, OPTIONS)
    await b.until(lambda: len(b.lost) == 2)
    with pytest.raises(ValueError, match="nobody says who"):
        b.net.flow_to("tls", *seen.remote)


# -- who is believed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("pbx.example.com",), "other.example.com"),
        (("*.example.com",), "pbx.example.com"),  # RFC 5922 section 7.2: no wildcards
        (("sip:other.example.com", "pbx.example.com"), "pbx.example.com"),  # section 7.1: sip: addresses stand alone
        (("127.0.0.2",), "127.0.0.1"),
    ],
)
async def test_a_certificate_for_somebody_else_is_refused(
    sides: Sides, authority: Authority, names: tuple[str, ...], wanted: str
) -> None:
    a, b = sides(), sides()
    a.net.use_tls_clients({"": client_context(authority.file)})
    flow = a.net.flow_to("tls", *b.tls(serving(authority.sign(*names))), name=wanted)
    a.net.send(flow, OPTIONS)
    await a.until(lambda: a.lost)
    assert a.lost == [flow]
    assert a.failures[0][1]
    assert f"not for {wanted}" in a.failures[0][0]
    await b.until(lambda: b.lost)
    assert b.packets == []


@pytest.mark.parametrize("name", ["sip:pbx.example.com", "127.0.0.1"])
async def test_other_forms_of_a_name_are_proven(sides: Sides, authority: Authority, name: str) -> None:
    a, b = sides(), sides()
    a.net.use_tls_clients({"": client_context(authority.file)})
    flow = a.net.flow_to("tls", *b.tls(serving(authority.sign(name))), name=name.removeprefix("sip:"))
    a.net.send(flow, OPTIONS)
    await b.until(lambda: b.packets)


async def test_an_unknown_authority_and_an_ended_certificate_are_refused(
    sides: Sides, authority: Authority, tmp_path: Path
) -> None:
    b = sides()
    for ca, days in ((Authority(tmp_path, "somebody else").file, 90.0), (authority.file, -1.0)):
        a = sides()
        a.net.use_tls_clients({"": client_context(ca)})
        at = b.tls(serving(authority.sign("pbx.example.com", days=days)))
        a.net.send(a.net.flow_to("tls", *at, name="pbx.example.com"), OPTIONS)
        await a.until(lambda a=a: a.lost)
        assert "not believed" in a.failures[0][0]
    await b.until(lambda: len(b.failures) == 2)  # the client's alerts say why, too
    assert [why for why, _ in b.failures] == ["tlsv1 alert unknown ca", "sslv3 alert certificate expired"]
    assert b.packets == []


async def test_without_the_systems_trust_nothing_is_believed(sides: Sides, authority: Authority) -> None:
    a, b = sides(), sides()
    a.net.use_tls_clients({"": client_context()})
    a.net.send(
        a.net.flow_to("tls", *b.tls(serving(authority.sign("pbx.example.com"))), name="pbx.example.com"), OPTIONS
    )
    await a.until(lambda: a.lost)
    with pytest.raises(ValueError, match="no TLS for"):
        a.net.flow_to("tls", HOST, 5061, name="x.example.com", profile="carrier")


def test_names_of_a_certificate() -> None:
    """RFC 5922 section 7.1."""
    assert names_of(None) == names_of({}) == ()
    mixed = (("DNS", "A.example.com"), ("URI", "sip:B.example.com;x=1"), ("URI", "sip:bob@c.example.com"))
    assert names_of({"subjectAltName": mixed}) == ("b.example.com",)
    assert names_of({"subjectAltName": mixed[::2]}) == ("a.example.com",)
    common = ((("commonName", "d.example.com"),),)
    assert names_of({"subject": common}) == ("d.example.com",)
    assert names_of({"subject": common, "subjectAltName": (("email", "x@y"),)}) == ()
    addresses = (("IP Address", "2001:DB8:0:0:0:0:0:1\n"), ("IP Address", "192.0.2.1"))
    assert names_of({"subjectAltName": addresses}) == ("2001:db8::1", "192.0.2.1")
    assert proves(("2001:db8::1",), "[2001:db8:0::1]")
    assert proves(("a.example.com",), "A.example.com.")
    assert not proves(("example.com",), "a.example.com")


# -- mutual TLS and reuse -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "required", "known"), [(True, False, True), (False, False, False), (True, True, True)]
)
async def test_a_client_may_prove_who_it_is(
    sides: Sides, authority: Authority, shown: bool, required: bool, known: bool
) -> None:
    a, b = sides(), sides()
    files = authority.sign("carrier.example.net", "10.0.0.1")
    a.net.use_tls_clients({"": client_context(authority.file, *(files if shown else ()))})
    mine = ServerCertificate(*authority.sign("pbx.example.com"), ("pbx.example.com",))
    at = b.tls(server_context([mine], authority.file, required))
    a.net.send(a.net.flow_to("tls", *at, name="pbx.example.com"), OPTIONS)
    await b.until(lambda: b.packets)
    assert b.net.peer_names(b.packets[0][1]) == (("carrier.example.net", "10.0.0.1") if shown else ())


async def test_a_client_without_the_certificate_that_is_required(sides: Sides, authority: Authority) -> None:
    a, b = sides(), sides()
    a.net.use_tls_clients({"": client_context(authority.file)})
    mine = ServerCertificate(*authority.sign("pbx.example.com"), ("pbx.example.com",))
    a.net.send(
        a.net.flow_to("tls", *b.tls(server_context([mine], authority.file, True)), name="pbx.example.com"), OPTIONS
    )
    await b.until(lambda: b.failures)
    assert b.failures == [("peer did not return a certificate", False)]
    await a.until(lambda: a.lost)
    assert b.packets == []


@pytest.mark.parametrize(
    ("via", "name", "port", "reused"),
    [
        (b"carrier.example.net:5071;alias", "carrier.example.net", 5071, True),
        (b"carrier.example.net;alias", "carrier.example.net", 5061, True),
        (b"carrier.example.net:5071", "carrier.example.net", 5071, False),
        (b"carrier.example.net:5071;alias", "other.example.net", 5071, False),
        (b"carrier.example.net:5071;alias", "carrier.example.net", 5072, False),
    ],
)
async def test_a_connection_is_used_the_other_way_round(
    sides: Sides, authority: Authority, via: bytes, name: str, port: int, reused: bool
) -> None:
    """RFC 5923: only for who says `alias`, and has proven the name."""
    a, b = sides(), sides()
    a.net.use_tls_clients({"": client_context(authority.file, *authority.sign("carrier.example.net"))})
    b.net.use_tls_clients({"trunk": client_context(authority.file)})
    at = b.tls(serving(authority.sign("pbx.example.com"), client_ca=authority.file))
    flow = a.net.flow_to("tls", *at, name="pbx.example.com")
    a.net.send(flow, OPTIONS.replace(b"Via: SIP/2.0/TCP h;branch=z9hG4bKx", VIA % via))
    await b.until(lambda: b.packets)
    back = b.net.flow_to("tls", HOST, port, name=name, profile="trunk")
    assert (back == b.packets[0][1]) is reused
    if reused:
        b.net.send(back, OPTIONS)
        await a.until(lambda: a.packets)
        assert a.packets[0][1] == flow


async def test_a_far_end_cannot_fill_the_table_with_aliases(sides: Sides, authority: Authority) -> None:
    a, b = sides(), sides()
    a.net.use_tls_clients({"": client_context(authority.file, *authority.sign("carrier.example.net"))})
    b.net.use_tls_clients({"": client_context(authority.file)})
    at = b.tls(serving(authority.sign("pbx.example.com"), client_ca=authority.file))
    flow = a.net.flow_to("tls", *at, name="pbx.example.com")
    for port in range(1, 301):
        via = VIA % (b"carrier.example.net:%d;alias" % port)
        a.net.send(flow, OPTIONS.replace(b"Via: SIP/2.0/TCP h;branch=z9hG4bKx", via))
    await b.until(lambda: len(b.packets) == 300)
    table = b.net._wire.table
    assert len(table.get(b.packets[0][1]).keys) == len(table._by_key) == MOST_KEYS


async def test_a_telephone_cannot_make_itself_an_alias(sides: Sides, authority: Authority) -> None:
    a, b, at = pair(sides, authority)
    b.net.use_tls_clients({"": client_context(authority.file)})
    via = VIA % b"carrier.example.net:5071;alias"
    a.net.send(
        a.net.flow_to("tls", *at, name="pbx.example.com"),
        OPTIONS.replace(b"Via: SIP/2.0/TCP h;branch=z9hG4bKx", via),
    )
    await b.until(lambda: b.packets)
    assert b.net.flow_to("tls", HOST, 5071, name="carrier.example.net") != b.packets[0][1]


# -- the server's certificates --------------------------------------------------------------------------------------


async def test_the_certificate_that_fits_the_name_is_shown(sides: Sides, authority: Authority) -> None:
    """SNI (RFC 6066 section 3)."""
    b = sides()
    names = (("one.example.com",), ("two.example.com",), ("*.example.net",))
    at = b.tls(server_context([ServerCertificate(*authority.sign(*each), each) for each in names]))
    client = ssl.create_default_context(cafile=authority.file)
    for name, shown in (
        ("one.example.com", "one.example.com"),
        ("two.example.com", "two.example.com"),
        ("x.example.net", "*.example.net"),
    ):
        found = await handshaken(at, client, name)
        certificate = found.getpeercert()
        assert certificate is not None
        assert certificate["subjectAltName"] == (("DNS", shown),)
    client.check_hostname = False
    certificate = (await handshaken(at, client, "unknown.example.org")).getpeercert()
    assert certificate is not None
    assert certificate["subjectAltName"] == (("DNS", "one.example.com"),)


async def test_a_new_certificate_is_for_new_handshakes(sides: Sides, authority: Authority) -> None:
    a, b, at = pair(sides, authority)
    flow = a.net.flow_to("tls", *at, name="pbx.example.com")
    a.net.send(flow, OPTIONS)
    await b.until(lambda: b.packets)
    b.net.use_tls(at, serving(authority.sign("pbx.example.org")))
    client = ssl.create_default_context(cafile=authority.file)
    certificate = (await handshaken(at, client, "pbx.example.org")).getpeercert()
    assert certificate is not None
    a.net.send(flow, OPTIONS)
    await b.until(lambda: len(b.packets) == 2)
    assert a.lost == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions_are_refused(sides: Sides, authority: Authority) -> None:
    _, b, at = pair(sides, authority)
    old = ssl.create_default_context(cafile=authority.file)
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        await handshaken(at, old)
    await b.until(lambda: b.failures)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        good = ssl.create_default_context(cafile=authority.file)
        good.minimum_version = good.maximum_version = version
        found = await handshaken(at, good)
        cipher = found.cipher()
        assert cipher is not None
        assert "DHE" in cipher[0] or version is ssl.TLSVersion.TLSv1_3
    assert server_context([ServerCertificate(*authority.sign("x.example.com"), ())]).options & ssl.OP_NO_RENEGOTIATION


@pytest.mark.skipif(not shutil.which("openssl"), reason="Python itself cannot ask for a renegotiation")
async def test_renegotiation_is_refused(sides: Sides, authority: Authority) -> None:
    _, b, (host, port) = pair(sides, authority)
    words = ("s_client", "-connect", f"{host}:{port}", "-tls1_2", "-CAfile", authority.file)
    pipe = asyncio.subprocess.PIPE
    client = await asyncio.create_subprocess_exec("openssl", *words, stdin=pipe, stdout=pipe, stderr=pipe)
    assert client.stdin is not None
    await b.until(lambda: any(not each._connecting for each in b.net._wire.table.all()))
    client.stdin.write(b"R\n")
    await b.until(lambda: b.lost)
    _, told = await client.communicate()
    assert b"no renegotiation" in told
    assert b.net.connections == 0


async def test_without_a_certificate_everybody_is_turned_away(sides: Sides, authority: Authority) -> None:
    b = sides()
    at = b.tls(None)
    reader, writer = await asyncio.open_connection(*at)
    assert await reader.read() == b""
    writer.close()
    assert b.net.counters.connections_refused == 1
    b.net.use_tls(at, serving(authority.sign("pbx.example.com")))
    await handshaken(at, ssl.create_default_context(cafile=authority.file))


# -- slow and silent clients ----------------------------------------------------------------------------------------


async def test_who_speaks_no_tls_is_ended(sides: Sides, authority: Authority) -> None:
    _, b, at = pair(sides, authority)
    b.net.guard.malformed = lambda remote, now: rubbish.append(remote)  # type: ignore[method-assign]
    rubbish: list[tuple[str, int]] = []
    reader, writer = await asyncio.open_connection(*at)
    writer.write(OPTIONS)
    await b.until(lambda: b.failures)
    assert rubbish == [writer.get_extra_info("sockname")]
    with contextlib.suppress(ConnectionResetError):
        await reader.read()
    assert b.packets == []
    assert b.net.counters.tls_failed == 1
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
async def test_a_handshake_that_does_not_come_to_its_end(sides: Sides, authority: Authority, sent: bytes) -> None:
    _, b, at = pair(sides, authority)
    peer = socket.create_connection(at)
    peer.sendall(sent)
    await b.until(lambda: b.net.connections)
    b.clock.advance(9)
    await asyncio.sleep(0)
    assert b.lost == []
    b.clock.advance(6)
    await b.until(lambda: b.lost)
    assert b.net.counters.timed_out == 1
    peer.close()


@pytest.mark.parametrize(("sent", "after_s"), [(b"", 30), (b"OPTIONS sip:", 15), (OPTIONS, 4000)])
async def test_silence_after_the_handshake(sides: Sides, authority: Authority, sent: bytes, after_s: float) -> None:
    a, b, at = pair(sides, authority)
    a.net.use_tls_clients({"": client_context(authority.file)})
    flow = a.net.flow_to("tls", *at, name="pbx.example.com")
    if sent:
        a.net.send(flow, sent)
    await b.until(lambda: any(not c._connecting for c in b.net._wire.table.all()))
    await b.until(lambda: not sent or any(len(c._framer) or b.packets for c in b.net._wire.table.all()))
    b.clock.advance(after_s - 1)
    await asyncio.sleep(0)
    assert b.lost == []
    b.clock.advance(10)
    await b.until(lambda: b.lost)
    assert b.net.counters.timed_out == 1


async def test_a_server_that_says_nothing_is_given_up(sides: Sides, authority: Authority) -> None:
    a = sides()
    a.net.use_tls_clients({"": client_context(authority.file)})
    silent = socket.socket()
    silent.bind((HOST, 0))
    silent.listen(1)
    flow = a.net.flow_to("tls", *silent.getsockname(), name="pbx.example.com")
    a.net.send(flow, OPTIONS)
    await asyncio.sleep(0.01)
    a.clock.advance(15)
    await a.until(lambda: a.lost)
    assert a.lost == [flow]
    silent.close()


async def test_a_peer_that_does_not_read_over_tls_loses_the_connection(sides: Sides, authority: Authority) -> None:
    _, b, at = pair(sides, authority, Limits(out_buffer=100_000))
    context = ssl.create_default_context(cafile=authority.file)
    peer = socket.create_connection(at)

    def shake() -> ssl.SSLSocket:
        return context.wrap_socket(peer, server_hostname="pbx.example.com")

    tls = await asyncio.to_thread(shake)
    tls.sendall(OPTIONS)
    await b.until(lambda: b.packets)
    await b.overflow()
    tls.close()


async def test_what_waits_for_a_slow_tls_peer_arrives_whole(sides: Sides, authority: Authority) -> None:
    _, b, at = pair(sides, authority, Limits(out_buffer=1 << 24))
    context = ssl.create_default_context(cafile=authority.file)
    reader, writer = await asyncio.open_connection(*at, ssl=context, server_hostname="pbx.example.com")
    writer.write(OPTIONS)
    await b.until(lambda: b.packets)
    await b.send_much(reader)
    writer.close()


async def test_connections_of_one_source_are_limited_over_tls(sides: Sides, authority: Authority) -> None:
    _, b, at = pair(sides, authority, Limits(connections_a_source=2))
    peers = [socket.create_connection(at) for _ in range(4)]
    await b.until(lambda: b.net.counters.connections_refused == 2)
    assert b.net.connections == 2
    for peer in peers:
        peer.close()


async def test_what_does_not_leave_in_time_ends_the_connection(sides: Sides, authority: Authority) -> None:
    _, b, at = pair(sides, authority, Limits(out_buffer=1 << 24))
    context = ssl.create_default_context(cafile=authority.file)
    _, writer = await asyncio.open_connection(*at, ssl=context, server_hostname="pbx.example.com", limit=1)
    writer.write(OPTIONS)
    await b.until(lambda: b.packets)
    for _ in range(200):
        b.net.send(b.packets[0][1], b"x" * 60000)
    connection = b.net._wire.table.all()[0]
    assert connection._out
    b.clock.advance(25)
    await asyncio.sleep(0)
    assert b.net.connections == 1
    b.clock.advance(15)
    await b.until(lambda: b.lost)
    assert b.net.counters.timed_out == 1
    writer.close()


async def test_handshakes_count_against_the_rate_of_their_source(sides: Sides, authority: Authority) -> None:
    _, b, at = pair(sides, authority, Limits(rate_per_s=1, burst=3))
    peers = [socket.create_connection(at) for _ in range(5)]
    await b.until(lambda: b.net.counters.connections_refused == 2)
    assert b.net.connections == 3
    for peer in peers:
        peer.close()


async def test_handshakes_that_dawdle_give_way_to_new_ones(sides: Sides, authority: Authority) -> None:
    """Each holds memory before anybody has said a word of SIP."""
    b = sides(Limits(handshakes=3))
    at = b.tls(serving(authority.sign("pbx.example.com")))
    open_ = [await asyncio.open_connection(*at) for _ in range(6)]
    await b.until(lambda: len(b.lost) == 3)
    assert b.net.connections == 3
    await handshaken(at, ssl.create_default_context(cafile=authority.file))
    await b.until(lambda: len(b.lost) >= 4)
    for reader, writer in open_[:4]:
        assert await reader.read() == b""
        writer.close()
    for _, writer in open_[4:]:
        writer.close()


async def test_a_strangers_handshake_counts_for_many_messages(sides: Sides, authority: Authority) -> None:
    b = sides(Limits(burst=8000.0))
    at, writers, left = b.tls(serving(authority.sign("pbx.example.com"))), [], []
    for accepted in range(1, 5):
        if accepted == 3:
            b.net.guard.welcome((HOST, 1), "101", 0.0)
        writers.append((await asyncio.open_connection(*at))[1])
        await b.until(lambda accepted=accepted: b.net.counters.accepted == accepted)  # type: ignore[misc]
        left.append(b.net.guard.left_of(HOST, 0.0))
    assert left == [7980.0, 7960.0, 7959.0, 7958.0]
    for writer in writers:
        writer.close()
