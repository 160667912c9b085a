"""What `ringplan diff` costs: past calls out of the record store, and out of a CSV, decided by two configurations.

    python bench/micro_diff.py [--calls 40000] [--users 1000] [--routes 50000] [--json FILE]

The company is that of `micro_plan`; the second configuration has another ring time and one route less. All times are
CPU time of one core, with reading the calls, and without compiling the configurations. Issue 4's limit: 40,000 calls
in 60 s.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from micro_plan import company, requests

from config import compile as compiling
from config import validate
from dialplan.compare import Kind
from dialplan.model import Model
from dialplan.plan import CallRequest
from dialplan.sample import usual_zone
from records.cdr import CallRecord
from records.segments import Position
from records.store import Store
from switch import call_lists
from switch.diffing import Report, differences, from_list, from_records, made_up

AT = datetime.datetime(2026, 11, 2, 8, 0, tzinfo=datetime.UTC)
BATCH = 1000


def mixed(users: int, calls: int) -> Iterator[CallRequest]:
    """Calls of all kinds in turn, a second apart."""
    kinds = [itertools.cycle(each) for each in requests(users).values()]
    for number in range(calls):
        yield next(kinds[number % len(kinds)])


def record(number: int, asked: CallRequest) -> CallRecord:
    """The record of a call that was made so."""
    at = AT + datetime.timedelta(seconds=number)
    busy = {"lines": {asked.line: {"active": 1}}} if asked.line else {}
    return CallRecord(
        call=f"c{number:07}",
        n=9,
        last_at=at,
        started_at=at,
        ended_at=at,
        complete=True,
        device=asked.device,
        line=asked.line,
        trunk=asked.trunk,
        dialled=asked.digits,
        number=asked.digits,
        facts=json.dumps(busy) if busy else "",
        result="answered",
        reason="caller_hung_up",
        sip_status=200,
    )


def fill(folder: Path, users: int, calls: int) -> tuple[str, Path]:
    """The calls in a record store, and as a list. Returns its URL and the file."""
    url = f"sqlite:///{folder}/records.db"
    store = Store(url)
    store.migrate()
    made = folder / "calls.csv"
    with made.open("w") as file:
        file.write("at,from,to\n")
        for start in range(0, calls, BATCH):
            taken = list(itertools.islice(enumerate(mixed(users, calls)), start, start + BATCH))
            records = [record(number, asked) for number, asked in taken]
            store.apply(records, Position(0, start + 1))
            for each in records:
                dialled = each.dialled.replace('"', "")
                file.write(f'{each.started_at.isoformat()},{each.line or "+442079460958"},"{dialled}"\n')
    store.close()
    return url, made


def model(made: Path) -> Model:
    """Its dialplan."""
    return compiling.model_of(validate.load(made))


def figures(users: int, routes: int, calls: int) -> dict[str, float]:
    """CPU seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = company(folder, users, routes)
        old = model(made)
        other = folder / "other.yaml"
        text = made.read_text().replace("name: User 7}", "name: User 7, ring: 20s}")
        other.write_text("\n".join(line for line in text.splitlines() if "  spread:" not in line) + "\n")
        new = model(other)
        url, listed = fill(folder, users, calls)
        found: dict[str, float] = {}

        def measure(what: str, work: Iterator[Report]) -> None:
            start = time.process_time()
            (report,) = work
            found[f"{what}, s"] = round(time.process_time() - start, 2)
            found[f"{what}, calls"] = report.calls
            found[f"{what}, changed"] = report.changed
            assert set(report.kinds) <= set(Kind)

        def of_store(against: Model) -> Iterator[Report]:
            store = Store(url)
            yield differences(old, against, from_records(store.history(calls, legs=False)))
            store.close()

        def of_list() -> Iterator[Report]:
            yield differences(old, new, from_list(call_lists.read(listed).calls, old, new, usual_zone(old)))

        def of_nothing() -> Iterator[Report]:
            yield differences(old, new, made_up(old, new, AT.date()))

        measure("record store", of_store(new))
        measure("record store, nothing changed", of_store(old))
        measure("CSV", of_list())
        measure("every number", of_nothing())
        return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40_000)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--routes", type=int, default=50_000)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    found = figures(options.users, options.routes, options.calls)
    for name, value in found.items():
        sys.stdout.write(f"{value:>10}  {name}\n")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
