"""Transfers to and from outside: whose permission counts (K.8), what a carrier may, and what its switch is told."""

from __future__ import annotations

import pytest

from dialplan.lines import Outside, Permission
from records.events import CallReplanned
from tests.support.exchange import CARRIER, carrier, changed, house
from tests.support.phone import Phone, PhoneCall
from tests.support.raw_phone import DOMAIN, RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene

NUMBER = "+13105550100"


def called(scene: Scene, switch: RawPhone, bob: Phone) -> RawDialog:
    """The carrier has brought a call for Bob, who has answered."""
    headers = ("P-Asserted-Identity: <sip:+14155550123@carrier.example.com>",)
    dialog = RawDialog.call(switch, "102", describe(switch.address[0]), headers)
    scene.wait()
    bob.last.answer()
    scene.wait()
    dialog.take_answer(switch.take(200))
    dialog.ack()
    scene.wait()
    switch.inbox.clear()
    return dialog


def refer(dialog: RawDialog, number: str) -> None:
    dialog.request("REFER", headers=(f"Refer-To: <sip:{number}@{DOMAIN}>",))


def hang_up(scene: Scene, call: PhoneCall, switch: RawPhone) -> None:
    call.hang_up()
    scene.wait()
    while switch.has("BYE"):
        switch.reply(switch.take("BYE"), 200)
    scene.wait()


def test_a_caller_from_outside_is_sent_on_inside(scene: Scene) -> None:
    """He reaches any number of the house by the transferor, and not only those that the carrier could call."""
    bob, carol = scene.phone("bob"), scene.phone("carol")
    switch = scene.carrier()
    called(scene, switch, bob)
    carol.answers = True
    bob.last.refer("103")
    scene.wait()
    assert bob.last.outcome == "SIP/2.0 200 OK"
    assert carol.last.up
    hang_up(scene, carol.last, switch)


@pytest.mark.parametrize("allowed", [True, False])
def test_to_outside_it_needs_the_transferors_permission(scene: Scene, allowed: bool) -> None:
    level = Permission.INTERNATIONAL if allowed else Permission.EMERGENCY
    scene.exchange.use_model(changed(house(), bob={"outside": Outside(permission=level)}))
    alice, bob = scene.phone("alice"), scene.phone("bob")
    switch = scene.carrier()
    call, answered = scene.talking(alice, bob)
    answered.refer(NUMBER)
    scene.wait()
    if not allowed:
        assert answered.referred == [403]
        assert call.up and answered.up
        assert not switch.has("INVITE")
        call.hang_up()
        scene.wait()
        (transfer,) = scene.exchange.record.transfers
        assert (transfer.outcome, transfer.status) == ("failed", 403)
        return
    invite = scene.taken(switch, "s")
    assert invite.uri.startswith(f"sip:{NUMBER}@")
    scene.wait()
    assert answered.over
    hang_up(scene, call, switch)


def test_the_one_who_stays_needs_it_too(scene: Scene) -> None:
    scene.exchange.use_model(changed(house(), alice={"outside": Outside(permission=Permission.EMERGENCY)}))
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    answered.refer(NUMBER)
    scene.wait()
    assert answered.referred == [403]
    call.hang_up()
    scene.wait()


