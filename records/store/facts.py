"""Events that are no call's: each kind has its table, and its writer here.

A writer is told an event at least once, in the order of the journal, inside the transaction that also moves the
position; told again it must change nothing. Whatever of them the store has, the journal need not keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from records.events import (
    BillableEdited,
    BillableSet,
    HistoryHidden,
    InteractionNoted,
    LegCharged,
    RecordingRendered,
    StoredEvent,
)
from records.store import costs
from records.store.rows import file_row, to_us
from records.store.tables import history_hidden, leg_charges, recording_files
from records.text import clean

Writer = Callable[[Connection, Any], None]


def put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Write a row by its primary key, over the one that is there."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), row)


def _recording_rendered(connection: Connection, event: RecordingRendered) -> None:
    put(connection, recording_files, file_row(event))


def _history_hidden(connection: Connection, event: HistoryHidden) -> None:
    row = {"viewer": clean(event.viewer), "call": clean(event.call), "by": clean(event.by), "at": to_us(event.at)}
    put(connection, history_hidden, row)


def _leg_charged(connection: Connection, event: LegCharged) -> None:
    put(connection, leg_charges, costs.charged_row(event))


WRITERS: Mapping[type, Writer] = {
    RecordingRendered: _recording_rendered,
    HistoryHidden: _history_hidden,
    LegCharged: _leg_charged,
    BillableSet: costs.add,
    InteractionNoted: costs.add,
    BillableEdited: costs.add,
}


def write(connection: Connection, event: StoredEvent) -> None:
    """Take one event in."""
    WRITERS[type(event)](connection, event)
