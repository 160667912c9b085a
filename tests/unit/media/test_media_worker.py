"""The worker as a process: it outlives the exchange, survives rubbish, and its death is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import stat
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from media import wire
from media.client import WorkerEngine
from media.engine import Lease, LegLost, MediaEvent, PlayEnded, Stats, Tune
from media.worker import leg_ids
from tests.unit.media.media_phone import Phone, free_ports

ROOT = Path(__file__).parents[3]


async def until(done: Callable[[], bool], limit_s: float = 30.0) -> None:
    end = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.005)


class House:
    """Workers, an exchange's engine over them, and phones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[asyncio.subprocess.Process] = []
        self.paths: list[str] = []
        self.events: list[MediaEvent] = []
        self.engines: list[WorkerEngine] = []
        self.phones: list[Phone] = []

    async def spawn(self, index: int, *more: str, path: str = "", fd: int | None = None) -> str:
        path = path or str(self.folder / f"{index}.sock")
        first = free_ports(200)
        where = ["--fd", str(fd)] if fd is not None else ["--socket", path]
        self.workers.append(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "media.worker", *where, "--index", str(index)),
                *(
                    "--ports",
                    f"{first}-{first + 199}",
                    "--address",
                    "127.0.0.1",
                    "--block",
                    "8",
                    "--rest",
                    "0.1",
                    *more,
                ),
                cwd=ROOT,
                env={"PYTHONPATH": str(ROOT)},
                pass_fds=() if fd is None else (fd,),
            )
        )
        self.paths.append(path)
        return path

    async def exchange(self, *paths: str) -> WorkerEngine:
        engine = WorkerEngine(paths or self.paths, on_event=self.events.append, lost_after_s=1.0)
        engine.start()
        self.engines.append(engine)
        await engine.ready()
        return engine

    async def phone(self, engine: WorkerEngine, ssrc: int) -> Phone:
        phone = Phone(ssrc=ssrc)
        self.phones.append(phone)
        phone.lease = engine.lease()
        assert phone.lease is not None
        engine.open(phone.lease, 0)
        engine.update(phone.lease.leg, phone.remote())
        return phone

    async def stop(self) -> None:
        for engine in self.engines:
            engine.shut()
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                worker.terminate()
            await asyncio.wait_for(worker.wait(), 30)
        for phone in self.phones:
            phone.hang_up()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    try:
        yield made
    finally:
        await made.stop()


def leg(phone: Phone) -> int:
    assert phone.lease is not None
    return phone.lease.leg


