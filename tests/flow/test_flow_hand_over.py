"""An exchange hands over to the next one at every single append to its journal (`ringplan upgrade`, decision 27): no
call fails by it, whatever is being set up; nothing is left, and every call has one end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dialplan import planner
from dialplan.facts import NO_FACTS, Facts
from dialplan.model import Model
from dialplan.plan import CallRequest, Plan
from tests.flow.test_flow_kill import SCENARIOS as KILLED
from tests.flow.test_flow_state_kill import SCENARIOS as MOVED
from tests.flow.test_flow_state_kill import company
from tests.support.exchange import CARRIER, carrier
from tests.support.killer import Killer
from tests.support.network import Packet
from tests.support.raw_phone import RawDialog, RawPhone, describe
from tests.support.scene import Scene


class Heir(Killer):
    """Hands the exchange of a scene over after the `at`th append from now, in place of killing it."""

    def on_timer(self, what: object, now: float) -> None:
        self.done = True
        self.scene.exchange.hand_over()


def plain(scene: Scene) -> None:
    alice, bob = scene.phones
    call = alice.call("102")
    scene.wait(2)
    bob.last.answer()
    scene.wait(2)
    assert call.up
    call.hang_up()


def whole(do: Callable[[Scene], None], at: int, **knobs: Any) -> tuple[Scene, bool]:
    scene = Scene(**knobs)
    for name in ("alice", "bob", "carol")[: 3 if knobs else 2]:
        scene.phone(name)
    heir = Heir(scene, at)
    try:
        do(scene)
        scene.finish()
    except AssertionError as error:
        raise AssertionError(f"handed over at append {at}") from error
    except Exception as error:
        raise AssertionError(f"handed over at append {at}: {error!r}") from error
    return scene, heir.done


SCENARIOS = {"plain": plain, **KILLED}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_call_fails_by_a_hand_over_at_any_append(scenario: str) -> None:
    at, done = 0, True
    while done:
        at += 1
        scene, done = whole(SCENARIOS[scenario], at)
        assert scene.exchange.record.result == "answered", f"handed over at append {at}"
    assert at > 4


@pytest.mark.parametrize("scenario", MOVED)
def test_forwards_and_groups_that_ring_go_on(scenario: str) -> None:
    """A walk that had moved on begins at its first stage again; who calls is not failed by it."""
    at, done = 0, True
    while done:
        at += 1
        scene, done = whole(MOVED[scenario], at, model=company())
        assert scene.exchange.record.reason in ("caller_hung_up", "callee_hung_up", "no_answer"), at


def transferred(scene: Scene) -> None:
    alice, bob, carol = scene.phones
    first = alice.call("102")
    scene.wait(1)
    bob.last.answer()
    scene.wait(1)
    first.hold()
    scene.wait(1)
    second = alice.call("103")
    scene.wait(1)
    carol.last.answer()
    scene.wait(1)
    first.transfer_to(second)
    scene.wait(3)
    for phone in scene.phones:
        for call in phone.calls:
            if call.up:
                call.hang_up()
                scene.wait(1)


def test_a_transfer_under_way_ends_in_a_defined_way() -> None:
    at, done = 0, True
    while done:
        at += 1
        scene, done = whole(transferred, at, model=company())
        assert {record.result for record in scene.exchange.records} == {"answered"}, at
    assert at > 10


def sent(scene: Scene, since: int) -> list[str]:
    return [f"{packet.start} {packet.target[0].rpartition('.')[2]}" for packet in scene.network.log[since:]]


def hands_over_unheard(scene: Scene, wait_s: float = 1.0) -> int:
    """It hands over, and no telephone hears of it. Where the network's log ended before."""
    before = len(scene.network.log)
    scene.exchange.hand_over()
    scene.wait(wait_s)
    assert sent(scene, before) == []
    return before


