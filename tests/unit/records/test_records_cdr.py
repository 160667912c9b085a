"""The call record is the same however its events are interleaved or repeated, and its times add up."""

from __future__ import annotations

import datetime
from functools import reduce

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from records.cdr import CallRecord, CdrFolder, Recorded, fold
from records.events import (
    CallEnded,
    CallEvent,
    Connected,
    LegAnswered,
    LegEnded,
    LegHeld,
    LegMoved,
    LegRinging,
    LegStarted,
    RecordingEnded,
    RecordingPaused,
    RecordingStarted,
    Recovered,
)
from tests.support.call_events import DIALOG, FLOW, answered_call, at, started
from tests.support.examples import examples


def record_of(events: list[CallEvent]) -> CallRecord:
    record = reduce(fold, events, None)
    assert record is not None
    return record


def test_an_answered_call() -> None:
    record = record_of(answered_call("c1"))
    assert (record.duration_s, record.ring_s, record.talk_s) == (64.2, 4.0, 60.0)
    assert (record.result, record.reason, record.sip_status) == ("answered", "caller_hung_up", 200)
    assert (record.device, record.line, record.trunk) == ("desk-201", "201", None)
    assert (record.caller_number, record.caller_name, record.dialled, record.number) == ("201", "Ada", "202", "202")
    assert (record.answered_target, record.answered_contact) == ("line:202", "sip:202@192.0.2.78")
    assert record.because == (("extension", "matched"),)
    assert record.model == "6f1d"
    assert record.complete
    assert not record.recovered
    caller, callee = record.legs
    assert (caller.target, caller.answered_at, caller.ended_at) == ("line:201", at(4.2), at(64.2))
    assert (callee.target, callee.rang_at, callee.ended_at) == ("line:202", at(0.2), at(64.2))


def test_a_call_that_nobody_answered_only_rang() -> None:
    call = [*answered_call("c1")[:5], CallEnded("c1", 5, at(20.2), "cancelled", "caller_cancelled", 487)]
    record = record_of(call)
    assert (record.duration_s, record.ring_s, record.talk_s) == (20.2, 20.0, 0.0)
    assert record.answered_at is None
    assert [leg.reason for leg in record.legs] == ["caller_cancelled"] * 2


def test_hold_is_counted_on_the_leg_that_held() -> None:
    call: list[CallEvent] = [
        *answered_call("c1")[:8],
        LegHeld("c1", 8, at(10), 1, True),
        LegHeld("c1", 9, at(15.5), 1, False),
        LegHeld("c1", 10, at(20), 1, True),
        LegHeld("c1", 11, at(21), 1, True),
        CallEnded("c1", 12, at(22), "answered", "callee_hung_up", 200),
    ]
    assert [leg.held_s for leg in record_of(call).legs] == [0.0, 7.5]


def test_a_service_answers_without_a_second_leg() -> None:
    call: list[CallEvent] = [
        started("c1"),
        LegAnswered("c1", 1, at(0.1), 0, DIALOG),
        Connected("c1", 2, at(0.1), 0, "echo"),
        CallEnded("c1", 3, at(9.1), "answered", "caller_hung_up", 200),
    ]
    record = record_of(call)
    assert (record.service, record.answered_target, record.talk_s) == ("echo", "", 9.0)


def test_a_call_taken_over_after_a_restart_says_so() -> None:
    call = answered_call("c1")
    end = CallEnded("c1", 9, at(70), "answered", "caller_hung_up", 200)
    assert record_of([*call[:8], Recovered("c1", 8, at(30)), end]).recovered


def test_a_call_whose_beginning_was_lost_has_a_record_all_the_same() -> None:
    record = record_of(answered_call("c1")[4:])
    assert not record.complete
    assert (record.result, record.talk_s) == ("answered", 60.0)


MORE = st.lists(
    st.one_of(
        st.builds(lambda leg: LegStarted("", 0, at(0), leg, "line:202", "sip:x", FLOW, DIALOG, "b"), st.integers(1, 4)),
        st.builds(lambda leg: LegRinging("", 0, at(0), leg, 180, False), st.integers(0, 4)),
        st.builds(lambda leg: LegAnswered("", 0, at(0), leg, DIALOG), st.integers(0, 4)),
        st.builds(lambda leg: LegMoved("", 0, at(0), leg, DIALOG, FLOW), st.integers(0, 4)),
        st.builds(lambda leg, held: LegHeld("", 0, at(0), leg, held), st.integers(0, 4), st.booleans()),
        st.builds(lambda leg: LegEnded("", 0, at(0), leg, "answered", "callee_hung_up", 200), st.integers(0, 4)),
        st.builds(lambda leg: Connected("", 0, at(0), leg), st.integers(0, 4)),
        st.builds(lambda: Recovered("", 0, at(0))),
    ),
    max_size=15,
)


