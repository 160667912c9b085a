"""What a record says of a call's course: its path (RRP-22), who talked and when, holds (UPR-15), parkings (UPR-16), and
what went over into another call (XRL-10). Sums are looked at after every flow test (`tests.support.conservation`)."""

from __future__ import annotations

import pytest
from msgspec import structs

from dialplan import model as m
from dialplan.destinations import Destination, To, of_text, user
from dialplan.groups import Attendant, ParkLot
from dialplan.lines import Forwards
from records.cdr import CallRecord, LegRecord
from switch.commands.course import course
from tests.support.exchange import changed, house
from tests.support.scene import Scene

LOT = ParkLot(id="main", extension="700", first="701", last="703")


def made() -> m.Model:
    """The house with a park lot, a menu, a DID, a site, and Carol's calls sent on to Bob."""
    model = changed(house(), carol={"forwards": Forwards(always=user("bob"))}, bob={"site": "rome"})
    menu = Attendant(id="front", extension="500", choices={"2": user("bob")})
    return m.versioned(
        structs.replace(
            model,
            extensions={**model.extensions, "700": of_text("park:main"), "500": Destination(To.ATTENDANT, "front")},
            park_lots={"main": LOT},
            attendants={"front": menu},
            dids={"+16695550142": user("bob")},
        )
    )


STAGE = pytest.mark.parametrize("scene", [{"model": made()}], indirect=True)


def path(record: CallRecord) -> list[str]:
    return [f"{stop.how} {stop.entity}" for stop in record.path]


def talks(record: CallRecord) -> list[tuple[tuple[int, ...], str, float]]:
    """Who, with what, and for how many seconds, rounded."""
    found = []
    for each in record.talks:
        assert each.until is not None
        found.append((each.legs, each.what, round((each.until - each.since).total_seconds())))
    return found


def leg(record: CallRecord, number: int) -> LegRecord:
    return next(each for each in record.legs if each.leg == number)


@STAGE
def test_a_plain_call_says_who_spoke_what_was_called_and_where(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, _ = scene.talking(alice, bob)
    scene.wait(10)
    call.offer("sendonly")
    scene.wait(4)
    call.offer()
    scene.wait(6)
    call.hang_up()
    scene.wait()
    record = scene.exchange.record
    assert (record.user, record.entity, record.direction, record.outside) == ("alice", "user:bob", "internal", False)
    assert path(record) == ["called user:bob", "answered user:bob"]
    assert (leg(record, 1).user, leg(record, 1).site) == ("bob", "rome")
    assert talks(record) == [((0, 1), "", 20)]
    assert record.held_s == leg(record, 0).held_s == pytest.approx(4, abs=0.2)
    assert record.users() == {"alice": "caller", "bob": "answered"}
    assert [what for _, _, what in course(record)] == [
        "calls user:bob",
        "user:bob answers",
        "the caller (alice) and bob talk",
        "the caller (alice) keeps the other side on hold",
    ]


@STAGE
def test_a_call_that_is_sent_on_names_each_who_did(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, _ = scene.talking(alice, bob, "103")
    call.hang_up()
    scene.wait()
    record = scene.exchange.record
    assert path(record) == ["called user:carol", "forwarded user:bob", "answered user:bob"]
    assert (record.path[1].by, record.path[1].why) == ("user:carol", "always")
    assert record.users() == {"alice": "caller", "bob": "answered", "carol": "called"}


@STAGE
def test_a_call_to_a_carrier_is_outbound(scene: Scene) -> None:
    """RRP-14, RRP-18."""
    alice, carrier = scene.phone("alice"), scene.carrier()
    call = alice.call("6692223333")
    scene.wait()
    scene.taken(carrier, "c")
    scene.wait(7)
    scene.over(call, carrier)
    record = scene.exchange.record
    assert (record.entity, record.direction, record.outside) == ("external", "outbound", True)
    assert path(record) == ["called external", "answered external"]
    assert (leg(record, 1).user, leg(record, 1).device) == ("", "")
    assert record.users() == {"alice": "caller"}


def test_what_is_rung_after_the_answer_is_no_talk(scene: Scene) -> None:
    """Bob sends Alice on to Carol, who lets it ring for 8 s."""
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call, answered = scene.talking(alice, bob)
    scene.wait(10)
    answered.refer("103")
    scene.wait(8)
    carol.last.answer()
    scene.wait(5)
    call.hang_up()
    scene.wait()
    record = scene.exchange.record
    assert path(record) == ["called user:bob", "answered user:bob", "transferred user:carol", "answered user:carol"]
    assert record.path[2].by == "line:bob"
    assert talks(record) == [((0, 1), "", 11), ((0, 2), "", 5)]
    assert record.users() == {"alice": "caller", "bob": "answered", "carol": "answered"}


def test_a_leg_that_goes_over_talks_once(scene: Scene) -> None:
    """Attended: Bob asks Carol in a call of his own, and joins her with Alice. Two records, each with its part."""
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call, answered = scene.talking(alice, bob)
    scene.wait(10)
    answered.hold()
    scene.wait(0.5)
    asked, _ = scene.talking(bob, carol, "103")
    scene.wait(20)
    answered.transfer_to(asked)
    scene.wait(30)
    call.hang_up()
    scene.wait(40)
    second, first = sorted(scene.exchange.records, key=lambda record: record.ended_at or record.last_at)
    assert talks(second) == [((0, 1), "", 20)]
    assert talks(first) == [((0, 1), "", 32), ((0, 2), "", 30)]
    gone, come = leg(second, 1), leg(first, 2)
    assert (gone.to, gone.becomes, come.of, come.was) == (first.call, 2, second.call, 1)
    assert gone.ended_at == come.answered_at
    assert path(first)[-1] == "joined user:carol"
    assert leg(first, 1).held_s == pytest.approx(21, abs=1), "Bob kept Alice on hold while he asked"


@STAGE
def test_a_parked_call_names_who_parked_it_and_for_how_long(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    _, answered = scene.talking(alice, bob)
    scene.wait(5)
    answered.refer("700")
    scene.wait(30)
    got = carol.call("701")
    scene.wait(10)
    got.hang_up()
    scene.wait()
    taken, record = sorted(scene.exchange.records, key=lambda each: each.ended_at or each.last_at)
    assert taken.entity == "park:main"
    assert (leg(taken, 0).to, leg(record, 2).of) == (record.call, taken.call)
    (stay,) = record.parkings
    assert (stay.lot, stay.slot, stay.by, stay.user, stay.how, stay.to) == (
        "main", "701", "line:bob", "bob", "retrieved", "line:carol",
    )  # fmt: skip
    assert record.parked_s == pytest.approx(30, abs=0.5)
    assert [each[:2] for each in talks(record)] == [((0, 1), ""), ((0,), "park:main/701"), ((0, 2), "")]
    assert path(record) == [
        "called user:bob",
        "answered user:bob",
        "transferred park:main",
        "parked park:main/701",
        "joined user:carol",
    ]


@STAGE
def test_the_choice_in_a_menu_is_a_stop(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("500")
    scene.wait(3)
    scene.press(call, "2")
    scene.wait(2)
    bob.last.answer()
    scene.wait(9)
    call.hang_up()
    scene.wait()
    record = scene.exchange.record
    assert path(record) == [
        "called attendant:front",
        "answered attendant:front",
        "chosen user:bob",
        "answered user:bob",
    ]
    assert (record.path[2].by, record.path[2].why) == ("attendant:front", "2")
    assert talks(record)[0][:2] == ((0,), "attendant:front")
    assert talks(record)[-1] == ((0, 1), "", 9)
