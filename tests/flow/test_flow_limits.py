"""The limit of a call (LIM-1 to LIM-11, K.12), with telephones: the examples of the specification to the second."""

from __future__ import annotations

import pytest

from dialplan import model as m
from dialplan.destinations import Destination, To
from dialplan.facts import NO_FACTS
from dialplan.lines import Forwards, Policy
from dialplan.plan import CallRequest
from dialplan.termination import Reason, Result, Termination
from media.engine import MediaEvent
from records import events as e
from switch.calls import limits
from switch.calls.answering import serve
from switch.calls.call import Call
from switch.calls.context import CallSettings
from switch.calls.ending import end
from switch.calls.leg import Leg
from switch.calls.limiting import BEEP
from switch.calls.moving import move
from switch.calls.onward import onward
from switch.calls.pairing import pair
from switch.sip import leg_events as sip
from tests.support.exchange import CARRIER, changed, house
from tests.support.phone import Phone, PhoneCall
from tests.support.raw_phone import RawDialog
from tests.support.scene import Scene

OUTSIDE = "6692223333"
TRANSFERRED = Termination(Result.ANSWERED, Reason.TRANSFERRED, 200)


AWAY = {"forwards": Forwards(always=Destination(To.EXTERNAL, f"+1{OUTSIDE}"))}


def limited(**seconds: float) -> m.Model:
    """The house, where these lines have limits."""
    return changed(house(), **{name: {"policy": Policy(owner=name, limit_s=s)} for name, s in seconds.items()})


SHORT = {"model": limited(alice=60, bob=300)}
"""Alice may talk for 60 seconds, Bob for 300, Carol as long as she likes."""
stage = pytest.mark.parametrize("scene", [SHORT], indirect=True)


def outside(scene: Scene) -> Phone:
    """Somebody outside, behind the carrier."""
    return scene.phone("carrier", CARRIER[0], register=False)


def calls_out(scene: Scene, phone: Phone, carrier: Phone, after_s: float = 0.0) -> PhoneCall:
    """The phone calls outside, is answered after a while, and the two talk from then on."""
    call = phone.call(OUTSIDE)
    scene.wait(0.1)
    scene.wait(after_s)
    carrier.last.answer()
    scene.wait(0.0)
    return call


def until(scene: Scene, began: float, seconds: float) -> None:
    """Go to so many seconds after an instant."""
    scene.clock.advance_to(began + seconds)


def began(scene: Scene) -> float:
    """When the clock of the one call began, on the scene's own."""
    (call,) = scene.exchange.calls
    since = min(each.since for each in call.state.periods)
    return scene.clock.now() - (scene.clock.at() - since).total_seconds()


def warnings(scene: Scene) -> list[e.LimitWarned]:
    return [event for event in scene.exchange.events if isinstance(event, e.LimitWarned)]


def beeps(scene: Scene) -> int:
    """How many tones were told to the engine."""
    return sum(1 for command in scene.exchange.engine.log if command[0] == "play" and command[2] == BEEP)


# The plain call


@stage
def test_a_limit_of_60_s_warns_at_40_and_cuts_at_60_after_the_answer(scene: Scene) -> None:
    """LIM-2, LIM-3, LIM-9: the time that it rings does not count."""
    alice, carrier = scene.phone("alice"), outside(scene)
    call = calls_out(scene, alice, carrier, after_s=15)
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 39.9)
    assert scene.book(call).over is None
    until(scene, start, 40.01)
    assert scene.book(call).over == BEEP
    assert scene.book(carrier.last).over is None, "the internal party alone is warned"
    until(scene, start, 59.9)
    assert call.up
    until(scene, start, 60.1)
    assert call.over
    assert carrier.last.over
    for side in (call, carrier.last):
        (ended,) = side.got(sip.Ended)
        assert ended.reasons == ('Reason: Q.850;cause=31;text="call duration limit"',)
    record = scene.exchange.record
    assert (record.result, record.reason) == ("answered", "duration_limit")
    assert {leg.reason for leg in record.legs} == {"duration_limit"}
    (warned,) = warnings(scene)
    assert (warned.legs, warned.left_s, warned.by) == ((0,), 20.0, "beep")


