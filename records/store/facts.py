"""Events that are no call's: each kind has its table, and its writer here.

A writer is told an event at least once, in the order of the journal, inside the transaction that also moves the
position; told again it must change nothing. Whatever of them the store has, the journal need not keep. What is told of
a call that is forgotten is not kept. Rows of `CHAINED` events get a link in the chain (`records.chain`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Table

from records.events import (
    BillableEdited,
    BillableEvent,
    Forgotten,
    HistoryHidden,
    InteractionNoted,
    LegCharged,
    MemberSet,
    RecordingAccessed,
    RecordingRendered,
    StoredEvent,
)
from records.store import costs
from records.store.chaining import Links
from records.store.forgetting import forget
from records.store.members import member_row
from records.store.rows import file_row, us
from records.store.statements import insert_into
from records.store.tables import (
    billable,
    history_hidden,
    leg_charges,
    queue_members,
    recording_accesses,
    recording_files,
)
from records.text import clean

Writer = Callable[[Connection, Any], None]


def put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Write a row by its primary key, over the one that is there."""
    statement = insert_into(table, connection.dialect.name)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), row)


def _recording_rendered(connection: Connection, event: RecordingRendered) -> None:
    put(connection, recording_files, file_row(event))


def _history_hidden(connection: Connection, event: HistoryHidden) -> None:
    row = {"viewer": clean(event.viewer), "call": clean(event.call), "by": clean(event.by), "at": us(event.at)}
    put(connection, history_hidden, row)


def _recording_accessed(connection: Connection, event: RecordingAccessed) -> None:
    row = {"call": event.call, "by": clean(event.by), "why": clean(event.why)} | _access(event)
    put(connection, recording_accesses, row)


def _access(event: RecordingAccessed) -> dict[str, Any]:
    return {"at": us(event.at), "file": clean(event.file)}


def _id(event: BillableEvent) -> dict[str, Any]:
    return {"id": clean(event.id)}


def _member_set(connection: Connection, event: MemberSet) -> None:
    put(connection, queue_members, member_row(event))


WRITERS: Mapping[type, Writer] = {
    RecordingRendered: _recording_rendered,
    MemberSet: _member_set,
    HistoryHidden: _history_hidden,
    LegCharged: costs.add,
    InteractionNoted: costs.add,
    BillableEdited: costs.add,
    RecordingAccessed: _recording_accessed,
}
CHAINED: Mapping[type, tuple[Table, Callable[[Any], Mapping[str, Any]]]] = {
    RecordingRendered: (recording_files, lambda event: {"file": clean(event.file)}),
    RecordingAccessed: (recording_accesses, _access),
    LegCharged: (leg_charges, lambda event: {"call": event.call, "leg": event.leg, "at": us(event.at)}),
    InteractionNoted: (billable, _id),
    BillableEdited: (billable, _id),
}
"""The table of an event's row, and its primary key there."""


def write(connection: Connection, event: StoredEvent, links: Links) -> None:
    """Take one event in."""
    kind = type(event)
    if isinstance(event, Forgotten):
        forget(connection, event, links)
        return
    if links.forgotten(getattr(event, "call", "")):
        return
    WRITERS[kind](connection, event)
    if kind in CHAINED:
        table, key = CHAINED[kind]
        links.row(table, key(event))