async def reaches(first: Phone, second: Phone) -> None:
    """What `first` says arrives at `second`, at the latest once the commands before it have been carried out."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        sent = first.say(b"x" * 160)
        await asyncio.sleep(0.02)
        if sent in second.heard():
            return
    raise AssertionError("nothing arrived")


async def silent(first: Phone, second: Phone) -> None:
    """When what was on its way has arrived, nothing that `first` says comes to `second` any more."""
    end, still = time.monotonic() + 30, 0
    while still < 5:
        assert time.monotonic() < end, "it still arrives"
        first.say(b"x" * 160)
        await asyncio.sleep(0.02)
        still = 0 if second.heard() else still + 1


async def test_commands_that_died_with_the_exchange_may_be_repeated_by_the_next(house: House) -> None:
    """Also before it has met the worker: they wait until it has."""
    await house.spawn(0)
    engine = await house.exchange()
    engine.adopt({})
    phones = [Phone(ssrc=1), Phone(ssrc=2)]
    house.phones += phones
    for phone in phones:
        phone.lease = engine.lease()
    engine.shut()  # killed before a word of it left
    again = WorkerEngine(house.paths, on_event=house.events.append)
    house.engines.append(again)
    again.start()
    leases = [phone.lease for phone in phones if phone.lease is not None]
    again.adopt({lease.leg: lease for lease in leases})
    for phone, lease in zip(phones, leases, strict=True):
        again.open(lease, 0)
        again.update(lease.leg, phone.remote(), again=True)
    again.bridge(leg(phones[0]), leg(phones[1]))
    await again.ready()
    await reaches(phones[0], phones[1])
    await reaches(phones[1], phones[0])
    assert house.events == []


async def test_a_bridge_over_two_workers_is_joined_anew_after_a_crash(house: House) -> None:
    for index in (0, 1):
        await house.spawn(index)
    engine = await house.exchange()
    engine.adopt({})
    first = await house.phone(engine, 1)
    second = await house.phone(engine, 2)
    while second.lease is not None and first.lease is not None and second.lease.worker == first.lease.worker:
        second = await house.phone(engine, 2)
    engine.bridge(leg(first), leg(second))
    await reaches(first, second)
    engine.shut()
    again = await house.exchange()
    leases = {phone.lease.leg: phone.lease for phone in (first, second) if phone.lease is not None}
    again.adopt(leases)
    for phone in (first, second):
        again.update(leg(phone), phone.remote(), again=True)
    again.bridge(leg(first), leg(second))
    await reaches(first, second)
    await reaches(second, first)


async def test_the_control_socket_is_for_the_user_alone(house: House) -> None:
    path = await house.spawn(0)
    await house.exchange()
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


async def test_sigterm_ends_it_at_once(house: House) -> None:
    path = await house.spawn(0)
    await house.exchange()
    start = time.monotonic()
    house.workers[0].send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(house.workers[0].wait(), 5) == 0
    assert time.monotonic() - start < 0.7
    assert not Path(path).exists()


async def test_a_worker_that_stays_away_loses_its_legs_too(house: House) -> None:
    await house.spawn(0)
    engine = await house.exchange()
    first = await house.phone(engine, 1)
    house.workers[0].kill()
    await until(lambda: house.events == [LegLost(leg(first))])
    assert engine.lease() is None


class Stranger:
    """A worker of another version: whoever connects is told so, and listed no legs."""

    def __init__(self, path: str, version: int) -> None:
        self.asked = 0
        self._version = version
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.bind(path)
        self._socket.listen()
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._greet)

    def _greet(self) -> None:
        self.asked += 1
        connection, _ = self._socket.accept()
        with connection, contextlib.suppress(OSError):  # it may hang up at the first word
            for value in (wire.Hello(self._version, 0, 1, "127.0.0.1"), wire.Synced(), wire.Leases(())):
                connection.send(wire.encode([value]))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()


async def test_a_worker_of_another_version_is_left_alone_until_one_of_ours_is_there(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a restart of the exchange alone, with new code. It is said once."""
    path = house.folder / "0.sock"
    stranger = Stranger(str(path), wire.VERSION + 1)
    engine = WorkerEngine([str(path)], on_event=house.events.append, lost_after_s=0.5)
    house.engines.append(engine)
    engine.start()
    await until(lambda: stranger.asked == 3)
    assert [connected for _, connected, _ in engine.workers()] == [False]
    assert engine.lease() is None
    assert caplog.messages == [
        f"worker {path} is of another version ({wire.VERSION + 1}, not {wire.VERSION}), and left alone: "
        "restart the service"
    ]
    stranger.close()
    path.unlink()
    await house.spawn(0)
    await engine.ready()
    first, second = await house.phone(engine, 1), await house.phone(engine, 2)
    engine.bridge(leg(first), leg(second))
    await reaches(first, second)


async def test_rubbish_on_the_control_socket_does_no_harm(house: House) -> None:
    path = await house.spawn(0)
    engine = await house.exchange()
    first, second = await house.phone(engine, 1), await house.phone(engine, 2)
    engine.bridge(leg(first), leg(second))
    await reaches(first, second)
    engine.shut()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.connect(path)
    draw = random.Random(1)
    for size in (1, 2, 3, 50, 1000, 60000):
        sock.send(draw.randbytes(size))
    strange = [
        [wire.Open(2**63, float("nan"))],
        [wire.Bridge(leg(first), leg(first)), wire.Play(5, "tone:99999999999999999999")],
        [wire.Play(leg(first), "tone:0"), wire.Play(leg(first), "file:\0"), wire.Play(leg(first), "")],
        [wire.Update(leg(second), second.remote(address="not an address", port=70000, payloads=(-5, 4000)))],
        [wire.Update(leg(second), second.remote(address="127.0.0.1", port=70000))],
    ]
    for commands in strange:
        sock.send(wire.encode(commands))
    sock.send(wire.encode([[9, 9], {"a": 1}]))
    sock.send(wire.encode([wire.Update(leg(second), second.remote()), wire.Bridge(leg(first), leg(second))]))
    await reaches(first, second)
    await reaches(second, first)
    sock.close()
    assert house.workers[0].returncode is None


