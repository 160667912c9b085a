"""Engines of sound on a stage, for tests that are run over all of them, and telephones in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from media.client import WorkerEngine
from media.engine import Lease, MediaEngine, MediaEvent, PlayEnded, Tune
from media.local import LocalEngine
from tests.support.engine import BookEngine
from tests.unit.media.media_phone import Phone, free_ports

ROOT = Path(__file__).parents[3]


class Stage:
    """An engine, its events, and how to let it work."""

    engine: MediaEngine

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        self.phones: list[Phone] = []

    async def until(self, done: Callable[[], bool], limit_s: float = 30.0) -> None:
        """Let the engine work until `done`; fails after `limit_s`."""
        raise NotImplementedError

    async def quiet(self) -> None:
        """Let the engine work off all that it has been given."""
        raise NotImplementedError

    async def pass_time(self, seconds: float) -> None:
        raise NotImplementedError

    async def phone(
        self, silence_s: float = 0.0, host: str = "127.0.0.1", ssrc: int = 0x1234, **remote: object
    ) -> Phone:
        """A far end with an open leg that points at it."""
        phone = Phone(host, ssrc)
        phone.lease = self.lease(len(self.phones))
        self.phones.append(phone)
        self.engine.open(phone.lease, silence_s)
        self.engine.update(phone.lease.leg, phone.remote(**remote))
        await self.quiet()
        return phone

    def lease(self, number: int) -> Lease:
        """For the `number`th telephone: where there are several workers, each gets the next one's."""
        lease = self.engine.lease()
        assert lease is not None
        return lease

    async def call(self, **remote: object) -> tuple[Phone, Phone]:
        first, second = await self.phone(ssrc=1, **remote), await self.phone(ssrc=2)
        await self.bridge(first, second)
        return first, second

    async def bridge(self, first: Phone, second: Phone) -> None:
        self.engine.bridge(leg(first), leg(second))
        await self.quiet()

    async def hears(self, phone: Phone, count: int = 1, rtcp: bool = False) -> list[bytes]:
        """The next `count` packets that arrive at a phone."""
        found: list[bytes] = []

        def arrived() -> bool:
            found.extend(phone.heard(rtcp))
            return len(found) >= count

        await self.until(arrived)
        return found


def leg(phone: Phone) -> int:
    assert phone.lease is not None
    return phone.lease.leg


class LocalStage(Stage):
    def __init__(self) -> None:
        super().__init__()
        start = free_ports(100)
        self.now = 100.0
        self.local = LocalEngine(first_port=start, last_port=start + 99, on_event=self.events.append)
        self.local.run(self.now)
        self.engine = self.local

    async def until(self, done: Callable[[], bool], limit_s: float = 30.0) -> None:
        end = self.now + limit_s
        while not done():
            assert self.now < end, "it did not happen"
            self.now += 0.02
            self.local.run(self.now)

    async def quiet(self) -> None:
        for _ in range(3):
            self.local.run(self.now)

    async def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / 0.5)):
            self.now += 0.5
            self.local.run(self.now)


class WorkerStage(Stage):
    """`count` workers. The client leases from the emptiest one, so that the legs of two telephones lie in two."""

    def __init__(self, count: int = 1) -> None:
        super().__init__()
        self.count = count
        self.workers: list[asyncio.subprocess.Process] = []

    async def start(self, folder: Path) -> None:
        first = free_ports(100 * self.count)
        self.paths = [str(folder / f"media{number}.sock") for number in range(self.count)]
        self.ports = [f"{first + 100 * number}-{first + 100 * number + 99}" for number in range(self.count)]
        self.workers = [await self.spawn(number) for number in range(self.count)]
        self.client = self.connect()
        await self.client.ready()
        self.client.adopt({})
        self.engine = self.client

    async def spawn(self, number: int) -> asyncio.subprocess.Process:
        arguments = ["--socket", self.paths[number], "--ports", self.ports[number], "--index", str(number)]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "media.worker", *arguments, "--address", "127.0.0.1", "--block", "16"),
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
        )

    def connect(self) -> WorkerEngine:
        client = WorkerEngine(self.paths, on_event=self.events.append, lost_after_s=1.0)
        client.start()
        return client

    async def stop(self) -> None:
        self.client.shut()
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                worker.terminate()
        for worker in self.workers:
            await asyncio.wait_for(worker.wait(), 30)

    async def until(self, done: Callable[[], bool], limit_s: float = 30.0) -> None:
        end = time.monotonic() + limit_s
        while not done():
            assert time.monotonic() < end, "it did not happen"
            await asyncio.sleep(0.002)

    async def quiet(self) -> None:
        # A leg that plays nothing, behind all else: when that has ended, everything before it has been done.
        leases = [self.lease(number) for number in range(self.count)]
        await asyncio.sleep(0.005)
        for lease in leases:
            self.client.open(lease, 0)
            self.client.play(lease.leg, Tune(("nothing",)))
        for lease in leases:
            ended = PlayEnded(lease.leg, 0, ("nothing",))
            await self.until(lambda ended=ended: ended in self.events)  # type: ignore[misc]
            self.events.remove(ended)
            self.client.close(lease.leg)
        await asyncio.sleep(0.005)

    def lease(self, number: int) -> Lease:
        for _ in range(50):
            lease = super().lease(number)
            if lease.worker == number % self.count:
                return lease
            self.client.close(lease.leg)
        raise AssertionError("no lease of that worker")

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class BookStage(Stage):
    """The one of the flow tests, which makes no sound and does all at once."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = BookEngine("127.0.0.1", 50)

    async def until(self, done: Callable[[], bool], limit_s: float = 30.0) -> None:
        assert done()

    async def pass_time(self, seconds: float) -> None:
        """It knows no time."""


@contextlib.asynccontextmanager
async def staged(kind: str, folder: Path) -> AsyncIterator[Stage]:
    """An engine of a kind: `local`, `worker`, `workers` (two of them) or `book`."""
    made: Stage = LocalStage() if kind == "local" else BookStage()
    if kind.startswith("worker"):
        made = WorkerStage(2 if kind == "workers" else 1)
    try:
        if isinstance(made, WorkerStage):
            await made.start(folder)
        yield made
    finally:
        for phone in made.phones:
            phone.hang_up()
        if isinstance(made, WorkerStage):
            await made.stop()
        elif isinstance(made, LocalStage):
            made.local.shut()
