"""One call to several telephones: the first answer wins, all others are told that it has."""

from __future__ import annotations

from tests.support.raw_phone import RawDialog, RawPhone, Text, describe
from tests.support.scene import Scene

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


def ringing(phone: RawPhone, tag: str) -> Text:
    invite = phone.take("INVITE")
    phone.reply(invite, 180, tag=tag)
    return invite


def end_cancelled(phone: RawPhone, invite: Text, tag: str) -> Text:
    cancel = phone.take("CANCEL")
    phone.reply(cancel, 200, tag=tag)
    phone.reply(invite, 487, tag=tag)
    return cancel


def test_all_contacts_of_a_line_ring_and_the_first_to_answer_wins(scene: Scene) -> None:
    alice = scene.phone("alice")
    desk, cell = scene.raw("bob", "192.0.2.31"), scene.raw("bob", "192.0.2.32")
    call = alice.call("102")
    scene.wait(0.1)
    one, two = ringing(desk, "d"), ringing(cell, "c")
    scene.wait(0.1)
    assert call.rings == [180]
    cell.reply(two, 200, describe(cell.address[0]), tag="c")
    scene.wait(0.1)
    assert call.up
    assert end_cancelled(desk, one, "d").get("Reason") == ELSEWHERE
    cell.take("ACK")
    scene.wait(0.1)
    desk.take("ACK")
    scene.over(call, cell)
    record = scene.exchange.record
    assert record.answered_contact == "sip:bob@192.0.2.32:5060"
    lost = record.legs[1]
    assert (lost.result, lost.reason) == ("cancelled", "completed_elsewhere")