@stage
def test_a_call_from_outside_has_the_limit_of_the_set_that_answered(scene: Scene) -> None:
    """LIM-10."""
    scene.phone("alice").answers = True
    carrier = outside(scene)
    call = carrier.call("101")
    scene.wait()
    start = began(scene)
    until(scene, start, 40.1)
    assert warnings(scene)[0].legs == (1,)
    until(scene, start, 60.1)
    assert call.over
    assert scene.exchange.record.reason == "duration_limit"


@stage
def test_calls_within_the_house_have_none(scene: Scene) -> None:
    """LIM-9."""
    call, _ = scene.talking(scene.phone("alice"), scene.phone("bob"))
    scene.wait(4000)
    assert call.up
    call.hang_up()


@stage
def test_a_call_for_help_has_none(scene: Scene) -> None:
    """LIM-9."""
    alice, carrier = scene.phone("alice"), outside(scene)
    call = alice.call("911")
    scene.wait()
    carrier.last.answer()
    scene.wait(4000)
    assert call.up
    assert not warnings(scene)
    call.hang_up()


@stage
def test_who_has_no_limit_talks_on(scene: Scene) -> None:
    """LIM-9."""
    call = calls_out(scene, scene.phone("carol"), outside(scene))
    scene.wait(4000)
    assert call.up
    call.hang_up()


@pytest.mark.parametrize("scene", [{"model": limited(alice=15)}], indirect=True)
def test_a_limit_below_20_s_warns_at_once(scene: Scene) -> None:
    """LIM-9."""
    call = calls_out(scene, scene.phone("alice"), outside(scene))
    scene.wait(0.1)
    assert scene.book(call).over == BEEP
    scene.wait(15)
    assert call.over
    assert warnings(scene)[0].left_s == 15.0


@pytest.mark.parametrize(
    ("scene", "limit"),
    [
        ({"model": changed(limited(alice=60, bob=90), bob=AWAY)}, 90),
        ({"model": changed(limited(alice=60), bob=AWAY)}, 0),
    ],
    indirect=["scene"],
)
def test_a_forward_outside_has_the_limit_of_who_forwarded(scene: Scene, limit: int) -> None:
    """LIM-10: Bob's, if he has one or not, and never Alice's, who called him."""
    alice, carrier = scene.phone("alice"), outside(scene)
    call = alice.call("102")
    scene.wait(0.1)
    carrier.last.answer()
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, (limit or 1000) - 0.1)
    assert call.up
    if limit:
        until(scene, start, limit + 0.1)
        assert call.over
        assert carrier.last.over
    else:
        call.hang_up()


# What does not touch the clock


@stage
def test_hold_does_not_touch_the_clock(scene: Scene) -> None:
    """LIM-8."""
    call = calls_out(scene, scene.phone("alice"), outside(scene))
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 10)
    call.hold()
    until(scene, start, 45)
    assert len(warnings(scene)) == 1
    call.resume()
    until(scene, start, 59.9)
    assert call.up
    until(scene, start, 60.1)
    assert call.over
    assert len(warnings(scene)) == 1


@stage
@pytest.mark.parametrize("dies_at", [10, 39.5, 45, 55])
def test_the_clock_goes_on_over_a_crash_and_nobody_is_warned_twice(scene: Scene, dies_at: float) -> None:
    """LIM-2, LIM-3: it runs by the journal's wall times."""
    call = calls_out(scene, scene.phone("alice"), outside(scene))
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, dies_at)
    scene.exchange.crash_and_restart(3.0)
    until(scene, start, 59.9)
    assert call.up
    assert len(warnings(scene)) == 1
    assert beeps(scene) == 1
    until(scene, start, 60.1)
    assert call.over
    assert scene.exchange.record.reason == "duration_limit"


@stage
def test_a_call_whose_time_was_up_while_the_exchange_was_away_is_cut_at_once(scene: Scene) -> None:
    """LIM-3."""
    call = calls_out(scene, scene.phone("alice"), outside(scene))
    scene.wait(0.1)
    scene.exchange.crash_and_restart(100.0)
    scene.wait(0.1)
    assert call.over
    assert scene.exchange.record.reason == "duration_limit"
    assert not warnings(scene)


