"""The resolver against a real name server on the loopback: cache, denial, truncation, silence, stale answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switch.net import resolver as module
from switch.net.resolver import Resolver
from switch.net.targets import UnresolvedError, Wish, order
from tests.support.name_server import NameServer, serving

ZONE = (
    'example.com. 60 NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.example.com.',
    "_sip._udp.example.com. 60 SRV 10 60 5060 one.example.com.",
    "_sip._udp.example.com. 60 SRV 20 0 5070 two.example.com.",
    "one.example.com. 60 A 192.0.2.1",
    "one.example.com. 60 AAAA 2001:db8::1",
    "two.example.com. 60 A 192.0.2.2",
    "short.example.com. 1 A 192.0.2.3",
    "long.example.com. 999999 A 192.0.2.4",
    "alias.example.com. 60 A 192.0.2.5",
)


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with serving(NameServer(*ZONE)) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def asking(server: NameServer, clock: Clock, tmp_path: Path) -> AsyncIterator[Resolver]:
    (tmp_path / "hosts").write_text(
        "127.0.0.1 localhost\n192.0.2.77 Told.example.com other # a note\n2001:db8::77 told.example.com\n"
    )
    made = Resolver(clock, lambda: 0.0, servers=("127.0.0.1",), port=server.port, hosts=tmp_path / "hosts")
    yield made
    await made.close()


def hosts(found: object) -> list[str]:
    return [f"{t.transport} {t.address} {t.port}" for t in found]  # type: ignore[attr-defined]


async def test_naptr_srv_and_both_families_over_the_wire(asking: Resolver) -> None:
    assert hosts(await asking.resolve("example.com")) == [
        "udp 192.0.2.1 5060", "udp 2001:db8::1 5060", "udp 192.0.2.2 5070",
    ]  # fmt: skip


async def test_answers_are_asked_for_once_while_they_hold_and_again_when_they_have_run_out(
    asking: Resolver, server: NameServer, clock: Clock
) -> None:
    await asyncio.gather(*(asking.resolve("one.example.com", 5060) for _ in range(5)))
    await asking.resolve("one.example.com", 5060)
    assert sorted(server.asked) == [("one.example.com.", "A", "udp"), ("one.example.com.", "AAAA", "udp")]
    clock.time += 59
    await asking.resolve("one.example.com", 5060)
    assert len(server.asked) == 2
    clock.time += 2
    server.zone.append("one.example.com. 60 A 192.0.2.9")
    assert "udp 192.0.2.9 5060" in hosts(await asking.resolve("one.example.com", 5060))
    assert len(server.asked) == 4


async def test_lives_are_bounded_on_both_sides(asking: Resolver, server: NameServer, clock: Clock) -> None:
    await asking.resolve("short.example.com", 5060)
    await asking.resolve("long.example.com", 5060)
    before = len(server.asked)
    clock.time += 4
    await asking.resolve("short.example.com", 5060)
    assert len(server.asked) == before, "a life of one second is five"
    clock.time += 3597
    await asking.resolve("long.example.com", 5060)
    assert ("long.example.com.", "A", "udp") in server.asked[before:], "a life of days is an hour"


async def test_rfc_2308_a_name_that_is_not_there_is_not_asked_for_again_at_once(
    asking: Resolver, server: NameServer, clock: Clock
) -> None:
    for _ in range(3):
        with pytest.raises(UnresolvedError, match="no address"):
            await asking.resolve("nowhere.example.com", 5060)
    assert len(server.asked) == 2
    server.zone.append("nowhere.example.com. 60 A 192.0.2.8")
    clock.time += 61
    assert hosts(await asking.resolve("nowhere.example.com", 5060)) == ["udp 192.0.2.8 5060"]


async def test_a_truncated_answer_is_asked_for_by_tcp(asking: Resolver, server: NameServer) -> None:
    server.cut = True
    assert hosts(await asking.resolve("two.example.com", 5060)) == ["udp 192.0.2.2 5060"]
    assert ("two.example.com.", "A", "tcp") in server.asked


async def test_a_server_that_fails_is_told_apart_from_a_name_that_is_not_there(
    asking: Resolver, server: NameServer
) -> None:
    server.broken = {"*"}
    with pytest.raises(UnresolvedError, match="does not answer"):
        await asking.resolve("two.example.com", 5060)
    server.broken = set()
    assert hosts(await asking.resolve("two.example.com", 5060)) == ["udp 192.0.2.2 5060"], "a failure is not kept"


async def test_a_server_that_stumbles_over_naptr_alone_does_no_harm(asking: Resolver, server: NameServer) -> None:
    server.broken = {"NAPTR"}
    assert hosts(await asking.resolve("example.com"))[0] == "udp 192.0.2.1 5060"


async def test_rfc_8767_old_answers_serve_while_the_name_server_is_away(
    asking: Resolver, server: NameServer, clock: Clock
) -> None:
    fresh = await asking.resolve("example.com")
    server.broken = {"*"}
    clock.time += 3600
    assert await asking.resolve("example.com") == fresh
    asked = len(server.asked)
    assert await asking.resolve("example.com") == fresh
    assert len(server.asked) == asked, "it is left alone for half a minute"
    clock.time += 2 * 86400
    with pytest.raises(UnresolvedError):
        await asking.resolve("example.com")


async def test_rfc_8767_a_name_that_has_gone_is_believed_though_the_old_answer_is_known(
    asking: Resolver, server: NameServer, clock: Clock
) -> None:
    await asking.resolve("two.example.com", 5060)
    server.zone = []
    clock.time += 61
    with pytest.raises(UnresolvedError, match="no address"):
        await asking.resolve("two.example.com", 5060)


async def test_silence_is_bounded(asking: Resolver, server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.1)
    server.silent = {"*"}
    with pytest.raises(UnresolvedError, match="does not answer"):
        await asking.resolve("two.example.com", 5060)


async def test_silence_with_an_old_answer_costs_a_moment(
    asking: Resolver, server: NameServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = await asking.resolve("two.example.com", 5060)
    clock.time += 61
    server.silent = {"*"}
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    assert await asking.resolve("two.example.com", 5060) == fresh


async def test_etc_hosts_stands_above_dns_and_nothing_else_is_asked(asking: Resolver, server: NameServer) -> None:
    assert hosts(await asking.resolve("told.example.com")) == ["udp 192.0.2.77 5060", "udp 2001:db8::77 5060"]
    assert hosts(await asking.resolve("other", 5070, "tcp")) == ["tcp 192.0.2.77 5070"]
    assert hosts(await asking.resolve("localhost", transport="tcp")) == ["tcp 127.0.0.1 5060"]
    assert not server.asked


async def test_a_number_needs_no_name_server(asking: Resolver, server: NameServer) -> None:
    assert hosts(await asking.resolve("[2001:db8::5]", secure=True)) == ["tls 2001:db8::5 5061"]
    assert not server.asked


async def test_what_is_known_can_be_had_at_once(asking: Resolver, server: NameServer, clock: Clock) -> None:
    wish = Wish("example.com")
    assert asking.known(wish) is None
    found = await asking.find(wish)
    assert asking.known(wish) == found
    clock.time += 3600
    assert asking.known(wish) == found, "also when it has run out"
    assert order(found, lambda: 0.0)[0].address == "192.0.2.1"


async def test_the_memory_is_bounded(asking: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES", 10)
    for number in range(20):
        with pytest.raises(UnresolvedError):
            await asking.resolve(f"n{number}.example.com", 5060)
    assert len(asking._known) <= 10
    assert not asking._asking
