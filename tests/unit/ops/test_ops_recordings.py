"""What becomes of spools: one file at a time, told with its hash; after a crash, on a bad disk, when they are old."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from config.compiled import RecordingSettings, RecordSettings
from media import spool
from records.events import Forgotten, RecordingRendered
from switch import recordings
from switch.chores import Chores
from switch.recordings import Recordings
from tests.unit.media.media_phone import sine

AT = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)
FILE = "2026-11-22/c-1.wav"


class Journal:
    """As much of the core as is asked for."""

    def __init__(self) -> None:
        self.told: list[RecordingRendered] = []
        self.facts = SimpleNamespace(record=self.told.append)
        self.calls = SimpleNamespace(by_id={})
        self.flushed = 0
        self.muted = False

    def go_on(self, act: Callable[[float], None], now: float) -> None:
        act(now)

    def note(self, events: list[Any], now: float) -> None:
        self.told += events

    def flush(self) -> None:
        self.flushed += 1


class Log:
    """Which words were logged."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __getattr__(self, _level: str) -> Callable[..., None]:
        return lambda words, **_: self.said.append(words)


class Room:
    """Recordings in a folder, and what they told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "recordings"
        self.journal, self.log, self.broken = Journal(), Log(), list[BaseException]()
        self.chores = Chores(lambda error, name: self.broken.append(error))
        self.written = True
        clock: Any = SimpleNamespace(at=lambda: AT, now=time.monotonic)
        core: Any = self.journal
        log: Any = self.log
        self.made = Recordings(self.folder, core, clock, self.chores, log, lambda: self.written)

    def write(self, *sides: tuple[int, int], file: str = FILE, call: str = "c") -> list[str]:
        """Spools of these (side, leg), as a worker writes them. Their paths, as told to the engine."""
        paths = []
        for side, leg in sides:
            name = f"{file.removesuffix('.wav')}.{side}.{leg}.{100 + leg}.spool"
            path = self.made.begun(call, file, name)
            write_spool(Path(path))
            paths.append(path)
        return paths

    async def told(self, count: int = 1) -> list[RecordingRendered]:
        """Once so much was told and all work is done."""
        async with asyncio.timeout(20):
            while len(self.journal.told) < count or len(self.chores):
                await asyncio.sleep(0.01)
        assert not self.broken and len(self.journal.told) == count
        return self.journal.told


def write_spool(path: Path) -> None:
    writing = spool.Writing(1, str(path), None)
    header = msgspec.msgpack.encode(spool.Header(1, 1, "b", 5e8))
    records = [spool.pack(spool.HEADER, 0.0, header)]
    records.append(spool.pack(spool.CODECS, 0.0, msgspec.msgpack.encode(((0, "PCMU/8000"),))))
    for n, frame in enumerate(sine(400, 50)):
        packet = bytes((0x80, 0, 0, n)) + (160 * n).to_bytes(4, "big") + bytes(4) + frame
        records.append(spool.pack(spool.PACKET, n * 0.02, packet))
    records.append(spool.pack(spool.END, 1.0, msgspec.msgpack.encode(spool.End("stopped"))))
    writing.append(b"".join(records))
    writing.close()


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path)
    yield made
    made.chores.close()


def settings(keep_s: float = 0.0, emergency_keep_s: float = 0.0, **given: Any) -> Any:
    """As much of the configuration as is asked for."""
    records = RecordSettings(url="", keep_s=keep_s, emergency_keep_s=emergency_keep_s)
    return SimpleNamespace(recordings=RecordingSettings(**given), records=records)


async def test_what_is_made_yet_of_a_call_is_known_and_the_rest_can_be_removed(room: Room) -> None:
    one, two = room.write((0, 0), (1, 1))
    room.write((0, 0), file="2026-11-22/d-1.wav", call="d")
    assert room.made.making(["x", "c"]) == FILE and room.made.making(["x"]) == ""
    for path in (one, two):
        room.made.closed(path)
    room.made.over(FILE)
    assert room.made.making(["c"]) == FILE
    await room.told()
    assert room.made.making(["c"]) == ""
    (room.folder / "kept" / "2026-11-22").mkdir(parents=True)
    (room.folder / "kept" / "2026-11-22" / "c-1.0.0.100.spool").touch()
    assert await room.made.remove(["c", "x"]) == 2 and await room.made.remove([]) == 0
    assert left(room.folder) == ["spools/2026-11-22/d-1.0.0.100.spool"]


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_file_is_made_when_all_is_closed_and_over(room: Room) -> None:
    """REC-7: told with its hash; then the spools go."""
    one, two = room.write((0, 0), (1, 1))
    room.made.closed(one)
    room.made.over(FILE)
    assert not len(room.chores), "one spool is still written"
    room.made.closed(two)
    (event,) = await room.told()
    data = (room.folder / FILE).read_bytes()
    assert event.sha256 == hashlib.sha256(data).hexdigest() and event.octets == len(data)
    assert (event.call, event.file, event.sides, event.duration_s, event.at) == ("c", FILE, 2, 1.0, AT)
    assert not event.wrong and room.journal.flushed == 1
    assert left(room.folder) == [FILE]


async def test_what_a_crash_left_is_made_at_the_next_start(room: Room, tmp_path: Path) -> None:
    """But not what is still on: that call was taken over."""
    room.write((0, 0), (1, 1))
    room.write((0, 0), file="2026-11-22/up-1.wav", call="up")
    after = Room(tmp_path)
    after.journal.calls.by_id["up"] = object()
    after.chores.begin("look", after.made._look())
    (event,) = await after.told()
    assert event.file == FILE and event.call == "c"
    assert left(after.folder) == [FILE, "spools/2026-11-22/up-1.0.0.100.spool"]


async def test_spools_whose_worker_died_are_not_waited_for_for_ever(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.write((0, 0))
    room.made.over(FILE)
    await room.made._sweep()
    assert not len(room.chores)
    monkeypatch.setattr(recordings, "SWEEP_S", -1.0)
    await room.made._sweep()
    assert (await room.told())[0].sha256


async def test_what_cannot_be_made_keeps_its_spools_and_is_told(room: Room) -> None:
    (path,) = room.write((0, 0))
    Path(path).write_bytes(b"rubbish")
    room.made.over(FILE)
    room.made.closed(path)
    (event,) = await room.told()
    assert not event.sha256 and "no spool" in event.wrong and any("cannot be made" in words for words in room.log.said)
    assert len(left(room.folder)) == 1


async def test_a_recording_of_which_nothing_was_written_is_told(room: Room) -> None:
    """The disk was full from the first octet on."""
    (path,) = room.write((0, 0))
    Path(path).unlink()
    room.made.closed(path)
    room.made.over(FILE)
    assert (await room.told())[0].wrong


async def test_one_is_made_at_a_time(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0
    run = recordings._run

    async def counted(words: Any) -> tuple[int, bytes, str]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        found = await run(words)
        running -= 1
        return found

    monkeypatch.setattr(recordings, "_run", counted)
    for n in range(3):
        file = f"2026-11-22/c{n}-1.wav"
        (path,) = room.write((0, 0), file=file, call=f"c{n}")
        room.made.closed(path)
        room.made.over(file)
    assert {event.call for event in await room.told(3)} == {"c0", "c1", "c2"} and most == 1


async def test_spools_are_kept_where_that_is_wanted(room: Room, tmp_path: Path) -> None:
    """And they are not taken for what a crash has left."""
    compiled = settings(keep_spools=True, folder="elsewhere")
    room.made.use(compiled, tmp_path)
    (path,) = room.write((0, 0))
    room.made.closed(path)
    room.made.over(FILE)
    await room.told()
    assert left(tmp_path / "elsewhere") == [FILE, "kept/2026-11-22/c-1.0.0.100.spool"]
    assert recordings.left_behind(tmp_path / "elsewhere") == {}


@pytest.mark.parametrize("rules", [{"keep_days": 10}, {"keep_s": 9.5 * 86400}, {"keep_days": 10, "keep_s": 1e9}])
async def test_old_ones_are_deleted_and_that_is_told(room: Room, tmp_path: Path, rules: dict[str, Any]) -> None:
    """`keep_days`, and no longer than the call's record is kept; nothing else in the folder is touched."""
    room.made.use(settings(**rules), tmp_path)
    for name, days in (
        ("2026-11-01/old-1.wav", 11),
        ("2026-11-01/new-1.wav", 9),
        ("2026-10-01/old-2.wav", 11),
        ("spools/2026-10-01/old-3.0.0.1.spool", 11),
    ):
        path = room.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - days * 86400,) * 2)
    (room.folder / "notes.txt").touch()
    os.utime(room.folder / "notes.txt", (0, 0))
    await room.made._sweep()
    assert left(room.folder) == ["2026-11-01/new-1.wav", "notes.txt"]
    (told,) = room.journal.told
    assert isinstance(told, Forgotten) and sorted(told.files) == ["2026-10-01/old-2.wav", "2026-11-01/old-1.wav"]
    assert (told.calls, told.by, told.why) == ((), "retention", "older than 10 days")
    assert not (room.folder / "2026-10-01").exists()


