"""Overload: what begins is refused, what goes on is served, by how long packets have waited."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from switch.clock import VirtualClock
from switch.net.guard import Limits
from switch.net.overload import DROP, EPISODE_S, SERVE, STALE_S, Overload
from switch.net.transports import Transports
from switch.sip.flow import Flow

FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.7", 5060))
STRANGER = Flow("udp", ("192.0.2.1", 5060), ("203.0.113.7", 5060))


def message(method: str, user: str = "102", call: str = "c1", to: str = "", branch: str = "a") -> bytes:
    return (
        f"{method} sip:{user}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK{branch};rport\r\n"
        f"From: <sip:a@example.com>;tag=1\r\nTo: <sip:{user}@example.com>{to}\r\nCall-ID: {call}\r\n"
        f"CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def overloaded() -> tuple[Overload, list[tuple[str, dict[str, Any]]]]:
    load, told = Overload(), []
    load.tell = lambda event, **fields: told.append((event, fields))
    load.knows = lambda host, now: host == "192.0.2.7"
    load.urgent = lambda dialled: dialled == "911"
    load.full()
    load.waits("socket", 0.25, 100.0)
    assert load.refusing
    return load, told


def test_calls_are_refused_from_200_ms_until_the_queue_is_half_as_long() -> None:
    load = Overload()
    load.full()
    for waited, refusing in ((0.1, False), (0.2, False), (0.21, True), (0.15, True), (0.1, False), (0.15, False)):
        load.waits("socket", waited, 100.0)
        assert load.refusing is refusing, waited


def test_every_queue_must_be_short_again() -> None:
    load, _ = overloaded()
    load.waits("another", 0.3, 100.0)
    load.drained("socket", 100.1)
    assert load.refusing
    assert load.watching
    load.drained("another", 100.2)
    assert not load.refusing
    assert not load.watching


def test_a_pause_is_no_overload() -> None:
    load = Overload()
    load.waits("socket", 1.5, 100.0)
    assert not load.refusing


def test_a_late_loop_is_overload_when_it_is_so_again() -> None:
    load = Overload()
    load.lags(0.5, 100.0)
    assert not load.refusing
    load.lags(0.0, 100.3)
    load.lags(0.5, 101.0)
    assert not load.refusing
    load.lags(0.4, 101.5)
    assert load.refusing
    load.lags(0.01, 101.8)
    assert not load.refusing


def test_what_would_begin_is_refused_and_what_goes_on_is_served() -> None:
    load, _ = overloaded()
    refused = load.verdict(message("INVITE"), FLOW, 100.0)
    assert refused is not None
    assert refused[0].startswith(b"SIP/2.0 503 ")
    assert b"\r\nRetry-After: " in refused[0]
    assert load.verdict(message("REGISTER"), STRANGER, 100.0) not in (SERVE, DROP)
    for data, flow in (
        (message("INVITE", to=";tag=b"), FLOW),
        (message("BYE", to=";tag=b"), STRANGER),
        (message("CANCEL"), STRANGER),
        (message("ACK", to=";tag=b"), STRANGER),
        (message("REGISTER"), FLOW),
        (b"SIP/2.0 200 OK\r\n\r\n", STRANGER),
        (message("INVITE", "911"), STRANGER),
    ):
        assert load.verdict(data, flow, 100.0) is SERVE, data
    assert load.refused == 2


def test_a_copy_of_a_call_that_is_being_served_is_not_refused() -> None:
    load, _ = overloaded()
    load.is_copy = lambda data, flow: data == message("INVITE", call="c2")
    assert load.verdict(message("INVITE", call="c2"), FLOW, 100.0) is SERVE


def test_a_copy_that_was_under_way_with_the_first_is_dropped_and_a_later_one_answered_again() -> None:
    load, _ = overloaded()
    first = load.verdict(message("INVITE"), FLOW, 100.0, 1.5)
    assert load.verdict(message("INVITE"), FLOW, 100.4, 1.0) == DROP
    assert load.verdict(message("INVITE"), FLOW, 100.6, 0.3) == first


def test_who_has_given_up_gets_no_answer() -> None:
    load, _ = overloaded()
    for method in ("INVITE", "REGISTER", "OPTIONS"):
        assert load.verdict(message(method, "911"), FLOW, 100.0, STALE_S + 1) == DROP
    assert load.verdict(message("BYE", to=";tag=b"), FLOW, 100.0, STALE_S + 1) is SERVE


def test_the_log_has_a_line_at_the_begin_and_one_at_the_end() -> None:
    load, told = overloaded()
    load.verdict(message("INVITE"), FLOW, 100.0)
    load.waits("socket", 0.0, 100.5)
    load.waits("socket", 0.3, 101.0)
    load.waits("socket", 0.0, 102.0)
    load.sweep(102.0 + EPISODE_S / 2)
    assert len(told) == 1
    assert load.lasts_s(104.0) == 4.0
    load.sweep(102.0 + EPISODE_S)
    assert told[1] == ("overload is over", {"lasted_s": 2.0, "refused": 1})
    assert (load.episodes, load.lasts_s(200.0)) == (1, None)


async def test_a_socket_that_cannot_be_drained_at_one_go_refuses_what_has_waited() -> None:
    """Real datagrams and the kernel's own time stamps; every wait counts as too long here."""
    served: list[bytes] = []
    clock = VirtualClock()
    net = Transports(
        asyncio.get_running_loop(),
        clock.timers,
        clock.now,
        lambda data, flow, now: served.append(data),
        lambda flow: None,
        limits=Limits(batch=4),
    )
    net.load.begin_s = net.load.end_s = 0.0
    net.load.urgent = lambda dialled: dialled == "911"
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    address = net.add_udp(sock)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.setblocking(False)
        sent = [message("INVITE", call=f"c{n}", branch=str(n)) for n in range(12)]
        sent += [
            message("INVITE", "911", "sos"),
            message("BYE", to=";tag=b"),
            message("INVITE", call="c11", branch="11"),
        ]
        for data in sent:
            phone.sendto(data, address)
        async with asyncio.timeout(30):
            while net.counters.datagrams_in < len(sent) or net.load.refusing:
                await asyncio.sleep(0.001)
            answers = [await asyncio.get_running_loop().sock_recv(phone, 4096) for _ in range(8)]
        assert served == [*sent[:4], sent[12], sent[13]]
        assert {answer[:11] for answer in answers} == {b"SIP/2.0 503"}
        assert (net.load.refused, net.load.dropped) == (8, 1)
        assert not net.load.watching
    net.close()
