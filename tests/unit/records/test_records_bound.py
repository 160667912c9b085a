"""The journal's bound when nobody takes it in (issue 6: bounded size): never silently, never what is needed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from structlog.testing import capture_logs

from records.bound import keep_within
from records.journal import FileJournal
from records.recovery import recover
from records.segments import segments
from switch.bounding import Bounding
from tests.support.call_events import answered_call
from tests.support.feeding import records


def ten_segments(folder: Path) -> list[int]:
    """A call in each, and one that is up from the fourth on."""
    journal = FileJournal(folder, segment_bytes=1)
    for number in range(10):
        journal.append([*answered_call(f"c{number}"), *(answered_call("long")[:6] if number == 3 else ())])
    journal.close()
    return [segment.number for segment in segments(folder)]


def size(folder: Path) -> int:
    return sum(segment.path.stat().st_size for segment in segments(folder))


def test_at_the_bound_the_oldest_segments_go_and_are_counted(tmp_path: Path) -> None:
    numbers = ten_segments(tmp_path)
    most = size(tmp_path) // 2
    found = keep_within(tmp_path, most, numbers[-1])
    left = [segment.number for segment in segments(tmp_path)]
    assert left == numbers[-len(left) :] and found.segments == 10 - len(left) > 3
    assert found.octets == size(tmp_path) <= most
    assert 0 < found.first_at <= found.last_at
    again = keep_within(tmp_path, most, numbers[-1])
    assert (again.segments, again.octets) == (0, found.octets)


def test_what_is_needed_stays_whatever_it_takes(tmp_path: Path) -> None:
    numbers = ten_segments(tmp_path)
    found = keep_within(tmp_path, 0, numbers[3])
    assert [segment.number for segment in segments(tmp_path)] == numbers[3:] and found.segments == 3
    events = [event for frame in FileJournal(tmp_path).read() for event in frame.events]
    assert list(recover(events).calls) == ["long"] and not recover(events).orphans
    assert [record.call for record in records(*events)] == [f"c{n}" for n in range(3, 10)]


def test_what_the_store_has_is_no_loss(tmp_path: Path) -> None:
    numbers = ten_segments(tmp_path)
    found = keep_within(tmp_path, 0, numbers[6], stored=numbers[4])
    assert found.segments == 2 and [segment.number for segment in segments(tmp_path)] == numbers[6:]


def test_the_exchange_drops_nothing_that_an_open_call_or_the_state_needs_and_tells(tmp_path: Path) -> None:
    numbers = ten_segments(tmp_path)
    octets, end, told, calls = size(tmp_path), [numbers[2]], [0], {"old"}
    log = structlog.get_logger()
    bounding = Bounding(
        tmp_path,
        1,
        open_calls=lambda: calls,
        told=lambda: told[0],
        end=lambda: end[0],
        stored=lambda: 0,
        log=log,
    )
    bounding._most = octets // 2  # a megabyte is much for a test
    left = lambda: [segment.number for segment in segments(tmp_path)]  # noqa: E731
    with capture_logs() as logs:
        asyncio.run(bounding.look())
        assert left() == numbers, "the state has not been told yet, and where the open call began nobody knows"
        assert bounding.trouble().startswith("journal: 0 of 0 MB, as the record store does not take it in")
        told[0] = numbers[5]
        asyncio.run(bounding.look())
        assert left() == numbers, "the call that was found at the start"
        calls.clear()
        calls.add("new")
        end[0] = numbers[-1]
        asyncio.run(bounding.look())
        assert left() == numbers[2:], "it began behind the last look"
        assert bounding.dropped == 2
        calls.clear()
        asyncio.run(bounding.look())
        assert left()[0] == numbers[5] and bounding.dropped == 5
    assert [entry["segments"] for entry in logs] == [2, 3] and {entry["log_level"] for entry in logs} == {"error"}
    assert bounding.octets == size(tmp_path)
    assert "5 segments went before the records had them" in bounding.warning()
    bounding._most = octets * 10
    assert not bounding.trouble() and bounding.warning(), "it is well again, and not forgotten"