async def test_without_an_exchange_the_legs_are_closed_after_a_while(house: House) -> None:
    await house.spawn(0, "--orphan", "1.5")
    engine = await house.exchange()
    first, second = await house.phone(engine, 1), await house.phone(engine, 2)
    engine.bridge(leg(first), leg(second))
    await reaches(first, second)
    leases = {phone.lease.leg: phone.lease for phone in (first, second) if phone.lease is not None}
    engine.shut()
    await reaches(first, second)
    await silent(first, second)
    again = await house.exchange()
    again.adopt(leases)
    await until(lambda: set(house.events) == {LegLost(leg(first)), LegLost(leg(second))})


async def test_a_worker_whose_parent_and_exchange_are_gone_ends(house: House, tmp_path: Path) -> None:
    first = free_ports(20)
    command = [sys.executable, "-P", "-m", "media.worker", "--socket", str(tmp_path / "w.sock"), "--orphan", "0.2"]
    command += ["--ports", f"{first}-{first + 19}", "--address", "127.0.0.1"]
    parent = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-c",
            f"import subprocess, sys; print(subprocess.Popen({command!r}, stdout=2).pid, flush=True); sys.stdin.read()",
        ),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    worker = int(await parent.stdout.readline())
    await until((tmp_path / "w.sock").exists)
    await asyncio.sleep(1.5)
    os.kill(worker, 0)  # alone but not forsaken
    parent.kill()
    await parent.wait()
    await until(lambda: not (tmp_path / "w.sock").exists())


async def test_a_lease_that_an_exchange_took_to_its_grave_is_not_given_again(house: House) -> None:
    await house.spawn(0)
    engine = await house.exchange()
    lease, other = engine.lease(), engine.lease()
    assert lease is not None
    assert other is not None
    engine.shut()
    again = await house.exchange()
    again.adopt({lease.leg: lease})
    # Nobody asked for the other one: it went back, and cannot be opened any more.
    again.adopt({lease.leg: lease, other.leg: other})
    await until(lambda: house.events == [LegLost(other.leg)])
    given = {one.leg for one in iter(again.lease, None)}
    assert given
    assert lease.leg not in given


async def test_what_happened_while_no_exchange_was_there_is_told_to_the_next(house: House, tmp_path: Path) -> None:
    await house.spawn(0)
    engine = await house.exchange()
    first, second = await house.phone(engine, 1), await house.phone(engine, 2)
    with wave.open(str(tmp_path / "short.wav"), "wb") as file:
        file.setframerate(8000)
        file.setnchannels(1)
        file.setsampwidth(2)
        file.writeframes(bytes(24000))
    engine.play(leg(first), Tune((f"file:{tmp_path}/short.wav",)))
    engine.play(leg(second), Tune((f"file:{tmp_path}/short.wav",)))
    await until(lambda: bool(first.heard()))
    engine.shut()
    assert not house.events, "it lasts a second and a half"
    await asyncio.sleep(1.8)
    assert not house.events
    again = await house.exchange()
    await asyncio.sleep(0.05)
    assert not house.events  # not before it has said which legs it knows
    assert first.lease is not None
    again.adopt({leg(first): first.lease})
    await until(lambda: PlayEnded(leg(first)) in house.events)
    assert PlayEnded(leg(second)) not in house.events


async def test_leases_come_back_after_their_rest(house: House) -> None:
    await house.spawn(0, "--block", "12")
    engine = await house.exchange()
    engine.adopt({})
    used, end = 0, time.monotonic() + 30
    # 8 in the block beside those kept back, 100 in the range: 240 leases need each port more than once.
    while used <= 240:
        assert time.monotonic() < end
        taken = list(iter(engine.lease, None))
        used += len(taken)
        for lease in taken:
            engine.open(lease, 0)
            engine.close(lease.leg)
        await asyncio.sleep(0.03)
    await until(lambda: sum(isinstance(event, Stats) for event in house.events) == used)