# Transfers


def acting(scene: Scene) -> float:
    """The test does by hand what a feature does."""
    scene.exchange.core.begin_turn()
    return scene.clock.now()


def acted(scene: Scene) -> None:
    """It has done so."""
    scene.exchange.core.look(scene.clock.now())
    scene.exchange.core.flush()
    scene.exchange._after()


def ring(scene: Scene, call: Call, front: Leg, number: str, by: str) -> None:
    """A blind transfer, as far as the call core goes."""
    context, now = call.context, acting(scene)
    plan = context.plan(CallRequest(digits=number, at=context.at(), device=by, line=by, transferor=by), NO_FACTS)
    onward(call, plan, None, now, front=front)
    acted(scene)
    scene.wait(0.0)


def sides(scene: Scene) -> tuple[Call, Leg, Leg]:
    """The one call, who is inside, and who is outside."""
    (call,) = scene.exchange.calls
    legs = sorted(call.legs.values(), key=lambda leg: leg.target.startswith("trunk:"))
    return call, legs[0], legs[1]


@stage
@pytest.mark.parametrize(("to", "number", "lives_s"), [("bob", "102", 350.0), ("carol", "103", None)])
def test_a_transfer_at_50_s_lives_by_the_limit_of_who_it_goes_to(
    scene: Scene, to: str, number: str, lives_s: float | None
) -> None:
    """LIM-4: A limit 60, B limit 300, A transfers at 50 s: until 50 + 300 s; and with B unlimited no limit. LIM-11: the
    warning is armed again."""
    alice, other, carrier = scene.phone("alice"), scene.phone(to), outside(scene)
    other.answers = True
    call = calls_out(scene, alice, carrier)
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 50)
    assert len(warnings(scene)) == 1
    call.refer(number)
    until(scene, start, 51)
    assert call.over
    assert other.last.up
    if lives_s is None:
        until(scene, start, 5000)
        assert other.last.up
        assert len(warnings(scene)) == 1
        other.last.hang_up()
        return
    until(scene, start, lives_s - 20.5)
    assert len(warnings(scene)) == 1
    until(scene, start, lives_s - 19)
    assert len(warnings(scene)) == 2
    assert scene.book(other.last).over == BEEP
    until(scene, start, lives_s - 0.5)
    assert other.last.up
    until(scene, start, lives_s + 0.5)
    assert other.last.over
    assert carrier.last.over


@stage
def test_while_a_transfer_rings_the_end_waits_for_what_comes_of_it(scene: Scene) -> None:
    """LIM-4: Bob answers at 65 s, and has his 300 s; had he not, the call would have ended."""
    alice, bob, carrier = scene.phone("alice"), scene.phone("bob"), outside(scene)
    call = calls_out(scene, alice, carrier)
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 50)
    call.refer("102")
    until(scene, start, 65)
    assert carrier.last.up
    bob.last.answer()
    until(scene, start, 364.5)
    assert call.over
    assert bob.last.up
    until(scene, start, 366)
    assert bob.last.over


@stage
@pytest.mark.parametrize("gone", [False, True])
def test_a_transfer_that_fails_after_the_end_is_cut_then(scene: Scene, gone: bool) -> None:
    """LIM-4: nothing was reset. Also when the transferor has hung up, and would have been rung."""
    alice, bob, carrier = scene.phone("alice"), scene.phone("bob"), outside(scene)
    call = calls_out(scene, alice, carrier)
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 50)
    call.refer("102")
    scene.wait(0.5)
    if gone:
        call.hang_up()
    until(scene, start, 65)
    assert carrier.last.up
    bob.last.refuse(486)
    scene.wait(1.0)
    assert carrier.last.over
    assert scene.exchange.record.reason == "duration_limit"


@stage
def test_a_transfer_to_outside_keeps_the_transferors_limit(scene: Scene) -> None:
    """K.12."""
    carrier = outside(scene)
    alice = scene.phone("alice")
    alice.answers = True
    inbound = carrier.call("101")
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 30)
    alice.last.refer(OUTSIDE)
    until(scene, start, 31)
    carrier.last.answer()
    until(scene, start, 59.5)
    assert inbound.up
    assert carrier.last.up
    until(scene, start, 60.5)
    assert inbound.over
    assert carrier.last.over
    assert scene.exchange.record.reason == "duration_limit"


