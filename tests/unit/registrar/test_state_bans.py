"""Bans in the state: both stores alike, and between them and the guard."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from msgspec import structs

from records.events import StateTold
from records.journal import FileJournal
from records.recovery import recover
from switch.ban_keeper import BanKeeper
from switch.net.bans import Ban
from switch.net.guard import Guard
from switch.net.limits import Limits
from switch.state.bans import BanStore, KeptBan, MemoryBanStore, SqliteBanStore
from switch.state.sqlite import open_state

BAN = KeptBan("203.0.113.5 user 101", "10 wrong passwords within 3 s", 1.5, 9e9, 2, False, 77)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BanStore:
    return MemoryBanStore() if request.param == "memory" else SqliteBanStore(open_state(tmp_path / "state.sqlite3"))


def test_what_is_saved_is_loaded_and_replaces_what_was_there(store: BanStore) -> None:
    assert store.load() == ([], [])
    store.save([BAN], ["192.0.2.0/24"])
    assert store.load() == ([BAN], ["192.0.2.0/24"])
    store.save([], [])
    assert store.load() == ([], [])
    store.close()


async def test_the_keeper_saves_what_has_changed_and_gives_it_to_the_next_process(store: BanStore) -> None:
    guard = Guard(Limits())
    keeper = BanKeeper(guard, store)
    keeper.restore()
    guard.admit("203.0.113.5", 0.0)
    for _ in range(10):
        guard.failed(("203.0.113.5", 5060), "101", 0.0)
    guard.allow("192.0.2.0/24")
    await keeper._write()
    following = Guard(Limits())
    BanKeeper(following, store).restore()
    assert not following.admit("203.0.113.5", 0.0)
    assert following.allowed.keys() == {"192.0.2.0/24"}
    await keeper.stop()


def test_what_people_change_is_told_at_once_and_saved_later(tmp_path: Path) -> None:
    guard, journal, store = Guard(Limits()), FileJournal(tmp_path), MemoryBanStore()
    keeper = BanKeeper(guard, store, journal.append)
    keeper.tell()
    assert list(journal.read()) == []
    guard.allow("198.51.100.0/24")
    keeper.tell()
    keeper.tell()
    (event,) = (event for frame in journal.read() for event in frame.events)
    assert (event.kind, event.name) == ("allowed", "198.51.100.0/24")
    asyncio.run(keeper._write())
    assert store.load() == ([], ["198.51.100.0/24"])
    assert len(list(journal.read())) == 1
    journal.close()


def test_the_journal_alone_has_bans_and_what_was_allowed(tmp_path: Path) -> None:
    """Issue 6: without the state file a start takes longer, and that is all."""
    guard, journal = Guard(Limits()), FileJournal(tmp_path)
    keeper = BanKeeper(guard, MemoryBanStore(), journal.append)
    now = time.time()
    for number in range(3):
        guard.bans.standing[f"192.0.2.{number}"] = Ban(f"192.0.2.{number}", "10 wrong passwords", now, now + 600.5, 2)
    guard.allow("198.51.100.0/24")
    guard.allow("203.0.113.7")
    asyncio.run(keeper._write())
    size = journal.end
    guard.bans.standing["192.0.2.0"].dropped = 7
    guard.bans.changed = True
    asyncio.run(keeper._write())
    assert journal.end == size, "what it has dropped meanwhile is no news"
    guard.unban("192.0.2.1")
    guard.disallow("203.0.113.7")
    asyncio.run(keeper._write())

    def knows(whole: bool, store: BanStore) -> tuple[dict[str, Ban], list[str]]:
        other = Guard(Limits())
        found = recover(event for frame in journal.read() for event in frame.events)
        BanKeeper(other, store).restore(found.figures, whole)
        return dict(other.bans.standing), list(other.allowed)

    wanted = {key: structs.replace(ban, dropped=0) for key, ban in guard.bans.standing.items()}
    bans, allowed = knows(False, MemoryBanStore())
    assert sorted(bans) == ["192.0.2.0", "192.0.2.2"] and allowed == ["198.51.100.0/24"]
    assert all(abs(ban.until - wanted[key].until) < 0.01 and ban.why == wanted[key].why for key, ban in bans.items())
    stale = MemoryBanStore()
    stale.save([KeptBan("192.0.2.99", "old", now, now + 600, 1, False, 0)], ["10.0.0.0/8"])
    assert sorted(knows(True, stale)[0]) == sorted(bans), "the journal has the whole of it"
    assert sorted(knows(False, stale)[0]) == [*sorted(bans), "192.0.2.99"]
    journal.append([StateTold(1, False, 0, keeper._at()), *keeper.told(), StateTold(1, True, 3, keeper._at())])
    assert sorted(knows(True, MemoryBanStore())[0]) == sorted(bans)
    journal.close()