def test_a_telephone_that_rings_rings_on_and_hears_nothing_of_it() -> None:
    scene = Scene()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait(1)
    hands_over_unheard(scene)
    bob.last.answer()
    scene.wait(1)
    assert call.up
    assert call.rings == [180]
    assert len(bob.calls) == 1
    before = hands_over_unheard(scene, 40)  # nor do those who talk
    call.hang_up()
    scene.wait(1)
    scene.exchange.hand_over()
    scene.finish()
    assert sent(scene, before) == ["BYE 10", "200 21", "BYE 22", "200 10"], "nor is goodbye said twice"
    assert [leg.result for leg in scene.exchange.record.legs] == ["answered", "answered"]
    assert scene.exchange.record.recovered


@pytest.mark.parametrize("after_s", [0.0001, 0.011])
def test_an_answer_that_is_on_its_way_is_met(after_s: float) -> None:
    scene = Scene()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait(1)
    bob.last.answer()
    scene.wait(after_s)
    scene.exchange.hand_over()
    scene.wait(1)
    assert call.up and bob.last.up
    assert len(bob.calls) == 1
    call.hang_up()
    scene.finish()


def test_who_gives_up_after_it_is_heard_and_so_is_who_rings() -> None:
    scene = Scene()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait(1)
    scene.exchange.hand_over()
    call.cancel()
    scene.finish()
    assert call.over
    assert bob.last.over
    assert scene.exchange.record.result == "cancelled"


def test_an_invite_that_got_lost_is_sent_on() -> None:
    """Nobody has heard of it: the next process repeats it as this one would have."""
    scene = Scene()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.network.drop = lambda packet: _to_bob(packet)
    call = alice.call("102")
    scene.wait(0.3)
    scene.network.drop = lambda packet: False
    scene.exchange.hand_over()
    scene.wait(1)
    bob.last.answer()
    scene.wait(1)
    assert call.up
    call.hang_up()
    scene.finish()
    assert len(scene.exchange.record.legs) == 2


def _to_bob(packet: Packet) -> bool:
    return packet.target[0] == "192.0.2.22"


def test_a_full_trunk_does_not_refuse_the_call_that_it_carries() -> None:
    """The leg that is adopted has its channel; another would be one too many, and one a second as well."""
    scene = Scene(trunks={"carrier": carrier("carrier", CARRIER, channels=1, calls_per_second=1)})
    alice, itsp = scene.phone("alice"), scene.carrier()
    call = alice.call("6692223333")
    scene.wait(0.1)
    invite = itsp.take("INVITE")
    itsp.reply(invite, 180, tag="c")
    scene.wait(0.1)
    scene.exchange.hand_over()
    scene.wait(0.1)
    assert not itsp.inbox
    itsp.reply(invite, 200, dialog_body(itsp), tag="c")
    scene.wait(0.1)
    itsp.take("ACK")
    assert call.up
    scene.over(call, itsp)
    scene.finish()


def test_a_call_of_a_carrier_goes_on() -> None:
    scene = Scene()
    itsp, bob = scene.carrier(), scene.phone("bob")
    dialog = RawDialog.call(itsp, "102", dialog_body(itsp))
    scene.wait(0.1)
    itsp.take(180)
    scene.exchange.hand_over()
    bob.last.answer()
    scene.wait(0.1)
    dialog.take_answer(itsp.take(200))
    dialog.ack()
    scene.wait(0.1)
    scene.exchange.hand_over()
    bob.last.hang_up()
    scene.wait(0.1)
    itsp.reply(itsp.take("BYE"), 200)
    scene.finish()
    assert scene.exchange.record.trunk == "carrier"


def test_keys_that_were_offered_still_hold() -> None:
    """SRTP: the letter has them, as no journal does."""
    scene = Scene()
    scene.exchange.core.directory.srtp = {"bob": "required"}
    alice, bob = scene.raw("alice"), scene.raw("bob")
    RawDialog.authenticated(alice, "102", scene.wait)
    scene.wait(0.1)
    invite = bob.take("INVITE")
    key = invite.body.partition("inline:")[2][:40]
    assert len(key) == 40
    bob.reply(invite, 180, tag="b")
    scene.wait(0.1)
    letter = scene.exchange.core.letter()
    (begun,) = letter.begun.values()
    assert begun.rung[0].key
    scene.exchange.hand_over()
    scene.exchange.core.directory.srtp = {"bob": "required"}
    assert not bob.inbox
    bob.reply(invite, 200, srtp_answer(bob.address[0]), tag="b")
    scene.wait(0.1)
    bob.take("ACK")
    alice.take(200)
    (leg,) = (each for each in scene.exchange.calls[0].legs.values() if each.index == 1)
    assert leg.sound.keys is not None
    assert scene.exchange.calls[0].state.answered_at is not None
    scene.exchange.core.close(scene.clock.now())
    scene.wait(0.1)
    for phone in (alice, bob):
        phone.reply(phone.take("BYE"), 200)
    scene.finish()


