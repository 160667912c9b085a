"""Reports: what each figure means, and that all of them equal a count over the raw events (UPR, RRP, XRL-10)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.cdr import CallRecord, Recorded, Stop
from records.owners import Owner, owner_of
from records.reports import Person
from records.reports.recordings import recorded_calls, recording_rows, recordings
from records.reports.users import MEASURES, UserReport, compare, leaderboard, users
from records.segments import Position
from records.store import Store
from records.viewer import NotPermitted, Role, Viewer
from tests.support import brute_force
from tests.support.call_events import at
from tests.support.call_stories import SITES, USERS, day
from tests.support.feeding import records
from tests.support.past_calls import past, rung

BOSS = Viewer("", Role.MANAGER)
PEOPLE = tuple(
    Person(user=user, name=user.title(), extension=f"2{number}", group="staff", site=SITES[user])
    for number, user in enumerate(USERS)
)


def folded(calls: list[list[Any]]) -> list[CallRecord]:
    """The records of calls whose events come mixed, as the exchange writes them."""
    found = records(*sorted((event for call in calls for event in call), key=lambda event: event.at))
    assert len(found) == len(calls)
    return found


def check_users(reports: list[UserReport], calls: list[list[Any]]) -> None:
    """Every figure of UPR-1 to 16."""
    truth = brute_force.users(calls)
    for each in reports:
        wanted = truth[each.user]
        for name in ("inbound", "outbound", "answered", "completed", "voicemail", "answered_by_others"):
            assert getattr(each, name) == wanted[name], (each.user, name)
        for name in ("inbound_s", "outbound_s", "hold_s", "park_s"):
            assert getattr(each, name) == pytest.approx(wanted[name], abs=0.0005), (each.user, name)
        assert each.unique_inbound == len(wanted["callers"])
        assert each.unique_outbound == len(wanted["dialled"])
        assert each.total == wanted["inbound"] + wanted["outbound"]
        assert each.call_s == pytest.approx(wanted["inbound_s"] + wanted["outbound_s"], abs=0.001)
        missed = wanted["inbound"] - wanted["completed"] - wanted["answered_by_others"]
        assert missed >= 0
        if not wanted["inbound"]:
            assert each.missed_percent is None
        else:
            assert each.missed_percent == pytest.approx(100 * missed / wanted["inbound"], abs=0.051)
        talked = wanted["answered"] + wanted["completed"]
        assert (each.average_s is None) == (talked == 0)
        if talked:
            assert each.average_s == pytest.approx(each.call_s / talked, abs=0.051)
    assert {user for user, wanted in truth.items() if user in USERS and wanted["inbound"]} <= {e.user for e in reports}


def check_recordings(records: list[CallRecord], calls: list[list[Any]]) -> None:
    """RRP-3, 4, 5, 8 to 11."""
    truth = brute_force.recordings(calls)
    report = recordings(records, PEOPLE, BOSS)
    totals = report.totals
    assert (totals.answered, totals.recorded, totals.unrecorded, totals.recordings) == tuple(
        truth[name] for name in ("answered", "recorded", "unrecorded", "recordings")
    )
    if totals.answered:
        assert totals.recorded_percent is not None
        assert totals.unrecorded_percent is not None
        assert totals.recorded_percent + totals.unrecorded_percent == pytest.approx(100)
    rows = list(recording_rows(records, PEOPLE, BOSS))
    assert sum(each.kind == "automatic" for each in rows) == truth["automatic"]
    assert sum(each.recordings for each in report.users) == sum(each.owner_type == "user" for each in rows)
    for each in report.users:
        assert each.user
        assert each.recordings == each.ad_hoc + each.automatic == sum(row.owner == each.user for row in rows)
    by_user = {each.user: each.total for each in users(records, PEOPLE, BOSS)}
    assert {each.user: each.calls for each in report.users if each.user in by_user} == by_user


@given(st.integers(0, 10**9), st.integers(0, 12))
def test_totals_equal_brute_force_over_the_events(seed: int, stories: int) -> None:
    """Nothing is counted twice or left out through forward, delegate, group, park, transfer or menu."""
    calls = day(seed, stories)
    records = folded(calls)
    check_users(users(records, PEOPLE, BOSS), calls)
    check_recordings(records, calls)


def test_totals_from_the_store_equal_brute_force(store: Store) -> None:
    """The same with all that a database rounds, cleans and orders in between."""
    calls = day(7, 120)
    store.apply(folded(calls), Position(1, 1))
    records = list(store.each(batch=50))
    check_users(users(records, PEOPLE, BOSS), calls)
    check_recordings(records, calls)
    assert list(recorded_calls(records, BOSS)) == list(
        recorded_calls(sorted(folded(calls), key=lambda r: r.started_at), BOSS)
    )


def test_from_a_users_own_figures_to_their_comparison_and_a_places_leaderboard() -> None:
    """UPR-17 to 20: main group and site are of today's configuration; who left the house is named by the records."""
    reports = users(folded(day(3, 60)), [each for each in PEOPLE if each.user != "dora"], BOSS)
    anna, dora = (next(each for each in reports if each.user == user) for user in ("anna", "dora"))
    assert (anna.name, anna.extension, anna.group, anna.site) == ("Anna", "20", "staff", "Rome")
    assert (dora.name, dora.group, dora.site) == ("", "", "Oslo")
    both = compare(reports, ["dora", "anna", "nobody"])
    assert list(both) == list(MEASURES)
    assert both["total"] == {"dora": dora.total, "anna": anna.total}
    board = leaderboard(reports, "Rome", "call_s")
    assert {each.user for each in board} == {"anna", "ben"}
    assert [each.value for each in board] == sorted((each.value for each in board), reverse=True)
    with pytest.raises(ValueError, match="there is no measure 'luck'"):
        leaderboard(reports, "Rome", "luck")