def test_all_lines_of_a_ring_list_ring(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call = alice.call("110")
    scene.wait()
    assert call.rings == [180]
    carol.last.answer()
    scene.wait()
    assert call.up
    assert bob.last.over
    (cancel,) = [p.data.decode() for p in scene.network.log if p.start == "CANCEL"]
    assert f"Reason: {ELSEWHERE}\r\n" in cancel
    assert scene.exchange.engine.joined() == {frozenset(((alice.address[0], 4000), (carol.address[0], 4000)))}
    call.hang_up()


def test_caller_gives_up_and_every_phone_logs_a_missed_call(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call = alice.call("110")
    scene.wait()
    call.cancel()
    scene.wait()
    assert bob.last.over
    assert carol.last.over
    cancels = [p.data.decode() for p in scene.network.log if p.start == "CANCEL" and p.source == scene.exchange.address]
    assert len(cancels) == 2
    assert not any("Reason:" in cancel for cancel in cancels)


def test_two_answers_at_the_same_instant_one_is_ended_politely(scene: Scene) -> None:
    alice = scene.phone("alice")
    bob, carol = scene.raw("bob"), scene.raw("carol")
    call = alice.call("110")
    scene.wait(0.1)
    one, two = ringing(bob, "b"), ringing(carol, "c")
    scene.wait(0.1)
    bob.reply(one, 200, describe(bob.address[0]), tag="b")
    carol.reply(two, 200, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    assert call.up
    bob.take("ACK")
    assert not bob.has("BYE")
    ack, bye = carol.take("ACK"), carol.take("BYE")
    assert ack.tag("To") == bye.tag("To") == "c"
    assert bye.get("Reason") == ELSEWHERE
    carol.reply(bye, 200)
    RawDialog.of_invite(bob, one, "b").request("BYE")
    scene.wait(0.1)
    assert call.over
    assert len(scene.exchange.records) == 1


def test_a_late_answer_that_crosses_the_cancel_gets_ack_and_bye(scene: Scene) -> None:
    alice = scene.phone("alice")
    bob, carol = scene.raw("bob"), scene.raw("carol")
    call = alice.call("110")
    scene.wait(0.1)
    one, two = ringing(bob, "b"), ringing(carol, "c")
    scene.wait(0.1)
    bob.reply(one, 200, describe(bob.address[0]), tag="b")
    scene.wait(0.05)
    carol.reply(two, 200, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    carol.take("CANCEL")
    carol.take("ACK")
    carol.reply(carol.take("BYE"), 200)
    # Its copy, sent before our ACK arrived, gets the ACK once more and no second BYE.
    carol.reply(two, 200, describe(carol.address[0]), tag="c")
    scene.wait(0.1)
    carol.take("ACK")
    assert not carol.has("BYE")
    scene.over(call, bob)


def test_one_busy_phone_does_not_end_the_ringing_of_the_others(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    bob.refuses = 486
    call = alice.call("110")
    scene.wait()
    assert not call.over
    carol.last.answer()
    scene.wait()
    assert call.up
    call.hang_up()


def test_the_users_word_ends_all_contacts_of_the_branch(scene: Scene) -> None:
    """603 on one telephone is the user's decision for all of that line's (FWD-8); no answer elsewhere, so no Reason."""
    alice = scene.phone("alice")
    desk, cell = scene.raw("bob", "192.0.2.31"), scene.raw("bob", "192.0.2.32")
    call = alice.call("102")
    scene.wait(0.1)
    one, two = ringing(desk, "d"), ringing(cell, "c")
    desk.reply(one, 603, tag="d")
    scene.wait(0.1)
    assert call.refused == 480
    assert end_cancelled(cell, two, "c").get("Reason") == ""
    desk.take("ACK")
    scene.wait(0.1)
    cell.take("ACK")
    record = scene.exchange.record
    assert record.reason == "rejected"
    assert {leg.reason for leg in record.legs[1:]} == {"rejected"}


def test_the_users_word_on_one_line_leaves_the_other_line_ringing(scene: Scene) -> None:
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    bob.refuses = 600
    call = alice.call("110")
    scene.wait()
    assert not call.over
    carol.last.refuse(486)
    scene.wait()
    assert call.refused == 480, "K.9: a group that nobody answers"
    assert [leg.reason for leg in scene.exchange.record.legs[1:]] == ["busy", "busy"]


def test_no_answer_of_one_outweighs_busy_of_another(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    carol = scene.phone("carol")
    bob.refuses = 486
    call = alice.call("110")
    scene.wait(25)
    assert call.refused == 480
    assert scene.exchange.record.reason == "no_answer"
    assert carol.last.over


def test_a_dead_contact_beside_a_living_one(scene: Scene) -> None:
    """A registration that leads nowhere costs nothing while another telephone of the line rings."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.raw("bob", "192.0.2.31")
    call = alice.call("102")
    scene.wait(6)
    assert call.rings == [180]
    bob.last.answer()
    scene.wait()
    assert call.up
    call.hang_up()
    scene.wait()
    assert scene.exchange.record.legs[2].reason in {"outage", "caller_hung_up"}


def test_a_forking_proxy_behind_one_contact_gives_two_answers(scene: Scene) -> None:
    """Two 2xx with different tags to one INVITE of ours: the first is the call, the second gets ACK and BYE."""
    alice, carol = scene.phone("alice"), scene.raw("carol")
    second = RawPhone(scene.network, "second", (carol.address[0], 5062))
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 180, tag="one")
    carol.reply(invite, 180, tag="two")
    scene.wait(0.1)
    carol.reply(invite, 200, describe(carol.address[0], 4100), tag="one")
    carol.reply(
        invite, 200, describe(carol.address[0], 4200), tag="two", headers=("Contact: <sip:second@192.0.2.23:5062>",)
    )
    scene.wait(0.1)
    assert call.up
    assert carol.take("ACK").tag("To") == "one"
    assert second.take("ACK").tag("To") == "two"
    bye = second.take("BYE")
    assert bye.tag("To") == "two"
    assert bye.uri == "sip:second@192.0.2.23:5062"
    second.reply(bye, 200)
    assert scene.exchange.engine.joined() == {frozenset(((alice.address[0], 4000), (carol.address[0], 4100)))}
    # The first dialog's numbers are not disturbed by the second's end.
    call.hang_up()
    scene.wait(0.1)
    last = carol.take("BYE")
    assert last.tag("To") == "one"
    assert last.get("CSeq") == "2 BYE"
    carol.reply(last, 200)


def test_the_second_fork_answers_twice(scene: Scene) -> None:
    """Each copy of the second 2xx gets its ACK; the BYE is sent once."""
    alice, carol = scene.phone("alice"), scene.raw("carol")
    call = alice.call("103")
    scene.wait(0.1)
    invite = carol.take("INVITE")
    carol.reply(invite, 200, describe(carol.address[0], 4100), tag="one")
    for _ in range(3):
        carol.reply(invite, 200, describe(carol.address[0], 4200), tag="two")
        scene.wait(0.1)
    byes = [message for message in carol.inbox if message.kind == "BYE"]
    assert len({bye.get("Via") for bye in byes}) == 1
    assert sum(1 for message in carol.inbox if message.kind == "ACK" and message.tag("To") == "two") == 3
    carol.reply(byes[0], 200)
    call.hang_up()
    scene.wait(0.1)
    carol.reply(next(m for m in carol.inbox if m.kind == "BYE" and m.tag("To") == "one"), 200)


def test_contacts_of_different_preference_all_ring(scene: Scene) -> None:
    alice = scene.phone("alice")
    first, second = scene.raw("bob", "192.0.2.31", register=False), scene.raw("bob", "192.0.2.32", register=False)
    scene.register(first, contact=f"{first.contact()};q=0.2")
    scene.register(second, contact=f"{second.contact()};q=0.9")
    call = alice.call("102")
    scene.wait(0.1)
    one, two = ringing(first, "1"), ringing(second, "2")
    call.cancel()
    scene.wait(0.1)
    end_cancelled(first, one, "1")
    end_cancelled(second, two, "2")
    scene.wait(0.1)
    assert [leg.contact for leg in scene.exchange.record.legs[1:]] == [
        "sip:bob@192.0.2.32:5060",
        "sip:bob@192.0.2.31:5060",
    ]
