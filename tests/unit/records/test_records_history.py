"""The history of one user: the eight labels of shared lines, and what each viewer sees (DCH-1 to 5)."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.cdr import CallRecord, LegRecord, Recorded, Stop
from records.history import Direction, Entry, Labelled, Outcome, View, entries
from records.viewer import NotPermitted, Role, Viewer, may_see_history, may_see_reports
from tests.support.call_events import at
from tests.support.past_calls import carrier, past, rung

# Anna delegates to Ben and Carl.
ANNA = Viewer("anna")
BEN = Viewer("ben", shares=frozenset({"anna"}))
CARL = Viewer("carl", shares=frozenset({"anna"}))
DORA = Viewer("dora")
NAMES = {"anna": "Anna Berg", "ben": "Ben Ek"}


def only(record: CallRecord, viewer: Viewer) -> Labelled:
    (entry,) = entries([record], viewer, names=NAMES)
    assert isinstance(entry, Labelled)
    return entry


def placed(by: str) -> CallRecord:
    """On Anna's line."""
    return past(carrier(answered_s=5), user=by, line="anna")


def answered(by: str) -> CallRecord:
    """Somebody calls Anna; her telephone rings, and those of her delegates."""
    legs = [rung("anna"), rung("ben", for_="anna", leg=2), rung("carl", for_="anna", leg=3)]
    legs = [
        msgspec.structs.replace(leg, answered_at=placed("x").answered_at if leg.user == by else None) for leg in legs
    ]
    return past(*legs, entity="user:anna")


@pytest.mark.parametrize(
    ("viewer", "record", "label"),
    [
        pytest.param(ANNA, placed("anna"), "", id="DCH-3a"),
        pytest.param(ANNA, placed("ben"), "Outbound by Ben Ek for you", id="DCH-3b"),
        pytest.param(ANNA, answered("anna"), "", id="DCH-3c"),
        pytest.param(ANNA, answered("ben"), "Answered by Ben Ek for you", id="DCH-3d"),
        pytest.param(BEN, placed("anna"), "Outbound by Anna Berg", id="DCH-3e"),
        pytest.param(BEN, placed("ben"), "Outbound by you for Anna Berg", id="DCH-3f"),
        pytest.param(BEN, answered("anna"), "Answered by Anna Berg", id="DCH-3g"),
        pytest.param(BEN, answered("ben"), "Answered by you for Anna Berg", id="DCH-3h"),
        pytest.param(CARL, placed("ben"), "Outbound by Ben Ek for Anna Berg", id="DCH-5 outbound"),
        pytest.param(CARL, answered("ben"), "Answered by Ben Ek for Anna Berg", id="DCH-5 inbound"),
    ],
)
def test_who_did_what_for_whom(viewer: Viewer, record: CallRecord, label: str) -> None:
    entry = only(record, viewer)
    assert entry.label == label
    assert entry.line == "anna"
    assert entry.outcome is Outcome.ANSWERED
    (portal,) = entries([record], viewer, view=View.PORTAL)
    assert "label" not in msgspec.to_builtins(portal)  # DCH-4
    assert type(portal) is Entry


def test_labels_come_from_the_record_and_not_from_who_is_a_delegate_today() -> None:
    """Ben is no delegate any more: his own acts stay as they were, the others' are not his to see."""
    former = Viewer("ben")
    assert only(placed("ben"), former).label == "Outbound by you for Anna Berg"
    assert only(answered("ben"), former).label == "Answered by you for Anna Berg"
    assert only(answered("anna"), former).label == "Answered by Anna Berg"  # it rang at his telephone
    assert list(entries([placed("anna"), placed("carl")], former)) == []


def test_a_telephone_that_carries_the_line_itself_is_a_delegates_too() -> None:
    """Not `for_` says so, but whose telephone it is that rings by Anna's line."""
    record = past(rung("anna"), rung("ben", line="anna", answered_s=5, leg=2), entity="user:anna")
    assert only(record, ANNA).label == "Answered by Ben Ek for you"
    assert only(record, BEN).label == "Answered by you for Anna Berg"


