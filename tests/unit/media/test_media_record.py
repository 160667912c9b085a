"""Recording into spools, over the engine in the process and the one in a worker (REC-4, REC-7)."""

from __future__ import annotations

import itertools
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import codecs, spool
from media.engine import Keys, RecordEnded, Spool
from media.meter import Meter
from tests.support.examples import examples
from tests.unit.media.media_phone import Phone, sine
from tests.unit.media.media_stage import LocalStage, Stage, WorkerStage, leg, staged
from tests.unit.media.test_media_srtp import OURS, SUITE, THEIRS, Far

SILENCE = b"\xff" * 160


@pytest.fixture(params=["local", "worker", "workers"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(request.param, tmp_path) as made:
        yield made


def packets(path: Path) -> list[bytes]:
    return [content for kind, _, content in spool.read(path) if kind == spool.PACKET]


def kinds(path: Path) -> str:
    return "".join(chr(kind) for kind, _, _ in spool.read(path))


async def ended(stage: Stage, count: int = 1) -> list[RecordEnded]:
    def found() -> list[RecordEnded]:
        return [event for event in stage.events if isinstance(event, RecordEnded)]

    await stage.until(lambda: len(found()) >= count)
    assert len(found()) == count
    return found()


async def say(stage: Stage, phone: Phone, hearer: Phone | None, frames: list[bytes], number: int = 0) -> list[bytes]:
    """Say something and wait until it was relayed, or, with nobody there, dealt with."""
    said = [phone.say(frame, number) for frame in frames]
    if hearer is not None:
        assert await stage.hears(hearer, len(said)) == said
    else:
        await stage.quiet()
    return said


async def test_what_comes_is_kept_as_it_came_and_still_relayed(stage: Stage, tmp_path: Path) -> None:
    """Of one side alone, from the command on; relayed untouched meanwhile."""
    first, second = await stage.call()
    await say(stage, first, second, sine(1000, 3))
    path = tmp_path / "made" / "here" / "a.spool"
    stage.engine.record(leg(first), Spool(str(path)))
    await stage.quiet()
    kept = await say(stage, first, second, sine(1000, 8))
    await say(stage, second, first, sine(400, 5))
    stage.engine.end_record(leg(first), str(path))
    (end,) = await ended(stage)
    await say(stage, first, second, sine(1000, 2))
    assert (end.leg, end.path, end.why, end.packets) == (leg(first), str(path), "stopped", 8)
    assert end.octets == path.stat().st_size and end.lasted_s >= 0
    assert packets(path) == kept
    assert kinds(path) == "HC" + "P" * 8 + "E"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in list(path.parents)[:2]] == [0o700, 0o700]


async def test_instants_and_codecs_stand_in_the_file(stage: Stage, tmp_path: Path) -> None:
    """The clock goes on from record to record, and a new description is noted between the packets."""
    first, second = await stage.call()
    path = tmp_path / "a.spool"
    stage.engine.record(leg(first), Spool(str(path)))
    await stage.quiet()
    await say(stage, first, second, sine(1000, 2))
    stage.engine.update(leg(first), first.remote(codecs=((96, "opus/48000/2"),), payloads=(0, 96, 101)))
    await stage.quiet()
    await say(stage, first, second, sine(1000, 2), 96)
    stage.engine.end_record(leg(first), str(path))
    await ended(stage)
    records = list(spool.read(path))
    instants = [at for _, at, _ in records]
    assert instants == sorted(instants) and instants[0] > 0
    told = [dict(msgspec.msgpack.decode(content)) for kind, _, content in records if kind == spool.CODECS]
    assert told == [{0: "PCMU/8000", 8: "PCMA/8000"}, {0: "PCMU/8000", 96: "opus/48000/2"}]
    header = spool.header_of(records[0][2])
    assert header.leg == leg(first) and header.wall_s > 1.7e9 and header.boot


async def test_a_leg_without_a_bridge_is_recorded_too(stage: Stage, tmp_path: Path) -> None:
    """A mailbox, a menu, a held call: nobody else hears it."""
    phone = await stage.phone()
    path = tmp_path / "a.spool"
    stage.engine.record(leg(phone), Spool(str(path)))
    await stage.quiet()
    said = await say(stage, phone, None, sine(1000, 5))
    stage.engine.end_record(leg(phone), str(path))
    await ended(stage)
    assert packets(path) == said


async def test_what_is_said_in_a_pause_is_nowhere(stage: Stage, tmp_path: Path) -> None:
    """Card data: said to the other side, and not in the file."""
    first, second = await stage.call()
    path = tmp_path / "a.spool"
    stage.engine.record(leg(first), Spool(str(path)))
    await stage.quiet()
    before = await say(stage, first, second, sine(1000, 3))
    stage.engine.pause(leg(first), str(path))
    await stage.quiet()
    secret = await say(stage, first, second, sine(700, 3))
    stage.engine.record(leg(first), Spool(str(path)))
    await stage.quiet()
    after = await say(stage, first, second, sine(1000, 3))
    stage.engine.end_record(leg(first), str(path))
    await ended(stage)
    assert packets(path) == before + after
    assert not any(packet[12:] in path.read_bytes() for packet in secret)
    assert kinds(path) == "HCPPPIRPPPE"


async def test_digits_are_never_kept(stage: Stage, tmp_path: Path) -> None:
    """PIN-1, card data: a telephone-event goes on to the other side, and not into the file."""
    first, second = await stage.call()
    path = tmp_path / "a.spool"
    stage.engine.record(leg(first), Spool(str(path)))
    await stage.quiet()
    said = await say(stage, first, second, sine(1000, 2))
    await say(stage, first, second, [b"\x07\x8a\x03\x20"], 101)
    said += await say(stage, first, second, sine(1000, 2))
    stage.engine.end_record(leg(first), str(path))
    await ended(stage)
    assert packets(path) == said


async def test_a_leg_may_be_recorded_twice_at_once(stage: Stage, tmp_path: Path) -> None:
    first, second = await stage.call()
    paths = [tmp_path / "a.spool", tmp_path / "b.spool"]
    stage.engine.record(leg(first), Spool(str(paths[0])))
    await stage.quiet()
    one = await say(stage, first, second, sine(1000, 2))
    stage.engine.record(leg(first), Spool(str(paths[1])))
    await stage.quiet()
    two = await say(stage, first, second, sine(1000, 2))
    stage.engine.end_record(leg(first), str(paths[0]))
    await stage.quiet()
    three = await say(stage, first, second, sine(1000, 2))
    stage.engine.close(leg(first))
    assert sorted(end.why for end in await ended(stage, 2)) == ["closed", "stopped"]
    assert packets(paths[0]) == one + two and packets(paths[1]) == two + three


async def test_it_goes_on_from_bridge_to_bridge(stage: Stage, tmp_path: Path) -> None:
    """REC-7: hold and transfer change who hears, not what is kept."""
    first, second = await stage.call()
    third = await stage.phone(ssrc=3)
    path = tmp_path / "a.spool"
    stage.engine.record(leg(first), Spool(str(path)))
    await stage.quiet()
    said = await say(stage, first, second, sine(1000, 2))
    stage.engine.stop(leg(first))
    await stage.quiet()
    said += await say(stage, first, None, sine(1000, 2))
    await stage.bridge(first, third)
    said += await say(stage, first, third, sine(1000, 2))
    stage.engine.close(leg(first))
    await ended(stage)
    assert packets(path) == said


async def test_commands_may_come_twice_and_the_end_is_told_again(stage: Stage, tmp_path: Path) -> None:
    """After a crash the exchange tells all again, and hears again what it may have missed."""
    first, second = await stage.call()
    path = tmp_path / "a.spool"
    for _ in range(2):
        stage.engine.record(leg(first), Spool(str(path)))
    await stage.quiet()
    said = await say(stage, first, second, sine(1000, 2))
    stage.engine.end_record(leg(first), str(path))
    (end,) = await ended(stage)
    stage.engine.end_record(leg(first), str(path))
    assert (await ended(stage, 2))[1] == end
    stage.engine.record(leg(first), Spool(str(path)))
    assert (await ended(stage, 3))[2] == end
    stage.engine.pause(leg(first), str(path))
    assert packets(path) == said


async def test_it_ends_when_it_has_lasted_long_enough(stage: Stage, tmp_path: Path) -> None:
    phone = await stage.phone()
    stage.engine.record(leg(phone), Spool(str(tmp_path / "a.spool"), most_s=0.4))
    (end,) = await ended(stage)
    assert end.why == "limit" and 0.4 <= end.lasted_s < 5


async def test_a_refusing_disk_ends_the_recording_and_not_the_call(stage: Stage, tmp_path: Path) -> None:
    """The folder is a file: it fails, is told, and the two go on talking."""
    first, second = await stage.call()
    (tmp_path / "file").touch()
    path = str(tmp_path / "file" / "a.spool")
    stage.engine.record(leg(first), Spool(path))
    (end,) = await ended(stage)
    assert (end.why, end.path, end.packets) == ("failed", path, 0) and end.detail
    await say(stage, first, second, sine(1000, 3))


async def test_a_file_that_is_there_is_not_touched(stage: Stage, tmp_path: Path) -> None:
    phone = await stage.phone()
    path = tmp_path / "a.spool"
    path.write_bytes(b"something else")
    stage.engine.record(leg(phone), Spool(str(path)))
    assert (await ended(stage))[0].why == "failed"
    assert path.read_bytes() == b"something else"


async def test_a_full_disk_ends_it_in_its_midst(tmp_path: Path) -> None:
    """What is in the file stays; the call is relayed on."""
    async with staged("local", tmp_path) as stage:
        assert isinstance(stage, LocalStage)
        first, second = await stage.call()
        path = tmp_path / "a.spool"
        stage.engine.record(leg(first), Spool(str(path)))
        said = await say(stage, first, second, sine(1000, 20))
        await stage.pass_time(1.0)
        full = os.open("/dev/full", os.O_WRONLY)
        writing = next(iter(stage.local._relay._spools._taps.values())).recordings[str(path)].writing
        os.dup2(full, writing._descriptor)
        os.close(full)
        await say(stage, first, second, sine(1000, 3))
        (end,) = await ended(stage)
        assert end.why == "failed" and "space" in end.detail and end.packets == 20
        await say(stage, first, second, sine(1000, 3))
        assert packets(path) == said


async def test_it_ends_when_nothing_is_said(tmp_path: Path) -> None:
    """The hiss of a line is nothing; speech puts the end off. Packets that stay away are silence as well."""
    async with staged("local", tmp_path) as stage:
        assert isinstance(stage, LocalStage)
        phone = await stage.phone()
        stage.engine.record(leg(phone), Spool(str(tmp_path / "a.spool"), silence_s=3.0))
        for frames in (sine(1000, 100), sine(300, 100, peak=100), sine(1000, 50), [SILENCE] * 100):
            for frame in frames:
                phone.say(frame)
                stage.now += 0.02
                stage.local.run(stage.now)
        assert not [event for event in stage.events if isinstance(event, RecordEnded)]
        (end,) = await ended(stage)
        assert end.why == "silence"
        assert end.heard_s == pytest.approx(3.0) and end.lasted_s == pytest.approx(8.0, abs=0.3)


async def test_what_was_received_outlives_the_worker(tmp_path: Path) -> None:
    """`kill -9`: all but the last fraction of a second is there, up to a record that may be torn."""
    async with staged("worker", tmp_path) as stage:
        assert isinstance(stage, WorkerStage)
        first, second = await stage.call()
        path = tmp_path / "a.spool"
        stage.engine.record(leg(first), Spool(str(path)))
        await stage.quiet()
        said = await say(stage, first, second, sine(1000, 20))
        await stage.until(lambda: path.exists() and path.stat().st_size > 20 * 172)
        (worker,) = stage.workers
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
        assert packets(path) == said
        whole = path.read_bytes()
        for cut in (1, 100, 182, 184):
            path.write_bytes(whole[:-cut])
            assert packets(path) == said[: -2 if cut == 184 else -1]


def test_what_is_no_spool_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    future = msgspec.msgpack.encode({"version": 2, "leg": 1, "boot": "", "wall_s": 0.0})
    for data in (b"", b"RIFF1234", spool.MAGIC, spool.MAGIC + b"P\0\0" + bytes(8)):
        path.write_bytes(data)
        with pytest.raises(spool.SpoolError):
            list(spool.read(path))
    path.write_bytes(spool.MAGIC + b"H" + len(future).to_bytes(2, "little") + bytes(8) + future)
    with pytest.raises(spool.SpoolError, match="version 2"):
        list(spool.read(path))


@pytest.mark.parametrize(("number", "codec", "alaw"), [(0, "PCMU/8000", False), (8, "PCMA/8000", True)])
def test_speech_is_told_from_the_hiss_of_a_line(number: int, codec: str, alaw: bool) -> None:
    meter = Meter()
    meter.use(((number, codec),))
    header = bytes((0x80, number)) + bytes(10)
    assert [meter.said(header + sine(300, 1, peak, alaw)[0]) for peak in (0, 100, 1000, 8000)] == [0, 0, 0.02, 0.02]
    assert meter.said(bytes((0x80, 77)) + bytes(10) + sine(300, 1, 8000)[0]) == 0


@pytest.mark.parametrize("codec", ["G722/8000", "opus/48000/2"])
def test_speech_is_found_in_packets_that_have_to_be_decoded(codec: str) -> None:
    meter, speaker = Meter(), codecs.make(codec)
    meter.use(((96, codec),))
    header = bytes((0x80, 96)) + bytes(10)
    for peak, heard in ((0, False), (8000, True), (50, False)):
        sound = np.rint(peak * np.sin(2 * np.pi * 300 * np.arange(3200) / 16000)).astype(np.int16)
        said = [meter.said(header + speaker.encode(sound[n * 320 : (n + 1) * 320])) for n in range(10)]
        assert said[5:] == [pytest.approx(0.02) if heard else 0.0] * 5
    assert meter.said(header) == 0.0


def test_what_cannot_be_decoded_counts_as_said() -> None:
    """Better too long a recording than one that is cut off."""
    meter = Meter()
    meter.use(((97, "iLBC/8000"),))
    assert meter.said(bytes((0x80, 97)) + bytes(48)) > 0


async def test_what_comes_encrypted_is_kept_deciphered(stage: Stage, tmp_path: Path) -> None:
    """Nobody keeps the keys: what is kept must be readable without."""
    secure = await stage.phone(ssrc=1, keys=Keys(SUITE, OURS, THEIRS))
    plain = await stage.phone(ssrc=2)
    await stage.bridge(secure, plain)
    paths = [tmp_path / "a.spool", tmp_path / "b.spool"]
    for phone, path in zip((secure, plain), paths, strict=True):
        stage.engine.record(leg(phone), Spool(str(path)))
    await stage.quiet()
    far = Far(secure)
    said = [far.say(frame)[0] for frame in sine(1000, 5)]
    assert await stage.hears(plain, 5) == said
    answered = [plain.say(frame) for frame in sine(400, 5)]
    await stage.hears(secure, 5)
    for phone, path in zip((secure, plain), paths, strict=True):
        stage.engine.end_record(leg(phone), str(path))
    await ended(stage, 2)
    assert packets(paths[0]) == said
    assert packets(paths[1]) == answered


async def test_a_member_of_a_room_is_kept_alone(stage: Stage, tmp_path: Path) -> None:
    """What others say in the room is in their own spools."""
    first, second = await stage.phone(ssrc=1), await stage.phone(ssrc=2)
    for phone in (first, second):
        stage.engine.mix(leg(phone), "meeting")
    path = tmp_path / "a.spool"
    stage.engine.record(leg(first), Spool(str(path)))
    await stage.quiet()
    said = []
    for frame, other in zip(sine(1000, 5), sine(400, 5), strict=True):
        said.append(first.say(frame))
        second.say(other)
        await stage.quiet()
    stage.engine.end_record(leg(first), str(path))
    await ended(stage)
    assert packets(path) == said


SOUND = [(spool.PACKET, n, bytes((0x80, 0, 0, n)) + bytes(8) + bytes((n,)) * n) for n in range(1, 40)]


@given(st.data())
@examples(60)
def test_whatever_a_crash_left_is_read_as_far_as_it_is_whole(tmp_path_factory: Any, data: st.DataObject) -> None:
    """Any cut, and any rubbish behind it: the packets before are there, and nothing is raised."""
    header = spool.pack(spool.HEADER, 0.0, msgspec.msgpack.encode(spool.Header(1, 1, "", 0.0)))
    records = [spool.pack(kind, at / 1e6, content) for kind, at, content in SOUND]
    whole = b"".join(records)
    cut = data.draw(st.integers(0, len(whole)))
    rubbish = data.draw(st.binary(max_size=40))
    path = tmp_path_factory.mktemp("cut") / "a.spool"
    path.write_bytes(spool.MAGIC + header + whole[:cut] + rubbish)
    found = [record for record in spool.read(path) if record[0] != spool.HEADER]
    ends = list(itertools.accumulate(map(len, records)))
    intact = sum(end <= cut for end in ends)
    assert found[:intact] == SOUND[:intact]
    if not rubbish:
        assert len(found) == intact


async def test_a_bug_with_one_spool_is_not_the_end_of_others(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of the thread that writes them all, nor of the relay."""
    if not isinstance(stage, LocalStage):
        pytest.skip("looks inside")

    def broken(*_: object) -> float:
        raise ZeroDivisionError("a bug")

    first, second = await stage.call()
    monkeypatch.setattr(Meter, "said", broken)
    paths = [str(tmp_path / "a.spool"), str(tmp_path / "b.spool")]
    stage.engine.record(leg(first), Spool(paths[0], silence_s=5.0))
    stage.engine.record(leg(second), Spool(paths[1]))
    await say(stage, first, second, sine(1000, 3))
    said = await say(stage, second, first, sine(400, 3))
    (end,) = await ended(stage)
    assert (end.path, end.why, end.detail) == (paths[0], "failed", "a bug")
    stage.engine.end_record(leg(second), paths[1])
    assert (await ended(stage, 2))[1].why == "stopped"
    assert packets(Path(paths[1])) == said
