"""Two workers of which now one dies and now the other: their successors, and the cables between them, are such that
each hears whom he would hear in a single worker that never died."""

from __future__ import annotations

import asyncio
import itertools
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.client import WorkerEngine
from media.engine import Lease, LegLost, MediaEvent, Part, Remote, Tune
from media.leg import Leg
from media.ports import PortPool
from media.relay import Relay
from media.worker import Control, listen
from tests.support.examples import examples
from tests.unit.media.media_phone import free_ports

PAIRS = 24
PHONES = 4
MUSIC = Tune(("tone:440",), loop=True, id=1)
BEEP = Tune(("tone:600",), over=True, id=2)
pids = itertools.count(1)


class House:
    """An engine over `count` workers inside the test. Each gives its ports again at once."""

    def __init__(self, folder: Path, first: int, count: int) -> None:
        folder.mkdir()
        self.paths = [str(folder / f"{number}.sock") for number in range(count)]
        self.firsts = [first + 2 * PAIRS * number for number in range(count)]
        self.ids = itertools.count(1)
        self.events: list[MediaEvent] = []
        self.workers: list[tuple[Relay, Control] | None] = [None] * count
        self.client = WorkerEngine(self.paths, on_event=self.events.append, lost_after_s=math.inf)
        self.leases: list[Lease] = []

    async def start(self) -> None:
        self.client.start()
        for number in range(len(self.paths)):
            await self.follow(number)
        self.client.adopt({})
        for number in range(PHONES):
            near = [worker for worker in self.client._workers if worker.index == number % len(self.paths)]
            lease = self.client._lease(near[0], False)
            assert lease is not None
            self.leases.append(lease)
            self.client.open(lease, 0.0)
            self.client.update(lease.leg, far(number))
        await self.settle()

    async def follow(self, number: int) -> None:
        listener = listen(self.paths[number])
        listener.setblocking(False)
        control = Control(
            listener, path=self.paths[number], index=number, address="127.0.0.1", block=PAIRS, orphan_s=math.inf
        )
        first = self.firsts[number]
        pool = PortPool("127.0.0.1", first, first + 2 * PAIRS - 1, rest_s=0.0)
        control.relay = relay = Relay([pool], self.ids, control.tell, index=number)
        relay.watch(listener.fileno(), control)
        self.workers[number] = relay, control
        end = self.client._workers[number]
        if end._retry is not None:
            end._retry.cancel()
        end.again_at = -math.inf
        next(pids)
        end.connect()
        await self.settle()

    async def kill(self, number: int) -> None:
        found = self.workers[number]
        if found is not None:
            await self.settle()
            relay, control = found
            self.workers[number] = None
            if control._link is not None:
                control._link.sock.close()
            control._listener.close()
            relay.on_event = lambda event: None
            relay.end()
            await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            for end in self.client._workers:
                end.flush()
            for each in self.workers:
                if each is not None:
                    relay, control = each
                    control._next_check = 0.0
                    relay.tick(100.0)
                    control.tick(100.0)
                    while relay.poll(0):
                        pass
                    control.flush()
            for _ in range(3):
                await asyncio.sleep(0)

    @property
    def relays(self) -> list[Relay]:
        return [each[0] for each in self.workers if each is not None]

    @property
    def whole(self) -> bool:
        return all(self.workers)

    def picture(self) -> list[Any]:
        """What each telephone hears, and from whom."""
        legs = {leg.id: leg for relay in self.relays for leg in relay.legs.values()}
        ports = {leg.pair.port: leg for leg in legs.values()}
        phones = {lease.leg: number for number, lease in enumerate(self.leases)}

        def across(leg: Leg) -> Leg:
            """The other end of a cable."""
            assert leg.remote is not None
            other = ports[leg.remote.port]
            assert other.remote is not None
            assert other.remote.port == leg.pair.port
            return other

        def owner(number: int) -> int:
            """The telephone that a leg stands for."""
            if number in phones or number not in legs:
                return phones.get(number, -1)
            peer = across(legs[number]).peer
            return phones[peer.id] if peer is not None else -1

        def seat(leg: Leg) -> tuple[Any, ...]:
            relay = next(relay for relay in self.relays if leg.id in relay.legs)
            if leg.room:
                part = relay._rooms._legs[leg.id][2]
                to = owner(part.to)
                there = to >= 0 and room(to) == leg.room
                return leg.room, part.speaks, part.hears, to if there else -1
            return ("with", phones[leg.peer.id]) if leg.peer is not None else ()

        def end(number: int) -> Leg:
            leg = legs[self.leases[number].leg]
            peer = leg.peer
            return across(peer) if peer is not None and peer.id not in phones else leg

        def room(number: int) -> str:
            return end(number).room

        found: list[Any] = []
        used = set()
        for number, lease in enumerate(self.leases):
            leg, last = legs[lease.leg], end(number)
            playing = leg.playing
            used |= {leg.id, last.id} | ({leg.peer.id} if leg.peer is not None else set())
            tune = playing.tune if playing is not None else None
            over = playing.over_tune if playing is not None else None
            found.append((leg.remote, seat(last), tune, over))
        assert legs.keys() == used, "no cable without a use"
        return found


