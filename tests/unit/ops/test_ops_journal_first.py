"""The exchange as it is wired: nothing leaves it before what led to it stands in the journal, be it a datagram, a
command to the media workers, a letter, a mailbox's file, a line on `/events` or an answer to a command. A kill in that
instant takes nothing back that somebody has heard."""

from __future__ import annotations

import asyncio
import datetime
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from config import validate
from config.compile import compile_loaded
from config.compiled import Compiled, MailSettings
from config.loader import read
from config.packed import encode
from media import wire
from media.engine import Lease, Tune
from records.events import LineSet, MessageLeft
from switch import configuration, forgetting, models
from switch.app import Exchange
from switch.arguments import ExchangeArguments, Places
from switch.calls.alarm import Letter
from switch.control import ControlClient, Refused
from switch.keeper import MailboxKeeper
from switch.mailboxes import GONE
from switch.sip import effects as fx
from switch.sip.flow import Flow
from switch.views import WishesView

SMALL = "country: US\nlines: {alice: {}}\ndevices: {phone: {secret: quite-a-secret, lines: alice}}\n"
AT = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
FLOW = Flow("udp", ("192.0.2.10", 5060), ("192.0.2.21", 5060))


class House:
    """A whole exchange without sockets, and a media worker that only listens. `left` are the exits that were used, and
    whether all that had been decided was in the journal."""

    def __init__(self, folder: Path) -> None:
        compiled = compile_loaded(validate.validate(read(SMALL, "a.yaml"), Path()), "a.yaml", {})
        places = Places(folder / "a.yaml", folder / "data", folder)
        places.data.mkdir(exist_ok=True)
        self.left: list[tuple[str, bool]] = []
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.bind(str(places.worker(0)))
        self._listening.listen()
        self.exchange = Exchange(ExchangeArguments(places, (), 1), compiled, asyncio.get_running_loop())
        self.core = self.exchange.core
        self.core._send = self.seen("datagram")  # type: ignore[method-assign]
        self.core.facts.use(compiled.model)
        self.exchange._engine.start()
        self._worker, _ = self._listening.accept()
        lease = Lease(1, 0, "127.0.0.1", 20000)
        news = [wire.Hello(wire.VERSION, 0, 1, "127.0.0.1"), wire.Synced(), wire.Leases((lease,))]
        self._worker.send(wire.encode(news))

    def seen(self, what: str) -> Callable[..., Any]:
        def seen(*_: object) -> None:
            self.left.append((what, not self.core._events))

        return seen

    def decide(self, *acts: Callable[[], object]) -> None:
        """Something is decided, and then these follow, all in one input that comes from the loop."""

        def decided(_: float) -> None:
            self.core.facts.record(LineSet("alice", "dnd", str(len(self.left)), "alice", AT))
            for act in acts:
                act()

        self.core.go_on(decided, self.exchange._clock.now())

    async def until(self, count: int) -> list[tuple[str, bool]]:
        async with asyncio.timeout(20):
            while len(self.left) < count:
                await asyncio.sleep(0.001)
        return self.left

    async def close(self) -> None:
        self.exchange._chores.close()
        self.exchange._engine.shut()
        self.exchange._post.shutdown()
        self.exchange._mailboxes.close()
        await asyncio.to_thread(self.exchange._prompts.close)
        await self.exchange._state.stop()
        self.exchange._journal.close()
        self._worker.close()
        self._listening.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    await made.exchange._engine.ready()
    yield made
    await made.close()


async def test_datagrams(house: House) -> None:
    house.decide(lambda: house.core.endpoint.out.append(fx.Send(FLOW, b"x")))
    assert await house.until(1) == [("datagram", True)]


