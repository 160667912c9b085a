"""Call park (CRD-7): parked by transfer, by key and by code, taken from any telephone, returned, never lost, never
shared, over a crash; and the clock of the limit goes on (LIM-7)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from dialplan import model as m
from dialplan.destinations import Destination, of_text, user
from dialplan.groups import ParkLot
from dialplan.lines import Policy
from media.engine import Digit, PlayEnded
from records import events as e
from switch.sip import leg_events as sip
from tests.support.exchange import CARRIER, changed, house
from tests.support.phone import Phone, PhoneCall
from tests.support.raw_phone import RawDialog
from tests.support.scene import Scene

LOT = ParkLot(id="main", extension="700", first="701", last="703", timeout_s=120.0)
OUTSIDE = "6692223333"
MUSIC = "file:lounge.wav"


def lots(*made: ParkLot, base: m.Model | None = None, **lines: Any) -> m.Model:
    """The house with park lots, a code, and a key."""
    model = changed(base or house(), **lines)
    extensions = {**model.extensions, **{lot.extension: of_text(f"park:{lot.id}") for lot in made}}
    return m.versioned(
        structs.replace(
            model,
            extensions=extensions,
            park_lots={lot.id: lot for lot in made},
            features={"*68": "park"},
            call_keys={"*7": "park"},
        )
    )


def stage(*made: ParkLot, **lines: Any) -> Any:
    return pytest.mark.parametrize("scene", [{"model": lots(*(made or (LOT,)), **lines)}], indirect=True)


def joined(scene: Scene, one: PhoneCall, other: PhoneCall) -> bool:
    """Whether those two hear each other, and nobody else is bridged."""
    pair = frozenset((each.phone.address[0], 4000) for each in (one, other))
    return scene.exchange.engine.joined() == {pair}


def slots(scene: Scene) -> dict[str, str]:
    """Which call is in which slot."""
    return {slot: call.id for (_, slot), call in scene.exchange.features.parking.slots}


def music(scene: Scene, side: PhoneCall) -> bool:
    """Whether it hears hold music."""
    return bool(scene.book(side).tune == hold(scene))


def hold(scene: Scene) -> Any:
    from media.engine import Tune

    return Tune(scene.exchange.core.directory.hold_music(""), loop=True)


def events(scene: Scene, kind: type) -> list[Any]:
    return [event for event in scene.exchange.events if isinstance(event, kind)]


class Three:
    """Alice has called Bob, and they talk; Carol waits."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.alice, self.bob, self.carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
        self.call, self.answered = scene.talking(self.alice, self.bob)

    def park(self, slot: str = "700") -> None:
        """Bob transfers Alice to the lot."""
        self.answered.refer(slot)
        self.scene.wait()


# Parking


@stage()
def test_a_call_that_is_transferred_to_the_lot_is_parked_in_the_first_free_slot(scene: Scene) -> None:
    three = Three(scene)
    changes: list[tuple[str, str]] = []
    scene.exchange.features.parking.slots.on_change = lambda *slot: changes.append(slot)
    three.park()
    assert three.answered.outcome == "SIP/2.0 200 Parked at 701", "which telephones show"
    assert three.answered.over
    assert three.call.up
    assert music(scene, three.call)
    (live,) = scene.exchange.calls
    assert slots(scene) == {"701": live.id}
    assert live.state.service == "park:main/701"
    (parked,) = events(scene, e.Parked)
    assert (parked.by, parked.name, parked.timeout_s) == ("line:bob", "Alice", 120.0)
    got = three.carol.call("701")
    scene.wait()
    assert got.up
    assert joined(scene, three.call, got)
    assert "Carol" in three.call.shown[-1]
    assert "Alice" in got.shown[-1]
    assert slots(scene) == {}
    (unparked,) = events(scene, e.Unparked)
    assert (unparked.how, unparked.by) == ("retrieved", "line:carol")
    assert changes == [("main", "701")] * 2
    got.hang_up()
    scene.wait()
    assert three.call.over
    first, second = scene.exchange.records
    assert (first.result, first.reason, first.line) == ("answered", "joined", "carol")
    assert (second.result, second.reason, second.line) == ("answered", "callee_hung_up", "alice")
    assert [leg.target for leg in second.legs] == ["line:alice", "line:bob", "line:carol"]