@stage
@pytest.mark.parametrize("crash", [False, True])
def test_a_leg_takes_its_limit_along_into_another_call(scene: Scene, crash: bool) -> None:
    """LIM-4, K.12: an attended transfer to outside. Alice was called at 0, and calls outside at 20; those two talk with
    each other from 30 on, by her limit of then: until 60."""
    alice, carrier = scene.phone("alice"), outside(scene)
    alice.answers = True
    inbound = carrier.call("101")
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 20)
    consulted = calls_out(scene, alice, carrier)
    until(scene, start, 30)
    first, second = scene.exchange.calls
    now = acting(scene)
    moved = move(first.legs[0], second, now)
    pair(second, second.legs[1], moved, now)
    second.hang_up_leg(second.legs[0], TRANSFERRED, now)
    end(first, TRANSFERRED, now)
    acted(scene)
    if crash:
        scene.exchange.crash_and_restart(1.0)
    until(scene, start, 31)
    assert consulted.over
    until(scene, start, 59.5)
    assert inbound.up
    until(scene, start, 60.5)
    assert inbound.over


@stage
@pytest.mark.parametrize("called", [False, True])
def test_a_colleague_who_is_given_a_call_outside_has_it_by_the_own_limit(scene: Scene, called: bool) -> None:
    """LIM-4, LIM-10: Alice talks with Bob, asks somebody outside, and gives that call to Bob: his 300 s from then."""
    alice, bob, carrier = scene.phone("alice"), scene.phone("bob"), outside(scene)
    if called:
        bobs, first = scene.talking(bob, alice, "101")
    else:
        first, bobs = scene.talking(alice, bob)
    first.hold()
    scene.wait(1)
    second = calls_out(scene, alice, carrier)
    scene.wait(20)
    first.transfer_to(second)
    scene.wait(1)
    assert first.over
    assert second.over
    start = began(scene)
    assert scene.clock.now() - start < 1.5
    until(scene, start, 299.5)
    assert bobs.up
    until(scene, start, 300.5)
    assert bobs.over
    assert carrier.last.over


class Room:
    """A service in which others are met: a conference room (LIM-6), or anything else of ours."""

    def __init__(self, name: str) -> None:
        self.name = name

    def begin(self, call: Call, now: float) -> None:
        """Nothing is heard in it."""

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """Nothing is said to it."""

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        return leg.index != call.state.front

    def parted(self, call: Call, now: float) -> None:
        """Nothing is held."""


@stage
def test_a_meet_me_conference_has_none_and_leaving_it_starts_afresh(scene: Scene) -> None:
    """LIM-6; and a service that is none leaves the clock alone."""
    alice, bob, carrier = scene.phone("alice"), scene.phone("bob"), outside(scene)
    bob.answers = True
    calls_out(scene, alice, carrier)
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 30)
    live, near, far = sides(scene)
    now = acting(scene)
    live.record(e.Connected(live.id, live.state.n, live.context.at(), near.index, "", None, far.index))
    serve(live, Room("attendant:main"), now)
    live.hang_up_leg(near, TRANSFERRED, now)
    assert limits.ends(live.state.periods) is not None, "in a menu it goes on"
    serve(live, Room("conference:board"), now)
    acted(scene)
    until(scene, start, 1000)
    assert carrier.last.up
    ring(scene, live, far, "102", "bob")
    scene.wait(0.5)
    again = began(scene)
    assert again - start >= 1000
    until(scene, again, 299.5)
    assert bob.last.up
    until(scene, again, 300.5)
    assert bob.last.over


# The very instant


