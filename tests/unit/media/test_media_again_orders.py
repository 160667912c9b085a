"""Whatever is told around the deaths of a worker: its successor has what one that never died would have."""

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
from msgspec import structs

from media import wire
from media.client import WorkerEngine
from media.connection import Connection
from media.engine import Keys, Lease, LegLost, MediaEvent, Part, RecordEnded, Remote, Spool, Tune
from media.ports import PortPool
from media.relay import Relay
from media.worker import Control, listen
from tests.support.examples import examples
from tests.unit.media.media_phone import free_ports

PAIRS = 8
ENDS_S = 0.1
TUNES = (
    Tune(("tone:440",), id=1),
    Tune((f"tone:440:{ENDS_S * 1000:.0f}",), id=2),
    Tune(("nothing",), id=3),
    Tune(("echo",), id=4),
    Tune(("tone:600",), over=True, id=5),
    Tune((f"tone:600:{ENDS_S * 1000:.0f}",), over=True, id=6),
)


class Inside:
    """A worker inside the test, on a clock of the test's, and the exchange's end of it."""

    def __init__(self, folder: Path, first: int) -> None:
        self.path = str(folder / "media.sock")
        self.first = first
        self.pid = 0
        self.ids = itertools.count(1)
        self.events: list[MediaEvent] = []
        self.worker: tuple[Relay, Control] | None = None
        self.client = WorkerEngine([self.path], on_event=self.events.append, lost_after_s=math.inf)
        self.end: Connection

    async def start(self, now: float) -> None:
        self.client.start()
        (self.end,) = self.client._workers
        await self.follow(now)
        self.client.adopt({})

    async def follow(self, now: float) -> None:
        listener = listen(self.path)
        listener.setblocking(False)
        control = Control(listener, path=self.path, index=0, address="127.0.0.1", block=PAIRS, orphan_s=math.inf)
        pool = PortPool("127.0.0.1", self.first, self.first + 2 * PAIRS - 1)
        control.relay = relay = Relay([pool], self.ids, control.tell)
        relay.watch(listener.fileno(), control)
        self.worker = relay, control
        self.pid += 1
        if self.end._retry is not None:
            self.end._retry.cancel()
        self.end.again_at = -math.inf
        self.end.connect()
        await self.settle(now)

    def kill(self) -> None:
        assert self.worker is not None
        relay, control = self.worker
        self.worker = None
        if control._link is not None:
            control._link.sock.close()
        control._listener.close()
        control.tell = lambda event: None  # type: ignore[method-assign]
        relay.on_event = control.tell
        relay.end()

    async def settle(self, now: float) -> None:
        """All that was told is carried out, and all that comes of it is heard."""
        for _ in range(4):
            self.end.flush()
            if self.worker is not None:
                relay, control = self.worker
                relay.tick(now)
                control.tick(now)
                while relay.poll(0):
                    pass
                control.flush()
            for _ in range(3):
                await asyncio.sleep(0)

    @property
    def relay(self) -> Relay:
        assert self.worker is not None
        return self.worker[0]