@stage()
def test_the_parked_party_may_hang_up_and_the_slot_is_free(scene: Scene) -> None:
    three = Three(scene)
    three.park()
    three.call.hang_up()
    scene.wait()
    assert slots(scene) == {}
    assert events(scene, e.Unparked)[0].how == "ended"
    assert scene.exchange.record.reason == "caller_hung_up"


@stage()
def test_the_caller_parks_whom_he_has_called(scene: Scene) -> None:
    three = Three(scene)
    three.call.refer("700")
    scene.wait()
    assert three.call.over
    assert music(scene, three.answered)
    got = three.carol.call("701")
    scene.wait()
    assert joined(scene, three.answered, got)
    three.answered.hang_up()
    scene.wait()
    assert got.over


@stage()
def test_by_a_key_the_slot_is_said_to_who_parks_who_is_let_go_then(scene: Scene) -> None:
    three = Three(scene)
    leg = scene.book(three.answered)
    for digit in "*7":
        scene.exchange.tell(Digit(leg.lease.leg, digit, 100))
    scene.wait()
    assert leg.tune.sources == ("file:park_parked_at", "file:7", "file:0", "file:1")
    assert music(scene, three.call)
    assert three.answered.up
    scene.exchange.tell(PlayEnded(leg.lease.leg))
    scene.wait()
    assert three.answered.over
    assert three.call.up
    three.call.hang_up()
    scene.wait()


@stage()
@pytest.mark.parametrize("how", ["hangs up", "is taken", "crash"])
def test_what_may_happen_while_the_slot_is_being_said(scene: Scene, how: str) -> None:
    three = Three(scene)
    leg = scene.book(three.answered)
    for digit in "*7":
        scene.exchange.tell(Digit(leg.lease.leg, digit, 100))
    scene.wait()
    if how == "hangs up":
        three.answered.hang_up()
    elif how == "is taken":
        got = three.carol.call("701")
        scene.wait()
        assert joined(scene, three.call, got)
    else:
        scene.exchange.crash_and_restart(1.0)
    scene.wait()
    assert three.answered.over
    assert three.call.up
    assert bool(slots(scene)) is (how != "is taken")
    three.call.hang_up()
    scene.wait()


@stage()
def test_the_other_side_of_the_house_cannot_be_parked_by_keys_of_somebody_outside(scene: Scene) -> None:
    alice, carrier = scene.phone("alice"), scene.phone("carrier", CARRIER[0], register=False)
    alice.answers = True
    call = carrier.call("101")
    scene.wait()
    scene.press(call, "*7")
    scene.wait()
    assert slots(scene) == {}
    call.hang_up()


@stage()
@pytest.mark.parametrize(("dialled", "slot"), [("*68", "701"), ("*68702", "702")])
def test_by_a_code_the_call_on_hold_is_parked_and_the_slot_is_said(scene: Scene, dialled: str, slot: str) -> None:
    three = Three(scene)
    three.answered.hold()
    scene.wait()
    code = three.bob.call(dialled)
    scene.wait()
    assert code.up
    assert three.answered.over
    leg = scene.book(code)
    assert leg.tune.sources == ("file:park_parked_at", *(f"file:{digit}" for digit in slot))
    assert music(scene, three.call)
    assert list(slots(scene)) == [slot]
    scene.exchange.tell(PlayEnded(leg.lease.leg))
    scene.wait()
    assert code.over
    got = three.carol.call(slot)
    scene.wait()
    assert joined(scene, three.call, got)
    got.hang_up()
    scene.wait()