def dialog_body(phone: RawPhone) -> str:
    return describe(phone.address[0])


def srtp_answer(address: str) -> str:
    body = describe(address).replace("RTP/AVP", "RTP/SAVP")
    return body + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "B" * 40 + "\r\n"


def test_telephones_on_tcp_keep_their_connections() -> None:
    scene = Scene()
    alice, bob = scene.phone("alice", transport="tcp"), scene.phone("bob", transport="tcp")
    call = alice.call("102")
    scene.wait(0.5)
    scene.exchange.hand_over()
    bob.last.answer()
    scene.wait(0.5)
    assert call.up
    scene.exchange.hand_over()
    bob.last.hang_up()
    scene.finish()
    assert call.over


def test_all_who_ring_for_a_group_are_adopted_and_the_others_hear_when_one_has_answered() -> None:
    scene = Scene()
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    call = alice.call("110")
    scene.wait(1)
    hands_over_unheard(scene)
    carol.last.answer()
    scene.wait(1)
    assert call.up and carol.last.up
    assert bob.last.over
    call.hang_up()
    scene.finish()
    (bobs,) = (leg for leg in scene.exchange.record.legs if leg.target == "line:bob")
    assert bobs.reason == "completed_elsewhere"


def test_handed_over_again_and_again_while_many_calls_come_and_go() -> None:
    """Calls in every state at once, and ten processes one after the other."""
    scene = Scene()
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    made = []
    for turn in range(10):
        made += [alice.call("102"), carol.call("101"), bob.call("110")]
        scene.wait(0.013 * turn)
        scene.exchange.hand_over()
        scene.wait(0.4)
        for phone in scene.phones:
            for each in phone.calls:
                if not each.over and not each.up and each.usage.pending_request is not None:
                    each.answer()
        scene.wait(0.007 * turn)
        scene.exchange.hand_over()
        for each in made[turn::3]:
            if each.up:
                each.hang_up()
    scene.wait(2)
    assert all(each.up or each.over for each in made)
    for each in made:
        if each.up:
            each.hang_up()
    scene.finish()
    records = scene.exchange.records
    assert len(records) == 30
    assert {record.result for record in records} == {"answered"}


def test_a_caller_whose_connection_breaks_afterwards_calls_no_more() -> None:
    scene = Scene()
    alice, bob = scene.phone("alice", transport="tcp"), scene.phone("bob")
    alice.call("102")
    scene.wait(0.5)
    scene.exchange.hand_over()
    scene.strict = False
    scene.network.cut(alice.flow)
    scene.wait(0.5)
    assert bob.last.over
    scene.finish()
    assert scene.exchange.record.result == "cancelled"


def test_an_emergency_call_that_rings_goes_on_even_without_facts() -> None:
    """OUT-6: should the facts fail the decision, it is made without them."""
    scene = Scene()
    alice, itsp = scene.phone("alice"), scene.carrier()
    call = alice.call("911")
    scene.wait(0.1)
    invite = itsp.take("INVITE")
    itsp.reply(invite, 180, tag="e")
    scene.wait(0.1)
    exchange = scene.exchange
    real, exchange.tolerates = planner.plan, True

    def fails(model: Model, request: CallRequest, facts: Facts) -> Plan:
        if facts is not NO_FACTS:
            raise RuntimeError("no facts")
        return real(model, request, facts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "plan", fails)
        exchange.hand_over()
    assert not itsp.inbox
    itsp.reply(invite, 200, dialog_body(itsp), tag="e")
    scene.wait(0.1)
    itsp.take("ACK")
    assert call.up
    scene.over(call, itsp)
    scene.finish()