def test_whom_somebody_has_called_outside_is_sent_on(scene: Scene) -> None:
    """Alice has called out, and puts the far end through to Bob, who sees the number."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    switch = scene.carrier()
    call = alice.call(NUMBER)
    scene.wait()
    scene.taken(switch, "s")
    scene.wait()
    assert call.up
    call.refer("102")
    scene.wait()
    request = bob.last.usage.pending_request
    assert request is not None
    assert NUMBER in request.from_value.replace("%2B", "+")
    bob.last.answer()
    scene.wait()
    assert call.over
    assert not switch.has("BYE")
    hang_up(scene, bob.last, switch)
    record = scene.exchange.record
    assert [leg.target for leg in record.legs] == ["line:alice", "trunk:carrier", "line:bob"]


def test_who_came_out_of_another_call_is_sent_on_by_his_own_number(scene: Scene) -> None:
    """Alice joins Bob with somebody whom she has called outside; Bob sends him on. The planner hears who he is."""
    alice, bob, carol = (scene.phone(name) for name in ("alice", "bob", "carol"))
    switch = scene.carrier()
    first, answered = scene.talking(alice, bob)
    second = alice.call(NUMBER)
    scene.wait()
    scene.taken(switch, "s")
    scene.wait()
    first.transfer_to(second)
    scene.wait()
    assert first.over and second.over and answered.up
    carol.answers = True
    answered.refer("103")
    scene.wait()
    assert carol.last.up
    asked = [event.request for event in scene.exchange.events if isinstance(event, CallReplanned)]
    assert f'"caller_number":"{NUMBER}"' in asked[-1]
    hang_up(scene, carol.last, switch)


def test_two_from_outside_are_joined_by_who_talks_with_both(scene: Scene) -> None:
    """Bob has been called from outside, and asks somebody outside: he may put the two through."""
    bob = scene.phone("bob")
    switch = scene.carrier()
    called(scene, switch, bob)
    first = bob.last
    second = bob.call(NUMBER)
    scene.wait()
    scene.taken(switch, "s")
    scene.wait()
    first.transfer_to(second)
    scene.wait()
    assert first.over and second.over
    assert len(scene.exchange.engine.joined()) == 1
    (live,) = scene.exchange.calls
    assert {leg.target for leg in live.legs.values()} == {"trunk:carrier"}
    scene.exchange.hang_up(live)
    scene.wait()
    while switch.has("BYE"):
        switch.reply(switch.take("BYE"), 200)
    scene.wait()


def test_a_carrier_sends_no_call_on(scene: Scene) -> None:
    bob = scene.phone("bob")
    scene.phone("carol")
    switch = scene.carrier()
    dialog = called(scene, switch, bob)
    refer(dialog, "103")
    scene.wait()
    switch.take(403)
    assert bob.last.up
    hang_up(scene, bob.last, switch)


@pytest.mark.parametrize(("number", "status"), [("103", 202), (NUMBER, 404)])
def test_a_carrier_that_may_reaches_what_it_could_call_itself(number: str, status: int) -> None:
    """Never outside at our expense."""
    scene = Scene(trunks={"carrier": carrier("carrier", CARRIER, transfers=True)})
    bob, carol = scene.phone("bob"), scene.phone("carol")
    switch = scene.carrier()
    dialog = called(scene, switch, bob)
    carol.answers = True
    refer(dialog, number)
    scene.wait()
    switch.take(status)
    if status == 202:
        while switch.has("NOTIFY"):
            switch.reply(switch.take("NOTIFY"), 200)
            scene.wait(0.1)
        switch.reply(switch.take("BYE"), 200)
        assert carol.last.up
        assert bob.last.up
    hang_up(scene, bob.last, switch)
    scene.finish()


def test_a_full_trunk_leaves_the_call_as_it_was() -> None:
    scene = Scene(trunks={"carrier": carrier("carrier", CARRIER, channels=1)})
    alice, bob = scene.phone("alice"), scene.phone("bob")
    switch = scene.carrier()
    dialog = called(scene, switch, bob)
    bob.last.refer(NUMBER)
    scene.wait()
    assert bob.last.outcome.startswith("SIP/2.0 ")
    assert not bob.last.outcome.startswith("SIP/2.0 2")
    assert bob.last.up
    assert alice is not None and dialog is not None
    hang_up(scene, bob.last, switch)
    scene.finish()


def test_a_carrier_that_refuses_the_number(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    switch = scene.carrier()
    call, answered = scene.talking(alice, bob)
    answered.refer(NUMBER)
    scene.wait(0.1)
    invite: Text = switch.take("INVITE")
    switch.reply(invite, 404, tag="s")
    scene.wait()
    assert answered.outcome == "SIP/2.0 404 Not Found"
    assert answered.up
    call.hang_up()
    scene.wait()
