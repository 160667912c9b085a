"""What it costs to lose nothing: an append, the journal and the records of a call, and a start with 1,000 open calls.

    python bench/micro_journal.py [calls]

The events are those of the basic call of `bench/micro_call.py`, as the shipped core decides them; files are on a disk.

    append     CPU-µs of `FileJournal.append` for one input, by how many events it holds (wanted: at most 10)
    a call     CPU-µs of a call's appends, and of the record feeder's process for it, without its start (at most 150)
    recovery   seconds from the start of a process to its last recovered call, of so many answered calls (at most 3)
"""

from __future__ import annotations

import argparse
import datetime
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from micro_call import House

from records import events as e
from records.journal import FileJournal
from switch.replay import replay
from switch.state.facts import Kept

OPEN = 1000
Batches = list[list[e.AnyEvent]]


def of_a_call(folder: Path) -> Batches:
    """The events of one call, input by input."""
    house, batches = House(folder), Batches()
    inner = house.journal.append
    house.journal.append = lambda events: (batches.append(list(events)), inner(events))[1]  # type: ignore[method-assign]
    house.call(999, 0.0)
    assert not house.errors, house.errors
    house.journal.close()
    return batches


def renamed(batches: Batches, call: str) -> Batches:
    """The same in another call, so that nothing is decided by what a cache remembers."""
    return [[msgspec.structs.replace(event, call=call) for event in batch] for batch in batches]  # type: ignore[call-arg]


def appends(batches: Batches, folder: Path, calls: int) -> float:
    """Print what an append costs; returns the CPU-µs of a call."""
    journal = FileJournal(folder)
    sizes = sorted({len(batch) for batch in batches})
    used, count = dict.fromkeys(sizes, 0.0), dict.fromkeys(sizes, 0)
    many = [renamed(batches, f"call{number:06}") for number in range(200)]
    journal.append(many[0][0])
    gc.collect()
    gc.freeze()
    append = journal.append
    for _ in range(max(1, calls // 200)):
        for index in range(len(batches)):
            began = time.process_time()
            for call in many:
                append(call[index])
            size = len(batches[index])
            used[size] += time.process_time() - began
            count[size] += len(many)
    journal.close()
    each = {size: used[size] / count[size] * 1e6 for size in sizes}
    print("append: " + ", ".join(f"{each[size]:.1f} µs with {size} events" for size in sizes))
    print(f"  a call: {len(batches)} appends, {sum(map(len, batches))} events")
    return sum(each[len(batch)] for batch in batches)


def feeds(batches: Batches, folder: Path, calls: int) -> float:
    """CPU-µs of the feeder's process for a call."""

    def cpu(name: str, count: int) -> float:
        journal = FileJournal(folder / name, segment_bytes=16 << 20)
        for number in range(count):
            for batch in renamed(batches, f"call{number:06}"):
                journal.append(batch)
        journal.close()
        command = [sys.executable, "-P", "-m", "records.feed", str(folder / name), f"sqlite:///{folder / name}.db"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, "--once"], check=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    few, many = max(50, calls // 20), calls
    idle = min(cpu(f"few{turn}", few) for turn in range(2))
    return (min(cpu(f"many{turn}", many) for turn in range(2)) - idle) / (many - few) * 1e6


def open_calls(batches: Batches, folder: Path) -> None:
    """A journal in which so many calls are answered and talk."""
    journal = FileJournal(folder, segment_bytes=16 << 20)
    talking = next(index for index, batch in enumerate(batches) if any(type(each) is e.Connected for each in batch))
    at = datetime.datetime.now(datetime.UTC)
    for number in range(OPEN):
        for batch in renamed(batches[: talking + 1], f"call{number:06}"):
            journal.append([_of_itself(event, number, at) for event in batch])
    journal.close()


def _of_itself(event: e.AnyEvent, number: int, at: datetime.datetime) -> e.AnyEvent:
    """The event with dialogs and media of its own."""
    changes: dict[str, object] = {"at": at}
    if isinstance(event, e.LegStarted | e.LegAnswered):
        dialog = event.dialog
        tag, call_id = f"{dialog.local_tag}{event.leg}{number}", f"{dialog.call_id}{number}"
        changes["dialog"] = msgspec.structs.replace(dialog, local_tag=tag, call_id=call_id)
    if isinstance(event, e.CallStarted):
        changes["sip_call_id"] = f"{event.sip_call_id}{number}"
    if isinstance(event, e.LegMedia):
        changes["media"] = msgspec.structs.replace(event.media, leg=event.leg + 2 * number)
    return msgspec.structs.replace(event, **changes)


def recover(folder: Path) -> None:
    """What a start does, in the process that was started for it."""
    import switch.app  # noqa: F401  all that the exchange loads

    began = time.monotonic()
    house = House(folder)
    now, at = time.monotonic(), datetime.datetime.now(datetime.UTC)
    found = replay(house.core, house.journal, (), Kept(), now, at, structlog.get_logger())
    read = time.monotonic()
    house.core.recover(found.calls.values(), now, found.ended)
    house.core.resume(found.subscribed.values(), now)
    done = time.monotonic()
    assert not house.errors, house.errors[0]
    assert len(house.core.calls.by_id) == OPEN
    print(f"recovery of {OPEN} calls: read {read - began:.2f} s, taken over {done - read:.2f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("calls", type=int, nargs="?", default=4000)
    parser.add_argument("--recover", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.recover is not None:
        recover(options.recover)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batches = of_a_call(folder / "one")
        journal = appends(batches, folder / "appends", options.calls)
        feeder = feeds(batches, folder, options.calls)
        print(f"a call: journal {journal:.0f} + records {feeder:.0f} = {journal + feeder:.0f} µs of CPU")
        open_calls(batches, folder / "open")
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, __file__, "--recover", str(folder / "open")], check=True)
        took, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        print(f"  from the start of the process: {took:.2f} s, {cpu:.2f} s of CPU")


if __name__ == "__main__":
    main()
