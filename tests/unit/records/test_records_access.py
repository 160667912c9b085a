"""Who may hear what (DRE-1 to 3, DVM-1, ACC-2), and what those read who are not to know who is outside."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from records.access import NotFound, for_viewer, may_count, may_open, recording, recordings
from records.cdr import CallRecord, Passed, Recorded
from records.cdr.record import Asked, LegRecord
from records.events import Forwarded
from records.masking import masked, masked_text
from records.viewer import NotPermitted, Role, Viewer
from tests.support.call_events import at

FILE, OTHER = "2026-03-02/c1-1.wav", "2026-03-02/c1-2.wav"


def shared_line_call(*recorded: Recorded) -> CallRecord:
    """Bea, a delegate, answers on Dora's line; Dora comes in later on her own telephone."""
    return CallRecord(
        "c1",
        9,
        at(90),
        at(0),
        trunk="carrier",
        caller_number="+16695550123",
        caller_name="Clara Outside",
        recordings=recorded,
        answered_at=at(5),
        ended_at=at(90),
        legs=(
            LegRecord(0, "trunk:carrier", "", at(0), answered_at=at(5)),
            LegRecord(1, "line:dora", "", at(1), answered_at=at(5), device="bea-desk", user="bea", for_="dora"),
            LegRecord(2, "line:dora", "", at(50), answered_at=at(51), device="dora-desk", user="dora"),
        ),
    )


BEA, DORA = Viewer("bea", shares=frozenset(("dora",))), Viewer("dora")
ADMIN, OPERATOR = Viewer("adam", Role.ADMIN), Viewer("", Role.ADMIN)


@pytest.mark.parametrize(
    ("by", "owner", "other"), [("device:bea-desk", BEA, DORA), ("device:dora-desk", DORA, BEA), ("policy", BEA, DORA)]
)
def test_a_recording_on_a_shared_line_is_for_the_one_who_recorded(by: str, owner: Viewer, other: Viewer) -> None:
    """DRE-1 to 3, both ways: for the other party it is not there at all, and the entry in the history stays."""
    record = shared_line_call(Recorded(at(5), FILE, by, (0, 1)))
    found = recording(record, FILE, owner)
    assert found.recorded.file == FILE and not found.audited
    with pytest.raises(NotFound) as refused:
        recording(record, FILE, other)
    with pytest.raises(NotFound) as unknown:
        recording(replace(record, recordings=()), FILE, other)
    assert str(refused.value) == str(unknown.value), "it cannot be told from one that there is not"
    assert recordings(record, other) == [] and for_viewer(record, other) == replace(record, recordings=())
    assert for_viewer(record, owner) is record


def test_each_has_the_own_one_of_two() -> None:
    record = shared_line_call(
        Recorded(at(5), FILE, "device:bea-desk", (0, 1)), Recorded(at(55), OTHER, "device:dora-desk", (0, 2))
    )
    assert [each.recorded.file for each in recordings(record, BEA)] == [FILE]
    assert [each.recorded.file for each in recordings(record, DORA)] == [OTHER]
    assert [each.recorded.file for each in recordings(record, ADMIN)] == [FILE, OTHER]


@pytest.mark.parametrize("viewer", [ADMIN, OPERATOR])
def test_an_administrator_hears_everything_and_is_audited(viewer: Viewer) -> None:
    """ACC-2."""
    record = shared_line_call(Recorded(at(5), FILE, "device:bea-desk", (0, 1)))
    assert recording(record, FILE, viewer).audited
    assert not recording(record, FILE, Viewer("bea", Role.ADMIN)).audited, "it is the own one"


@pytest.mark.parametrize(
    "viewer", [Viewer(""), Viewer("carl"), Viewer("carl", Role.MANAGER), Viewer("queue"), Viewer("support")]
)
def test_nobody_else_hears_it_nor_what_belongs_to_a_queue(viewer: Viewer) -> None:
    record = shared_line_call(Recorded(at(5), FILE, "device:bea-desk", (0, 1)))
    assert recordings(record, viewer) == []
    nobodys = replace(record, legs=record.legs[:1], entity="queue:support")
    assert recordings(nobodys, viewer) == [] and len(recordings(nobodys, ADMIN)) == 1