class Pair:
    """The one that dies and the one that does not, told the same; legs by their number in the test."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        first = free_ports(4 * PAIRS)
        self.mortal, self.other = Inside(folder / "mortal", first), Inside(folder / "other", first + 2 * PAIRS)
        self.both = self.mortal, self.other
        self.leases: list[tuple[Lease, Lease]] = []
        self.open: list[int] = []
        self.paused: dict[int, bool] = {}
        self.spools = itertools.count()
        self.current: dict[int, tuple[Spool, Spool]] = {}

    def tell(self, what: str, *legs: int, more: tuple[Any, ...] = ()) -> None:
        for which, each in enumerate(self.both):
            getattr(each.client, what)(*(self.leases[leg][which].leg for leg in legs), *more)

    async def do(self, folder: Path, what: str, one: int, two: int, flag: bool) -> None:
        if what in ("die", "return"):
            if (self.mortal.worker is not None) is (what == "die"):
                await (self.die() if what == "die" else self.back(folder))
            return
        if what == "pass":
            self.now += 1.5 if flag else 2 * ENDS_S
            return
        if what == "lease":
            if self.mortal.worker is not None:
                got = [each.client.lease() for each in self.both]
                if got[0] is not None and got[1] is not None:
                    self.leases.append((got[0], got[1]))
                    self.open.append(len(self.leases) - 1)
                else:  # ports rest in the one that did not die
                    for each, lease in zip(self.both, got, strict=True):
                        if lease is not None:
                            each.client.close(lease.leg)
            return
        if not self.open:
            return
        leg, other = self.open[one % len(self.open)], self.open[two % len(self.open)]
        match what:
            case "open":
                for which, each in enumerate(self.both):
                    each.client.open(self.leases[leg][which], float(two))
                self.tell("update", leg, more=(far(leg, send=flag),))
            case "update" if self.opened(leg):
                self.tell("update", leg, more=(far(two, send=flag), bool(one & 1)))
            case "bridge" if leg != other and self.opened(leg, other):
                self.tell("bridge", leg, other)
            case "mix" if self.opened(leg):
                for which, each in enumerate(self.both):
                    to = self.leases[other][which].leg if one & 1 and other != leg else -1
                    each.client.mix(self.leases[leg][which].leg, "ab"[two & 1], Part(flag, True, to))
            case "play" if self.opened(leg):
                self.tell("play", leg, more=(TUNES[two % len(TUNES)],))
            case "stop" if self.opened(leg):
                self.tell("stop", leg, more=(flag,))
            case "record" if self.opened(leg):
                self.record(folder, leg)
            case "pause" if leg in self.paused:
                self.paused[leg] = True
                for which, each in enumerate(self.both):
                    each.client.pause(self.leases[leg][which].leg, self.current[leg][which].path)
            case "close":
                self.open.remove(leg)
                self.paused.pop(leg, None)
                self.tell("close", leg)

    def record(self, folder: Path, leg: int) -> None:
        if leg not in self.current:
            number = next(self.spools)
            self.current[leg] = Spool(str(folder / f"{number}.mortal")), Spool(str(folder / f"{number}.other"))
        self.paused[leg] = False
        for which, each in enumerate(self.both):
            each.client.record(self.leases[leg][which].leg, self.current[leg][which])

    def opened(self, *legs: int) -> bool:
        return all(self.leases[leg][1].leg in self.known for leg in legs)

    @property
    def known(self) -> set[int]:
        return {leg for leg, each in self.other.client._legs.items() if each.remote is not None}

    async def die(self) -> None:
        for each in self.both:
            await each.settle(self.now)
        self.mortal.kill()
        await self.mortal.settle(self.now)

    async def back(self, folder: Path) -> None:
        self.mortal.events.clear()
        await self.mortal.follow(self.now)
        ended = [event for event in self.mortal.events if isinstance(event, RecordEnded)]
        for event in ended:
            (leg,) = (leg for leg, spools in self.current.items() if spools[0].path == event.path)
            assert not event.lasted_s, "nobody knows"
            again = Spool(str(folder / f"{next(self.spools)}.again"))
            self.current[leg] = again, self.current[leg][1]
            self.mortal.client.record(event.leg, again)
            if self.paused[leg]:
                self.mortal.client.pause(event.leg, again.path)

    async def compare(self) -> None:
        for each in self.both:
            await each.settle(self.now)
        if self.mortal.worker is not None:
            assert self.picture(0) == self.picture(1)
            assert not [event for event in self.mortal.events if isinstance(event, LegLost)]
            end, relay = self.mortal.end, self.mortal.relay
            held = {lease.leg for lease in (*end.fresh, *end.kept)}
            unopened = self.mortal.client._legs.keys() - relay.legs.keys()
            (pool,) = relay.pools
            assert pool.fresh.keys() == held | unopened, "no port that the worker has given and nobody has"

    def picture(self, which: int) -> dict[int, Any]:
        relay = self.both[which].relay
        number = {lease[which].leg: at for at, lease in enumerate(self.leases)}
        found = {}
        for leg in relay.legs.values():
            if leg.remote is None:
                continue  # one that nobody has opened yet may be open in another worker
            playing, seat = leg.playing, relay._rooms._legs.get(leg.id)
            part = seat[2] if seat is not None else None
            tap = relay._spools.tap(leg.id)
            found[number[leg.id]] = (
                leg.silence_s,
                leg.remote,
                number[leg.peer.id] if leg.peer is not None else None,
                leg.room,
                (part.speaks, part.hears, number.get(part.to)) if part is not None else None,
                playing.tune if playing is not None and playing.player is not None else None,
                playing.over_tune if playing is not None and playing.over is not None else None,
                leg.covered,
                sorted(each.on for each in tap.recordings.values()) if tap is not None else [],
            )
        return found


def far(number: int, *, send: bool) -> Remote:
    return Remote(
        address="127.0.0.1",
        port=9,
        rtcp_port=9,
        signalling="127.0.0.1",
        payloads=(0, 8, 100 + number),
        send=send,
    )


WHAT = (
    *("lease", "lease", "open", "open", "update", "bridge", "mix", "play", "stop", "record", "pause", "close"),
    *("die", "return", "return", "pass"),
)
STEPS = st.tuples(st.sampled_from(WHAT), st.integers(0, 5), st.integers(0, 5), st.booleans())
BEGUN = [("lease", 0, 0, False), ("open", 0, 3, True), ("lease", 0, 0, False), ("open", 1, 3, True)]


@examples(60)
@given(st.lists(STEPS, max_size=40))
def test_whatever_is_told_around_its_death_the_next_one_has_all_of_it(steps: list[tuple[str, int, int, bool]]) -> None:
    asyncio.run(told(steps))


def test_a_port_that_was_claimed_and_is_free_again_is_not_lost() -> None:
    """The range is so short that it is granted anew a second after the leg was closed."""
    more = [("lease", 0, 0, False), ("open", 2, 3, True), ("lease", 0, 0, False), ("open", 3, 3, True)]
    after = [("die", 0, 0, False), ("return", 0, 0, True), ("close", 0, 0, True), ("pass", 0, 0, True)]
    asyncio.run(told([*more, *after]))


async def alone(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Inside, Lease]:
    """One worker and an open leg."""
    inside = Inside(folder, free_ports(2 * PAIRS))
    patch.setattr("media.worker.os.getpid", lambda: inside.pid)
    await inside.start(100.0)
    lease = inside.client.lease()
    assert lease is not None
    inside.client.open(lease, 3.0)
    inside.client.update(lease.leg, far(0, send=True))
    await inside.settle(100.0)
    return inside, lease


async def test_what_was_told_before_the_worker_was_there_is_remembered_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exchange that is quicker than its worker's answer."""
    inside, lease = await alone(tmp_path, monkeypatch)
    inside.client.shut()
    inside.client = client = WorkerEngine([inside.path], on_event=inside.events.append, lost_after_s=math.inf)
    client.adopt({lease.leg: lease})
    client.open(lease, 4.0)
    client.update(lease.leg, far(1, send=True))
    client.play(lease.leg, TUNES[0])
    client.play(lease.leg, TUNES[4])
    client.record(lease.leg, Spool(str(tmp_path / "one")))
    client.start()
    (inside.end,) = client._workers
    await inside.settle(100.0)
    inside.kill()
    await inside.settle(100.0)
    await inside.follow(100.0)
    leg = inside.relay.legs[lease.leg]
    assert (leg.silence_s, leg.remote) == (4.0, far(1, send=True))
    assert leg.playing is not None
    assert (leg.playing.tune, leg.playing.over_tune) == (TUNES[0], TUNES[4])
    assert [event.path for event in inside.events if isinstance(event, RecordEnded)] == [str(tmp_path / "one")]
    client.shut()
    inside.kill()


