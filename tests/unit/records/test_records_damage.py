"""Torn ends, flipped bits, full disks: the journal is read as far as it is good, and calls go on."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.clocks import Clock
from records.codec import Codec
from records.events import AnyEvent, CallEnded, CallReplanned
from records.journal import FileJournal
from records.segments import BEGINNING, OVERHEAD, Reader, Segment, beginning, frame, segments
from tests.support.call_events import answered_call, bound, inputs, started
from tests.support.examples import examples

CLOCK = Clock("0123456789abcdef" * 2, 1772442000.0, 5000.0)
SAMPLES: list[list[AnyEvent]] = [*inputs(answered_call("c1")), [bound()]]


def written(directory: Path, samples: list[list[AnyEvent]] = SAMPLES) -> tuple[Segment, list[int]]:
    """A journal of one segment, and where its frames end."""
    journal = FileJournal(directory)
    ends = []
    for events in samples:
        journal.append(events)
        ends.append(journal.end.offset)
    journal.close()
    [segment] = segments(directory)
    return segment, ends


def read(directory: Path) -> tuple[list[list[AnyEvent]], Reader]:
    reader = Reader(directory)
    events = [events for _, events, _ in reader]
    reader.close()
    return events, reader


def test_a_journal_torn_at_any_byte_is_read_up_to_the_last_whole_input(tmp_path: Path) -> None:
    segment, ends = written(tmp_path)
    data = segment.path.read_bytes()
    following = segment._replace(number=segment.number + 1)
    following = following._replace(
        path=tmp_path / segment.path.name.replace(str(segment.number), str(following.number))
    )
    for cut in range(len(data)):
        segment.path.write_bytes(data[:cut])
        whole = [events for events, end in zip(SAMPLES, ends, strict=True) if end <= cut]
        following.path.unlink(missing_ok=True)
        events, reader = read(tmp_path)
        assert events == whole  # the newest segment: the rest may still come
        assert reader.torn == reader.corrupt == 0
        following.path.write_bytes(beginning(following, CLOCK) + frame(following, Codec().encode([bound()])))
        events, reader = read(tmp_path)
        assert events == [*whole, [bound()]]
        assert reader.torn == (cut not in [0, segment.start, *ends])


def test_a_reader_waits_for_the_rest_of_an_input(tmp_path: Path) -> None:
    segment, ends = written(tmp_path)
    data = segment.path.read_bytes()
    for cut in (*range(segment.start + 1), *range(ends[0] - 20, ends[1])):
        segment.path.write_bytes(data[:cut])
        reader = Reader(tmp_path)
        first = [events for _, events, _ in reader]
        segment.path.write_bytes(data)
        assert first + [events for _, events, _ in reader] == SAMPLES
        reader.close()


@examples(300)
@given(place=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_a_flipped_bit_costs_one_input_at_most(tmp_path_factory: pytest.TempPathFactory, place: int, bit: int) -> None:
    directory = tmp_path_factory.mktemp("flip")
    segment, ends = written(directory)
    data = bytearray(segment.path.read_bytes())
    place %= len(data)
    data[place] ^= 1 << bit
    segment.path.write_bytes(data)
    if place < segment.start:  # then nobody knows by which clock it was, and that is all
        events, reader = read(directory)
        assert events == SAMPLES and reader.corrupt == 1
        return
    hit = next(index for index, end in enumerate(ends) if place < end)
    events, reader = read(directory)
    assert events == SAMPLES[:hit] + SAMPLES[hit + 1 :]
    if hit < len(SAMPLES) - 1:
        assert reader.corrupt == 1
        assert reader.skipped_bytes == ends[hit] - (ends[hit - 1] if hit else segment.start)


@examples(200)
@given(junk=st.binary(max_size=200), where=st.integers(0, len(SAMPLES)))
def test_junk_between_inputs_is_passed_over(tmp_path_factory: pytest.TempPathFactory, junk: bytes, where: int) -> None:
    directory = tmp_path_factory.mktemp("junk")
    segment, ends = written(directory)
    data = segment.path.read_bytes()
    place = [segment.start, *ends][where]
    segment.path.write_bytes(data[:place] + junk + data[place:])
    assert read(directory)[0] == SAMPLES


def test_damage_larger_than_the_read_size_is_passed_over(tmp_path: Path) -> None:
    segment, ends = written(tmp_path)
    data = segment.path.read_bytes()
    junk = (segment.marker + b"\xff\xff\x01\0" + bytes(50)) * 100
    segment.path.write_bytes(data[: ends[2]] + junk + data[ends[2] :])
    reader = Reader(tmp_path)
    got: list[list[AnyEvent]] = []
    while frames := reader.read(700):
        got += [events for _, events, _ in frames]
    assert got == SAMPLES
    assert reader.corrupt == 1
    reader.close()


def test_text_from_outside_cannot_pass_for_an_input(tmp_path: Path) -> None:
    """What a stranger knows of the format, put into a name, in a damaged input."""
    other = Segment(1, b"abcd", 0, tmp_path)
    forged = frame(other, Codec().encode([bound("victim")])).decode("latin-1")
    segment, _ = written(tmp_path, [[started("c1", name=forged)], [bound()]])
    data = bytearray(segment.path.read_bytes())
    data[segment.start + 20] ^= 1
    segment.path.write_bytes(data)
    assert read(tmp_path)[0] == [[bound()]]


def test_an_event_of_a_newer_version_is_left_out_and_counted(tmp_path: Path) -> None:
    segment, _ = written(tmp_path, [[bound()]])
    known = Codec().encode([bound("202")])[1:]
    with segment.path.open("ab") as file:
        file.write(frame(segment, b"\x92\x92\x63\x01" + known))
    events, reader = read(tmp_path)
    assert events == [[bound()], [bound("202")]]
    assert reader.codec.unknown == 1


class Disk:
    """An `os.write` that takes so many bytes and is full then."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, fd: int, data: bytes | bytearray) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = os.write(fd, data[: self.room])
        self.room -= taken
        return taken


