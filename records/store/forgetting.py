"""What deletion takes out of the store, and what it leaves: a tombstone in the chain (decision 30).

Every table that has a column `call` is taken to hold something of that call, so that a table which comes later is not
left out. A deletion that is told again finds nothing any more, and leaves no second tombstone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, Connection, Table, delete, select

from records.events import Forgotten
from records.store.chaining import KINDS, Links, key_of
from records.store.rows import us
from records.store.statements import portions
from records.store.tables import chain, metadata, recording_files
from records.text import clean

RETENTION = "retention"
"""Who deletes by the rules of the configuration."""


def forget(connection: Connection, event: Forgotten, links: Links) -> None:
    """Drop all that is known of the calls, and of the files of recordings. Ids that nobody knows are passed over."""
    links.flush()
    gone: set[int] = set()
    for table in reversed(metadata.sorted_tables):  # what belongs to something else goes before it
        if "call" in table.c:
            gone |= _drop(connection, table, table.c.call, event.calls)
    gone |= _drop(connection, recording_files, recording_files.c.file, [clean(each) for each in event.files])
    if gone:
        links.tombstone(sorted(gone), clean(event.by), clean(event.why), us(event.at))


def _drop(connection: Connection, table: Table, column: Column[str], values: Sequence[str]) -> set[int]:
    """Delete those rows; the links that were of them."""
    found: set[int] = set()
    for some in portions(values):
        if table.name in KINDS:
            rows = connection.execute(select(*table.primary_key).where(column.in_(some))).mappings()
            for refs in portions([key_of(table, row) for row in rows]):
                of = select(chain.c.seq).where(
                    chain.c.ref.in_(refs), chain.c.kind == table.name, chain.c.gone.is_(None)
                )
                found.update(connection.execute(of).scalars())
        connection.execute(delete(table).where(column.in_(some)))
    return found