@stage
@pytest.mark.parametrize("late_s", [0.0, 0.0004])
def test_what_comes_in_the_very_instant_of_expiry_comes_too_late(scene: Scene, late_s: float) -> None:
    """K.12: a BYE of that instant finds a call that was cut."""
    alice, carrier = scene.phone("alice"), outside(scene)
    call = calls_out(scene, alice, carrier)
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 59.0)
    (live,) = scene.exchange.calls
    leg = live.legs[0]
    # As a packet that is read before the timers of the same instant.
    clock = scene.clock
    clock._now = live.deadline + late_s
    call.usage.bye(clock.now())
    scene.exchange.core.begin_turn()
    scene.exchange.core.go_on(lambda now: live.on_leg(leg, sip.Ended(), now), clock.now())
    scene.exchange.core.flush()
    scene.exchange._after()
    assert live.state.ended is not None
    assert live.state.ended.reason is Reason.DURATION_LIMIT
    call.phone.station.drain(clock.now())


# How it is said


@pytest.mark.parametrize(
    ("scene", "allow", "said", "beeped"),
    [
        ({**SHORT, "settings": CallSettings(warn_by="message")}, "INVITE, ACK, BYE, CANCEL, MESSAGE", True, False),
        ({**SHORT, "settings": CallSettings(warn_by="message")}, "INVITE, ACK, BYE, CANCEL", False, True),
        ({**SHORT, "settings": CallSettings(warn_by="both")}, "INVITE, ACK, BYE, CANCEL, MESSAGE", True, True),
        ({**SHORT, "settings": CallSettings(warn_by="beep")}, "INVITE, ACK, BYE, CANCEL, MESSAGE", False, True),
    ],
    indirect=["scene"],
)
@pytest.mark.parametrize("crash", [False, True])
def test_the_warning_stands_on_the_display_of_a_telephone_that_shows_text(
    scene: Scene, allow: str, said: bool, beeped: bool, crash: bool
) -> None:
    """LIM-2: by MESSAGE in the dialog, as far as its Allow says; else by the tone. Our next request goes on from it."""
    alice, carrier = scene.raw("alice"), outside(scene)
    carrier.answers = True
    dialog = RawDialog.authenticated(alice, OUTSIDE, scene.wait, headers=(f"Allow: {allow}",))
    scene.wait(0.1)
    dialog.take_answer(alice.take(200))
    dialog.ack()
    scene.wait(0.1)
    start = began(scene)
    if crash:
        scene.exchange.crash_and_restart(1.0)
    until(scene, start, 40.5)
    assert alice.has("MESSAGE") is said
    assert (beeps(scene) == 1) is beeped
    number = 0
    if said:
        message = alice.take("MESSAGE")
        assert message.get("Content-Type") == "text/plain;charset=UTF-8"
        assert "This call ends in 20 seconds." in message.body
        number = int(message.get("CSeq").split()[0])
        alice.reply(message, 200)
    until(scene, start, 60.5)
    bye = alice.take("BYE")
    assert int(bye.get("CSeq").split()[0]) > number
    assert bye.get("Reason") == 'Q.850;cause=31;text="call duration limit"'
    alice.reply(bye, 200)
    scene.wait(0.1)


@pytest.mark.parametrize("scene", [{**SHORT, "settings": CallSettings(warn_by="message")}], indirect=True)
def test_a_telephone_that_takes_update_alone_shows_it_in_place_of_the_name(scene: Scene) -> None:
    """LIM-2. The name comes back when somebody else is there."""
    call = calls_out(scene, scene.phone("alice"), outside(scene))
    bob = scene.phone("bob")
    bob.answers = True
    scene.wait(0.1)
    start = began(scene)
    until(scene, start, 41)
    assert call.shown == ['"20 seconds left" <sip:+16692223333@192.0.2.10>']
    assert beeps(scene) == 0
    assert warnings(scene)[0].by == "message"
    call.refer("102")
    scene.wait(1)
    assert bob.last.up
    scene.wait(281)
    assert bob.last.shown[-1].startswith('"20 seconds left"')
    scene.wait(25)
    assert bob.last.over


@pytest.mark.parametrize("scene", [{**SHORT, "settings": CallSettings(warn_to="both")}], indirect=True)
def test_both_sides_are_warned_where_that_is_wanted(scene: Scene) -> None:
    """LIM-2."""
    call = calls_out(scene, scene.phone("alice"), outside(scene))
    scene.wait(40.5)
    assert scene.book(call).over == BEEP
    scene.wait(0)
    assert warnings(scene)[0].legs == (0, 1)
    assert beeps(scene) == 2
    scene.wait(25)
    assert call.over