async def test_media_commands(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, encode = house.exchange._engine, wire.encode

    def encoded(values: object) -> bytes:
        house.seen("media")()
        return encode(values)

    monkeypatch.setattr(wire, "encode", encoded)
    lease = engine.lease()
    assert lease is not None
    engine.open(lease, 0.0)
    house.decide(lambda: engine.play(lease.leg, Tune(("tone:440",))))
    assert await house.until(1) == [("media", True)]
    house.decide(lambda: engine.stop(lease.leg))
    engine.shut()
    assert house.left[1:] == [("media", True)]


async def test_letters(house: House) -> None:
    mailer = house.exchange._mailer
    mailer.settings = MailSettings(host="mail.example.com", port=25, sender="us@example.com")
    mailer._deliver = house.seen("letter")
    house.decide(lambda: mailer.post(Letter("c1", "anna@example.com", "Help", "Somebody calls for help.")))
    assert await house.until(1) == [("letter", True)]


async def test_files_of_mailboxes(house: House) -> None:
    house.exchange._mailboxes._files.drop = house.seen("file")  # type: ignore[method-assign]
    house.decide(lambda: house.exchange._mailboxes.desk.discard("alice", "greeting"))
    assert await house.until(1) == [("file", True)]


async def test_lines_on_events(house: House) -> None:
    live = house.exchange._live
    house.decide(lambda: None)
    listener = live.listen()
    assert listener is not None
    assert b"ready" in await listener.get()
    assert not house.core._events
    house.decide(lambda: None)
    house.core.flush()
    house.decide(lambda: None)
    live.tell()
    assert not house.core._events
    live.leave(listener)


async def test_answers_to_commands(house: House, tmp_path: Path) -> None:
    control = house.exchange._control
    await control.start(tmp_path / "control.sock")
    write, settle = control._write, house.seen("answer")
    control._write = lambda *given: (settle(), write(*given))  # type: ignore[method-assign, assignment]

    def ask() -> WishesView:
        with ControlClient(tmp_path / "control.sock") as client:
            return client.ask("set", WishesView, line="alice", words=["dnd", "on"])

    assert (await asyncio.to_thread(ask)).dnd
    assert house.left == [("answer", True)]
    house.core.mute()
    with pytest.raises(Refused, match="another exchange"):
        await asyncio.to_thread(ask)
    await control.stop()


async def test_what_the_disk_does_not_take_is_not_said_to_be_done(house: House, tmp_path: Path) -> None:
    """It holds, and waits in memory: a crash takes it back. Who only asks is answered."""
    control, journal = house.exchange._control, house.exchange._journal
    await control.start(tmp_path / "control.sock")

    def full(descriptor: int, data: bytes | bytearray) -> int:
        raise OSError(28, "No space left on device")

    def ask(*words: str) -> WishesView:
        house.exchange._loop.call_soon_threadsafe(house.decide)  # others go on meanwhile
        with ControlClient(tmp_path / "control.sock") as client:
            return client.ask("set", WishesView, line="alice", words=list(words))

    write, journal._os_write = journal._os_write, full
    with pytest.raises(Refused, match="the disk does not take the journal"):
        await asyncio.to_thread(ask, "forward", "delay", "10s")
    for _ in range(20):
        assert (await asyncio.to_thread(ask)).after_s == 10
    with pytest.raises(Refused, match="the disk does not take the journal"):
        house.exchange._transports.guard.allow("192.0.2.0/24")
        house.exchange._settle()
    journal._os_write = write
    await asyncio.sleep(0.2)
    assert (await asyncio.to_thread(ask, "forward", "delay", "11s")).after_s == 11
    assert journal.health().waiting_events == 0
    await control.stop()


async def test_what_fails_behind_the_journal_does_not_write_there_again(house: House) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a bug of ours")

    counted, house.exchange._tally.add = house.exchange._tally.add, broken  # type: ignore[method-assign]
    house.decide()
    house.core.flush()
    house.exchange._tally.add = counted  # type: ignore[method-assign]
    house.decide()
    house.core.flush()
    written = [event for frame in house.exchange._journal.read() for event in frame.events]
    assert len(written) == 2


async def test_after_a_hand_over_nothing_is_decided_any_more(house: House) -> None:
    """What was being done off the loop comes back to an exchange whose journal is another's: it is the next one's to
    do it."""
    house.core.mute()
    done: list[str] = []
    house.decide(lambda: done.append("decided"))
    assert not done and not house.core._events


async def test_who_was_forgotten_before_a_kill_is_in_no_file_of_the_state_soon_after_it(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = house.core.mailboxes
    (keeper,) = (each for each in house.exchange._state.keepers if isinstance(each, MailboxKeeper))
    boxes.leave(MessageLeft("alice", "m1", AT, "c1", "+16695550123", "Zacharias", open=True))
    await keeper._write()
    boxes.change("alice", "m1", GONE, "operator:anna", AT)
    await keeper._write()
    monkeypatch.setattr(forgetting, "SETTLE_S", 0.0)
    shutil.copytree(house.exchange._places.data, tmp_path / "killed" / "data")
    after = House(tmp_path / "killed")

    def found() -> bool:
        return any(b"Zacharias" in path.read_bytes() for path in (tmp_path / "killed" / "data").glob("state.sqlite3*"))

    try:
        assert found()
        after.exchange._remember(0.0)
        after.exchange._begin_chores()
        async with asyncio.timeout(20):
            while found():
                await asyncio.sleep(0.01)
    finally:
        await after.close()


async def test_a_model_is_kept_before_a_call_is_decided_by_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    in_force = house.exchange._in_force
    compiled = compile_loaded(validate.validate(read(SMALL, "a.yaml"), Path()), "a.yaml", {})
    found: list[bool] = []

    async def compile_apart(_: Path) -> configuration.Fresh:
        return configuration.Fresh(compiled, encode(compiled))

    def taken(new: Compiled) -> None:
        found.append(models.find(house.exchange._places.data, new.model.version) is not None)

    monkeypatch.setattr(configuration, "compile_apart", compile_apart)
    in_force._takers = (*in_force._takers, taken)
    await in_force.reload()
    assert found == [True]
