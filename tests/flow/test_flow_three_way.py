"""A third party in a call (LIM-5, K.12): asked for by keys, or out of a held call; over crashes and departures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec import structs

from dialplan import model as m
from dialplan.destinations import of_text
from dialplan.lines import Forwards, Policy
from records import events as e
from tests.support.exchange import changed, house
from tests.support.phone import PhoneCall
from tests.support.raw_phone import RawDialog
from tests.support.scene import Scene


class Table:
    """Alice and Bob talk; Alice may take a third one in with `*3`."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        model = changed(house(), alice={"policy": Policy(owner="alice", limit_s=60.0)})
        scene.exchange.use_model(m.versioned(structs.replace(model, call_keys={"*3": "add_party"})))
        self.alice, self.bob, self.carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
        self.first: PhoneCall
        self.second: PhoneCall

    def talk(self) -> None:
        self.first, self.second = self.scene.talking(self.alice, self.bob)

    def press(self, call: PhoneCall, digits: str) -> None:
        self.scene.press(call, digits)
        self.scene.wait()

    def third(self, number: str = "103") -> PhoneCall:
        """Carol is taken in."""
        self.press(self.first, f"*3{number}#")
        self.carol.last.answer()
        self.scene.wait()
        return self.carol.last

    def together(self, *calls: PhoneCall) -> bool:
        (live,) = self.scene.exchange.calls
        legs = {self.scene.book(call).lease.leg for call in calls}
        return self.scene.exchange.engine.members(f"call:{live.id}") == legs


@pytest.fixture
def table(scene: Scene) -> Iterator[Table]:
    made = Table(scene)
    yield made
    for call in made.alice.calls + made.bob.calls + made.carol.calls:
        if call.up:
            call.hang_up()
            scene.wait()


def test_a_third_one_is_asked_for_rung_and_taken_in(table: Table) -> None:
    table.talk()
    scene = table.scene
    table.press(table.first, "*3")
    assert scene.book(table.first).source == "file:number_enter"
    assert scene.book(table.second).tune is not None  # music
    table.press(table.first, "103#")
    assert scene.book(table.first).source.startswith("tone:440+480")
    table.carol.last.answer()
    scene.wait()
    assert table.together(table.first, table.second, table.carol.last)


@pytest.mark.parametrize("who", ["first", "second", "third"])
def test_two_talk_on_when_one_leaves(table: Table, who: str) -> None:
    table.talk()
    third = table.third()
    sides = {"first": table.first, "second": table.second, "third": third}
    sides.pop(who).hang_up()
    table.scene.wait()
    assert all(call.up for call in sides.values())
    (pair,) = table.scene.exchange.engine.joined()
    assert len(pair) == 2
    assert not [leg for leg in table.scene.exchange.engine.legs.values() if leg.room]
    next(iter(sides.values())).hang_up()
    table.scene.wait()
    assert not any(call.up for call in sides.values())
    assert len(table.scene.exchange.records) == 1


def test_they_are_together_again_after_a_crash(table: Table) -> None:
    table.talk()
    third = table.third()
    table.scene.exchange.engine.legs[table.scene.book(third).lease.leg].room = ""
    table.scene.exchange.crash_and_restart()
    table.scene.wait()
    assert table.together(table.first, table.second, third)
    third.hang_up()
    table.scene.wait()
    assert len(table.scene.exchange.engine.joined()) == 1


def test_who_is_held_in_another_call_is_taken_in_without_a_word(table: Table) -> None:
    table.talk()
    table.first.hold()
    table.scene.wait()
    other = table.alice.call("103")
    table.scene.wait()
    third = table.carol.last
    third.answer()
    table.scene.wait()
    table.press(other, "*3")
    table.scene.wait(1)
    assert table.first.over
    assert table.together(other, table.second, third)
    assert [record.reason for record in table.scene.exchange.records] == ["joined"]


@pytest.mark.parametrize("refuses", ["busy", "nowhere", "nothing", "a service", "hangs up"])
def test_it_stays_at_two_when_nobody_comes(table: Table, refuses: str) -> None:
    table.talk()
    scene = table.scene
    table.press(table.first, {"nowhere": "*3999#", "nothing": "*3#", "a service": "*3600#"}.get(refuses, "*3103#"))
    if refuses == "busy":
        table.carol.last.refuse(486)
    elif refuses == "hangs up":
        table.first.hang_up()
    scene.wait()
    if refuses == "hangs up":
        assert table.second.over
        assert table.carol.last.over
        return
    assert len(scene.exchange.engine.joined()) == 1
    assert scene.book(table.first).over is not None  # told by a tone
    assert table.first.up
    assert table.second.up
    third = table.third()  # he may try again
    assert table.together(table.first, table.second, third)