@pytest.mark.parametrize("viewer", [ANNA, BEN, CARL])
def test_missed_is_what_nobody_answered_once_a_viewer(viewer: Viewer) -> None:
    """DCH-5, wherever the viewer was rung, once or twice."""
    twice = past(rung("anna"), rung("ben", for_="anna", leg=2), rung("ben", for_="anna", leg=3), entity="user:anna")
    entry = only(twice, viewer)
    assert (entry.outcome, entry.label, entry.talk_s) == (Outcome.MISSED, "", 0.0)
    assert only(answered("anna"), viewer).outcome is Outcome.ANSWERED


def test_a_talk_is_as_long_as_that_of_who_answered() -> None:
    """Anna transfers to Dora after ten seconds; a forward to a mailbox that did not come about is no voicemail."""
    anna, dora = rung("anna", answered_s=5), rung("dora", answered_s=15, leg=2)
    anna = msgspec.structs.replace(anna, ended_at=at(15))
    on = (Stop(at(0), "user:anna", "called"), Stop(at(3), "voicemail:anna", "forwarded"))
    record = past(anna, dora, entity="user:anna", path=on)
    assert [only(record, viewer).talk_s for viewer in (ANNA, BEN, DORA)] == [10.0, 10.0, 45.0]
    assert not only(record, ANNA).voicemail


def test_a_mailbox_answers_for_nobody() -> None:
    record = past(rung("anna"), entity="user:anna", service="voicemail:anna", answered_at=placed("x").answered_at)
    entry = only(record, ANNA)
    assert (entry.outcome, entry.voicemail, entry.talk_s) == (Outcome.MISSED, True, 0.0)


def test_what_a_forward_or_a_group_answered_was_not_missed() -> None:
    forwarded = past(rung("anna"), rung("dora", answered_s=9, leg=2), entity="user:anna")
    assert (only(forwarded, ANNA).outcome, only(forwarded, ANNA).label) == (Outcome.ELSEWHERE, "Answered by dora")
    assert (only(forwarded, DORA).outcome, only(forwarded, DORA).label) == (Outcome.ANSWERED, "")
    outside = past(rung("anna"), carrier(answered_s=9, leg=2), entity="user:anna")
    assert only(outside, ANNA).label == "Answered elsewhere"


def test_of_several_who_answered_the_first_one_counts() -> None:
    """Whatever their numbers are: Dora asked Carl to go on."""
    record = past(rung("carl", answered_s=9), rung("dora", answered_s=5, leg=2), entity="user:anna")
    assert only(record, ANNA).label == "Answered by dora"


def test_who_has_no_telephone_is_called_all_the_same() -> None:
    assert only(past(entity="user:anna"), ANNA).outcome is Outcome.MISSED
    assert only(past(entity="user:anna"), BEN).line == "anna"


def test_a_held_call_that_a_delegate_takes_is_answered_by_both() -> None:
    """DHT-3: who talked, talked; to the others it is the first one's."""
    anna = rung("anna", answered_s=5)
    taken = LegRecord(2, "line:ben", "", placed("x").answered_at, answered_at=placed("x").ended_at, user="ben", of="c0")  # type: ignore[arg-type]
    record = past(anna, taken, entity="user:anna")
    assert [only(record, viewer).label for viewer in (ANNA, BEN, CARL)] == [
        "",
        "Answered by you for Anna Berg",
        "Answered by Anna Berg",
    ]


def test_a_caller_who_asked_not_to_be_shown_is_not() -> None:
    entry = only(past(rung("anna"), entity="user:anna", hidden=True), ANNA)
    assert (entry.number, entry.name) == ("", "")
    assert only(past(rung("anna"), entity="user:anna"), ANNA).number == "+16695550123"


def test_a_call_inside_is_out_for_one_and_in_for_the_other() -> None:
    record = past(rung("anna", answered_s=5), user="dora", entity="user:anna")
    assert [only(record, each).direction for each in (DORA, ANNA, BEN)] == [
        Direction.OUTBOUND,
        Direction.INBOUND,
        Direction.INBOUND,
    ]
    assert only(past(rung("anna"), user="dora", entity="user:anna"), DORA).outcome is Outcome.UNANSWERED