async def test_a_stop_ends_the_child_and_leaves_the_rest_for_later(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "command", lambda out, found: ["sleep", "60"])
    started: list[asyncio.subprocess.Process] = []
    make = asyncio.create_subprocess_exec

    async def noted(*words: str, **more: Any) -> asyncio.subprocess.Process:
        started.append(await make(*words, **more))
        return started[0]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    (path,) = room.write((0, 0))
    room.made.closed(path)
    room.made.over(FILE)
    async with asyncio.timeout(10):
        while not started:
            await asyncio.sleep(0.01)
        room.chores.close()
        await started[0].wait()
    assert not room.journal.told and Path(path).exists()


def test_a_name_that_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "spools" / "2026-11-22"
    folder.mkdir(parents=True)
    for name in ("x.spool", "a.b.spool", "c-1.0.0.1.spool", "c-1.0.1.2.spool"):
        (folder / name).touch()
    assert recordings.left_behind(tmp_path) == {FILE: "c"}


def test_half_a_file_is_found_with_its_call(tmp_path: Path) -> None:
    day = tmp_path / "2026-11-22"
    day.mkdir()
    for name in ("c1-1.wav", "c1-2.wav.part", "c12-1.wav.part"):
        (day / name).write_bytes(b"sound")
    assert sorted(each.name for each in recordings.of_calls(tmp_path, {"c1"})) == ["c1-1.wav", "c1-2.wav.part"]


