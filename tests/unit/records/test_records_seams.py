"""Where feeder, store and retention meet: a store that goes back, tables of a newer version, what a kill left lying."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from records import feed
from records.feed import Feeder
from records.heartbeat import Watch
from records.journal import FileJournal
from records.store import Store
from records.store.store import VERSION_TABLE
from tests.support.call_events import answered_call
from tests.support.feeding import feed_all


def test_a_store_that_is_put_back_gets_again_what_the_journal_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older backup is restored into the database while the feeder runs: it notices by the first error."""
    journal, path = FileJournal(tmp_path / "journal"), tmp_path / "records.db"
    store = Store(f"sqlite:///{path}")
    store.migrate()
    feeder = Feeder(tmp_path / "journal", store)
    journal.append(answered_call("c1"))
    feed_all(feeder)
    store.settle()
    shutil.copy(path, tmp_path / "backup")
    journal.append(answered_call("c2"))
    journal.append(answered_call("up")[:3])
    feed_all(feeder)
    store.close()
    for each in tmp_path.glob("records.db*"):
        each.unlink()
    shutil.copy(tmp_path / "backup", path)
    journal.append(answered_call("c3"))
    with monkeypatch.context() as broken:
        broken.setattr(store, "apply", lambda *_, **_named: (_ for _ in ()).throw(OSError("connection lost")))
        with pytest.raises(OSError, match="connection lost"):
            feeder.step()
    feed_all(feeder)
    assert [record.call for record in store.history()] == ["c1", "c2", "c3"]
    journal.append(answered_call("up")[3:])
    feed_all(feeder)
    assert sorted(record.call for record in store.history()) == ["c1", "c2", "c3", "up"]
    assert store.position() == journal.end
    store.close()
    journal.close()


def test_tables_of_a_newer_version_are_left_alone_and_that_is_told(tmp_path: Path) -> None:
    """After a way back to an older version."""
    url, beat = f"sqlite:///{tmp_path}/records.db", tmp_path / "beat"
    store = Store(url)
    store.migrate()
    store.close()
    connection = sqlite3.connect(tmp_path / "records.db")
    with connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    connection.close()
    assert feed.main([str(tmp_path), url, "--beat", str(beat), "--once"]) == 1
    assert "newer version" in Watch(beat, 0.0).trouble(beat.stat().st_mtime)


def test_what_a_kill_left_of_a_segment_goes(tmp_path: Path) -> None:
    """What was being written anew for the calls that are up names people who were forgotten since, perhaps."""
    journal = FileJournal(tmp_path / "journal")
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    journal.append(answered_call("c1"))
    left = next((tmp_path / "journal").iterdir()).with_suffix(".compact")
    left.write_bytes(b"+16695550123")
    feed_all(Feeder(tmp_path / "journal", store))
    assert not left.exists()
    assert len(list(journal.read())) == 1
    store.close()
    journal.close()