def far(number: int) -> Remote:
    return Remote(address="127.0.0.1", port=9, rtcp_port=9, signalling="127.0.0.1", payloads=(0, 8, 100 + number))


LEGS = st.integers(0, PHONES - 1)
STEPS = st.one_of(
    st.tuples(st.just("bridge"), LEGS, LEGS, st.booleans()),
    st.tuples(st.just("mix"), LEGS, LEGS, st.booleans()),
    st.tuples(st.sampled_from(("play", "over", "stop", "update")), LEGS, LEGS, st.booleans()),
    st.tuples(st.sampled_from(("die", "return")), st.integers(0, 1), st.just(0), st.booleans()),
)


def do(house: House, what: str, one: int, two: int, flag: bool) -> None:
    client, leg, other = house.client, house.leases[one].leg, house.leases[two].leg
    match what:
        case "bridge" if one != two:
            client.bridge(leg, other)
        case "mix":
            client.mix(leg, "ab"[flag], Part(flag, True, other if one != two else -1))
        case "play":
            client.play(leg, MUSIC)
        case "over":
            client.play(leg, BEEP)
        case "stop":
            client.stop(leg, flag)
        case "update":
            client.update(leg, far(two))


@examples(40)
@given(st.lists(STEPS, max_size=25))
def test_each_hears_whom_he_would_hear_had_nobody_died(steps: list[tuple[str, int, int, bool]]) -> None:
    asyncio.run(told(steps))


def test_who_waited_for_a_cable_and_gave_up_is_not_where_he_was_before() -> None:
    was = [("mix", 0, 0, False), ("mix", 2, 2, False), ("die", 0, 0, False)]
    asyncio.run(told([*was, ("bridge", 0, 1, False), ("bridge", 1, 3, False)]))


async def told(steps: list[tuple[str, int, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("media.worker.os.getpid", lambda: next(pids))
        first = free_ports(6 * PAIRS)
        two, single = House(Path(name) / "two", first, 2), House(Path(name) / "single", first + 4 * PAIRS, 1)
        try:
            for house in (two, single):
                await house.start()
            for what, one, other, flag in [*steps, ("return", 0, 0, True), ("return", 1, 0, True)]:
                if what == "die":
                    await two.kill(one)
                elif what == "return":
                    if two.workers[one] is None:
                        await two.follow(one)
                else:
                    for house in (two, single):
                        do(house, what, one, other, flag)
                if flag and two.whole:
                    for house in (two, single):
                        await house.settle()
                    assert two.picture() == single.picture()
                    assert not [event for event in two.events if isinstance(event, LegLost)]
        finally:
            for house in (two, single):
                house.client.shut()
                for number in range(len(house.paths)):
                    await house.kill(number)
