"""An exchange hands its connections over to the next one, with what was read of them, and all that goes along: over the
real socket, as two processes do it."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from switch import handover
from switch.auth import Nonces
from switch.calls.letter import Begun, Letter, Rung
from switch.net.handing import Stream
from tests.support.sockets import OPTIONS, Side

HELLO = handover.Hello("2.0", 812, 3)


async def taken(path: Path) -> handover.Taken | None:
    return await asyncio.to_thread(handover.take, path, HELLO)


def passed_on(one: Side, other: Side) -> list[Stream]:
    """What `one` gives, `other` takes; the descriptors go their way as through a socket."""
    one.net.pause()
    given = one.net.give()
    for stream, sock in given:
        other.net.take(stream, socket.socket(fileno=os.dup(sock.fileno())))
    one.net.close()
    return [stream for stream, _ in given]


async def test_a_connection_goes_on_in_the_midst_of_a_message(sides: Callable[..., Side]) -> None:
    one, other = sides(), sides()
    reader, writer = await asyncio.open_connection(*one.tcp())
    writer.write(OPTIONS + OPTIONS[:40])
    await one.until(lambda: one.packets)
    writer.write(OPTIONS[40:60])
    await one.until(lambda: one.net.connections == 1)
    (stream,) = passed_on(one, other)
    assert OPTIONS[:40] in (stream.read, stream.read[:40])
    assert stream.whole and not stream.outbound
    writer.write(OPTIONS[60:] + OPTIONS)
    await other.until(lambda: len(other.packets) == 2)
    assert [data for data, _ in other.packets] == [OPTIONS, OPTIONS]
    flow = other.packets[0][1]
    assert flow.remote == one.packets[0][1].remote
    other.net.send(flow, b"SIP/2.0 200 OK\r\n\r\n")
    assert await reader.readexactly(18) == b"SIP/2.0 200 OK\r\n\r\n"
    assert not one.lost
    assert not other.lost
    writer.close()
    await other.until(lambda: other.lost)
    assert other.lost == [flow]


async def test_what_the_far_end_has_not_taken_goes_along(sides: Callable[..., Side]) -> None:
    one, other = sides(), sides()
    reader, writer = await asyncio.open_connection(*one.tcp(), limit=1 << 24)
    writer.write(OPTIONS)
    await one.until(lambda: one.packets)
    flow, sent = one.packets[0][1], 0
    while not (given := one.net._wire.table.get(flow)._out):
        one.net.send(flow, b"x" * 50_000)
        sent += 50_000
    left = sum(map(len, given))
    assert left
    (stream,) = passed_on(one, other)
    assert len(stream.unsent) == left
    assert len(await reader.readexactly(sent)) == sent
    writer.close()
    await other.until(lambda: other.lost)


async def test_a_connection_of_ours_is_found_again_and_one_that_is_being_made_is_not_given(
    sides: Callable[..., Side],
) -> None:
    one, other, far = sides(), sides(), sides()
    at = far.tcp()
    flow = one.net.flow_to("tcp", *at)
    one.net.send(flow, OPTIONS)
    await far.until(lambda: far.packets)
    one.net.flow_to("tcp", "192.0.2.1", 5060)
    (stream,) = passed_on(one, other)
    assert stream.outbound and stream.remote == at
    other.net.send(other.net.flow_to("tcp", *at), OPTIONS)
    await far.until(lambda: len(far.packets) == 2)
    assert far.packets[0][1] == far.packets[1][1], "over the same connection"


async def test_datagrams_wait_while_nobody_reads(sides: Callable[..., Side]) -> None:
    a, b, heir = sides(), sides(), sides()
    a.udp()
    at = b.udp()
    (udp,) = b.net._udp.values()
    kept = socket.socket(fileno=os.dup(udp.sock.fileno()))
    b.net.pause()
    flow = a.net.flow_to("udp", *at)
    for n in range(20):
        a.net.send(flow, b"message number %04d, long enough" % n)
    await asyncio.sleep(0)
    b.net.close()
    heir.net.add_udp(kept)
    await heir.until(lambda: len(heir.packets) == 20)
    assert not b.packets


async def test_the_will_comes_as_it_was_written_with_every_descriptor(tmp_path: Path) -> None:
    pairs = [socket.socketpair() for _ in range(handover.BATCH + 3)]
    rung = Rung(1, b"INVITE", (b"From: \xff",), (), b"v=0", 69, True, b"key")
    letter = Letter(frozenset(("a", "b")), {"call": Begun(b"INVITE " * 100_000, rung=(rung,))})
    nonces = Nonces(b"k" * 32, 300.0, 100)
    streams = tuple(Stream(("192.0.2.1", 5060), ("192.0.2.9", n), read=b"half") for n in range(len(pairs)))
    will = handover.Will("1.0", 7, time.monotonic(), letter, nonces.kept(), streams)
    asked: list[handover.Hello] = []

    def give(hello: handover.Hello, to: socket.socket) -> None:
        asked.append(hello)
        handover.give(to, will, [near for near, _ in pairs])

    door = handover.Door(asyncio.get_running_loop(), give)
    path = tmp_path / "handover.sock"
    door.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = await taken(path)
    assert asked == [HELLO]
    assert found is not None
    assert found.will == will
    for number, (stream, sock) in enumerate(found.streams):
        assert stream.remote[1] == number
        sock.send(b"%d" % number)
        assert pairs[number][1].recv(10) == b"%d" % number
    assert 0 < handover.gap_ms(found.will) < 60_000
    for each in (*(sock for _, sock in found.streams), *(end for pair in pairs for end in pair)):
        each.close()
    door.close()


async def test_a_refusal_says_why_and_who_is_not_there_has_nothing_to_give(tmp_path: Path) -> None:
    path = tmp_path / "handover.sock"
    assert await taken(path) is None
    door = handover.Door(asyncio.get_running_loop(), lambda hello, to: handover.refuse(to, "not now"))
    door.open(path)
    with pytest.raises(handover.Refused, match="not now"):
        await taken(path)
    door.close()
    assert await taken(path) is None
    dies = handover.Door(asyncio.get_running_loop(), lambda hello, to: to.close())
    dies.open(path)
    assert await taken(path) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(path))
        stranger.send(b"rubbish")
        assert await asyncio.to_thread(stranger.recv, 10) == b""
    dies.close()


def test_a_nonce_goes_on_to_hold_and_is_used_once() -> None:
    one, other = Nonces(b"k" * 32, 300.0, 100), Nonces(b"x" * 32, 300.0, 100)
    nonce, unused = one.make(1.0, "192.0.2.9"), one.make(1.0, "192.0.2.9")
    assert one.use(one.stamp(nonce, "192.0.2.9"), 1, 2.0)
    other.take(one.kept())
    stamp = other.stamp(nonce, "192.0.2.9")
    assert stamp > 0
    assert not other.use(stamp, 1, 3.0), "nobody can say again what was said before"
    assert other.use(stamp, 2, 3.0)
    assert other.use(other.stamp(unused, "192.0.2.9"), 1, 3.0)
    assert other.make(1.0, "192.0.2.9") not in (nonce, unused)