def test_a_recording_that_did_not_begin_is_none() -> None:
    record = shared_line_call(Recorded(at(5), "", "device:bea-desk", why="announcement"))
    assert recordings(record, BEA) == recordings(record, ADMIN) == []


def test_a_mailbox_is_opened_by_those_who_share_it_and_by_no_administrator() -> None:
    for viewer in (BEA, DORA):
        may_open("dora", ("bea",), viewer)
        may_count("dora", ("bea",), viewer)
    for stranger in (Viewer("carl"), Viewer(""), ADMIN, OPERATOR):
        with pytest.raises(NotFound):
            may_open("dora", ("bea",), stranger)
    with pytest.raises(NotFound):
        may_open("", (), Viewer(""))
    may_count("dora", (), OPERATOR)
    with pytest.raises(NotPermitted):
        may_count("dora", (), Viewer("carl", Role.MANAGER))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+16695550123", "+1********23"),
        ("+442079460123", "+44********23"),
        ("+353209174242", "+353*******42"),
        ("6695550123", "********23"),
        ("sip:+16695550123@192.0.2.7:5060;user=phone", "sip:+1********23@192.0.2.7:5060;user=phone"),
        ('{"digits":"16695550123","at":"2026-03-02"}', '{"digits":"*********23","at":"2026-03-02"}'),
        ("external:+16695550123,external:+16695550124", "external:+1********23,external:+1********24"),
        *((same, same) for same in ("201", "911", "123456", "line:anna", "c0ffee1234567890", "", "2026-03-02/a-1.wav")),
    ],
)
def test_what_looks_like_a_telephone_number_is_masked_wherever_it_stands(text: str, shown: str) -> None:
    assert masked_text(text) == shown
    assert masked_text(shown) == shown


def test_a_masked_record_tells_nowhere_who_was_outside() -> None:
    record = replace(
        shared_line_call(),
        forwards=(Forwarded("+16695550123", "Clara Outside"),),
        passed=(Passed(at(1), "anna", 486, "201", "Fritz Außen", "external:+16695550177"),),
        because=(("caller", "Clara Outside (+16695550123) is on the list"),),
        again=(Asked('{"caller_name":"Clara Outside","caller_number":"+16695550123"}', "", ()),),
        sip_call_id="16695550123@carrier.example.com",
    )
    text = msgspec.json.encode(masked(record)).decode()
    for secret in ("6695550123", "6695550177", "Clara", "Outside", "Fritz"):
        assert secret not in text
    assert masked(record).caller_number == "+1********23" and masked(record).legs == record.legs
    assert masked(masked(record)) == masked(record)


def test_a_call_keeps_its_name_and_its_files_though_all_are_digits() -> None:
    file = "2026-03-02/1234567890123456-1.wav"
    legs = (LegRecord(0, "line:anna", "", at(0), of="9876543210123456"),)
    recorded = Recorded(at(1), file, "line:anna")
    record = replace(shared_line_call(recorded), call="1234567890123456", legs=legs)
    shown = masked(record)
    assert (shown.call, shown.recordings[0].file, shown.legs[0].of) == (record.call, file, "9876543210123456")


def test_who_called_for_help_stays_readable() -> None:
    record = replace(shared_line_call(), emergency=True, number="+16695550199")
    shown = masked(record)
    assert (shown.caller_number, shown.caller_name, shown.number) == ("+16695550123", "Clara Outside", "+1********99")


@given(st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True))
def test_of_any_number_few_digits_are_left_and_its_length(number: str) -> None:
    shown = masked_text(number)
    assert len(shown) == len(number) and shown[-2:] == number[-2:]
    assert sum(each.isdigit() for each in shown) <= 2 + 3 * number.startswith("+")
