"""What is PostgreSQL's own: tables made by every migration, a server that goes and comes, one that hangs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from records.feed import Feeder
from records.journal import FileJournal
from records.store import Store
from records.store.tables import metadata
from tests.support.call_events import answered_call
from tests.support.postgres import Postgres


def until(true: object) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + 30
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_migrations_make_the_same_tables_as_on_sqlite(postgres: Postgres) -> None:
    store = Store(postgres.database("template0"))
    store.migrate()
    store.migrate()
    columns = store.read(lambda connection: {t: inspect(connection).get_columns(t) for t in metadata.tables})
    indexes = store.read(lambda connection: {t: inspect(connection).get_indexes(t) for t in metadata.tables})
    store.close()
    for table in metadata.tables.values():
        assert [column["name"] for column in columns[table.name]] == table.columns.keys()
        found = {index["name"] for index in indexes[table.name] if not index.get("duplicates_constraint")}
        assert found == {index.name for index in table.indexes}


def test_a_server_that_is_down_costs_no_call_and_is_caught_up_with(tmp_path: Path, postgres: Postgres) -> None:
    """The journal is written on; each call is in the store once when the server is back."""
    store = Store(postgres.database())
    journal = FileJournal(tmp_path)
    feeder = Feeder(tmp_path, store)
    journal.append(answered_call("before"))
    assert feeder.step()
    postgres.stop()
    for number in range(5):
        journal.append(answered_call(f"c{number}"))
    for _again in range(2):
        with pytest.raises((SQLAlchemyError, OSError)):
            feeder.step()
    assert journal.health().degraded == ""
    postgres.start()
    while feeder.step() or store.position() != journal.end:
        pass
    assert sorted(record.call for record in store.history()) == ["before", *(f"c{number}" for number in range(5))]
    store.close()
    journal.close()


def test_a_server_that_hangs_makes_history_late_and_nothing_else(tmp_path: Path, postgres: Postgres) -> None:
    store = Store(postgres.database())
    journal = FileJournal(tmp_path)
    feeder, stop = Feeder(tmp_path, store), threading.Event()
    journal.append(answered_call("before"))
    thread = threading.Thread(target=feeder.run, args=(stop, 0.001))
    thread.start()
    until(lambda: feeder.progress().calls == 1)
    postgres.freeze(frozen=True)
    try:
        for number in range(200):
            journal.append(answered_call(f"c{number}"))
        assert journal.health().waiting_events == 0
        thread.join(0.3)  # time enough for a server that is alive
        assert feeder.progress().calls == 1
    finally:
        postgres.freeze(frozen=False)
    until(lambda: feeder.progress().calls == 201)
    stop.set()
    thread.join()
    assert len(store.history(limit=1000)) == 201
    store.close()
    journal.close()
