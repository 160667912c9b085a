"""What questions cost in a large record store: somebody's day, a history, all of it written out.

    python bench/micro_records.py [--calls 1000000] [--users 1000] [--keep FOLDER] [--json FILE]

A company of so many users has telephoned for thirty days: in from carriers to users, and to a reception of four, out,
and inside; a tenth is left to mailboxes. The rows are those that the store writes, without their chain of hashes,
which nothing here reads. `--keep` leaves the store there, and finds it the next time.

Times are medians of many askings, of a store that has just been opened: CPU time of the process, and elapsed time
(E). Issue 6's limit: a user's or a line's day in 50 ms. The export's memory is what it holds more than before it.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from records.cdr import CallRecord, LegRecord, Stop, Talk
from records.export import COLUMNS, csv_text, json_lines, row, whole
from records.history import entries
from records.reports.users import users as report_of
from records.store import Store
from records.store.questions import Wanted
from records.store.rows import call_row, leg_rows, user_rows
from records.store.tables import call_legs, call_users, calls
from records.viewer import Role, Viewer

BEGIN = datetime.datetime(2026, 10, 1, tzinfo=datetime.UTC)
DAYS = 30
DAY = datetime.timedelta(days=1)
FRONT = ("desk1", "desk2", "desk3", "desk4")
BATCH = 10_000
ROUNDS = 30


def made(number: int, chance: random.Random, at: datetime.datetime, users: int) -> CallRecord:
    """One call that began then."""
    kind, fate = chance.random(), chance.random()
    user, other = f"user{chance.randrange(users)}", f"user{chance.randrange(users)}"
    outside = f"+1669555{chance.randrange(10_000):04}"
    answered_at = at + datetime.timedelta(seconds=chance.randint(2, 20))
    ended_at = answered_at + datetime.timedelta(seconds=chance.randint(5, 600))
    talks: tuple[Talk, ...] = (Talk(answered_at, ended_at, (0, 1)),)
    if kind < 0.3:  # a user calls outside
        entity, legs = "external", [("trunk:itsp", "")]
        caller, called = user, outside
    elif kind < 0.45:
        entity, legs = f"user:{other}", [(f"line:{other}", other)]
        caller, called = user, "2000"
    elif kind < 0.6:
        entity, legs = "ring_group:front", [(f"line:{each}", each) for each in FRONT]
        caller, called = "", "+16695550100"
    else:
        entity, legs = f"user:{user}", [(f"line:{user}", user)]
        caller, called = "", "+16695550100"
    path = [Stop(at, entity, "called")]
    voicemail = entity.startswith("user:") and fate < 0.15
    if voicemail:
        path.append(Stop(answered_at, f"voicemail:{legs[0][1]}", "answered"))
        talks = (Talk(answered_at, ended_at, (0,), "service", path[-1].entity),)
    else:
        path.append(Stop(answered_at, f"user:{legs[0][1]}" if legs[0][1] else "external", "answered"))
    rung = [
        LegRecord(
            leg,
            target,
            "sip:phone@192.0.2.77:5062",
            at,
            at,
            answered_at if leg == 1 and not voicemail else None,
            ended_at if leg == 1 and not voicemail else answered_at,
            "answered" if leg == 1 and not voicemail else "cancelled",
            "caller_hung_up" if leg == 1 and not voicemail else "completed_elsewhere",
            200,
            user=who,
            site="rome" if who else "",
            device=f"{who}-desk" if who else "",
        )
        for leg, (target, who) in enumerate(legs, 1)
    ]
    first = LegRecord(
        *(0, f"line:{caller}" if caller else "trunk:itsp", "", at, None, answered_at, ended_at, "answered"),
        *("caller_hung_up", 200),
        user=caller,
    )
    return CallRecord(
        call=f"{chance.getrandbits(64):016x}",
        n=12,
        complete=True,
        last_at=ended_at,
        started_at=at,
        rang_at=at,
        answered_at=answered_at,
        ended_at=ended_at,
        device=f"{caller}-desk" if caller else None,
        line=caller or None,
        trunk=None if caller else "itsp",
        caller_number="2001" if caller else outside,
        caller_name="" if caller else "Ada Berg",
        dialled=called,
        number=called,
        answered_target="" if voicemail else rung[0].target,
        answered_contact="" if voicemail else rung[0].contact,
        service=path[-1].entity if voicemail else "",
        result="answered",
        reason="caller_hung_up",
        sip_status=200,
        sip_call_id=f"{number}@phone.example.com",
        model="6f1d0a",
        because=(("did:+16695550100", "in"), (f"extension:{number % 1000}", "rings")),
        user=caller,
        site="rome",
        entity=entity,
        path=tuple(path),
        talks=talks,
        legs=(first, *rung),
    )


def month(count: int, users: int) -> Iterator[CallRecord]:
    """All calls, in the order in which they began, in the hours of work."""
    chance = random.Random(6)
    per_day = -(-count // DAYS)
    for number in range(count):
        day, part = divmod(number, per_day)
        seconds = 8 * 3600 + part * 10 * 3600 / per_day
        yield made(number, chance, BEGIN + day * DAY + datetime.timedelta(seconds=seconds), users)


def fill(file: Path, count: int, users: int) -> None:
    """Write the rows straight into the file, with the tables of a new store."""
    store = Store(f"sqlite:///{file}")
    store.migrate()
    store.close()
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    found = month(count, users)
    while some := list(itertools.islice(found, BATCH)):
        connection.execute("BEGIN")
        _insert(connection, calls.name, map(call_row, some))
        _insert(connection, call_legs.name, (each for record in some for each in leg_rows(record)))
        _insert(connection, call_users.name, (each for record in some for each in user_rows(record)))
        connection.execute("COMMIT")
    connection.close()


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    rows = list(rows)
    connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


class Measure:
    """Milliseconds by what was asked."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}

    def ask(self, what: str, work: Callable[[int], int]) -> None:
        """`work` is told which round it is, and says how many records it has seen."""
        cpu, elapsed, seen = [], [], []
        for number in range(ROUNDS):
            start, cpu_start = time.perf_counter(), time.process_time()
            seen.append(work(number))
            cpu.append((time.process_time() - cpu_start) * 1000)
            elapsed.append((time.perf_counter() - start) * 1000)
        self._tell(f"{what}, records", statistics.median(seen))
        self._tell(f"{what}, ms", round(statistics.median(cpu), 1))
        self._tell(f"{what}, ms E", round(statistics.median(elapsed), 1))
        self._tell(f"{what}, most ms", round(max(cpu), 1))

    def _tell(self, what: str, value: float) -> None:
        self.found[what] = value
        sys.stdout.write(f"{value:>10}  {what}\n")
        sys.stdout.flush()

    def write(self, form: str, text: Iterable[str]) -> None:
        """All of it, to nowhere."""
        start, before, most, octets = time.process_time(), _resident(), 0, 0
        for number, line in enumerate(text):
            octets += len(line)
            if number % 10_000 == 0:
                most = max(most, _resident())
        self._tell(f"all as {form}, s", round(time.process_time() - start, 1))
        self._tell(f"all as {form}, MB", octets // 1_000_000)
        self._tell(f"all as {form}, memory more, MB", round((most - before) / 1e6, 1))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def figures(file: Path, users: int, exports: bool) -> dict[str, float]:
    """All of them."""
    store, measure = Store(f"sqlite:///{file}"), Measure()
    store.migrate()

    def day(number: int) -> dict[str, Any]:
        begin = BEGIN + (number * 7 % DAYS) * DAY
        return {"since": begin, "until": begin + DAY}

    def history(number: int) -> int:
        user = f"user{number * 31 % users}"
        viewer = Viewer(user, shares=frozenset({"user1", "user2"}))
        records = store.newest({user, *viewer.shares}, hidden_by=user)
        return len(list(itertools.islice(entries(records, viewer), 20)))

    measure.ask("a user's day", lambda n: len(list(store.each(Wanted(user=f"user{n * 31 % users}", **day(n))))))
    measure.ask("a line's day", lambda n: len(list(store.each(Wanted(line=f"user{n * 31 % users}", **day(n))))))
    measure.ask("a number's day", lambda n: len(list(store.each(Wanted(number=f"+1669555{n * 31:04}", **day(n))))))
    measure.ask("a history, the newest 20", history)
    measure.ask("all calls, the newest 20", lambda _: len(store.history(20)))
    measure.ask("a line's calls, the newest 20", lambda n: len(store.history(20, line=f"user{n * 31 % users}")))
    boss = Viewer("", Role.ADMIN)
    measure.ask("a user's month as a report", lambda n: len(report_of(store.each(Wanted(user=f"user{n}")), (), boss)))
    if exports:
        measure.write("CSV", csv_text(map(row, store.each()), COLUMNS))
        measure.write("JSON Lines", json_lines(map(whole, store.each())))
    store.close()
    return measure.found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--keep", type=Path, help="the folder to make the store in, or to find it")
    parser.add_argument("--no-export", action="store_true", help="ask only")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        file = (options.keep or Path(name)) / "records.db"
        if not file.exists():
            start = time.process_time()
            fill(file, options.calls, options.users)
            sys.stdout.write(f"{time.process_time() - start:>10.1f}  making the store, s\n")
        found = figures(file, options.users, not options.no_export)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
