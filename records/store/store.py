"""The record store: SQLite in a file by default, PostgreSQL when an URL names it.

`apply` writes finished calls and the consumer's position in one transaction, so that the position is always
that of the data. A call's record is final, so a call that is there already is left as it is: the same batch may be
applied twice.

The methods block; they belong into a thread or a process of their own, never onto the event loop. One store may be used
by several threads, one at a time. An asynchronous driver (asyncpg) runs on a private event loop inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Select,
    Table,
    case,
    create_engine,
    event,
    exists,
    insert,
    inspect,
    make_url,
    or_,
    select,
    tuple_,
)
from sqlalchemy.exc import SQLAlchemyError

from records.cdr import CallRecord, Instant
from records.chain import Head
from records.events import BillableEvent, Forgotten, RecordingRendered, StoredEvent
from records.segments import BEGIN, Position
from records.store.chaining import Links, head_of
from records.store.costs import billable_of, with_carriers_word
from records.store.facts import put, write
from records.store.forgetting import RETENTION, forget
from records.store.questions import EVERY, Walk, Wanted
from records.store.rows import call_row, file_of, leg_rows, record_of, us, user_rows
from records.store.statements import PORTION, insert_into, portions
from records.store.tables import (
    VERSION_TABLE,
    billable,
    call_legs,
    call_users,
    calls,
    chain,
    consumers,
    history_hidden,
    recording_files,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")
NEWEST = "0011"
"""The newest migration."""
# A write-ahead log lets readers read on while the feeder writes, and syncs at its checkpoints only. What is deleted is
# overwritten, too.
_BUSY_MS, _SETTLE_MS = 30_000, 1_000
_PRAGMAS = (
    *("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={_BUSY_MS}"),
    *("temp_store=MEMORY", "secure_delete=ON"),
)
# Transactions are begun by us: the driver would leave changes of tables out of them.
_SQLITE_ARGUMENTS = {"check_same_thread": False, "timeout": 30.0, "isolation_level": None}


class Store:
    """See the module. `url` is an SQLAlchemy URL, such as `sqlite:////var/lib/ringplan/records.db` or
    `postgresql+asyncpg://ringplan@db.example.com/ringplan`. Errors of the database are SQLAlchemy's."""

    def __init__(self, url: str) -> None:
        parsed = _sound(make_url(url))
        self.dialect = parsed.get_backend_name()
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._log: Path | None = None
        self._engine: Engine | AsyncEngine
        if parsed.get_driver_name() == "asyncpg":
            from sqlalchemy.ext.asyncio import create_async_engine  # a part that SQLite does not need

            self._loop = asyncio.new_event_loop()
            self._engine = create_async_engine(parsed, pool_size=1, max_overflow=0, pool_pre_ping=True)
        elif self.dialect == "sqlite":
            self._log = _prepare_file(parsed)
            _adapt_quickly()
            self._engine = create_engine(parsed, connect_args=_SQLITE_ARGUMENTS)
            event.listen(self._engine, "connect", _tune_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        else:
            self._engine = create_engine(parsed, pool_pre_ping=True)
        self._add_call, self._add_user, self._add_leg = (
            self._compiled(insert_into(table, self.dialect).on_conflict_do_nothing(), table)
            for table in (calls, call_users, call_legs)
        )
        self._add_link = self._compiled(insert(chain), chain)

    def _compiled(self, statement: Insert, table: Table) -> str:
        """The driver's own text for inserting whole rows as tuples: a third of the cost of naming every value."""
        compiled: Any = statement.compile(dialect=self._engine.dialect)
        if compiled.positiontup != table.columns.keys():
            raise RuntimeError(f"driver without positional parameters: {self._engine.dialect.driver}")
        return str(compiled)

    def close(self) -> None:
        """Give all connections back."""
        with self._lock:
            if self._loop is not None:
                self._loop.run_until_complete(cast("AsyncEngine", self._engine).dispose())
                self._loop.close()
            else:
                cast("Engine", self._engine).dispose()

    def migrate(self) -> None:
        """Bring the tables up to this version, from nothing or from any older one."""
        if self._run(_is_newest):
            return
        from records.store.migrate import upgrade  # Alembic costs time and memory, and most starts do not need it

        self._run(upgrade, alone=True)

    def reach(self) -> None:
        """Ask the database for nothing much. Raises ConnectionError, whatever kept it from answering."""
        try:
            self._run(lambda connection: connection.exec_driver_sql("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            raise ConnectionError(type(error).__name__) from None

    # Writing

    def apply(
        self,
        records: Sequence[CallRecord],
        position: Position,
        consumer: str = "records",
        facts: Sequence[StoredEvent] = (),
    ) -> None:
        """Write finished calls, other events (`records.store.facts`), their links in the chain, and the position behind
        them: all or nothing."""
        self._run(lambda connection: self._apply(connection, records, position, consumer, facts), alone=True)

    def _apply(
        self,
        connection: Connection,
        records: Sequence[CallRecord],
        position: Position,
        consumer: str,
        facts: Sequence[StoredEvent],
    ) -> None:
        if records or facts:
            links = self._links(connection)
            if records:
                self._add(connection, records, links)
            for fact in facts:
                write(connection, fact, links)
            links.flush()
        row = {"name": consumer, "segment": position.segment, "offset": position.offset}
        put(connection, consumers, row)

    def _links(self, connection: Connection) -> Links:
        """The end of the chain is ours until the transaction is over."""
        if self.dialect == "postgresql":  # where a transaction of SQLite that writes is alone from its beginning on
            connection.exec_driver_sql(f"LOCK TABLE {chain.name} IN SHARE ROW EXCLUSIVE MODE")
        return Links(connection, self._add_link)

    def _add(self, connection: Connection, records: Sequence[CallRecord], links: Links) -> None:
        """Those that are there, or were there and are forgotten, stay as they are."""
        known = links.known(calls.name, [record.call for record in records])
        new = {record.call: record for record in reversed(records) if record.call not in known}
        if new:
            rows = [call_row(record) for record in reversed(new.values())]
            legs = [row for record in reversed(new.values()) for row in leg_rows(record)]
            connection.exec_driver_sql(self._add_call, rows)
            if legs:
                connection.exec_driver_sql(self._add_leg, legs)
            users = [row for record in new.values() for row in user_rows(record)]
            if users:
                connection.exec_driver_sql(self._add_user, users)
            links.calls(rows, legs)

    def retain(self, before: Instant, emergency_before: Instant, why: str, at: Instant, most: int = 1000) -> int:
        """By the retention rules: drop the records of at most `most` calls that ended before (of emergency calls:
        before `emergency_before`), and leave one tombstone. How many there were."""
        old = calls.c.ended_at < case((calls.c.emergency, us(emergency_before)), else_=us(before))
        query = select(calls.c.call).where(old).order_by(calls.c.started_at).limit(most)

        def work(connection: Connection) -> int:
            found = tuple(connection.execute(query).scalars())
            if found:
                links = self._links(connection)
                forget(connection, Forgotten(found, (), RETENTION, why, at), links)
                links.flush()
            return len(found)

        return self._run(work, alone=True)

    def settle(self) -> bool:
        """What was deleted goes out of the files, too: SQLite's log has it up to now. Other databases see to that.
        False: somebody is reading, so it is to be tried again."""
        if self.dialect != "sqlite":
            return True
        with self._lock, contextlib.closing(cast("Engine", self._engine).raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={_SETTLE_MS}")
            try:
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        return not busy

    def sync(self) -> None:
        """What was applied outlives a loss of power from now on, too: SQLite's log, which is synced at its checkpoints
        only, is on the disk. Other databases see to that. Raises OSError."""
        if self._log is None:
            return
        # Of the database's own file none may be closed here: SQLite's locks on it would go with it (fcntl(2)). It is
        # synced before anything in the log is written over.
        with contextlib.suppress(FileNotFoundError):
            for path in (self._log, self._log.parent):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    # Reading

    def read(self, work: Callable[[Connection], T]) -> T:
        """Look something up in one transaction."""
        return self._run(work)

    def head(self) -> Head:
        """The last link of the chain."""
        return self._run(head_of)

    def has(self, head: Head) -> bool:
        """Whether the chain has that link, with that hash."""
        query = select(chain.c.hash).where(chain.c.seq == head.seq)
        found = self._run(lambda connection: connection.execute(query).scalar())
        return head == Head() or (found is not None and bytes(found) == head.hash)

    def files(self, call: str) -> list[RecordingRendered]:
        """The files of the recordings of a call that are made, in the order in which they begin."""
        query = select(recording_files).where(recording_files.c.call == call).order_by(recording_files.c.began_at)
        return self._run(lambda connection: [file_of(row) for row in connection.execute(query).mappings()])

    def position(self, consumer: str = "records") -> Position:
        """Up to where the consumer has applied the journal."""

        def read(connection: Connection) -> Position:
            query = select(consumers.c.segment, consumers.c.offset).where(consumers.c.name == consumer)
            row = connection.execute(query).first()
            return Position(row[0], row[1]) if row else BEGIN

        return self._run(read)

    def history(
        self,
        limit: int = 100,
        *,
        number: str | None = None,
        line: str | None = None,
        device: str | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        result: str | None = None,
        call: str | None = None,
        legs: bool = True,
    ) -> list[CallRecord]:
        """Finished calls with their legs, the newest first, at most `limit`.

        `number` is the caller's or the one called, `line` called or was rung, `device` called. `since` is within,
        `until` without. `result` is a result or a reason. `call` is the beginning of a call's id, or a SIP Call-ID.
        Without `legs` they come without.
        """
        newest = select(calls).order_by(calls.c.started_at.desc(), calls.c.call).limit(limit)
        wanted = Wanted(number, line, device, since, until, result)
        if call is not None:
            query = wanted.of(newest).where(calls.c.call == call)  # by its whole id it is found at once
            if found := self._run(lambda connection: _records(connection, query, legs=legs)):
                return found
            wanted = msgspec.structs.replace(wanted, call=call)
        return self._run(lambda connection: _records(connection, wanted.of(newest), legs=legs))

    def each(
        self, wanted: Wanted = EVERY, batch: int = 1000, only: ColumnElement[bool] | None = None
    ) -> Iterator[CallRecord]:
        """All those wanted with their legs, the oldest first, however many there are: no more than `batch` of them are
        in memory, and no transaction is open between two of them. `only` is a further condition."""
        if wanted.user is not None:
            walk, wanted = Walk((wanted.user,), wanted), msgspec.structs.replace(wanted, user=None)
            for names in self._walk(walk):
                yield from self._some(names, wanted, only)
            return
        query = wanted.of(select(calls)).order_by(calls.c.started_at, calls.c.call).limit(batch)
        if only is not None:
            query = query.where(only)
        after = query
        while found := self._run(lambda connection, query=after: _records(connection, query)):  # type: ignore[misc]
            yield from found
            if len(found) < batch:
                return
            last = found[-1]
            after = query.where(tuple_(calls.c.started_at, calls.c.call) > (us(last.started_at), last.call))

    def newest(self, users: Iterable[str], wanted: Wanted = EVERY, hidden_by: str = "") -> Iterator[CallRecord]:
        """The calls that concern these users, the newest first; see `Walk`. Read while they are taken."""
        walk = Walk(tuple(sorted(set(users))), wanted, newest_first=True, hidden_by=hidden_by)
        for names in self._walk(walk, 50):
            yield from reversed(self._some(names, wanted))

    def _walk(self, walk: Walk, most: int = PORTION) -> Iterator[Sequence[str]]:
        """The names of the calls, portions of which the first may be a small one: often that is all."""
        after: tuple[int, str] | None = None
        while walk.users:
            query = walk.portion(most, after)
            found = self._run(lambda connection, query=query: connection.execute(query).all())  # type: ignore[misc]
            if found:
                yield [row.call for row in found]
                after = found[-1].started_at, found[-1].call
            if len(found) < most:
                return
            most = PORTION

    def _some(self, names: Sequence[str], wanted: Wanted, only: ColumnElement[bool] | None = None) -> list[CallRecord]:
        query = wanted.of(select(calls)).where(calls.c.call.in_(names))
        if only is not None:
            query = query.where(only)
        ordered = query.order_by(calls.c.started_at, calls.c.call)
        return self._run(lambda connection: _records(connection, ordered))

    def call(self, call: str) -> CallRecord | None:
        """One finished call, or None."""
        found = self._run(lambda connection: _records(connection, select(calls).where(calls.c.call == call)))
        return found[0] if found else None

    def billables(self, wanted: Wanted = EVERY) -> Iterator[tuple[CallRecord, list[BillableEvent]]]:
        """The finished calls in which something was marked as billable, or of which somebody noted or edited
        something; and those notes and edits."""
        noted = exists().where(billable.c.call == calls.c.call)
        for record in self.each(wanted, only=or_(calls.c.marks != "", noted)):
            yield record, self.notes(record.call)

    def notes(self, call: str) -> list[BillableEvent]:
        """What people noted and edited of a call, in order."""
        query = select(billable).where(billable.c.call == call).order_by(billable.c.at, billable.c.id)
        return self._run(lambda connection: [billable_of(row) for row in connection.execute(query).mappings()])

    def hidden(self, viewer: str, names: Sequence[str]) -> frozenset[str]:
        """Of these calls, those that the user does not want to see any more (DCH-2)."""

        def read(connection: Connection) -> frozenset[str]:
            found: set[str] = set()
            for some in portions(names):
                query = select(history_hidden.c.call).where(
                    history_hidden.c.viewer == viewer, history_hidden.c.call.in_(some)
                )
                found.update(connection.scalars(query))
            return frozenset(found)

        return self._run(read)

    def _run(self, work: Callable[[Connection], T], alone: bool = False) -> T:
        """Do the work in one transaction; `alone` keeps other writers of an SQLite file out from its beginning on."""
        with self._lock:
            if self._loop is not None:
                return self._loop.run_until_complete(_run_async(cast("AsyncEngine", self._engine), work))
            engine = cast("Engine", self._engine)
            with engine.connect().execution_options(alone=alone) as connection, connection.begin():
                return work(connection)


async def _run_async(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    async with engine.begin() as connection:
        return await connection.run_sync(work)


def _is_newest(connection: Connection) -> bool:
    """Whether the tables are those of this version."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    return [row[0] for row in connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}")] == [NEWEST]  # noqa: S608


def _records(connection: Connection, query: Select[Any], *, legs: bool = True) -> list[CallRecord]:
    rows = connection.execute(query).mappings().all()
    found: dict[str, list[Any]] = {row["call"]: [] for row in rows}
    for some in portions(list(found) if legs else []):
        chosen = select(call_legs).where(call_legs.c.call.in_(some)).order_by(call_legs.c.leg)
        for leg in connection.execute(chosen).mappings():
            found[leg["call"]].append(leg)
    records = [record_of(row, found[row["call"]]) for row in rows]
    charged = [record.call for record in records if record.charges]
    return with_carriers_word(connection, records, portions(charged)) if charged else records


def _sound(url: URL) -> URL:
    """Here work blocks in a thread of its own, so SQLite needs no asynchronous wrapper; PostgreSQL comes by asyncpg."""
    if url.drivername == "sqlite+aiosqlite":
        return url.set(drivername="sqlite")
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+asyncpg")
    return url


def _prepare_file(url: URL) -> Path | None:
    """Make the file for its owner alone; SQLite gives its companions (-wal, -shm) the same mode. Where its log will be,
    unless it is in memory."""
    if not url.database or url.database == ":memory:":
        return None
    path = Path(url.database)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return path.with_name(f"{path.name}-wal")


def _adapt_quickly() -> None:
    """SQLite's driver looks for an adapter of each value that is not exactly an int, float or str, by way of several
    exceptions, which costs more than to write the value; these find one, and stay what they are."""
    sqlite3.register_adapter(bool, int)
    sqlite3.register_adapter(bytes, bytes)
    sqlite3.register_adapter(type(None), _itself)


def _itself(value: T) -> T:
    return value


def _tune_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("alone") else "BEGIN")
