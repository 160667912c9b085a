"""A damaged state file is set aside; the keeper's memory is bounded while the disk is full."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from records import events as e
from switch.keeper import BindingKeeper
from switch.state.bindings import Batch, MemoryBindingStore, Position, SqliteBindingStore
from switch.state.damage import open_sound
from switch.state.sqlite import NewerStateError, open_state

AT = datetime(2026, 1, 1, tzinfo=UTC)


def bound(uri: str, expires_at: float = 1.0) -> e.Bound:
    flow = e.FlowAddress("udp", "192.0.2.1", 5060, "192.0.2.21", 5060)
    return e.Bound("alice", "alice", uri, f"<{uri}>", "call", 1, 1.0, expires_at, flow, "", 0, (), "phone", AT)


def written(path: Path) -> None:
    store = SqliteBindingStore(open_state(path))
    store.apply([bound(f"sip:alice@192.0.2.{n}") for n in range(200)], (1, 2))
    store.close()


def test_a_sound_file_is_opened_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    written(path)
    connection, wrong = open_sound(path)
    assert wrong == ""
    assert len(SqliteBindingStore(connection).load()) == 200
    connection.close()


@pytest.mark.parametrize("harm", ["text", "torn", "half", "tables"])
def test_a_damaged_file_is_set_aside_and_an_empty_one_begun(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "state.sqlite3"
    written(path)
    if harm == "tables":
        connection = sqlite3.connect(path)
        connection.execute("DROP TABLE bindings")
        connection.close()
    else:
        data = path.read_bytes()
        torn = data[:4096] + b"\x55" * 8192 + data[12288:]
        path.write_bytes({"text": b"no database at all, but text " * 99, "torn": torn, "half": data[:6000]}[harm])
    before = path.read_bytes()
    connection, wrong = open_sound(path)
    assert wrong
    assert path.with_name("state.sqlite3.damaged").read_bytes()[100:4096] == before[100:4096]
    store = SqliteBindingStore(connection)
    assert store.load() == []
    store.apply([bound("sip:alice@192.0.2.21")], (3, 4))
    store.close()
    connection, wrong = open_sound(path)
    assert (wrong, SqliteBindingStore(connection).position()) == ("", (3, 4))
    connection.close()


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    written(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(NewerStateError):
        open_sound(path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["state.sqlite3"]


def test_a_file_that_may_not_be_opened_is_not_damaged(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").mkdir()
    with pytest.raises(sqlite3.Error):
        open_sound(tmp_path / "state.sqlite3")
    assert (tmp_path / "state.sqlite3").is_dir()


class FullDisk(MemoryBindingStore):
    full = True
    largest = 0

    def apply(self, events: Batch, position: Position) -> None:
        self.largest = max(self.largest, len(events))
        if self.full:
            raise OSError("no space left")
        super().apply(events, position)


def test_while_the_disk_is_full_only_the_last_word_of_each_contact_is_kept() -> None:
    async def run() -> None:
        for n in range(1000):
            keeper.add(bound("sip:a@192.0.2.21", n))
            keeper.add(bound("sip:b@192.0.2.21", n))
            if n % 100 == 0:
                await keeper._write()
                assert keeper.trouble
        keeper.add(e.Unbound("alice", "sip:a@192.0.2.21", "deregistered", AT))
        store.full = False
        await keeper._write()
        assert not keeper.trouble

    store = FullDisk()
    keeper = BindingKeeper(store, lambda: (1, 1))
    asyncio.run(run())
    assert store.largest == 2
    assert [(each.uri, each.expires_at) for each in store.load()] == [("sip:b@192.0.2.21", 999)]


def test_a_store_is_closed_when_its_last_batch_is_written() -> None:
    """A hand-over must not meet one that is being written: the next exchange has the file then."""
    order: list[str] = []

    class Store(MemoryBindingStore):
        def close(self) -> None:
            order.append("closed")

    async def run() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly(work: Callable[..., None], *given: object) -> None:
            begun.set()
            await go_on.wait()
            work(*given)
            order.append("written")

        keeper = BindingKeeper(Store(), lambda: (1, 1))
        keeper.interval_s, keeper.off_the_loop = 0.0, slowly
        keeper.add(bound("sip:a@192.0.2.21"))
        keeper.start()
        await begun.wait()
        stopping = asyncio.create_task(keeper.stop())
        for _ in range(5):
            await asyncio.sleep(0)
        go_on.set()
        await stopping

    asyncio.run(run())
    assert order == ["written", "closed"]
