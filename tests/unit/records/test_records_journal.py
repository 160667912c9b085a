"""What every journal does, and what the one in files does besides."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from records.events import AnyEvent, CallEnded
from records.journal import BEGIN, FileJournal, Journal, MemoryJournal, Position
from records.recovery import open_calls, recover
from records.segments import Reader, segments
from tests.support.call_events import answered_call, at, bound, inputs, started, unbound

KINDS = ["memory", "file", "file with small segments"]


@pytest.fixture(params=KINDS)
def journal(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "memory":
        made: Journal = MemoryJournal()
    else:
        size = 2000 if "small" in request.param else 64 << 20
        made = FileJournal(tmp_path / "journal", segment_bytes=size)
    yield made
    made.close()


def everything(journal: Journal, position: Position = BEGIN) -> list[list[AnyEvent]]:
    return [events for _, events, _ in journal.read(position)]


SAMPLES: list[list[AnyEvent]] = [*inputs(answered_call("c1")), [bound()], [unbound()], *inputs(answered_call("c2"))]


def test_inputs_come_back_whole_and_in_order(journal: Journal) -> None:
    for events in SAMPLES:
        journal.append(events)
    assert everything(journal) == SAMPLES
    assert journal.health().appended == sum(map(len, SAMPLES))
    assert not journal.health().degraded


def test_a_position_is_where_reading_goes_on(journal: Journal) -> None:
    ends = []
    for events in SAMPLES:
        journal.append(events)
        ends.append(journal.end)
    assert [position for position, _, _ in journal.read()] == ends
    assert ends == sorted(ends)
    for index, position in enumerate(ends):
        assert everything(journal, position) == SAMPLES[index + 1 :]


def test_nothing_is_written_for_no_events(journal: Journal) -> None:
    journal.append([])
    assert everything(journal) == []


def test_text_that_is_no_utf8_comes_back_exactly(journal: Journal) -> None:
    name = b"Andr\xe9 \xff".decode("utf-8", "surrogateescape")
    journal.append([started("c1", name=name), CallEnded("c1", 1, started("c1").at, "failed", "overload", 503)])
    event = everything(journal)[0][0]
    assert event == started("c1", name=name)


def test_the_file_journal_makes_one_write_for_each_input(tmp_path: Path) -> None:
    writes: list[int] = []

    def write(fd: int, data: bytes | bytearray) -> int:
        writes.append(len(data))
        return os.write(fd, data)

    journal = FileJournal(tmp_path, write=write)
    for events in SAMPLES:
        journal.append(events)
    assert len(writes) == 1 + len(SAMPLES), "the head of the segment, and one for each"
    journal.close()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    journal.append([bound()])
    journal.close()
    [segment] = segments(tmp_path / "journal")
    assert stat.S_IMODE(segment.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o700


def test_each_run_begins_a_segment_behind_the_last_even_with_a_clock_set_back(tmp_path: Path) -> None:
    numbers = []
    for clock in (2000.0, 1000.0, 3000.0):
        journal = FileJournal(tmp_path, unix_time=lambda clock=clock: clock)
        journal.append([bound()])
        numbers.append(journal.end.segment)
        journal.close()
    assert numbers == [2000, 2001, 3000]


def test_a_reader_follows_the_writer_over_segments(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path, segment_bytes=1500)
    reader = Reader(tmp_path)
    assert reader.read() == []
    for events in SAMPLES:
        journal.append(events)
        assert [got for _, got, _ in reader.read()] == [events]
        assert reader.read() == []
    assert len(segments(tmp_path)) > 1
    assert (reader.torn, reader.corrupt) == (0, 0)
    reader.close()
    journal.close()


def test_an_input_larger_than_the_read_size_is_read(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    large = [started("c1", name="x" * 300_000)]
    journal.append(large)
    journal.append([bound()])
    reader = Reader(tmp_path)
    got = []
    while frames := reader.read(1000):
        got += [events for _, events, _ in frames]
    assert got == [large, [bound()]]
    reader.close()
    journal.close()


def test_sync_clears_the_lag(tmp_path: Path) -> None:
    now = [100.0]
    journal = FileJournal(tmp_path, monotonic=lambda: now[0])
    assert journal.health().sync_lag_s == 0
    journal.append([bound()])
    now[0] += 3
    journal.append([bound()])
    assert journal.health().sync_lag_s == 3
    journal.sync()
    assert journal.health().sync_lag_s == 0
    journal.close()


def test_the_syncing_thread_starts_and_stops(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path, sync_s=0.005, segment_bytes=500)
    journal.start()
    for events in SAMPLES:
        journal.append(events)
    journal.close()
    assert journal.health().sync_lag_s == 0
    assert everything(journal) == SAMPLES


WRITER = """
import sys
from pathlib import Path
from tests.support.call_events import answered_call, inputs
from records.journal import FileJournal

journal = FileJournal(Path(sys.argv[1]), segment_bytes=20_000)
number = 0
while True:
    for events in inputs(answered_call(f"c{number}")):
        journal.append(events)
        sys.stdout.write(f"{events[-1].call} {events[-1].n}\\n")
        sys.stdout.flush()
    number += 1
"""


def test_kill_9_of_the_writer_loses_no_appended_event(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}, text=True
    ) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(500)]
        writer.kill()
        told += writer.stdout.read().splitlines(keepends=True)
    reader = Reader(tmp_path)
    events = [event for _, some, _ in reader for event in some]
    found = {(event.call, event.n) for event in events}  # type: ignore[union-attr]
    said = {(line.split()[0], int(line.split()[1])) for line in told if line.endswith("\n")}
    assert len(said) >= 500
    assert said <= found
    assert reader.corrupt == 0
    whole = [answered_call(f"c{number}") for number in range(len(events) // 10 + 1)]
    assert events == [event for call in whole for event in call][: len(events)]
    reader.close()


def test_recovery_keeps_only_what_is_open() -> None:
    events: list[AnyEvent] = [
        *answered_call("over"),
        *answered_call("up")[:6],
        bound(),
        bound("202", "sip:x"),
        unbound(),
    ]
    found = recover(events)
    assert found.calls == {"up": answered_call("up")[:6]}
    assert list(found.bindings.values()) == [bound("202", "sip:x")]
    assert found.unbound == {("201", "sip:201@192.0.2.77", 0)}
    assert found.orphans == {}


def test_recovery_keeps_what_has_just_ended() -> None:
    long_ago, lately = answered_call("before"), answered_call("lately", 100.0)
    events = [*long_ago, *lately, *answered_call("up", 101.0)[:6]]
    found = recover(events, since=at(90.0))
    assert list(found.ended) == [lately]
    assert list(found.calls) == ["up"]
    assert not recover(events).ended


def test_recovery_counts_events_once_and_names_calls_without_a_beginning() -> None:
    up = answered_call("up")[:6]
    events = [*up, *answered_call("over"), *answered_call("over")[3:5], *up[2:4], *answered_call("lost")[4:6]]
    assert open_calls(events) == {"up": up}
    assert recover(events).orphans == {"lost": 6}