async def test_a_successor_that_was_given_nothing_does_not_count_as_one_that_dies_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, lease = await alone(tmp_path, monkeypatch)
    keys = Keys("AES_CM_128_HMAC_SHA1_80", b"s" * 30, b"r" * 30)
    inside.client.update(lease.leg, structs.replace(far(0, send=True), keys=keys))
    inside.kill()
    await inside.settle(100.0)
    await inside.follow(100.0)
    assert LegLost(lease.leg) in inside.events
    assert inside.end.again_at == -math.inf
    inside.client.shut()
    inside.kill()


async def test_what_is_told_while_the_new_worker_introduces_itself_comes_after_its_legs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be of a leg that it does not have yet, and the leg lost."""
    inside, lease = await alone(tmp_path, monkeypatch)
    inside.kill()
    await inside.settle(100.0)
    inside.end._take(wire.Hello(wire.VERSION, 0, 99, "127.0.0.1"))
    inside.client.play(lease.leg, TUNES[0])
    inside.end._take(wire.Synced())
    commands = [command for packet in inside.end._queue for command in wire.decode_commands(packet)]
    assert [type(command) for command in commands] == [wire.Reopen, wire.Update, wire.Play]
    inside.client.shut()


async def told(steps: list[tuple[str, int, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        pair = Pair(folder)
        patch.setattr("media.worker.os.getpid", lambda: max(each.pid for each in pair.both))
        try:
            for each in pair.both:
                Path(each.path).parent.mkdir()
                await each.start(pair.now)
            for what, one, two, flag in [*BEGUN, *steps, ("return", 0, 0, False)]:
                await pair.do(folder, what, one, two, flag)
                if flag:
                    await pair.compare()
            await pair.compare()
        finally:
            for each in pair.both:
                each.client.shut()
                if each.worker is not None:
                    each.kill()