@st.composite
def calls(draw: st.DrawFn, call: str) -> list[CallEvent]:
    """Any call at all: the events need not make sense, and the clock may jump."""
    steps = draw(st.lists(st.integers(-5_000_000, 60_000_000), min_size=17, max_size=17))
    events: list[CallEvent] = [started(call), *draw(MORE), CallEnded(call, 0, at(0), "failed", "internal_error", 500)]
    when, made = at(0), []
    for n, (event, step) in enumerate(zip(events, steps, strict=False)):
        when += datetime.timedelta(microseconds=step)
        made.append(
            type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "call": call, "n": n, "at": when})
        )
    return made


@examples(200)
@given(call=calls("c1"))
def test_the_times_of_any_call_add_up(call: list[CallEvent]) -> None:
    record = record_of(call)
    assert record.ended_at is not None
    assert record.talk_s <= record.duration_s
    assert round(record.ring_s * 1000) + round(record.talk_s * 1000) <= round(record.duration_s * 1000)
    numbers = [leg.leg for leg in record.legs]
    assert 0 in numbers
    for leg in record.legs:
        assert leg.ended_at is not None
        assert not leg.holding
        assert all(each.until is not None for each in leg.holds)
        assert record.started_at <= leg.started_at <= leg.ended_at <= record.ended_at
        if leg.rang_at:
            assert leg.started_at <= leg.rang_at <= leg.ended_at
        if leg.answered_at:
            assert (leg.rang_at or leg.started_at) <= leg.answered_at <= leg.ended_at
        assert leg.held_s <= (leg.ended_at - leg.started_at).total_seconds()


@examples(200)
@given(data=st.data(), one=calls("c1"), two=calls("c2"))
def test_interleaved_and_repeated_events_give_each_record_once(
    data: st.DataObject, one: list[CallEvent], two: list[CallEvent]
) -> None:
    stream: list[CallEvent] = []
    left, right = list(one), list(two)
    while left or right:
        source = left if left and (not right or data.draw(st.booleans())) else right
        stream.append(source.pop(0))
        if data.draw(st.integers(0, 3)) == 0:  # somebody tells a stretch of it again
            since = data.draw(st.integers(0, len(stream) - 1))
            stream += stream[since:]
    folder = CdrFolder()
    records = [record for event in stream if (record := folder.feed(event))]
    assert sorted(records, key=lambda record: record.call) == [record_of(one), record_of(two)]
    assert folder.open == {}


def test_recordings_are_told_with_who_asked_who_was_told_and_why_they_ended() -> None:
    """REC-4, REC-7: files by name; what could not begin has none, and the reason."""
    call = answered_call("c1")
    n, end = call[-1].n, call[-1]
    file, more = "2026-01-05/c1-1.wav", "2026-01-05/c1-2.wav"
    record = record_of(
        [
            *call[:-1],
            RecordingEnded("c1", n, at(71), "", "refused", "device:bob", "may not"),
            RecordingStarted("c1", n + 1, at(72), 0, file, "s0", 0, "device:anna", True),
            RecordingStarted("c1", n + 2, at(72), 1, file, "s1", 1, "device:anna"),
            RecordingPaused("c1", n + 3, at(73), file, True),
            RecordingPaused("c1", n + 4, at(74), file, False),
            RecordingStarted("c1", n + 5, at(75), 2, file, "s2", 1, "device:anna"),
            RecordingEnded("c1", n + 6, at(76), file, "off", "device:anna"),
            RecordingStarted("c1", n + 7, at(77), 0, more, "s3", 0, "operator:root"),
            msgspec.structs.replace(end, n=n + 8, at=at(80)),
        ]
    )
    assert record.recordings == (
        Recorded(at(71), "", "device:bob", why="refused", detail="may not", over_at=at(71)),
        Recorded(at(72), file, "device:anna", (0, 1, 2), (0,), 1, "off", over_at=at(76)),
        Recorded(at(77), more, "operator:root", (0,)),
    )
    assert record.ended_at == at(80)