def test_a_mailbox_in_place_of_the_third_one_is_not_taken_in(scene: Scene) -> None:
    table = Table(scene)
    model = scene.exchange.model
    forwards = {"forwards": Forwards(no_answer=of_text("echo"))}
    scene.exchange.use_model(changed(model, carol=forwards))
    table.talk()
    table.press(table.first, "*3103#")
    scene.wait(25)  # Carol's telephone has rung for 20 s
    assert table.first.up
    assert table.second.up
    assert len(scene.exchange.engine.joined()) == 1
    assert scene.book(table.first).over is not None
    table.first.hang_up()
    scene.wait()


def test_who_hangs_up_while_he_is_asked_leaves_nothing_behind(table: Table) -> None:
    table.talk()
    table.press(table.first, "*31")
    table.first.hang_up()
    table.scene.wait(30)
    assert table.second.over


def test_another_call_that_is_not_held_is_left_alone(table: Table) -> None:
    table.talk()
    other = table.alice.call("103")
    table.scene.wait()
    table.carol.last.answer()
    table.scene.wait()
    table.press(other, "*3")
    assert table.scene.book(other).source == "file:number_enter"
    assert table.first.up


def test_the_limits_of_all_who_are_inside_count_and_the_earliest_rules(table: Table) -> None:
    """LIM-5: Alice may talk 60 s with somebody outside, Bob 30 s; both talk with him from the same instant on."""
    scene = table.scene
    carrier = scene.carrier()
    scene.exchange.use_model(changed(scene.exchange.model, bob={"policy": Policy(owner="bob", limit_s=30.0)}))
    table.talk()
    table.press(table.first, "*32125550100#")
    scene.taken(carrier, "c")
    scene.wait(0.5)
    (live,) = scene.exchange.calls
    assert len(live.state.members) == 3
    assert sorted(each.limit_s for each in live.state.periods) == [30.0, 60.0]
    scene.wait(28.5)
    assert table.first.up
    scene.wait(2)
    assert table.first.over
    assert table.second.over
    carrier.reply(carrier.take("BYE"), 200, tag="c")
    scene.wait()
    assert scene.exchange.record.reason == "duration_limit"


def test_the_second_one_leaves_while_the_third_rings(table: Table) -> None:
    table.talk()
    table.press(table.first, "*3103#")
    table.second.hang_up()
    table.scene.wait()
    assert table.first.up
    table.carol.last.answer()
    table.scene.wait()
    assert len(table.scene.exchange.engine.joined()) == 1
    assert not [leg for leg in table.scene.exchange.engine.legs.values() if leg.room]


def test_a_crash_while_the_third_rings_leaves_two(table: Table) -> None:
    table.talk()
    table.press(table.first, "*3103#")
    table.scene.exchange.crash_and_restart()
    table.scene.wait(2)
    assert table.first.up
    assert table.second.up
    assert len(table.scene.exchange.engine.joined()) == 1


def test_a_third_party_neither_resets_nor_lifts_the_limit_and_the_end_is_everybodys(table: Table) -> None:
    """LIM-5: Alice's calls outside last 60 s. Bob comes in at 40 s; at 60 s all three are cut off."""
    scene = table.scene
    carrier = scene.carrier()
    table.first = table.alice.call("2125550100")
    scene.wait(0.1)
    invite = scene.taken(carrier, "c")
    scene.wait(0.4)
    assert table.first.up
    dialog = RawDialog.of_invite(carrier, invite, "c")
    scene.wait(40)
    table.press(table.first, "*3102#")
    table.bob.last.answer()
    scene.wait()
    second = table.bob.last
    (live,) = scene.exchange.calls
    assert len(live.state.members) == 3
    (period, *_) = live.state.periods
    assert (period.limit_s, period.party) == (60.0, "line:alice")
    scene.wait(17.9)
    assert table.first.up
    assert second.up
    scene.wait(1.5)
    assert table.first.over
    assert second.over
    carrier.reply(carrier.take("BYE"), 200, tag="c")
    scene.wait()
    del dialog
    warned = [event for event in scene.exchange.events if isinstance(event, e.LimitWarned)]
    assert len(warned) == 1
    assert scene.exchange.record.reason == "duration_limit"


def test_two_from_outside_are_not_left_talking(table: Table) -> None:
    """K.12 sends a call on outside by a transfer; who hangs up has not asked for that."""
    scene = table.scene
    carrier = scene.carrier()
    table.first = table.alice.call("2125550100")
    scene.wait(0.1)
    scene.taken(carrier, "c")
    scene.wait(0.4)
    table.press(table.first, "*32125550111#")
    scene.taken(carrier, "d")
    scene.wait(0.4)
    (live,) = scene.exchange.calls
    assert len(live.state.members) == 3
    table.first.hang_up()
    scene.wait(0.4)
    for tag in ("c", "d"):
        carrier.reply(carrier.take("BYE"), 200, tag=tag)
    scene.wait()
    assert not list(scene.exchange.calls)