async def test_a_worker_without_ports_keeps_nobody_waiting(house: House) -> None:
    first = free_ports(20)
    taken = []
    for port in range(first, first + 20):
        taken.append(sock := socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.bind(("127.0.0.1", port))
    await house.spawn(0, "--ports", f"{first}-{first + 19}")
    began = time.monotonic()
    engine = await house.exchange()
    assert time.monotonic() - began < 9, "it says at once that it has none, while others are waited for for ten seconds"
    assert engine.lease() is None
    for sock in taken:
        sock.close()


async def test_a_short_range_gives_ports_again_before_their_rest_is_over(house: House) -> None:
    first = free_ports(8)
    await house.spawn(0, "--ports", f"{first}-{first + 7}", "--block", "16", "--rest", "8")
    engine = await house.exchange()
    engine.adopt({})
    for lease in iter(engine.lease, None):
        engine.open(lease, 0)
        engine.close(lease.leg)
    began = time.monotonic()
    again: list[Lease | None] = []
    while not any(again):
        assert time.monotonic() - began < 7, "a call fails while ports rest"
        await asyncio.sleep(0.02)
        again.append(engine.lease())
    assert time.monotonic() - began > 0.9


async def test_an_emergency_call_whose_sides_are_in_two_workers_is_joined_when_no_other_would_be(house: House) -> None:
    """EMG-6: what is kept back joins two workers for calls for help alone."""
    first = free_ports(40)
    for index, start in enumerate((first, first + 20)):
        await house.spawn(index, "--ports", f"{start}-{start + 19}")
    engine = await house.exchange()
    engine.adopt({})
    ordinary: dict[int, list[int]] = {0: [], 1: []}
    end = time.monotonic() + 30
    while [len(legs) for legs in ordinary.values()] != [6, 6]:  # of ten each, as four are kept back
        assert time.monotonic() < end, ordinary
        for lease in iter(engine.lease, None):
            engine.open(lease, 0)
            ordinary[lease.worker].append(lease.leg)
        await asyncio.sleep(0.02)  # more are granted, for those that are used
    await asyncio.sleep(0.3)
    assert engine.lease() is None
    engine.bridge(ordinary[0][0], ordinary[1][0])
    phones = []
    for legs in ordinary.values():
        phones.append(phone := Phone(ssrc=1))
        house.phones.append(phone)
        phone.lease = engine.lease(near=legs[0], urgent=True)
        assert phone.lease is not None
        engine.open(phone.lease, 0)
        engine.update(leg(phone), phone.remote())
    first_phone, second_phone = phones
    assert first_phone.lease is not None and second_phone.lease is not None
    assert (first_phone.lease.worker, second_phone.lease.worker) == (0, 1)
    engine.bridge(leg(first_phone), leg(second_phone))
    await reaches(first_phone, second_phone)
    # Of the four of each worker one is a side's and one joins, and the two others are there for the next.
    assert len([one for one in iter(lambda: engine.lease(urgent=True), None) if one]) == 4


async def test_an_exchange_that_comes_again_keeps_back_what_is_left(house: House) -> None:
    """EMG-6: the worker says how many, whenever the exchange was started and whatever is in calls then."""
    first = free_ports(20)
    await house.spawn(0, "--ports", f"{first}-{first + 19}", "--block", "16")
    engine = await house.exchange()
    engine.adopt({})
    held = {lease.leg: lease for lease in iter(engine.lease, None)}
    assert len(held) == 6
    for lease in held.values():
        engine.open(lease, 0)
    await asyncio.sleep(0.1)
    engine.shut()
    again = await house.exchange()
    again.adopt(held)
    assert again.lease() is None
    lease = again.lease(urgent=True)
    assert lease is not None and lease.leg not in held
    over = list(held)
    again.close(over[0])
    await asyncio.sleep(0.5)
    assert again.lease() is None, "for the next call for help"
    again.close(over[1])
    await until(lambda: again.lease() is not None)


async def test_a_basic_call_is_one_packet_and_what_nobody_hears_waits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.spawn(0)
    engine = await house.exchange()
    sent: list[list[str]] = []

    def encode(values: list[wire.Command]) -> bytes:
        sent.append([type(value).__name__ for value in values])
        return _encode(values)

    _encode = wire.encode
    monkeypatch.setattr(wire, "encode", encode)
    first, second = engine.lease(), engine.lease()
    assert first is not None
    assert second is not None
    phone = Phone()
    house.phones.append(phone)
    engine.open(second, 0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not sent
    engine.open(first, 0)
    for lease in (first, second):
        engine.update(lease.leg, phone.remote())
    engine.bridge(first.leg, second.leg)
    await until(lambda: bool(sent))
    assert sent == [["Open", "Open", "Update", "Update", "Bridge"]]
    engine.close(first.leg)
    await asyncio.sleep(0)
    engine.close(second.leg)
    await until(lambda: len(sent) > 1)
    assert sent[1:] == [["Close", "Close"]]


async def test_a_close_reaches_the_worker_at_shut_down(house: House) -> None:
    await house.spawn(0)
    engine = await house.exchange()
    phone = await house.phone(engine, 1)
    await asyncio.sleep(0.1)
    engine.close(leg(phone))
    engine.shut()
    again = await house.exchange()
    assert phone.lease is not None
    again.adopt({leg(phone): phone.lease})
    await until(lambda: house.events == [LegLost(leg(phone))])


async def test_the_end_of_an_old_worker_leaves_the_new_one_its_socket(house: House) -> None:
    path = await house.spawn(0)
    await house.exchange()
    before = Path(path).stat().st_ino
    await house.spawn(0, path=path)
    await until(lambda: Path(path).exists() and Path(path).stat().st_ino != before)
    house.workers[0].terminate()
    await house.workers[0].wait()
    assert Path(path).exists()
    await house.exchange(path)


async def test_an_orphan_whose_socket_a_new_worker_has_taken_over_ends_at_once(house: House, tmp_path: Path) -> None:
    path, first = str(tmp_path / "w.sock"), free_ports(20)
    command = [sys.executable, "-P", "-m", "media.worker", "--socket", path]
    command += ["--ports", f"{first}-{first + 19}", "--address", "127.0.0.1"]
    code = f"import subprocess, sys; subprocess.Popen({command!r}, stdout=2); sys.stdin.read()"
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdin=asyncio.subprocess.PIPE
    )
    await until(Path(path).exists)
    engine = await house.exchange(path)
    lease = engine.lease()
    assert lease is not None
    engine.shut()
    parent.kill()
    await parent.wait()
    Path(path).unlink()
    Path(path).touch()

    def free() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", lease.port))
            return True
        return False

    assert not free()
    await until(free)
    assert Path(path).exists()


async def test_legs_of_two_workers_can_be_bridged(house: House) -> None:
    await house.spawn(0)
    await house.spawn(1)
    engine = await house.exchange()
    phones: dict[int, Phone] = {}
    while len(phones) < 2:
        phone = await house.phone(engine, len(phones) + 1)
        assert phone.lease is not None
        phones.setdefault(phone.lease.worker, phone)
    first, second = phones[0], phones[1]
    engine.bridge(leg(first), leg(second))
    await reaches(first, second)
    await reaches(second, first)
    engine.bridge(leg(first), leg(second))
    await reaches(first, second)
    engine.stop(leg(second))
    engine.play(leg(first), Tune(("echo",)))
    await reaches(first, first)
    await silent(first, second)
    assert engine.workers()[1][:2] == (1, True)
    near = engine.lease(near=leg(second))
    assert near is not None
    assert near.worker == 1
    assert not house.events


async def test_the_listening_socket_can_be_inherited_and_outlives_the_worker(house: House) -> None:
    path = str(house.folder / "kept.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(4)
    await house.spawn(0, path=path, fd=listener.fileno())
    engine = await house.exchange(path)
    first = await house.phone(engine, 1)
    house.workers[0].kill()
    await house.workers[0].wait()
    await house.spawn(0, path=path, fd=listener.fileno())
    await until(lambda: house.events == [LegLost(leg(first))])  # this one has other ports
    listener.close()


def test_leg_ids_are_never_given_twice() -> None:
    at = 1800000000.0
    runs = [leg_ids(0, at), leg_ids(1, at), leg_ids(0, at + 0.11)]
    given = [next(run) for run in runs for _ in range(100)]
    assert len(set(given)) == 300
    assert max(given) < 2**63
