"""What a record says of a call as a whole: its direction (RRP-14, RRP-18), whom it concerns, and its path (RRP-22)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from records.cdr import Account, CallRecord, CdrFolder, LegRecord, Parking, Queued, Span, Stop, Talk
from records.events import (
    AccountChanged,
    CallEnded,
    CallEvent,
    CallForwarded,
    CallReplanned,
    Connected,
    LegAnswered,
    MenuChosen,
    Parked,
    TransferBegun,
    Unparked,
)
from switch.commands.course import course
from tests.support.call_events import DIALOG, at, rung, started
from tests.support.conservation import stored

CALL = CallRecord(call="c", n=1, last_at=at(0), started_at=at(0))


def record_of(*events: CallEvent) -> CallRecord:
    folder = CdrFolder()
    found = [folder.feed(replace(event, n=n)) for n, event in enumerate(events)]
    record = found[-1]
    assert record is not None
    assert stored(record) == record
    return record


def leg(number: int, target: str = "", **more: object) -> LegRecord:
    return replace(LegRecord(number, target, "", at(0)), **more)


ACCOUNT = Stop(at(0), "feature:account_code", "called")


@pytest.mark.parametrize(
    ("record", "direction", "outside"),
    [
        (replace(CALL, trunk="carrier", entity="user:anna", legs=(leg(0, "trunk:carrier"),)), "inbound", True),
        (replace(CALL, entity="external"), "outbound", True),
        (replace(CALL, entity="emergency"), "outbound", True),
        (replace(CALL, entity="external:+16695550142"), "outbound", True),
        (replace(CALL, entity="user:anna", legs=(leg(0, "line:ben"),)), "internal", False),
        # Anna's calls go to her mobile phone: Ben has called a colleague.
        (replace(CALL, entity="user:anna", legs=(leg(0, "line:ben"), leg(1, "trunk:carrier"))), "internal", True),
        (replace(CALL, entity=ACCOUNT.entity, path=(ACCOUNT, Stop(at(1), "external", "replanned"))), "outbound", False),
        (replace(CALL, entity=ACCOUNT.entity, path=(ACCOUNT,)), "internal", False),
        (replace(CALL, legs=(leg(0, "line:ben"), leg(1, "trunk:carrier"))), "outbound", True),  # of an older version
        (CALL, "internal", False),
    ],
)
def test_direction_and_whether_somebody_outside_has_part(record: CallRecord, direction: str, outside: bool) -> None:
    assert (record.direction, record.outside) == (direction, outside)


def test_each_user_has_the_first_part_that_fits() -> None:
    """DCH-1: who is in a call, whoever rang for whom."""
    record = replace(
        CALL,
        user="ben",
        line="anna",  # on whose line Ben calls
        service="voicemail:eve",
        path=(
            Stop(at(0), "user:eve", "called"),
            Stop(at(1), "user:gus", "forwarded"),
            Stop(at(2), "user:hal", "answered"),
        ),
        legs=(
            leg(0, user="ben"),
            leg(1, user="carl", for_="eve"),
            leg(2, user="dora", answered_at=at(3)),
            leg(3, user="dora"),
            leg(4, user="ben"),
        ),
    )
    assert record.users() == {
        "ben": "caller", "dora": "answered", "carl": "rung", "anna": "line", "eve": "for", "gus": "called",
    }  # fmt: skip


def test_the_path_is_told_once_and_in_order() -> None:
    """A menu's choice, the forwards behind it, a transfer, a park slot, and whoever answered."""
    record = record_of(
        replace(started("c"), entity="attendant:front"),
        LegAnswered("c", 0, at(1), 0, DIALOG),
        Connected("c", 0, at(1), 0, "attendant:front"),
        MenuChosen("c", 0, at(5), "front", "2", "user:anna"),
        CallReplanned("c", 0, at(5), "attendant", "", (), entity="user:anna"),
        CallForwarded("c", 0, at(5), "anna", 302, to="line:ben", entity="user:ben"),
        CallForwarded("c", 0, at(5), "ring_group:x", 408, to="line:dora", branch="b", entity="user:dora"),
        rung("c", 6),
        LegAnswered("c", 0, at(9), 1, DIALOG),
        Connected("c", 0, at(9), 1),
        CallReplanned("c", 0, at(20), "transfer", "", (), entity="park:main"),
        TransferBegun("c", 0, at(20), 1, "line:202", "700", "blind", "refer"),
        Parked("c", 0, at(20), "main", "701", "line:202"),
        Connected("c", 0, at(20), 0, "park:main/701"),
        Parked("c", 0, at(80), "main", "701", "line:202"),
        Unparked("c", 0, at(90), "main", "701", "ended"),
        CallEnded("c", 0, at(90), "answered", "caller_hung_up", 200),
    )
    assert [(stop.how, stop.entity, stop.by, stop.why) for stop in record.path] == [
        ("called", "attendant:front", "", ""),
        ("answered", "attendant:front", "", ""),
        ("chosen", "user:anna", "attendant:front", "2"),
        ("forwarded", "user:ben", "user:anna", "always"),
        ("answered", "user:202", "", ""),
        ("transferred", "park:main", "line:202", ""),
        ("parked", "park:main/701", "line:202", ""),
    ]
    assert record.parkings == (Parking(at(20), at(90), "main", "701", "line:202", "202", "ended"),)


def test_cst_5_the_last_account_code_owns_the_call_and_all_are_kept() -> None:
    record = record_of(
        started("c"),
        CallReplanned("c", 0, at(1), "account", "", (), account="4711", number="+1", entity="external"),
        AccountChanged("c", 0, at(30), account="4712", by="device:201-desk"),
        AccountChanged("c", 0, at(40), account="99", by="call:d"),
        CallEnded("c", 0, at(60), "answered", "caller_hung_up", 200),
    )
    assert record.account == "99"
    assert record.accounts == (
        Account(at(1), "4711"),
        Account(at(30), "4712", "device:201-desk"),
        Account(at(40), "99", "call:d"),
    )


def test_the_course_is_told_in_the_order_of_time() -> None:
    record = replace(
        CALL,
        ended_at=at(200),
        path=(
            Stop(at(0), "queue:sales", "called"),
            Stop(at(60), "user:ben", "forwarded", "user:anna", "no_answer"),
            Stop(at(90), "user:carl", "added"),
        ),
        talks=(
            Talk(at(10), at(60), (0,), "service", "queue:sales"),
            Talk(at(60), at(90), (0, 1)),
            Talk(at(90), at(200), (1,), "room", "three-way"),
        ),
        queued=(Queued(at(10), at(60), 0, "sales", "answered", 1, offers=(2, 1)),),
        accounts=(Account(at(70), "4711", "line:ben"),),
        legs=(
            leg(0, "trunk:carrier"),
            leg(1, "line:ben", user="ben", holds=(Span(at(65), at(75)),), to="other", becomes=2, ended_at=at(200)),
            leg(2, "line:eve", user="eve"),
        ),
    )
    assert course(record) == [
        ("0:00", "", "calls queue:sales"),
        ("0:10", "0:50", "the caller (carrier) with queue:sales"),
        ("0:10", "0:50", "waits in queue sales, offered to eve, ben, answered"),
        ("1:00", "", "forwarded by anna (no answer) to user:ben"),
        ("1:00", "0:30", "the caller (carrier) and ben talk"),
        ("1:05", "0:10", "ben keeps the other side on hold"),
        ("1:10", "", "account 4711 by ben"),
        ("1:30", "", "user:carl is rung as a third party"),
        ("1:30", "1:50", "ben in three-way"),
        ("3:20", "", "ben goes into call other"),
    ]
