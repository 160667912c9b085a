"""Bans in the state: both stores alike, and between them and the guard."""

from __future__ import annotations

from pathlib import Path

import pytest

from switch.ban_keeper import BanKeeper
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
