"""Real sockets on the loopback: what comes out of them, and what happens to peers that do not behave."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable

import pytest

from switch.clock import LoopClock
from switch.net import stun
from switch.net.guard import Limits
from switch.net.reachability import Reach
from switch.sip.flow import Flow
from tests.support.sockets import HOST, OPTIONS, Side


async def client(address: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*address)


# -- UDP ------------------------------------------------------------------------------------------------------------


async def test_datagrams_come_with_their_flow_and_answers_go_back(sides: Callable[..., Side]) -> None:
    a, b = sides(), sides()
    at_a, at_b = a.udp(), b.udp()
    b.on_packet = lambda data, flow: b.net.send(flow, b"answer to " + data)
    flow = a.net.flow_to("udp", *at_b)
    assert flow == Flow("udp", at_a, at_b)
    for n in range(200):
        a.net.send(flow, b"message number %04d, long enough" % n)
    await a.until(lambda: len(a.packets) == 200)
    assert {flow for _, flow in b.packets} == {Flow("udp", at_b, at_a)}
    assert [data for data, _ in a.packets] == [b"answer to " + data for data, _ in b.packets]
    assert b.packets[0][1] is b.packets[-1][1]


async def test_keep_alives_and_junk_are_not_passed_on(sides: Callable[..., Side]) -> None:
    a, b = sides(), sides(Limits(datagram=1000))
    a.udp()
    flow = a.net.flow_to("udp", *b.udp())
    for data in (b"\r\n\r\n", b"\r\n", b"\0", b"", b"junk", b"x" * 1001, b"x" * 1000):
        a.net.send(flow, data)
    await b.until(lambda: b.packets)
    assert [len(data) for data, _ in b.packets] == [1000]
    counters = b.net.counters
    assert (counters.keepalives, counters.unread, counters.oversize) == (4, 1, 1)
    # The pong to the ping; too short to be passed on itself.
    await a.until(lambda: a.net.counters.keepalives == 1)
    assert counters.datagrams_out == 1


async def test_a_stun_question_is_answered_at_the_sip_port(sides: Callable[..., Side]) -> None:
    """RFC 5626 section 3.5.2. What only looks like it goes the way of all junk, and strangers are not told."""
    a, b = sides(), sides()
    at_a, at_b = a.udp(), b.udp()
    flow = a.net.flow_to("udp", *at_b)
    a.net.send(flow, stun.request(b"twelve bytes"))
    await a.until(lambda: a.packets)
    assert stun.mapped(a.packets[0][0], b"twelve bytes") == at_a
    assert not b.packets
    a.net.send(flow, bytes(30))
    await b.until(lambda: b.packets)
    b.net.guard.hidden = True
    a.net.send(flow, stun.request(b"twelve bytes"))
    a.net.send(flow, OPTIONS)
    await b.until(lambda: len(b.packets) == 2)
    assert b.net.counters.datagrams_out == 1


async def test_a_flood_from_one_source_is_cut_off(sides: Callable[..., Side]) -> None:
    a, b = sides(), sides(Limits(rate_per_s=1, burst=5))
    a.udp()
    flow = a.net.flow_to("udp", *b.udp())
    for _ in range(20):
        a.net.send(flow, OPTIONS)
    await b.until(lambda: b.net.counters.datagrams_in == 20)
    assert len(b.packets) == 5
    assert b.net.guard.refused == 15


async def test_a_datagram_that_cannot_be_sent_loses_its_flow(sides: Callable[..., Side]) -> None:
    a = sides()
    a.udp()
    flow = a.net.flow_to("udp", "127.0.0.1", 9)
    a.net.send(flow, b"x" * 70000)
    assert a.lost == []
    await a.until(lambda: a.lost)
    assert a.lost == [flow]
    assert a.net.counters.send_errors == 1


async def test_addresses_that_peers_are_told(sides: Callable[..., Side]) -> None:
    a = sides()
    everywhere, own, hidden = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
    everywhere.bind(("0.0.0.0", 0))
    own.bind((HOST, 0))
    hidden.bind((HOST, 0))
    at = [a.net.add_udp(everywhere), a.net.add_udp(own), a.net.add_udp(hidden, Reach("203.0.113.1"))]
    told = [a.net.advertised(Flow("udp", local, ("127.0.0.9", 5060))) for local in at]
    assert told == [("127.0.0.1", at[0][1]), at[1], ("203.0.113.1", at[2][1])]
    assert a.net.sent_by(Flow("udp", at[2], ("127.0.0.9", 5060))) == f"203.0.113.1:{at[2][1]}"
    listening = a.tcp()
    assert a.net.advertised(Flow("tcp", (HOST, 40000), (HOST, 5060), 1)) == listening


@pytest.mark.parametrize(
    ("transport", "host", "port"),
    [("udp", "example.com", 5060), ("udp", "::1", 5060), ("udp", HOST, 0), ("tls", HOST, 5061)],
)
async def test_flows_that_cannot_be(sides: Callable[..., Side], transport: str, host: str, port: int) -> None:
    a = sides()
    a.udp()
    with pytest.raises(ValueError):
        a.net.flow_to(transport, host, port)


async def test_ipv6(sides: Callable[..., Side]) -> None:
    a, b = sides(), sides()
    for side in (a, b):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        try:
            sock.bind(("::1", 0))
        except OSError:
            sock.close()
            pytest.skip("no IPv6 here")
        side.net.add_udp(sock)
    port = next(iter(b.net._udp))[1]
    flow = a.net.flow_to("udp", "[::1]", port)
    a.net.send(flow, OPTIONS)
    await b.until(lambda: b.packets)
    assert b.packets[0][1].remote == flow.local
    assert a.net.sent_by(flow) == f"[::1]:{flow.local[1]}"


# -- TCP ------------------------------------------------------------------------------------------------------------


async def test_a_connection_is_made_used_both_ways_and_reused(sides: Callable[..., Side]) -> None:
    a, b = sides(), sides()
    at_b = b.tcp()
    b.on_packet = lambda data, flow: b.net.send(flow, data)
    flow = a.net.flow_to("tcp", *at_b)
    assert a.net.flow_to("tcp", *at_b) == flow
    for _ in range(3):
        a.net.send(flow, OPTIONS)
    await a.until(lambda: len(a.packets) == 3)
    assert a.packets == [(OPTIONS, flow)] * 3
    seen = b.packets[0][1]
    assert (seen.local, seen.remote) == (at_b, flow.local)
    assert b.net.flow_to("tcp", *flow.local) == seen
    assert (a.net.counters.connected, b.net.counters.accepted) == (1, 1)
    # A flow that was written down before a restart has no number; it goes by its address.
    assert a.net.alive(Flow("tcp", flow.local, flow.remote))


async def test_messages_in_pieces_and_in_one(sides: Callable[..., Side]) -> None:
    b = sides()
    _, writer = await client(b.tcp())
    for at in range(0, len(OPTIONS), 20):
        writer.write(OPTIONS[at : at + 20])
        await writer.drain()
        await asyncio.sleep(0)
    writer.write(OPTIONS + OPTIONS)
    await b.until(lambda: len(b.packets) == 3)
    assert {data for data, _ in b.packets} == {OPTIONS}
    writer.close()
    await b.until(lambda: b.lost)
    assert b.lost == [b.packets[0][1]]
    assert not b.net.alive(b.lost[0])
    b.net.send(b.lost[0], b"SIP/2.0 200 Too Late")
    await b.until(lambda: len(b.lost) == 2)
    assert b.net.counters.no_flow == 1


async def test_a_request_outlives_its_connection(sides: Callable[..., Side]) -> None:
    """A BYE to a carrier over TCP that has closed an idle connection: the call there must not go on for ever."""
    a, b = sides(), sides()
    flow = a.net.flow_to("tcp", *b.tcp())
    a.net.send(flow, OPTIONS)
    await b.until(lambda: b.packets)
    b.net._wire.table.all()[0].close()
    await a.until(lambda: a.lost)
    a.net.send(flow, OPTIONS)
    a.net.send(flow, OPTIONS)
    await b.until(lambda: len(b.packets) == 3)
    assert (a.net.connections, a.net.counters.no_flow, len(a.lost)) == (1, 0, 1)
    # One that was written down before a restart, while another connection stands.
    a.net.send(Flow("tcp", flow.local, flow.remote), OPTIONS)
    await b.until(lambda: len(b.packets) == 4)
    assert a.net.connections == 1


async def test_a_request_over_a_connection_that_cannot_come_back_loses_its_flow(sides: Callable[..., Side]) -> None:
    b = sides()
    _, writer = await client(b.tcp())
    writer.write(OPTIONS)
    await b.until(lambda: b.packets)
    writer.close()
    await b.until(lambda: b.lost)
    (_, flow), *_ = b.packets
    b.net.send(flow, OPTIONS)
    await b.until(lambda: len(b.lost) == 2)
    assert b.lost == [flow, flow]


async def test_a_ping_gets_its_pong(sides: Callable[..., Side]) -> None:
    b = sides()
    reader, writer = await client(b.tcp())
    writer.write(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"\r\n"
    writer.close()


async def test_a_stream_that_cannot_be_cut_is_told_and_closed(sides: Callable[..., Side]) -> None:
    b = sides()
    reader, writer = await client(b.tcp())
    b.net._wire.on_unframed = lambda error, flow: (b._unframed(error, flow), b.net.send(flow, b"400"))
    writer.write(OPTIONS + OPTIONS.replace(b"Content-Length: 4", b"Content-Length: x"))
    assert await reader.read() == b"400"
    assert len(b.packets) == 1
    assert b.unframed[0].status == 400
    assert b.unframed[0].request is not None
    writer.close()


async def test_a_connection_to_nowhere_is_lost(sides: Callable[..., Side]) -> None:
    a = sides()
    probe = socket.socket()
    probe.bind((HOST, 0))
    flow = a.net.flow_to("tcp", HOST, probe.getsockname()[1])
    a.net.send(flow, OPTIONS)
    await a.until(lambda: a.lost)
    assert a.lost == [flow]
    assert a.net.counters.connect_errors == 1
    probe.close()


async def test_a_reset_loses_the_flow(sides: Callable[..., Side]) -> None:
    b = sides()
    peer = socket.create_connection(b.tcp())
    peer.sendall(OPTIONS)
    await b.until(lambda: b.packets)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    await b.until(lambda: b.lost)
    assert b.net.counters.recv_errors == 1


@pytest.mark.parametrize(
    ("sent", "after_s"), [(b"", 30), (b"OPTIONS sip:", 15), (OPTIONS + OPTIONS[:-1], 15), (OPTIONS, 4000)]
)
async def test_slow_and_silent_clients_are_closed(sides: Callable[..., Side], sent: bytes, after_s: float) -> None:
    b = sides()
    _, writer = await client(b.tcp())
    writer.write(sent)
    await b.until(lambda: b.net.connections)
    await b.until(
        lambda: not sent or any(c._seen == 0 and (len(c._framer) or b.packets) for c in b.net._wire.table.all())
    )
    b.clock.advance(after_s - 1)
    await asyncio.sleep(0)
    assert b.lost == []
    b.clock.advance(10)
    await b.until(lambda: b.lost)
    assert b.net.counters.timed_out == 1
    writer.close()


async def test_a_peer_that_does_not_read_loses_the_connection(sides: Callable[..., Side]) -> None:
    b = sides(Limits(out_buffer=100_000))
    peer = socket.create_connection(b.tcp())
    peer.sendall(OPTIONS)
    await b.until(lambda: b.packets)
    await b.overflow()
    peer.close()


async def test_what_waits_for_a_slow_peer_arrives_whole(sides: Callable[..., Side]) -> None:
    b = sides(Limits(out_buffer=1 << 24))
    reader, writer = await client(b.tcp())
    writer.write(OPTIONS)
    await b.until(lambda: b.packets)
    await b.send_much(reader)
    b.clock.advance(40)
    assert b.net.connections == 1
    writer.close()


async def test_connections_are_numbered_and_limited(sides: Callable[..., Side]) -> None:
    b = sides(Limits(connections_a_source=2))
    at = b.tcp()
    peers = [socket.create_connection(at) for _ in range(4)]
    await b.until(lambda: b.net.counters.connections_refused == 2)
    assert b.net.connections == 2
    peers[0].close()
    await b.until(lambda: b.net.connections == 1)
    peers.append(socket.create_connection(at))
    await b.until(lambda: b.net.connections == 2)
    for peer in peers:
        peer.close()


async def test_closing_in_the_middle_of_a_batch_is_safe(sides: Callable[..., Side]) -> None:
    a, b = sides(), sides()
    a.udp()
    flow = a.net.flow_to("udp", *b.udp())
    b.on_packet = lambda data, flow: b.net.close()
    for _ in range(5):
        a.net.send(flow, OPTIONS)
    await b.until(lambda: b.packets)
    assert len(b.packets) == 1


# -- the loop's clock -----------------------------------------------------------------------------------------------


async def test_the_loops_clock_fires_in_order_and_rearms() -> None:
    clock = LoopClock(asyncio.get_running_loop())
    fired: list[object] = []
    done = asyncio.Event()

    class Owner:
        def on_timer(self, what: object, now: float) -> None:
            assert now <= clock.now()
            fired.append(what)
            if what == 1:
                clock.timers.after(0.005, now, self, 2)
            if what == 3:
                done.set()

    owner, now = Owner(), clock.now()
    clock.timers.after(0.5, now, owner, 3)  # behind the second one, however long the first one is kept waiting
    clock.timers.after(0.001, now, owner, 1)
    clock.timers.start(now + 0.01, owner, "never").cancel()
    async with asyncio.timeout(30):
        await done.wait()
    assert fired == [1, 2, 3]
    assert clock.at().tzinfo is not None
    clock.timers.after(0.0, clock.now(), owner, "closed")
    clock.close()
    await asyncio.sleep(0.01)
    assert fired == [1, 2, 3]


async def test_packets_leave_by_a_socket_that_can_reach_their_target() -> None:
    side = Side()
    near = side.udp()
    wide = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wide.bind(("0.0.0.0", 0))
    far = side.net.add_udp(wide)
    try:
        assert side.net.flow_to("udp", "127.0.0.1", 5060).local == near
        assert side.net.flow_to("udp", "192.0.2.7", 5060).local == far
    finally:
        side.net.close()


async def test_a_loopback_target_is_reached_from_every_address() -> None:
    side = Side()
    wide = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wide.bind(("0.0.0.0", 0))
    far = side.net.add_udp(wide)
    try:
        assert side.net.flow_to("udp", "127.0.0.1", 5060).local == far
    finally:
        side.net.close()


# -- what arrives together ------------------------------------------------------------------------------------------


async def test_packets_that_arrive_together_share_a_beginning_and_an_end(sides: Callable[..., Side]) -> None:
    a, b = sides(), sides()
    told: list[str] = []
    b.net._wire.begins = lambda: told.append("(")
    b.net._wire.ends = lambda: told.append(")")
    b.on_packet = lambda data, flow: told.append("." if flow.transport == "udp" else ":")
    a.udp()
    host, port = b.udp()
    flow = a.net.flow_to("udp", host, port)
    for _ in range(3):
        a.net.send(flow, OPTIONS)
    await b.until(lambda: len(b.packets) == 3)
    host, port = b.tcp()
    a.net.send(a.net.flow_to("tcp", host, port), OPTIONS * 2)
    await b.until(lambda: len(b.packets) == 5)
    assert "".join(told) == "(...)(::)"


async def test_without_descriptors_a_connection_fails_alone_and_nothing_is_raised(
    sides: Callable[..., Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = sides(), sides()
    a.udp()
    a.tcp()
    at_b = b.udp()
    gone = Flow("tcp", (HOST, 5060), (HOST, 9), 77)
    near = a.net.flow_to("udp", *at_b)

    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("switch.net.streams.socket.socket", none_left)
        a.net.send(gone, OPTIONS)
        assert a.net.stream_for(near, f"sip:{HOST}:{at_b[1]}") is None, "UDP has to do"
        with pytest.raises(ValueError, match="Too many open files"):
            a.net.flow_to("tcp", HOST, 9)
    await a.until(lambda: a.lost)
    assert a.lost == [gone]


async def test_strangers_who_only_hold_connections_keep_nobody_out(sides: Callable[..., Side]) -> None:
    b = sides(Limits(connections=3))
    at = b.tcp()
    first = [await client(at) for _ in range(3)]
    await b.until(lambda: b.net.connections == 3)
    _, late = await client(at)
    assert await first[0][0].read() == b"", "the oldest gives way"
    assert (b.net.connections, b.net.counters.connections_refused) == (3, 0)
    b.net.guard.welcome((HOST, 1), "101", 0.0)
    reader, more = await client(at)
    assert await reader.read() == b"", "telephones that have signed in keep theirs"
    assert b.net.counters.connections_refused == 1
    for writer in (late, more, *(writer for _, writer in first)):
        writer.close()
