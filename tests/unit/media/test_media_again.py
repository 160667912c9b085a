"""A worker dies and another one takes its place: what its legs were doing goes on, at the same ports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from media import spool
from media.client import WorkerEngine
from media.engine import AS_BEFORE, Keys, LegLost, Part, PlayEnded, RecordEnded, Spool, Tune
from tests.unit.media.media_phone import Phone, measure, sine
from tests.unit.media.media_stage import WorkerStage, leg

PCMU = ((0, "PCMU/8000"),)


class Mortal(WorkerStage):
    """Workers that are killed, and as many that come after them."""

    def connect(self) -> WorkerEngine:
        client = WorkerEngine(self.paths, on_event=self.events.append, lost_after_s=30.0)
        client.start()
        return client

    def lost(self) -> set[LegLost]:
        return {event for event in self.events if isinstance(event, LegLost)}

    async def kill(self, number: int) -> None:
        self.workers[number].kill()
        await self.workers[number].wait()
        await self.until(lambda: not self.client.workers()[number][1])

    async def follow(self, number: int) -> None:
        self.workers[number] = await self.spawn(number)
        await self.until(lambda: self.client.workers()[number][1])
        await self.client.ready(30)

    async def die(self, number: int = 0) -> None:
        await self.kill(number)
        await self.follow(number)

    async def reach(self, first: Phone, second: Phone) -> None:
        """What the first one says comes to the second."""
        for _ in range(500):
            sent = first.say(b"x" * 160)
            await asyncio.sleep(0.02)
            if sent in second.heard():
                return
        raise AssertionError("nothing arrived")

    async def talk(self, first: Phone, second: Phone) -> None:
        await self.reach(first, second)
        await self.reach(second, first)


@contextlib.asynccontextmanager
async def mortals(folder: Path, count: int) -> AsyncIterator[Mortal]:
    stage = Mortal(count)
    await stage.start(folder)
    try:
        yield stage
    finally:
        stage.client.shut()
        for worker in stage.workers:
            with contextlib.suppress(ProcessLookupError):
                worker.terminate()
            await asyncio.wait_for(worker.wait(), 30)
        for phone in stage.phones:
            phone.hang_up()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Mortal]:
    async with mortals(tmp_path, 1) as made:
        yield made


async def test_two_talk_on_and_new_calls_get_other_ports(stage: Mortal) -> None:
    """Twelve legs, of which the new worker has granted the ports before it hears of them."""
    pairs = [await stage.call() for _ in range(6)]
    ports = {phone.lease.port for pair in pairs for phone in pair if phone.lease is not None}
    await stage.talk(*pairs[0])
    await stage.die()
    for first, second in pairs:
        await stage.talk(first, second)
    new = [lease for lease in (stage.client.lease() for _ in range(8)) if lease is not None]
    assert len(new) == 8
    assert ports.isdisjoint(lease.port for lease in new)
    third, fourth = await stage.call()
    await stage.talk(third, fourth)
    for first, second in pairs:
        stage.engine.close(leg(first))
        stage.engine.close(leg(second))
    await stage.until(lambda: stage.client.workers() == [(0, True, len(new) + 2)])
    assert not stage.lost()


async def test_what_was_told_while_nobody_was_there_holds(stage: Mortal) -> None:
    """A transfer and a hang-up in that second; and a lease that stands in a description, but was not opened yet."""
    first, second = await stage.call()
    third, gone = await stage.phone(ssrc=3), await stage.phone(ssrc=4)
    late = Phone(ssrc=5)
    late.lease = stage.client.lease()
    stage.phones.append(late)
    assert late.lease is not None
    await stage.kill(0)
    stage.engine.close(leg(second))
    stage.engine.close(leg(gone))
    stage.engine.bridge(leg(first), leg(third))
    await stage.follow(0)
    await stage.talk(first, third)
    stage.engine.open(late.lease, 0.0)
    stage.engine.update(late.lease.leg, late.remote())
    stage.engine.bridge(leg(third), late.lease.leg)
    await stage.talk(third, late)
    assert not stage.lost()


async def test_music_plays_on_and_what_has_ended_stays_over(stage: Mortal) -> None:
    held, told = await stage.phone(ssrc=1, codecs=PCMU), await stage.phone(ssrc=2, codecs=PCMU)
    stage.engine.play(leg(held), Tune(("tone:440",), loop=True))
    stage.engine.play(leg(told), Tune(("tone:900:100",), id=7))
    await stage.until(lambda: PlayEnded(leg(told), 7) in stage.events)
    stage.engine.play(leg(told), Tune(("tone:700:60000",), over=True, id=8))
    await stage.die()
    for phone, hertz in ((held, 440), (told, 700)):
        phone.heard()
        await asyncio.sleep(0.4)
        heard = [packet[12:] for packet in await stage.hears(phone, 10)]
        assert measure(heard[-10:])[0] == pytest.approx(hertz, abs=15)
    stage.engine.stop(leg(told), over=True)
    stage.engine.stop(leg(held))
    await stage.quiet()
    await asyncio.sleep(0.3)
    told.heard()
    await asyncio.sleep(0.3)
    assert told.heard() == [], "what had ended was played once more"


async def test_what_is_being_said_is_said_from_its_beginning(stage: Mortal) -> None:
    """Whoever waits for its end must hear of it."""
    phone = await stage.phone(codecs=PCMU)
    stage.engine.play(leg(phone), Tune(("tone:600:1500",), id=9))
    await stage.hears(phone, 5)
    await stage.die()
    await stage.until(lambda: PlayEnded(leg(phone), 9) in stage.events)


async def test_a_recording_ends_and_another_one_can_begin(stage: Mortal, tmp_path: Path) -> None:
    first, _ = await stage.call(codecs=PCMU)
    torn, over, next_ = (str(tmp_path / "spools" / f"{name}.spool") for name in ("torn", "over", "next"))
    stage.engine.record(leg(first), Spool(over))
    stage.engine.end_record(leg(first), over)
    await stage.until(lambda: any(isinstance(event, RecordEnded) for event in stage.events))
    stage.engine.record(leg(first), Spool(torn))
    for frame in sine(500, 50):
        first.say(frame)
        await asyncio.sleep(0.02)
    await stage.die()
    await stage.until(lambda: sum(isinstance(event, RecordEnded) for event in stage.events) == 2)
    ended = stage.events[-1]
    assert isinstance(ended, RecordEnded)
    assert (ended.leg, ended.path, ended.why) == (leg(first), torn, "closed")
    assert not ended.lasted_s, "nobody knows, and who asks for it looks into the file"
    stage.engine.record(leg(first), Spool(next_))
    for frame in sine(500, 40):
        first.say(frame)
        await asyncio.sleep(0.02)
    await stage.until(lambda: Path(next_).exists() and any(kind == spool.PACKET for kind, _, _ in spool.read(next_)))
    assert sum(kind == spool.PACKET for kind, _, _ in spool.read(torn)) > 10


async def test_encrypted_legs_are_lost_and_those_of_another_exchange_go_on(stage: Mortal) -> None:
    """Nobody knows how often the numbers of the encrypted ones have gone round, and what keys another exchange had."""
    keys = Keys("AES_CM_128_HMAC_SHA1_80", b"s" * 30, b"r" * 30)
    secret, older, plain, bare = [await stage.phone(ssrc=number) for number in range(1, 5)]
    stage.client.shut()
    stage.client = stage.engine = stage.connect()
    stage.engine.adopt({leg(phone): phone.lease for phone in stage.phones if phone.lease is not None})
    stage.engine.update(leg(secret), structs.replace(secret.remote(), keys=keys))  # before the worker is there
    stage.engine.update(leg(older), structs.replace(older.remote(), keys=AS_BEFORE), again=True)
    stage.engine.update(leg(plain), plain.remote(), again=True)
    stage.engine.play(leg(plain), Tune(("echo",)), again=True)
    await stage.client.ready(30)
    await stage.reach(plain, plain)
    await stage.die()
    await stage.until(lambda: len(stage.lost()) == 3)
    assert stage.lost() == {LegLost(leg(secret)), LegLost(leg(older)), LegLost(leg(bare))}
    await stage.reach(plain, plain)


async def test_a_worker_that_dies_again_at_once_takes_its_legs_along(stage: Mortal) -> None:
    """It may be a packet of theirs that kills it."""
    first, second = await stage.call()
    await stage.die()
    await stage.talk(first, second)
    third = await stage.phone(ssrc=3)
    await stage.die()
    await stage.until(lambda: len(stage.lost()) >= 3)
    assert stage.lost() == {LegLost(leg(phone)) for phone in (first, second, third)}
    fourth, fifth = await stage.call()
    await stage.talk(fourth, fifth)


async def test_ports_that_somebody_took_meanwhile_are_lost(stage: Mortal) -> None:
    first, second = await stage.call()
    assert first.lease is not None
    await stage.kill(0)
    thief = Phone()
    thief.rtp.close()
    thief.rtp = thief._socket(first.lease.port)
    stage.phones.append(thief)
    await stage.follow(0)
    await stage.until(lambda: LegLost(leg(first)) in stage.events)
    stage.engine.play(leg(second), Tune(("echo",)))
    await stage.reach(second, second)


@pytest.mark.parametrize("dies", [0, 1])
async def test_a_call_over_two_workers_and_a_room_go_on(dies: int, tmp_path: Path) -> None:
    async with mortals(tmp_path, 2) as stage:
        first, second = await stage.call()
        assert first.lease is not None
        assert second.lease is not None
        assert first.lease.worker != second.lease.worker
        members = [await stage.phone(ssrc=number, codecs=PCMU) for number in range(3, 6)]
        for member in members:
            stage.engine.mix(leg(member), "board", Part())
        await stage.talk(first, second)
        await stage.die(dies)
        await stage.talk(first, second)
        for speaker in members:
            others = [member for member in members if member is not speaker]
            for member in members:
                member.heard()
            heard: dict[int, list[bytes]] = {leg(other): [] for other in others}
            for frame in sine(800, 60):
                speaker.say(frame)
                await asyncio.sleep(0.02)
                for other in others:
                    heard[leg(other)] += other.heard()
            for packets in heard.values():
                hertz, level = measure([packet[12:] for packet in packets][-30:])
                assert hertz == pytest.approx(800, abs=15)
                assert level > -30
        assert not stage.lost()
        for phone in stage.phones:
            stage.engine.close(leg(phone))
        await stage.until(lambda: not stage.client._joints.inner and not stage.client._legs)


async def test_who_was_joined_over_two_workers_while_one_was_away_is_joined(tmp_path: Path) -> None:
    """There is no port for the cable in that second: an answer, or a conference, must not be silent for ever."""
    async with mortals(tmp_path, 2) as stage:
        phones = [await stage.phone(ssrc=number, codecs=PCMU) for number in range(1, 5)]
        await stage.kill(1)
        stage.engine.bridge(leg(phones[0]), leg(phones[1]))
        stage.engine.mix(leg(phones[2]), "board", Part())
        stage.engine.mix(leg(phones[3]), "board", Part())
        await stage.follow(1)
        await stage.talk(phones[0], phones[1])
        phones[3].heard()
        heard: list[bytes] = []
        for frame in sine(800, 60):
            phones[2].say(frame)
            await asyncio.sleep(0.02)
            heard += phones[3].heard()
        assert measure([packet[12:] for packet in heard][-30:])[0] == pytest.approx(800, abs=15)
        assert not stage.lost()