@stage()
@pytest.mark.parametrize(("dialled", "status"), [("*68", 404), ("*68799", 404)])
def test_the_code_without_a_call_on_hold_or_with_a_slot_that_there_is_not(
    scene: Scene, dialled: str, status: int
) -> None:
    call = scene.phone("alice").call(dialled)
    scene.wait(1)
    assert call.refused == status


@stage()
@pytest.mark.parametrize("to", ["*68703", "703"])
def test_a_call_may_be_transferred_to_a_slot(scene: Scene, to: str) -> None:
    three = Three(scene)
    three.park(to)
    assert list(slots(scene)) == ["703"]
    three.call.hang_up()


@stage()
def test_attended_who_calls_the_lot_hears_the_slot_and_hands_over_into_that_very_slot(scene: Scene) -> None:
    three = Three(scene)
    other = scene.phone("dave", register=False)
    del other
    three.answered.hold()
    scene.wait()
    before = three.carol.call("700")
    scene.wait()
    asked = three.bob.call("700")
    scene.wait()
    assert scene.book(asked).tune.sources == ("file:park_parked_at", "file:7", "file:0", "file:2")
    before.hang_up()
    scene.wait()
    assert list(slots(scene)) == ["702"], "701 is free again"
    three.answered.transfer_to(asked)
    scene.wait()
    assert three.answered.over
    assert asked.over
    assert list(slots(scene)) == ["702"]
    assert music(scene, three.call)
    three.call.hang_up()
    scene.wait()


