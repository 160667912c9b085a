"""What features build on (decision 22): services, walks for a front that is answered, legs that move between calls."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import structs

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import of_text
from dialplan.facts import NO_FACTS
from dialplan.plan import Attendant, CallRequest
from dialplan.termination import Reason, Result, Termination
from dialplan.vocabulary import StepDone
from media.engine import Digit, MediaEvent, Tune
from switch.calls.answering import serve
from switch.calls.call import Call
from switch.calls.ending import end
from switch.calls.leg import Leg
from switch.calls.moving import move
from switch.calls.onward import BUSY_TONE, RINGING_TONE, onward
from switch.calls.pairing import pair
from tests.support.exchange import house
from tests.support.scene import Scene

TRANSFERRED = Termination(Result.ANSWERED, Reason.TRANSFERRED, 200)


class Menu:
    """A service whose only key leads to Bob."""

    name = "attendant:main"

    def __init__(self, step: str) -> None:
        self.step = step
        self.parts = 0

    def begin(self, call: Call, now: float) -> None:
        lease = call.front.sound.lease
        assert lease is not None
        call.context.engine.play(lease.leg, Tune(("file:menu.wav",)))

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        if isinstance(event, Digit):
            request = CallRequest(digits="102", at=call.context.at(), device="alice", line="alice")
            call.done(StepDone(self.step, "replan", request), now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        return False

    def parted(self, call: Call, now: float) -> None:
        self.parts += 1


@pytest.fixture
def menus(scene: Scene) -> list[Menu]:
    """A house with a menu at 500."""
    made: list[Menu] = []
    model = house()
    extensions = {**model.extensions, "500": of_text("attendant:main")}
    attendants = {"main": groups.Attendant(id="main")}
    scene.exchange.use_model(m.versioned(structs.replace(model, extensions=extensions, attendants=attendants)))
    context = scene.exchange.core.calls.context

    def execute(call: Call, step: Attendant, now: float) -> None:
        made.append(Menu(step.id))
        serve(call, made[-1], now)

    context.executors = {**context.executors, Attendant: execute}
    return made


def test_a_choice_in_a_menu_rings_for_a_front_that_was_answered(scene: Scene, menus: list[Menu]) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("500")
    scene.wait()
    assert call.up
    (live,) = scene.exchange.calls
    assert live.state.service == "attendant:main"
    leg = scene.book(call)
    assert leg.source == "file:menu.wav"
    scene.exchange.tell(Digit(leg.lease.leg, "1", 100))
    scene.wait()
    assert leg.tune == RINGING_TONE
    assert menus[0].parts == 1
    assert bob.last.usage.pending_request.from_.display == "Alice"
    bob.last.answer()
    scene.wait()
    assert leg.tune is None
    assert len(scene.exchange.engine.joined()) == 1
    scene.exchange.crash_and_restart()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    bob.last.hang_up()
    scene.wait()
    assert call.over
    record = scene.exchange.record
    assert (record.result, record.reason, record.service) == ("answered", "callee_hung_up", "attendant:main")
    assert record.answered_target == "line:bob"


def test_who_is_not_reached_after_the_answer_is_told_by_a_busy_tone(scene: Scene, menus: list[Menu]) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("500")
    scene.wait()
    leg = scene.book(call)
    scene.exchange.tell(Digit(leg.lease.leg, "1", 100))
    scene.wait()
    bob.last.refuse(486)
    scene.wait()
    assert leg.tune == BUSY_TONE
    scene.wait(4)
    assert call.over
    assert scene.exchange.record.reason == "busy"


def test_the_caller_hangs_up_while_others_ring_for_him(scene: Scene, menus: list[Menu]) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("500")
    scene.wait()
    scene.press(call, "1")
    scene.wait()
    call.hang_up()
    scene.wait()
    assert bob.last.over
    assert scene.exchange.record.reason == "caller_hung_up"


class Going:
    """An errand that notes what comes of it."""

    def __init__(self, away: Leg) -> None:
        self.away = away
        self.said: list[object] = []

    def progress(self, call: Call, status: int, now: float) -> None:
        self.said.append(status)

    def succeeded(self, call: Call, leg: Leg, now: float) -> None:
        self.said.append("answered")
        call.hang_up_leg(self.away, TRANSFERRED, now)

    def failed(self, call: Call, termination: Termination, text: str, now: float) -> None:
        self.said.append(termination.reason)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        return leg is self.away


@pytest.mark.parametrize("gone", [False, True])
def test_the_called_side_goes_on_to_somebody_else(scene: Scene, *, gone: bool) -> None:
    """Alice has called Bob and sends him on to Carol, whether she waits for the answer or not."""
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call, answered = scene.talking(alice, bob)
    (live,) = scene.exchange.calls
    first, second = live.legs[0], live.legs[live.state.peer or 0]
    context = live.context
    plan = context.plan(CallRequest(digits="103", at=context.at(), device="bob", line="bob"), NO_FACTS)
    errand = Going(first)
    onward(live, plan, errand, scene.clock.now(), front=second)
    scene.exchange.core.look(scene.clock.now())
    if gone:
        call.hang_up()
    scene.wait()
    assert scene.book(answered).tune == RINGING_TONE
    assert carol.last.usage.pending_request.from_.display == "Bob"
    carol.last.answer()
    scene.wait()
    assert errand.said == [180, "answered"]
    assert call.over
    assert not answered.over
    assert len(scene.exchange.engine.joined()) == 1
    scene.exchange.crash_and_restart()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    answered.hang_up()
    scene.wait()
    assert carol.last.over
    assert len(scene.exchange.records) == 1


def test_a_leg_goes_into_another_call(scene: Scene) -> None:
    """Alice talks with Bob, then with Carol; Carol goes to Bob, and Alice is out of both."""
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    first, bobs = scene.talking(alice, bob)
    second, carols = scene.talking(alice, carol, "103")
    one, two = scene.exchange.calls
    now = scene.clock.now()
    bobs_leg = one.legs[one.state.peer or 0]
    moved = move(two.legs[two.state.peer or 0], one, now)
    pair(one, bobs_leg, moved, now)
    one.hang_up_leg(one.legs[0], TRANSFERRED, now)
    end(two, TRANSFERRED, now)
    scene.exchange.core.look(now)
    scene.wait()
    assert first.over
    assert second.over
    assert not bobs.over
    assert not carols.over
    assert len(scene.exchange.engine.joined()) == 1
    assert scene.exchange.core.facts.at(scene.clock.at(), 0.0).lines["carol"].active == 1
    scene.exchange.crash_and_restart()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    assert [call.id for call in scene.exchange.calls] == [one.id]
    carols.hang_up()
    scene.wait()
    assert bobs.over
    records = scene.exchange.records
    assert [msgspec.to_builtins(each.reason) for each in records] == ["transferred", "callee_hung_up"]
