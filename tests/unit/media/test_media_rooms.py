"""Rooms over every engine: one in the process, a worker, and two workers over which the members are spread (CRD-6)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import numpy as np
import pytest

from media import g711
from media.engine import LegLost, Part, PlayEnded, Stats, Tune
from tests.unit.media.media_phone import Phone, sine
from tests.unit.media.media_stage import LocalStage, Stage, WorkerStage, leg, staged

HUMS = (400, 650, 1000, 1500, 2100)
"""What the telephones say, one each."""
ALAW = {"payloads": (8,), "telephone_event": None, "codec": "PCMA/8000", "payload": 8, "codecs": ((8, "PCMA/8000"),)}


class Meeting:
    """Telephones that hum; `hears` says of each what it has heard lately."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.phones: list[Phone] = []
        self.frames: dict[int, list[bytes]] = {}
        self.packets: dict[int, list[bytes]] = {}
        self.at = 0
        self.alaw: set[int] = set()

    async def come(self, count: int, alaw: Iterable[int] = ()) -> None:
        self.alaw |= set(alaw)
        for number in range(len(self.phones), len(self.phones) + count):
            remote = ALAW if number in self.alaw else {"codecs": ((0, "PCMU/8000"),)}
            phone = await self.stage.phone(ssrc=number + 1, **remote)
            self.phones.append(phone)
            self.frames[number] = sine(HUMS[number], 50, alaw=number in self.alaw)

    def enter(self, *numbers: int, room: str = "room", part: Part = Part()) -> None:
        for number in numbers:
            self.stage.engine.mix(leg(self.phones[number]), room, part)

    async def talk(self, frames: int = 30, silent: Iterable[int] = ()) -> None:
        """Everybody hums for so long; what was heard before is forgotten."""
        self.packets = {number: [] for number in range(len(self.phones))}
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for count in range(frames):
            for number, phone in enumerate(self.phones):
                if number not in set(silent):
                    phone.say(self.frames[number][self.at % 50], 8 if number in self.alaw else 0)
            self.at += 1
            if isinstance(self.stage, LocalStage):
                self.stage.now += 0.02
                self.stage.local.run(self.stage.now)
            else:
                await asyncio.sleep(max(0.0, begun + 0.02 * (count + 1) - loop.time()))
            for number, phone in enumerate(self.phones):
                self.packets[number] += phone.heard()

    async def hear(self, wanted: dict[int, dict[int, int]]) -> None:
        """Let them talk until each of these hears whom it is to hear, and nobody else; not for long."""
        for _ in range(8):
            await self.talk()
            heard = {number: self.hears(number) for number in wanted}
            if heard == wanted:
                return
        assert heard == wanted

    def hears(self, number: int, last: int = 16) -> dict[int, int]:
        """The peaks of the hums in the last frames that a telephone has heard, as numbers of telephones."""
        packets = self.packets[number][-last:]
        if len(packets) < last:
            return {}
        sound = np.array(g711.decode(b"".join(each[12:] for each in packets), number in self.alaw), float)
        times = np.arange(len(sound)) / 8000
        window = np.hanning(len(sound)) * 2
        peaks = {
            other: 2 * abs(np.mean(sound * window * np.exp(-2j * np.pi * hertz * times)))
            for other, hertz in enumerate(HUMS[: len(self.phones)])
        }
        return {other: round(peak / 1000) for other, peak in peaks.items() if peak > 400}


@pytest.fixture(params=["local", "workers"])
async def meeting(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Meeting]:
    async with staged(request.param, tmp_path) as stage:
        yield Meeting(stage)


@pytest.mark.parametrize("kind", ["local", "worker", "workers"])
async def test_each_hears_all_others_and_not_itself(kind: str, tmp_path: Path) -> None:
    async with staged(kind, tmp_path) as stage:
        await each_hears_all_others_and_not_itself(Meeting(stage))


async def each_hears_all_others_and_not_itself(meeting: Meeting) -> None:
    await meeting.come(4, alaw=[2])
    meeting.enter(0, 1, 2, 3)
    await meeting.hear({0: {1: 8, 2: 8, 3: 8}, 1: {0: 8, 2: 8, 3: 8}, 2: {0: 8, 1: 8, 3: 8}, 3: {0: 8, 1: 8, 2: 8}})


