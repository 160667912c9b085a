"""The versions of the journal's format, and the clocks that are in it (decision 6, issue 6: journal)."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from records.cdr import CallRecord
from records.clocks import Clock, boot_id, clock_now, monotonic_ns, moved, stepped_s
from records.events import CallEvent, CallStarted, Event, LegRated, LegTaken, LimitClock, SessionTimed, Stretch
from records.feed import Feeder
from records.journal import FileJournal
from records.recovery import recover
from records.retention import Retention
from records.segments import BEGIN, FORMAT, NewerFormatError, Position, Reader, segments
from records.store import Store
from tests.support.call_events import DIALOG, FLOW, START, answered_call, at, bound, inputs
from tests.support.feeding import records

OLD = Path(__file__).parent / "format1"
"""A journal as it was written before format 2: a call, a contact, a call that began under a name in Latin-1, and one
that was answered."""


def record_of(events: Iterable[CallEvent]) -> CallRecord:
    (record,) = records(*events)
    return record


def old_journal(directory: Path) -> Path:
    shutil.copytree(OLD, directory)
    return directory


def test_a_journal_of_format_1_is_read_and_gone_on_with(tmp_path: Path) -> None:
    directory = old_journal(tmp_path / "journal")
    journal = FileJournal(directory)
    journal.append([bound("203")])
    frames = list(journal.read())
    assert [segment.format for segment in segments(directory)] == [1, FORMAT]
    assert len(frames) == 13 and frames[-1].events == [bound("203")]
    assert [frame.stamp is None for frame in frames] == [True] * 12 + [False]
    found = recover(event for frame in frames for event in frame.events)
    assert list(found.calls) == ["c2", "c3"] and not found.orphans
    assert [type(event).__name__ for event in found.calls["c3"]][-3:] == ["LegAnswered", "LegAnswered", "Connected"]
    (second,) = found.calls["c2"]
    assert isinstance(second, CallStarted) and second.caller_name.encode("utf-8", "surrogateescape") == b"Andr\xe9"
    assert {line for line, _, _ in found.bindings} == {"201", "203"}
    middle = frames[4].position
    assert [frame.position for frame in journal.read(middle)] == [frame.position for frame in frames[5:]]
    journal.close()


def test_a_torn_or_damaged_journal_of_format_1_is_read_as_far_as_it_is_good(tmp_path: Path) -> None:
    directory = old_journal(tmp_path / "journal")
    (segment,) = segments(directory)
    data = bytearray(segment.path.read_bytes())
    ends = [frame.position.offset for frame in Reader(directory)]
    data[ends[1] + 9] ^= 4
    segment.path.write_bytes(data[: ends[-1] - 3])
    reader = Reader(directory)
    assert [frame.position.offset for frame in reader] == [*ends[:2], *ends[3:-1]]
    assert reader.corrupt == 1
    reader.close()


def test_a_held_segment_keeps_its_format_and_its_times_when_it_shrinks(tmp_path: Path) -> None:
    directory = old_journal(tmp_path / "journal")
    journal = FileJournal(directory)
    journal.append(answered_call("long")[:5])
    journal.append(answered_call("short"))
    (kept,) = [frame for frame in journal.read() if frame.events[0] == answered_call("long")[0]]
    journal.close()
    last = FileJournal(directory)
    last.append([bound("204")])
    retention = Retention(directory, spare_s=0)
    reader = Reader(directory)
    for position, events, _ in reader:
        for event in events:
            if isinstance(event, Event):
                retention.saw(position.segment, event.call)
    retention.told = last.end.segment
    retention.sweep(last.end.segment, {"c3", "long"})
    assert [segment.format for segment in segments(directory)] == [1, FORMAT, FORMAT]
    frames = list(last.read())
    assert {event.call for frame in frames for event in frame.events if isinstance(event, Event)} == {"c3", "long"}
    (again,) = [frame for frame in frames if frame.events[0] == answered_call("long")[0]]
    assert again.stamp == kept.stamp and again.stamp is not None
    last.close()
    reader.close()


def test_a_segment_of_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    journal.append([bound()])
    journal.close()
    (old,) = segments(tmp_path)
    newer = tmp_path / f"{old.number + 1:010d}-00112233aabbccdd.3.journal"
    newer.write_bytes(b"of another age")
    later = FileJournal(tmp_path)
    later.append([bound("202")])
    assert later.end.segment > old.number + 1, "positions grow"
    reader = Reader(tmp_path)
    with pytest.raises(NewerFormatError, match="is of format 3, this Ringplan knows 2"):
        list(reader)
    reader.close()
    reader = Reader(tmp_path, Position(old.number + 2, 0))
    assert [frame.events for frame in reader] == [[bound("202")]]
    reader.close()
    retention = Retention(tmp_path, spare_s=0)
    retention.told = later.end.segment
    assert retention.sweep(later.end.segment, ()) == 1
    assert newer.read_bytes() == b"of another age"
    later.close()


def test_each_input_has_the_monotonic_time_and_the_segment_its_clocks(tmp_path: Path) -> None:
    wall, ns = [1_772_442_000.0], [5_000_000_000]
    journal = FileJournal(tmp_path, unix_time=lambda: wall[0], ns=lambda: ns[0], boot="ab" * 16)
    for events in inputs(answered_call("c1")):
        journal.append(events)
        wall[0] += 2
        ns[0] += 2_000_000_000
    stamps = [frame.stamp for frame in journal.read()]
    assert [stamp.monotonic for stamp in stamps if stamp] == [5.0, 7.0, 9.0, 11.0, 13.0, 15.0]
    assert {stamp.clock for stamp in stamps if stamp} == {Clock("ab" * 16, 1_772_442_000.0, 5.0)}
    journal.close()


def test_where_the_wall_clock_is_set_a_new_segment_begins(tmp_path: Path) -> None:
    wall, ns = [1_772_442_000.0], [5_000_000_000]
    journal = FileJournal(tmp_path, unix_time=lambda: wall[0], ns=lambda: ns[0], boot="ab" * 16)
    for step in (0.0, 0.3, 3600.0, 0.0, -7200.0):
        wall[0] += step
        journal.append([bound()])
    first, second, third = sorted({frame.position.segment for frame in journal.read()})
    clocks = {frame.position.segment: frame.stamp.clock for frame in journal.read(BEGIN) if frame.stamp}
    assert second == first + 1 and third == second + 1
    stamps = [frame.stamp for frame in journal.read()]
    today = Clock("ab" * 16, wall[0] + 60.0, ns[0] / 1e9 + 60.0)
    assert [round(stepped_s(stamp, today), 1) for stamp in stamps] == [-3599.7, -3599.7, -7200.0, -7200.0, 0.0]
    assert clocks[second].offset - clocks[first].offset == pytest.approx(3600.3)
    assert stepped_s(stamps[0], Clock("cd" * 16, today.wall, today.monotonic)) == 0.0, "another boot: nobody can tell"
    assert stepped_s(None, today) == 0.0
    journal.close()


def test_the_clocks_of_this_machine() -> None:
    clock = clock_now()
    assert clock.boot == boot_id() and len(clock.boot) in (0, 32)
    assert 0 <= monotonic_ns() / 1e9 - clock.monotonic < 60


def test_a_record_adds_up_although_the_clock_was_set_during_the_call(tmp_path: Path) -> None:
    """Times of a call are by the clock of its beginning; of the next call by the one that it begins by."""
    wall, ns = [START.timestamp()], [5_000_000_000]
    journal = FileJournal(tmp_path / "journal", unix_time=lambda: wall[0], ns=lambda: ns[0], boot="ab" * 16)
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    feeder = Feeder(tmp_path / "journal", store)
    events = answered_call("c1")
    middle = next(index for index, event in enumerate(events) if type(event).__name__ == "Connected") + 1
    journal.append(events[:middle])
    assert feeder.step() and not feeder.step()
    wall[0] += 3600.0
    journal.append([moved(event, 3600.0) for event in events[middle:]])
    journal.append([moved(event, 3600.0) for event in answered_call("c2", 100.0)])
    feeder.step()
    assert store.call("c1") == record_of(events)
    assert store.call("c2") == record_of(moved(event, 3600.0) for event in answered_call("c2", 100.0))
    store.close()
    journal.close()


def test_every_instant_of_a_calls_event_is_moved_however_deep() -> None:
    clock = LimitClock("line:anna", "anna", 60.0, at(3))
    session = SessionTimed("c1", 4, at(4), 1, 1800, True)
    taken = LegTaken(
        "c2", 1, at(5), 1, "c1", 0, "line:anna", "sip:a@x", FLOW, DIALOG, "anna", None, b"", None, session=session,
        clocks=(clock,),
    )  # fmt: skip
    rated = LegRated("c2", 2, at(6), 1, at(1), "anna", "+1", earlier=(Stretch(at(1), "line:ben", "Ben", at(2)),))
    for event in (taken, rated):
        told, after = [str(part) for part in _instants(event)], [str(part) for part in _instants(moved(event, 3600.0))]
        assert len(told) == len(after) >= 3
        assert after == [str(part + datetime.timedelta(hours=1)) for part in _instants(event)]
        assert moved(moved(event, 3600.0), -3600.0) == event


def _instants(value: object) -> list[datetime.datetime]:
    if isinstance(value, datetime.datetime):
        return [value]
    parts = msgspec.structs.astuple(value) if isinstance(value, msgspec.Struct) else value
    return [found for part in parts for found in _instants(part)] if isinstance(parts, tuple) else []