def test_a_recording_is_of_the_one_who_recorded_alone() -> None:
    """DRE-1 to 3: the other one of a shared line sees the call and no recording, nor that there is one."""
    by = {"anna": Recorded(at(6), "a.wav", "policy", (0, 1)), "ben": Recorded(at(6), "b.wav", "policy", (0, 2))}
    for user, recorded in by.items():
        record = msgspec.structs.replace(
            answered(user), recordings=(recorded, Recorded(at(7), "", "policy", why="failed"))
        )
        heard = {viewer.user: only(record, viewer).recordings for viewer in (ANNA, BEN, CARL)}
        assert heard == {"anna": (), "ben": (), "carl": ()} | {user: (recorded.file,)}


def test_who_may_see_what() -> None:
    """REP-1, REP-2."""
    may_see_history(ANNA, "anna")
    may_see_history(Viewer("", Role.ADMIN), "anna")
    for viewer, user in ((BEN, "anna"), (Viewer("", Role.MANAGER), ""), (Viewer("anna", Role.MANAGER), "ben")):
        with pytest.raises(NotPermitted):
            may_see_history(viewer, user)
    may_see_reports(Viewer("anna", Role.MANAGER))
    with pytest.raises(NotPermitted):
        may_see_reports(ANNA)


USERS = ("anna", "ben", "carl", "dora")
VIEWERS = (ANNA, BEN, CARL, DORA)
LEGS = st.lists(
    st.builds(
        rung,
        st.sampled_from(USERS),
        line=st.sampled_from(("", "anna")),
        for_=st.sampled_from(("", "anna")),
        answered_s=st.sampled_from((None, 5.0, 9.0)),
    ),
    max_size=4,
).map(lambda legs: [msgspec.structs.replace(leg, leg=number) for number, leg in enumerate(legs, 1)])
CALLS = st.lists(
    st.tuples(LEGS, st.sampled_from(("", *USERS)), st.sampled_from(("", "anna")), st.sampled_from(("", "user:anna"))),
    max_size=6,
).map(
    lambda made: [
        past(*legs, call=f"c{number}", user=user, line=line if user else None, entity=entity)
        for number, (legs, user, line, entity) in enumerate(made)
    ]
)


@given(CALLS, st.sets(st.tuples(st.sampled_from(USERS), st.integers(0, 6).map("c{}".format))))
def test_each_sees_a_call_once_and_a_deletion_is_of_one(
    records: list[CallRecord], deleted: set[tuple[str, str]]
) -> None:
    """DCH-1, DCH-2, DCH-5: and who is told that somebody answered, is told the truth."""
    by_id = {record.call: record for record in records}
    for viewer in VIEWERS:
        whole = list(entries(records, viewer))
        calls = [entry.call for entry in whole]
        assert len(set(calls)) == len(calls)
        gone = {call for user, call in deleted if user == viewer.user}
        left = list(entries(records, viewer, hidden=gone))
        assert left == [entry for entry in whole if entry.call not in gone]
        for entry in whole:
            talked = {leg.user for leg in by_id[entry.call].legs if leg.leg and leg.answered_at is not None}
            if entry.direction is Direction.INBOUND:
                assert (entry.outcome is Outcome.MISSED) == (not talked)
                assert entry.by in talked or not talked
                if viewer.user in talked:
                    assert entry.by == viewer.user
            else:
                assert entry.by == by_id[entry.call].user


@given(CALLS)
def test_delegator_and_delegates_see_the_same_calls_of_the_line(records: list[CallRecord]) -> None:
    """DCH-1."""
    seen = [{entry.call for entry in entries(records, viewer)} for viewer in VIEWERS[:3]]
    shared = {
        record.call
        for record in records
        if "anna" in (record.line, record.entity.removeprefix("user:"))
        or any(leg.for_ == "anna" for leg in record.legs)
    }
    for each in seen:
        assert shared <= each
