"""Names of carriers: asked for all at once, never waited for long, and what was known once holds."""

from __future__ import annotations

import asyncio
import time

from config.compiled import HostSettings, TrunkSettings
from switch.carriers import Carriers

HERE = {"sip.one.example": ("192.0.2.1", "192.0.2.2"), "sip.two.example": ("192.0.2.3",)}


def trunk(name: str, host: str, sources: tuple[str, ...] = ()) -> TrunkSettings:
    return TrunkSettings(id=name, hosts=(HostSettings(host=host),), domain=host, sources=sources)


class NameServer:
    def __init__(self) -> None:
        self.answers = dict(HERE)
        self.hangs = False
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> tuple[str, ...]:
        self.asked.append(host)
        if self.hangs:
            await asyncio.sleep(60)
        if host not in self.answers:
            raise OSError("no such name")
        return self.answers[host]


ONE, TWO = trunk("one", "sip.one.example"), trunk("two", "sip.two.example", ("198.51.100.9:5062",))


async def test_names_become_addresses_and_sources() -> None:
    server = NameServer()
    carriers = Carriers(server)
    found = await carriers.find((ONE, TWO, trunk("three", "[2001:db8::7]"), trunk("four", "203.0.113.4")))
    assert (found["one"].host, found["one"].sources, found["one"].domain) == (
        "192.0.2.1", ("192.0.2.1", "192.0.2.2"), "sip.one.example",
    )  # fmt: skip
    assert (found["two"].host, found["two"].sources) == ("192.0.2.3", ("198.51.100.9:5062",))
    assert (found["three"].host, found["three"].sources) == ("2001:db8::7", ("2001:db8::7",))
    assert found["four"].host == "203.0.113.4"
    assert sorted(server.asked) == sorted(HERE)
    assert not carriers.unknown


async def test_a_name_server_that_hangs_holds_nobody_up_and_takes_nothing_away() -> None:
    server = NameServer()
    carriers = Carriers(server, wait_s=0.05)
    server.hangs = True
    began = time.monotonic()
    found = await carriers.find((ONE, TWO))
    assert time.monotonic() - began < 0.5
    assert (found["one"].host, found["one"].sources) == ("sip.one.example", ())
    assert set(carriers.unknown) == {"one", "two"}
    server.hangs = False
    known = await carriers.find((ONE, TWO))
    assert not carriers.unknown
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
    assert (await carriers.find((ONE, TWO)))["two"].host == "sip.two.example"
    assert carriers.unknown == ("two",)
