"""Subscriptions in the journal and the state file: what a start finds, whatever of the two is older."""

from __future__ import annotations

import asyncio
import datetime
import sqlite3
from pathlib import Path

import pytest
from msgspec import structs

from records import events as e
from records.codec import Codec
from records.journal import FileJournal
from records.recovery import recover
from switch.keeper import SubscriptionKeeper
from switch.state.sqlite import open_state
from switch.state.subscriptions import SqliteSubscriptionStore

AT = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)


def subscribed(tag: str, notified: int = 1, resource: str = "line:bob") -> e.Subscribed:
    """Alice's telephone watches something."""
    return e.Subscribed(
        "alice-desk",
        "alice",
        "dialog",
        resource,
        "7",
        "<sip:192.0.2.10:5060>",
        "sip:102@pbx.example.com",
        e.Dialog(f"c-{tag}", tag, "r", "<sip:102@x>", "<sip:101@x>", "sip:a@192.0.2.9", ("<sip:p;lr>",), notified, 3),
        e.FlowAddress("udp", "192.0.2.10", 5060, "192.0.2.9", 5060),
        AT.timestamp() + 600,
        notified,
        "Desk \udcff 1.0",
        AT,
    )


def gone(tag: str) -> e.Unsubscribed:
    """It does so no more."""
    return e.Unsubscribed(tag, "timeout", AT)


def test_an_event_survives_the_codec() -> None:
    events = [subscribed("one"), gone("one")]
    assert Codec().decode(Codec().encode(events)) == events


def test_the_journal_leaves_those_that_have_not_ended() -> None:
    found = recover([subscribed("one"), subscribed("two"), subscribed("one", 5), gone("two"), gone("three")])
    assert found.subscribed == {"one": subscribed("one", 5)}
    assert found.unsubscribed == {"two", "three"}
    assert recover([gone("one"), subscribed("one")]).unsubscribed == set()


def test_the_store_keeps_the_last_word_of_each(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    store = SqliteSubscriptionStore(open_state(path))
    store.apply([subscribed("one"), subscribed("two"), subscribed("one", 4)])
    store.apply([gone("two"), subscribed("three"), gone("three"), gone("four")])
    store.close()
    again = SqliteSubscriptionStore(open_state(path))
    assert again.load() == [subscribed("one", 4)]
    again.close()


def test_what_the_disk_refuses_is_tried_again(tmp_path: Path) -> None:
    connection = open_state(tmp_path / "state.sqlite3")
    store = SqliteSubscriptionStore(connection)
    keeper = SubscriptionKeeper(store)

    class Full:
        """A disk without room, once."""

        refused = 0

        def apply(self, events: object) -> None:
            self.refused += 1
            raise OSError("no room")

    keeper._store = full = Full()  # type: ignore[assignment]

    async def life() -> None:
        keeper.add(subscribed("one"))
        keeper.add(subscribed("two"))
        await keeper._write()
        assert "no room" in keeper.trouble
        keeper.add(gone("one"))
        keeper._store = store
        await keeper._write()
        await keeper._write()

    asyncio.run(life())
    assert full.refused == 1
    assert keeper.trouble == ""
    assert store.load() == [subscribed("two")]
    store.close()


def test_a_damaged_file_is_an_error_that_is_told(tmp_path: Path) -> None:
    connection = open_state(tmp_path / "state.sqlite3")
    store = SqliteSubscriptionStore(connection)
    connection.execute("DROP TABLE subscriptions")
    with pytest.raises(OSError, match="state file"):
        store.apply([subscribed("one")])
    with pytest.raises(sqlite3.Error):
        store.load()
    store.close()


def test_at_a_start_the_journal_comes_after_the_file(tmp_path: Path) -> None:
    """The file may be older than the journal, or newer than what is left of that."""
    from switch.replay import laid_over

    journal = FileJournal(tmp_path / "journal")
    journal.start()
    journal.append([subscribed("both", 9), subscribed("only-journal"), gone("ended")])
    found = recover(event for _, events, _ in journal.read() for event in events)
    journal.close()
    kept = [subscribed("both", 2), subscribed("only-file"), subscribed("ended")]
    assert laid_over(kept, found) == {
        "both": subscribed("both", 9),
        "only-journal": subscribed("only-journal"),
        "only-file": subscribed("only-file"),
    }
    assert structs.replace(kept[0], notified=9) != subscribed("both", 9)  # the dialog's number is of that time, too