async def test_what_is_heard_is_one_even_stream(meeting: Meeting) -> None:
    """One SSRC; sequence and timestamp go up by one frame each, whoever comes, goes or is silent."""
    await meeting.come(3)
    meeting.enter(0, 1)
    await meeting.talk(10)
    heard = list(meeting.packets[0])
    meeting.enter(2)
    await meeting.talk(10, silent=[1])
    heard += meeting.packets[0]
    meeting.stage.engine.close(leg(meeting.phones[2]))
    await meeting.talk(10)
    heard += meeting.packets[0]
    assert len(heard) >= 25
    assert {packet[8:12] for packet in heard} == {heard[0][8:12]}
    numbers = [int.from_bytes(packet[2:4], "big") for packet in heard]
    assert [(b - a) & 0xFFFF for a, b in itertools.pairwise(numbers)] == [1] * (len(heard) - 1)
    stamps = [int.from_bytes(packet[4:8], "big") for packet in heard]
    assert {(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(stamps)} == {160}


async def test_muted_deaf_listening_and_whispering(meeting: Meeting) -> None:
    await meeting.come(4)
    meeting.enter(0)
    meeting.enter(1, part=Part(hears=False))
    meeting.enter(2, part=Part(speaks=False))  # listens in
    meeting.enter(3, part=Part(to=leg(meeting.phones[0])))  # whispers
    await meeting.hear({0: {1: 8, 3: 8}, 1: {}, 2: {0: 8, 1: 8}, 3: {0: 8, 1: 8}})
    meeting.enter(1)
    meeting.enter(3)  # barges in
    await meeting.hear({0: {1: 8, 3: 8}, 1: {0: 8, 3: 8}, 2: {0: 8, 1: 8, 3: 8}})


async def test_a_whisper_finds_who_comes_later(meeting: Meeting) -> None:
    await meeting.come(3)
    meeting.enter(0, part=Part(to=leg(meeting.phones[1])))
    meeting.enter(2, 1)
    await meeting.hear({1: {0: 8, 2: 8}, 2: {1: 8}})


async def test_rooms_do_not_hear_each_other(meeting: Meeting) -> None:
    await meeting.come(4)
    meeting.enter(0, 1, room="a")
    meeting.enter(2, 3, room="b")
    await meeting.hear({0: {1: 8}, 1: {0: 8}, 2: {3: 8}, 3: {2: 8}})
    meeting.enter(1, room="b")
    await meeting.hear({0: {}, 1: {2: 8, 3: 8}, 2: {1: 8, 3: 8}, 3: {1: 8, 2: 8}})


async def test_from_a_bridge_into_a_room_and_back(meeting: Meeting) -> None:
    """The fast path comes back with the pair: packets go as bytes again. No leg is lost on the way."""
    stage = meeting.stage
    await meeting.come(3)
    first, second, third = meeting.phones
    await stage.bridge(first, second)
    await meeting.talk(10)
    assert {packet[8:12] for packet in meeting.packets[0]} == {second.ssrc.to_bytes(4, "big")}
    meeting.enter(0, 1, 2)
    await meeting.hear({0: {1: 8, 2: 8}, 1: {0: 8, 2: 8}, 2: {0: 8, 1: 8}})
    stage.engine.close(leg(third))
    await stage.bridge(first, second)
    await meeting.talk(10)
    assert {packet[8:12] for packet in meeting.packets[1]} >= {first.ssrc.to_bytes(4, "big")}
    await meeting.talk(5)
    sent = first.say(b"as it is")
    assert sent in await stage.hears(second)
    assert not [event for event in stage.events if isinstance(event, LegLost)]


async def test_a_tune_takes_out_of_the_room_and_one_over_it_does_not(meeting: Meeting) -> None:
    await meeting.come(3)
    meeting.enter(0, 1, 2)
    await meeting.talk(10)
    meeting.stage.engine.play(leg(meeting.phones[0]), Tune(("tone:2100",)))
    # the tone is none of theirs
    await meeting.hear({1: {2: 8}, 0: {}})
    meeting.enter(0)
    await meeting.hear({0: {1: 8, 2: 8}, 1: {0: 8, 2: 8}})
    meeting.stage.engine.play(leg(meeting.phones[0]), Tune(("tone:2100:900",), over=True))
    # nor is the tone that it hears instead
    # the others hear it all the while
    await meeting.hear({0: {}, 1: {0: 8, 2: 8}})
    await meeting.hear({0: {1: 8, 2: 8}})
    assert PlayEnded(leg(meeting.phones[0])) in meeting.stage.events


async def test_who_holds_the_call_is_not_heard_and_hears_nothing(meeting: Meeting) -> None:
    """What a telephone that holds sends is music."""
    await meeting.come(3)
    meeting.enter(0, 1, 2)
    await meeting.talk(10)
    holder = meeting.phones[0]
    meeting.stage.engine.update(leg(holder), holder.remote(receive=False, codecs=((0, "PCMU/8000"),)))
    await meeting.hear({1: {2: 8}})
    await meeting.talk()
    assert not meeting.packets[0]


async def test_a_new_description_in_a_room_changes_what_is_sent(meeting: Meeting) -> None:
    await meeting.come(3)
    meeting.enter(0, 1, 2)
    await meeting.talk(10)
    meeting.stage.engine.update(leg(meeting.phones[1]), meeting.phones[1].remote(**ALAW))
    meeting.alaw.add(1)
    meeting.frames[1] = sine(HUMS[1], 50, alaw=True)
    await meeting.talk()
    assert {packet[1] & 0x7F for packet in meeting.packets[1][-20:]} == {8}
    assert meeting.hears(1) == {0: 8, 2: 8}
    assert meeting.hears(0) == {1: 8, 2: 8}


async def test_in_a_large_room_what_many_hear_alike_is_encoded_once(meeting: Meeting) -> None:
    """Eight who listen hear the same packets' payload, and whoever speaks does not hear itself."""
    await meeting.come(2)
    listeners = [await meeting.stage.phone(ssrc=number, codecs=((0, "PCMU/8000"),)) for number in range(10, 18)]
    for phone in listeners:
        meeting.stage.engine.mix(leg(phone), "room", Part(speaks=False))
    meeting.enter(0, 1)
    await meeting.hear({0: {1: 8}, 1: {0: 8}})
    heard = [[packet[12:] for packet in phone.heard()][-12:-2] for phone in listeners]
    meeting.packets[0] = [b"\0" * 12 + payload for payload in heard[0]]
    assert meeting.hears(0, last=10) == {0: 8, 1: 8}
    if isinstance(meeting.stage, LocalStage):
        assert heard == [heard[0]] * 8
        assert set(meeting.stage.local._relay._rooms._encoders) == {("room", "PCMU/8000")}
    for phone in (*meeting.phones, *listeners):
        meeting.stage.engine.stop(leg(phone))
    await meeting.stage.quiet()
    if isinstance(meeting.stage, LocalStage):
        assert not meeting.stage.local._relay._rooms._encoders


async def test_nothing_is_left_of_a_room(meeting: Meeting) -> None:
    stage = meeting.stage
    await meeting.come(4)
    meeting.enter(0, 1, 2, 3)
    await meeting.talk(5)
    for phone in meeting.phones:
        stage.engine.close(leg(phone))
    ours = {leg(phone) for phone in meeting.phones}
    await stage.until(lambda: ours <= {event.leg for event in stage.events if isinstance(event, Stats)})
    await stage.quiet()
    if isinstance(stage, WorkerStage):
        assert sum(count for _, _, count in stage.client.workers()) == 0
        assert not stage.client._joints._rooms and not stage.client._legs
        await stage.until(lambda: not stage.client._joints.inner)
    elif isinstance(stage, LocalStage):
        assert not stage.local._relay._ticking


async def test_the_exchange_restarts_and_tells_the_room_again(tmp_path: Path) -> None:
    async with staged("workers", tmp_path) as stage:
        assert isinstance(stage, WorkerStage)
        meeting = Meeting(stage)
        await meeting.come(4)
        meeting.enter(0, 1, 2, 3)
        await meeting.talk(10)
        stage.client.shut()
        # nobody is connected, the sound goes on
        await meeting.hear({0: {1: 8, 2: 8, 3: 8}})
        stage.client = stage.engine = stage.connect()
        await stage.client.ready()
        stage.engine.adopt({leg(phone): phone.lease for phone in meeting.phones if phone.lease is not None})
        for phone in meeting.phones:
            stage.engine.update(leg(phone), phone.remote(codecs=((0, "PCMU/8000"),)), again=True)
        meeting.enter(1, 0, 3, 2)  # in another order: the room may come to lie elsewhere
        await meeting.hear({0: {1: 8, 2: 8, 3: 8}, 3: {0: 8, 1: 8, 2: 8}})
        assert not [event for event in stage.events if isinstance(event, LegLost)]


@pytest.mark.parametrize("dies", [0, 1])
async def test_a_worker_that_dies_takes_only_its_own_members_along(dies: int, tmp_path: Path) -> None:
    """The room was in worker 0, as the first member's."""
    async with staged("workers", tmp_path) as stage:
        assert isinstance(stage, WorkerStage)
        meeting = Meeting(stage)
        await meeting.come(4)
        meeting.enter(0, 1, 2, 3)
        await meeting.talk(10)
        stage.workers[dies].kill()
        await stage.workers[dies].wait()
        await stage.until(lambda: sum(isinstance(event, LegLost) for event in stage.events) >= 2)
        lost = {event.leg for event in stage.events if isinstance(event, LegLost)}
        gone, here = ((0, 2), (1, 3)) if dies == 0 else ((1, 3), (0, 2))
        assert lost == {leg(meeting.phones[number]) for number in gone}
        await meeting.hear({here[0]: {here[1]: 8}, here[1]: {here[0]: 8}})
        for number in here:
            stage.engine.close(leg(meeting.phones[number]))
        with contextlib.suppress(AssertionError):
            await stage.until(lambda: not stage.client._joints.inner, 2.0)
        assert not stage.client._joints.inner and not stage.client._legs and not stage.client._joints._cables