def test_who_is_as_good_has_the_same_place() -> None:
    usual = users([], PEOPLE, BOSS)
    assert [(each.place, each.user) for each in leaderboard(usual, "Rome")] == [(1, "anna"), (1, "ben")]
    assert leaderboard(usual, "Rome", "average_s") == []  # nothing to divide by


def test_users_are_shown_their_own_calls_and_no_reports() -> None:
    """REP-1."""
    anna = Viewer("anna")
    for report in (users, recordings, recording_rows):
        with pytest.raises(NotPermitted):
            report([], PEOPLE, anna)  # type: ignore[operator]
    with pytest.raises(NotPermitted):
        recorded_calls([], anna)


def test_what_is_dialled_for_oneself_is_no_call() -> None:
    """A box that is nobody's own is no user."""
    mailbox = past(user="anna", entity="feature:voicemail", service="mailbox:anna", answered_at=at(1))
    sales = past(entity="voicemail:sales", service="voicemail:sales", answered_at=at(1))
    (anna,) = users([mailbox, sales], PEOPLE[:1], BOSS)
    assert (anna.total, anna.call_s) == (0, 0.0)


def test_who_calls_is_not_called_by_the_same_call() -> None:
    """UPR-1: a call of the own group, or that is forwarded back, is one call."""
    (anna,) = users([past(rung("anna"), user="anna", entity="ring_group:front")], PEOPLE[:1], BOSS)
    assert (anna.total, anna.inbound, anna.outbound) == (1, 0, 1)


def test_a_mailbox_counts_when_the_call_came_to_it() -> None:
    """UPR-8: not when the caller had hung up before."""
    on = (Stop(at(0), "user:anna", "called"), Stop(at(9), "voicemail:anna", "forwarded", "user:anna"))
    came = (*on, Stop(at(9), "voicemail:anna", "answered"))
    (anna,) = users([past(entity="user:anna", path=path) for path in (on, came)], PEOPLE[:1], BOSS)
    assert (anna.inbound, anna.voicemail, anna.missed_percent) == (2, 1, 100.0)


def test_all_anonymous_callers_are_one() -> None:
    """UPR-3."""
    calls = [
        past(rung("anna"), call=f"c{n}", entity="user:anna", hidden=n < 3, caller_number=f"+4{n}") for n in range(4)
    ]
    calls.append(past(rung("anna"), call="c9", entity="user:anna", caller_number=""))
    (anna,) = users(calls, PEOPLE[:1], BOSS)
    assert (anna.inbound, anna.unique_inbound, anna.missed_percent) == (5, 2, 100.0)


def made(by: str, *legs: int, path: str = "user:anna") -> tuple[CallRecord, Recorded]:
    anna, ben = rung("anna", answered_s=5), rung("ben", answered_s=9, leg=2)
    recorded = Recorded(at(6), "x.wav", by, legs)
    anna = msgspec.structs.replace(anna, device="anna-desk")
    return past(anna, ben, entity=path, recordings=(recorded,)), recorded


@pytest.mark.parametrize(
    ("call", "owner"),
    [
        pytest.param(made("policy", 0, 1), Owner("user", "anna"), id="who was called"),
        pytest.param(made("policy", 0, 2), Owner("user", "ben"), id="who was recorded"),
        pytest.param(made("device:anna-desk", 0, 2), Owner("user", "anna"), id="who asked for it"),
        pytest.param(made("operator:root", 0, 1), Owner("user", "anna"), id="an operator owns none"),
        pytest.param(made("policy", 0, 1, path="queue:help"), Owner("queue", "help"), id="of a queue's call"),
        pytest.param(made("policy", 0, path="attendant:main"), Owner("attendant", "main"), id="nobody talked in it"),
    ],
)
def test_whose_a_recording_is(call: tuple[CallRecord, Recorded], owner: Owner) -> None:
    """RRP-26, RRP-27."""
    assert owner_of(*call) == owner


def test_a_line_for_each_recording_and_each_call() -> None:
    """RRP-5, RRP-14 to 30."""
    record, _ = made("policy", 0, 1)
    common = Person(user="anna", common_area=True, automatic=True, on_demand=True)
    (row,) = recording_rows([record], [common], BOSS, marked={"x.wav"})
    assert (row.owner, row.owner_type, row.kind, row.marked, row.at) == (
        "anna",
        "common_area",
        "automatic",
        True,
        at(6),
    )
    (call,) = recorded_calls([record], BOSS)
    assert (call.reach, call.direction, call.result, call.recordings) == ("external", "inbound", "answered", 1)
    assert (call.caller, call.duration_s, call.path[0]) == ("+16695550123", 60.0, "user:anna")
    totals = recordings([record], [common], BOSS, marked={"x.wav"}).totals
    assert (totals.users_automatic, totals.users_on_demand) == (1, 1)
    assert (totals.recordings, totals.unmarked, totals.unmarked_percent) == (1, 0, 0.0)
    assert recordings([], [], BOSS).totals.recorded_percent is None
    unanswered = past(entity="user:anna", recordings=record.recordings)
    totals = recordings([unanswered], [], BOSS).totals
    assert (totals.answered, totals.recorded, totals.recordings) == (0, 0, 1)
