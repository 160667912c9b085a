"""A call between two telephones, from the first INVITE to the last BYE."""

from __future__ import annotations

from tests.support.scene import Scene


def test_two_phones_talk_and_the_caller_hangs_up(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = alice.call("102")
    scene.wait()
    assert call.rings == [180]
    assert len(scene.exchange.calls) == 1
    bob.last.answer()
    scene.wait()
    assert call.up
    assert bob.last.up
    assert scene.exchange.engine.joined() == {frozenset(((alice.address[0], 4000), (bob.address[0], 4000)))}
    scene.wait(60)
    call.hang_up()
    scene.wait()
    assert bob.last.over
    record = scene.exchange.record
    assert (record.result, record.reason, record.sip_status) == ("answered", "caller_hung_up", 200)
    assert record.talk_s >= 60
    assert (record.line, record.dialled, record.answered_target) == ("alice", "102", "line:bob")


def test_the_callee_hangs_up(scene: Scene) -> None:
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    answered.hang_up()
    scene.wait()
    assert call.over
    assert scene.exchange.record.reason == "callee_hung_up"