@stage()
def test_who_calls_the_lot_waits_there_himself(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("700")
    scene.wait()
    scene.exchange.tell(PlayEnded(scene.book(call).lease.leg))
    assert music(scene, call)
    got = bob.call("701")
    scene.wait()
    assert joined(scene, call, got)
    call.hang_up()
    scene.wait()


@stage()
def test_a_telephone_that_shows_text_shows_the_slot(scene: Scene) -> None:
    """By MESSAGE in the call, before it is let go."""
    alice, bob = scene.phone("alice"), scene.raw("bob")
    dialog = RawDialog.authenticated(bob, "101", scene.wait, headers=("Allow: INVITE, ACK, BYE, CANCEL, MESSAGE",))
    scene.wait(0.1)
    alice.last.answer()
    scene.wait(0.1)
    dialog.take_answer(bob.take(200))
    dialog.ack()
    dialog.request("REFER", headers=("Refer-To: <sip:700@pbx.example.com>",))
    scene.wait(0.1)
    message = bob.take("MESSAGE")
    assert message.body == "Parked at 701"
    bob.reply(message, 200)
    for method in ("NOTIFY", "NOTIFY", "BYE"):
        scene.wait(0.1)
        bob.reply(bob.take(method), 200)
    scene.wait(0.1)
    alice.last.hang_up()
    scene.wait()


@stage()
def test_help_is_never_parked(scene: Scene) -> None:
    """Neither by key, nor by transfer, nor by the code."""
    alice, carrier = scene.phone("alice"), scene.phone("carrier", CARRIER[0], register=False)
    carrier.answers = True
    call = alice.call("911")
    scene.wait()
    scene.press(call, "*7")
    call.refer("700")
    scene.wait()
    call.hold()
    scene.wait()
    code = alice.call("*68")
    scene.wait(1)
    assert code.refused == 404
    assert slots(scene) == {}
    assert carrier.last.up
    call.hang_up()
    scene.wait()


# Full


@stage(structs.replace(LOT, last="701"))
@pytest.mark.parametrize("to", ["700", "*68701", "*68", "701"])
def test_a_full_lot_answers_the_parker_and_the_call_comes_back(scene: Scene, to: str) -> None:
    three = Three(scene)
    waiting = three.carol.call("700")
    scene.wait()
    three.park(to)
    assert three.answered.outcome == "SIP/2.0 486 Busy Here"
    assert three.answered.up
    assert joined(scene, three.call, three.answered)
    over = scene.book(three.answered).over
    assert over is not None
    assert over.sources == (("file:park_slot_taken",) if "701" in to else ("file:park_lot_full",))
    waiting.hang_up()
    three.call.hang_up()
    scene.wait()


@stage(structs.replace(LOT, last="701"))
def test_a_full_lot_says_so_to_who_keys_or_calls(scene: Scene) -> None:
    three = Three(scene)
    waiting = three.carol.call("700")
    scene.wait()
    leg = scene.book(three.answered)
    for digit in "*7":
        scene.exchange.tell(Digit(leg.lease.leg, digit, 100))
    assert leg.over.sources == ("file:park_lot_full",)
    assert joined(scene, three.call, three.answered)
    three.answered.hold()
    scene.wait()
    code = three.bob.call("*68")
    scene.wait()
    assert scene.book(code).tune.sources == ("file:park_lot_full",)
    scene.exchange.tell(PlayEnded(scene.book(code).lease.leg))
    scene.wait()
    assert code.over
    assert three.answered.up
    waiting.hang_up()
    three.call.hang_up()
    scene.wait()


@stage(structs.replace(LOT, last="702"))
def test_two_never_share_a_slot(scene: Scene) -> None:
    """Both in the same instant."""
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    calls = [phone.call("700") for phone in (alice, bob, carol)]
    scene.wait()
    assert sorted(slots(scene)) == ["701", "702"]
    assert len(set(slots(scene).values())) == 2
    for call in calls:
        call.hang_up()
    scene.wait()


# Taking


@stage()
def test_an_empty_slot_is_said_to_be_empty_and_404(scene: Scene) -> None:
    scene.exchange.settings = structs.replace(scene.exchange.settings, announcements="early")
    scene.exchange.core.calls.use(scene.exchange.settings)
    call = scene.phone("alice").call("702")
    scene.wait(1)
    assert call.rings == [183]
    (leg,) = scene.exchange.engine.legs.values()
    assert leg.source == "file:park_slot_empty"
    scene.exchange.tell(PlayEnded(leg.lease.leg))
    scene.wait()
    assert call.refused == 404


@stage(structs.replace(LOT, retrieve=("desk",)), bob={"group": "desk"})
def test_who_is_of_no_group_that_may_take_calls_is_refused(scene: Scene) -> None:
    three = Three(scene)
    three.park()
    refused = three.carol.call("701")
    scene.wait(1)
    assert refused.refused == 403
    assert music(scene, three.call)
    got = three.bob.call("701")
    scene.wait()
    assert joined(scene, three.call, got)
    got.hang_up()
    scene.wait()


@stage()
def test_of_two_who_take_in_the_same_instant_one_is_told_that_nobody_is_there(scene: Scene) -> None:
    three = Three(scene)
    three.park()
    one, two = three.carol.call("701"), three.bob.call("701")
    scene.wait(1)
    assert sorted((one.refused, two.refused)) == [0, 404]
    winner = one if two.refused else two
    assert joined(scene, three.call, winner)
    winner.hang_up()
    scene.wait()


@stage()
def test_a_telephone_that_makes_its_offer_late_takes_a_call(scene: Scene) -> None:
    """Its answer to our offer comes with the ACK, and it is joined then."""
    three = Three(scene)
    three.park()
    got = three.carol.call("701", offer=False)
    scene.wait()
    assert joined(scene, three.call, got)
    got.hang_up()
    scene.wait()


@stage()
def test_who_gives_up_before_he_is_joined_leaves_the_call_where_it_is(scene: Scene) -> None:
    three = Three(scene)
    three.park()
    got = three.carol.call("701")
    scene.wait(0.012)
    got.hang_up() if got.up else got.cancel()
    scene.wait()
    assert list(slots(scene)) == ["701"]
    assert music(scene, three.call)
    again = three.carol.call("701")
    scene.wait()
    assert joined(scene, three.call, again)
    again.hang_up()
    scene.wait()


# The time is over


@stage()
def test_nobody_takes_it_so_it_rings_at_the_parkers_who_sees_why(scene: Scene) -> None:
    three = Three(scene)
    three.park()
    scene.wait(119)
    assert len(three.bob.calls) == 1
    scene.wait(2)
    request = three.bob.last.usage.pending_request
    assert request is not None
    assert request.from_.display == "Parked Alice"
    three.bob.last.answer()
    scene.wait()
    assert joined(scene, three.call, three.bob.last)
    assert slots(scene) == {}
    assert events(scene, e.Unparked)[0].how == "returned"
    three.bob.last.hang_up()
    scene.wait()
    assert three.call.over


@stage()
def test_who_hides_is_parked_without_a_name(scene: Scene) -> None:
    alice, carrier = scene.phone("alice"), scene.phone("carrier", CARRIER[0], register=False)
    alice.answers = True
    carrier.call("101", headers=("P-Asserted-Identity: <sip:+16692223333@carrier.example.com>", "Privacy: id"))
    scene.wait()
    alice.last.refer("700")
    scene.wait()
    (parked,) = events(scene, e.Parked)
    assert parked.name == ""
    alice.answers = False
    scene.wait(121)
    request = alice.last.usage.pending_request
    assert request is not None
    assert request.from_.display == "Anonymous"
    assert "2223333" not in request.from_value
    carrier.last.hang_up()
    scene.wait()


@stage()
def test_while_it_rings_at_the_parkers_it_may_still_be_taken(scene: Scene) -> None:
    three = Three(scene)
    three.park()
    scene.wait(121)
    assert three.bob.last.usage.pending_request is not None
    got = three.carol.call("701")
    scene.wait()
    assert joined(scene, three.call, got)
    assert three.bob.last.over
    got.hang_up()
    scene.wait()


@stage(structs.replace(LOT, fallback=user("carol")))
@pytest.mark.parametrize("bob_does", ["refuses", "does not answer", "is gone"])
def test_then_it_goes_to_the_fallback(scene: Scene, bob_does: str) -> None:
    three = Three(scene)
    three.park()
    if bob_does == "is gone":
        three.bob.register(0)
    scene.wait(121)
    if bob_does == "refuses":
        three.bob.last.refuse(486)
    elif bob_does == "does not answer":
        scene.wait(31)
    scene.wait()
    request = three.carol.last.usage.pending_request
    assert request is not None
    assert request.from_.display == "Parked Alice"
    three.carol.last.answer()
    scene.wait()
    assert joined(scene, three.call, three.carol.last)
    assert events(scene, e.Unparked)[0].how == "fallback"
    three.carol.last.hang_up()
    scene.wait()


@stage(structs.replace(LOT, fallback=Destination(of_text("announce:tone:440").kind, "tone:440")))  # type: ignore[union-attr]
def test_the_fallback_may_be_a_service_of_ours(scene: Scene) -> None:
    three = Three(scene)
    three.park()
    scene.wait(121)
    three.bob.last.refuse(486)
    scene.wait()
    assert scene.book(three.call).source == "tone:440"
    assert slots(scene) == {}
    three.call.hang_up()
    scene.wait()


@stage(structs.replace(LOT, fallback=user("carol")))
def test_nobody_anywhere_answers_so_it_stays_parked_and_comes_back_again(scene: Scene) -> None:
    """It never just drops while the parked is there."""
    three = Three(scene)
    three.park()
    for _ in range(3):
        scene.wait(121)
        three.bob.last.refuse(486)
        scene.wait()
        three.carol.last.refuse(486)
        scene.wait()
        assert three.call.up
        assert music(scene, three.call)
        assert list(slots(scene)) == ["701"]
    three.call.hang_up()
    scene.wait()
    assert len(events(scene, e.Unparked)) == 1


# Music


@stage(structs.replace(LOT, music="lounge.wav"))
def test_the_lots_own_music_and_the_exchanges_where_it_cannot_be_played(scene: Scene) -> None:
    three = Three(scene)
    three.park()
    leg = scene.book(three.call)
    assert (leg.source, leg.tune.loop) == (MUSIC, True)
    scene.exchange.tell(PlayEnded(leg.lease.leg, failed=(MUSIC,)))
    assert music(scene, three.call)
    three.call.hang_up()
    scene.wait()


# Crashes


@stage(structs.replace(LOT, fallback=user("carol")))
@pytest.mark.parametrize("when", [10.0, 121.0, 125.0])
def test_a_parked_call_outlives_a_crash_with_the_time_that_is_left(scene: Scene, when: float) -> None:
    three = Three(scene)
    three.park()
    scene.wait(when)
    rung = len(three.bob.calls)
    scene.exchange.crash_and_restart(2.0)
    scene.wait()
    assert list(slots(scene)) == ["701"]
    if when < 120:
        assert music(scene, three.call)
        scene.wait(119 - when - 3.0 - 0.5)
        assert len(three.bob.calls) == rung
        scene.wait(4)
    assert three.bob.last.usage.pending_request is not None
    got = three.carol.call("701")
    scene.wait()
    assert joined(scene, three.call, got)
    got.hang_up()
    scene.wait()
    assert three.call.over


@stage()
def test_a_retrieved_call_outlives_a_crash(scene: Scene) -> None:
    three = Three(scene)
    three.park()
    got = three.carol.call("701")
    scene.wait()
    scene.exchange.crash_and_restart(1.0)
    scene.wait()
    assert joined(scene, three.call, got)
    got.hang_up()
    scene.wait()
    assert three.call.over


# The limit


def outside(scene: Scene) -> Phone:
    return scene.phone("carrier", CARRIER[0], register=False)


@stage(alice={"policy": Policy(owner="alice", limit_s=120)}, bob={"policy": Policy(owner="bob", limit_s=300)})
@pytest.mark.parametrize("crash", [False, True])
def test_the_limit_is_not_reset_by_parking_whoever_retrieves(scene: Scene, crash: bool) -> None:
    """LIM-7: limit 120, park at 30 for 40 s, retrieve from another set at 70: ends at 120."""
    alice, bob, carrier = scene.phone("alice"), scene.phone("bob"), outside(scene)
    carrier.answers = True
    call = alice.call(OUTSIDE)
    scene.wait(0.5)
    (live,) = scene.exchange.calls
    (period,) = live.state.periods
    start = scene.clock.now() - (scene.clock.at() - period.since).total_seconds()
    scene.clock.advance_to(start + 30)
    call.refer("700")
    scene.wait()
    assert call.over
    if crash:
        scene.exchange.crash_and_restart(1.0)
    scene.clock.advance_to(start + 70)
    got = bob.call("701")
    scene.clock.advance_to(start + 100.1)
    assert joined(scene, got, carrier.last)
    warned = events(scene, e.LimitWarned)
    assert len(warned) == 1
    scene.clock.advance_to(start + 119.9)
    assert got.up
    scene.clock.advance_to(start + 120.1)
    assert got.over
    assert carrier.last.over
    assert carrier.last.got(sip.Ended)[0].reasons == ('Reason: Q.850;cause=31;text="call duration limit"',)
    assert scene.exchange.records[-1].reason == "duration_limit"


@stage(alice={"policy": Policy(owner="alice", limit_s=60)})
def test_expiry_while_parked_ends_the_call_and_who_retrieves_late_is_warned_then(scene: Scene) -> None:
    """LIM-7, LIM-11: nobody was there to be warned while it was parked."""
    alice, bob, carrier = scene.phone("alice"), scene.phone("bob"), outside(scene)
    carrier.answers = True
    for taken in (False, True):
        call = alice.call(OUTSIDE)
        scene.wait(0.5)
        call.refer("700")
        scene.wait(49.5)
        assert not events(scene, e.LimitWarned)
        if taken:
            got = bob.call("701")
            scene.wait(0.5)
            (warned,) = events(scene, e.LimitWarned)
            assert 9 < warned.left_s < 11
            assert got.up
        assert carrier.last.up
        scene.wait(12)
        assert carrier.last.over
    assert [record.reason for record in scene.exchange.records] == ["duration_limit", "joined", "duration_limit"]