@pytest.mark.parametrize("room", range(0, 1600, 61))
def test_a_full_disk_delays_and_loses_nothing_within_the_bound(tmp_path: Path, room: int) -> None:
    disk = Disk(room)
    journal = FileJournal(tmp_path, write=disk.write, retry_s=0, segment_bytes=1000)
    for events in SAMPLES:
        journal.append(events)
    health = journal.health()
    size = BEGINNING.size + sum(len(Codec().encode(events)) + OVERHEAD for events in SAMPLES)
    if room < size:
        assert "No space" in health.degraded
        assert health.waiting_events > 0
    on_disk = [events for _, events, _ in journal.read()]
    assert on_disk == SAMPLES[: len(on_disk)]
    disk.room = 1 << 30
    journal.append([])
    assert journal.health().degraded == ""
    assert journal.health().waiting_events == journal.health().lost_events == 0
    journal.append([bound("203")])
    events, reader = read(tmp_path)
    assert events == [*SAMPLES, [bound("203")]]
    assert reader.torn == reader.corrupt == 0
    journal.close()


def test_between_two_attempts_the_disk_is_left_alone(tmp_path: Path) -> None:
    now, disk = [5.0], Disk(0)
    journal = FileJournal(tmp_path, write=disk.write, monotonic=lambda: now[0], retry_s=0.1)
    journal.append([bound("201")])
    disk.room = 1 << 20
    journal.append([bound("202")])
    assert journal.health().waiting_events == 2
    now[0] += 0.2
    journal.append([bound("203")])
    assert [event.line for _, events, _ in journal.read() for event in events] == ["201", "202", "203"]  # type: ignore[union-attr]
    journal.close()


def test_beyond_the_bound_ordinary_calls_lose_first_and_the_loss_is_counted(tmp_path: Path) -> None:
    disk = Disk(0)
    journal = FileJournal(tmp_path, write=disk.write, retry_s=0, waiting_bytes=2000)
    emergency = [started("sos", emergency=True)]
    end = [CallEnded("sos", 1, started("sos").at, "answered", "caller_hung_up", 200)]
    journal.append(emergency)
    for number in range(20):
        journal.append([started(f"c{number}")])
    journal.append(end)
    health = journal.health()
    assert health.waiting_bytes <= 2000
    assert health.lost_events > 0
    disk.room = 1 << 30
    journal.append([])
    found = [event for _, events, _ in journal.read() for event in events]
    assert found[:2] == [*emergency, *end]
    assert [event.call for event in found[2:]] == [f"c{number}" for number in range(health.lost_events, 20)]  # type: ignore[union-attr]
    journal.close()


@pytest.mark.parametrize("full", ["before it is sent on", "from its beginning"])
def test_a_call_that_is_sent_on_for_help_loses_last_and_its_events_stay_in_order(tmp_path: Path, full: str) -> None:
    disk = Disk(1 << 30 if full == "before it is sent on" else 0)
    journal = FileJournal(tmp_path, write=disk.write, retry_s=0, waiting_bytes=2000)
    begun = [started("sos")]
    sent = [CallReplanned("sos", 1, started("sos").at, "transfer", "", (), emergency=True)]
    end = [CallEnded("sos", 2, started("sos").at, "answered", "caller_hung_up", 200)]
    journal.append(begun)
    disk.room = 0
    journal.append(sent)
    for number in range(20 if full == "before it is sent on" else 2):
        journal.append([started(f"c{number}")])
    journal.append(end)
    disk.room = 1 << 30
    journal.append([])
    found = [event for _, events, _ in journal.read() for event in events]
    assert [event for event in found if event.call == "sos"] == [*begun, *sent, *end]  # type: ignore[union-attr]
    journal.close()


def test_a_directory_that_cannot_be_made_degrades_and_recovers(tmp_path: Path) -> None:
    place = tmp_path / "journal"
    place.write_text("a file stands in the way")
    journal = FileJournal(place, retry_s=0)
    journal.append([bound()])
    assert journal.health().degraded.startswith("open:")
    place.unlink()
    journal.append([bound("202")])
    assert not journal.health().degraded
    assert [events for _, events, _ in journal.read()] == [[bound()], [bound("202")]]
    journal.close()


LIMITED = """
import resource, sys
from pathlib import Path
from tests.support.call_events import answered_call, inputs
from records.journal import FileJournal

resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
journal = FileJournal(Path(sys.argv[1]), retry_s=0)
for number in range(10):
    for events in inputs(answered_call(f"c{number}")):
        journal.append(events)
print(journal.health().degraded, journal.health().waiting_events)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
journal.append([])
journal.close()
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY, reason="limit is set")
def test_a_real_limit_on_the_file_size_is_survived(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("write: File too large")
    events, reader = read(tmp_path)
    assert [event for some in events for event in some] == [e for n in range(10) for e in answered_call(f"c{n}")]
    assert reader.torn == reader.corrupt == 0
