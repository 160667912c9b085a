"""Names of carriers: asked for all at once, never waited for long, and what was known once holds."""

from __future__ import annotations

import asyncio
import time

from config.compiled import HostSettings, TrunkSettings
from switch.carriers import Carriers
from switch.net.targets import Group, Target, UnresolvedError, Wish
from switch.trunk_hosts import TrunkHost

HERE = {"sip.one.example": ("192.0.2.1", "192.0.2.2"), "sip.two.example": ("192.0.2.3",)}


def trunk(name: str, *hosts: str, sources: tuple[str, ...] = ()) -> TrunkSettings:
    written = tuple(HostSettings(host=host, priority=number) for number, host in enumerate(hosts))
    return TrunkSettings(id=name, hosts=written, domain=hosts[0], sources=sources)


def addresses(found: TrunkHost) -> list[str]:
    return [target.address for target in found.targets]


class NameServer:
    def __init__(self) -> None:
        self.answers = dict(HERE)
        self.hangs = False
        self.asked: list[str] = []

    async def __call__(self, wish: Wish) -> tuple[Group, ...]:
        self.asked.append(wish.host)
        if self.hangs:
            await asyncio.sleep(60)
        if wish.host not in self.answers:
            raise UnresolvedError(wish, "no such name")
        return (Group(0, 0, tuple(Target("udp", each, 5060, wish.host) for each in self.answers[wish.host])),)


ONE, TWO = trunk("one", "sip.one.example"), trunk("two", "sip.two.example", sources=("198.51.100.9:5062",))


async def test_names_become_addresses_and_sources() -> None:
    server = NameServer()
    carriers = Carriers(server)
    found = await carriers.find((ONE, TWO))
    assert addresses(found["one"]) == ["192.0.2.1", "192.0.2.2"]
    assert found["one"].sources == ("192.0.2.1", "192.0.2.2")
    assert (addresses(found["two"]), found["two"].sources) == (["192.0.2.3"], ("198.51.100.9:5062",))
    assert sorted(server.asked) == sorted(HERE)
    assert not carriers.unknown


async def test_all_addresses_of_all_hosts_are_its_sources_and_its_targets() -> None:
    """IDN-3."""
    both = trunk("both", "sip.two.example", "sip.one.example")
    found = (await Carriers(NameServer()).find((both,)))["both"]
    assert found.sources == ("192.0.2.3", "192.0.2.1", "192.0.2.2")
    assert addresses(found) == ["192.0.2.3", "192.0.2.1", "192.0.2.2"]


async def test_a_host_that_is_not_found_does_not_take_the_others_along() -> None:
    carriers = Carriers(NameServer())
    found = (await carriers.find((trunk("both", "sip.none.example", "sip.one.example"),)))["both"]
    assert addresses(found) == ["192.0.2.1", "192.0.2.2"]
    assert not carriers.unknown


async def test_a_name_server_that_hangs_holds_nobody_up_and_takes_nothing_away() -> None:
    server = NameServer()
    carriers = Carriers(server, wait_s=0.05)
    server.hangs = True
    began = time.monotonic()
    found = await carriers.find((ONE, TWO))
    assert time.monotonic() - began < 5
    assert (found["one"].places, found["one"].sources) == ((), ())
    assert carriers.unknown == {
        "one": "sip.one.example: the name server does not answer",
        "two": "sip.two.example: the name server does not answer",
    }
    waited = carriers.again_s
    server.hangs = False
    known = await carriers.find((ONE, TWO))
    assert not carriers.unknown
    assert waited < carriers.again_s, "who is not known yet is asked for sooner"
    server.hangs = True
    assert await carriers.find((ONE, TWO)) == known
    server.hangs = False
    server.answers.clear()
    assert await carriers.find((ONE, TWO)) == known


async def test_a_carrier_that_moved_is_found_and_one_that_went_is_forgotten() -> None:
    server = NameServer()
    carriers = Carriers(server)
    await carriers.find((ONE, TWO))
    server.answers = {"sip.one.example": ("192.0.2.77",)}
    assert (await carriers.find((ONE,)))["one"].sources == ("192.0.2.77",)
    assert not (await carriers.find((ONE, TWO)))["two"].places
    assert list(carriers.unknown) == ["two"]