async def test_spools_stay_until_the_journal_has_what_was_made_of_them(room: Room) -> None:
    """While its disk is full, what was told waits in memory: a crash would make and tell it once more."""
    spools = [Path(each) for each in room.write((0, 0), (1, 1))]
    room.written = False
    for each in spools:
        room.made.closed(str(each))
    room.made.over(FILE)
    await room.told()
    await room.made._sweep()
    assert all(each.exists() for each in spools)
    room.written = True
    await room.made._sweep()
    assert not any(each.exists() for each in spools)
    assert (room.folder / FILE).exists()


@pytest.mark.parametrize(
    ("rules", "help_days"),
    [
        ({"keep_days": 10}, 10),
        ({"keep_days": 10, "emergency_keep_s": 30 * 86400.0}, 30),
        ({"keep_days": 10, "emergency_keep_s": 5 * 86400.0}, 10),
        ({"keep_s": 10 * 86400.0, "emergency_keep_s": 29.5 * 86400.0}, 30),
        ({"emergency_keep_s": 30 * 86400.0}, 0),
    ],
)
async def test_recordings_of_emergency_calls_stay_as_long_as_their_records(
    room: Room, tmp_path: Path, rules: dict[str, Any], help_days: int
) -> None:
    """`emergency_keep` is the least for both, and nothing is deleted that nobody asked for."""
    room.made.use(settings(**rules), tmp_path)
    for call, number, days in (
        ("plain", "1", 11),
        ("plain2", "1", 9),
        ("help", "2e", 31),
        ("help", "1", 31),
        ("help2", "1e", 29),
        ("help2", "2", 29),
        ("help3", "1e", 9),
    ):
        path = room.folder / "2026-11-01" / f"{call}-{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - days * 86400,) * 2)
    await room.made._sweep()
    there = {each.rpartition("/")[2].partition("-")[0] for each in left(room.folder)}
    aged = {"help": 31, "help2": 29, "help3": 9}
    stay = {call for call, days in aged.items() if not help_days or days < help_days}
    assert there == stay | {"plain2"} | (set() if help_days else {"plain"})
    whys = {told.why for told in room.journal.told}
    assert whys == ({"older than 10 days", f"older than {help_days} days"} if help_days else set())


async def test_what_comes_after_a_hand_over_is_the_next_exchanges(room: Room) -> None:
    """Nothing of it is told any more, so nothing is deleted either."""
    spools = [Path(each) for each in room.write((0, 0), (1, 1))]
    room.made.use(settings(keep_days=1), room.folder)
    old = room.folder / "2026-01-01" / "old-1.wav"
    old.parent.mkdir()
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    room.journal.muted = True
    for each in spools:
        room.made.closed(str(each))
    room.made.over(FILE)
    await room.told()
    await room.made._sweep()
    assert all(each.exists() for each in (*spools, old))
